"""DailyMed labels: SPL, the HL7 v3 XML a manufacturer files; one file, one Document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import InputError
from knowledge.sources.dates import read_date
from knowledge.sources.language import code_of
from knowledge.sources.openfda import DAILYMED
from knowledge.sources.prose import Markup, Sections, blocks, local, squeeze, text_of, words
from knowledge.sources.reading import OnFault, reported
from knowledge.sources.safe_xml import parse
from knowledge.sources.streams import read_bytes
from knowledge.types import Document, Source

if TYPE_CHECKING:
    from lxml import etree

# An SPL file says nothing of a licence; this is what it is (dailymed.nlm.nih.gov, "About DailyMed").
LICENCE = "As submitted to the FDA by the manufacturer; no licence is stated in the file"
MARKUP = Markup(
    blocks=words("paragraph list item caption table content-block footnote text excerpt"),
    dropped=frozenset({"renderMultiMedia", "observationMedia", "footnoteRef"}),
    items=frozenset({"item"}),
)
# LOINC codes of sections (document types below), for those that come without a title.
_SECTIONS = {
    "34066-1": "Boxed warning", "34067-9": "Indications and usage", "34068-7": "Dosage and administration",
    "34069-5": "How supplied", "34070-3": "Contraindications", "34071-1": "Warnings", "34072-9": "General precautions",
    "34073-7": "Drug interactions", "34076-0": "Information for patients", "34080-2": "Nursing mothers",
    "34081-0": "Pediatric use", "34082-8": "Geriatric use", "34084-4": "Adverse reactions",
    "34088-5": "Overdosage", "34089-3": "Description", "34090-1": "Clinical pharmacology",
    "42228-7": "Pregnancy", "42232-9": "Precautions", "42231-1": "Medication guide",
    "42230-3": "Patient package insert", "43684-0": "Use in specific populations", "43685-7": "Warnings and precautions",
    "50565-1": "Keep out of reach of children", "50566-9": "Stop use", "50567-7": "When using",
    "50568-5": "Ask a doctor or pharmacist", "50569-3": "Ask a doctor", "50570-1": "Do not use",
    "55105-1": "Purpose", "55106-9": "Active ingredient", "51727-6": "Inactive ingredient", "53413-1": "Questions",
    "59845-8": "Instructions for use",
}  # fmt: skip
# Lists of codes and pictures of packs.
_NOT_TEXT = frozenset({"48780-1", "51945-4"})
_OVER_THE_COUNTER = frozenset({"34390-5"})
_ANIMAL = frozenset(
    {"50577-6", "50578-4", "50571-9", "50572-7", "50573-5", "50574-3", "50575-0", "50576-8", "104091-4"}
)


def read_dailymed(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The label: id `dailymed:SETID`, sections under their titles, brand and generic names as synonyms, the marketing
    category (NDA, unapproved drug other...) as `evidence_grade`. Audience as in `read_openfda`."""
    name = name or path.name
    with reported(name, on_fault):
        root = parse(read_bytes(path))
        if local(root) == "ClinicalDocument":
            raise InputError(
                "holds a person's record (ClinicalDocument), which has no place in a library",
                remedy="Keep it in the clinic's own system",
            )
        if _code(root) in _ANIMAL or "ANIMAL" in _display(root).upper():
            raise InputError(
                "is a label for animals", remedy="Nothing to mend: it has no place among advice for people"
            )
        set_id = _attribute(root, "setId", "root")
        if not set_id:
            raise InputError("has no setId: it is not an SPL label", remedy="Give the XML files of DailyMed")
        yield _document(root, set_id)


def _document(root: etree._Element, set_id: str) -> Document:
    sections = Sections()
    for section in _sections_in(root):
        _read(section, sections, 1)
    built = sections.build("label")
    brands, generics, grades = _names(root)
    title = _title(root, brands, generics)
    published = read_date(_attribute(root, "effectiveTime", "value"))
    version = _attribute(root, "versionNumber", "value")
    maker = next((text_of(name) for name in root.iterfind("{*}author//{*}representedOrganization/{*}name")), "")
    url = f"{DAILYMED}{set_id}"
    declared = _attribute(root, "languageCode", "code")
    return Document(
        id=f"dailymed:{set_id}",
        title=title,
        language=code_of(declared, " ".join(section.text for section in built[:20])),
        sections=built,
        sources=(
            Source(
                id="label",
                organisation=maker or "DailyMed",
                title=f"{title}: label, version {version}" if version else f"{title}: label",
                year=int(published[:4]) if published else None,
                url=url,
                jurisdiction="US",
                licence=LICENCE,
            ),
        ),
        url=url,
        kind="label",
        audience="both" if _code(root) in _OVER_THE_COUNTER else "clinician",
        jurisdiction=("US",),
        published=published,
        synonyms=tuple(dict.fromkeys((*brands, *generics))),
        related=(f"openfda:{set_id}",),
        evidence_grade="; ".join(grades),
        licence=LICENCE,
    )


def _read(section: etree._Element, out: Sections, depth: int) -> None:
    if _code(section) in _NOT_TEXT:
        return
    heading = text_of(section.find("{*}title")) or _SECTIONS.get(_code(section), "")
    # "SPL UNCLASSIFIED SECTION" is the code's name for "none of the others": it heads nothing.
    if not heading and "UNCLASSIFIED" not in _display(section).upper():
        heading = _display(section).capitalize()
    out.heading(depth, heading)
    text = section.find("{*}text")
    if text is not None:
        for _, words in blocks(text, MARKUP):
            out.add(words)
    for inner in section.iterfind("{*}component/{*}section"):
        _read(inner, out, depth + 1)


def _sections_in(root: etree._Element) -> Iterator[etree._Element]:
    yield from root.iterfind("{*}component/{*}structuredBody/{*}component/{*}section")


def _names(root: etree._Element) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Brand names, generic names (and active substances), marketing categories; each once, in order."""
    brands: list[str] = []
    generics: list[str] = []
    grades: list[str] = []
    for product in root.iter("{*}manufacturedProduct", "{*}manufacturedMedicine"):
        brands += [text_of(product.find("{*}name"))]
        generics += [text_of(name) for name in product.iterfind("{*}asEntityWithGeneric/{*}genericMedicine/{*}name")]
        grades += [_display(approval) for approval in product.iterfind("{*}subjectOf/{*}approval")]
        for ingredient in product.iterfind("{*}ingredient"):
            # ACTIB, ACTIM, ACTIR: active, by the basis of its strength. IACT is what it is made up with.
            if ingredient.get("classCode", "").startswith("ACT"):
                generics.append(text_of(ingredient.find("{*}ingredientSubstance/{*}name")))
        for name in product.iterfind("{*}activeIngredient/{*}activeIngredientSubstance/{*}name"):
            generics.append(text_of(name))
    return (
        tuple(dict.fromkeys(filter(None, brands))),
        tuple(dict.fromkeys(filter(None, generics))),
        tuple(dict.fromkeys(filter(None, grades))),
    )


def _title(root: etree._Element, brands: tuple[str, ...], generics: tuple[str, ...]) -> str:
    """The names; a label's own title is often half a page of the law's words."""
    brand, generic = (names[0] if names else "" for names in (brands, generics))
    if brand and generic and brand.lower() != generic.lower():
        return f"{brand} ({generic.lower()})"
    return brand or generic or text_of(root.find("{*}title"))[:120] or "Drug label"


def _code(element: etree._Element) -> str:
    return _attribute(element, "code", "code")


def _display(element: etree._Element) -> str:
    return _attribute(element, "code", "displayName")


def _attribute(element: etree._Element, child: str, name: str) -> str:
    found = element.find("{*}" + child)
    return squeeze(found.get(name, "")) if found is not None else ""
