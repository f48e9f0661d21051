"""The chat as a person meets it: the real server, the test weights, a real chromium.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import models
from agent.messages import say

pytestmark = [pytest.mark.browser, pytest.mark.weights]
ROOT = Path(__file__).parents[2]
SHOTS = os.environ.get("ANAMNESIS_SCREENSHOTS", "")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")  # fmt: skip
DESKTOP, PHONE = (1280, 900), (390, 844)
COLD = {"en": "I've had a runny nose and a sore throat for two days, no fever. Do I need antibiotics?",
        "zh": "我流鼻涕、嗓子疼两天了，没有发烧，需要吃抗生素吗？"}  # fmt: skip
CHEST = {"en": "My dad has had a heavy pressure on his chest for 40 minutes and he is grey and sweaty",
         "zh": "我爸爸胸口压着疼了四十分钟，脸色发灰，出冷汗"}  # fmt: skip
SLOW_S = 150
"""The test weights on two busy cores."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    given = os.environ.get("ANAMNESIS_TEST_WEIGHTS", "")
    if not given or models.path(models.FOR_TESTS, Path(given)) is None:
        pytest.skip(f"ANAMNESIS_TEST_WEIGHTS names no home with {models.FOR_TESTS}: `anamnesis models fetch` it there")
    folder = Path(tmp_path_factory.mktemp("home"))
    (folder / "models").symlink_to(Path(given) / "models", target_is_directory=True)
    if (Path(given) / "vectors").is_dir():  # only a saving: the library's passages embedded before
        shutil.copytree(Path(given) / "vectors", folder / "vectors")
    return folder


@pytest.fixture(scope="module")
def chrome() -> tuple[str, str]:
    found, driver = next(filter(None, map(shutil.which, CHROMIUM)), None), shutil.which("chromedriver")
    pytest.importorskip("selenium", reason="selenium is not installed")
    if not found or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    return found, driver


class Served:
    """`anamnesis serve` as a process, its words in a file."""

    def __init__(self, home: Path, port: int, *options: str) -> None:
        self.log, self.url = home / f"server-{port}.log", f"http://127.0.0.1:{port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANAMNESIS_")}
        environment |= {"ANAMNESIS_HOME": str(home), "ANAMNESIS_MAX_TOKENS": "70", "ANAMNESIS_PASSAGE_TOKENS": "150",
                        "PYTHONUNBUFFERED": "1"}  # fmt: skip
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "serve", "--port", str(port), *options],
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                # A shell that starts a job in the background has it ignore ctrl-C, and children inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip

    def words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ready(self) -> float:
        until(lambda: self.url in self.words() or self.process.poll() is not None, 300, self.words)
        assert self.process.poll() is None, self.words()
        return time.monotonic() - self.began

    def interrupt(self) -> float:
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def server(home, chrome, free_port) -> Iterator[Served]:
    served = Served(home, free_port, "--engine", "llamacpp", "--model", models.FOR_TESTS)
    try:
        served.ready()
        yield served
    finally:
        if served.process.poll() is None:
            served.process.terminate()
            served.process.wait(timeout=20)


class Page:
    """One browser on the chat."""

    def __init__(self, url: str, chrome: tuple[str, str], profile: Path, size: tuple[int, int], language: str) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = chrome[0]
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chrome[1]))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})  # fmt: skip
        self.driver.get(url)
        until(lambda: self.one("#message textarea").is_displayed(), 30)
        until(lambda: self.run("return document.querySelector('fieldset[aria-label]') !== null"), 10)

    def one(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def run(self, script: str, *given: object) -> Any:
        return self.driver.execute_script(script, *given)

    def keys(self, *pressed: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*pressed).perform()

    def now(self) -> str:
        return str(self.run("const turn = document.querySelector('#now .turn'); return turn ? turn.innerText : ''"))

    def send(self, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        before = self.run("return (document.querySelector('#now .turn') || {}).tagName || ''")
        self.one("#message textarea").send_keys(text)
        self.one("#message textarea").send_keys(Keys.ENTER)
        until(lambda: self.run(
            "const turn = document.querySelector('#now .turn'); return turn !== null && turn.tagName !== arguments[0]",
            before), 20)  # fmt: skip

    def over(self) -> None:
        until(lambda: self.one("#now .turn").get_attribute("aria-busy") == "false", SLOW_S, self.now)

    def ask(self, text: str) -> str:
        self.send(text)
        self.over()
        return self.now()

    def banner(self) -> Any:
        until(lambda: self.run("return document.querySelector('#now aside.banner') !== null"), 30)
        return self.one("#now aside.banner")

    def tab_to(self, css: str, most: int = 60) -> None:
        for _ in range(most):
            if self.run("return document.activeElement.matches(arguments[0])", css):
                return
            self.keys("\ue004")
        raise AssertionError(f"{css} is not reached by the Tab key")

    def sideways(self) -> int:
        """Pixels that the page is wider than its window."""
        return int(self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def press(self, css: str) -> None:
        """A click in the middle of the window, where the box that follows the reader covers nothing."""
        self.run(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'}); arguments[0].click()", self.one(css)
        )

    def set_place(self, name: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.one("#place select")).select_by_visible_text(name)
        until(lambda: name in self.one("#here").text, 10, lambda: self.one("#here").text)

    def shot(self, name: str, folder: Path) -> None:
        time.sleep(0.6)  # a smooth scroll comes to rest
        (folder / f"{name}.png").write_bytes(self.driver.get_screenshot_as_png())

    def asked_hosts(self) -> set[str]:
        """The hosts that the chat's own pages asked for anything."""
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                url = message["params"].get("request", message["params"])["url"]
                if re.match(r"(?:https?|wss?):", url):
                    hosts.add(url.split("/")[2])
        return hosts


def until(true: Callable[[], object], seconds: float, story: Callable[[], object] = lambda: "") -> None:
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except (NoSuchElementException, StaleElementReferenceException):
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {story()}")


@pytest.fixture(scope="module")
def shots(tmp_path_factory) -> Path:
    folder = Path(SHOTS).resolve() if SHOTS else Path(tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(server, chrome, tmp_path) -> Iterator[Callable[..., Page]]:
    """Opens a page; at the end, no page has asked another host for anything, nor met a fault."""
    opened: list[Page] = []

    def open_page(size: tuple[int, int] = DESKTOP, language: str = "en-GB") -> Page:
        opened.append(Page(server.url, chrome, tmp_path / f"profile-{len(opened)}", size, language))
        return opened[-1]

    yield open_page
    faults = []
    for one in opened:
        hosts = one.asked_hosts()
        faults += [f"asked {host}" for host in hosts - {server.url.removeprefix("http://")}]
        faults += [str(entry) for entry in one.driver.get_log("browser") if entry["level"] == "SEVERE"]
        one.driver.quit()
        assert hosts, "the log of requests is empty, so it shows nothing"
    assert not faults


@pytest.mark.parametrize(("language", "size"), [("en", DESKTOP), ("zh", PHONE)])
def test_the_first_screen_says_what_this_is_in_both_languages(page, shots, language, size):
    tab = page(size, {"en": "en-GB", "zh": "zh-CN"}[language])
    until(lambda: say(language, "send") in tab.one("#send").text, 10)
    notice = tab.one("#notice").text
    for name in ("notice", "notice_kept", "research_preview"):
        assert say(language, name).replace("**", "") in notice
    assert say(language, "place_none") == tab.run(
        "return document.querySelector('#place select').selectedOptions[0].text"
    )
    assert tab.run("return document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
    assert tab.sideways() <= 0
    tab.shot(f"first-{language}-{size[0]}", shots)
    other = {"en": "zh", "zh": "en"}[language]
    tab.one(f"#language input[value={other}]").click()
    until(lambda: say(other, "input_label") in tab.one("#composer").text, 10)
    assert say(other, "notice_kept").replace("**", "") in tab.one("#notice").text
    unnamed = "return [...document.querySelectorAll('input:not([type=radio]), textarea, select, button')].filter(e =>"
    assert tab.run(f"{unnamed} e.offsetParent && !e.ariaLabel && !e.innerText && !e.closest('label')).length") == 0


def test_a_question_by_keyboard_alone_and_its_source(page, shots):
    tab = page()
    tab.tab_to("#message textarea")
    tab.keys(COLD["en"], "\ue007")
    banner = tab.banner()
    assert banner.get_attribute("role") == "status" and "self_care" in banner.get_attribute("class")
    assert say("en", "banner_self_care") in banner.text
    assert COLD["en"] in tab.now()
    tab.over()
    tab.shot("answer-en-1280", shots)
    assert tab.run("return document.activeElement.matches('#message textarea')"), "the answer took the focus away"
    tab.run("document.querySelector('#now .cite').parentElement.setAttribute('tabindex', '-1');"
            "document.querySelector('#now .cite').parentElement.focus()")  # fmt: skip
    tab.tab_to("#now .cite")
    name = tab.run("return document.activeElement.ariaLabel")
    tab.keys("\ue007")
    opened = "#now [popover]:popover-open"
    until(lambda: tab.one(opened).is_displayed(), 5)
    card = tab.one(opened)
    assert name.startswith("[1] ") and name.split(": ", 1)[1] in card.text
    assert len(tab.one(f"{opened} mark").text) > 10
    assert say("en", "citation_reviewed_none") in card.text and re.search(r"dated or read in \d{4}", card.text)
    link = tab.one(f"{opened} a.page")
    assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("href").startswith("http")
    assert tab.run("return document.activeElement.matches('.close')")
    tab.shot("source-en-1280", shots)
    tab.keys("\ue00c")
    until(lambda: tab.run("return document.activeElement.matches('.cite')"), 5)
    assert tab.run("return document.querySelector(arguments[0]) === null", opened)


def test_an_emergency_is_answered_at_once_with_the_number_of_the_place(page, shots):
    tab = page()
    began = time.monotonic()
    tab.send(CHEST["en"])
    banner = tab.banner()
    assert time.monotonic() - began < 10, "before any model: it does not wait for the weights"
    assert banner.get_attribute("role") == "alert" and "emergency" in banner.get_attribute("class")
    for labelled in ("UK 999", "mainland China 120", "US, Canada 911"):
        assert labelled in banner.text
    tab.over()
    assert say("en", "emergency_closing") in tab.now() and say("en", "place_unknown") in tab.now()
    tab.set_place("United Kingdom")
    until(lambda: "911" not in tab.banner().text, 10)
    assert "999" in tab.banner().text
    tab.run("document.querySelector('#now .turn').scrollIntoView()")
    tab.shot("emergency-en-1280", shots)


def test_chinese_on_a_phone(page, shots):
    tab = page(PHONE, "zh-CN")
    until(lambda: say("zh", "send") in tab.one("#send").text, 10)
    shown = tab.ask(COLD["zh"])
    assert say("zh", "banner_self_care") in tab.banner().text and say("zh", "sources_heading") in shown
    assert tab.one("#now .turn").get_attribute("lang") == "zh-Hans"
    assert tab.sideways() <= 0
    tab.shot("answer-zh-390", shots)
    tab.one("#now .cite").click()
    until(lambda: tab.one("#now [popover]:popover-open").is_displayed(), 5)
    assert say("zh", "citation_reviewed_none") in tab.one("#now [popover]:popover-open").text and tab.sideways() <= 0
    tab.shot("source-zh-390", shots)
    tab.keys("\ue00c")
    tab.one("#new").click()
    until(lambda: not tab.now(), 10)
    tab.set_place("中国大陆")
    tab.ask(CHEST["zh"])
    banner = tab.banner()
    assert banner.get_attribute("role") == "alert" and "120" in banner.text and "911" not in banner.text
    assert tab.sideways() <= 0
    tab.shot("emergency-zh-390", shots)


BABY = {"en": "My daughter is 2 months old, she has a mild cold and a fever of 38.1, she is drinking well.",
        "zh": "我儿子2个月大，从昨天开始发烧38.5度，流鼻涕。"}  # fmt: skip
OLDER = {"en": "30 years", "zh": "8岁"}


def field(tab: Page, row: str) -> Any:
    if not tab.run("return document.querySelector('#now .understood').open"):
        tab.press("#now .understood summary")
    found = tab.one(f"#now .understood [data-row={row}]")
    tab.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    return found


@pytest.mark.parametrize(("language", "size"), [("en", DESKTOP), ("zh", PHONE)])
def test_a_corrected_age_changes_the_level(page, shots, language, size):
    tab = page(size, {"en": "en-GB", "zh": "zh-CN"}[language])
    until(lambda: say(language, "send") in tab.one("#send").text, 10)
    tab.ask(BABY[language])
    assert "emergency" in tab.banner().get_attribute("class")
    assert not tab.run("return document.querySelector('#now .understood').open"), "in an emergency, to call comes first"
    age = field(tab, "age")
    assert age.get_attribute("value") == {"en": "2 months", "zh": "2个月"}[language]
    unnamed = (
        "return [...document.querySelectorAll('#now .understood [data-row]')].filter(e => !e.labels.length).length"
    )
    assert tab.run(unnamed) == 0 and tab.sideways() <= 0
    tab.shot(f"understood-{language}-{size[0]}", shots)
    tab.run("arguments[0].value = '400'", age)
    tab.press("#now .understood .again")
    until(lambda: tab.run("return document.activeElement.matches('[data-row=age][aria-invalid]')"), 10)
    assert say(language, "understood_accepts_age") in tab.one("#now .understood .fault").text
    assert tab.run("return document.activeElement.value") == "400" and tab.sideways() <= 0
    tab.shot(f"understood-fault-{language}-{size[0]}", shots)
    before = tab.one("#now .turn").tag_name
    age = field(tab, "age")
    age.clear()
    age.send_keys(OLDER[language], "\ue007")
    until(lambda: tab.one("#now .turn").tag_name != before, 20)
    tab.over()
    assert "emergency" not in tab.banner().get_attribute("class")
    corrected = {"en": "Correction: the age is 30 years old.", "zh": "更正：年龄是8岁。"}[language]
    assert corrected in tab.one("#now .said .words").text
    assert field(tab, "age").get_attribute("value") == OLDER[language]
    assert tab.run("return document.querySelector('#past .understood [data-row]') === null")
    tab.shot(f"understood-again-{language}-{size[0]}", shots)


def test_the_fields_work_by_keyboard_and_at_twice_the_text_size(page):
    tab = page(PHONE)
    tab.run("document.documentElement.style.fontSize = '200%'")
    tab.ask(CHEST["en"])
    assert tab.one("#now .understood summary").text == say("en", "understood_heading")
    tab.run("document.querySelector('#now .how summary').focus()")
    tab.tab_to("#now .understood summary")
    tab.keys("\ue007")
    tab.tab_to("#now .understood [data-row=weight]")
    assert tab.sideways() <= 0
    tab.tab_to("#now .understood .again")
    tab.keys("\ue007")
    until(lambda: say("en", "understood_nothing") in tab.one("#now .understood .hint").text, 10)
    assert tab.run("return document.querySelector('#now .understood').open")


@pytest.mark.parametrize("form", ["markdown", "pdf"])
def test_the_page_for_the_doctor_is_saved_and_names_nobody(page, server, home, tmp_path, form):
    if form == "pdf":
        pytest.importorskip("reportlab", reason="reportlab is not installed")
    tab = page()
    tab.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    tab.ask(
        "My name is Marigold Featherstone, call me on 07700 900123. I have had a sore throat for two days, no fever."
    )
    tab.press("#now .paper summary")
    assert say("en", "paper_about") in tab.one("#now .paper").text
    before = {path for path in home.rglob("*") if path.is_file()}
    tab.press(f"#now .paper [data-form={form}]")
    until(lambda: say("en", "paper_saved") in tab.one("#now .paper .hint").text, 20)
    ending = {"markdown": ".md", "pdf": ".pdf"}[form]
    until(lambda: [path for path in tmp_path.iterdir() if path.suffix == ending], 10)
    (made,) = (path for path in tmp_path.iterdir() if path.suffix == ending)
    data = made.read_bytes()
    if form == "pdf":
        assert data.startswith(b"%PDF") and len(data) > 2000
        data = page_text(data)
    assert b"sore throat" in data and b"Featherstone" not in data and b"07700" not in data and b"900123" not in data
    new = {path for path in home.rglob("*") if path.is_file()} - before
    assert not [path for path in new if path.suffix in (".md", ".pdf")], "the page was written to our disk"


def page_text(data: bytes) -> bytes:
    import pypdfium2

    return "\n".join(sheet.get_textpage().get_text_bounded() for sheet in pypdfium2.PdfDocument(data)).encode()


def test_stop_ends_the_writing_and_the_chat_goes_on(page):
    tab = page()
    tab.send(COLD["en"])
    until(lambda: tab.one("#stop").is_enabled(), 10)
    assert not tab.one("#send").is_enabled()
    tab.one("#stop").click()
    tab.over()
    assert say("en", "stopped") in tab.now()
    until(lambda: tab.one("#send").is_enabled() and not tab.one("#stop").is_enabled(), 10)
    assert say("en", "level_emergency") in tab.ask(CHEST["en"])
    assert COLD["en"] in tab.one("#past").text


def test_what_is_typed_is_text_and_reaches_neither_log_nor_disk(page, server, home):
    tab = page()
    attack = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
    shown = tab.ask(f"{attack} My name is Marigold Featherstone, marigold@example.org, and I have a cold")
    assert attack in shown
    assert tab.run("return [window.hit === undefined, document.querySelectorAll('#now img, #now script').length]") == [
        True,
        0,
    ]
    for file in (path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(home / "models")):
        held = file.read_bytes()
        assert b"marigold@example" not in held and b"Featherstone" not in held, file
    assert "Traceback" not in server.words() and "marigold" not in server.words().lower()


def test_twice_the_text_size_still_fits(page):
    tab = page(PHONE)
    tab.run("document.documentElement.style.fontSize = '200%'")
    tab.ask(CHEST["en"])
    assert tab.sideways() <= 0
    assert tab.one("#send").is_displayed() and tab.one("#message textarea").is_displayed()


def test_ctrl_c_ends_it_at_once_with_one_line(home, chrome, server):
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = Served(home, port, "--engine", "llamacpp", "--model", models.FOR_TESTS)
    served.ready()
    before = served.words()
    assert served.interrupt() < 4  # two seconds, and room for a busy machine
    assert served.process.returncode == 130
    assert served.words().removeprefix(before).split() == ["Stopped."]


def test_a_taken_port_is_told_in_one_line(home, chrome, server):
    port = int(server.url.rsplit(":", 1)[1])
    served = Served(home, port, "--engine", "none")
    assert served.process.wait(timeout=60) == 1
    assert f"Port {port}" in served.words() and "--port" in served.words() and served.words().count("\n") == 1
