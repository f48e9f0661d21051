"""The library that ships with the project: Markdown topics in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from knowledge.errors import KnowledgeError
from knowledge.markdown import read_topic
from knowledge.types import Document

LIBRARY = Path(__file__).parent.parent / "library"


def read(path: Path | None = None) -> Iterator[Document]:
    """Every topic, English first, by file name.

    Raises:
        KnowledgeError: the folder holds no topic, or one breaks the format.
    """
    root = path or LIBRARY
    files = topic_files(root)
    if not files:
        raise KnowledgeError(
            f"{root} holds no topics", expected="en/*.md and zh/*.md", remedy="Install the project again"
        )
    for file in files:
        yield read_topic(file)


def topic_files(root: Path = LIBRARY) -> list[Path]:
    """The topic files under `root`, in a stable order."""
    return [file for language in ("en", "zh") for file in sorted((root / language).glob("*.md"))]
