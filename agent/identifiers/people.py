"""Names of people in Latin script, by cue and by word list, with drugs and eponyms left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers import placed
from agent.identifiers.lexicon import Lexicon, lexicon
from agent.identifiers.types import Identifier
from agent.identifiers.words import Word, adjacent, before, initial, words

_LEX = lexicon()

_TITLES = _LEX.titles
_RELATIONS = _LEX.relations
_PARTICLES = _LEX.particles
_STRONG = re.compile(
    r"(?i)(?:\bmy (?:full |first |last |legal )?name(?:['’]?s| is)|\b(?:his|her|their|the patient['’]?s"
    r"|patient|pt['’]?s?|the baby['’]?s|whose) name(?:['’]?s| is|:)?|\b(?:patient|client|full|first|last|given"
    r"|family|maiden)?\s?(?:sur)?name\s?[:=]"
    r"|\bpatient\s?[:#]|\b(?:i am|i['’]m|im) called|\bcall me|\bknown as|\bgoes by|\bsigned,?|\b(?:regards"
    r"|sincerely|cheers|yours),?|\bthis is|\b(?:next of kin|emergency contact|guardian|contact|attending"
    r"|physician|provider|consultant|surgeon|referrer|gp)\s?:)\s{0,3}$"
)
_SELF = re.compile(r"(?i)\b(?:i['’]?m|i am|it['’]?s|it is|hi,? |hello,? )\s{0,2}$")
# The last word of every cue above.
_CUE_WORDS = _LEX.cue_words
_CALLING = re.compile(r"(?i)^\s{0,2}(?:calling|speaking|here\b|again\b|from\b|,)")
_GIVING = re.compile(
    r"(?i)\b(?:give|gave|given|giving|take|takes|took|taking|put|prescribe[ds]?|started|offer(?:ed)?|feed|fed"
    r"|administer(?:ed)?|with|use|using|on)\b[^.;,\n]{0,24}$"
)
_DRUG_ENDING = re.compile(
    r"(?:mab|nib|vir|pril|sartan|olol|statin|azole|cillin|mycin|micin|floxacin|cycline|prazole|tidine|gliptin"
    r"|gliflozin|glutide|formin|parin|xaban|gatran|zepam|zolam|oxetine|triptan|setron|dipine|lukast|terol|sone"
    r"|solone|caine|profen|coxib|barbital|fentanil|codone|morphone|phylline|thiazide|semide|lactone|vaccine"
    r"|dopa|tinib|ciclovir|oxacin)$"
)
_ACTS = re.compile(r"\s(?:has|is|was|had|says|said|feels|fell|can)\b")
_PERSON_AHEAD = re.compile(r"(?i)\s(?:male|female|man|woman|patient|boy|girl|m|f)\b")
_FORMAL = re.compile(
    r"(?i)\b(?:year|yr|yrs|years|y/?o|yo|month|old|patient|pt|male|female|man|woman|boy|girl|m|f|veteran"
    r"|resident|hx|history)\b[^.\n]{0,80}[,(]\s?$"
)


def find(text: str, today: date) -> Iterator[Identifier]:
    """Names of people. `key` is the lower-cased name, so "Mary Johnson" twice is one identifier."""
    del today
    found, lex = words(text), lexicon()
    yield from placed.find(text, found)
    at = 0
    while at < len(found):
        end = _name_at(text, found, at, lex)
        if end == at:
            at += 1
            continue
        last = found[end - 1]
        stop = last.end + (1 if len(last.text) == 1 and text[last.end : last.end + 1] == "." else 0)
        yield Identifier("NAME", found[at].start, stop, 40, " ".join(word.low for word in found[at:end]))
        at = end


def _name_at(text: str, found: list[Word], at: int, lex: Lexicon) -> int:
    """Index after the name that starts at word `at`; `at` itself where none does."""
    word = found[at]
    if word.low in _TITLES and (word.capital or word.low in ("dr", "mr", "mrs", "ms", "prof")):
        return at
    if _standard_ahead(text, found, at, lex):
        return at
    lead = before(text, word, 40)
    previous = found[at - 1] if at else None
    # MS and SR are a disease and a tablet; Ms and Sr are people.
    titled = (
        previous is not None
        and previous.low in _TITLES
        and (not previous.shouted or previous.low in ("dr", "mrs"))
        and _after_title(text, previous, word)
    )
    if (
        titled
        and word.low not in lex.not_names
        and word.low not in lex.brands
        and (word.capital or word.shouted or _is_surname(word, lex) or word.low in lex.given)
    ):
        return _run(text, found, at, lex, loose=True)
    cued = previous is not None and previous.low in _CUE_WORDS
    if cued and _STRONG.search(lead) and (named := _introduced(text, found, at, lex, lead)) > at:
        return named
    self_said = cued and _SELF.search(lead) is not None
    if self_said and (
        (word.low in lex.given and word.low not in lex.not_names)
        or (word.capital and word.low in lex.given_words and _bounded(text, word))
    ):
        return _run(text, found, at, lex, loose=True)
    if self_said and word.capital and word.low not in lex.not_names:
        end = _run(text, found, at, lex, loose=False)
        if end - at >= 2 and found[at + 1].low not in lex.not_names and _is_surname(found[end - 1], lex):
            return end
    if previous is not None and previous.low in _RELATIONS and (end := _related(text, found, at, lex)) > at:
        return end
    return _listed(text, found, at, lex, lead)


def _after_title(text: str, title: Word, word: Word) -> bool:
    gap = text[title.end : word.start]
    # "Mrs. Lee"; but "Thanks, Doctor. Cheers" ends a sentence.
    return len(gap) <= 3 and gap.strip(" \t") in (("", ".") if len(title.low) <= 4 else ("",)) and gap != ""


def _introduced(text: str, found: list[Word], at: int, lex: Lexicon, lead: str) -> int:
    """After "my name is": capitals, or one or two lower-case words that are no ordinary words."""
    word = found[at]
    if word.low in lex.not_names - {"may", "april", "june", "will", "mark"} and not (
        word.capital and word.low in lex.given_words
    ):
        return at
    weak = re.search(r"(?i)this is\s{0,3}$", lead) is not None
    known = (
        word.low in lex.given
        or (word.low in lex.given_words and word.capital)
        or (_is_surname(word, lex) and word.capital)
    )
    if weak and not (known or (_CALLING.match(text[word.end : word.end + 12]) and word.capital)):
        return at
    if re.search(r"(?i)patient\s?:\s{0,3}$|gp\s?:|provider\s?:|contact\s?:|yours|regards|cheers|signed", lead) and not (
        word.capital or known
    ):
        return at
    if word.capital or word.shouted:
        return _run(text, found, at, lex, loose=True)
    if re.search(r"(?i)name|called|call me", lead) is None:
        return at
    if re.search(r"(?i)called|call me|known as|goes by", lead) and word.low not in lex.given:
        return at
    end = at + 1
    if (
        end < len(found)
        and adjacent(text, word, found[end])
        and (found[end].low in lex.surnames or found[end].low in lex.given)
    ):
        end += 1
    return end


def _related(text: str, found: list[Word], at: int, lex: Lexicon) -> int:
    """After "my son", "patient", "a woman named"."""
    word, previous = found[at], found[at - 1]
    gap = text[previous.end : word.start]
    if len(gap) > 3 or gap.strip(" ,:(") != "" or gap == "":
        return at
    if not word.capital:
        return at + 1 if word.low in lex.given - lex.not_names and "," not in gap else at
    if word.low in lex.not_names | lex.brands | lex.eponyms | lex.letter_heads or _DRUG_ENDING.search(word.low):
        return at
    if word.low in lex.given or word.low in lex.given_words or initial(text, found, at + 1):
        return _run(text, found, at, lex, loose=True)
    if len(word.text) < 3 or _GIVING.search(before(text, previous, 40)) or _title_case(found, at):
        return at
    return (
        _run(text, found, at, lex, loose=False)
        if previous.low not in ("male", "female", "man", "woman") or "," in gap
        else at
    )


def _listed(text: str, found: list[Word], at: int, lex: Lexicon, lead: str) -> int:
    """No cue: given names, a given name with an initial, surnames after another capital."""
    word = found[at]
    if (
        word.shouted
        and word.low in lex.given
        and at + 1 < len(found)
        and found[at + 1].shouted
        and _is_surname(found[at + 1], lex)
        and adjacent(text, word, found[at + 1])
    ):
        return at + 2
    if not word.capital or word.low in lex.brands or len(word.text) == 1:
        return at
    if re.search(r"(?i)\b(?:st|mt|saint|san|santa|port|fort|lake|von|de)\.?\s$", lead):
        return at
    following = found[at + 1] if at + 1 < len(found) and adjacent(text, word, found[at + 1]) else None
    if initial(text, found, at + 1) and following is not None:
        known = word.low in lex.given or word.low in lex.given_words
        formal = _FORMAL.search(lead + "") is not None and word.low not in lex.not_names
        if word.low not in lex.letter_heads and (known or formal):
            return _run(text, found, at, lex, loose=False)
    if (
        following is not None
        and following.capital
        and (following.low not in lex.not_names or following.low == "white")
        and following.low not in lex.brands
    ):
        eponymous = (
            following.low in lex.eponyms
            and text[following.end : following.end + 1] not in ("'", "’")
            and word.low not in lex.not_names
        )
        if word.low in lex.given or (word.low in lex.given_words and (_is_surname(following, lex) or eponymous)):
            return _run(text, found, at, lex, loose=True)
        if (
            word.low not in lex.not_names
            and word.low not in lex.eponyms
            and _is_surname(following, lex)
            and following.low not in lex.eponyms
            and not _sentence_start(text, word)
        ):
            return _run(text, found, at, lex, loose=False)
        if word.low in lex.pinyin and len(following.text) <= 8 and word.low not in lex.not_names:
            return _run(text, found, at, lex, loose=False)
        if (
            following.low in lex.pinyin
            and len(word.text) <= 8
            and word.low not in lex.not_names
            and not _sentence_start(text, word)
        ):
            return _run(text, found, at, lex, loose=False)
        if (
            _FORMAL.search(lead)
            and word.low not in lex.not_names | lex.generic_facility
            and _bounded(text, following)
            and not _title_case(found, at)
        ):
            return _run(text, found, at, lex, loose=False)
    if (
        word.low in lex.given
        and word.low not in lex.not_names
        and word.low not in lex.eponyms
        and (word.low not in lex.cities or _ACTS.match(text[word.end : word.end + 8]))
    ):
        return _run(text, found, at, lex, loose=False)
    return at


def _run(text: str, found: list[Word], at: int, lex: Lexicon, *, loose: bool) -> int:
    """Extend a name over particles, initials and further capitals, four words at most."""
    end = at + 1
    while end < len(found) and end - at < 5 and adjacent(text, found[end - 1], found[end]):
        word = found[end]
        if initial(text, found, end) and word.text != "I":
            end += 1
            continue
        if (
            word.low in _PARTICLES
            and end + 1 < len(found)
            and found[end + 1].capital
            and adjacent(text, word, found[end + 1])
        ):
            end += 2
            continue
        capital = word.capital or (found[at].shouted and word.shouted)
        colour = (
            word.low in ("white", "black", "young", "gay")
            and found[at].low in lex.given
            and not _PERSON_AHEAD.match(text[word.end : word.end + 12])
        )
        if (
            not capital
            or (word.low in lex.not_names and not colour)
            or word.low in lex.brands
            or word.low in lex.eponym_heads
            or _DRUG_ENDING.search(word.low)
        ):
            break
        if not loose and end - at >= 2 and not _is_surname(word, lex) and word.low not in lex.given:
            break
        end += 1
    return end


def _standard_ahead(text: str, found: list[Word], at: int, lex: Lexicon) -> bool:
    """An eponym: one to three capitals and then "disease", "score", "sign"; or a known eponym standing alone."""
    if found[at].low in lex.eponyms and found[at].low not in lex.given:
        alone = not (at and found[at - 1].low in _TITLES | _RELATIONS) and not (
            at and found[at - 1].low in lex.given and found[at - 1].capital
        )
        if alone and not initial(text, found, at + 1):
            return True
    for step in range(1, 4):
        if at + step >= len(found):
            return False
        gap = text[found[at + step - 1].end : found[at + step].start]
        if len(gap) > 4 or gap.strip(" -–'’s&") != "":
            return False
        if found[at + step].low in lex.eponym_heads:
            return True
        if not found[at + step].capital:
            return False
    return False


def _is_surname(word: Word, lex: Lexicon) -> bool:
    low = word.low.replace("'", "")
    return low in lex.surnames or (len(low) > 4 and low.startswith("mc") and word.capital)


def _sentence_start(text: str, word: Word) -> bool:
    lead = text[max(0, word.start - 3) : word.start].rstrip(' "“(')
    return word.start == 0 or lead == "" or lead[-1] in ".!?\n:"


def _bounded(text: str, word: Word) -> bool:
    return text[word.end : word.end + 1] in ("", ",", ".", ")", "?", ";", ":", "!")


def _title_case(found: list[Word], at: int) -> bool:
    """A headline, where capitals say nothing."""
    near = found[max(0, at - 5) : at + 6]
    return len(near) >= 6 and sum(word.text[0].isupper() for word in near) >= len(near) - 1
