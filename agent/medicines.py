"""Two medicines together, a medicine in pregnancy or while breastfeeding, a medicine and an allergy: what the library's pages say.

Only a page's own sentence warns or allows. Where no page speaks of it, that is said plainly: silence is never consent.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Literal

import knowledge.rules
from agent.medicine_names import (
    Medicine,
    Named,
    allergy_family,
    apart,
    is_other_name,
    linked,
    name_of,
    named,
    names_of,
    stands_for,
)
from agent.messages import say
from agent.safetynet import is_help
from agent.types import Audience, Facts, Language
from agent.verify import points_back
from agent.whom import fits
from knowledge.chunk import sentences
from knowledge.types import Passage
from retrieval.index import Index
from retrieval.spelling import put_right, respelt

Kind = Literal["pair", "pregnancy", "breastfeeding", "allergy"]
Verdict = Literal["warned", "allowed", "unknown"]
Stance = Literal["against", "caution", "ask", "allowed"]

WORDS = Path(knowledge.rules.__file__).parent / "medicine_words.toml"
# Strictest first.
_STANCES: tuple[Stance, ...] = ("against", "caution", "ask", "allowed")
# What is shown of one pair, and how many pairs: more is not read.
_MOST_QUOTES, _MOST_CHECKS = 3, 3
# A medicine's pages hold about ten passages each, and a family has at most a few pages (measured: 88 pages, the longest 14).
_BY_NAME, _BY_WORDS = 80, 40


@dataclass(frozen=True, slots=True)
class Subject:
    """A medicine as it was asked about: `typed` in the person's words, `name` what we call it."""

    medicine: Medicine
    typed: str
    name: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage, exactly as it stands there, and how it speaks of what was asked."""

    passage: Passage
    text: str
    stance: Stance


@dataclass(frozen=True, slots=True)
class Check:
    """What the pages say of one question. `unknown` are the subjects without a page of their own.

    `reason` holds the organisation and the address that an allergy's rule rests on, or the medicines that two products
    share. `also` are the other questions that were asked at once, `left` how many more there were.
    """

    kind: Kind
    subjects: tuple[Subject, ...]
    verdict: Verdict
    findings: tuple[Quote, ...] = ()
    unknown: tuple[Subject, ...] = ()
    reason: tuple[str, ...] = ()
    also: tuple[Check, ...] = ()
    left: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the answer. With a passage it is that passage's sentence, to be cited; without, our own words."""

    text: str
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What earlier messages said: medicines that are taken, that were asked about, and that somebody is allergic to."""

    taken: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()


_LISTED = re.compile(r"\s*(?:,|、|and|or|和|或)\s*")
# "对青霉素过敏", and neither "对青霉素不过敏" nor "对青霉素有没有过敏药".
_CLOSED = re.compile(r"[^，。？！]{0,12}?(?<!不)(?<!没有)过敏(?!药)")
_BOLD_START = re.compile(r"^\*\*[a-z]")
_SENTENCE_END = re.compile(r"(?<=[.?!。？！;；\n])\s*")


def heard(texts: Sequence[str], language: Language) -> Heard:
    """What earlier messages of the person told, in names that `check` understands."""
    taken: list[str] = []
    asked: list[str] = []
    allergic: list[str] = []
    for text in texts:
        allergens = _allergens(text, language)
        allergic += [name.text for name in allergens]
        for sentence in _SENTENCE_END.split(text):
            others = [name.text for name in named(sentence, asking=True) if not _among(name, allergens)]
            (asked if _asks(sentence, language) else taken).extend(others)
    return Heard(*(tuple(dict.fromkeys(each)) for each in (taken, asked, allergic)))


def check(
    question: str,
    facts: Facts,
    index: Index,
    language: Language,
    *,
    state_medicines: Sequence[str] = (),
    allergies: Sequence[str] = (),
    asked: Sequence[str] = (),
    audience: Audience = "patient",
) -> Check | None:
    """What the pages say of the medicines that a question puts together; None where it asks nothing of the kind.

    `state_medicines`, `allergies` and `asked` are names from earlier messages (see `heard`): medicines that are taken,
    that somebody is allergic to, and that the last question was about. Quotes are in the question's language only.
    """
    question = put_right(question, respelt(question, known=index.bm25.known))
    look = _Look(index, language, audience, facts, question)
    allergens = _allergens(question, language)
    names = [name for name in named(question, asking=True) if not _among(name, allergens)]
    if not (names or asked) or (_says("else", language, question) and not allergens):
        return None
    asks = _asks(question, language)
    about = [_subject(name, language) for name in names] or [_of(name, language) for name in asked[-1:]]
    found: list[Check] = []
    against = [_subject(name, language) for name in allergens] + (
        [_of(name, language) for name in allergies] if asks else []
    )
    for allergen in _once(against) if asks or not names else ():
        found += [look.allergy(subject, allergen) for subject in _asked_of(question, about, language)
                  if not subject.medicine.substance and subject.medicine.id != _ANTIBIOTIC]  # fmt: skip
    for kind in _states(question, facts, language) if asks or not names else ():
        found += [look.state(subject, kind) for subject in _once(about) if not subject.medicine.substance]
    if asks and not (against and allergens and not _together(question, language)):
        found += [look.pair(one, other) for one, other in _pairs(question, names, language)]
        if names:
            before = [_of(name, language) for name in state_medicines]
            known = {subject.medicine.id for subject in about}
            found += [
                look.pair(one, other)
                for one in _asked_of(question, about, language)
                for other in _once(before)
                if other.medicine.id not in known and not _same_kind(one, other)
            ]
    return _ranked(found)


def lines(checked: Check, language: Language) -> tuple[Line, ...]:
    """The answer, line by line: what each name means, then each question with its verdict and the pages' sentences."""
    every = (checked, *checked.also)
    told = [
        Line(say(language, "medicines_is", typed=subject.typed, meaning=subject.name))
        for subject in _once([subject for each in every for subject in each.subjects])
        if is_other_name(subject.medicine, subject.typed, language)
    ]
    for each in every:
        told += _told(each, language)
    if checked.left:
        pairs = say(language, "comma").join(_title(each, language) for each in checked.left)
        told.append(Line(say(language, "medicines_more", count=len(checked.left), pairs=pairs)))
    return tuple(told)


@dataclass(frozen=True, slots=True)
class _Look:
    """Looks things up for one question."""

    index: Index
    language: Language
    audience: Audience
    facts: Facts
    question: str
    _pages: dict[str, dict[str, tuple[Passage, ...]]] = field(default_factory=dict, init=False)
    """What `pages` found, by the medicine's id: a question asks for the same ones several times."""

    def pair(self, one: Subject, other: Subject) -> Check:
        shared = one.medicine.holds & other.medicine.holds
        quotes = self._quotes(one.medicine, other.medicine)
        reason = tuple(_of(name, self.language).name for name in sorted(shared))
        verdict: Verdict = "warned" if reason else _verdict(quotes)
        return Check("pair", (one, other), verdict, quotes, self._without_page(one, other), reason)

    def state(self, subject: Subject, kind: Kind) -> Check:
        words, other = ("pregnant", "milk") if kind == "pregnancy" else ("milk", "pregnant")
        medicine, quotes = subject.medicine, []
        own = self.pages(medicine)
        for passage in self._passages([*names_of(medicine, self.language), _STATE_WORDS[self.language][kind]], own):
            headed = _says(words, self.language, passage.heading) and not _says(other, self.language, passage.heading)
            for sentence in self._fitting(passage, child=True):
                if _says("not_state", self.language, sentence):
                    continue
                said = _says(words, self.language, sentence) or (headed and not _says(other, self.language, sentence))
                said = said or (
                    kind == "pregnancy"
                    and _says("week", self.language, sentence)
                    and _says(words, self.language, passage.heading)
                )
                if said and self._speaks_of(sentence, medicine, implied=passage.document in own):
                    quotes += _quote(passage, sentence, _stance(sentence, self.language), about=medicine)
        kept = self._kept(quotes, medicine)
        return Check(kind, (subject,), _verdict(kept), kept, () if own else (subject,))

    def allergy(self, subject: Subject, allergen: Subject) -> Check:
        family, other = allergy_family(subject.medicine), allergy_family(allergen.medicine)
        quotes = []
        own = self.pages(subject.medicine)
        for passage in self._passages(
            [*names_of(subject.medicine, self.language), allergen.name, "allergic 过敏"], own
        ):
            for sentence in self._fitting(passage):
                if _says("said", self.language, sentence) and _allergy_of(
                    sentence, subject.medicine, allergen.medicine, passage.document in own
                ):
                    quotes += _quote(passage, sentence, _stance(sentence, self.language))
        kept = self._kept(quotes, subject.medicine)
        same = subject.medicine.id == allergen.medicine.id or not subject.medicine.holds.isdisjoint(
            allergen.medicine.holds
        )
        if family is not None and other is not None and family == other:
            return Check("allergy", (subject, allergen), "warned", kept, reason=(family.organisation, family.url))
        if same or _same_kind(subject, allergen):
            return Check("allergy", (subject, allergen), "warned", kept)
        verdict: Verdict = "warned" if any(quote.stance == "against" for quote in kept) else "unknown"
        return Check("allergy", (subject, allergen), verdict, kept, () if own else (subject,))

    def pages(self, medicine: Medicine) -> dict[str, tuple[Passage, ...]]:
        """The passages of the pages that are on a medicine or its family, by document."""
        if medicine.id not in self._pages:
            names = names_of(medicine, self.language)
            families = [name for group in medicine.groups for name in names_of(Medicine(group), self.language)]
            found = self._best(names, families, field="names", k=_BY_NAME)
            documents = dict.fromkeys(
                p.document for p in found if p.kind in ("medicine", "document") and _is_page_of(p, medicine)
            )
            self._pages[medicine.id] = {document: self.index.of(document) for document in documents}
        return self._pages[medicine.id]

    def _without_page(self, *subjects: Subject) -> tuple[Subject, ...]:
        """The subjects that no page is on; alcohol and food are not looked for one."""
        return tuple(each for each in subjects if not each.medicine.substance and not self.pages(each.medicine))

    def _doubled(self, medicine: Medicine) -> tuple[Quote, ...]:
        """What a medicine's pages say of taking two products that both hold it."""
        quotes: list[Quote] = []
        for passages in self.pages(medicine).values():
            for passage in passages:
                for sentence in self._fitting(passage):
                    if _says("double", self.language, sentence) and any(
                        name.medicine.id == medicine.id for name in named(sentence)
                    ):
                        quotes += _quote(passage, sentence, _stance(sentence, self.language) or "caution")
        return self._kept(quotes, medicine)

    def _quotes(self, one: Medicine, other: Medicine) -> tuple[Quote, ...]:
        if one.id == other.id:
            return self._doubled(one)
        pages = (self.pages(one), self.pages(other))
        names = [*names_of(one, self.language), *names_of(other, self.language)]
        quotes: list[Quote] = []
        for passage in self._passages(names, {**pages[0], **pages[1]}):
            for sentence in self._fitting(passage):
                if any(_says(words, self.language, sentence) for words in ("aside", "said", "milk", "pregnant")):
                    continue
                related = linked(sentence, one, other, language=self.language)
                implied = not related and any(
                    passage.document in pages[i]
                    and passage.document not in pages[1 - i]
                    and self._implies(sentence, passage, this, that)
                    for i, (this, that) in enumerate(((one, other), (other, one)))
                )
                stance = _stance(sentence, self.language)
                # What does not name both may warn of them, never allow them.
                if related or (implied and stance != "allowed"):
                    quotes += _quote(passage, sentence, stance)
        return self._kept(quotes, one, other)

    def _implies(self, sentence: str, passage: Passage, this: Medicine, that: Medicine) -> bool:
        """Whether a sentence under "what can I not mix with this" names only that."""
        if (
            not _says("mixing", self.language, passage.heading)
            or points_back(sentence)
            or _says("not_implied", self.language, sentence)
        ):
            return False
        headed, said = named(passage.heading), named(sentence)
        return (
            (not headed or any(stands_for(name, this) for name in headed))
            and any(stands_for(name, that) for name in said)
            and not any(stands_for(name, this) for name in said)
            and apart(sentence, that, language=self.language)
        )

    def _speaks_of(self, sentence: str, medicine: Medicine, *, implied: bool) -> bool:
        """Whether a sentence is on a medicine: it names it, or stands on its page and names none."""
        said = named(sentence)
        if any(stands_for(name, medicine) for name in said):
            return True
        return implied and not said and not points_back(sentence)

    def _passages(self, names: Sequence[str], pages: dict[str, tuple[Passage, ...]]) -> Iterable[Passage]:
        own = [passage for passages in pages.values() for passage in passages]
        more = self._best(names, (), field="words", k=_BY_WORDS)
        every = {passage.id: passage for passage in (*own, *more)}
        return [p for p in every.values() if not p.superseded_by and not is_help(p, self.language)]

    def _best(
        self, names: Sequence[str], also: Sequence[str], *, field: Literal["words", "names"], k: int
    ) -> list[Passage]:
        audiences = ("patient", "both") if self.audience == "patient" else ()
        hits = self.index.bm25.best(
            "\n".join(names), k, language=self.language, audiences=audiences, also=also, field=field
        )
        passages = self.index.catalogue.passages([row for row, _ in hits])
        return [passages[row] for row, _ in hits if row in passages]

    def _fitting(self, passage: Passage, *, child: bool = False) -> Iterable[str]:
        """The sentences of a passage that are about the person asked for; an adult who asks for themself is no child."""
        grown = (
            not child
            and self.facts.age_years is None
            and self.facts.subject == "self"
            and not _says("minor", self.language, self.question)
        )
        for sentence in sentences(passage.text):
            if fits(sentence, self.facts, self.language) and not (grown and _says("minor", self.language, sentence)):
                yield sentence.removeprefix("- ")

    def _kept(self, quotes: Sequence[Quote], *medicines: Medicine) -> tuple[Quote, ...]:
        """The strictest first, and among them what names the medicine itself before its family; one that allows is kept."""

        def rank(quote: Quote) -> tuple[int, int, int]:
            direct = sum(any(name.medicine.id == each.id for name in named(quote.text)) for each in medicines)
            return _STANCES.index(quote.stance), quote.passage.kind != "medicine", -direct

        ordered = list({quote.text: quote for quote in sorted(quotes, key=rank, reverse=True)}.values())[::-1]
        # A page on an illness speaks of people with that illness: it is asked only where no page on medicines speaks.
        ordered = [quote for quote in ordered if quote.passage.kind not in _ILL] or ordered
        kept = ordered[:_MOST_QUOTES]
        allowing = next((quote for quote in ordered if quote.stance == "allowed"), None)
        if allowing is not None and allowing not in kept:
            kept = [*kept[:-1], allowing]
        return tuple(kept)


_STATE_WORDS: dict[str, dict[str, str]] = {
    "en": {"pregnancy": "pregnancy pregnant", "breastfeeding": "breastfeeding breastfeed"},
    "zh": {"pregnancy": "怀孕 孕妇", "breastfeeding": "哺乳 喂奶 母乳"},
}
_ILL = ("condition", "symptom", "first-aid", "mental-health")
_ANTIBIOTIC = "@antibiotic"


def _says(words: str, language: Language, text: str) -> bool:
    return bool(_pattern(words, language).search(text))


@lru_cache(maxsize=64)
def _pattern(words: str, language: Language) -> re.Pattern[str]:
    """A row of knowledge/rules/medicine_words.toml."""
    return re.compile("|".join(_words()[words][language]), re.I)


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, list[str]]]:
    with WORDS.open("rb") as stream:
        return tomllib.load(stream)


def _asks(text: str, language: Language) -> bool:
    if _says("else", language, text):
        return False
    return (_says("may", language, text)) or _together(text, language)


def _together(text: str, language: Language) -> bool:
    return _says("together", language, text)


def _states(question: str, facts: Facts, language: Language) -> tuple[Kind, ...]:
    """Pregnancy or breastfeeding, where a question or what was said of the person speaks of it."""
    plain = _pattern("not_pregnancy", language).sub(" ", question)
    found: list[Kind] = []
    if _says("pregnant", language, plain) or (facts.pregnant and plain == question):
        found.append("pregnancy")
    if _says("milk", language, question):
        found.append("breastfeeding")
    return tuple(found)


def _allergens(text: str, language: Language) -> list[Named]:
    """The names that a text says somebody is allergic to."""
    found = []
    names = named(text)
    for place, name in enumerate(names):
        before = text[: name.start]
        if _pattern("allergy_after", language).match(text, name.end) and not _says("denied", language, before):
            found.append(name)
            continue
        opened = next(
            (match for match in _pattern("allergic", language).finditer(text) if match.end() == name.start), None
        )
        listed = (
            bool(place) and names[place - 1] in found and _LISTED.fullmatch(text[names[place - 1].end : name.start])
        )
        if opened is not None and language == "zh":
            closed = _CLOSED.match(text[name.end :])
        else:
            closed = opened if opened is None or not _says("denied", language, text[: opened.start()]) else None
        if closed or listed:
            found.append(name)
    return found


def _among(name: Named, others: Sequence[Named]) -> bool:
    return any(name.start < other.end and other.start < name.end for other in others)


def _subject(name: Named, language: Language) -> Subject:
    return Subject(name.medicine, name.text, name_of(name.medicine, name.text, language))


def _of(text: str, language: Language) -> Subject:
    """A name from an earlier message, or the id of a finding ("ace_inhibitors"), as a subject."""
    plain = text.removeprefix("sys_").replace("_", " ")
    found = named(plain, asking=True)
    medicine = found[0].medicine if found else Medicine(plain)
    return Subject(medicine, plain, name_of(medicine, plain, language) if found else plain)


def _once(subjects: Sequence[Subject]) -> list[Subject]:
    """Each medicine once; an unknown name is none."""
    known = [subject for subject in subjects if subject.medicine.holds or subject.medicine.id.startswith("@")]
    return list({subject.medicine.id: subject for subject in reversed(known)}.values())[::-1]


def _asked_of(question: str, about: Sequence[Subject], language: Language) -> list[Subject]:
    """The medicines that the asking sentences name; all where none does."""
    asking = [part for part in _SENTENCE_END.split(question) if _asks(part, language)]
    inside = {name.medicine.id for part in asking for name in named(part, asking=True)}
    return _once([subject for subject in about if subject.medicine.id in inside]) or _once(about)


def _pairs(question: str, names: Sequence[Named], language: Language) -> list[tuple[Subject, Subject]]:
    """The pairs that a question puts together: in one asking sentence, and each asked one with each that is taken."""
    asked: list[Subject] = []
    taken: list[Subject] = []
    pairs: list[tuple[Subject, Subject]] = []
    wanted = {(name.text, name.medicine.id) for name in names}
    parts = [part for part in _SENTENCE_END.split(question) if part]
    for part in parts:
        here = [name for name in named(part, asking=True) if (name.text, name.medicine.id) in wanted]
        subjects = [_subject(name, language) for name in here if not name.narrowed]
        # A sentence of the answerable kind asks; the others tell what is taken.
        if not _asks(part, language):
            taken += subjects
            continue
        asked += subjects
        every = [(one, other) for one, other in combinations(subjects, 2) if _is_pair(part, one, other, language)]
        related = [
            (one, other) for one, other in every if linked(part, one.medicine, other.medicine, language=language)
        ]
        pairs += related or [pair for pair in every if not _either(part, language)]
    pairs += [
        (one, other) for one in asked for other in taken if not _same_kind(one, other) or one.typed != other.typed
    ]
    unique = {frozenset((one.typed.lower(), other.typed.lower())): (one, other) for one, other in reversed(pairs)}
    return [pair for pair in reversed(unique.values()) if not all(subject.medicine.substance for subject in pair)]


def _is_pair(part: str, one: Subject, other: Subject, language: Language) -> bool:
    if one.medicine.id == other.medicine.id:
        between = part[part.find(one.typed) + len(one.typed) : part.rfind(other.typed)]
        return one.typed.lower() != other.typed.lower() and bool(
            re.search(r"\b(?:and|with|on|plus)\b|[和与跟同]", between)
        )
    return not _same_kind(one, other) or _together(part, language)


def _either(part: str, language: Language) -> bool:
    """Whether a sentence offers a choice ("ibuprofen or paracetamol"), and does not ask of both at once."""
    return language == "en" and bool(re.search(r"\bor\b", part)) and not _together(part, language)


def _same_kind(one: Subject, other: Subject) -> bool:
    """Whether one is the other, or the family of the other."""
    mine, yours = one.medicine, other.medicine
    families = {each for each in (mine.id, yours.id) if each.startswith("@")}
    return mine.id == yours.id or not families.isdisjoint(mine.groups | yours.groups)


def _is_page_of(passage: Passage, medicine: Medicine) -> bool:
    """Whether a page is on a medicine: its title or a synonym is the medicine, or its title is the medicine's family."""
    if any(stands_for(name, medicine) for name in named(passage.title)):
        return True
    alone = [(synonym, named(synonym)) for synonym in passage.synonyms]
    return any(
        len(names) == 1 and names[0].medicine.id == medicine.id and names[0].text == text for text, names in alone
    )


def _allergy_of(sentence: str, medicine: Medicine, allergen: Medicine, implied: bool) -> bool:
    """Whether a sentence speaks of this medicine with this allergy. "Antibiotic" alone is too wide a word for either."""
    said = [name for name in named(sentence) if name.medicine.id != _ANTIBIOTIC]
    to = [name for name in said if stands_for(name, allergen)]
    others = [name for name in said if name not in to or stands_for(name, medicine)]
    return bool(to) and (any(stands_for(name, medicine) for name in others) or (implied and not others))


def _stance(sentence: str, language: Language) -> Stance | None:
    """How a sentence speaks: against, with a caution, asking first, or allowing; None where it does none of these."""
    if _says("whether", language, sentence) and not _says("against", language, sentence):
        return "ask"
    if _says("surely_allowed", language, sentence) and not _says("against", language, sentence):
        return "allowed"
    if _says("against", language, sentence):
        return "against"
    if _says("caution", language, sentence):
        return "caution"
    if _says("ask", language, sentence):
        return "ask"
    return "allowed" if _says("allowed", language, sentence) else None


def _quote(passage: Passage, sentence: str, stance: Stance | None, *, about: Medicine | None = None) -> list[Quote]:
    """The quote, if the sentence takes a stance; one that allows must itself name the medicine it is `about`."""
    if stance is None or (
        stance == "allowed" and about and not any(stands_for(name, about) for name in named(sentence))
    ):
        return []
    return [Quote(passage, sentence, stance)]


def _verdict(quotes: Sequence[Quote]) -> Verdict:
    if any(quote.stance != "allowed" for quote in quotes):
        return "warned"
    return "allowed" if quotes else "unknown"


def _ranked(found: Sequence[Check]) -> Check | None:
    """Allergies first, then what is warned of; at most three are shown and the rest counted."""
    if not found:
        return None
    order = {"warned": 0, "unknown": 1, "allowed": 2}
    ordered = sorted(found, key=lambda each: (order[each.verdict], each.kind != "allergy"))
    return replace(ordered[0], also=tuple(ordered[1:_MOST_CHECKS]), left=tuple(ordered[_MOST_CHECKS:]))


def _told(each: Check, language: Language) -> list[Line]:
    """One question's lines: the verdict in our words, the pages' sentences, and what was not found."""
    names = [subject.name for subject in each.subjects]
    one, other = names[0], names[-1]
    stances = [quote.stance for quote in each.findings]
    told: list[str] = []
    if each.kind == "allergy":
        told.append(say(language, f"medicines_allergy_{each.verdict}", one=one, other=other))
        if each.reason:
            told.append(say(language, "medicines_allergy_source", source=each.reason[0], url=each.reason[1]))
    elif each.verdict == "unknown":
        told.append(say(language, f"medicines_{each.kind}_unknown", one=one, other=other))
    elif each.kind == "pair" and each.reason:
        told.append(
            say(language, "medicines_pair_same", one=one, other=other, shared=say(language, "comma").join(each.reason))
        )
    else:
        strictest = min(stances, key=_STANCES.index)
        told.append(say(language, f"medicines_{each.kind}_{strictest}", one=one, other=other))
        if "allowed" in stances and strictest != "allowed":
            told.append(say(language, "medicines_differ"))
    quoted = [Line(quote.text, quote.passage) for quote in each.findings]
    after = []
    if each.unknown and each.verdict == "unknown":
        missing = say(language, "comma").join(subject.name for subject in each.unknown)
        after.append(Line(say(language, "medicines_no_page", names=missing)))
    if each.kind == "pregnancy" and any(_says("week", language, quote.text) for quote in each.findings):
        after.append(Line(say(language, "medicines_weeks")))
    return [*(Line(_BOLD_START.sub(lambda start: start.group().upper(), text)) for text in told), *quoted, *after]


def _title(each: Check, language: Language) -> str:
    return (
        say(language, "medicines_title", one=each.subjects[0].name, other=each.subjects[-1].name)
        if len(each.subjects) > 1
        else each.subjects[0].name
    )
