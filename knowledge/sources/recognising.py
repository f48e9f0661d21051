"""Which format a file is in, by its content: magic bytes, the root element, the keys of its JSON; the name comes last."""

from __future__ import annotations

import zipfile
from pathlib import Path

from knowledge.sources.safe_json import head_values
from knowledge.sources.safe_xml import root_tag
from knowledge.sources.streams import opened

_HEAD_BYTES = 128 * 1024
_HL7 = "{urn:hl7-org:v3}"
_FHIR = "{http://hl7.org/fhir}"
# What cannot be read, and what to do about it: (wrong, remedy).
_PERSON = "holds a person's record, which has no place in a library"
UNREADABLE: dict[str, tuple[str, str]] = {
    "": ("is in no format known here", "Save it as PDF, DOCX, HTML, Markdown or plain text"),
    "empty": ("is empty", "Leave it out, or copy it again"),
    "ole": (
        "is an old Office file, or one with a password",
        "Open it, remove the password, and save it as DOCX or PDF",
    ),
    "archive": ("is an archive other than .zip", "Unpack it and give the folder"),
    "office": ("is an Office file other than DOCX", "Save it as PDF or DOCX"),
    "person": (_PERSON, "Keep it in the clinic's own system"),
    "fhir-xml": ("is FHIR as XML", "Export it as JSON; leave out anything about a person"),
    "unzipped": ("is a ZIP archive that is not named .zip", "Name it .zip if its content is meant to be read"),
}
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"MSH|", "person"),
    (b"FHS|", "person"),
    (b"BHS|", "person"),
    (b"{\\rtf", ""),
)
_XML_ROOTS: dict[str, str] = {
    "PubmedArticleSet": "pubmed",
    "PubmedArticle": "pubmed",
    "MedlineCitationSet": "pubmed",
    "health-topics": "medlineplus",
    "pmc-articleset": "jats",
    f"{_HL7}document": "dailymed",
    f"{_HL7}ClinicalDocument": "person",
    "html": "html",
    "{http://www.w3.org/1999/xhtml}html": "html",
}
# A label's keys come in any order, and its long texts may fill the head: two of these tell it.
_LABEL_KEYS = frozenset({
    "openfda", "set_id", "effective_time", "spl_product_data_elements", "indications_and_usage", "active_ingredient",
    "purpose", "warnings", "dosage_and_administration", "package_label_principal_display_panel",
})  # fmt: skip
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_SUFFIXES = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text", ".html": "html", ".htm": "html",
    "": "text",
}  # fmt: skip


def sniff(path: Path) -> tuple[str, tuple[str, str]]:
    """(format, (what is wrong, remedy)): a name in READERS, or one of UNREADABLE with what to say of it.

    Raises:
        InputError: the file cannot be opened, or is no regular file.
    """
    with opened(path, whole=True) as stream:
        head = stream.read(_HEAD_BYTES)
    found = _by_content(path, head)
    return found, UNREADABLE.get(found, UNREADABLE[""])


def _by_content(path: Path, head: bytes) -> str:
    if not head.strip():
        return "empty"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    # A PDF may begin with up to 1,024 bytes of anything (PDF 1.7, implementation note 13).
    if b"%PDF-" in head[:1024] and b"\0" not in head[: head.index(b"%PDF-")]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path)
    if head[257:262] == b"ustar":
        return "archive"
    text = _text(head)
    if text is None:
        return ""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return _xml_kind(path, head, text)
    if start.startswith(("{", "[")) and (kind := _json_kind(head)):
        return kind
    return _SUFFIXES.get(_suffix(path), "")


def _suffix(path: Path) -> str:
    """The suffix below `.gz`, in small letters."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def _text(head: bytes) -> str | None:
    """The head as text of some encoding; None where it is binary."""
    if head.startswith(_BOMS[1:]):
        return head.decode("utf-16", "ignore")
    if b"\0" in head:
        # UTF-16 without a mark has a zero in every second byte.
        if head[1::2].count(0) > len(head) // 3 or head[::2].count(0) > len(head) // 3:
            return head.decode("utf-16-le" if head[1::2].count(0) else "utf-16-be", "ignore")
        return None
    return head.decode("utf-8", "replace")


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "docx" if path.suffix.lower() == ".docx" else "zip" if path.suffix.lower() == ".zip" else ""
    if "word/document.xml" in names:
        return "docx"
    if "[Content_Types].xml" in names or "mimetype" in names:
        return "office"
    return "zip" if path.suffix.lower() == ".zip" else "unzipped"


def _xml_kind(path: Path, head: bytes, text: str) -> str:
    root = root_tag(head)
    if root in _XML_ROOTS:
        return _XML_ROOTS[root]
    name = root.rpartition("}")[2]
    if root.startswith(_FHIR):
        return "fhir-xml"
    if name == "article" and ("<front" in text or "article-meta" in text or "<body" in text):
        return "jats"
    if name == "OAI-PMH" and ("article" in text):
        return "jats"
    if root == "Document" and ("<QAPairs" in text or "<Focus" in text):
        return "medquad"
    if "<!doctype html" in text[:2000].lower() or name.lower() == "html" or _suffix(path) in (".html", ".htm"):
        return "html"
    return _SUFFIXES.get(_suffix(path), "") if not text.lstrip().startswith("<?xml") else ""


def _json_kind(head: bytes) -> str:
    keys = head_values(head)
    if any(place.endswith("resourceType") for place in keys):
        return "fhir"
    for place in ("results.item", "item", ""):
        names = {key.rpartition(".")[2] for key in keys if key.rpartition(".")[0] == place}
        # openFDA's reports of side effects are about patients; its labels are not.
        if "safetyreportid" in names:
            return "person"
        if len(names & _LABEL_KEYS) >= 2:
            return "openfda"
    names = {key for key in keys if "." not in key}
    if {"question", "answer", "qtype"} <= names:
        return "medquad"
    if {"id", "title", "text", "url"} <= names and "medlineplus.gov/" in str(keys["url"]):
        return "medlineplus"
    return "jsonl" if "id" in names and {"title", "text"} & names else ""
