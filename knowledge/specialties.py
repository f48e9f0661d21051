"""Which specialties a document belongs to, from `specialties.toml`: by its id, and by its ICD-10 codes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from knowledge.errors import KnowledgeError

_FILE = Path(__file__).with_suffix(".toml")
_CODE = re.compile(r"([A-Z])(\d\d)(?:\.(\d))?")


@dataclass(frozen=True, slots=True)
class Specialty:
    """A specialty: its name in each language, ICD-10 blocks ("I00-I52", "R07", "B37.0") and the documents listed for it."""

    id: str
    names: Mapping[str, str]
    blocks: tuple[str, ...]
    documents: frozenset[str]


@cache
def specialties() -> Mapping[str, Specialty]:
    """Every specialty by id, in the order of the file.

    Raises:
        KnowledgeError: a block is none.
    """
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = {
        id_: Specialty(id_, {"en": row["en"], "zh": row["zh"]}, tuple(row["icd10"]), frozenset(row["documents"]))
        for id_, row in data.items()
    }
    for each in found.values():
        for block in each.blocks:
            if not all(_CODE.fullmatch(end) for end in block.split("-")):
                raise KnowledgeError(
                    f"{_FILE.name}: {block!r} is no block of ICD-10", expected="such as I00-I52 or R07"
                )
    return found


def specialties_of(document: str, icd10: Iterable[str] = ()) -> frozenset[str]:
    """The specialties of a document by its id and its ICD-10 codes; empty where nothing tells."""
    listed = frozenset(
        each.id for each in specialties().values() if {document, document.partition("/")[0]} & each.documents
    )
    return listed | by_codes(icd10)


def by_codes(icd10: Iterable[str]) -> frozenset[str]:
    """The specialties whose blocks hold one of the codes."""
    codes = [code for code in icd10 if _CODE.match(code)]
    return frozenset(
        each.id
        for each in specialties().values()
        if any(_holds(block, code) for block in each.blocks for code in codes)
    )


@cache
def of_library() -> Mapping[str, frozenset[str]]:
    """The specialties of each document of the embedded library, by id. Reads the topics once (a second)."""
    from knowledge.build import EMBEDDED, documents_of

    return {document.id: specialties_of(document.id, document.icd10) for document in documents_of(EMBEDDED)}


def _holds(block: str, code: str) -> bool:
    """Whether a block holds a code; a block of one code with a digit behind the point holds that digit alone."""
    low, _, high = block.partition("-")
    if "." in low:
        return code.startswith(low)
    return low <= code[:3] <= (high or low)
