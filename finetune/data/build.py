"""The build: drafts shown and checked as the agent does it, cleaned, decontaminated, split and written; the manifest last."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agent.beliefs import PATH as BELIEFS
from agent.config import Settings
from agent.prompts import prompts_hash
from evals.casebank import FOLDER as CASES
from finetune.data import (
    clean,
    decontaminate,
    emergencies,
    form,
    grounded,
    intake,
    loaders,
    notfound,
    premises,
    refusals,
    singles,
    written,
)
from finetune.data.draft import Draft
from finetune.data.show import Finder, keyed, show
from finetune.data.split import splits
from finetune.data.topics import Topic, read_topics
from finetune.data.vectors import keep, remember
from finetune.data.voice import written as typed
from finetune.examples import SPLITS, Example, Shown, write_examples
from knowledge.build import embedded_identity
from knowledge.errors import InputError
from knowledge.types import Passage

FORMAT = "anamnesis.data/1"
SEED = 7
SHARE = 0.03
"""The largest share of the data that one hand-written frame may make."""
QUOTAS: Mapping[tuple[str, str], int] = {
    ("grounded", "en"): 1900, ("grounded", "zh"): 900, ("not_found", "en"): 420, ("not_found", "zh"): 210,
    ("false_premise", "en"): 300, ("false_premise", "zh"): 160, ("emergency", "en"): 300, ("emergency", "zh"): 150,
    ("intake", "en"): 230, ("intake", "zh"): 110, ("refusal", "en"): 150, ("refusal", "zh"): 110,
}  # fmt: skip
_PER_TOPIC = 14
_SAME_FIRST = 2
_BENCH = Path(__file__).parents[3] / "shared" / "bench"
Say = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """What was kept and what fell, and why."""

    dropped: Counter[str] = field(default_factory=Counter)
    moulds: Counter[str] = field(default_factory=Counter)
    firsts: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)


def run_data(
    settings: Settings,
    *,
    out: Path | None = None,
    seed: int = SEED,
    loaded: Sequence[tuple[str, Path, str]] = (),
    quotas: Mapping[tuple[str, str], int] = QUOTAS,
    bench: Path = _BENCH,
    say: Say = lambda text: None,
) -> Path:
    """Build the data into `out` ($ANAMNESIS_HOME/finetune/data); returns the folder. `loaded`: (format, file, licence).

    Raises:
        InputError: a written or loaded file that is not usable; file, line and field are named.
        IndexFault, ConfigError: the agent's index or settings cannot be used.
    """
    folder = out or settings.home / "finetune" / "data"
    finder = _finder(settings)
    topics = read_topics()
    kept_vectors = settings.home / "finetune" / "cache" / "vectors.npz"
    remember(kept_vectors, finder.embedder)
    cap = max(2, int(SHARE * 0.8 * sum(quotas.values())))
    tally = Tally()
    examples = list(_written(topics, tally))
    for kind, language, drafts in _pools(topics, finder, seed=seed, say=say):
        examples += _chosen(drafts, kind, language, quotas.get((kind, language), 0), cap, finder, tally, seed=seed)
    for name, path, licence in loaded:
        examples += loaders.load(name, path, licence=licence)
    identified = 0
    cleaned = []
    for example in examples:
        safe, found = clean.redacted(example)
        identified += found
        if found and not example.origin.startswith("loaded:"):
            # Nobody is named in what we wrote: what the redactor sees there reads badly without it.
            tally.dropped[f"{example.kind}: reads as if it named somebody"] += 1
            continue
        cleaned.append(safe)
    kept, duplicates = clean.unique(cleaned)
    say(f"{len(kept)} examples; comparing them with the eval sets")
    sets = decontaminate.eval_sets([("evals/cases", CASES), *([("bench", bench)] if bench.is_dir() else [])])
    near = decontaminate.contaminated(kept, sets, finder.embedder)
    keep(kept_vectors, finder.embedder)
    kept = [example for example, why in zip(kept, near, strict=True) if not why]
    where = splits(topics, finder.embedder, seed=seed)
    kept = [replace(example, split=where.get(example.topic, "train")) for example in kept]
    report = {
        "dropped": dict(sorted(tally.dropped.items())),
        "duplicates": duplicates,
        "identifiers_redacted": identified,
        "decontamination": _compared(sets, near),
    }
    _write(folder, kept, topics, report, seed=seed, loaded=loaded, settings=settings)
    return folder


def check_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of built data whose files are still what was built, for the prompts that are served now.

    Raises:
        InputError: no manifest (a build that was stopped), a changed file, or other prompts.
    """
    path = folder / "manifest.json"
    remedy = "Build it again with: anamnesis finetune data"
    if not path.is_file():
        raise InputError(f"{folder} holds no manifest.json, so its build was not finished", remedy=remedy)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise InputError(f"{path} cannot be read: {fault}", remedy=remedy) from fault
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path} is no manifest of training data", expected=f'"format": "{FORMAT}"', remedy=remedy)
    if manifest["prompts"] != prompts_hash():
        raise InputError(
            f"{folder} was built with other prompts ({manifest['prompts']})", expected=prompts_hash(), remedy=remedy
        )
    for name, facts in manifest["files"].items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != facts["sha256"]:
            raise InputError(f"{file} is not the file that was built", expected=facts["sha256"], remedy=remedy)
    return manifest


def _finder(settings: Settings) -> Finder:
    from agent.build import build_library, library_index
    from knowledge.errors import IndexFault
    from retrieval import index as index_module
    from retrieval.embedders import open_embedder

    embedder = open_embedder(settings.embedder)
    folder = library_index(settings.home)
    try:
        index = index_module.load(folder, embedder=embedder.id, made_from=embedded_identity())
    except IndexFault:
        index = build_library(folder, embedder)
    return Finder(index, embedder, settings)


def _pools(topics: Sequence[Topic], finder: Finder, *, seed: int, say: Say) -> Iterator[tuple[str, str, list[Draft]]]:
    sections, single = list(grounded.from_sections(topics, seed=seed)), list(singles.from_sentences(topics, seed=seed))
    makers: dict[str, Callable[[], Iterable[Draft]]] = {
        "false_premise": lambda: [*premises.from_beliefs(topics, finder, seed=seed), *premises.from_donts(topics, seed=seed)],
        "emergency": lambda: [
            *emergencies.from_cases(topics, finder, seed=seed, most=70), *emergencies.from_signs(topics, seed=seed),
        ],
        "intake": lambda: intake.from_topics(topics, seed=seed),
        "refusal": lambda: refusals.from_policy(finder, seed=seed, most=200),
        "grounded": lambda: [*sections, *single],
        "not_found": lambda: [
            *notfound.from_subjects(topics, finder, seed=seed), *notfound.from_sides(topics, finder, seed=seed, most=120),
            *notfound.from_others(sections, topics, finder, seed=seed, most=280),
        ],
    }  # fmt: skip
    for kind, make in makers.items():
        say(f"drafting {kind}")
        drafts = list(make())
        for language in ("en", "zh"):
            mine = [draft for draft in drafts if draft.language == language]
            yield kind, language, random.Random(f"{seed} {kind} {language}").sample(mine, len(mine))


def _chosen(
    drafts: Sequence[Draft], kind: str, language: str, quota: int, cap: int, finder: Finder, tally: Tally, *, seed: int
) -> Iterator[Example]:
    made = 0
    bar = tqdm(total=quota, desc=f"{kind} {language}", file=sys.stderr, leave=False)
    for draft in drafts:
        if made >= quota:
            break
        mould = f"{language} {re.sub(r'^(?:around|sentence):', '', draft.mould)}"
        first = draft.said[0][0] if draft.said else ""
        topic = f"{kind} {draft.topic}"
        question = typed(draft.question, draft.language, random.Random(f"{seed} typed {draft.question}"))
        if draft.mould.startswith(("case:", "policy:", "belief:")):
            question = draft.question
        over = (
            tally.moulds[mould] >= cap
            or tally.topics[topic] >= _PER_TOPIC
            or (first and tally.firsts[first] >= _SAME_FIRST)
        )
        if over or clean.plain(question) in tally.asked:
            continue
        shown = show(replace(draft, question=question), finder, seed=seed)
        if shown is None or (draft.said and not shown):
            tally.dropped[f"{kind}: its passages do not fit"] += 1
            continue
        example = _example(draft, question, shown, keyed(draft, shown))
        if why := form.fault(example, shown):
            tally.dropped[f"{kind}: {re.sub(r'unsupported: .*', 'unsupported', why)}"] += 1
            continue
        tally.moulds[mould] += 1
        tally.firsts[first] += 1
        tally.topics[topic] += 1
        tally.asked.add(clean.plain(question))
        made += 1
        bar.update()
        yield example
    bar.close()


def _written(topics: Sequence[Topic], tally: Tally) -> Iterator[Example]:
    for draft, answer in written.from_files(topics, written.files()):
        example = _example(draft, draft.question, draft.shown, answer)
        if why := form.fault(example, draft.shown):
            tally.dropped[f"written: {re.sub(r'unsupported: .*', 'unsupported', why)} ({draft.id})"] += 1
            continue
        tally.asked.add(clean.plain(draft.question))
        yield example


def _example(draft: Draft, question: str, shown: Sequence[Passage], answer: str) -> Example:
    marked = hashlib.sha256("\x1f".join((draft.kind, draft.language, draft.audience, question)).encode()).hexdigest()[
        :12
    ]
    return Example(
        id=draft.id or f"{draft.language}-{draft.kind.replace('_', '-')}-{marked}",
        kind=draft.kind,
        language=draft.language,
        audience=draft.audience,
        topic=draft.topic,
        question=question,
        passages=tuple(Shown(each.id, each.title, each.heading, each.text) for each in shown),
        answer=answer,
        origin=draft.origin,
        licence=draft.licence,
    )


def _compared(sets: Sequence[decontaminate.EvalSet], near: Sequence[str]) -> list[dict[str, Any]]:
    fell = Counter(near)
    return [
        {
            "set": each.name,
            "sha256": each.sha256,
            "questions": len(each.asked),
            "dropped_13_in_a_row": fell[f"{each.name}: 13 in a row"],
            "dropped_asked_alike": fell[f"{each.name}: asked alike"],
        }
        for each in sets
    ]


def _write(
    folder: Path, examples: Sequence[Example], topics: Sequence[Topic], report: dict[str, Any], *, seed: int,
    loaded: Sequence[tuple[str, Path, str]], settings: Settings,
) -> None:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    files: dict[str, Any] = {}
    for split in SPLITS:
        chosen = sorted((example for example in examples if example.split == split), key=lambda example: example.id)
        random.Random(f"{seed} order {split}").shuffle(chosen)
        write_examples(folder / f"{split}.jsonl", chosen)
        files[f"{split}.jsonl"] = {
            "sha256": hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest(),
            "examples": len(chosen),
            "counts": _counts(chosen),
        }
    sources = [
        {"name": "knowledge/library", "sha256": embedded_identity(), "licence": "Apache-2.0", "topics": len(topics)}
    ]
    for path in (*written.files(), CASES / "triage" / "train.jsonl", CASES / "policy" / "train.jsonl", BELIEFS):
        sources.append(
            {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "licence": "Apache-2.0"}
        )
    for name, path, licence in loaded:
        sources.append(
            {"name": f"{name}:{path.name}", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "licence": licence}
        )
    manifest = {
        "format": FORMAT, "seed": seed, "prompts": prompts_hash(), "embedder": settings.embedder, "examples": len(examples),
        "counts": _counts(examples), "files": files, "sources": sources, **report,
    }  # fmt: skip
    part = folder / "manifest.json.part"
    part.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / "manifest.json")


def _counts(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    return {
        name: dict(sorted(Counter(str(getattr(example, name)) for example in examples).items()))
        for name in ("kind", "language", "audience", "origin")
    } | {"kind_language": dict(sorted(Counter(f"{example.kind} {example.language}" for example in examples).items()))}
