"""Names of people in Latin script by their place in a message: labels, headers, openings, signatures, introductions.

A place says that a name may stand here; `evidence` says whether the words can be one. The surer the place, the less is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.identifiers.evidence import Evidence, evidence
from agent.identifiers.lexicon import Lexicon, lexicon
from agent.identifiers.types import Identifier
from agent.identifiers.words import Word

_LEX = lexicon()
_KIN = " ".join(_LEX.relations - {"called", "named", "name", "patient", "pt"})
_FEW = r"[\s\-–—,:;|/(]{1,4}"
_NUMBERED = r"(?:d\.?o\.?b\b|date of birth|born\b|(?:mrn|nhs|hosp|hospital|unit|chart|patient id)\b[^\d\n]{0,14}\d)"


@dataclass(frozen=True, slots=True)
class _Place:
    """`lead` is what stands right before a name, `cues` the last words it can have; none: it ends in punctuation"
    " or begins a line.

    `least`: the evidence its best word needs, of `Evidence.name`. `alone`: what one word, not a name and a surname, needs.
    `small`: lower-case names are looked for too. `after` must match what follows. `lines`: a name may run over a line's end.
    """

    cues: frozenset[str]
    lead: re.Pattern[str]
    least: float
    alone: float
    small: bool = False
    after: re.Pattern[str] | None = None
    lines: bool = False


def _place(
    cues: str,
    lead: str,
    least: float,
    alone: float,
    *,
    small: bool = False,
    after: re.Pattern[str] | None = None,
    lines: bool = False,
) -> _Place:
    return _Place(
        frozenset(cues.split()), re.compile(rf"(?:{lead})\Z", re.MULTILINE), least, alone, small, after, lines
    )


_END = re.compile(r"\s*(?:[xX]{1,3}\s*)?(?:[.!,]\s*)?(?:$|\n)")
_CLOSE = re.compile(
    r"\s*(?:$|[\n,.;:!?()/]|\d|-\s|(?:and|from|here|speaking|again|calling|mum|mom|dad|is|was|has|her|his|the)\b)"
)
_AGED = re.compile(
    r"(?i)(?:\s*[,(]\s*|\s+(?:is|was|aged?|just turned|turned)\s+(?:an?\s|only\s|just\s|nearly\s|almost\s)?)"
    r"\d{1,3}(?!\d|[./:%-]\d)(?!\s?(?:mg|ml|mcg|g|kg|iu|units?|tabs?|tablets?|times|x|%|cm|mm|lbs?|hours?|hrs?"
    r"|st\b|nd\b|rd\b|th\b))"
    r"(?!\s?(?:weeks?|wks?|days?|months?)\s(?:pregnant|ago|post|after|now|gone))"
    r"|\s*[,(]\s*(?:my|our)\s[a-z]+\b"
    r"|\s*,\s*(?:m|f|male|female|(?:[a-z]+ )?student|exchange student)\b"
)
_HERE = re.compile(r"(?i)\s+(?:here|this side|speaking|calling|writing)\b")
_LABELLED = re.compile(rf"(?i){_FEW}{_NUMBERED}")
_MAILED = re.compile(r"\s*[<(\[]\s?[\w.+%\-]+@")

# From the surest to the least sure.
_THANKS = (
    "regards wishes thanks much lot advance again you thx ty cheers ta best sincerely"
    " faithfully truly blessings bless love yours ciao"
)
_PLACES = (
    # Pt name: X. Full name X. My name's X; not "the brand name".
    _place("name names is", r"(?i:(?<!brand )(?<!drug )(?<!trade )(?<!generic )(?<!product )(?<!user )(?<!company )"
           r"\bnames?\s?(?:['’]?s\b|\bis\b|[:=–\-])\s{0,12})", -2.0, -2.0, small=True, lines=True),
    _place("from to cc re ref patient pt client signed sender nok kin carer contact parent guardian mother father"
           " gp clinician referrer author"
           " by attn fao caller",
           r"(?i:(?:^|(?<=[\n;|]))[ \t>*-]{0,4}(?:from|to|cc|re|ref|patient|pt|client|signed|sender|nok"
           r"|next of kin|carer|contact|parent|caller"
           r"|guardian|mother|father|gp|clinician|referrer|author|requested by|attn"
           r"|fao)\s?[:;][ \t]{0,6})", 0.0, 0.4, lines=True),
    _place("by", r"(?i:\b(?:sent|written|typed|posted|signed|submitted|referred|requested|completed|reported"
           r"|dictated|filled in|witnessed"
           r"|verified|countersigned) by\s)", 0.0, 0.5),
    _place("of to", r"(?i:\b(?:mum|mom|mummy|mommy|dad|daddy|mother|father|wife|husband|son|daughter|carer|parent"
           r"|parents|guardian"
           r"|nan|gran|grandma|grandad|grandson|granddaughter|sister|brother|friend|neighbou?r|behalf) (?:of"
           r"|to)\s)", 0.5, 0.5),
    _place("name", r"(?i:\b(?:my|her|his|their|whose|baby['’]?s|patient['’]?s|pt['’]?s?) (?:full |first |last "
           r"|real )?name\s)", 1.0, 1.0, small=True),
    _place("myself of name to", r"(?i:\b(?:myself|name of|by the name|answers? to)\s)", 0.0, 0.4),
    # Signatures.
    _place(_THANKS, r"(?i:\b(?:regards|wishes|thanks(?: so much| a lot| in advance| very much| again)?|thank you"
           r"|thx|ty|cheers|ta|best|sincerely"
           r"|faithfully|truly|blessings|bless|love|yours"
           r"|ciao)\b[,.!]{0,2}[ \t]{0,3}[\n\-–—~]{0,3}\s{0,3})", 0.0, 0.3, after=_END),
    _place(_THANKS, r"(?i:\b(?:regards|wishes|thanks|thank you|thx|cheers|sincerely"
           r"|faithfully)\b[,.!]{0,2}\s{1,4})", 2.0, 2.0, after=_CLOSE),
    _place("", r"(?:[-–—~]{1,3}|[.?!\n]\s?[xX]{1,3})[ \t]{0,2}", 0.5, 1.5, after=_END),
    _place("from", r"\b[Ff]rom[ \t]{1,2}", 0.5, 1.5, after=_END),
    _place("from", r"(?:^|[.?!)…\n])\s{0,3}[Ff]rom[ \t]{1,2}", 0.5, 1.5, after=_CLOSE),
    _place("", r"[.?!)…\n]\s{0,3}", 2.0, 3.0, after=re.compile(r"\s*[.!]?\s*$")),
    _place("", r"^[ \t>*]{0,6}", 2.0, 3.0,
           after=re.compile(r",?[ \t]*(?:(?:RGN|RN|MD|MBBS|FRCP|MRCP|BSc|MSc|PhD|DO|NP|PA|RMN|RM"
               r"|PharmD)[ ,]*)*(?:$|\n)")),
    # Openings.
    _place("", r"^[ \t\"“*-]{0,4}", 0.5, 1.0, small=True, after=_AGED, lines=True),
    _place("", r"(?:^|[.?!\n]\s{0,2})", 1.0, 1.0, after=_AGED),
    _place("", r"(?:^|[.?!,\n]\s{0,2})", 0.5, 1.0, small=True, after=_HERE),
    _place("hi hiya hello hey g'day dear morning afternoon evening",
           r"(?i:\b(?:hi|hiya|hello|hey|g['’]day|dear|good (?:morning|afternoon|evening)|morning"
           r"|evening)[ ,!]{1,3})", 2.0, 3.0, after=_CLOSE),
    # A name before its label: "HERNANDEZ, MARIA DOB 01/02/1960", "Mary Jones <mj@...>".
    _place("", r"(?:^|[\n:;.|,(])[ \t]{0,3}", 0.0, 0.0, after=_LABELLED, lines=True),
    _place("pt patient client re for of", r"\b[ \t]{1,3}", 0.0, 0.0, after=_LABELLED, lines=True),
    _place("", r"(?:^|[\n:;.|,(])[ \t\"]{0,3}", -1.0, 0.0, after=_MAILED),
    # Introductions.
    _place("i'm im am is me", r"(?i:\b(?:i['’]?m|i am|this is|call me)\s{1,2})", 1.0, 1.5, small=True, after=_CLOSE),
    _place("it its is he she shes hes name", r"(?i:\b(?:it['’]?s|it is|here is|s?he['’]?s|shes|hes"
           r"|name)\s{1,2})", 1.0, 3.0, small=True, after=_CLOSE),
    # Somebody's people.
    _place(_KIN, r"(?<=[A-Za-z])(?:\s|,\s|\s?\(|:\s)", 1.0, 1.0),
    _place(_KIN, r"(?i:\b(?:my|our|his|her|their)\s(?:[a-z]+\s)?[a-z]+(?:\s|\s?\())", 1.5, 1.5, small=True),
)  # fmt: skip
_PAIRED_FROM = len(_PLACES) - 2
_REACH = 70
"""Characters before a name that a lead is looked for in."""
_BY_CUE: dict[str, tuple[int, ...]] = {
    cue: tuple(number for number, place in enumerate(_PLACES) if cue in place.cues)
    for cue in frozenset().union(*(place.cues for place in _PLACES))
}
_BY_MARK = tuple(number for number, place in enumerate(_PLACES) if not place.cues)
_INITIALS = re.compile(
    r"(?<![\w.])(?!U\.S|U\.K)(?:[A-Z]\.\s?){2,4}(?=,?\s*\(?\d{1,3}(?:\s?(?:[MF]\b|y|male|female|,|\)))"
    r"|,?\s*(?:DOB|MRN|NHS|[MF]\b|male|female|aged))"
    r"|(?:\b(?:[Pp]t|PT|[Pp]atient|[Cc]lient|[Ii]nitials|[Ss]igned|[Rr]e)[:\s]\s?)(?P<name>(?:[A-Z]\.\s?){2,4})"
)
_LETTERED = re.compile(
    r"(?<![\w\-])(?:[A-Za-z]-){3,15}[A-Za-z](?![\w\-])|(?i:\bspel(?:t"
    r"|led)\b)[ :,a-z]{0,6}?\s(?P<name>(?:[A-Za-z][ .]){2,15}[A-Za-z])(?![\w\-])"
)
_PAIRED = re.compile(r"\s*(?:,|and|&)\s+(?:and\s+)?")
_WITHIN = _Place(frozenset(), re.compile(""), 3.0, 3.0)
# Given names somewhere, but more often a place, a feast, a language, a thing for sale.
_NO_PERSON = _LEX.no_persons.union(
    _LEX.not_names, _LEX.brands, _LEX.eponyms, _LEX.cities, _LEX.countries, _LEX.titles, _LEX.relations
)
_CONTRACTION = re.compile(r"'(?:m|s|d|re|ve|ll|t)$|-ish$")
# Titles and kin stand where names stand; so do these.
_REFUSED = (_LEX.titles | _LEX.relations) - {"art"} | _LEX.no_names


def find(text: str, found: list[Word]) -> Iterator[Identifier]:
    """NAME at places where people put names. `found` are the words of the text."""
    lex, known = lexicon(), evidence()
    done = 0
    for at in range(len(found)):
        if at < done:
            continue
        for number in _candidates(text, found, at):
            place = _PLACES[number]
            if not (place.small or found[at].text[0].isupper()):
                continue
            start = found[at].start
            if not place.lead.search(text, max(0, start - _REACH), start):
                continue
            end = _person(text, found, at, place, lex, known)
            if end > at:
                yield _identifier(text, found, at, end)
                done = end
                if number >= _PAIRED_FROM:
                    yield from _others(text, found, end, lex, known)
                break
    yield from _listed(text, found, lex, known)
    for match in _INITIALS.finditer(text):
        group = "name" if match["name"] else 0
        yield Identifier("NAME", match.start(group), len(text[: match.end(group)].rstrip()), 46, match[group].lower())
    for match in _LETTERED.finditer(text):
        group = "name" if match["name"] else 0
        yield Identifier("NAME", match.start(group), match.end(group), 46, re.sub(r"[-. ]", "", match[group]).lower())


def _candidates(text: str, found: list[Word], at: int) -> tuple[int, ...]:
    """Numbers of the places that the word before, or what stands between, could make."""
    if at == 0:
        return _BY_MARK
    previous = found[at - 1]
    gap = text[previous.end : found[at].start]
    cued = _BY_CUE.get(previous.low, ())
    return cued if gap == " " else tuple(sorted((*cued, *_BY_MARK)))


def _others(text: str, found: list[Word], at: int, lex: Lexicon, known: Evidence) -> Iterator[Identifier]:
    """ "the twins, Summer and Autumn": given names joined to one that is somebody's."""
    while at < len(found):
        at += found[at].low == "and" and at + 1 < len(found)
        word = found[at]
        last = at - 2 if found[at - 1].low == "and" else at - 1
        if not _PAIRED.fullmatch(text, found[last].end, word.start):
            return
        if not (word.capital and known.given(word.low)) or word.low in lex.not_names:
            return
        yield _identifier(text, found, at, at + 1)
        at += 1


def _listed(text: str, found: list[Word], lex: Lexicon, known: Evidence) -> Iterator[Identifier]:
    """Within a sentence: a given name of some people that is no word, no place, no product; with the names after"
    " it."""
    capitals = sum(word.text[0].isupper() for word in found)
    if capitals > 4 and capitals > 0.6 * len(found):
        return
    at = 0
    while at < len(found):
        end = at
        if found[at].capital and len(found[at].text) > 2:
            end = _within(text, found, at, lex, known)
            if end > at:
                yield _identifier(text, found, at, end)
        at = max(end, at + 1)


def _within(text: str, found: list[Word], at: int, lex: Lexicon, known: Evidence) -> int:
    """Index after a name without any cue: two words that both look like names, or a given name within a sentence."""
    word = found[at]
    if any(part in _NO_PERSON for part in (word.low, *word.low.split("-"))) or known.ordinary(word.low):
        return at
    starts = text[max(0, word.start - 2) : word.start].rstrip(' "“(>')[-1:] in (".", "!", "?", ":", "\n", "")
    end = _words(text, found, at, _WITHIN, lex, known)
    while end > at + 1 and known.name(found[end - 1].low) <= 0 and found[end - 1].low not in lex.given_words:
        end -= 1
    if end == at or _standard_follows(text, found, end, lex) or _named_after(found, end, lex):
        return at
    scores = [known.name(each.low) for each in found[at:end] if len(each.text) > 1 and each.low not in lex.particles]
    both = len(scores) > 1 and min(scores) > 0.5 and sum(scores) >= 3.5
    return end if both or (not starts and known.given(word.low)) else at


def _identifier(text: str, found: list[Word], at: int, end: int) -> Identifier:
    stop = found[end - 1].end
    if len(found[end - 1].text) == 1 and text[stop : stop + 1] == ".":
        stop += 1
    return Identifier("NAME", found[at].start, stop, 40, " ".join(word.low for word in found[at:end]))


def _person(text: str, found: list[Word], at: int, place: _Place, lex: Lexicon, known: Evidence) -> int:
    """Index after the name that starts at word `at`, or `at`."""
    first = found[at]
    if not (first.text[0].isupper() or place.small):
        return at
    end = _words(text, found, at, place, lex, known)
    while end > at:
        if (place.after is None or place.after.match(text, _stop(text, found, end))) and _enough(
            text, found, at, end, place, lex, known
        ):
            return end
        end -= 1
    return at


def _stop(text: str, found: list[Word], end: int) -> int:
    last = found[end - 1]
    return last.end + (1 if len(last.text) == 1 and text[last.end : last.end + 1] == "." else 0)


def _words(text: str, found: list[Word], at: int, place: _Place, lex: Lexicon, known: Evidence) -> int:
    """As many words, five at most, as could belong to a name that starts here."""
    end, small = at, not found[at].text[0].isupper()
    while end < len(found) and end - at < 5:
        word = found[end]
        if end > at and not _joined(text, found[end - 1], word, place.lines):
            break
        if word.low in lex.particles and end > at:
            end += 1
            continue
        if not _possible(word, first=end == at, small=small, lex=lex, known=known):
            break
        end += 1
    while end > at and found[end - 1].low in lex.particles and end - 1 > at:
        end -= 1
    return end


def _joined(text: str, left: Word, right: Word, lines: bool) -> bool:
    gap = text[left.end : right.start]
    if gap[:1] == "." and len(left.text) == 1:
        gap = gap[1:]
    if (
        lines
        and left.shouted
        and ((right.shouted and re.fullmatch(r",?\s{1,2}", gap)) or (right.capital and gap == ", "))
    ):
        return True
    return gap in (" ", "  ", "\u00a0", "")


def _possible(word: Word, *, first: bool, small: bool, lex: Lexicon, known: Evidence) -> bool:
    low = word.low
    if low in _REFUSED or _CONTRACTION.search(low):
        return False
    if (
        low in lex.brands
        or low in lex.eponym_heads
        or (low in lex.not_names and not (first and low in lex.given_words))
    ):
        return False
    if word.text[0].isupper() or (small and first):
        return len(word.text) > 1 or (not first and word.text != "I")
    return small and len(low) > 2 and not known.ordinary(low) and known.name(low) > 0


def _enough(text: str, found: list[Word], at: int, end: int, place: _Place, lex: Lexicon, known: Evidence) -> bool:
    """Whether the words, where they stand, are more likely a person than anything else."""
    run = [word for word in found[at:end] if word.low not in lex.particles or end == at + 1]
    if any(_labels(word) for word in run) or _standard_follows(text, found, end, lex):
        return False
    scores = [_score(word, lex, known) for word in run if len(word.text) > 1]
    if not scores or len(run[0].low) < 2:
        return False
    single = len(run) == 1
    small = not found[at].text[0].isupper()
    if small:
        # Typed in haste: a listed name that is no word, or a word of letters such as names have, or two that go together.
        if known.ordinary(run[0].low):
            return not single and known.given(run[0].low) and max(scores[1:], default=-3) >= 2
        return (
            max(scores) >= max(place.alone if single else place.least, 0.5 if place.least < 0 else 1.5)
            and len(run[0].low) > 2
        )
    if single:
        return scores[0] >= place.alone and (len(run[0].low) > 2 or scores[0] >= 3 or place.least < 0)
    return (
        max(scores) >= place.least
        and min(scores) > (-3.5 if place.least <= 0 else -3.0)
        and sum(scores) >= min(place.least, 1.0)
    )


def _score(word: Word, lex: Lexicon, known: Evidence) -> float:
    if word.low in lex.given_words:
        return 1.0
    # Ji-hoon, Mei-ling: syllables of Korean and Chinese given names.
    parts = word.low.split("-")
    if len(parts) == 2 and all(part in lex.syllables or part in lex.pinyin for part in parts):
        return 2.0
    return known.name(word.low)


def _labels(word: Word) -> bool:
    """An abbreviation of the wards, no name: COPD, MRN, DOB."""
    return (
        word.shouted
        and len(word.text) < 4
        and not any(ch in "AEIOUY" for ch in word.text)
        and word.text not in ("NG", "NGO")
    )


def _named_after(found: list[Word], end: int, lex: Lexicon) -> bool:
    """ "Ullrich congenital muscular dystrophy": the head of an eponym comes later."""
    return any(word.low in lex.eponym_heads for word in found[end : end + 4])


def _standard_follows(text: str, found: list[Word], end: int, lex: Lexicon) -> bool:
    if text[found[end - 1].end : found[end - 1].end + 2] in ("'s", "’s") and end < len(found):
        return found[end].low in lex.eponym_heads
    return (
        end < len(found)
        and text[found[end - 1].end : found[end].start] in (" ", "-")
        and found[end].low in lex.eponym_heads
    )
