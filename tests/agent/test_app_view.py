"""What the page shows, without a browser: events folded into turns, everything escaped, conversations kept apart."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agent.api.serve import _check_port
from agent.app.guard import HEADERS, MOST_BYTES, Guard, allowed
from agent.app.handlers import read_fields
from agent.app.markup import blocks, inline, link, marked, plain, web_address
from agent.app.view import MOST_SAID, Turn, after, place_html, places_html, tone, turn_html, turns_html
from agent.compose import rule_lines
from agent.config import Settings
from agent.messages import messages, say
from agent.types import (
    Answer,
    Citation,
    Cited,
    Claim,
    Done,
    FiredRule,
    Sentence,
    Status,
    Triage,
    Urgency,
)
from agent.understood import Row
from knowledge.errors import ConfigError
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
        "blockquote", "mark", "details", "summary", "label", "input", "textarea", "output", "fieldset", "legend"}  # fmt: skip


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
    html = turn_html(replace(answered(text), said=text))
    half, whole = (_calls(lambda size=size: turn_html(replace(answered(text[:size]), said=text))) for size in (50_000, 100_000))
    assert whole <= 2.2 * half + 1000 and whole < 100 * len(text), "the work grows faster than the text"
    assert _calls(lambda: marked(text, [text[:1000]] * 10)) < 500
    assert len(Tags(turn_html(Turn(1, text, "en", status="x"))).words) < MOST_SAID + 500
    assert say("en", "said_more", count=100_000 - MOST_SAID) in html


def _calls(work) -> int:
    """Functions called, Python's and C's: the same on a busy machine as on a quiet one."""
    count = 0

    def called(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


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


@pytest.mark.parametrize(("language", "words"), [("en", "a page without a date"), ("zh", "页面未注明日期")])
def test_a_source_without_a_year_says_so_and_names_none(language, words):
    (line,) = rule_lines((replace(RULE, year=0),), language=language)
    assert words in line and RULE.source.split(": ")[0] in line and " 0" not in line
    assert words not in rule_lines((RULE,), language=language)[0]


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
    assert forms == ["markdown", "pdf", "print"] and say("en", "paper_about") in Tags(turn_html(turn)).words


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
    assert read_fields(given) == {}
    assert read_fields('{"age": "8", "x": 3}') == {"age": "8"}


def test_plain_escapes_all_five():
    assert plain("<&>\"'") == "&lt;&amp;&gt;&quot;&#x27;"
    assert turns_html(()) == ""
