"""The operator's page in a real chromium: English on a desktop, Chinese on a phone. ANAMNESIS_SCREENSHOTS keeps the pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent import models
from agent.accounts import people, sessions
from agent.active import adapter_digest, read_active
from agent.app.staff.who import COOKIE
from agent.messages import say
from tests.agent.api_served import serving
from tests.agent.app_browser import DESKTOP, FLAGS, PHONE, chrome, until

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ANAMNESIS_SCREENSHOTS", "")
__all__ = ("chrome",)


@pytest.fixture(scope="module")
def house(api_agent, tmp_path_factory):
    """A served application with an adapter that was promoted by the registry."""
    registry = pytest.importorskip("finetune.registry")
    from tests.finetune.tiny_adapters import written_adapter

    home, base = tmp_path_factory.mktemp("operate"), models.find(models.FOR_TESTS)
    folder = written_adapter(home / "adapters" / "tiny", model=base.id, sha256=base.sha256, weights=b"w", name="tiny")
    (folder / "card.json").write_text(json.dumps({"digest": adapter_digest(folder)}))
    gate = home / "gate.json"
    gate.write_text(json.dumps({
        "format": "anamnesis.gate/1", "passed": True, "profile": "full", "run": "r", "subject": "s", "beside": "",
        "made_by": [{"model": base.name, "weights": base.sha256, "adapter": adapter_digest(folder), "settings": "x"}],
        "gates": [{"suite": "triage", "measure": "m", "passed": True, "said": "x", "why": "w"}],
    }))  # fmt: skip
    registry.run_promote(folder, gate=gate, home=home)
    with serving(api_agent, home) as served:
        with served.client() as client:
            for text in ("my dad has crushing chest pain and is sweating", "How do I make a bomb?", "How long does a cold last?"):
                client.post("/api/v1/ask", json={"text": text, "intake": False}).raise_for_status()
        yield served


@pytest.fixture(scope="module")
def driver(house, chrome, tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chrome[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(chrome[1]))
    yield made
    made.quit()


class Opened:
    """The page, signed in as an operator."""

    def __init__(self, house, driver, path, size):
        self.driver, self.db = driver, house.db
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})  # fmt: skip
        self.account = people.add(house.db, f"chief-{size[0]}", "operator", None, by="test")
        with house.db.writing() as connection:
            token, _ = sessions.begin_in(house.db, connection, self.account.id, "operator")
        driver.get(f"{house.url}/health")
        driver.delete_all_cookies()
        driver.add_cookie({"name": COOKIE, "value": token, "path": "/"})
        driver.get(f"{house.url}{path}")
        until(lambda: "st-facts" in self.html("#operator-now"), 60, lambda: driver.page_source[-2000:])

    def run(self, script, *given):
        return self.driver.execute_script(script, *given)

    def html(self, css):
        return str(self.run("const found = document.querySelector(arguments[0]); return found ? found.innerHTML : ''", css))

    def text(self, css):
        return str(self.run("const found = document.querySelector(arguments[0]); return found ? found.innerText : ''", css))

    def one(self, css):
        return self.driver.find_element("css selector", css)

    def press(self, css):
        until(lambda: self.one(css).is_displayed(), 10)
        self.run("arguments[0].scrollIntoView({block: 'center'})", self.one(css))
        self.one(css).click()

    def tab(self, label):
        (found,) = [one for one in self.driver.find_elements("css selector", "button[role=tab]") if one.text.strip() == label]
        found.click()

    def confirm(self, tab):
        # The focus is where the question is answered, so that a keyboard or a screen reader is there too.
        until(lambda: self.run("return document.activeElement.id") == f"operator-yes-{tab}", 10)
        assert self.text(f"#operator-asked-{tab}")
        self.driver.switch_to.active_element.send_keys("\ue007")

    def wide(self):
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def shot(self, name):
        if SHOTS:
            height = self.run("return Math.max(document.body.scrollHeight, 600)")
            size = self.run("return [window.innerWidth, window.innerHeight]")
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": min(height, 4000), "deviceScaleFactor": 1, "mobile": size[0] < 500})
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500})

    def complaints(self):
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] == "SEVERE" and not any(
            # The chat's own addresses, which are not served here.
            name in row["message"] for name in ("favicon", "manifest.json"))]


def test_in_english_on_a_desktop_an_adapter_is_rolled_back(house, driver):
    page = Opened(house, driver, "/operate/", DESKTOP)
    now = page.text("#operator-now")
    assert say("en", "operator_kind_emergency") in now and say("en", "operator_stage_triage") in now
    page.shot("operator-now-en")
    turns = house.app.state.services.metrics
    turns.cancelled()
    page.run("document.getElementById('operator-refresh').click()")
    until(lambda: say("en", "operator_cancelled", n=1) in page.text("#operator-now"), 10)
    page.tab(say("en", "operator_tab_models"))
    until(lambda: "tiny" in page.text("#operator-models"), 10)
    page.press("#operator-roll-back")
    until(lambda: "tiny" in page.text("#operator-asked-models"), 10)
    page.shot("operator-models-en")
    page.press("#operator-no-models")
    until(lambda: not page.text("#operator-asked-models"), 10)
    assert read_active(house.db.home).name == "tiny"
    page.press("#operator-roll-back")
    page.confirm("models")
    until(lambda: "Rolled back" in page.text("#operator-said-models"), 10)
    assert read_active(house.db.home) is None
    until(lambda: say("en", "operator_was_rolled_back") in page.text("#operator-models"), 10)
    page.press("#operator-roll-back")
    until(lambda: say("en", "operator_no_adapter") in page.text("#operator-said-models"), 10)
    assert page.wide() <= 0 and page.complaints() == []


def test_in_chinese_on_a_phone_the_chain_is_verified_and_an_account_is_made(house, driver):
    page = Opened(house, driver, "/zh/operate/", PHONE)
    assert say("zh", "operator_health") in page.text("#operator-now")
    page.shot("operator-now-zh")
    page.tab(say("zh", "operator_tab_record"))
    page.press("#operator-verify")
    until(lambda: say("zh", "operator_whole") in page.text("#operator-chain"), 10)
    page.press("#operator-purge")
    page.confirm("record")
    until(lambda: "已清除 0 个对话" in page.text("#operator-said-record"), 10)
    page.shot("operator-record-zh")
    page.tab(say("zh", "operator_tab_accounts"))
    page.press("#operator-tabs button.label-wrap")
    page.press("#operator-name textarea, #operator-name input")
    page.one("#operator-name textarea, #operator-name input").send_keys("ward.nine")
    page.press("#operator-role input[value=clinician]")
    page.press("#operator-add")
    page.confirm("accounts")
    until(lambda: say("zh", "operator_once") in page.text("#operator-said-accounts"), 10)
    page.shot("operator-accounts-zh")
    made = people.named(house.db, "ward.nine")
    assert made.role == "clinician" and made.must_change
    until(lambda: "ward.nine" in page.text("#operator-accounts"), 10)
    assert page.wide() <= 0 and page.complaints() == []


def test_a_clinician_gets_a_refusal_in_words(house):
    account = people.add(house.db, "ward", "clinician", None, by="test")
    with house.db.writing() as connection:
        token, _ = sessions.begin_in(house.db, connection, account.id, "clinician")
    with house.client("", cookies={COOKIE: token}) as client:
        for path, language in (("/operate/", "en"), ("/zh/operate/", "zh")):
            refused = client.get(path)
            assert refused.status_code == 403 and say(language, "staff_refused_title") in refused.text
        assert client.post("/operate/gradio_api/queue/join", json={}, headers={"origin": house.url}).status_code == 403
