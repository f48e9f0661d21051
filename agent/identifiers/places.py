"""Institutions, addresses and home towns in Latin script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers.lexicon import Lexicon, lexicon
from agent.identifiers.types import Identifier
from agent.identifiers.words import Word, words

_LEX = lexicon()
# First and last words, looked at before any phrase is put together.
_KNOWN_STARTS = frozenset(name.split()[0].rstrip(".").removesuffix("'s") for name in _LEX.institutions)
_CITY_STARTS = frozenset(name.split()[0].rstrip(".") for name in _LEX.cities)
_FACILITY_ENDS = frozenset(name.split()[-1] for name in _LEX.facility)

_STREET = re.compile(
    r"(?<![\w.])\d{1,6}[A-Za-z]?(?:[-/]\d{1,5})?,?[ \t]{1,2}(?:(?:[A-Z][\w.'’\-]{0,24}|\d{1,3}(?:st|nd|rd|th)"
    r"|of|the|de|la)[ \t]{1,2}){1,5}(?P<kind>(?i:" + "|".join(sorted(_LEX.street, key=len, reverse=True)) + r"))\b\.?"
)
_NAMED_STREET = re.compile(
    r"(?:\b(?:on|from|at|in|off|near)\s)((?:[A-Z][a-z'’]{1,20}\s){1,3}(?:Street|Avenue|Road|Boulevard|Lane"
    r"|Drive|Court|Terrace|Parkway))\b"
)
_UNIT = re.compile(r"(?i)[\s,]{1,3}(?:apt|apartment|suite|ste|unit|flat|room|floor|#)\.?\s{0,2}#?\w{1,6}\b")
_TOWN = re.compile(r",\s{1,2}(?:[A-Z][A-Za-z.'’\-]{1,24}[ \t]?){1,3}")
_STATE_ZIP = re.compile(r",?\s{1,2}[A-Z]{2}(?:\s{1,2}\d{5}(?:-\d{4})?)?(?!\w)|,?\s{0,2}\d{5}(?:-\d{4})?(?![\w.])")
_ZIP = re.compile(
    r"(?i)\b(?:zip(?: ?code)?|post ?code|postal code|邮编|邮政编码|郵遞區號)(?:\s{0,2}(?:is|:|：|是"
    r"|为)){0,2}\s{0,2}([A-Z0-9]{2,5}[ -]?[A-Z0-9]{3,5}|\d{5,6})(?!\w)"
)
_UK_POSTCODE = re.compile(r"(?<![\w\-])(?:[A-Z]{1,2}\d[A-Z]|[A-Z]{1,2}\d{1,2}) \d[ABD-HJLNP-UW-Z]{2}(?![\w\-])")
_CA_POSTCODE = re.compile(r"(?<![\w\-])[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d(?![\w\-])")
_PO_BOX = re.compile(r"(?i)\bp\.?\s?o\.?\s?box\s{0,2}\d{1,7}")
_STATED = re.compile(
    r"(?i)\b(?:(?:home |postal |mailing |billing |shipping |my |the |his "
    r"|her )?address(?: of [\w.'’ \-]{1,40})?(?: is|:)|located at|lives? at|living at|i['’]?m at|resid(?:e|es"
    r"|ing) at)\s{0,3}(?=[^\n]{0,60}\d)"
)
_STATED_END = re.compile(
    r"[?!;]|\.(?=\s[A-Z][a-z]+ [a-z])|\s(?:and (?:i|my|he|she|have|the)|but|because|with|who|since|for)\s|\n\n"
)
_HOME = re.compile(
    r"(?i)\b(?:i|we|he|she|they|who|patient|pt|currently|also|originally|family|parents?)?\s?(?:live[sd]?"
    r"|living|reside[sd]?|residing|resident|based|moved|born|grew up|home(?: town)? is)\s(?:in|at|near|to|of"
    r"|around|outside)\s(?:the\s)?$"
    r"|\b(?:i['’]?m|i am|we['’]?re)\s(?:calling |writing |originally |texting )?(?:from|in)\s$|\bhome ?town(?: is|:)\s$"
)
_TRAVEL = re.compile(
    r"(?i)\b(?:travel\w*|trip|return\w*|holiday|vacation|flew|flight|visit(?:ing|ed)? (?:family|relatives"
    r"|friends)|been to|back from|got back|came back|arriv\w+|outbreak|exposure|endemic)\b[^.\n]{0,40}$"
)
_AT_TOWN = re.compile(r"(?i)\b(?:in|at|from|near|to|of|our|the|a)\s$|,\s$")
_CARE = re.compile(r"(?i)\b(?:at|to|by|from|in|visited|attended|our|the|via|of|with|,)\s(?:the\s|our\s)?$|,\s$")
_WORKPLACE = re.compile(
    r"(?i)\b(?:i|he|she|we|they|who|husband|wife|patient|mother|father|mom|dad|son|daughter"
    r"|currently)\s(?:currently |also )?(?:work(?:s|ed|ing)?|am employed|is employed|employed|am a student"
    r"|is a student|study|studies|studied|go(?:es)? to school|teach(?:es)?|intern)\s(?:at|for|by"
    r"|in)\s(?:the\s)?$|\b(?:employer|school|company|insurer|pharmacy)\s?(?:is|:)\s$"
)


def find(text: str, today: date) -> Iterator[Identifier]:
    """ADDRESS, ORGANIZATION and LOCATION. A town alone needs company: another identifier beside it."""
    del today
    lex = lexicon()
    yield from _addresses(text, lex)
    found = words(text)
    at = 0
    while at < len(found):
        hit = _institution(text, found, at, lex) or _town(text, found, at, lex) or _workplace(text, found, at, lex)
        if hit is None:
            at += 1
            continue
        identifier, at = hit
        yield identifier


def _addresses(text: str, lex: Lexicon) -> Iterator[Identifier]:
    for match in _STREET.finditer(text):
        if match["kind"].lower() in lex.street:
            end = match.end()
            for pattern in (_UNIT, _TOWN, _STATE_ZIP):
                if more := pattern.match(text, end):
                    end = more.end()
            yield _identifier(
                "ADDRESS", text, match.start(), len(text[:end].rstrip()) if end - match.start() < 200 else end, 25
            )
    for match in _NAMED_STREET.finditer(text):
        yield _identifier("ADDRESS", text, match.start(1), match.end(1), 27)
    for pattern in (_UK_POSTCODE, _CA_POSTCODE, _PO_BOX):
        for match in pattern.finditer(text):
            yield _identifier("ADDRESS", text, match.start(), match.end(), 26)
    for match in _ZIP.finditer(text):
        if any(ch.isdigit() for ch in match[1]):
            yield _identifier("ADDRESS", text, match.start(1), match.end(1), 26)
    for match in _STATED.finditer(text):
        window = text[match.end() : match.end() + 140]
        stop = _STATED_END.search(window)
        value = (window[: stop.start()] if stop else window).rstrip(" .,\n")
        if len(value) > 4:
            yield _identifier("ADDRESS", text, match.end(), match.end() + len(value), 24)


def _institution(text: str, found: list[Word], at: int, lex: Lexicon) -> tuple[Identifier, int] | None:
    """A known institution, a saint's or a run of capitals that ends in "Hospital", or capitals after "seen at"."""
    word = found[at]
    if not (word.text[0].isupper() or word.low in ("st", "mt")) or word.low in _TITLES:
        return None
    led = (at > 0 and found[at - 1].low in _LEADING) or text[max(0, word.start - 2) : word.start - 1] == ","
    lead = text[max(0, word.start - 40) : word.start] if led else ""
    end = _known(text, found, at, lex.institutions)
    run = _capitals(text, found, at)
    visited = _seen_at(lead) or _CARE.search(lead) is not None
    closing = _closing(text, found, at, run, lex, visited=visited)
    saint = word.low in ("st", "mt", "saint", "mount") and run > at + 1
    if closing > max(end, at):
        end = closing
    elif end == at and (
        (saint and not _head_follows(text, found, run, lex)) or _named_by_visit(text, found, at, run, lead, lex)
    ):
        end = run
    while (
        at < end < len(found)
        and text[found[end - 1].end : found[end].start] in (" ", "'s ", "’s ")
        and found[end].low in _STRONG_FACILITY | _PLAIN_FACILITY
    ):
        end += 1
    if end == at or _head_follows(text, found, end, lex):
        return None
    if saint and end < len(found) and found[end].low == "wort":
        return None
    if end == at + 1 and word.low in _LEX.short_institutions and not _CARE.search(lead):
        return None
    if re.search(
        r"(?i)\b(?:recommendations?|guidelines?|according to|published|study|research|article|evidence"
        r"|data)\s(?:from|by|of|in|at)?\s?(?:the\s)?$",
        lead,
    ):
        return None
    stop = found[end - 1].end
    if text[stop : stop + 2] in ("'s", "’s"):
        stop += 2
    stop, end = _with_town(text, found, end, stop, lex)
    return _identifier("ORGANIZATION", text, word.start, stop, 35), end


def _named_by_visit(text: str, found: list[Word], at: int, run: int, lead: str, lex: Lexicon) -> bool:
    """ "seen at Cedar Crest": capitals after a visit that are neither generic nor just a town."""
    return (
        found[at].capital
        and _seen_at(lead)
        and not _generic(found[at:run], lex)
        and _city_from(text, found, at, lex) < run
    )


def _with_town(text: str, found: list[Word], end: int, stop: int, lex: Lexicon) -> tuple[int, int]:
    """Take in ", Boston", " in Boston, MA"."""
    at = end + 1 if end < len(found) and found[end].low == "in" else end
    if at >= len(found) or text[stop : found[at].start] not in (", ", " ", " in ", ", in "):
        return stop, end
    city = _city_from(text, found, at, lex)
    if city == at and found[at].text in lex.us_states and found[at].text not in ("IN", "OR", "OK", "ME", "HI"):
        return found[at].end, at + 1
    if city == at:
        return stop, end
    stop = found[city - 1].end
    if city < len(found) and found[city].text in lex.us_states and text[stop : found[city].start] in (", ", " "):
        return found[city].end, city + 1
    return stop, city


def _known(text: str, found: list[Word], at: int, names: frozenset[str]) -> int:
    if found[at].low not in _KNOWN_STARTS:
        return at
    for size in (4, 3, 2, 1):
        if at + size <= len(found):
            phrase = text[found[at].start : found[at + size - 1].end]
            if len(phrase) < 40 and " ".join(phrase.lower().split()) in names:
                return at + size
            if (
                len(phrase) < 40
                and (text[found[at].start : found[at + size - 1].end + 2].lower().replace("’", "'")) in names
            ):
                return at + size
    return at


def _capitals(text: str, found: list[Word], at: int) -> int:
    """A run of capitals with "of", "and", "&", "the" allowed inside."""
    end = at + 1
    while end < len(found) and end - at < 9:
        gap = text[found[end - 1].end : found[end].start]
        if (
            gap.strip(" -&./") not in ("", "'s", "’s")
            or len(gap) > 5
            or "\n" in gap
            or (gap.startswith(". ") and found[end - 1].low not in ("st", "mt", "med", "univ", "gen", "hosp"))
        ):
            break
        if found[end].text[0].isupper():
            end += 1
        elif (
            found[end].low in ("of", "and", "for", "the") and end + 1 < len(found) and found[end + 1].text[0].isupper()
        ):
            end += 2
        else:
            break
    return end


_TITLES = _LEX.place_titles
# The word before a place is one of these or there is nothing to look for: keeps long texts linear and quick.
_LEADING = _LEX.leading
_STRONG_FACILITY = frozenset(("hospital", "hospitals", "clinic", "clinics", "infirmary", "hospice"))
_PLAIN_FACILITY = frozenset(("facility", "office", "campus", "branch", "location", "center", "centre", "er"))
_VAGUE = _LEX.vague_facility
_COMMON_PROPER = _LEX.common_proper


def _closing(text: str, found: list[Word], at: int, run: int, lex: Lexicon, *, visited: bool) -> int:
    """Index after the last word of a facility's name whose proper part is not generic; `at` where there is none.

    A vague last word ("Health", "General") or a lower-case one ("clinic") needs somebody who went there: `visited`.
    """
    ends = [
        end
        for end in range(at + 1, run + 1)
        if found[end - 1].low in _FACILITY_ENDS
        for size in (1, 2, 3)
        if end - size > at and _phrase(text, found, end - size, end) in lex.facility
    ]
    if (
        visited
        and run < len(found)
        and text[found[run - 1].end : found[run].start] in (" ", "'s ", "’s ")
        and found[run].low in _STRONG_FACILITY | _PLAIN_FACILITY
    ):
        ends.append(run + 1)
    for end in reversed(ends):
        if (
            not visited
            and found[end - 1].low in _VAGUE
            and _phrase(text, found, max(at, end - 2), end) not in lex.facility - _VAGUE
        ):
            continue
        first = found[at].low
        if first in lex.generic_facility | lex.not_names and first not in _COMMON_PROPER and first not in ("st", "mt"):
            continue
        proper = [
            word
            for word in found[at:end]
            if word.low not in lex.generic_facility
            and word.low not in lex.not_names
            and not _is_facility_word(word, lex)
        ]
        if any(
            not word.shouted or word.low in lex.institutions or word.low in ("ny", "la", "sf", "va", "dc", "nyc")
            for word in proper
        ):
            return end
        if visited and first in _COMMON_PROPER and end - at <= 3 and found[end - 1].capital:
            return end
    return at


def _is_facility_word(word: Word, lex: Lexicon) -> bool:
    return word.low in lex.facility or word.low in (
        "medical",
        "health",
        "cancer",
        "care",
        "services",
        "system",
        "of",
        "and",
        "the",
        "for",
        "office",
        "campus",
        "branch",
        "location",
        "site",
        "facility",
    )


def _phrase(text: str, found: list[Word], start: int, end: int) -> str:
    return " ".join(text[found[start].start : found[end - 1].end].lower().split())


def _seen_at(lead: str) -> bool:
    return (
        re.search(
            r"(?i)\b(?:seen|admitted|evaluated|treated|operated|diagnosed|dx['’]?d|tx['’]?d|hospitali[sz]ed"
            r"|presented|presenting|followed|transferred|discharged|referred|reviewed|managed|consulted"
            r"|checked|attended|visited|assessed|examined|delivered|surgery|appointment|procedure|underwent"
            r"|cared for|monitored)"
            r"(?: \w+){0,2} (?:at|to|from|in)(?: the| our)? $|\b(?:seen|visited|attended) (?:at )?(?:the |our )?$",
            lead,
        )
        is not None
    )


def _generic(run: list[Word], lex: Lexicon) -> bool:
    return all(
        word.low in lex.generic_facility or word.low in lex.not_names or word.shouted or len(word.text) < 3
        for word in run
    )


def _head_follows(text: str, found: list[Word], end: int, lex: Lexicon) -> bool:
    """ "Mayo Clinic guidelines", "Glasgow coma scale": a standard, not a place of care."""
    if end >= len(found):
        return False
    gap = text[found[end - 1].end : found[end].start]
    return gap.strip(" '’s") == "" and (found[end].low in lex.standard_heads or found[end].low in lex.eponym_heads)


def _city_from(text: str, found: list[Word], at: int, lex: Lexicon) -> int:
    if at >= len(found) or found[at].low not in _CITY_STARTS:
        return at
    for size in (3, 2, 1):
        if at + size <= len(found) and found[at].text[0].isupper():
            phrase = text[found[at].start : found[at + size - 1].end]
            if len(phrase) < 40 and " ".join(phrase.lower().split()) in lex.cities:
                return at + size
    return at


def _town(text: str, found: list[Word], at: int, lex: Lexicon) -> tuple[Identifier, int] | None:
    word = found[at]
    lead = text[max(0, word.start - 60) : word.start]
    home = at > 0 and found[at - 1].low in _LEADING and _HOME.search(lead) is not None
    end = _city_from(text, found, at, lex)
    if home and end == at and word.capital and word.low not in lex.not_names and word.low not in _COUNTRIES:
        run = _capitals(text, found, at)
        end = run if run - at <= 3 else at
    if home and end == at and not word.text[0].isupper():
        for size in (3, 2, 1):
            if at + size <= len(found) and _phrase(text, found, at, at + size) in lex.cities - {
                "reading",
                "bath",
                "cork",
                "york",
            }:
                end = at + size
                break
    if (
        end == at
        or _head_follows(text, found, end, lex)
        or _TRAVEL.search(lead)
        or (not home and not _AT_TOWN.search(lead))
    ):
        return None
    stop = found[end - 1].end
    if end < len(found) and re.fullmatch(r",? ", text[stop : found[end].start]) and found[end].text in lex.us_states:
        stop, end = found[end].end, end + 1
    return Identifier("LOCATION", word.start, stop, 45, text[word.start : stop].lower(), needs_company=not home), end


def _workplace(text: str, found: list[Word], at: int, lex: Lexicon) -> tuple[Identifier, int] | None:
    word = found[at]
    if (
        not word.text[0].isupper()
        or not at
        or found[at - 1].low not in _LEADING
        or not _WORKPLACE.search(text[max(0, word.start - 60) : word.start])
    ):
        return None
    run = _capitals(text, found, at)
    if word.low in lex.not_names or word.low in _COUNTRIES or _generic(found[at:run], lex):
        return None
    return _identifier("ORGANIZATION", text, word.start, found[run - 1].end, 36), run


_COUNTRIES = _LEX.countries


def _identifier(type_: str, text: str, start: int, end: int, rank: int) -> Identifier:
    return Identifier(type_, start, end, rank, re.sub(r"[\s.,]+", " ", text[start:end]).strip().lower())
