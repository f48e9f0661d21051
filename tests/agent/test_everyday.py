"""What a tagger takes for an identifier and is none."""

from __future__ import annotations

from datetime import date

import pytest

from agent.identifiers.everyday import is_known, is_ordinary, is_rest
from agent.privacy import redact_once


@pytest.mark.parametrize(
    ("before", "said", "kind"),
    [
        ("call ", "116 123", "PHONE"), ("call ", "112", "PHONE"), ("打", "12356", "PHONE"), ("PMID ", "12345678", "ID"), ("国药准字", "H20123456", "ID"),
        ("took ", "Calpol", "NAME"), ("took ", "amlodipine", "NAME"), ("my ", "girlfriend", "NAME"), ("has ", "Crohn's disease", "NAME"),
        ("去", "三甲医院", "ORGANIZATION"), ("去", "社区卫生服务中心", "ORGANIZATION"), ("得了", "糖尿病", "NAME"), ("", "张口", "NAME"),
    ],
)  # fmt: skip
def test_public_numbers_medical_names_and_institutions_in_general_are_known(before: str, said: str, kind: str) -> None:
    assert is_known(before + said, len(before), len(before + said), kind)


@pytest.mark.parametrize(
    ("said", "kind"),
    [("07700 900142", "PHONE"), ("4471", "ID"), ("Bukky", "NAME"), ("张伟", "NAME"), ("st columba's hall", "ORGANIZATION"), ("协和医院", "ORGANIZATION"), ("三年二班", "ORGANIZATION")],
)  # fmt: skip
def test_what_points_at_somebody_is_not_known(said: str, kind: str) -> None:
    assert not is_known(said, 0, len(said), kind)


@pytest.mark.parametrize(("before", "said", "after", "kind"), [("末次", "月", "经", "DATE"), ("her ", "Crohn", "'s disease", "NAME"), ("", "黄", "疸三天", "NAME")])
def test_part_of_a_medical_name_is_known(before: str, said: str, after: str, kind: str) -> None:
    assert is_known(before + said + after, len(before), len(before + said), kind)


def test_a_last_period_and_the_day_beside_it_stay_readable() -> None:
    assert redact_once("末次月经2026年3月2日，预产期？", date(2026, 11, 23)).text == "末次月经[DATE-1 -266d]，预产期？"
    assert redact_once("last dose at 3pm on Monday 4 May 2026", date(2026, 11, 23)).text == "last dose at 3pm on Monday [DATE-1 -203d]"


def test_words_of_every_day_are_less_sure() -> None:
    assert is_ordinary("the sly") and is_ordinary("黄") and not is_ordinary("Hope") and not is_ordinary("bukky") and not is_ordinary("张伟")


def test_what_a_rule_left_over_tells_nothing_or_a_name() -> None:
    assert is_rest("on the ") and is_rest("在") and is_rest("s") and not is_rest(" Bloggs") and not is_rest("区28号")
