"""openFDA drug labels: a download or an answer of the interface (`results`), or one result a line; a Document a label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.sources.dates import read_date
from knowledge.sources.prose import Sections, rows, squeeze
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.safe_json import head_values, records
from knowledge.sources.streams import opened
from knowledge.types import Document, Source

DAILYMED = "https://dailymed.nlm.nih.gov/dailymed/drugInfo.cfm?setid="
_HEAD_BYTES = 64 * 1024
# Fields of a result that are no text of the label.
_NOT_TEXT = frozenset({
    "set_id", "id", "version", "effective_time", "openfda", "spl_product_data_elements",
    "package_label_principal_display_panel", "@epoch",
})  # fmt: skip
# Read before anything else where a label has them.
_FIRST = ("boxed_warning", "indications_and_usage", "purpose", "contraindications", "do_not_use", "warnings")


def read_openfda(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document a label: id `openfda:SETID`, a section for each field, brand and generic names as synonyms.

    Labels of medicines sold without prescription are written for the buyer (`both`); prescribing information is for
    clinicians, and its doses are not for a patient to act on. Labels for animals are reported and left out.
    """
    name = name or path.name
    with reported(name, on_fault):
        with opened(path) as stream:
            head = head_values(stream.read(_HEAD_BYTES))
        licence = squeeze(str(head.get("meta.license") or ""))
        # An answer holds its results in a list; a file of lines is the results themselves.
        places = ("results.item",) if "results" in head else ("", "item")
        with opened(path) as stream:
            for number, result in enumerate(records(stream, places), 1):
                stream.mark()
                where = f"{name}, result {number}"
                with reported(where, on_fault):
                    fault = _unusable(result)
                    if fault:
                        on_fault(BrokenInput(where, *fault))
                        continue
                    yield _document(result, licence)


def _unusable(result: dict[str, Any]) -> tuple[str, str] | None:
    if not isinstance(result.get("set_id"), str) or not result["set_id"].strip():
        return "has no set_id: it is not a drug label", "Give the files of the drug label endpoint"
    kinds = " ".join(_strings(_about(result).get("product_type"))).upper()
    if "ANIMAL" in kinds:
        return "is a label for animals", "Nothing to mend: it has no place among advice for people"
    return None


def _document(result: dict[str, Any], licence: str) -> Document:
    about = _about(result)
    set_id = result["set_id"].strip()
    brands, generics = _strings(about.get("brand_name")), _strings(about.get("generic_name"))
    substances = _strings(about.get("substance_name"))
    elements = " ".join(_strings(result.get("spl_product_data_elements")))
    title = _title(brands, generics) or elements[:80].rstrip() or f"Drug label {set_id}"
    published = read_date(str(result.get("effective_time") or ""))
    url = f"{DAILYMED}{set_id}"
    version = str(result.get("version") or "")
    over_the_counter = any("OTC" in kind.upper() for kind in _strings(about.get("product_type")))
    return Document(
        id=f"openfda:{set_id}",
        title=title,
        language="en",
        sections=_sections(result).build("label"),
        sources=(
            Source(
                id="label",
                organisation="; ".join(_strings(about.get("manufacturer_name"))[:3]) or "openFDA",
                title=f"{title}: label, version {version}" if version else f"{title}: label",
                year=int(published[:4]) if published else None,
                url=url,
                jurisdiction="US",
                licence=licence,
            ),
        ),
        url=url,
        kind="label",
        audience="both" if over_the_counter else "clinician",
        jurisdiction=("US",),
        published=published,
        synonyms=tuple(dict.fromkeys((*brands, *generics, *substances))),
        related=(f"dailymed:{set_id}",),
        licence=licence,
    )


def _sections(result: dict[str, Any]) -> Sections:
    sections = Sections()
    fields = [key for key in result if key not in _NOT_TEXT and not key.endswith("_table")]
    for key in sorted(fields, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST)):
        sections.heading(1, key.replace("_", " ").capitalize())
        for text in _strings(result[key]):
            sections.add(squeeze(text))
        # The text above holds the table too, as a row of words without columns; here it can be read.
        for table in _strings(result.get(f"{key}_table")):
            sections.heading(2, "Table")
            for row in _rows(table):
                sections.add(row)
        sections.heading(2, "")
    return sections


def _rows(table: str) -> list[str]:
    from lxml import html

    if not table.strip():
        return []
    root = html.fragment_fromstring(table, create_parent="div")
    return [row for found in root.iter("table") for row in rows(found)]


def _title(brands: tuple[str, ...], generics: tuple[str, ...]) -> str:
    brand, generic = (names[0] if names else "" for names in (brands, generics))
    if brand and generic and brand.lower() != generic.lower():
        return f"{brand} ({generic.lower()})"
    return brand or generic


def _about(result: dict[str, Any]) -> dict[str, Any]:
    about = result.get("openfda")
    return about if isinstance(about, dict) else {}


def _strings(value: Any) -> tuple[str, ...]:
    """A field's texts, whether it holds one or a list of them."""
    items = value if isinstance(value, list) else [value]
    return tuple(item.strip() for item in items if isinstance(item, str) and item.strip())
