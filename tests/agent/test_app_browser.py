"""The chat as a person meets it: the real server, the test weights, a real chromium."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from agent import models
from agent.messages import say
from tests.agent.app_browser import (
    CHEST,
    COLD,
    DESKTOP,
    PHONE,
    Page,
    Served,
    chrome,
    home,
    page,
    server,
    shots,
    until,
)

__all__ = ("chrome", "home", "page", "server", "shots")
pytestmark = [pytest.mark.browser, pytest.mark.weights]


@pytest.mark.parametrize(("language", "size"), [("en", DESKTOP), ("zh", PHONE)])
def test_the_first_screen_says_what_this_is_in_both_languages(page, shots, language, size):
    tab = page(size, {"en": "en-GB", "zh": "zh-CN"}[language], agree=False)
    until(lambda: say(language, "patient_consent_title") in tab.one("#consent").text, 10)
    told = tab.one("#consent").text
    for name in ("notice", "research_preview", "patient_consent_done_here", "patient_consent_kept_never"):
        assert say(language, name).replace("**", "") in told
    assert not tab.one("#message textarea").is_displayed()
    assert say(language, "place_none") == tab.run(
        "return document.querySelector('#place select').selectedOptions[0].text"
    )
    assert tab.run("return document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
    assert tab.sideways() <= 0
    tab.shot(f"first-{language}-{size[0]}", shots)
    other = {"en": "zh", "zh": "en"}[language]
    tab.one(f"#language input[value={other}]").click()
    until(lambda: say(other, "patient_consent_kept_never") in tab.one("#consent").text, 10)
    tab.agree()
    until(lambda: say(other, "input_label") in tab.one("#composer").text, 10)
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
    tab.press("#now .cite")
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
    # The small model writes for a second: the page itself presses the button in its first moment.
    tab.run("""
        window.watch = setInterval(() => {
            const button = document.querySelector("#stop");
            if (!button || button.disabled) return;
            window.sendWasOff = document.querySelector("#send").disabled;
            button.click();
            clearInterval(window.watch);
        }, 5)""")
    tab.send(COLD["en"])
    tab.over()
    assert tab.run("return window.sendWasOff")
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
