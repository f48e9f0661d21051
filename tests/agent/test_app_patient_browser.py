"""The patient's own on the page, in a real chromium: consent, leaving at once, thumbs, data, settings; and axe on each of its faces.

The engine is "none": answers are the sources' own sentences. axe.min.js is looked for in ANAMNESIS_AXE and in node_modules.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.accounts.types import Who
from agent.messages import say
from agent.records.conversations import turns_of
from knowledge.places import duties
from tests.agent.api_served import serving
from tests.agent.app_browser import CHEST, COLD, DESKTOP, PHONE, Page, chrome, shots, until

__all__ = ("chrome", "shots")
pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
AXE = (Path(os.environ.get("ANAMNESIS_AXE", "-")), ROOT / "node_modules" / "axe-core" / "axe.min.js")
CRISIS = {"en": "I want to kill myself", "zh": "我不想活了，想自杀"}


@pytest.fixture(scope="module")
def weather() -> Iterator[str]:
    """The neutral page that somebody lands on."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Weather</title><h1>Rain later</h1>")

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weather"
    server.shutdown()


@pytest.fixture(scope="module")
def place(api_agent, chrome, weather, tmp_path_factory):
    """The served page, and one browser for all tests of this file."""
    pytest.importorskip("gradio", reason="gradio is not installed")
    with serving(api_agent, tmp_path_factory.mktemp("patient"), chat=True, exit_page=weather) as served:
        tab = Page(served.url, chrome, tmp_path_factory.mktemp("profile"), DESKTOP, "en-GB", agree=False)
        yield served, tab, weather
        hosts, complaints = tab.asked_hosts(), tab.complaints()
        tab.driver.quit()
        assert hosts and hosts <= {served.url.removeprefix("http://"), weather.split("/")[2]}
        assert not complaints


@pytest.fixture
def fresh(place):
    """Opens the page as a new visitor's."""
    served, tab, _ = place

    def open_page(language: str = "en", size: tuple[int, int] = DESKTOP, *kinds: str, agree: bool = True, **keeps: str) -> Page:
        tab.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})  # fmt: skip
        tab.leave(served.url)
        tab.run("localStorage.setItem('anamnesis', arguments[0])", json.dumps({"language": language} | keeps))
        tab.driver.get(served.url)
        until(lambda: say(language, "patient_consent_title") in tab.one("#consent").text, 30)
        until(lambda: tab.run("return document.querySelector('fieldset[aria-label]') !== null"), 10)
        if agree:
            tab.agree(*kinds)
        return tab

    return open_page


def held_by(served, tab: Page):
    """The conversation of the page in the server's memory, None where it is forgotten."""
    token = tab.run("return document.querySelector('#token textarea, #token input').value")
    return desk_of(served).open.find(token)


def desk_of(served):
    from agent.app.web import desk_of as found

    return found(served.app)


def test_nothing_is_asked_before_a_consent_and_it_works_by_keyboard(fresh, shots):
    tab = fresh(agree=False)
    assert not tab.one("#message textarea").is_displayed()
    assert not tab.run("return document.querySelectorAll('#consent input:checked').length")
    tab.shot("consent-en", shots)
    tab.tab_to("#consent [data-act=refuse]")
    tab.keys("\ue007")
    until(lambda: "You did not agree" in tab.one("#consent .told").text, 10)
    assert "999" in tab.one("#consent .told").text and not tab.one("#message textarea").is_displayed()
    tab.press("#consent .agree")
    until(lambda: tab.run("return document.activeElement.id") == "consent-fault", 10)
    assert tab.one("#consent [name=health]").get_attribute("aria-describedby") == "consent-fault"
    tab.press("#consent [name=under]")
    tab.press("#consent [name=health]")
    tab.set_place("mainland China")
    until(lambda: say("en", "patient_consent_under", age=14) in tab.one("#consent").text, 10)
    assert tab.run("return [...document.querySelectorAll('#consent input:checked')].map(e => e.name)") == ["health", "under"]
    tab.press("#consent [name=guardian]")
    tab.tab_to("#consent .agree")
    tab.keys("\ue007")
    until(lambda: tab.run("return document.activeElement.matches('#message textarea')"), 10)
    assert say("en", "patient_mode_private").replace("**", "") in tab.one("#mode").text


def test_withdrawn_it_is_over_and_erased(fresh, place):
    served, tab, _ = place
    fresh("en", DESKTOP, "review")
    tab.ask(COLD["en"])
    held = held_by(served, tab)
    owner = Who(holds=frozenset({held.state.id}))
    assert "30 days" in tab.one("#mode").text and len(turns_of(served.db, owner, held.state.id)) == 1
    tab.press("#bar .withdraw")
    until(lambda: tab.one("#sure-withdraw .yes").is_displayed(), 10)
    assert say("en", "patient_data_sure_withdraw") in tab.one("#data").text
    tab.press("#sure-withdraw .yes")
    until(lambda: say("en", "patient_data_withdrawn") in tab.one("#consent").text, 10)
    assert not tab.now() and not tab.one("#message textarea").is_displayed()
    assert desk_of(served).open.find(held.token) is None
    assert not [each for each in served.db.audit.export(conversation=held.state.id) if each.payload]


@pytest.mark.parametrize("way", ["button", "keys"])
def test_left_at_once_it_is_gone_and_back_does_not_bring_it_back(fresh, place, way):
    served, tab, weather = place
    fresh("en", DESKTOP, "review")
    if way == "button":
        tab.ask(CRISIS["en"])
        assert "Leave at once" in tab.one("#now .leave-here").text
    else:
        tab.send(COLD["en"])
    held = held_by(served, tab)
    assert held is not None and not tab.complaints()
    if way == "button":
        tab.one("#bar .leave").click()
    else:
        tab.keys("\ue00c", "\ue00c", "\ue00c")
    until(lambda: tab.driver.current_url == weather, 10)
    tab.complaints()
    until(lambda: desk_of(served).open.find(held.token) is None, 10)
    tab.run("history.back()")
    assert tab.run("return document.querySelector('#message') === null")
    until(lambda: not [each for each in served.db.audit.export(conversation=held.state.id) if each.payload], 20)
    tab.driver.get(served.url)
    assert tab.run("return localStorage.getItem('anamnesis')") in (None, "{}")


def test_a_thumb_with_a_reason_and_asked_again(fresh, place):
    served, tab, _ = place
    fresh("en", DESKTOP, "review")
    first = tab.ask(COLD["en"])
    before = tab.one("#now .turn").tag_name
    tab.press("#now .once-more")
    until(lambda: tab.one("#now .turn").tag_name != before, 20)
    tab.over()
    assert COLD["en"] in tab.now() and say("en", "banner_self_care") in first and not tab.one("#past").text
    tab.tab_to("#now .acts [data-thumb='-1']", 120)
    tab.keys(" ")
    until(lambda: tab.one("#now .why").is_displayed(), 10)
    assert tab.run("return document.activeElement.matches('#now .acts [data-thumb]')"), "the focus was lost"
    tab.press("#now .why input[value=unclear]")
    tab.one("#now .why textarea").send_keys("Tell mary@example.org what a virus is")
    tab.press("#now .why [data-sure]")
    until(lambda: say("en", "patient_thumb_thanks_review") in tab.one("#now .acts .hint").text, 10)
    held = held_by(served, tab)
    owner = Who(holds=frozenset({held.state.id}))
    *_, last = turns_of(served.db, owner, held.state.id)
    assert last.thumb == -1 and say("en", "patient_thumb_reason_unclear") in last.thumb_reason
    assert "[EMAIL-1]" in last.thumb_reason and "mary" not in last.thumb_reason


def test_my_data_is_taken_away_and_erased(fresh, place, tmp_path):
    served, tab, _ = place
    fresh("en", DESKTOP, "review")
    tab.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    tab.ask(f"My name is Marigold Featherstone. {COLD['en']}")
    held = held_by(served, tab)
    tab.press("#bar [data-act=data]")
    until(lambda: tab.one("#data .data").is_displayed(), 10)
    until(lambda: tab.run("return document.activeElement.id") == "data-title", 10)
    for form in ("json", "html"):
        tab.press(f"#data [data-act={form}]")
        until(lambda form=form: [file for file in tmp_path.iterdir() if file.suffix == f".{form}"], 20)
        (file,) = (file for file in tmp_path.iterdir() if file.suffix == f".{form}")
        said = file.read_text(encoding="utf-8")
        assert "sore throat" in said and "Featherstone" not in said and duties.label("en") in said
    assert json.loads((file.with_suffix(".json")).read_text())["ai_generated"] is True
    until(lambda: say("en", "patient_data_exported") in tab.one("#data .hint").text, 10)
    tab.press("#data [data-sure-for=sure-erase]")
    tab.press("#sure-erase [data-sure-for]")
    assert not tab.one("#sure-erase").is_displayed() and held_by(served, tab) is held
    tab.press("#data [data-sure-for=sure-erase]")
    tab.press("#sure-erase .yes")
    until(lambda: "Erased: 1" in tab.one("#data .hint").text, 10, lambda: tab.one("#data").text)
    assert not tab.now() and desk_of(served).open.find(held.token) is None
    assert not [each for each in served.db.audit.export(conversation=held.state.id) if each.payload]
    tab.press("#data .close")
    until(lambda: not tab.one("#data").is_displayed(), 10)
    assert say("en", "banner_self_care") in tab.ask(COLD["en"]), "the page goes on, with a new chat"
    assert say("en", "patient_mode_private").replace("**", "") in tab.one("#mode").text


def test_the_page_for_the_doctor_is_printed_alone(fresh, shots):
    tab = fresh()
    tab.ask(COLD["en"])
    tab.run("window.print = () => { window.printed = document.querySelector('#on-paper').innerText; }")
    tab.press("#now .paper summary")
    tab.press("#now .paper [data-form=print]")
    until(lambda: tab.run("return window.printed"), 20)
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert tab.one("#on-paper article").is_displayed() and not tab.one("#chat").is_displayed()
        words = tab.one("#on-paper").text
        tab.shot("printed-en", shots)
    finally:
        tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert "sore throat" in words and "Written by a program (AI)" in words
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert tab.run("return document.querySelector('#on-paper') === null")


def test_settings_stay_in_this_browser_and_the_skip_link_comes_first(fresh, place):
    served, tab, _ = place
    fresh()
    tab.press("#bar .settings summary")
    for name, value in (("text", "large"), ("look", "dark"), ("motion", "less")):
        tab.press(f"#bar input[name={name}][value={value}]")
    tab.set_place("United Kingdom")
    look = "const b = getComputedStyle(document.body); return [document.body.classList.contains('dark'), \
document.documentElement.style.fontSize, document.documentElement.classList.contains('still')]"
    assert tab.run(look) == [True, "125%", True]
    tab.leave(served.url)
    tab.driver.get(served.url)
    until(lambda: "999" in tab.one("#consent .call").text and "911" not in tab.one("#consent .call").text, 20)
    assert tab.run(look) == [True, "125%", True]
    assert tab.run("return [...document.querySelectorAll('#bar input:checked')].map(e => e.value)") == ["large", "dark", "less"]
    tab.agree()
    tab.run("document.activeElement.blur(); scrollTo(0, 0)")
    tab.keys("\ue004")
    tab.tab_to("#bar .skip", 5)
    tab.keys("\ue007")
    until(lambda: tab.run("return document.activeElement.matches('#message textarea')"), 5)


def test_all_of_it_in_chinese_on_a_phone(fresh, place, shots):
    _, tab, _ = place
    fresh("zh", PHONE, agree=False)
    assert tab.sideways() <= 0
    tab.shot("consent-zh-390", shots)
    tab.agree("review")
    tab.ask(COLD["zh"])
    assert "30" in tab.one("#mode").text and duties.label("zh") in tab.now() and tab.sideways() <= 0
    tab.shot("chat-zh-390", shots)
    tab.press("#now .acts [data-thumb='-1']")
    until(lambda: say("zh", "patient_thumb_why") in tab.one("#now .why").text, 10)
    tab.press("#bar [data-act=data]")
    until(lambda: say("zh", "patient_data_erase_this") in tab.one("#data").text, 10)
    assert tab.sideways() <= 0
    tab.shot("data-zh-390", shots)
    tab.press("#bar .settings summary")
    assert say("zh", "patient_settings_text") in tab.one("#bar .panel").text and tab.sideways() <= 0
    tab.press("#bar .settings summary")
    tab.ask(CRISIS["zh"])
    assert say("zh", "patient_leave") in tab.one("#now .leave-here").text
    assert say("zh", "patient_mode_rule", why="").replace("**", "").strip() in tab.one("#mode").text


# axe (WCAG 2.2 A and AA, and its own good practice): nothing serious on any face of the page.


@pytest.fixture(scope="module")
def axe() -> str:
    for file in AXE:
        if file.is_file():
            return file.read_text(encoding="utf-8")
    pytest.skip("axe.min.js is not there: `npm install --no-save axe-core`, or name it in ANAMNESIS_AXE")


def findings(tab: Page, axe: str) -> list[str]:
    tab.run("scrollTo(0, 0)")
    tab.run(axe)
    found = tab.driver.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(arguments[arguments.length - 1])"
    )
    assert found["passes"], "axe looked at nothing"
    small = tab.run(
        "return [...document.querySelectorAll('button, a, input, summary, select')].filter(e => {"
        " const r = (e.closest('label') || e).getBoundingClientRect(); return r.width && (r.width < 24 || r.height < 24) && !e.closest('p, blockquote, li, .sr-only')})"
        ".map(e => 'smaller than 24 px: ' + e.outerHTML.slice(0, 90))"
    )
    return [*small, *(f"{each['id']} ({each['impact']}): {each['nodes'][0]['target']}" for each in found["violations"]
                      if each["impact"] in ("serious", "critical"))]  # fmt: skip


@pytest.mark.parametrize(("language", "size", "look"), [("en", PHONE, "light"), ("zh", DESKTOP, "dark")])
def test_axe_finds_nothing_serious(fresh, axe, shots, language, size, look):
    tab = fresh(language, size, agree=False, look=look)
    faults = {"consent": findings(tab, axe)}
    tab.agree("review")
    faults["empty"] = findings(tab, axe)
    tab.ask(COLD[language])
    tab.shot(f"chat-{language}-{size[0]}-{look}", shots)
    tab.press("#now .acts [data-thumb='-1']")
    until(lambda: tab.one("#now .why").is_displayed(), 10)
    tab.press("#now .cite")
    until(lambda: tab.one("#now [popover]:popover-open").is_displayed(), 5)
    faults["source"] = findings(tab, axe)
    tab.keys("\ue00c")
    tab.ask(CHEST[language])
    faults["emergency"] = findings(tab, axe)
    tab.ask(CRISIS[language])
    faults["crisis"] = findings(tab, axe)
    tab.press("#bar [data-act=data]")
    until(lambda: tab.one("#data .data").is_displayed(), 10)
    faults["data"] = findings(tab, axe)
    tab.press("#bar .settings summary")
    faults["settings"] = findings(tab, axe)
    tab.press("#bar .settings summary")
    tab.run("document.documentElement.style.fontSize = '200%'")
    faults["zoom"] = findings(tab, axe) + (["wider than the window"] if tab.sideways() > 0 else [])
    assert not {face: found for face, found in faults.items() if found}
