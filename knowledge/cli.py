"""`anamnesis knowledge build|add|remove|push|list|terms|check`. A composition root: it may import any package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from agent.config import load
from knowledge.errors import InputError, KnowledgeError
from knowledge.types import Document

if TYPE_CHECKING:
    from knowledge.sources.reading import BrokenInput, OnFault
    from retrieval.add import Counts
    from retrieval.vectors import faiss as near
    from retrieval.vectors.milvus import Kind


@click.group()
def knowledge() -> None:
    """What the agent knows."""


@knowledge.command()
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME[:PATH]",
    required=True,
    help="library, open-medicine, jsonl:PATH, path:PATH (any format), or a format by name; may be repeated.",
)
@click.option("--out", "folder", metavar="DIR", required=True, help="The index folder; replaced only when all is done.")
@click.option(
    "--vectors",
    "kind",
    type=click.Choice(["flat", "hnsw", "ivf-pq", "ivf-rabitq"]),
    help="How vectors are searched; else what suits their number (docs/retrieval.md).",
)
def build(sources: tuple[str, ...], folder: str, kind: near.Kind | None) -> None:
    """Make an index of one or more sources. Stopped, the same command goes on where it was. No document is dropped."""
    from knowledge.build import documents_of, files_identity
    from retrieval import index as index_module
    from retrieval.embedders import open_embedder
    from retrieval.embedders.shipped import vectors

    out = Path(folder).absolute()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", expected="a folder to make or replace")
    if out.is_dir() and any(out.iterdir()) and not _is_index(out):
        raise InputError(f"{out} holds other things than an index", remedy="Name a new or an index folder")
    embedder = open_embedder(load().embedder)
    faults: list[str] = []
    with _bar("document") as bar:
        index = index_module.build(
            documents_of(sources, on_fault=lambda fault: _told(faults, bar, fault)),
            embedder=embedder,
            out=out,
            known=vectors(embedder.id),
            identity=f"{embedder.id} {files_identity(sources)}",
            progress=lambda done, _: _to(bar, done),
            kind=kind,
        )
    count = sum(1 for _ in index.catalogue.documents())
    click.echo(json.dumps({"documents": count, "passages": len(index.passages), "out": folder}))
    if faults:
        raise KnowledgeError(
            f"{len(faults)} file(s) or record(s) could not be read; the others are in {folder}",
            remedy="Mend what is listed above and build again",
        )


@knowledge.command()
@click.argument("path", metavar="PATH")
@click.option(
    "--index", "folder", metavar="DIR", help="The index to add to; else your own, which starts as the library."
)
@click.option(
    "--licence", default="", help="The licence of what is added, where it does not say; shown in every citation."
)
@click.option(
    "--audience",
    type=click.Choice(["patient", "clinician", "both"]),
    help="Who may be shown it, where it does not say.",
)
@click.option(
    "--jurisdiction", default="", metavar="CODE", help="Where it holds (GB, US, CN ...), where it does not say."
)
def add(path: str, folder: str | None, licence: str, audience: str | None, jurisdiction: str) -> None:
    """Add a file, a folder or NAME:PATH to an index: MedQuAD, MedlinePlus, PubMed, PMC, openFDA, DailyMed, FHIR, PDF,
    DOCX, HTML, Markdown, text, JSON lines.

    The format is recognised by its content. Stopped, the same command goes on where it was; documents that are there
    already are not added twice; doubles are dropped and listed, and so are files that cannot be read.
    """
    from agent.build import build_library, own_index
    from retrieval.add import REPORT, Adder, add_documents
    from retrieval.embedders import open_embedder
    from retrieval.embedders.shipped import vectors

    settings = load()
    embedder = open_embedder(settings.embedder)
    target = Path(folder) if folder else own_index(settings.home)
    documents = _read(path, licence=licence, audience=audience, jurisdiction=jurisdiction)
    if not folder and not target.is_dir():
        build_library(target, embedder)
    name, colon, rest = path.partition(":")
    origin = (
        str(Path(path).absolute()) if Path(path).exists() else f"{name}{colon}{Path(rest).absolute() if rest else ''}"
    )
    adder = Adder(target, embedder=embedder, origin=origin, known=vectors(embedder.id))
    with _bar("document") as bar:
        counts = add_documents(
            documents(lambda fault: adder.broken(fault.where, f"{fault.what}. {fault.remedy}")),
            adder,
            progress=lambda counts: _to(bar, counts.documents, {"passages": counts.passages, **_named(counts)}),
        )
    row = {"documents": counts.documents, **_named(counts), "passages": counts.passages, "embedded": counts.embedded,
           "index": str(target)}  # fmt: skip
    click.echo(json.dumps(row))
    listed = [what for what in ("exact", "near", "twin", "broken", "updated") if counts.by.get(what)]
    if listed:
        click.echo(f"What was dropped, kept apart or broken is listed in {target / REPORT}", err=True)
    if counts.documents == 0:
        raise InputError(
            f"Nothing in {path} could be read", remedy=f"See {target / REPORT}" if listed else "Check the path"
        )
    if counts.by.get("broken"):
        raise KnowledgeError(
            f"{counts.by['broken']} file(s) or record(s) could not be read; the others were added",
            remedy=f"See {target / REPORT}, mend them and run the same command again",
        )


@knowledge.command()
@click.option(
    "--to",
    "target",
    metavar="milvus:URI[#COLLECTION]",
    required=True,
    help="milvus:http://HOST:19530 for a cluster, or milvus:FILE.db; the collection is anamnesis where none is named.",
)
@click.option("--index", "folder", metavar="DIR", help="The index; else the one that the settings name.")
@click.option(
    "--kind",
    type=click.Choice(["FLAT", "HNSW", "IVF_RABITQ"]),
    help="The kind of index; else FLAT in a file, IVF_RABITQ on a cluster, or what is there.",
)
@click.option("--shards", type=click.IntRange(1), default=1, show_default=True, help="Of a collection newly made.")
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True, help="Of a collection newly made.")
def push(target: str, folder: str | None, kind: Kind | None, shards: int, replicas: int) -> None:
    """Make an index's vectors the content of a collection in Milvus. Only what differs is sent; stopped, the same command
    goes on where it was. A collection of another embedder or kind is made anew. The token of a cluster is read from
    ANAMNESIS_MILVUS_TOKEN.
    """
    from agent.build import index_folder, open_index
    from retrieval.embedders import open_embedder
    from retrieval.push import push as push_index
    from retrieval.vectors.milvus import parsed

    to = parsed(target)
    settings = load(index=folder, vector_store="")
    if not settings.index:
        open_index(settings, open_embedder(settings.embedder)).catalogue.close()
    source = index_folder(settings)
    with _bar("passage") as bar:
        done = push_index(source, target, lambda at, of: _of(bar, at, of), kind=kind, shards=shards, replicas=replicas)
    row = {**asdict(done), "index": str(source), "to": to.uri, "collection": to.collection}
    click.echo(json.dumps(row))


@knowledge.command()
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option("--index", "folder", metavar="DIR", help="The index; else your own copy of the library.")
def remove(documents: tuple[str, ...], folder: str | None) -> None:
    """Remove documents from an index by their ids, at once and without making it again."""
    from agent.build import own_index
    from retrieval.add import Adder
    from retrieval.embedders import open_embedder

    settings = load()
    target = Path(folder) if folder else own_index(settings.home)
    adder = Adder(target, embedder=open_embedder(settings.embedder), origin="")
    missing = [document for document in documents if not adder.remove(document)]
    adder.close()
    click.echo(json.dumps({"removed": len(documents) - len(missing), "missing": missing, "index": str(target)}))
    if missing:
        raise InputError(
            f"{target} holds no {', '.join(missing)}", remedy="The id is what `anamnesis search` calls document"
        )


@knowledge.command("list")
@click.option("--source", "sources", multiple=True, metavar="NAME[:PATH]", default=("library",), show_default=True)
def list_documents(sources: tuple[str, ...]) -> None:
    """The documents of a source, one JSON object a line."""
    from knowledge.sources import open_source

    for spec in sources:
        for document in open_source(spec):
            row = {"id": document.id, "title": document.title, "language": document.language, "kind": document.kind,
                   "audience": document.audience, "published": document.published, "review_by": document.review_by,
                   "reviewed_by": document.reviewed_by, "sources": [source.url for source in document.sources]}  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))


@knowledge.command()
@click.argument("text")
def terms(text: str) -> None:
    """What the medical words of TEXT mean: one JSON object a word, with its names in both languages and what attests them."""
    from knowledge.terms import load_terms

    for mention in load_terms().find(text):
        meanings = [
            {"en": concept.en, "english": [*concept.english[1:], *concept.abbreviations], "chinese": list(concept.chinese),
             "broader": list(concept.broader), "icd10": concept.icd10, "sources": list(concept.sources)}
            for concept in mention.concepts
        ]  # fmt: skip
        row = {"word": mention.text, "start": mention.start, "end": mention.end, "meanings": meanings}
        click.echo(json.dumps(row, ensure_ascii=False))


@knowledge.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def check(folder: Path | None) -> None:
    """Check the library (or a FOLDER like it): format, sources, links, rules, reading grade, dates, doubles."""
    from knowledge.check import check_library
    from knowledge.sources.library import LIBRARY

    report = check_library(folder or LIBRARY)
    for fault in report.faults:
        click.echo(str(fault))
    click.echo(f"{report.topics} topics, {len(report.faults)} fault(s)", err=True)
    if report.faults:
        raise KnowledgeError(
            f"{len(report.faults)} fault(s) in {folder or LIBRARY}", remedy="Mend what is listed above"
        )


def _read(
    path: str, *, licence: str, audience: str | None, jurisdiction: str
) -> Callable[[OnFault], Iterator[tuple[str, Document]]]:
    """The documents of a path or `NAME:PATH`, with what was said of them where they do not say it themselves."""
    from knowledge.sources import FORMATS, open_source
    from knowledge.sources.reading import READERS, read_path

    name, _, rest = path.partition(":")
    named = name in {*READERS, *(fmt.name for fmt in FORMATS), "path"} and (bool(rest) or not Path(path).exists())
    if not named and not Path(path).exists():
        raise InputError(f"{path} is not there", expected="a file, a folder, or NAME:PATH", remedy="Check the path")

    def documents(on_fault: OnFault) -> Iterator[tuple[str, Document]]:
        pairs: Iterator[tuple[str, Document]] = (
            ((path, document) for document in open_source(path, on_fault=on_fault))
            if named
            else ((str(file), document) for file, document in read_path(Path(path), on_fault=on_fault))
        )
        for file, document in pairs:
            yield (
                file,
                replace(
                    document,
                    licence=document.licence or licence,
                    audience=audience if audience and document.audience == "both" else document.audience,
                    jurisdiction=document.jurisdiction or ((jurisdiction.upper(),) if jurisdiction else ()),
                ),
            )

    return documents


def _is_index(folder: Path) -> bool:
    """Whether a folder holds an index of ours, of any format, and so may be replaced."""
    if (folder / "passages.jsonl").exists():
        return True
    try:
        return {"format", "corpus", "embedder"} <= set(
            json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, TypeError):
        return False


def _named(counts: Counts) -> dict[str, int]:
    return {str(what): count for what, count in counts.by.items()}


def _told(faults: list[str], bar: Any, fault: BrokenInput) -> None:
    faults.append(fault.where)
    bar.write(f"{fault.where}: {fault.what}. {fault.remedy}", file=sys.stderr)


def _bar(unit: str) -> Any:
    from tqdm import tqdm

    return tqdm(unit=unit, disable=None, file=sys.stderr)


def _of(bar: Any, done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)


def _to(bar: Any, done: int, more: Mapping[str, int] = MappingProxyType({})) -> None:
    bar.update(done - bar.n)
    if more:
        bar.set_postfix(dict(more), refresh=False)
