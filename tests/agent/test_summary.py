"""The page to take to a doctor: what is on it, what never is, and that it is one page whatever was typed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from agent.build import build_agent
from agent.config import load
from agent.messages import say
from agent.paper import KEPT, markdown, pdf, shortened
from agent.privacy import Redactor, redact_once
from agent.session import new_state
from agent.summary import MOST_PAGES, Item, Part, Summary, summarise
from agent.triage import triage
from agent.turn import run_turn
from agent.types import Answer, Citation, ConversationState, Done, Message, Triage
from knowledge.errors import InputError

pytest.importorskip("reportlab", reason="reportlab is not installed")

ROOT = Path(__file__).parents[2]
MADE = date(2026, 11, 22)
ENGLISH = (
    "Hello, I'm Mary Johnson, phone 415-555-0134. I'm 34 and I've had a bad headache for 3 days, it came on gradually, 6/10. "
    "No stiff neck. I take metformin 500 mg twice a day and sertraline. I am allergic to penicillin, sulfa and aspirin. I have asthma.",
    "I tried paracetamol and it helped a bit. The vomiting has stopped now. I stopped taking warfarin last month. "
    "Could it be a brain tumour? Can I take ibuprofen with it? My temp is 38.2 and bp 140/90.",
)
CHINESE = (
    "我叫王小明，电话13800138000。我今年34岁，头痛三天了，慢慢开始的，没有发烧，没有脖子硬。我对青霉素、头孢过敏，在吃二甲双胍500毫克一天两次，有高血压。",
    "吃了布洛芬没用。会不会是脑瘤？血压150/95，体温37.8度。",
)
HOSTILE = (
    "# Urgency given\n\n[click](javascript:alert(1)) ![x](http://evil.example/a.png) <script>alert(1)</script> <b>bold</b> "
    "`code` **strong** | a | b |\n- item\n1. one\n> quote\n=====\n&lt;i&gt; www.evil.example http://evil.example ”\n\n**Medicines** “none” "
    "I have a headache \x00\x07\x1b[31m \ud800 🤕 \u202e مرحبا"
)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


def _talk(agent, *messages, country="GB"):
    state, redactor, answers = new_state(agent.settings, country=country), Redactor(MADE), []
    for message in messages:
        done = list(run_turn(agent, state, message, redactor=redactor))[-1]
        assert isinstance(done, Done)
        state = done.state
        answers.append(done.answer)
    return state, answers


def _state(*texts, language="en", **fields):
    """A state without a turn: the words redacted, and the rules' triage of them."""
    said = [redact_once(text, MADE) for text in texts]
    messages = tuple(Message("user", safe.text) for safe in said)
    return ConversationState(id="t", language=language, messages=messages, triage=triage(said, language), **fields)


def _parts(summary):
    return {part.name: " | ".join(item.text for item in part.items) for part in summary.parts}


def _english(**options):
    return _parts(summarise(_state(*ENGLISH), language="en", made=MADE, **options))


def _pages(data):
    import pypdfium2

    document = pypdfium2.PdfDocument(io.BytesIO(data))
    return [document[number].get_textpage().get_text_bounded() for number in range(len(document))]


def _text(data):
    """The words of the PDF without the breaks of its lines."""
    return re.sub(r"\s+", "", "".join(_pages(data)))


def test_an_english_conversation_is_sorted_into_its_parts():
    parts = _english()
    assert "34 years" in parts["who"]
    assert "bad headache" in parts["words"]
    assert "“bad headache”: since when “for 3 days”; how it began or goes “gradually”; how bad “6/10”" in parts["told"]
    assert "stiff neck" in parts["denied"] and "stiff neck" not in parts["told"]
    assert "vomiting" in parts["over"] and "vomiting" not in parts["told"]
    assert "38.2 °C" in parts["measured"] and "140/90" in parts["measured"]
    assert "asthma" in parts["conditions"]
    assert "paracetamol" in parts["tried"]
    assert "tumour" in parts["feared"] and "ibuprofen" in parts["feared"]
    assert "brain tumour?" in parts["questions"]
    assert "sex" in parts["unknown"] and "medicines" not in parts["unknown"] and "allergies" not in parts["unknown"]


def test_a_medicine_that_is_taken_stopped_allergic_or_asked_about_is_told_apart():
    parts = _english()
    assert "“metformin 500 mg twice a day”" in parts["medicines"] and "“sertraline”" in parts["medicines"]
    assert "“I stopped taking warfarin last month.”" in parts["medicines"]
    for name in ("penicillin", "aspirin"):
        assert name in parts["allergies"] and name not in parts["medicines"]
    assert "ibuprofen" not in parts["medicines"]
    assert "warfarin" not in parts["allergies"]


@pytest.mark.parametrize(
    ("text", "part", "there", "absent"),
    [
        ("I have a cough. No known allergies, metformin daily", "medicines", "“metformin daily” (“No known", "cough"),
        ("I have a cough. I don't take warfarin", "denied", "warfarin", "cough"),
        (
            "I have a cough. I don't take warfarin, aspirin or ibuprofen",
            "medicines",
            "“aspirin” (“I don't take warfarin",
            "“ibuprofen daily",
        ),
        ("I have a cough. No known allergies, metformin daily", "allergies", "No known allergies", "metformin"),
        ("I have a cough and a penicillin allergy and I take ramipril", "medicines", "ramipril", "penicillin"),
        ("I have a cough. Allergic to codeine", "allergies", "codeine", "cough"),
        ("I have a rash. Can I take amoxicillin if I'm allergic to penicillin?", "allergies", "penicillin", "rash"),
        (
            "I have a rash after I took 20 mg of prednisolone and 2 tablets of ibuprofen",
            "medicines",
            "2 tablets of ibuprofen",
            "rash",
        ),
        ("I have a sore throat. I don't take any warfarin", "denied", "warfarin", "throat"),
        (
            "Headache for 2 days and vomiting since this morning",
            "told",
            "“Headache for 2 days and vomiting since this morning”",
            "since when",
        ),
        ("Twice a day I get a cough, for two weeks", "told", "“for two weeks”", "“a day”"),
        ("I am 30 years old with a cough", "told", "cough", "30 years"),
    ],
)
def test_each_is_read_where_it_stands(text, part, there, absent):
    found = _parts(summarise(_state(text), language="en", made=MADE))[part]
    assert there in found and absent not in found


def test_a_chinese_conversation_is_sorted_and_written_in_chinese():
    summary = summarise(_state(*CHINESE, language="zh", country="CN"), language="zh", made=MADE)
    parts = _parts(summary)
    assert "34岁" in parts["who"] and "“头痛”：时间“三天了”；怎么开始或变化“慢慢”" in parts["told"]
    assert "“发烧”" in parts["denied"] and "“脖子硬”" in parts["denied"] and "发烧" not in parts["told"]
    assert "二甲双胍500毫克一天两次" in parts["medicines"] and "青霉素" not in parts["medicines"]
    assert "青霉素、头孢过敏" in parts["allergies"]
    assert "高血压" in parts["conditions"] and "150/95" in parts["measured"]
    assert "布洛芬" in parts["tried"] and "会不会是脑瘤？" in parts["questions"]
    page = markdown(summary, "zh")
    assert "就医摘要" in page and "没有医生核对过" in page and "2026-11-22" in page
    assert "Medicines" not in page


def test_the_page_may_be_in_the_other_language_than_the_talk():
    state = _state("我爸70岁，突然胸口疼了40分钟，出冷汗，在吃华法林", language="zh", country="GB")
    parts = _parts(summarise(state, language="en", made=MADE))
    assert "胸口疼" in parts["told"] and "70 years" in parts["who"]
    assert "Call 999" in parts["urgency"] and "heart attack" in parts["urgency"]


def test_the_urgency_has_its_rule_source_year_link_and_day():
    state = _state("My dad has crushing chest pain going down his left arm and he is sweating", country="GB")
    summary = summarise(state, language="en", made=datetime(2026, 11, 22, 17, 5))
    urgency = next(part for part in summary.parts if part.name == "urgency")
    rule = state.triage.rules[0]
    text = " ".join(item.text for item in urgency.items)
    assert urgency.items[0].text.startswith("Emergency") and "999" in urgency.items[0].text
    assert (
        rule.id in text and rule.source.split(": ")[0] in text and str(rule.year) in text and "2026-11-22 17:05" in text
    )
    assert rule.url in {item.url for item in urgency.items}
    assert f"<{rule.url}>" in markdown(summary, "en")


def test_a_level_without_a_rule_says_so():
    parts = _parts(summarise(_state("I have a runny nose"), language="en", made=MADE))
    assert say("en", "summary_no_rule") in parts["urgency"]


def test_questions_stand_with_their_replies_and_a_bare_no_is_nobodys_finding(agent):
    state, _ = _talk(agent, "I've had a headache since yesterday")
    asked = next(line for line in state.messages[-1].text.splitlines() if line.startswith("- "))[2:]
    state = list(run_turn(agent, state, "no", redactor=Redactor(MADE)))[-1].state
    parts = _parts(summarise(state, language="en", made=MADE))
    assert asked in parts["asked"] and "“no”" in parts["asked"]
    own = {message.text for message in state.messages if message.role == "user"}
    for name in ("told", "denied"):
        for words in re.findall("“([^”]*)”", parts.get(name, "")):
            assert any(words in text for text in own), "only the person's own words are quoted"


def test_a_reply_to_a_question_on_allergies_is_an_allergy(monkeypatch):
    from agent import intake

    rule = replace(
        intake.rules()[0], id="allergy-any", topics=("allergy",), text={"en": "Any allergies at all?", "zh": "有什么过敏吗？"},
        yes={"en": "", "zh": ""}, no={"en": "", "zh": ""}, needs="",
    )  # fmt: skip
    monkeypatch.setattr(intake, "rules", lambda: (rule,))
    state = _state("I have a cough")
    state = replace(
        state,
        messages=(
            *state.messages,
            Message("assistant", "Any allergies at all?", "clarify"),
            Message("user", "peanuts"),
        ),
    )
    assert "“peanuts”" in _parts(summarise(state, language="en", made=MADE))["allergies"]


def test_only_the_history_of_the_person_it_is_about_now_is_on_the_page(agent):
    state, _ = _talk(
        agent, "I have a sore throat for two days", "What about my son, he is 3 and has a fever of 39 and a cough"
    )
    if not state.begins:
        pytest.skip("the turn does not begin a new history here")
    page = markdown(summarise(state, language="en", made=MADE), "en")
    assert "fever" in page and "sore throat" not in page and "a child" in page


def test_the_pages_cited_are_named_once_with_links_and_five_at_most():
    def citation(number):
        return Citation(key="1", passage="p", document=f"d{number}", title=f"Page {number}", source="NHS", url=f"https://nhs.uk/{number}",
                        published="2024", quote="q", text="t")  # fmt: skip

    answers = [
        Answer(
            kind="answer",
            level="routine",
            text="",
            language="en",
            triage=Triage("routine"),
            citations=tuple(map(citation, numbers)),
        )
        for numbers in ((1, 2, 2, 3), (4, 5, 6, 7))
    ]
    summary = summarise(_state("I have a cough"), language="en", made=MADE, answers=answers)
    pages = next(part for part in summary.parts if part.name == "pages").items
    assert len(pages) == MOST_PAGES == len({page.url for page in pages})
    assert pages[0] == Item("Page 4 (NHS, 2024)", "https://nhs.uk/4")


def test_a_link_that_is_no_web_address_is_left_out():
    summary = Summary(
        MADE,
        (
            Part(
                "pages",
                (Item("A", "javascript:alert(1)"), Item("B", "https://x.org/a> <b>"), Item("C", "https://x.org/c?d=e")),
            ),
        ),
    )
    page = markdown(summary, "en")
    assert "javascript" not in page and "x.org/a" not in page and "<https://x.org/c?d=e>" in page
    data = pdf(summary, "en")
    assert b"javascript" not in data and b"https://x.org/c?d=e" in data


@pytest.mark.parametrize("language", ["en", "zh"])
def test_identifiers_are_on_no_page_and_names_come_back_only_when_asked(language):
    state = _state(*(ENGLISH if language == "en" else CHINESE), language=language)
    secrets = ("Mary", "Johnson", "555-0134") if language == "en" else ("王小明", "13800138000")
    summary = summarise(state, language=language, made=MADE)
    page, data = markdown(summary, language), pdf(summary, language)
    for secret in secrets:
        assert secret not in page and secret not in _text(data) and secret not in repr(summary)
    assert "NAME-1" in page and "[NAME-1]" in _text(data)
    named = summarise(state, language=language, made=MADE, own_words={"[NAME-1]": secrets[0]})
    assert secrets[0] in markdown(named, language) and secrets[0] in _text(pdf(named, language))
    assert "NAME-1" not in markdown(named, language) and "PHONE-1" in markdown(named, language)
    assert secrets[0] not in repr(state), "the state never learns it"


def test_a_name_that_is_put_back_is_text_too():
    summary = summarise(
        _state(*ENGLISH), language="en", made=MADE, own_words={"[NAME-1]": "<img src=x> ”\n# [a](http://b.c)"}
    )
    assert _only_ours(markdown(summary, "en"))


def test_what_is_left_of_a_date_is_said_in_days():
    parts = _parts(summarise(_state("It is a cough since 10/11/2026."), language="en", made=MADE))
    assert "DATE" not in parts["words"] and re.search(r"\[date: \d+ days before\]", parts["words"])


def _only_ours(page):
    """The page read as GitHub-like Markdown holds one heading, no HTML, no picture, and links only from angle brackets."""
    ours = set(re.findall(r"<(https?://[^>\s]+)>", page))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page)
    inner = [child for token in tokens for child in token.children or ()]
    headings = [token for token in tokens if token.type == "heading_open"]
    forbidden = {
        "html_block",
        "html_inline",
        "image",
        "code_inline",
        "fence",
        "code_block",
        "blockquote_open",
        "table_open",
        "hr",
        "ordered_list_open",
    }
    links = {child.attrGet("href") for child in inner if child.type == "link_open"}
    return len(headings) == 1 and not forbidden & {token.type for token in (*tokens, *inner)} and links <= ours


def test_hostile_text_stays_text_in_both():
    state = _state(HOSTILE)
    summary = summarise(state, language="en", made=MADE)
    page = markdown(summary, "en")
    assert _only_ours(page)
    assert "evil.example" not in page.replace("\\", "") and "javascript:alert" in page
    for label in ("Urgency given", "Medicines"):
        assert len([line for line in page.splitlines() if line.startswith(f"**{label}**")]) <= 1
    words = _parts(summary)["words"]
    assert words.count("“") == words.count("”") == 1, "the quotation is closed only where we close it"
    page.encode("utf-8")
    text = _pages(pdf(summary, "en"))
    assert len(text) == 1 and "<script>" in text[0] and "\x1b" not in text[0]


def test_the_pdf_is_one_tagged_titled_a4_page_of_real_text_in_reading_order():
    import pypdfium2

    for language, messages in (("en", ENGLISH), ("zh", CHINESE)):
        summary = summarise(_state(*messages, language=language), language=language, made=MADE)
        data = pdf(summary, language)
        document = pypdfium2.PdfDocument(io.BytesIO(data))
        assert len(document) == 1 and [round(side) for side in document[0].get_size()] == [595, 842]
        assert document.get_metadata_value("Title") == say(language, "summary_title")
        assert document.is_tagged()
        assert (b"/Lang (zh-CN)" if language == "zh" else b"/Lang (en)") in data
        text = _text(data)
        labels = [re.sub(r"\s+", "", say(language, f"summary_{part.name}")) for part in summary.parts]
        places = [text.index(label) for label in labels if text.count(label) == 1]
        assert places == sorted(places) and len(places) > 6
        for part in summary.parts:
            for item in part.items:
                assert re.sub(r"\s+", "", item.text) in text


def test_a_long_conversation_is_one_page_and_what_matters_is_whole():
    long = [
        f"I have pain in my knee number {n} since {n} days, it is very bad and I am tired, and it goes on and on {'and on ' * 40}. "
        f"Could it be cancer {n}? I also feel dizzy {n} and sick."
        for n in range(1, 40)
    ]
    kept = "I take metformin 500 mg twice a day. I am allergic to penicillin and sulfa and latex."
    for language, texts in (
        ("en", [*long, kept]),
        (
            "zh",
            [
                "我头痛三天了，" + "很难受，" * 400,
                *(f"我咳嗽{n}天了，" + "睡不好，" * 60 for n in range(1, 30)),
                *CHINESE,
            ],
        ),
    ):
        summary = summarise(_state(*texts, language=language), language=language, made=MADE)
        data = pdf(summary, language)
        assert len(_pages(data)) == 1
        page = _text(data)
        for part in summary.parts:
            if part.name in KEPT:
                for item in part.items:
                    assert re.sub(r"\s+", "", item.text) in page
        assert "…" in page
        assert len(markdown(summary, language)) < 9000


def test_what_is_never_shortened_makes_a_second_page_rather_than_be_cut():
    names = tuple(Item(f"“medicine number {n} 500 mg twice a day with food”") for n in range(300))
    summary = Summary(
        MADE, (Part("words", (Item("“ill”"),)), Part("medicines", names), Part("urgency", (Item("Emergency"),)))
    )
    data = pdf(summary, "en")
    assert len(_pages(data)) > 1
    for name in names:
        assert re.sub(r"\s+", "", name.text) in _text(data)
        assert name.text in markdown(summary, "en")


def test_shortening_ends_and_never_touches_what_is_kept():
    summary = Summary(
        MADE,
        tuple(
            Part(name, tuple(Item(f"“{name} {n} " + "word " * 50 + "”") for n in range(5)))
            for name in ("told", "denied", *sorted(KEPT))
        ),
    )
    first = {part.name: part for part in summary.parts}
    steps = 0
    while (shorter := shortened(summary)) is not None:
        assert sum(len(item.text) for part in shorter.parts for item in part.items) < sum(
            len(item.text) for part in summary.parts for item in part.items
        )
        summary, steps = shorter, steps + 1
    assert steps > 5
    for part in summary.parts:
        assert (part == first[part.name]) == (part.name in KEPT)
        assert all(item.text.count("“") == item.text.count("”") for item in part.items)


def test_what_was_told_first_and_last_outlives_a_long_list():
    told = tuple(Item(f"“complaint {n}”") for n in range(90))
    page = _text(pdf(Summary(MADE, (Part("told", told), Part("urgency", (Item("Emergency"),)))), "en"))
    assert "complaint0”" in page and "complaint89”" in page and "complaint45”" not in page and "…" in page


def test_a_complaint_told_again_and_again_stands_there_twice():
    state = _state(*(f"The headache is still there, since {n} days" for n in range(2, 9)))
    told = next(part for part in summarise(state, language="en", made=MADE).parts if part.name == "told")
    assert [re.findall(r"since (\d) days", item.text) for item in told.items] == [["2"], ["8"]]


def test_nothing_told_is_a_clear_error():
    for state in (
        ConversationState(id="x"),
        ConversationState(id="x", messages=(Message("user", " ?! "),), triage=Triage("unclear")),
    ):
        with pytest.raises(InputError, match="nothing to summarise"):
            summarise(state, language="en", made=MADE)


def test_twice_the_words_are_at_most_twice_the_work_and_still_one_page():
    """Work is counted in calls: a clock would count the machine's other work too."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    counted = []
    for times in (1, 20, 40, 80):
        state = _state("I have a headache for 3 days and take ibuprofen 400 mg, I am allergic to penicillin; " * times)
        calls, before = 0, sys.getprofile()
        sys.setprofile(count)
        try:
            summary = summarise(state, language="en", made=MADE)
            markdown(summary, "en")
        finally:
            sys.setprofile(before)
        counted.append(calls)
    assert len(_pages(pdf(summary, "en"))) == 1
    _, first, second, third = counted
    assert first < second and third - second < 2.2 * (second - first), counted


def _run(*arguments, home):
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", "summary", *map(str, arguments)], capture_output=True, text=True, cwd=home, check=False,
        timeout=120, env={**os.environ, "ANAMNESIS_HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
    )  # fmt: skip


def test_the_command_prints_markdown_and_writes_a_pdf(tmp_path):
    file, out = tmp_path / "talk.json", tmp_path / "page.pdf"
    told = [
        {"role": "user", "content": ENGLISH[0]},
        {"role": "assistant", "content": "Tell me more."},
        {"role": "user", "content": ENGLISH[1]},
    ]
    file.write_text(json.dumps({"messages": told}))
    done = _run("--messages", file, "--pdf", out, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.startswith("# Summary to take")
        and "metformin 500 mg" in done.stdout
        and "Johnson" not in done.stdout
    )
    assert len(_pages(out.read_bytes())) == 1
    assert sorted(path.name for path in tmp_path.glob("*.pdf*")) == ["page.pdf"]
    chinese = _run("--messages", file, "--language", "zh", home=tmp_path)
    assert chinese.returncode == 0 and chinese.stdout.startswith("# 就医摘要")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 1, "cannot be read"),
        ("{", 1, "cannot be read"),
        ("[]", 1, "has no messages"),
        ('{"messages": [{"role": "doctor", "content": "x"}]}', 1, "Message 1"),
        ('{"messages": [{"role": "user"}]}', 1, "Message 1"),
        ("no option", 2, "--messages"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, code, said):
    file = tmp_path / "talk.json"
    if content is not None:
        file.write_text(content)
    done = _run(*(() if content == "no option" else ("--messages", file)), home=tmp_path)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
