"""A sentence for the person it is said to."""

from __future__ import annotations

import pytest

from agent.types import Facts
from agent.whom import fits


@pytest.mark.parametrize(
    ("text", "age", "language", "kept"),
    [
        ("An adult can take two 500 mg tablets.", 3, "en", False),
        ("An adult can take two 500 mg tablets.", 30, "en", True),
        ("An adult can take two 500 mg tablets.", None, "en", True),
        ("A child's dose depends on weight.", 3, "en", True),
        ("Adults and children can drink this.", 3, "en", True),
        ("Take a baby under 3 months to hospital.", 60, "en", False),
        ("Get help for thoughts of harming yourself or your baby.", 30, "en", True),
        ("Drink water.", 3, "en", True),
        ("成人每次一片。", 5, "zh", False),
        ("三个月以下婴儿立即去急诊。", 50, "zh", False),
        ("三个月以下婴儿立即去急诊。", None, "zh", True),
        ("出现想伤害自己或孩子的念头。", 28, "zh", True),
        ("An adult can take two 500 mg tablets.", 14, "en", True),
    ],
)
def test_who_it_is_about(text, age, language, kept):
    assert fits(text, Facts(age_years=age), language) is kept
