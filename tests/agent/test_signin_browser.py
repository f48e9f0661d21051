"""The first operator's way in, in a real chromium: the given password, one of their own, their page, and out. English and Chinese.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.accounts import passwords, people, sessions
from agent.accounts.first import ensure_operator
from agent.accounts.passwords import Strength
from agent.app.staff.who import COOKIE
from agent.database import open_ground, stamp
from agent.messages import say
from tests.agent.api_served import _free_port

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ANAMNESIS_SCREENSHOTS", "")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--force-prefers-reduced-motion")  # fmt: skip
DESKTOP, PHONE, NARROW = (1280, 900), (390, 844), (320, 700)
OWN = "eleven quiet lamps beside a fence"


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found or not shutil.which("chromedriver"):
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    patch = pytest.MonkeyPatch()
    patch.setenv("SE_OFFLINE", "true")
    patch.setenv("SE_AVOID_STATS", "true")
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield made
    finally:
        made.quit()
        patch.undo()


@pytest.fixture(scope="module")
def house(api_agent, tmp_path_factory) -> Iterator[Any]:
    """A server at its first start, with the pages there are."""
    from agent.api.application import create_app
    from agent.api.serve import Server

    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_hasher", lambda strength, real=passwords._hasher: real(Strength(1, 8, 1)))
    settings = replace(api_agent.settings, home=tmp_path_factory.mktemp("first"), port=_free_port())
    agent, db, said = replace(api_agent, settings=settings), open_ground(settings), []
    app = create_app(lambda: agent, settings, db=db)
    ensure_operator(db, said.append)
    (password,) = re.findall(r"(?:[a-z2-9]{5}-){4}[a-z2-9]{5}", said[0])
    server = Server(app, host="127.0.0.1", port=settings.port)
    server.start()
    try:
        yield SimpleNamespace(db=db, url=f"http://127.0.0.1:{settings.port}", password=password)
    finally:
        server.close()
        db.engine.dispose()
        patch.undo()


def _size(driver: Any, size: tuple[int, int]) -> None:
    given = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", given)


def _until(driver: Any, done: Any) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 90).until(done)


def _one(driver: Any, selector: str) -> Any:
    return _until(driver, lambda each: each.find_element("css selector", selector))


def _fill(driver: Any, **fields: str) -> None:
    """Typed, and sent by the Enter key, as without a mouse."""
    for name, words in fields.items():
        box = _one(driver, f"#{name}")
        box.clear()
        box.send_keys(words)
    page = driver.find_element("css selector", "html")
    box.send_keys("\ue007")
    from selenium.common.exceptions import StaleElementReferenceException

    def gone(_: Any) -> bool:
        try:
            page.is_enabled()
        except StaleElementReferenceException:
            return True
        return False

    _until(driver, gone)


def _sideways(driver: Any) -> int:
    found: int = driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def _shot(driver: Any, name: str) -> None:
    if SHOTS:
        driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))


@pytest.mark.parametrize(("language", "size"), [("en", DESKTOP), ("zh", PHONE)])
def test_the_given_password_is_changed_and_the_page_opens(driver, house, language, size):
    prefix, name, given = "/zh" if language == "zh" else "", "operator", house.password
    if language == "zh":
        name, given = "second", "twelve-green-doors-upstairs"
        people.add(house.db, name, "operator", given, by="test", must_change=True)
    _size(driver, size)
    driver.get(f"{house.url}{prefix}/operate")
    assert say(language, "signin_title") in driver.title and "/sign-in?next=" in driver.current_url
    assert driver.find_element("css selector", "html").get_attribute("lang").startswith(language)
    _shot(driver, f"signin-{language}")
    _fill(driver, name=name, password="not this one")
    assert driver.title.startswith(say(language, "signin_fault_prefix")) and _sideways(driver) <= 0
    box = _one(driver, "#password")
    assert box.get_attribute("value") == "" and _one(driver, f"#{box.get_attribute('aria-describedby')}").text
    assert driver.switch_to.active_element.get_attribute("id") == "name"
    _shot(driver, f"signin-wrong-{language}")
    _fill(driver, password=given)
    assert _one(driver, "h1").text == say(language, "password_forced_title")
    _fill(driver, current=given, new="short", again="short")
    assert say(language, "password_short", least=passwords.LEAST) in _one(driver, "#new-wrong").text and _sideways(driver) <= 0
    _shot(driver, f"password-{language}")
    _fill(driver, current=given, new=OWN, again=OWN)
    _until(driver, lambda each: each.current_url == f"{house.url}{prefix}/operate/")
    role = say(language, "staff_role_operator")
    _until(driver, lambda each: f"{name} ({role})" in _bar(each) or f"{name}（{role}）" in _bar(each))
    assert _one(driver, "nav a[aria-current=page]").text and _sideways(driver) <= 0
    assert driver.find_element("css selector", "html").get_attribute("lang").startswith(language)
    _shot(driver, f"operate-{language}")
    severe = [row["message"] for row in driver.get_log("browser") if row["level"] == "SEVERE" and not re.search("status of 40[034]|manifest", row["message"])]
    assert not severe, severe
    _one(driver, "#st-bar button").click()
    _until(driver, lambda each: "/sign-in?out=1" in each.current_url)
    assert say(language, "signin_out_done") in _one(driver, ".good").text
    driver.back()
    driver.get(f"{house.url}{prefix}/operate/")
    assert "/sign-in?next=" in driver.current_url, "nothing of the page is left after signing out"


def _bar(driver: Any) -> str:
    return str(driver.execute_script("return document.querySelector('#st-bar')?.innerText ?? ''"))


def test_who_stays_too_long_is_asked_again_and_comes_back(driver, house):
    people.add(house.db, "third", "operator", OWN, by="test")
    _size(driver, DESKTOP)
    driver.get(f"{house.url}/sign-in?next=/operate")
    _fill(driver, name="third", password=OWN)
    _until(driver, lambda each: "third (operator)" in _bar(each))
    sessions.end_all(house.db, people.named(house.db, "third").id)
    driver.execute_script("fetch('gradio_api/queue/join', {method: 'POST', body: '{}'})")
    _until(driver, lambda each: each.current_url == f"{house.url}/sign-in?next=/operate")
    _fill(driver, name="third", password=OWN)
    _until(driver, lambda each: each.current_url == f"{house.url}/operate/")


def test_only_a_hand_on_the_page_keeps_its_session_alive(driver, house):
    from sqlalchemy import text

    account = people.add(house.db, "fourth", "operator", OWN, by="test").id
    _size(driver, DESKTOP)
    driver.get(f"{house.url}/robots.txt")
    driver.delete_all_cookies()
    with house.db.writing() as connection:
        token, _ = sessions.begin_in(house.db, connection, account, "operator")
    driver.add_cookie({"name": COOKIE, "value": token, "path": "/"})
    driver.get(f"{house.url}/operate/")
    _until(driver, lambda each: "fourth (operator)" in _bar(each))
    # The page's own looks would come between.
    driver.execute_script("clearInterval(window.operatorLooks)")
    past = stamp(house.db.clock() - timedelta(minutes=5))

    def seen() -> str:
        with house.db.reading() as connection:
            return str(connection.execute(text("SELECT seen FROM sessions WHERE account = :a"), {"a": account}).scalar_one())

    with house.db.writing() as connection:
        connection.execute(text("UPDATE sessions SET seen = :p WHERE account = :a"), {"p": past, "a": account})
    ask = "fetch('config').then(answer => arguments[0](answer.status))"
    alone = f"const now = Date.now; Date.now = () => now() + 61000; document.body.click(); {ask}"
    assert driver.execute_async_script(alone) == 200 and seen() == past
    _one(driver, "h1").click()
    assert driver.execute_async_script(ask) == 200 and seen() > past


def test_the_forms_fit_a_narrow_screen_and_twice_the_text_size(driver, house):
    driver.delete_all_cookies()
    for size, text in ((NARROW, "100%"), (PHONE, "200%")):
        _size(driver, size)
        driver.get(f"{house.url}/sign-in")
        # A style that the page did not bring would be refused: the browser's own default size is what people change.
        driver.execute_script(f"document.documentElement.style.fontSize = '{text}'")
        assert _sideways(driver) <= 0, f"{size} {text}"
        small = "return [...document.querySelectorAll('a, button, input:not([type=hidden])')].filter(e => e.getBoundingClientRect().height < 24).length"
        assert driver.execute_script(small) == 0, "a target is lower than 24 pixels"
        _shot(driver, f"signin-{size[0]}-{text[:-1]}")
