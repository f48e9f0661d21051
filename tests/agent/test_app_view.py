"""What the page shows, without a browser: events folded into turns, everything escaped, conversations kept apart."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from agent.api.serve import _check_port
from agent.app import desk as desk_module
from agent.app.desk import CLOSED_S, IDLE_S, Desk
from agent.app.guard import HEADERS, MOST_BYTES, Guard, allowed
from agent.app.markup import blocks, inline, link, marked, plain, web_address
from agent.app.view import MOST_SAID, Turn, after, notice_html, place_html, places_html, tone, turn_html, turns_html
from agent.app.web import _fields
from agent.compose import rule_lines
from agent.config import Settings
from agent.messages import messages, say
from agent.types import (
    Answer,
    Citation,
    Cited,
    Claim,
    Done,
    Facts,
    FiredRule,
    Message,
    Sentence,
    Status,
    Triage,
    Urgency,
)
from agent.understood import Row
from knowledge.errors import ConfigError, InputError
from knowledge.places import all_places

RULE = FiredRule("chest-pain", "emergency", "It may be the heart.", "Sit down.", "NHS: Heart attack",
                 "https://www.nhs.uk/x", 2024)  # fmt: skip
EMERGENCY = Triage("emergency", rules=(RULE,), where="ambulance", has_symptom=True)
HOME = Triage("self_care", has_symptom=True)
CITATION = Citation("1", "p1", "cold", "Common cold: Antibiotics", "MedlinePlus", "https://medlineplus.gov/cold.html",
                    "2024", "Antibiotics do not help a cold.", "Antibiotics do not help a cold. A virus causes it.",
                    also=("NHS, Common cold (2025) https://www.nhs.uk/cold",), own_words=True)  # fmt: skip
ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</textarea><iframe srcdoc='<script>1</script>'>",
    "**<b onclick=x>**",
    "[1]<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;",
    "'\" onmouseover='alert(1)",
)
OURS = {"article", "section", "div", "span", "p", "br", "aside", "strong", "ul", "li", "button", "h1", "h2", "h3", "a",
        "blockquote", "mark", "details", "summary", "label", "input", "textarea", "output"}  # fmt: skip


class Tags(HTMLParser):
    """The tags and attributes a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.depth += tag not in ("br", "input")

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def only_ours(self) -> bool:
        names = {name for name, _ in self.tags}
        given = {attribute for _, attributes in self.tags for attribute in attributes}
        return names <= OURS and not any(attribute.startswith("on") for attribute in given) and self.depth == 0


def answered(text: str = "Antibiotics do not help a cold [1].", **changes) -> Turn:
    fields = {"kind": "answer", "level": "self_care", "text": text, "language": "en", "triage": HOME,
              "citations": (CITATION,), "banner": "**Look after yourself**\n\nWhy: nothing.", "model": "Tiny",
              "settings": "abc", "claims": (Claim(text, True, "1", CITATION.quote),)}  # fmt: skip
    answer = Answer(**(fields | changes))
    return after(Turn(1, "Do I need antibiotics?", "en", status="x"), Done(answer, None))


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_people_and_passages_say_never_becomes_a_tag(attack):
    citation = replace(CITATION, title=attack, source=attack, quote=attack, text=f"before {attack} after", url=attack,
                       published=attack, also=(attack,), reviewed_by=attack)  # fmt: skip
    turn = answered(f"{attack} [1]", citations=(citation,), banner=f"**{attack}**", not_found=attack + "!", model=attack,
                    rules=(attack,))  # fmt: skip
    turn = replace(turn, said=attack, before=attack, note=attack)
    page = Tags(turn_html(turn))
    assert page.only_ours()
    assert all((a["href"] or "").startswith(("http://", "https://")) for a in page.all("a"))
    assert page.words.count(attack.strip("*")) >= 4
    running = replace(Turn(2, attack, "zh"), status=attack)
    assert Tags(turn_html(running)).only_ours() and attack in Tags(turn_html(running)).words


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://www.nhs.uk/a?b=1&c=2", True), ("http://example.org", True), ("HTTPS://EXAMPLE.ORG/x", True),
        ("javascript:alert(1)", False), ("JaVaScRiPt:alert(1)", False), ("data:text/html,x", False), ("//evil.example", False),
        ("https://", False), ("https://a b", False), ('https://a"onx=', False), ("ftp://a", False), ("", False),
        (" https://a", False), ("java\nscript:x", False),
    ],
)  # fmt: skip
def test_only_web_addresses_become_links(url, kept):
    assert bool(web_address(url)) is kept
    made = Tags(link(url, "words"))
    assert made.words == "words"
    assert [a.get("href") for a in made.all("a")] == ([url] if kept else [])
    assert all(a["rel"] == "noopener noreferrer" and a["target"] == "_blank" for a in made.all("a"))


def test_our_little_markdown():
    keys = {"1": "<K>"}
    assert inline("a **b** [1] [2] [NAME-1]", keys) == "a <strong>b</strong> <K> [2] [NAME-1]"
    assert inline("**a [1]**", keys) == "<strong>a <K></strong>"
    assert inline("** not bold * [1", keys) == "** not bold * [1"
    assert inline("See https://a.org/b. Then") == (
        'See <a href="https://a.org/b" target="_blank" rel="noopener noreferrer">https://a.org/b</a>. Then'
    )
    assert "https://a.org/中" not in inline("见https://a.org/x。好") and ">https://a.org/x</a>。好" in inline(
        "见https://a.org/x。好"
    )
    assert blocks("a\nb\n\n- c\n- d\ne") == "<p>a<br>b</p><ul><li>c</li><li>d</li></ul><p>e</p>"
    assert blocks("x:\n- c\n\n- d") == "<p>x:</p><ul><li>c</li></ul><ul><li>d</li></ul>"
    assert blocks("") == blocks("\n\n \n") == ""
    assert blocks("a\n\nb", small=("b",)) == '<p>a</p><p class="small">b</p>'


def test_quotes_are_marked_inside_their_passage():
    assert marked("a b c b", ("b",)) == "a <mark>b</mark> c b"
    assert marked("one two three", ("two three", "one two")) == "<mark>one two</mark><mark> three</mark>"
    assert marked("a <b> c", ("<b>",)) == "a <mark>&lt;b&gt;</mark> c"
    assert marked("a", ("", "zz")) == "a"


@pytest.mark.parametrize(
    "text",
    ["", "\ud800", "\x00\x07", "👩‍⚕️🤒" * 50, "مرحبا كيف حالك", "\u202eevil\u202c", "a\r\nb", "💥", "\ufffe"],
    ids=["empty", "surrogate", "control", "emoji", "right-to-left", "override", "crlf", "astral", "noncharacter"],
)
def test_whatever_is_typed_can_be_sent_to_a_page(text):
    html = turn_html(replace(answered(text), said=text))
    assert html.encode("utf-8")
    assert "\x00" not in html and Tags(html).only_ours()
    assert 'dir="auto"' in html


@pytest.mark.parametrize(
    "piece", ["a", "**", "[1", "- \n", "\n \n", "https://", "https://a", "<", "[1] ", "*", "\n" + " " * 50]
)
def test_a_hundred_thousand_characters_are_drawn_at_once(piece):
    text = (piece * 100_000)[:100_000]
    began = time.perf_counter()
    html = turn_html(replace(answered(text), said=text))
    marked(text, [text[:1000]] * 10)
    assert time.perf_counter() - began < 2
    assert len(Tags(turn_html(Turn(1, text, "en", status="x"))).words) < MOST_SAID + 500
    assert say("en", "said_more", count=100_000 - MOST_SAID) in html


def test_events_become_a_turn_and_done_has_the_last_word():
    turn = Turn(1, "hello", "en", status="Checking")
    assert not turn.over
    turn = after(turn, Urgency(HOME, "**Home**"))
    turn = after(turn, Status("Writing"))
    turn = after(turn, Cited(CITATION))
    turn = after(turn, Sentence("One [1]."))
    turn = after(turn, Sentence(" Two."))
    assert (turn.text, turn.banner, turn.status, turn.citations) == (
        "One [1]. Two.",
        "**Home**",
        "Writing",
        (CITATION,),
    )
    page = Tags(turn_html(turn))
    assert "Writing" in page.words and page.tags[0][1]["aria-busy"] == "true"
    withheld = Answer("not_found", "self_care", "Held back.", "en", HOME, banner="**Home**")
    turn = after(turn, Done(withheld, None))
    page = Tags(turn_html(turn))
    assert turn.over and turn.text == "Held back." and turn.citations == ()
    assert "One" not in page.words and "Writing" not in page.words and page.tags[0][1]["aria-busy"] == "false"


@pytest.mark.parametrize(
    ("triage", "crisis", "expected", "role"),
    [
        (EMERGENCY, False, "emergency", "alert"),
        (EMERGENCY, True, "crisis", "alert"),
        (Triage("urgent", hours=24, has_symptom=True), False, "urgent", "status"),
        (Triage("routine", has_symptom=True), False, "routine", "status"),
        (HOME, False, "self_care", "status"),
        (Triage("self_care"), False, "question", "status"),
        (Triage("unclear"), False, "unclear", "status"),
    ],
)
def test_the_banner_has_words_a_colour_and_a_role(triage, crisis, expected, role):
    turn = Turn(1, "x", "en", triage=triage, crisis=crisis, banner="**These words**\n\nWhy: because.")
    (aside,) = Tags(turn_html(turn)).all("aside")
    assert tone(turn) == expected
    assert aside == {"class": f"banner {expected}", "role": role}
    assert "These words" in Tags(turn_html(turn)).words


def test_the_rule_behind_a_banner_is_small_print_with_a_link():
    (line,) = rule_lines((RULE,), language="en")
    html = turn_html(Turn(1, "x", "en", triage=EMERGENCY, banner=f"**Call 999**\n\nWhy.\n\n{line}"))
    assert re.search(r'<p class="small">Rule chest-pain.*<a href="https://www.nhs.uk/x"', html)


@pytest.mark.parametrize(
    ("banner", "numbers"),
    [
        ("**Emergency: Call 999 now**\n\nWhy: 40 minutes, 112 beats.", ["999"]),
        ("**Emergency: Call now (UK 999 · EU 112 · US, Canada 911)**", ["999", "112", "911"]),
        ("**紧急：请立即拨打120**", ["120"]),
        ("**&#123; x123 1234 <b>**", []),
    ],
)
def test_a_touch_on_the_number_calls_it(banner, numbers):
    links = [a["href"] for a in Tags(turn_html(Turn(1, "x", "en", triage=EMERGENCY, banner=banner))).all("a")]
    assert links == [f"tel:{number}" for number in numbers]
    calm = Turn(1, "x", "en", triage=HOME, banner=banner)
    assert not Tags(turn_html(calm)).all("a")


def test_a_second_alert_in_the_same_words_is_a_new_element():
    first, second = (turn_html(Turn(number, "x", "en", triage=EMERGENCY, banner="**Call**")) for number in (1, 2))
    assert Tags(first).tags[0][0] != Tags(second).tags[0][0]


def test_parts_keep_their_places_while_a_turn_grows():
    """The page changes part by part: an opened source stays open only while its element stays where it is."""
    turn, shapes = Turn(1, "x", "en", status="Checking"), set()
    for event in (Urgency(HOME, "**Home**"), Cited(CITATION), Sentence("One [1]."), Sentence(" Two.")):
        turn = after(turn, event)
        shapes.add(_children(turn_html(turn)))
    shapes.add(_children(turn_html(answered())))
    assert len(shapes) == 1
    assert turn_html(turn).count('popovertarget="source-1-1"') == 3  # the mark, the list, the way to close it


def _children(html: str) -> tuple[str, ...]:
    depth, tags = 0, []
    for closing, name in re.findall(r"<(/?)(\w+)", html):
        if name in ("br", "input"):
            continue
        if not closing and depth == 1:
            tags.append("p" if name == "p" else name)
        depth += -1 if closing else 1
    return tuple(tags)


def test_a_mark_opens_the_quote_in_its_passage_and_says_who_and_when():
    page = Tags(turn_html(answered()))
    opener = next(button for button in page.all("button") if button["class"] == "cite")
    opened = next(div for div in page.all("div") if "popover" in div)
    assert opener["popovertarget"] == opened["id"] == "source-1-1"
    assert opener["aria-label"] == "[1] Source: Common cold: Antibiotics" and opened["role"] == "dialog"
    html = turn_html(answered())
    assert "<mark>Antibiotics do not help a cold.</mark> A virus causes it." in html
    for words in ("MedlinePlus", "dated or read in 2024", "Our own words, after: MedlinePlus (2024); NHS, Common cold (2025)",
                  say("en", "citation_reviewed_none"), say("en", "open_source")):  # fmt: skip
        assert words in page.words
    assert {a["href"] for a in page.all("a")} == {CITATION.url, "https://www.nhs.uk/cold"}


ROWS = (
    Row("age", "Age", "8 years"),
    Row("weight", "Weight", "not told", told=False),
    Row("wrong", "What is wrong", "cough, fever"),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_understood_never_becomes_a_tag(attack):
    rows = tuple(Row(id, attack, attack, fault=attack, editable=id != "who") for id in ("who", "age", "wrong"))
    page = Tags(turn_html(replace(answered(), rows=rows, hint=attack, unfolded=True)))
    assert page.only_ours() and page.words.count(attack) >= 8
    assert page.all("input")[0]["value"] == attack


def test_each_row_has_a_field_with_its_label_and_a_fault_is_tied_to_it():
    rows = (replace(ROWS[0], value="abc", fault="Age: cannot be read"), *ROWS[1:])
    page = Tags(turn_html(replace(answered(), rows=rows)))
    fields = {field["data-row"]: field for field in (*page.all("input"), *page.all("textarea"))}
    assert [label["for"] for label in page.all("label")] == [fields[row.id]["id"] for row in rows]
    assert fields["age"]["value"] == "abc" and fields["age"]["aria-invalid"] == "true"
    fault = next(p for p in page.all("p") if p.get("class") == "fault")
    assert fields["age"]["aria-describedby"] == fault["id"]
    assert fields["weight"]["value"] == "" and fields["weight"]["placeholder"] == say("en", "understood_not_told")
    assert not any("aria-invalid" in fields[name] for name in ("weight", "wrong"))


def test_what_was_understood_stands_under_the_newest_finished_answer_only():
    turn = replace(answered(), rows=ROWS)
    assert Tags(turn_html(turn)).all("input") and not Tags(turns_html((turn,))).all("input")
    for bare in (replace(turn, rows=()), replace(turn, status="writing")):
        assert not Tags(turn_html(bare)).all("input") and say("en", "paper_heading") not in Tags(turn_html(bare)).words
    folded, unfolded = (Tags(turn_html(replace(turn, unfolded=each))).all("details") for each in (False, True))
    assert not any("open" in each for each in folded) and sum("open" in each for each in unfolded) == 1
    forms = [button["data-form"] for button in Tags(turn_html(turn)).all("button") if "data-form" in button]
    assert forms == ["markdown", "pdf"] and say("en", "paper_about") in Tags(turn_html(turn)).words


def test_only_the_library_is_our_own_words_and_none_is_no_reviewer():
    other = answered(citations=(replace(CITATION, own_words=False),))
    assert "Our own words" not in Tags(turn_html(other)).words
    for reviewer, shown in (
        ("none", "citation_reviewed_none"),
        ("", "citation_reviewed_none"),
        ("Dr A", "citation_reviewed"),
    ):
        turn = answered(citations=(replace(CITATION, reviewed_by=reviewer),))
        assert say("en", shown, reviewer=reviewer) in Tags(turn_html(turn)).words


def test_what_could_not_be_found_stands_below_and_is_said_once():
    cut = (Claim("a", True, "1", CITATION.quote), Claim("b", False), Claim("c", False))
    assert say("en", "unsupported_cut", count=2) in Tags(turn_html(answered(claims=cut))).words
    nothing = answered("I found nothing.", not_found="I found nothing.", citations=(), claims=(), kind="not_found")
    assert Tags(turn_html(nothing)).words.count("I found nothing.") == 1


def test_every_decision_shows_its_rule_and_model():
    words = Tags(turn_html(answered(rules=("cold-home", "caution:dose")))).words
    assert "cold-home, caution:dose" in words and "Tiny" in words and "Settings abc" in words
    assert say("en", "how_no_model") in Tags(turn_html(answered(model=""))).words


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_screen_says_what_this_is_and_what_is_kept(language):
    page = Tags(notice_html(language))
    for name in ("notice", "notice_kept", "research_preview"):
        assert say(language, name).replace("**", "") in page.words
    assert "**" not in page.words


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_place_shows_its_number_and_no_place_shows_none(language):
    for here in all_places():
        words = Tags(place_html(here.code, language)).words
        assert here.name[language] in words and all(number in words for number in here.ambulance)
    for none in ("", "XX"):
        assert not re.search(r"\d", Tags(place_html(none, language)).words)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_of_places_begins_with_none_and_keeps_the_choice(language):
    options = Tags(places_html("GB", language)).all("option")
    assert options[0]["value"] == "" and len(options) == len(all_places()) + 1
    assert [option["value"] for option in options if "selected" in option] == ["GB"]
    assert [option["value"] for option in Tags(places_html("", language)).all("option") if "selected" in option] == [""]


def test_both_languages_have_the_same_messages_with_the_same_fields():
    fields = re.compile(r"\{(\w+)\}")
    english, chinese = messages("en"), messages("zh")
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert set(fields.findall(text)) == set(fields.findall(chinese[name])), name
        assert "{name}" not in text, "say() has a parameter of that name"


# The desk: conversations of open pages.


class Model:
    concurrency = 1
    name = "Tiny"


def agent(**settings):
    return SimpleNamespace(settings=Settings(**settings), model=Model())


def scripted(monkeypatch, script):
    """A turn that follows `script(state, message, redactor, cancel)` in place of the real stages."""

    def run(agent, state, message, *, redactor, intake=None, cancel=None):
        yield from script(state, message, redactor, cancel)

    monkeypatch.setattr(desk_module, "run_turn", run)


def done(state, message, redactor, text="fine", **changes):
    safe = redactor.redact(message)
    told = (*state.messages, Message("user", safe.text), Message("assistant", text))
    fields = {"kind": "answer", "level": "self_care", "text": text, "language": "en", "triage": HOME}
    return Done(Answer(**(fields | changes)), replace(state, messages=told, triage=HOME))


def ask(desk, held, message, **about):
    return list(desk.answer(held, message, **({"language": "en", "country": "", "audience": "patient"} | about)))


def test_a_conversation_goes_on_and_only_redacted_words_are_in_its_state(monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    desk = Desk(agent)
    held = desk.begin()
    assert desk.find(held.token) is held and len(held.token) >= 32
    ask(desk, held, "I am a@example.org")
    turns = ask(desk, held, "and again a@example.org", country="GB", audience="clinician")
    assert (
        [turn.number for turn in held.turns] == [1, 2] and turns[-1].over and turns[-1].said.endswith("a@example.org")
    )
    assert len(held.state.messages) == 4 and "@" not in str(held.state)
    assert (held.state.country, held.state.audience) == ("GB", "clinician")
    assert "a@example.org" not in repr(held.redactor)
    turns = desk.answer(held, "third", language="en", country="", audience="patient")
    assert next(turn for turn in turns if turn.over)
    turns.close()  # the page left with the answer in its hand
    assert len(held.state.messages) == 6 and held.state.messages[-1].text == "fine"


FEVER = Triage("urgent", has_symptom=True, facts=Facts(age_years=0.25, weight_kg=6.0))


def fever(state, message, redactor, cancel):
    event = done(state, message, redactor, triage=FEVER)
    yield replace(event, state=replace(event.state, triage=FEVER, person="child"))


def test_a_changed_field_is_a_message_and_a_wrong_one_comes_back(monkeypatch):
    scripted(monkeypatch, fever)
    desk = Desk(agent)
    held = desk.begin()
    assert desk.corrected("unknown", {}) is None and desk.corrected(held.token, {}) is None
    turn = ask(desk, held, "my baby is hot")[-1]
    typed = {row.id: row.typed for row in turn.rows}
    assert turn.unfolded and typed["age"] == "3 months"
    assert desk.corrected(held.token, typed | {"age": "8 years"}) == "Correction: the age is 8 years old."
    nothing = desk.corrected(held.token, typed)
    assert isinstance(nothing, Turn) and nothing.hint == say("en", "understood_nothing") and nothing.unfolded
    wrong = desk.corrected(held.token, typed | {"age": "abc", "nonsense": "x"})
    assert isinstance(wrong, Turn) and wrong.tries == nothing.tries + 1
    assert next(row for row in wrong.rows if row.id == "age").fault and held.turns[-1].rows == turn.rows
    assert not ask(desk, held, "and now?")[-1].unfolded


def test_nothing_is_unfolded_over_an_emergency_and_no_form_stands_in_a_crisis(monkeypatch):
    def script(state, message, redactor, cancel):
        level = replace(FEVER, level="emergency")
        event = done(state, message, redactor, triage=level, kind="crisis" if "crisis" in message else "emergency")
        yield replace(event, state=replace(event.state, triage=level, person="child"))

    scripted(monkeypatch, script)
    desk = Desk(agent)
    turn = ask(desk, desk.begin(), "my baby")[-1]
    assert turn.rows and not turn.unfolded
    assert not ask(desk, desk.begin(), "a crisis")[-1].rows


def test_a_fault_in_reading_back_takes_nothing_from_the_answer(monkeypatch, caplog):
    def broken(state, language):
        raise ValueError("my baby")

    scripted(monkeypatch, fever)
    monkeypatch.setattr(desk_module, "understood", broken)
    desk = Desk(agent)
    turn = ask(desk, desk.begin(), "my baby is hot")[-1]
    assert turn.text == "fine" and not turn.rows and not turn.note
    assert "ValueError" in caplog.text and "baby" not in caplog.text


def test_the_page_for_the_doctor_is_made_in_memory_and_redacted(monkeypatch):
    scripted(monkeypatch, fever)
    desk = Desk(agent)
    held = desk.begin()
    with pytest.raises(InputError):
        desk.paper(held.token, "markdown")
    ask(desk, held, "Mail a@example.org, my baby is hot")
    name, kind, data = desk.paper(held.token, "markdown")
    assert name.endswith(".md") and kind.startswith("text/markdown")
    assert "my baby is hot" in data.decode() and "@" not in data.decode()


def test_stop_ends_one_turn_and_no_other(monkeypatch):
    started = threading.Barrier(3)

    def script(state, message, redactor, cancel):
        yield Status(say("en", "status_writing"))
        started.wait(timeout=5)
        assert cancel.wait(timeout=5)
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    desk = Desk(agent)
    conversations = [desk.begin(), desk.begin()]
    ended: dict[int, list[Turn]] = {}
    threads = [
        threading.Thread(target=lambda i=i: ended.update({i: ask(desk, conversations[i], "x")})) for i in range(2)
    ]
    for thread in threads:
        thread.start()
    started.wait(timeout=5)
    desk.stop(conversations[0].token)
    desk.stop("unknown")
    threads[0].join(timeout=5)
    assert ended[0][-1].note == say("en", "stopped")
    assert threads[1].is_alive() and not conversations[1].cancel.is_set()
    desk.stop(conversations[1].token)
    threads[1].join(timeout=5)
    assert ended[1][-1].over


def test_a_turn_that_waits_for_another_says_so(monkeypatch):
    release = threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        yield Status(say("en", "status_writing"))
        assert release.wait(timeout=10)
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    monkeypatch.setattr(desk_module, "_LOOK_S", 0.02)
    loading = [True]
    desk = Desk(agent, loading=lambda: loading[0])
    first = desk.answer(desk.begin(), "x", language="en", country="", audience="patient")
    statuses = [next(turn.status for turn in first if turn.status == say("en", "status_loading"))]
    loading[0] = False
    second = desk.answer(desk.begin(), "y", language="en", country="", audience="patient")
    statuses.append(next(turn.status for turn in second if turn.status == say("en", "status_waiting")))
    statuses.append(next(turn.status for turn in first if turn.status == say("en", "status_writing")))
    release.set()
    assert list(first)[-1].over and list(second)[-1].over
    assert statuses == [say("en", f"status_{name}") for name in ("loading", "waiting", "writing")]


def test_a_fault_is_a_kind_word_and_nothing_of_it_is_logged_or_forgotten(monkeypatch, caplog):
    secret = "my name is Mary Johnson and my chest hurts"

    def script(state, message, redactor, cancel):
        yield Urgency(EMERGENCY, "**Call**")
        raise ValueError(f"cannot read {message}")

    scripted(monkeypatch, script)
    desk = Desk(agent)
    held = desk.begin()
    turn = ask(desk, held, secret, country="GB")[-1]
    words = Tags(turn_html(turn)).words
    assert turn.over and "999" in turn.note and "Call" in words
    assert "Traceback" not in words and "ValueError" not in words
    assert "ValueError" in caplog.text and "Mary" not in caplog.text and "chest" not in caplog.text
    assert held.state.triage is EMERGENCY and "chest hurts" in held.state.messages[0].text
    assert "Mary" not in str(held.state)


def test_a_page_that_leaves_midway_is_stopped_and_what_it_said_is_known(monkeypatch):
    stopped = threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        assert cancel.wait(timeout=5)
        stopped.set()
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    desk = Desk(agent)
    held = desk.begin()
    turns = desk.answer(held, "a sore throat", language="en", country="", audience="patient")
    assert next(turn for turn in turns if turn.banner)
    assert [turn.note for turn in ask(desk, held, "impatient")] == [say("en", "app_busy")]
    turns.close()
    assert stopped.wait(timeout=5) and not held.lock.locked()
    assert held.state.messages[0].text == "a sore throat"


def test_pages_that_are_closed_or_left_alone_are_forgotten(monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    now, gone = [0.0], []
    desk = Desk(agent, clock=lambda: now[0])
    desk.forgotten = gone.append
    closed, idle, back, fresh = (desk.begin(session=name) for name in ("closed", "idle", "back", "fresh"))
    desk.close_session("closed")
    desk.close_session("back")
    now[0] = CLOSED_S / 2
    ask(desk, back, "I am still here")
    now[0] = CLOSED_S + 1
    desk.sweep()
    assert desk.find(closed.token) is None and gone == ["closed"]
    assert desk.find(idle.token) and desk.find(back.token)
    now[0] = IDLE_S + CLOSED_S
    ask(desk, fresh, "x")
    desk.sweep()
    assert desk.find(fresh.token) and desk.find(idle.token) is None and set(gone) == {"closed", "idle", "back"}
    desk.forget(fresh.token)
    assert desk.find(fresh.token) is None


def test_too_many_conversations_push_out_the_longest_idle(monkeypatch):
    monkeypatch.setattr(desk_module, "MOST", 3)
    now = [0.0]
    desk = Desk(agent, clock=lambda: now[0])
    made = []
    for second in range(6):
        now[0] = float(second)
        made.append(desk.begin())
    desk.sweep()
    assert [desk.find(held.token) is not None for held in made] == [False, False, False, True, True, True]


def test_setting_the_place_after_an_emergency_shows_its_number(monkeypatch):
    def script(state, message, redactor, cancel):
        yield done(state, message, redactor, kind="emergency", level="emergency", triage=EMERGENCY, banner="**Call**")

    scripted(monkeypatch, script)
    desk = Desk(agent)
    held = desk.begin()
    assert desk.moved(held.token, "GB") is None
    ask(desk, held, "my chest")
    moved = desk.moved(held.token, "GB")
    assert moved is not None and "999" in moved.banner and "911" not in moved.banner
    assert say("en", "place_unknown") not in moved.text
    nowhere = desk.moved(held.token, "")
    assert nowhere is not None and "911" in nowhere.banner and say("en", "place_unknown") in nowhere.text


# The guard: which addresses are there at all.


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/", True), ("/config", True), ("/gradio_api/queue/join", True), ("/gradio_api/heartbeat/abc", True),
        ("/assets/index.js", True), ("/gradio_api/upload", False), ("/gradio_api/deep_link", False),
        ("/gradio_api/info", False), ("/gradio_api/openapi.json", False), ("/docs", False), ("/monitoring", False),
        ("/gradio_api/file=/etc/passwd", False), ("/gradio_api/proxy=https://x", False), ("/gradio_api/run/predict", False),
        ("/gradio_api/call/ask", False), ("/gradio_api/mcp/sse", False), ("/gradio_api/vibe-code", False), ("/login", False),
    ],
)  # fmt: skip
def test_only_what_the_chat_needs_is_served(path, there):
    assert allowed(path) is there


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"path": "/"}, 200),
        ({"path": "/gradio_api/upload"}, 404),
        ({"path": "/", "headers": [(b"content-length", str(MOST_BYTES + 1).encode())]}, 413),
        ({"path": "/", "headers": [(b"content-length", b"nonsense")]}, 200),
    ],
)
def test_every_answer_keeps_the_page_to_itself(scope, status):
    sent = _through_guard({"type": "http", "headers": [], **scope})
    assert sent[0]["status"] == status and set(HEADERS) <= set(sent[0]["headers"])
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


def test_a_body_that_never_ends_is_cut_off():
    sent = _through_guard({"type": "http", "path": "/", "headers": []}, chunk=b"x" * 300_000)
    assert sent[-1]["body"] == b"http.disconnect"


def _through_guard(scope, chunk=b""):
    sent = []

    async def app(scope, receive, send):
        kind = ""
        for _ in range(5):
            kind = (await receive())["type"]
            if kind == "http.disconnect":
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": kind.encode()})

    async def receive():
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(app)(scope, receive, send))
    return sent


def test_a_taken_port_is_named_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"Port {port} .*--port {port % 65535 + 1}"):
            _check_port(Settings(port=port))
    _check_port(Settings(port=port))
    with pytest.raises(ConfigError, match="--host"):
        _check_port(Settings(host="no.such.host.invalid"))


@pytest.mark.parametrize("given", ["", "no json", "[1]", "null", None, "[" * 100_000])
def test_what_is_no_form_is_no_field(given):
    assert _fields(given) == {}
    assert _fields('{"age": "8", "x": 3}') == {"age": "8"}


def test_plain_escapes_all_five():
    assert plain("<&>\"'") == "&lt;&amp;&gt;&quot;&#x27;"
    assert turns_html(()) == ""
