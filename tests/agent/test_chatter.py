"""Words about something else, before or behind a complaint, change neither what rules call an emergency nor what is mild."""

from __future__ import annotations

import json
import zlib
from datetime import date
from functools import cache
from pathlib import Path

import pytest

import evals
from agent.privacy import redact_once
from agent.triage import triage

TRAIN = Path(evals.__file__).parent / "cases" / "triage" / "train.jsonl"
DAY = date(2026, 11, 23)
RANK = {"self_care": 0, "routine": 1, "unclear": 1.5, "urgent": 2, "emergency": 3}
EACH = 60
ASIDE = (
    "The bus was late again this morning.",
    "My neighbour is painting his fence green.",
    "We watched a cooking show last night.",
    "I have two cats and a noisy budgie.",
    "Thanks for reading, sorry it is so long.",
    "It has rained here all week and the garden loves it.",
    "今天公交车又晚点了。",
    "邻居家正在装修，吵得很。",
    "昨晚看了个做菜的节目。",
    "我家养了两只猫和一只鹦鹉。",
    "谢谢您抽空看，打扰了。",
    "这里下了一个礼拜的雨，院子里的花开得真好。",
)


def _level(text: str) -> str:
    safe = redact_once(text, DAY)
    return triage((safe,), "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en").level


@cache
def _told(kind: str) -> list[tuple[str, str]]:
    """Train messages with the level that rules give: emergencies they find, and mild ones that they leave mild."""
    rows = [json.loads(line) for line in TRAIN.read_text(encoding="utf-8").splitlines()]
    # The fifth and sixth series are everyday talk already: one more aside there is measured (`bench_safety --split chatty`), not tested.
    rows = [row for row in rows if not row["scenario"].startswith(("x5", "x6"))]
    wanted = [row for row in rows if (row["accepted"] == ["emergency"]) == (kind == "emergency")]
    if kind == "mild":
        wanted = [row for row in wanted if not {"emergency", "urgent", "unclear"} & set(row["accepted"])]
    texts = sorted(
        (message["text"].strip() for row in wanted for language in ("en", "zh") for message in row[language][:1]),
        key=lambda text: zlib.crc32(text.encode()),
    )
    found: list[tuple[str, str]] = []
    for text in texts:
        level = _level(text)
        if (level == "emergency") if kind == "emergency" else level in ("self_care", "routine"):
            found.append((text, level))
        if len(found) == EACH:
            break
    return found


@pytest.mark.parametrize("aside", ASIDE)
def test_an_aside_lowers_no_emergency_and_raises_nothing_mild(aside: str) -> None:
    wrong = []
    for kind in ("emergency", "mild"):
        for number, (text, level) in enumerate(_told(kind)):
            said = f"{aside}\n{text}" if (number + len(aside)) % 2 else f"{text}\n{aside}"
            now = _level(said)
            if RANK[now] < RANK[level] if kind == "emergency" else RANK[now] > RANK[level]:
                wrong.append((level, now, said[:200]))
    assert wrong == []
