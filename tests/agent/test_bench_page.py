"""The evaluator's page as it is served: who gets in and to which files, and the page in a real chromium, in both languages.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("gradio")

from agent.accounts import people, sessions
from agent.api.application import create_app
from agent.api.serve import Server
from agent.app.bench import PAGE
from agent.app.bench.plan import Choice
from agent.app.bench.runs import Runs
from agent.app.staff.who import COOKIE
from agent.build import library_index
from agent.config import Settings
from agent.database import open_ground
from agent.messages import say
from tests.agent.api_served import _free_port

SHOTS = os.environ.get("ANAMNESIS_SCREENSHOTS", "")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip
SLOW_S = 240
"""A run of two samples on two busy cores, behind everything else."""


@dataclass(frozen=True)
class Served:
    """The server's address, its runs, and a session's token by role."""

    url: str
    runs: Runs
    tokens: dict[str, str]

    def get(self, path: str, role: str = "") -> httpx.Response:
        cookies = {COOKIE: self.tokens[role]} if role else {}
        # Sent as it is written: a client would put "../" right.
        return httpx.Client(cookies=cookies, trust_env=False, timeout=120).get(f"{self.url}{path}")


@pytest.fixture(scope="module")
def bench(api_agent: Any, tmp_path_factory: Any) -> Iterator[Served]:
    home, port = Path(tmp_path_factory.mktemp("bench-page")), _free_port()
    shutil.copytree(library_index(api_agent.settings.home), library_index(home))
    settings: Settings = replace(api_agent.settings, home=home, port=port)
    agent, db, tokens = replace(api_agent, settings=settings), open_ground(settings), {}
    for role in ("evaluator", "clinician", "patient", "operator"):
        account = people.add(db, f"the-{role}", role, None, by="test")
        with db.writing() as connection:
            tokens[role] = sessions.begin_in(db, connection, account.id, role)[0]
    app = create_app(lambda: agent, settings, db=db, pages=(PAGE,))
    app.state.staff.open_all()
    server = Server(app, host="127.0.0.1", port=port)
    server.start()
    yield Served(f"http://127.0.0.1:{port}", Runs(home), tokens)
    server.close()
    db.engine.dispose()


@pytest.fixture(scope="module")
def ran(bench: Served) -> str:
    """A finished run of four samples: two were asked for, and a scenario stays whole."""
    id = bench.runs.begin(Choice(suites=("triage",), profile="quick", n=2), {"triage": 4}).id
    until(lambda: bench.runs.find(id).state == "finished", SLOW_S, lambda: bench.runs.find(id).said)
    return id


def until(so: Callable[[], object], seconds: float, said: Callable[[], str] = str) -> Any:
    """What `so` gives once it gives something; an element that is not there yet is nothing."""
    from selenium.common.exceptions import WebDriverException

    pause, end = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := so():
                return found
        except WebDriverException:
            pass
        pause.wait(0.1)
    raise AssertionError(said())


def test_reports_go_to_who_may_read_them_and_to_no_path(bench: Served, ran: str) -> None:
    good = f"/bench/files/report/page?run={ran}&profile=quick"
    page = bench.get(good, "evaluator")
    assert page.status_code == 200 and "<html" in page.text and "sandbox" in page.headers["content-security-policy"]
    assert bench.get(good, "operator").status_code == 200
    assert bench.get(good.replace("/page", "/json"), "evaluator").json()["results"][0]["suite"] == "triage"
    card = bench.get(good.replace("/page", "/card"), "evaluator")
    assert "attachment" in card.headers["content-disposition"] and "Applied model card" in card.text
    assert bench.get(good, "clinician").status_code == 403 and bench.get(good, "patient").status_code == 403
    assert bench.get(good).status_code in (303, 401)
    for path in (
        "/bench/files/report/page?run=../../etc&profile=quick", f"/bench/files/report/page?run={ran}/..&profile=quick",
        f"/bench/files/report/page?run={ran}&profile=../x", f"/bench/files/report/digest.json?run={ran}&profile=quick",
        f"/bench/files/report/..%2f..%2fbench.lock?run={ran}&profile=quick", "/bench/files/report/page", "/bench/files/../../etc/passwd",
    ):
        answer = bench.get(path, "evaluator")
        assert answer.status_code == 404 and str(bench.runs.home) not in answer.text, path
    assert bench.get("/bench/", "clinician").status_code == 403


class Browser:
    """One chromium, signed in as the evaluator."""

    def __init__(self, url: str, token: str, profile: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = _found("chromium", "chromium-browser", "google-chrome")
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_found("chromedriver")))
        self.url = url
        self.driver.get(f"{url}/sign-in")
        self.driver.add_cookie({"name": COOKIE, "value": token, "path": "/"})

    def open(self, path: str, width: int) -> None:
        self.width(width, 1000)
        self.driver.get(f"{self.url}{path}")
        until(lambda: self.one("#bn-count").is_displayed(), 60)
        until(lambda: self.text("#bn-runs"), 60)

    def width(self, width: int, height: int) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})  # fmt: skip

    def one(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def text(self, css: str) -> str:
        return str(self.driver.execute_script("return document.querySelector(arguments[0])?.innerText || ''", css))

    def press(self, css: str) -> None:
        found = until(lambda: (each := self.one(css)).is_enabled() and each, 60)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def tab(self, place: int) -> None:
        buttons = self.driver.find_elements("css selector", "#bn-tabs button[role=tab]")
        assert len(buttons) == 4, "each tab has its own button, on a phone too"
        self.driver.execute_script("arguments[0].click()", buttons[place])

    def choose_first(self, css: str) -> None:
        """The first choice of a list, by the keyboard."""
        from selenium.webdriver.common.keys import Keys

        field = self.one(f"{css} input")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.click()
        until(lambda: self.driver.find_elements("css selector", "[role=option]"), 20)
        field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)

    def fits(self) -> bool:
        """Whether nothing reaches beyond the page's width."""
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1"))

    def keep(self, name: str, width: int) -> None:
        if SHOTS:
            self.width(width, min(6000, int(self.driver.execute_script("return document.documentElement.scrollHeight"))))
            self.driver.save_screenshot(f"{SHOTS}/{name}.png")
            self.width(width, 1000)

    def faults(self) -> list[str]:
        """What the page itself complains of; that there is no icon is not of it."""
        given = self.driver.get_log("browser")
        return [row["message"] for row in given if row["level"] == "SEVERE" and "/bench" in row["message"] and "404" not in row["message"]]


def _found(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    return found


@pytest.fixture(scope="module")
def browser(bench: Served, tmp_path_factory: Any) -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="selenium is not installed")
    found = Browser(bench.url, bench.tokens["evaluator"], tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.mark.browser
def test_an_evaluator_counts_runs_and_reads_in_english(bench: Served, ran: str, browser: Browser) -> None:
    browser.open("/bench/", 1280)
    until(lambda: ran in browser.text("#bn-runs"), 60)
    browser.one("#bn-n input, #bn-n textarea").send_keys("2")
    browser.press("#bn-count")
    until(lambda: "Samples: 4." in browser.text("#bn-plan"), SLOW_S, lambda: browser.text("#bn-plan"))
    before = {run.id for run in bench.runs.listed()}
    browser.press("#bn-begin")
    (begun,) = until(lambda: {run.id for run in bench.runs.listed()} - before, 60, lambda: browser.text("#bn-told"))
    until(lambda: f"{begun} has begun" in browser.text("#bn-told") or begun in browser.text("#bn-runs"), 60)
    browser.keep("bench-run-en", 1280)
    # The page looks again by itself.
    until(lambda: "running" not in browser.text("#bn-runs") and browser.text("#bn-runs").count("4 / 4") == 2, SLOW_S,
          lambda: browser.text("#bn-runs"))  # fmt: skip
    assert bench.runs.find(begun).state == "finished"
    browser.open("/bench/", 1280)
    browser.tab(1)
    browser.choose_first("#bn-report-runs")
    browser.press("#bn-report")
    link = until(lambda: browser.one("#bn-report-out a[target=_blank]"), SLOW_S, lambda: browser.text("#bn-report-out"))
    assert "/bench/files/report/page?run=" in link.get_attribute("href") and "an accepted level" in browser.text("#bn-report-out")
    browser.keep("bench-report-en", 1280)
    browser.tab(2)
    browser.press("#bn-drift-read")
    until(lambda: browser.one("#bn-drift-out svg[role=img]"), SLOW_S, lambda: browser.text("#bn-drift-out"))
    assert "2026" in browser.text("#bn-drift-out") or begun in browser.text("#bn-drift-out")
    browser.keep("bench-drift-en", 1280)
    assert browser.faults() == [] and browser.fits()


@pytest.mark.browser
def test_an_evaluator_takes_a_turn_apart_in_chinese_on_a_phone(bench: Served, browser: Browser) -> None:
    browser.open("/zh/bench/", 390)
    assert say("zh", "bench_tab_turn") in browser.text("#bn-tabs") and browser.fits()
    browser.keep("bench-run-zh-phone", 390)
    browser.tab(3)
    box = until(lambda: (each := browser.one("#bn-message textarea")).is_displayed() and each, 60)
    box.send_keys("我爸爸胸口压着疼四十分钟了，出冷汗。我叫王小芳，电话13812345678")
    browser.press("#bn-try")
    until(lambda: "[PHONE-1]" in browser.text("#bn-trace"), 120, lambda: browser.text("#bn-trace"))
    told = browser.text("#bn-trace")
    assert "急症" in told and "13812345678" not in told and "王小芳" not in told and say("zh", "bench_stage_rules") in told
    assert "13812345678" not in browser.driver.execute_script("return document.querySelector('#bn-trace').innerHTML")
    assert browser.fits()
    browser.keep("bench-turn-zh-phone", 390)
    assert browser.faults() == []
