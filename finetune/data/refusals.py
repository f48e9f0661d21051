"""Refusals: requests of our policy bank's training split that are declined, the constant first, then who can help."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from evals.casebank import policy_cases
from finetune.data.draft import Draft
from finetune.data.show import Finder
from finetune.examples import declined

_FILE = Path(__file__).parent / "frames" / "refusals.toml"


def from_policy(finder: Finder, *, seed: int, most: int) -> Iterator[Draft]:
    """At most `most` a language, no two of one group of near-misses; passages are what the search gives, if anything.

    A request for papers or about patients often comes from those who work there, so both voices are used.
    """
    for language in ("en", "zh"):
        found = [case for case in policy_cases("train") if case.expect == "declined" and case.language == language]
        chance = random.Random(f"{seed} refusals {language}")
        seen: set[str] = set()
        made = 0
        for case in chance.sample(found, len(found)):
            if case.group in seen or len(case.text) > 420 or made >= most:
                continue
            seen.add(case.group)
            made += 1
            near = finder.near(case.text, language)[: chance.choice((0, 1, 2, 2, 3))] or finder.near(
                case.text, language, most=1
            )
            sentence = chance.choice(_of(case.kind)[language])
            opening = f"{declined(language)}. {sentence}" if language == "en" else f"{declined(language)}。{sentence}"
            yield Draft(
                "refusal", language, "clinician" if case.kind.startswith("ama") else "patient", near[0].document, case.text, (),
                f"policy:{case.group}", opening=opening, shown=near,
            )  # fmt: skip


def closings() -> frozenset[str]:
    """Every sentence that may follow the constant."""
    return frozenset(sentence for row in _table().values() for language in ("en", "zh") for sentence in row[language])


def _of(kind: str) -> dict[str, Any]:
    return next((row for row in _table().values() if kind in row["kinds"]), _table()["ethics"])


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
