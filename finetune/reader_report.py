"""Encoders of the learned reader side by side on the validation split, as it stands and told untidily.

`python -m finetune.reader_report FILE...`; without a file, those that ship. Untidy is the suite `robustness`'s own chatter and
slips (`evals.perturb`), of which training sees others (`finetune.noise`). The encoder alone is measured; the linear reader and the
rules that stand beside it are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from agent import adapted, readings, refine
from agent.privacy import redact_once
from agent.telling import telling
from evals import perturb
from evals.casebank import policy_cases, triage_cases

TOLD: Mapping[str, Callable[[str, str, int], str]] = {
    "as it stands": lambda text, language, seed: text,
    "chatter": perturb.chatter,
    "long": perturb.lengthened,
    "slips": perturb.typos,
}
COLUMNS = (
    "encoder", "told", "urgency: loss", "accepted", "emergencies read as one", "others", "policy: loss", "right",
    "raised of those to be met",
)  # fmt: skip


def main(files: Sequence[str]) -> int:
    """Print a row for each encoder and way of telling."""
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in files or [str(adapted.path_of(task)) for task in ("urgency", "policy")]:
        reader = adapted.Adapted(Path(name))
        for how, tell in TOLD.items():
            cells = [
                cell
                for task, columns, measure in (("urgency", 4, urgency), ("policy", 3, policy))
                for cell in (measure(reader, tell) if task in reader.tasks else ("",) * columns)
            ]
            print(f"| {name} | {how} | {' | '.join(cells)} |", flush=True)
    return 0


def urgency(reader: adapted.Adapted, tell: Callable[[str, str, int], str]) -> tuple[str, ...]:
    """The loss, and counts "n/of": accepted levels; emergencies at the served threshold or above, among emergencies and others."""
    losses, right, found = [], 0, {True: [0, 0], False: [0, 0]}
    cases = triage_cases("validation")
    for seed, case in enumerate(cases):
        told = tell(case.text, case.language, seed)
        shares = _shares(reader, telling(told, case.language))["urgency"]
        by_level = dict(zip(refine.LEVELS, shares.tolist(), strict=True))
        losses.append(sum(by_level[level] for level in case.accepted))
        right += max(by_level, key=by_level.__getitem__) in case.accepted
        count = found["emergency" in case.accepted]
        count[0] += by_level["emergency"] >= refine.EMERGENCY
        count[1] += 1
    return (_loss(losses), f"{right}/{len(cases)}", *(f"{count[0]}/{count[1]}" for count in found.values()))


def policy(reader: adapted.Adapted, tell: Callable[[str, str, int], str]) -> tuple[str, ...]:
    """The loss; how often the likeliest label is right; of messages to be met, those read as a crisis or to decline."""
    losses, right, raised, met = [], 0, 0, 0
    cases = policy_cases("validation")
    for seed, case in enumerate(cases):
        label = readings.label(case.expect, case.kind)
        given = dict(
            zip(readings.LABELS, _shares(reader, tell(case.text, case.language, seed))["policy"].tolist(), strict=True)
        )
        losses.append(given[label])
        right += max(given, key=given.__getitem__) == label
        if label == readings.MET:
            met += 1
            raised += bool(readings.crisis(given) or readings.refusal(given))
    return _loss(losses), f"{right}/{len(cases)}", f"{raised}/{met}"


def _shares(reader: adapted.Adapted, text: str) -> dict[str, Any]:
    """The probabilities of each task's labels, shape (labels,); the text redacted first, as a turn does."""
    logits = reader.logits(redact_once(text, date.today()).text)
    powers = {task: np.exp(row - row.max()) for task, row in logits.items()}
    return {task: row / row.sum() for task, row in powers.items()}


def _loss(shares: Sequence[float]) -> str:
    return f"{float(-np.log(np.maximum(shares, 1e-9)).mean()):.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
