"""The rule data: complete, sourced, in both languages, with examples, and quick to load."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from agent.conditions import FLAGS, parse
from agent.matcher import Matcher
from agent.tokens import tokenize
from knowledge import rules
from knowledge.errors import KnowledgeError
from knowledge.rules import load_examples, load_lexicon, load_triage

FOLDER = Path(rules.__file__).parent
LEVELS = {"emergency", "urgent", "routine", "self_care"}
TELEPHONE = re.compile(r"(?<![\d/])(?:911|999|112|120|111|988|119|000|110)(?![\d/])")


def test_every_id_that_topics_refer_to_is_a_rule() -> None:
    library = FOLDER.parent / "library"
    ids = {rule.id for rule in load_triage().rules}
    named = set()
    for page in library.glob("*/*.md"):
        match = re.search(r"^red_flags:\s*\[(.*?)\]", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        if match:
            named |= {item.strip(" \"'\n") for item in match.group(1).split(",") if item.strip(" \"'\n")}
    assert named <= ids, sorted(named - ids)


def test_rules_are_complete() -> None:
    for rule in load_triage().rules:
        assert rule.level in LEVELS and rule.when, rule.id
        assert rule.source.url.startswith("http") and rule.source.checked and rule.source.opened, rule.id
        if rule.level == "emergency":
            assert rule.where in ("ambulance", "hospital", "maternity"), rule.id
        if rule.level == "urgent":
            assert rule.hours in (4, 24, 48), rule.id
        for texts in (rule.reason, rule.advice):
            assert not re.search(r"[\u4e00-\u9fff]", texts["en"]), rule.id
            assert re.search(r"[\u4e00-\u9fff]", texts["zh"]), rule.id


def test_no_text_shown_names_a_telephone_number() -> None:
    data = load_triage()
    shown = [text for rule in data.rules for both in (rule.reason, rule.advice) for text in both.values()]
    shown += [text for q in data.questions.values() for both in (q.ask, q.calling) for text in both.values()]
    shown += [text for both in data.texts.values() for text in both.values()]
    shown += [rule.source.title for rule in data.rules]
    assert [text for text in shown if TELEPHONE.search(text)] == []


def test_every_rule_has_examples_in_both_languages() -> None:
    examples = load_examples()
    for rule in load_triage().rules:
        for kind in ("positive", "negative"):
            for language in ("en", "zh"):
                assert len(examples[rule.id][kind][language]) >= 2, (rule.id, kind, language)
    assert set(examples) == {rule.id for rule in load_triage().rules}


def test_conditions_name_only_what_exists() -> None:
    known = {*load_lexicon().findings, *FLAGS}
    for rule in load_triage().rules:
        for text in rule.when:
            assert parse(text, known=known).parts, rule.id
    with pytest.raises(KnowledgeError, match="unknown term"):
        parse("chest_pain + no_such_thing", known=known)


def test_questions_lead_to_a_rule_and_a_level() -> None:
    ids = {rule.id for rule in load_triage().rules}
    asked = {spec.ask for spec in load_lexicon().findings.values() if spec.ask}
    assert asked == set(load_triage().questions)
    for question in load_triage().questions.values():
        assert question.yes in ids and question.no in LEVELS, question.id


@pytest.mark.parametrize("pattern", ["<no_such_class>", ".. chest", "my? .. chest", "chest.. pain", "!!!"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(KnowledgeError):
        Matcher({"x": [pattern]}, words={})


def test_traditional_characters_map_to_patterns_characters() -> None:
    traditional = load_lexicon().traditional
    assert len(traditional) > 400
    assert all(len(a) == len(b) == 1 and a != b for a, b in traditional.items())
    assert not set(traditional) & set(traditional.values())


def test_the_data_loads_quickly() -> None:
    load_lexicon.cache_clear()
    load_triage.cache_clear()
    started = time.process_time()
    load_lexicon()
    load_triage()
    assert time.process_time() - started < 0.5


def test_a_character_inside_a_compound_says_nothing_by_itself():
    matcher = Matcher({"blood": ["血"], "wee": ["尿"], "both": ["血 ..3 尿"], "pressure": ["血压"]}, words={}, compounds=("高血压", "糖尿病"))

    def found(text):
        return {match.id for match in matcher.match(tokenize(text))}

    assert found("高血压糖尿病") == {"pressure"}
    assert found("糖尿病，尿里有血") == {"wee", "blood"} and found("血从尿里来") == {"blood", "wee", "both"}


def test_every_compound_is_more_than_one_chinese_character_and_stands_once():
    compounds = load_lexicon().compounds
    assert len(set(compounds)) == len(compounds) > 50
    assert all(len(each) > 1 and all("\u4e00" <= char <= "\u9fff" for char in each) for each in compounds)
