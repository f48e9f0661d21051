"""`finetune evaluate`: one adapter in every form beside its base, on the same held-out examples, in one table.

Each variant's answers are written to a file as they come, so that a run that was stopped goes on; marks are counted from those
files, and can be counted again without any model. Intervals heed that examples of one topic are right or wrong together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from agent.prompts import prompts_hash
from agent.types import ChatModel, ChatRequest
from evals.metrics import clustered, holm, mean_interval, sign_test
from evals.results import plain
from evals.types import Measure
from finetune.adapter import base_of, needs, read_adapter, write_json, write_text
from finetune.examples import Example, json_lines, prompt, read_examples
from finetune.marks import MEASURES, marks
from finetune.variants import VARIANTS, Variant
from knowledge.errors import InputError, StoreError
from knowledge.store import sha256

FORMAT = "anamnesis.comparison/1"
MAX_TOKENS = 220
"""As the agent asks for (agent/config.py)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of one variant. `n` answers it applies to, in `clusters` topics."""

    n: int
    clusters: int
    value: float
    low: float
    high: float


def run_evaluate(
    folder: Path,
    *,
    examples: Path,
    home: Path,
    out: Path,
    variants: Sequence[str],
    n: int = 0,
    threads: int = 0,
    runs: Sequence[Path] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Write what is not yet written, mark everything, and return the table that `table.json` and `table.md` in `out` hold.

    `n` examples, evenly over the kinds and languages (0: all). `runs` are folders of `anamnesis eval run`, shown beside.

    Raises:
        InputError: an unknown variant, no examples, or a folder that holds another comparison.
        WeightsError, EngineError: a variant cannot be opened.
    """
    known = {variant.name: variant for variant in VARIANTS}
    if unknown := [name for name in variants if name not in known]:
        raise InputError(f"there is no variant {', '.join(unknown)}", expected=f"some of {', '.join(known)}")
    adapter = read_adapter(folder)
    asked = drawn(read_examples(examples), n)
    base = adapter.record.get("base", {})
    facts = {
        "adapter": adapter.name, "digest": adapter.digest, "base": base, "prompts": prompts_hash(), "max_tokens": MAX_TOKENS,
        "examples": {"path": str(examples), "sha256": sha256(examples), "n": len(asked),
                     "topics": len({example.topic for example in asked})},
    }  # fmt: skip
    _same_run(out, facts)
    for name in variants:
        file = out / f"{name}.jsonl"
        left = [example for example in asked if example.id not in written(file)]
        if left:
            opened = known[name].open
            needs("torch", "transformers", "peft", "gguf")
            with _closing(opened(adapter, base_of(adapter, home), home, out, threads)) as model:
                _write(file, model, left, note=lambda done, of, name=name: progress and progress(name, done, of))  # type: ignore[misc]
    rows = {name: written(out / f"{name}.jsonl") for name in variants}
    row = {"format": FORMAT, **facts, **table(asked, rows, [known[name] for name in variants]), "suites": suites(runs)}
    write_json(out / "table.json", plain(row))
    write_text(out / "table.md", as_markdown(row))
    return row


def drawn(examples: Sequence[Example], n: int) -> list[Example]:
    """`n` examples (0: all) in their order, taken in turns from each kind and language, so that none is left out."""
    if not n or n >= len(examples):
        return list(examples)
    queues: dict[tuple[str, str], list[int]] = {}
    for place, example in enumerate(examples):
        queues.setdefault((example.kind, example.language), []).append(place)
    taken: list[int] = []
    while len(taken) < n:
        for queue in queues.values():
            if queue and len(taken) < n:
                taken.append(queue.pop(0))
    return [examples[place] for place in sorted(taken)]


def written(file: Path) -> dict[str, dict[str, Any]]:
    """The answers in a variant's file, by example. A last line cut short by a kill is cut off."""
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8", errors="replace")
    whole, _, torn = text.rpartition("\n")
    if torn:
        write_text(file, whole + "\n" if whole else "")
    return {row["id"]: row for _, row in json_lines(file)}


def table(
    asked: Sequence[Example], outputs: Mapping[str, Mapping[str, Mapping[str, Any]]], variants: Sequence[Variant]
) -> dict[str, Any]:
    """The marks of every variant counted: a row a measure, paired tests with Holm's correction over a variant's measures."""
    marked = {
        variant.name: {
            example.id: marks(example, said["text"], finish=said["finish"])
            for example in asked
            for said in (outputs[variant.name][example.id],)
        }
        for variant in variants
    }
    topics = {example.id: example.topic for example in asked}
    groups = {"all": asked}
    for field in ("language", "kind", "audience"):
        values = sorted({str(getattr(example, field)) for example in asked})
        if len(values) > 1:
            groups |= {f"{field} {value}": [e for e in asked if getattr(e, field) == value] for value in values}
    counted = {
        group: {
            measure.name: {name: _as_row(rate(measure, held, [e.id for e in among], topics)) for name, held in marked.items()}
            for measure in MEASURES
        }
        for group, among in groups.items()
    }  # fmt: skip
    names = {variant.name for variant in variants}
    tests = {
        variant.name: {
            "against": variant.against,
            "measures": paired(marked[variant.against], marked[variant.name], topics),
        }
        for variant in variants
        if variant.against in names
    }
    spent = {
        name: {"seconds": sum(row["seconds"] for row in rows.values()), "tokens": sum(row["tokens"] or 0 for row in rows.values())}
        for name, rows in outputs.items()
    }  # fmt: skip
    return {
        "variants": {variant.name: variant.what for variant in variants},
        "measures": {measure.name: {"what": measure.what, "better": measure.better, "rate": measure.rate} for measure in MEASURES},
        "groups": counted, "paired": tests, "spent": spent,
    }  # fmt: skip


def rate(
    measure: Measure, marked: Mapping[str, Mapping[str, float]], ids: Sequence[str], topics: Mapping[str, str]
) -> Row:
    """A measure over the answers it applies to, with an interval that heeds topics; n 0 and NaN where it applies to none."""
    held = [(marked[id][measure.name], topics[id]) for id in ids if measure.name in marked[id]]
    if not held:
        return Row(0, 0, float("nan"), float("nan"), float("nan"))
    values, clusters = [value for value, _ in held], [topic for _, topic in held]
    # A share of sentences lies between 0 and 1 too; only a length has no bound.
    low, high = (mean_interval if measure.name == "length" else clustered)(values, clusters)
    return Row(len(values), len(set(clusters)), sum(values) / len(values), low, high)


def paired(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]], topics: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Each measure on the answers to which it applies both times: how many got better and worse, and whether that is chance.

    Examples of one topic have one vote together, so that they are no independent pairs; with one example a topic the test of a
    rate is McNemar's exact test. `p` after Holm, `verdict` better, worse or same at 0.05.
    """
    found: dict[str, dict[str, Any]] = {}
    for measure in MEASURES:
        both = [id for id in before if measure.name in before[id] and measure.name in after.get(id, {})]
        if not both:
            continue
        good = 1 if measure.better == "high" else -1
        moves = {id: (after[id][measure.name] - before[id][measure.name]) * good for id in both}
        votes: dict[str, float] = defaultdict(float)
        for id, move in moves.items():
            votes[topics[id]] += move
        gained, lost = sum(move > 0 for move in moves.values()), sum(move < 0 for move in moves.values())
        mean = good * sum(moves.values()) / len(both)
        found[measure.name] = {
            "n": len(both), "gained": gained, "lost": lost, "difference": mean, "p": sign_test(list(votes.values())),
            "better": sum(vote > 0 for vote in votes.values()) > sum(vote < 0 for vote in votes.values()),
        }  # fmt: skip
    for name, p in zip(found, holm([row["p"] for row in found.values()]), strict=True):
        way = "better" if found[name].pop("better") else "worse"
        found[name] |= {"p": p, "verdict": way if p < 0.05 else "same"}
    return found


def suites(runs: Sequence[Path]) -> dict[str, Any]:
    """The suites' numbers of other runs (`anamnesis eval run -M adapter=PATH`), by suite and measure, a column a run."""
    if not runs:
        return {}
    needs("inspect_ai")
    from evals.results import read_runs

    found: dict[str, Any] = {}
    for result in read_runs(runs):
        made_by = result.settings.get("made_by")
        for each in result.rates:
            row = found.setdefault(
                f"{result.suite} {each.measure}", {"what": each.what, "better": each.better, "runs": {}}
            )
            row["runs"][result.run] = {
                "n": each.n, "value": each.value, "low": each.low, "high": each.high, "subject": result.subject,
                "adapter": made_by.get("adapter", "") if isinstance(made_by, dict) else "",
            }  # fmt: skip
    return found


def as_markdown(row: Mapping[str, Any]) -> str:
    """The table for a reader: all examples, then by language, then the paired tests."""
    names = list(row["variants"])
    told = row["examples"]
    lines = [
        f"Adapter {row['adapter']} ({row['digest'][:12]}) on {row['base'].get('model')}, {told['n']} held-out examples in "
        f"{told['topics']} topics. Value, 95% interval, n. Bold: differs from its base, paired, p < 0.05 after Holm.",
        "",
    ]
    for group, counted in row["groups"].items():
        if group == "all" or group.startswith("language"):
            lines += [f"### {group}", "", f"| measure | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
            for measure, cells in counted.items():
                if any(cells[name]["n"] for name in names):
                    shown = [
                        _cell(cells[name], _verdict(row, name, measure) if group == "all" else "") for name in names
                    ]
                    lines.append(f"| {measure}: {row['measures'][measure]['what']} | {' | '.join(shown)} |")
            lines.append("")
    for name, test in row["paired"].items():
        said = [f"{m} {each['verdict']} ({each['gained']} gained, {each['lost']} lost, p {each['p']:.3g}, n {each['n']})"
                for m, each in test["measures"].items() if each["verdict"] != "same"]  # fmt: skip
        lines.append(f"- {name} beside {test['against']}: {'; '.join(said) or 'nothing differs beyond chance'}")
    if row.get("suites"):
        runs = list(dict.fromkeys(run for each in row["suites"].values() for run in each["runs"]))
        lines += ["", "### suites", "", f"| suite, measure | {' | '.join(runs)} |", "|---" * (len(runs) + 1) + "|"]
        lines += [
            f"| {name} ({each['better']} is better) | {' | '.join(_cell(each['runs'].get(run, {'n': 0})) for run in runs)} |"
            for name, each in row["suites"].items()
        ]
    return "\n".join(lines) + "\n"


def _verdict(row: Mapping[str, Any], name: str, measure: str) -> str:
    return str(row["paired"].get(name, {}).get("measures", {}).get(measure, {}).get("verdict", ""))


def _cell(cell: Mapping[str, Any], verdict: str = "") -> str:
    if not cell["n"]:
        return "n 0"
    mark = "**" if verdict in ("better", "worse") else ""
    digits = 1 if cell["high"] > 2 else 3
    said = f"{cell['value']:.{digits}f}"
    return f"{mark}{said}{mark} ({cell['low']:.{digits}f}-{cell['high']:.{digits}f}), {cell['n']}"


def _as_row(row: Row) -> dict[str, Any]:
    return {"n": row.n, "clusters": row.clusters, "value": row.value, "low": row.low, "high": row.high}


def _same_run(out: Path, facts: Mapping[str, Any]) -> None:
    file = out / "run.json"
    if file.is_file():
        held = json.loads(file.read_text(encoding="utf-8"))
        differs = sorted(name for name in facts if held.get(name) != plain(facts[name]))
        if differs:
            raise InputError(
                f"{out} holds a comparison with another {', '.join(differs)}", remedy="Name another folder with --out"
            )
    write_json(file, plain(facts))


def _write(file: Path, model: ChatModel, examples: Sequence[Example], *, note: Callable[[int, int], object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        for number, example in enumerate(examples):
            note(number, len(examples))
            row = {"id": example.id, **_answer(model, example)}
            try:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                stream.flush()
            except OSError as fault:
                raise StoreError(
                    f"{file} could not be written: {fault}", remedy="Make room and run the same command: it goes on"
                ) from fault
        note(len(examples), len(examples))


def _answer(model: ChatModel, example: Example) -> dict[str, Any]:
    began = perf_counter()
    request = ChatRequest(prompt(example), max_tokens=MAX_TOKENS, stop=("<<<", ">>>"))
    pieces = list(model.stream(request))
    last = pieces[-1]
    return {
        "text": "".join(piece.text for piece in pieces).strip(), "finish": last.finish, "tokens": last.completion_tokens,
        "seconds": round(perf_counter() - began, 3),
    }  # fmt: skip


@contextmanager
def _closing(model: ChatModel) -> Iterator[ChatModel]:
    try:
        yield model
    finally:
        model.close()
