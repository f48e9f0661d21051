"""`anamnesis search`. A composition root: it may import any package."""

from __future__ import annotations

from typing import Any

import click

from agent.batch import run_each
from agent.config import load
from retrieval.types import Filters, Mode


@click.command()
@click.argument("text", required=False)
@click.option("--batch", "source", metavar="IN", help='JSON lines {"id","text"}; "-" is standard input.')
@click.option("--out", "target", metavar="OUT", default="-", show_default=True)
@click.option("--index", "folder", metavar="DIR", help="An index of `knowledge build`; else the embedded library.")
@click.option("--k", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many documents.")
@click.option("--mode", type=click.Choice(["bm25", "dense", "hybrid"]), default="hybrid", show_default=True)
@click.option("--language", type=click.Choice(["en", "zh"]), default=None, help="Only passages in this language.")
def search(
    text: str | None, source: str | None, target: str, folder: str | None, k: int, mode: Mode, language: str | None
) -> None:
    """The best passage of each of the K best documents for TEXT."""
    from agent.build import open_index
    from agent.rows import search_rows
    from retrieval.embedders import open_embedder
    from retrieval.search import search as find

    settings = load(index=folder)
    embedder = open_embedder(settings.embedder)
    index = open_index(settings, embedder)

    def work(row: dict[str, Any]) -> dict[str, Any]:
        found = find(index, row["text"], embedder=embedder, k=k, mode=mode, filters=Filters(language=language or ""))
        return {"id": row["id"], "hits": search_rows(found)}

    identity = f"search {index.corpus} {embedder.id} {k} {mode} {language}"
    run_each(work, text, source, target, identity=identity)
