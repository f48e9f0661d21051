"""The doctor's desk as a doctor meets it: the served application behind its doors, a real chromium, both languages, two widths.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import docx
import httpx
import pytest

from agent.accounts import people
from agent.accounts.sessions import begin_in
from agent.app.staff.who import COOKIE
from agent.messages import say

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ANAMNESIS_SCREENSHOTS", "")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--no-first-run")  # fmt: skip
WAIT_S = 120


class Desk:
    """A server with the desk alone on the real library, and sessions of new accounts."""

    def __init__(self, url, db, home):
        self.url, self.db, self.home = url, db, home

    def session(self, role):
        account = people.add(self.db, f"{role}-{len(people.listed(self.db))}", role, None, by="test")
        with self.db.writing() as connection:
            return begin_in(self.db, connection, account.id, role)[0]


@pytest.fixture(scope="module")
def desk(api_agent, tmp_path_factory):
    from agent.api.application import create_app
    from agent.api.serve import Server
    from agent.app.doctor import PAGE
    from agent.app.renewal import Renewal
    from agent.build import index_folder, own_index
    from agent.database import open_ground
    from retrieval import index

    home = tmp_path_factory.mktemp("desk-home")
    # As after the first document: the library's index is copied once, and grows.
    shutil.copytree(index_folder(api_agent.settings), own_index(home))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = replace(api_agent.settings, home=home, port=port)
    renewal = Renewal(replace(api_agent, settings=settings, index=index.load(own_index(home), embedder=api_agent.embedder.id)))
    db = open_ground(settings)
    app = create_app(renewal.agent, settings, db=db, pages=(PAGE,))
    app.state.staff.open_all()
    server = Server(app, host="127.0.0.1", port=port)
    server.start()
    yield Desk(f"http://127.0.0.1:{port}", db, home)
    server.close()
    db.engine.dispose()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    pytest.importorskip("selenium", reason="selenium is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    program = shutil.which("chromedriver")
    if not found or not program:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(program))
    yield made
    made.quit()


class Page:
    """The desk in the browser, in one language."""

    def __init__(self, driver, desk, language, width, role="clinician"):
        self.driver, self.language, self.width = driver, language, width
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500})  # fmt: skip
        driver.get(f"{desk.url}/sign-in")
        driver.add_cookie({"name": COOKIE, "value": desk.session(role), "path": "/"})
        driver.get_log("browser")
        driver.get(f"{desk.url}{'/zh' if language == 'zh' else ''}/desk/")
        self.until(lambda: self.find("#dd-query textarea, #dd-query input").is_displayed())

    def find(self, css):
        return self.driver.find_element("css selector", css)

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def text(self, css):
        return "\n".join(each.text for each in self.all(css))

    def until(self, holds, what=""):
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        gone = (StaleElementReferenceException, NoSuchElementException)
        try:
            return WebDriverWait(self.driver, WAIT_S, ignored_exceptions=gone).until(lambda _: holds())
        except TimeoutException:
            pytest.fail(f"{what or 'It'} did not come; the page says: {self.text('body')[:3000]}")

    def says(self, css, words):
        self.until(lambda: words in self.text(css), f"{words!r} in {css}")

    def tab(self, name):
        title = say(self.language, f"doctor_tab_{name}")
        def named(css):
            return [each for each in self.all(css) if each.text.strip() == title and each.is_displayed()]

        # On a phone Gradio folds tabs that do not fit behind a button.
        if not named("#dd-tabs button[role=tab]"):
            next(each for each in self.all("#dd-tabs .overflow-menu > button") if each.is_displayed()).click()
            self.until(lambda: named("#dd-tabs .overflow-dropdown button"))
        (named("#dd-tabs button[role=tab]") or named("#dd-tabs .overflow-dropdown button"))[0].click()

    def press(self, css):
        element = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        self.until(lambda: self.find(css).is_enabled())
        self.find(css).click()

    def choose(self, css, words):
        """Type into a list that can be searched, and take the first that fits."""
        from selenium.webdriver.common.keys import Keys

        field = self.find(f"{css} input")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.click()
        field.send_keys(words)
        self.until(lambda: any(each.is_displayed() for each in self.all(f"{css} [role=option], {css} ul li")), css)
        field.send_keys(Keys.ENTER)

    def shoot(self, name):
        if SHOTS:
            height = self.driver.execute_script("return document.documentElement.scrollHeight")
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": self.width, "height": min(height, 5000), "deviceScaleFactor": 1, "mobile": self.width < 500})  # fmt: skip
            self.driver.save_screenshot(str(Path(SHOTS) / f"doctor-{name}-{self.language}-{self.width}.png"))

    def fits(self):
        """Nothing is wider than the window."""
        return self.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1")

    def faults(self):
        kept = [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]
        return [each for each in kept if "favicon" not in each and "manifest" not in each]


def test_a_doctor_searches_asks_compares_calculates_and_adds_a_document(desk, driver, tmp_path):
    page = Page(driver, desk, "en", 1280)
    page.find("#dd-query textarea, #dd-query input").send_keys("Which antibiotic for low-severity pneumonia?")
    page.press("#dd-search")
    page.says("#dd-found", "NICE NG250")
    assert page.all("#dd-found mark")
    around = page.find("#dd-found details.dd-around summary")
    around.click()
    page.says("#dd-found details[open]", say("en", "doctor_this_passage"))
    page.shoot("search")

    page.tab("ask")
    page.find("#dd-ask textarea").send_keys("72-year-old man, cough and fever for 3 days, no chest pain. What can it be?")
    page.press("#dd-ask-go")
    page.until(lambda: page.all("#dd-answer [aria-busy=false]"), "The answer")
    shown = page.text("#dd-answer")
    assert say("en", "doctor_claims") in shown and say("en", "differential_danger_heading") in shown
    assert page.all("#dd-answer mark") and page.all("#dd-answer a.dd-key")
    page.shoot("ask")

    page.tab("compare")
    page.find("#dd-both textarea, #dd-both input").send_keys("How long should antibiotics be given for pneumonia?")
    page.choose("#dd-left", "BTS Guidelines")
    page.choose("#dd-right", "Diagnosis and Treatment of Adults")
    page.press("#dd-compare")
    page.says("#dd-compared", say("en", "doctor_differs"))
    assert "10 day" in page.text("#dd-compared table") and "5 day" in page.text("#dd-compared table")
    page.shoot("compare")

    page.tab("calculators")
    page.choose("#dd-calculator", "Cockcroft")
    page.until(lambda: page.all("#dd-form"), "The form")
    for name, value in (("age", "60"), ("weight", "80"), ("creatinine", "1.2")):
        page.find(f"#dd-form [name={name}]").send_keys(value)
    for name, value in (("sex", "male"), ("creatinine--unit", "mg/dL"), ("weight--unit", "kg")):
        page.find(f"#dd-form [name={name}] option[value='{value}']").click()
    page.press("#dd-calculate")
    page.says("#dd-result", "74 mL/min")
    assert "1976" in page.text("#dd-result")
    page.shoot("calculate")

    page.tab("documents")
    path = tmp_path / "hands.docx"
    document = docx.Document()
    document.add_paragraph("Hand washing on ward five", style="Title")
    document.add_paragraph("Hands are washed for 40 seconds before every dressing of a wound.")
    document.save(str(path))
    page.find("#dd-licence input, #dd-licence textarea").send_keys("our own")
    page.find("#dd-published input, #dd-published textarea").send_keys("2025")
    page.find("#dd-files input[type=file]").send_keys(str(path))
    page.says("#dd-progress", "hands.docx")
    from agent.app.doctor.documents import upload_folder

    assert not [each for each in upload_folder().rglob("hands.docx")], "what was sent is still in Gradio's folder"
    page.press("#dd-add")
    page.says("#dd-progress", say("en", "doctor_run_done"))
    page.says("#dd-own", "Hand washing on ward five")
    page.shoot("documents")
    page.tab("search")
    field = page.find("#dd-query textarea, #dd-query input")
    field.clear()
    field.send_keys("How long are hands washed before a dressing?")
    page.press("#dd-search")
    page.says("#dd-found .dd-hit", say("en", "doctor_own_about"))
    assert page.fits() and page.faults() == []


def test_a_doctor_reads_and_calculates_in_chinese_on_a_phone(desk, driver):
    page = Page(driver, desk, "zh", 390)
    assert driver.execute_script("return document.documentElement.lang") == "zh-CN"
    page.find("#dd-query textarea, #dd-query input").send_keys("房颤患者什么时候需要抗凝")
    page.press("#dd-search")
    page.until(lambda: page.all("#dd-found .dd-hit"), "A passage")
    assert page.fits()
    page.shoot("search")
    page.tab("calculators")
    for each in page.all("button.label-wrap"):
        if each.is_displayed() and say("zh", "doctor_note") in each.text:
            each.click()
    page.until(lambda: page.find("#dd-note textarea").is_displayed(), "The note")
    page.find("#dd-note textarea").send_keys("男，72岁，肺炎，意识模糊，尿素 9 mmol/L，呼吸 32 次/分，血压 88/50，CURB-65 几分？")
    page.press("#dd-note-go")
    page.until(lambda: page.all("#dd-form [name=breaths]"), "The form")
    assert page.find("#dd-form [name=breaths]").get_attribute("value") == "32"
    page.press("#dd-calculate")
    page.says("#dd-result", "5 分")
    assert page.fits()
    page.shoot("calculate")
    page.tab("documents")
    page.until(lambda: page.find("#dd-add").is_displayed())
    page.shoot("documents")
    page.tab("compare")
    page.find("#dd-both textarea, #dd-both input").send_keys("痛风用别嘌醇")
    page.choose("#dd-left", "地区：英国")
    page.choose("#dd-right", "地区：美国")
    page.press("#dd-compare")
    page.says("#dd-compared", "没有谈到这个问题")
    assert page.fits() and page.faults() == []
    page.shoot("compare")


def test_only_a_clinician_opens_the_desk_and_sends_it_files(desk):
    with httpx.Client(base_url=desk.url, trust_env=False, timeout=60) as client:
        for role, status in (("clinician", 200), ("evaluator", 403), ("operator", 403), ("patient", 403)):
            held = {"Cookie": f"{COOKIE}={desk.session(role)}"}
            assert client.get("/desk/", headers=held).status_code == status, role
            file = {"files": ("a.md", b"# A\n\nText.\n")}
            assert client.post("/zh/desk/gradio_api/upload", headers=held, files=file).status_code == status, role
        assert client.post("/desk/gradio_api/upload", files={"files": ("a.md", b"x")}).status_code == 401
        held = {"Cookie": f"{COOKIE}={desk.session('clinician')}"}
        huge = client.post("/desk/gradio_api/upload", headers=held, files={"files": ("a.md", b"x" * (42 * 2**20))})
        assert huge.status_code == 413
