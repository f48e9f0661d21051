"""Vignettes of the conditions that the differential knows, made from what the library says of each, in both languages.

`vignettes/conditions.toml` says which findings a condition's page names, `findings.toml` how people and clinicians say them,
`voices.toml` how a vignette is told; `told.tsv` holds whole vignettes written by hand, and the library's own sentences stand beside
them. A voice belongs to one split and so do the ways of saying kept for it, so no template crosses from training to test.
`outside.tsv` was written apart, after the rest, and nothing is chosen on it.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from agent.differential import NONE, conditions
from knowledge.build import EMBEDDED, documents_of
from knowledge.chunk import sentences
from knowledge.errors import InputError
from knowledge.types import Document

FOLDER = Path(__file__).parent / "vignettes"
CASES = Path(__file__).parent.parent / "evals" / "cases"
Split = Literal["train", "validation", "test", "outside"]
MADE: dict[Split, int] = {"train": 32, "validation": 7, "test": 8}
"""Vignettes made for each condition and language, by split; those told by hand and the library's sentences come to train."""
_GRAM = 13
_PAGE_SENTENCES = 6
_ASKED = {"train": 200, "validation": 40, "test": 40}
"""Questions about medicines and sentences on illnesses that are not listed, by split and language: none of these."""
_SIGNS = re.compile(r"feel|symptom|sign|look like|what is|how do(?:es)? .* start|症状|表现|是什么|什么感觉", re.I)
_OFTEN = (
    "fever",
    "cough",
    "vomiting",
    "headache",
    "breathless",
    "chest_pressure",
    "weight_loss",
    "dizzy",
    "watery_poo",
)
_OF_WOMEN = frozenset(
    {"heavy_periods", "periods_odd", "late_period", "preg_late", "dry_vagina", "vulva_itch", "bad_discharge"}
)
_CHRONIC = frozenset(
    {
        "hay-fever",
        "asthma",
        "copd",
        "tuberculosis",
        "lung-cancer",
        "angina",
        "heart-failure",
        "multiple-sclerosis",
        "parkinsons-disease",
        "epilepsy",
        "dementia",
        "carpal-tunnel-syndrome",
        "irritable-bowel-syndrome",
        "crohns-and-ulcerative-colitis",
        "coeliac-disease",
        "bowel-cancer",
        "hernia",
        "enlarged-prostate-and-prostatitis",
        "endometriosis",
        "polycystic-ovary-syndrome",
        "menopause",
        "type-2-diabetes",
        "overactive-thyroid",
        "underactive-thyroid",
        "iron-deficiency-anaemia",
        "osteoarthritis",
        "rheumatoid-arthritis",
        "fibromyalgia",
        "frozen-shoulder",
        "plantar-fasciitis",
        "acne",
        "eczema-and-dermatitis",
        "psoriasis",
        "skin-cancer",
        "sleep-apnoea",
        "depression",
    }
)
_LASTING = {
    ("en", False): ("two days", "three days", "a few hours", "about five days", "a day", "a week"),
    ("en", True): ("two months", "half a year", "a good year", "five weeks", "three months", "ages"),
    ("zh", False): ("两天", "三天", "几个小时", "五天", "一天", "一周"),
    ("zh", True): ("两个月", "半年", "一年多", "五周", "三个月", "好久"),
}
_KIN = {
    ("en", "male"): ("husband", "father", "brother", "grandad"),
    ("en", "female"): ("wife", "mother", "sister", "gran"),
    ("en", "boy"): ("son", "little boy"),
    ("en", "girl"): ("daughter", "little girl"),
    ("zh", "male"): ("老公", "爸爸", "哥哥", "爷爷"),
    ("zh", "female"): ("老婆", "妈妈", "姐姐", "奶奶"),
    ("zh", "boy"): ("儿子", "孙子"),
    ("zh", "girl"): ("女儿", "孙女"),
}
_ALONE = {
    **dict.fromkeys((". Also {rest}", "，还有{rest}", ", now {rest} too", "，现在又{rest}", " and now {rest}"), ""),
    **dict.fromkeys(("，今天又{rest}", ", then {rest}", "，接着{rest}"), ""),
    ", and over {dur} came {rest}": ", {dur} ago",
    "，{dur}下来又添了{rest}": "，{dur}",
}
"""What speaks of the other findings in a voice, and what stands there where there is one finding alone."""
_SEX = {"en": {"male": "male", "female": "female"}, "zh": {"male": "男", "female": "女"}}


@dataclass(frozen=True, slots=True)
class Vignette:
    """A text and the label that is right for it. `family` is its template; `age` in years and `sex` where the text states them."""

    id: str
    split: Split
    language: Literal["en", "zh"]
    label: str
    text: str
    family: str
    teller: str = ""
    age: int | None = None
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a finding is said: by people, by clinicians, and the ways kept from training."""

    lay: tuple[str, ...]
    clinical: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a condition's page says of it, as findings."""

    core: tuple[str, ...]
    also: tuple[str, ...]
    denied: tuple[str, ...]
    must: tuple[str, ...]
    ages: tuple[int, int]
    sex: str


def vignettes(split: Split, *, seed: int = 0) -> list[Vignette]:
    """The vignettes of a split, the same for the same seed, without what shares 13 words in a row with an evaluation's case."""
    if split == "outside":
        return list(_told("outside.tsv", "outside"))
    made = [*_made(split, random.Random(f"{split}-{seed}")), *_none(split, random.Random(f"none-{split}-{seed}"))]
    if split == "train":
        made += [*_told("told.tsv", "train"), *_of_pages()]
    kept = {vignette.text: vignette for vignette in made if not grams(vignette.text) & _cased()}
    if split != "train":
        # Pages share headings ("Side effects"), so what training holds is left out.
        learned = {vignette.text for vignette in vignettes("train", seed=seed)}
        kept = {text: vignette for text, vignette in kept.items() if text not in learned}
    return list(kept.values())


@cache
def findings() -> dict[str, dict[str, Ways]]:
    """The ways of saying each finding, by finding and language. Raises InputError."""
    found: dict[str, dict[str, Ways]] = {}
    for name, both in tomllib.loads((FOLDER / "findings.toml").read_text(encoding="utf-8")).items():
        if len(both) != 2:
            raise InputError(f"findings.toml: {name} has {len(both)} texts", expected="English and Chinese")
        found[name] = {language: _ways(text) for language, text in zip(("en", "zh"), both, strict=True)}
    return found


def _ways(text: str) -> Ways:
    said, _, kept = text.partition(" > ")
    parts = [part.strip() for part in said.split(";")]
    return Ways(
        lay=tuple(part for part in parts if not part.startswith("!")),
        clinical=tuple(part[1:] for part in parts if part.startswith("!")),
        kept=tuple(part.strip() for part in kept.split(";") if part.strip()),
    )


@cache
def pictures() -> dict[str, Picture]:
    """What each condition looks like, in the order of the labels. Raises InputError for a finding that is not listed."""
    found: dict[str, Picture] = {}
    for name, row in tomllib.loads((FOLDER / "conditions.toml").read_text(encoding="utf-8")).items():
        parts = {part: tuple(row.get(part, "").split()) for part in ("core", "also", "denied", "must")}
        for each in (finding for part in parts.values() for finding in part):
            if each not in findings():
                raise InputError(f"conditions.toml: {name} names {each!r}", expected="a finding of findings.toml")
        found[name] = Picture(**parts, ages=(row["ages"][0], row["ages"][1]), sex=row.get("sex", ""))
    if list(found) != list(conditions()):
        raise InputError(
            "conditions.toml of the vignettes and of knowledge/rules differ", expected="the same, in the same order"
        )
    return found


@cache
def voices() -> dict[str, tuple[dict[str, str], ...]]:
    """The voices by language."""
    return {
        name: tuple(rows) for name, rows in tomllib.loads((FOLDER / "voices.toml").read_text(encoding="utf-8")).items()
    }


def _made(split: Split, chance: random.Random) -> Iterator[Vignette]:
    for label, picture in pictures().items():
        for language in ("en", "zh"):
            told = [voice for voice in enumerate(voices()[language]) if voice[1]["split"] == split]
            for number in range(MADE[split]):
                place, voice = told[number % len(told)]
                yield _vignette(
                    f"{label}-{language}-{split}-{number}", split, language, label, picture, voice, place, chance
                )


def _vignette(
    name: str, split: Split, language: Any, label: str, picture: Picture, voice: dict[str, str], place: int, chance: random.Random,
) -> Vignette:  # fmt: skip
    age = chance.randint(*picture.ages)
    sex = picture.sex or chance.choice(("male", "female"))
    child = age < 14
    teller = voice["teller"]
    own = _chosen(picture, chance)
    if _OF_WOMEN & {*own}:
        sex = "female"
    say = [_said(finding, language, teller, split, chance) for finding in own]
    fields = {
        "list": _joined(say, language, clinician=teller == "clinician"),
        "first": say[0],
        "rest": _joined(say[1:], language, clinician=False),
        "neg": _denied(own, picture, language, teller, chance),
        "dur": chance.choice(_LASTING[language, label in _CHRONIC]),
        "age": str(age),
        "sex": _SEX[language][sex],
        "S": sex[0].upper(),
        "kin": chance.choice(_KIN[language, {"male": "boy", "female": "girl"}[sex] if child else sex]),
    }
    text = voice["text"]
    if not fields["rest"]:
        for others, alone in _ALONE.items():
            text = text.replace(others, alone)
    text = re.sub(r"\[(.*?)\]", r"\1" if fields["neg"] else "", text)
    text = text.format(**fields)
    if child and teller == "self":
        whose = chance.choice(_KIN[language, "boy" if sex == "male" else "girl"])
        text = f"My {whose}, {age}: {text}" if language == "en" else f"{whose}{age}岁，{text}"
    if teller == "carer" or child:
        text = _of_another(text, sex) if language == "en" else text
    text = text[:1].upper() + text[1:] if chance.random() < 0.8 else text
    if split == "train" and chance.random() < 0.15:
        text = _mistyped(text, chance)
    states = "{age}" in voice["text"] or (child and teller == "self")
    return Vignette(
        id=name, split=split, language=language, label=label, text=text, family=f"{language}-{place}", teller=teller,
        age=age if states else None, sex=sex if "{sex}" in voice["text"] or "{S}" in voice["text"] or teller == "carer" else "",
    )  # fmt: skip


def _chosen(picture: Picture, chance: random.Random) -> list[str]:
    """Findings of one vignette: what must be there, one or two of the core, and some of what is common."""
    core = list(picture.core)
    chance.shuffle(core)
    also = [name for name in picture.also if name not in core]
    chance.shuffle(also)
    most = chance.choice((1, 1, 2, 2, 3))
    own = dict.fromkeys([*picture.must, *core[:most]])
    for name in also[: chance.choice((1, 1, 2, 2, 3)) if len(own) < 3 else chance.choice((0, 1))]:
        own[name] = None
    told = list(own)
    chance.shuffle(told)
    return told


def _said(finding: str, language: str, teller: str, split: Split, chance: random.Random) -> str:
    ways = findings()[finding][language]
    if split != "train" and ways.kept and (teller != "clinician" or not ways.clinical or chance.random() < 0.4):
        return chance.choice(ways.kept)
    if teller == "clinician" and ways.clinical and chance.random() < 0.7:
        return chance.choice(ways.clinical)
    return chance.choice(ways.lay or ways.clinical)


def _denied(own: Sequence[str], picture: Picture, language: str, teller: str, chance: random.Random) -> str:
    """What is said not to be there: mostly what the condition seldom has, sometimes anything that was not told."""
    if chance.random() < 0.5:
        return ""
    pool = [name for name in picture.denied if name not in own]
    if chance.random() < 0.35 or not pool:
        pool = [name for name in _OFTEN if name not in own and name not in picture.core and name not in picture.also]
    names = chance.sample(pool, min(len(pool), chance.choice((1, 1, 2))))
    said = []
    for name in names:
        ways = findings()[name][language]
        way = ways.clinical[0] if teller == "clinician" and ways.clinical else (ways.lay or ways.clinical)[0]
        said.append(re.sub(r"^(?:a|an|the) ", "", way))
    return (" or " if language == "en" else "和").join(said)


def _joined(said: Sequence[str], language: str, *, clinician: bool) -> str:
    if language == "zh":
        return "，".join(said)
    if clinician or len(said) < 2:
        return ", ".join(said)
    return f"{', '.join(said[:-1])} and {said[-1]}"


def _of_another(text: str, sex: str) -> str:
    """What was written in the first person, told of somebody else."""
    she, her, him = ("she", "her", "her") if sex == "female" else ("he", "his", "him")
    head, mark, rest = text.partition(" ")
    own = r"\bmy (?!husband|wife|father|mother|brother|sister|son|daughter|gran|little)"
    pairs = ((r"\bI am\b", f"{she} is"), (r"\bI\b", she), (own, f"{her} "), (r"\bme\b", him))
    for old, new in pairs:
        rest = re.sub(old, new, rest)
    return head + mark + rest


def _mistyped(text: str, chance: random.Random) -> str:
    """One pair of letters exchanged, or one left out."""
    places = [i for i in range(1, len(text) - 2) if text[i].isalpha() and text[i].isascii() and text[i + 1].isalpha()]
    if not places:
        return text
    at = chance.choice(places)
    return text[:at] + (text[at + 1] + text[at] if chance.random() < 0.5 else text[at + 1]) + text[at + 2 :]


def _told(name: str, split: Split) -> Iterator[Vignette]:
    """Vignettes written by hand: a label, and a text in one or both languages, apart by tabs. Raises InputError."""
    for number, line in enumerate((FOLDER / name).read_text(encoding="utf-8").splitlines(), 1):
        label, *texts = line.split("\t")
        if not texts or (label != NONE and label not in conditions()):
            raise InputError(f"{name}, line {number}: {line[:60]!r}", expected="a condition, a tab and a text")
        for text in filter(None, texts):
            language: Any = "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"
            yield Vignette(
                f"{name}-{number}-{language}", split, language, label, text, f"{name}-{number}", teller="hand"
            )


@cache
def _pages() -> dict[str, Document]:
    return {document.id: document for document in documents_of(EMBEDDED)}


def _of_pages() -> Iterator[Vignette]:
    """The library's own sentences on what a condition is like."""
    shared = [row.page for row in conditions().values() if row.page]
    for label, row in conditions().items():
        for page in (label, row.page):
            # A Chinese page that speaks of two of the conditions names neither.
            if not page or shared.count(page) > 1:
                continue
            document = _pages()[page]
            language: Any = document.language
            for number, sentence in enumerate(_signs(document)[:_PAGE_SENTENCES]):
                yield Vignette(
                    f"{page}-page-{number}", "train", language, label, sentence, f"page-{page}", teller="page"
                )


def _signs(document: Document) -> list[str]:
    found = []
    for section in document.sections:
        if _SIGNS.search(section.heading[-1]):
            found += [part.lstrip("- ") for part in sentences(section.text) if 15 <= len(part) <= 240]
    return found


def _none(split: Split, chance: random.Random) -> Iterator[Vignette]:
    """What no condition of ours is right for: questions on medicines' pages, and sentences on illnesses that are not listed."""
    listed = {*conditions(), *(row.page for row in conditions().values())}
    for language in ("en", "zh"):
        pool = []
        for document in _pages().values():
            if document.language != language or document.id in listed or split_of(document.id) != split:
                continue
            if document.kind == "medicine":
                pool += [(document.id, section.heading[-1]) for section in document.sections]
            elif document.kind == "condition" and language == "en":
                pool += [(document.id, sentence) for sentence in _signs(document)[:5]]
        chance.shuffle(pool)
        for number, (page, text) in enumerate(pool[: _ASKED[split]]):
            yield Vignette(f"none-{language}-{split}-{number}", split, language, NONE, text, f"none-{page}")


def split_of(name: str) -> Split:
    """The split of a page that is none of the conditions, by a hash of its name."""
    place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 10
    return "test" if place < 2 else "validation" if place < 4 else "train"


def grams(text: str) -> frozenset[int]:
    """Hashes of every 13 words (Latin) or characters (Chinese) in a row."""
    words = re.findall(r"[\u4e00-\u9fff]|[a-z0-9']+", text.lower())
    return frozenset(hash(tuple(words[at : at + _GRAM])) for at in range(len(words) - _GRAM + 1))


@cache
def _cased() -> frozenset[int]:
    """The same of everything under evals/cases, none of which may be learned from."""
    found: set[int] = set()
    for path in sorted(CASES.rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for text in _strings(json.loads(line)):
                found |= grams(text)
    return frozenset(found)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
