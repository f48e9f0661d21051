"""axe-core on the sign-in page and the first views of the pages behind it: nothing serious, in both languages and both modes.

ANAMNESIS_AXE names axe.min.js; without it, node_modules/axe-core is looked into, and else the tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.accounts import people, sessions
from agent.app.staff.who import COOKIE
from tests.agent.api_served import serving
from tests.agent.app_browser import DESKTOP, FLAGS, PHONE, ROOT, chrome, until

pytestmark = pytest.mark.browser
__all__ = ("chrome",)
AXE = Path(os.environ.get("ANAMNESIS_AXE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")
FIRST = {"sign-in": ("", "#password"), "desk": ("clinician", "#dd-search"), "review": ("clinician", "#rv-duty .st-card"),
         "bench": ("evaluator", "#bn-begin"), "operate": ("operator", "#operator-now .st-facts")}  # fmt: skip
"""Of each page: who opens it, and what is there once it is drawn."""
DARK = "return document.body.classList.contains('dark')"
RUN = """const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes[0].html} ${each.nodes[0].failureSummary}`)), fault => done([String(fault)]));"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.is_file():
        pytest.skip(f"there is no {AXE}: `npm install axe-core`, or name axe.min.js in ANAMNESIS_AXE")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def house(axe, chrome, api_agent, tmp_path_factory):
    with serving(api_agent, tmp_path_factory.mktemp("axe"), hold=True) as found:
        found.app.state.staff.open_all()
        found.tokens = {}
        for role in ("clinician", "evaluator", "operator"):
            account = people.add(found.db, f"the.{role}", role, None, by="test")
            with found.db.writing() as connection:
                found.tokens[role], _ = sessions.begin_in(found.db, connection, account.id, role)
        yield found


@pytest.fixture(scope="module")
def driver(house, chrome, tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chrome[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(chrome[1]))
    made.set_script_timeout(120)
    yield made
    made.quit()


@pytest.mark.parametrize(("prefix", "size", "mode"), [("", DESKTOP, "light"), ("/zh", PHONE, "dark")], ids=["en-desktop-light", "zh-phone-dark"])
def test_nothing_serious_on_the_first_views(house, driver, axe, prefix, size, mode):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})  # fmt: skip
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": mode}, {"name": "prefers-reduced-motion", "value": "reduce"}]})  # fmt: skip
    wrong = {}
    for page, (role, drawn) in FIRST.items():
        driver.get(f"{house.url}/robots.txt")
        driver.delete_all_cookies()
        if role:
            driver.add_cookie({"name": COOKIE, "value": house.tokens[role], "path": "/"})
        driver.get(f"{house.url}{prefix}/{page}")
        until(lambda drawn=drawn: driver.find_elements("css selector", drawn), 90, lambda: driver.page_source[-2000:])
        if role:
            until(lambda: driver.execute_script(DARK) == (mode == "dark"), 20)
            wide = driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, f"{page} is {wide} pixels wider than its window"
        driver.execute_script(axe)
        wrong[page] = driver.execute_async_script(RUN)
    assert not any(wrong.values()), wrong
    # That it would be found: the least grey there is to read.
    driver.execute_script("document.querySelector('#operator-now').style.cssText = 'color: #777; background: #777'")
    driver.execute_script("document.querySelectorAll('#operator-now *').forEach(each => each.style.color = '#777')")
    assert any(each.startswith("color-contrast") for each in driver.execute_async_script(RUN))
