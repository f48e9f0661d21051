"""What the browser tests of the chat share: the real server, the test weights, a real chromium, one page of it.

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

    def __init__(self, url: str, chrome: tuple[str, str], profile: Path, size: tuple[int, int], language: str,
                 *, agree: bool = True) -> None:  # fmt: skip
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
        # Drawn anew once the server knows who is there and in which language.
        until(lambda: self.run("return document.querySelector('fieldset[aria-label]') !== null"), 30)
        if agree:
            self.agree()

    def complaints(self) -> list[str]:
        """What the browser's console has said as an error since it was last asked, but for the icon that is not there."""
        rows = self.driver.get_log("browser")
        return [row["message"] for row in rows if row["level"] == "SEVERE" and "favicon" not in row["message"]]

    def leave(self, url: str) -> None:
        """To `url`'s plain robots.txt. A page that is left breaks its stream off, and Gradio says so in several ways: only what was said before is a fault."""
        complaints = self.complaints()
        self.driver.get(url + "/robots.txt")
        self.complaints()
        assert not complaints

    def agree(self, *kinds: str) -> None:
        """Through the consent screen; `kinds` beside what is needed."""
        for kind in ("health", *kinds):
            until(lambda kind=kind: self.one(f"#consent input[name={kind}]").is_displayed(), 10)
            self.press(f"#consent input[name={kind}]")
        self.press("#consent .agree")
        until(lambda: self.one("#message textarea").is_displayed(), 20)

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

    def open_page(size: tuple[int, int] = DESKTOP, language: str = "en-GB", *, agree: bool = True) -> Page:
        opened.append(Page(server.url, chrome, tmp_path / f"profile-{len(opened)}", size, language, agree=agree))
        return opened[-1]

    yield open_page
    faults = []
    for one in opened:
        hosts = one.asked_hosts()
        faults += [f"asked {host}" for host in hosts - {server.url.removeprefix("http://")}]
        faults += one.complaints()
        one.driver.quit()
        assert hosts, "the log of requests is empty, so it shows nothing"
    assert not faults
