"""`anamnesis knowledge build|add|list|check`. A composition root: it may import any package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from agent.config import load
from knowledge.errors import InputError, KnowledgeError


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
    help="library, or jsonl:PATH; may be repeated.",
)
@click.option("--out", "folder", metavar="DIR", required=True, help="The index folder; replaced only when all is done.")
def build(sources: tuple[str, ...], folder: str) -> None:
    """Make an index of one or more sources. Stopped, it goes on where it was: vectors are kept as they are made."""
    _build(sources, Path(folder))


@knowledge.command()
@click.argument("source", metavar="NAME:PATH")
@click.option("--index", "folder", metavar="DIR", required=True, help="The index to add to.")
def add(source: str, folder: str) -> None:
    """Add a source to an index. Passages that are there already are not added twice."""
    from knowledge.build import passages_of
    from retrieval import index as index_module
    from retrieval.embedders import open_embedder

    embedder = open_embedder(load().embedder)
    old = index_module.load(Path(folder), embedder=embedder.id)
    known = {passage.id for passage in old.passages}
    new = [passage for passage in passages_of([source]) if passage.id not in known]
    _index((*old.passages, *new), embedder, Path(folder))
    click.echo(json.dumps({"added": len(new), "passages": len(old.passages) + len(new)}))


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


def _build(sources: tuple[str, ...], folder: Path) -> None:
    from knowledge.build import passages_of
    from retrieval.embedders import open_embedder

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", expected="a folder to make or replace")
    if (
        folder.is_dir()
        and any(folder.iterdir())
        and not (folder / "manifest.json").exists()
        and not (folder / "passages.jsonl").exists()
    ):
        raise InputError(f"{folder} holds other things than an index", remedy="Name a new or an index folder")
    passages = tuple(passages_of(sources))
    _index(passages, open_embedder(load().embedder), folder)
    click.echo(
        json.dumps(
            {
                "documents": len({passage.document for passage in passages}),
                "passages": len(passages),
                "out": str(folder),
            }
        )
    )


def _index(passages: tuple[Any, ...], embedder: Any, folder: Path) -> None:
    from tqdm import tqdm

    from retrieval import index as index_module
    from retrieval.embedders.cache import VectorCache

    cache = VectorCache(embedder.id, home=load().home / "vectors")
    with tqdm(unit="passage", desc="embedding", disable=None, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        index_module.build(passages, embedder=embedder, out=folder, cache=cache, progress=progress)
