"""The encoder that tags what no rule foresaw: what it adds, what it leaves to rules, and what stays in memory."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from agent import identifiers
from agent.identifiers import learned
from agent.privacy import Redactor, redact_again, redact_once
from retrieval.embedders.encoder import weights

TODAY = date(2026, 11, 23)
NONE = len(learned.TYPES)


def _shares(*kinds: str) -> np.ndarray:
    rows = np.full((len(kinds), NONE + 1), 0.0, np.float32)
    for row, kind in zip(rows, kinds, strict=True):
        row[learned.TYPES.index(kind) if kind else NONE] = 1.0
    return rows


def test_every_token_knows_where_it_stands() -> None:
    tokenizer = weights().tokenizer
    for text in ("query: Hi, I'm  Danny O’Rourke", "query: 患者张建国，男，住朝阳区", "query: ①ﬁne \ud800 a\0b", " ", "query: "):
        ids, places = tokenizer.placed(text)
        assert ids == tokenizer.pieces(text) and len(ids) == len(places)
        assert all(0 <= start <= end <= len(text) for start, end in places)
        assert [place for place in places if place[0] < place[1]] == sorted(place for place in places if place[0] < place[1])
    text = "query: 患者张建国"
    assert "".join(text[start:end] for start, end in tokenizer.placed(text)[1]) == text.replace(" ", "")


def test_runs_are_joined_widened_to_words_and_cleared_of_marks() -> None:
    text = "its (Bukky Ade), ok"
    places = [(0, 3), (4, 5), (5, 8), (11, 14), (14, 16), (17, 19)]
    found = list(learned.spans(text, places, _shares("", "NAME", "NAME", "NAME", "NAME", ""), least=0.5))
    assert [(text[start:end], learned.TYPES[kind]) for start, end, kind in found] == [("Bukky Ade", "NAME")]
    assert not list(learned.spans(text, places, _shares("", "", "", "", "NAME", ""), least=0.5))  # a mark alone


def test_unlike_types_stay_apart_and_what_is_not_sure_stays() -> None:
    text = "Ann Leeds 12"
    places = [(0, 3), (4, 9), (10, 12)]
    shares = _shares("NAME", "LOCATION", "")
    shares[2, learned.TYPES.index("ID")], shares[2, NONE] = 0.4, 0.6
    found = [(text[start:end], learned.TYPES[kind]) for start, end, kind in learned.spans(text, places, shares, least=0.5)]
    assert found == [("Ann", "NAME"), ("Leeds", "LOCATION")]
    assert len(list(learned.spans(text, places, shares, least=0.3))) == 3


@pytest.fixture
def tagged(monkeypatch: pytest.MonkeyPatch):
    """The tagger made to say what a test wants, and what was forgotten."""
    said: dict[str, list[tuple[int, int, int]]] = {}
    forgotten: list[str] = []

    def rows(text: str) -> np.ndarray:
        return np.array(said.get(text, []), np.int32).reshape(-1, 3)

    monkeypatch.setattr(learned, "_rows", rows)
    monkeypatch.setattr(learned, "_RECENT", learned.Recent())
    monkeypatch.setattr(learned, "forget", forgotten.append)
    return said, forgotten


def test_rules_come_first_and_the_tagger_takes_what_they_left(tagged) -> None:
    said, _ = tagged
    text = "My name is Grace Okonkwo of blok seven, it hurts"
    said[text] = [(11, 38, learned.TYPES.index("ADDRESS"))]
    assert redact_once(text, TODAY).text == "My name is [NAME-1][ADDRESS-1], it hurts"


def test_a_placeholder_that_somebody_typed_is_never_taken_apart(tagged) -> None:
    said, _ = tagged
    text = "tell [NAME-1] that it hurts"
    said[text] = [(0, len(text), 0)]
    assert "[NAME-1]" in redact_once(text, TODAY).text


def test_a_text_with_an_identifier_is_forgotten_and_one_without_is_kept(tagged) -> None:
    said, forgotten = tagged
    said["ask bukky about it"] = [(4, 9, 0)]
    redact_once("ask bukky about it", TODAY)
    redact_once("mail me at a.b@example.org", TODAY)
    redact_once("my knee hurts when I run", TODAY)
    assert forgotten == ["ask bukky about it", "mail me at a.b@example.org"]


def test_a_name_that_was_tagged_once_keeps_its_placeholder(tagged) -> None:
    said, _ = tagged
    one = Redactor(TODAY)
    said["ask bukky"] = said["bukky hurt"] = []
    said["ask bukky"] = [(4, 9, 0)]
    said["and bukky again"] = [(4, 9, 0)]
    assert one.redact("ask bukky").text == "ask [NAME-1]" and one.redact("and bukky again").text == "and [NAME-1] again"


def test_texts_made_of_redacted_ones_are_read_by_rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(text: str) -> tuple:
        raise AssertionError("read again")

    monkeypatch.setattr(learned, "find", never)
    assert redact_again("mail a.b@example.org, my knee hurts", TODAY).text == "mail [EMAIL-1], my knee hurts"
    assert identifiers.find("", today=TODAY, rules_only=True) == ()


def test_what_is_read_of_a_long_text_has_an_end_and_no_text_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(learned, "_RECENT", learned.Recent())
    monkeypatch.setattr(learned, "_rows", lambda text: read.append(len(text)) or np.zeros((0, 3), np.int32))
    assert learned.find("x" * 50_000) == () and learned.find(" \n…") == ()
    assert read == [learned.MOST]


def test_a_text_that_could_not_be_read_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(learned, "_RECENT", learned.Recent())
    monkeypatch.setattr(learned, "forget", forgotten.append)
    monkeypatch.setattr(learned.Tagger, "shares", lambda self, text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learned.find("ask bukky")
    assert forgotten == ["ask bukky"]


@pytest.mark.parametrize(
    "text",
    [
        "My Crohn's is bad, 38.4 since Sunday, paracetamol 500 mg four times a day",
        "crushing chest pain going down my left arm for 40 minutes",
        "孩子发烧39度三天了，吃了布洛芬，还是咳嗽",
        "NEWS2 of 5, BP 92/60, SpO2 91%, GCS 14",
    ],
)
def test_what_triage_needs_is_never_tagged(text: str) -> None:
    assert redact_once(text, TODAY).text == text
