"""A conversation as plain rows for one page to take to a doctor: what was told, what was asked, and the urgency given.

Everything comes from the state, which holds no raw text. What the person said stands in quotation marks and in their own
words; nothing is concluded from it that triage did not conclude.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby, pairwise

from agent import compose, intake, replies, wishes
from agent.labs import read_labs
from agent.messages import messages, say
from agent.tokens import simplified
from agent.types import Answer, ConversationState, Facts, Finding, Language, Message, Triage
from agent.vitals import read_vitals
from knowledge.errors import InputError
from knowledge.rules import load_lexicon, load_triage
from knowledge.terms import load_terms

MOST_PAGES = 5
_MOST_RULES, _MOST_QUESTIONS = 3, 3
# Characters of the person's words shown at most: their first message, a sentence, a reply. Chinese says as much in half.
_OPENING, _SENTENCE, _REPLY = 360, 160, 120
# A word for an allergy speaks of the medicines this far behind it.
_ZONE = 300
_ENDLESS = 600
"""A sentence of more characters is no sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """One statement, as it is read; `url` is the page behind it. Words of the person stand in “ ” and hold none."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading (`summary_` and `name` in agent/messages) and its statements."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The page as rows, in the order of reading; a part without a statement is left out. `made`: when it was written."""

    made: date
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A message of the person: its text, that with the reply written out, and what it replies to; where its sentences stand,
    the medicines it names with the doses around them, and the findings in it."""

    text: str
    written: str
    asked: tuple[str, ...]
    topics: frozenset[str]
    spans: tuple[tuple[int, int], ...]
    named: tuple[tuple[int, int, str], ...]
    findings: tuple[Finding, ...] = ()


_LINK = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,12}://|\bwww\.)[^\s，。；、）”]*|\bmailto:\S*", re.I)
_DATE = re.compile(r"\[DATE-\d{1,4} ([+-]?\d{1,6})d\]")
_SENTENCE_END = re.compile(r"(?<=[!?。！？])(?![!?。！？])|(?<=\.)(?=\s)|(?<=[;；])|\n")
_GREETING = re.compile(
    r"\W*(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear doctor|there|你好|您好|医生|在吗|请问)\W*){1,4}",
    re.I,
)
_QUESTION = re.compile(
    r"[?？]\s*$|[吗呢]\W*$|^\W*(?:can|could|should|may) (?:i|we|he|she|they|you)\b|能不能|可不可以|要不要", re.I
)

_NUMBER = (
    r"(?:\d{1,3}(?:\.\d)?|a few|several|a couple of|couple of|one|two|three|four|five|six|seven|eight|nine|ten|twelve"
    r"|half an?|an?)"
)
_UNIT = r"(?:minutes?|mins?|hours?|hrs?|days?|nights?|weeks?|wks?|fortnight|months?|years?|yrs?)"
_ABOUT = r"(?:(?:about|around|almost|nearly|over|at least|the|last|past|more than) ){0,3}"
_NO_TIME = r"(?! (?:old|of age|pregnant|gestation|postpartum|apart)|-old)"
_PART_OF_DAY = r"(?: (?:morning|afternoon|evening|night))?"
_NUMBER_ZH = r"(?:\d{1,3}(?:\.\d)?|[一二两三四五六七八九十百几半好多]{1,4})"
_DAY_ZH = (
    r"(?:昨天|前天|今天|昨晚|昨夜|今早|今晨|上周[一二三四五六日天]?|周[一二三四五六日]|上个?月|去年|早上|早晨|中午"
    r"|下午|晚上|半夜|夜里|凌晨)"
)
# A time, a way of beginning and a severity, as people say them.
_PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("since", re.compile(
        rf"\b(?:(?:for|over|during|in) {_ABOUT}(?:{_NUMBER} )?{_UNIT}\b|{_NUMBER} {_UNIT} (?:ago|now|straight)\b"
        rf"|(?<!every )(?<!per )(?<!times )\d{{1,3}}[ -]?{_UNIT}\b{_NO_TIME}"
        r"|(?:(?:since|from|started|began) )?(?:yesterday|last night|this (?:morning|afternoon|evening)"
        rf"|last (?:week|month|year|\w{{2,6}}day)){_PART_OF_DAY}\b"
        r"|since (?:about |around |early |late |i (?:woke|got) |my |the )?"
        rf"(?:\d{{1,2}}(?::\d\d)?(?: ?(?:am|pm)| {_UNIT})?|[a-z]+)\b)"
        r"|\[DATE-\d+[^\]]{0,12}\]"
        rf"|(?:从|自)?(?:{_DAY_ZH}){{1,2}}(?:开始|起|以来|就)?"
        rf"|(?:已经|大概|大约|差不多|有)?{_NUMBER_ZH}(?:多|来)?个?半?(?:分钟|小时|钟头|天|周|星期|礼拜|个月|月|年)"
        r"(?!级|龄|[一两二三四五六\d]次|吃|\d)(?:多|前|了|以上){0,2}",
        re.I)),
    ("began", re.compile(
        r"\b(?:(?:very |quite |all of a )?sudden(?:ly)?|all at once|out of (?:the blue|nowhere)|gradual(?:ly)?|slowly|bit by bit"
        r"|over (?:minutes|seconds|hours|days|weeks)|on and off|comes? and goes?|coming and going|constant(?:ly)?|all the time"
        r"|(?:getting|got|gets|is) (?:much |a bit )?(?:worse|better)|woke (?:me|him|her) up)\b"
        r"|突然|忽然|一下子|猛地|慢慢(?:地)?|逐渐|渐渐|一阵一阵|时好时坏|断断续续|反反复复|持续|一直"
        r"|越来越(?:重|厉害|好|轻|严重)|加重|好转|减轻",
        re.I)),
    ("bad", re.compile(
        r"\b\d{1,2} ?(?:/|out of) ?10\b"
        r"|\b(?:(?:not|isn't|wasn't) (?:(?:too|very|that|so|really) )?)?(?:mild(?:ly)?|slight(?:ly)?|moderate|severe(?:ly)?|bad"
        r"|unbearable|excruciating|terrible|awful|agoni[sz]ing|intense|the worst[^.,;!?\n]{0,24})\b"
        r"|(?:不(?:太|是很|很|怎么)?|很|非常|特别|比较|有点)?(?:厉害|剧烈|严重|轻微|难忍|受不了|要命)"
        r"|(?:10|十)分里?\d{1,2}分|\d{1,2}分(?:疼|痛)",
        re.I)),
)  # fmt: skip

_AMOUNT = (
    r"(?:mg|mcg|micrograms?|milligrams?|g|ml|units?|iu|puffs?|tablets?|tabs?|pills?|capsules?|drops?|%"
    r"|毫克|微克|克|毫升|单位|片|粒|颗|滴|包|支|喷)"
)
_BEFORE = re.compile(rf"(?<![\w.])\d{{1,4}}(?:[.,]\d{{1,3}})?\s?(?:x\s?|(?:{_AMOUNT}\s?(?:of\s)?){{0,2}})$", re.I)
_DOSE = re.compile(
    rf"(?:\W{{0,2}}(?:\d{{1,5}}(?:[.,]\d{{1,3}})?\s?{_AMOUNT}\b|\d{{1,5}}(?:[.,]\d)?\s?[毫微克单片粒颗滴包支喷][克升位]?"
    r"|once|twice|(?:one|two|three|four|\d) times|(?:a|per|each|every) (?:day|night|morning|evening|week|\d+ hours?)"
    r"|daily|weekly|nightly|at night|in the (?:morning|evening)|when needed"
    r"|[一二两三四每]天(?:[一二两三四\d]次)?|每日(?:[一二两三四\d]次)?|每次|[一二两三四五六\d]{1,2}次|早晚|睡前|[一两三四半][片粒颗])){0,8}",
    re.I,
)
# What makes a medicine's name alone misleading: its sentence is shown with it.
_CHANGED = re.compile(
    r"\b(?:stop\w*|miss(?:ed|ing)?|r[au]n out|forg[eo]t\w*|no longer|not|never|without|refus\w*|instead|doubled?"
    r"|too (?:many|much)|overdos\w*|extra|changed?|started|increased?|reduced?|lowered?|used to)\b|n't\b"
    r"|停|断|忘|没|不|漏|多吃|加量|减量|换|改",
    re.I,
)
_STOPPED = re.compile(
    r"\bstop\w*|\bmiss(?:ed|ing)\b|\br[au]n out\b|\bforg[eo]t\w*|\bno longer\b|\brefus\w*|\binstead\b|停|断|忘|漏|换|减",
    re.I,
)
_ALLERGY = re.compile(r"\ballerg\w*|\banaphyla\w*|\bnkd?a\b|\breact(?:s|ed|ion)? (?:badly )?to\b|过敏", re.I)
_NO_ALLERGY = re.compile(
    r"\b(?:no|not|never|without|denies|nil|n't)\b[^.;,]{0,30}\ballerg|\bnkd?a\b|(?:没有|没|无|否认|不)[^。；，]{0,6}过敏",
    re.I,
)
_TAKES = re.compile(
    r"\b(?:i|he|she|we|they)(?:'m| am| is|'s)? (?:also |now )?(?:take|takes|taking|on|use|uses|using)\b|\btak(?:e|es|ing)\b"
    r"|在吃|正在|吃着|服用|在用",
    re.I,
)
_CLAUSE = re.compile(
    r"[,;:，；：、]|\b(?:and|but|so) (?=(?:i|he|she|we|they|my|his|her|am|is|take|takes|have|has)\b)|但是?|还有|另外",
    re.I,
)
_HAS = re.compile(
    r"\b(?:i|he|she|we|they)(?:'ve|'s|'m| am| is)\b|\bha(?:ve|s)\b|\bhistory of\b|\bdiagnosed\b|\bknown\b|\bsuffers?\b"
    r"|有|得过|患|病史|确诊|查出",
    re.I,
)
_DENIES = re.compile(
    r"\b(?:no|not|never|without|nor|don't|doesn't|didn't|haven't|hasn't|isn't|family|mother|father)\b|没|无|不|父|母|爸|妈|家族",
    re.I,
)
_TRIED = re.compile(
    r"\b(?:tried|trying|(?:did|does)n't help|no help|help(?:ed|s|ing)|eased|no (?:relief|better)|made it (?:better|worse))\b"
    r"|试过|试了|没用|没有用|没效果|不管用|有用|管用|缓解",
    re.I,
)
_GAVE = re.compile(
    r"\b(?:took|taken|gave|given|used|applied|put|had)\b|吃了|吃过|用了|用过|喝了|涂了|敷了|贴了|打了", re.I
)


def summarise(
    state: ConversationState,
    *,
    language: Language,
    made: date,
    answers: Sequence[Answer] = (),
    own_words: Mapping[str, str] | None = None,
) -> Summary:
    """The rows of the history that the conversation is about now.

    `answers`: those given in it, for the pages they cite. `made`: today; with a `datetime` the time is shown too, for the
    state keeps none. `own_words`: placeholder ("[NAME-1]") to what stood there, to put back when the person says so; the
    rows then hold it, and nothing here writes them anywhere.

    Raises:
        InputError: nothing was told yet.
    """
    heard = _heard(state)
    triage = state.triage
    if triage is None or not any(re.search(r"\w", each.text) for each in heard):
        raise InputError(
            "There is nothing to summarise: the conversation holds no words of the person",
            expected="at least one message of the user",
            remedy="Tell what is wrong first, then ask for the summary",
        )
    heard = _placed(triage.findings, heard)
    medicines, about = _medicines(heard, language)
    conditions = _conditions(heard, language)
    allergies = _allergies(heard, language)
    denied = _named(heard, _symptoms, lambda f: f.negated and f.time != "hypothetical", language, others=True)
    parts: dict[str, Iterable[str | Item]] = {
        "who": _who(state, triage.facts, language),
        "words": _opening(heard, language),
        "told": _told(heard, language),
        "course": _course(heard, language),
        "denied": [name for name in denied if not any(name.strip("“”") in medicine for medicine in medicines)],
        "over": _named(heard, _symptoms, lambda f: f.present and f.resolved, language),
        "past": _named(heard, _symptoms, lambda f: not f.negated and f.time == "past", language),
        "measured": _measured(heard, triage.facts, language),
        "conditions": conditions,
        "medicines": medicines,
        "allergies": allergies,
        "tried": _tried(heard, language),
        "asked": _asked(heard, language),
        "urgency": _urgency(triage, state.country, made, language),
        "pages": _pages(answers, state.topic),
        "feared": [*_named(heard, _diseases, lambda f: f.time == "hypothetical", language), *about],
        "unknown": _unknown(heard, triage, {"medicines": medicines, "conditions": conditions, "allergies": allergies}, language),
        "questions": _questions(heard, language),
    }  # fmt: skip
    back = _putting_back(own_words or {}, language)
    rows = (
        Part(name, tuple(replace(item, text=back(item.text)) for item in _items(found)))
        for name, found in parts.items()
    )
    return Summary(made, tuple(part for part in rows if part.items))


def moment(made: date) -> str:
    """A day, with its time where there is one."""
    return f"{made:%Y-%m-%d %H:%M}" if isinstance(made, datetime) else f"{made:%Y-%m-%d}"


def _items(found: Iterable[str | Item]) -> list[Item]:
    """Each statement once, in order."""
    items = (item if isinstance(item, Item) else Item(item) for item in found)
    return list(dict.fromkeys(item for item in items if item.text))


def _heard(state: ConversationState) -> tuple[_Heard, ...]:
    told = wishes.spoken(state.messages[state.begins :])
    written = iter(replies.in_context(told, state.language or "en"))
    found, before = [], Message("assistant", "")
    for message in told:
        if message.role == "user":
            asked, topics = _asked_in(before)
            found.append(_heard_as(message.text, next(written), asked, topics))
            before = Message("assistant", "")
        else:
            before = message
    return tuple(found)


def _heard_as(text: str, written: str, asked: tuple[str, ...], topics: frozenset[str]) -> _Heard:
    return _Heard(text, written, asked, topics, tuple(_sentences(text)), tuple(_medicine_spans(text)))


def _asked_in(message: Message) -> tuple[tuple[str, ...], frozenset[str]]:
    """Our questions that stand in a message, in either language, and what they are about."""
    texts: list[tuple[int, str]] = []
    topics: set[str] = set()
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        for rule in intake.asked_in(message.text, language):
            texts.append((message.text.find(rule.text[language]), rule.text[language]))
            topics |= set(rule.topics)
        for spec in load_triage().questions.values():
            if (place := message.text.find(spec.ask[language])) >= 0:
                texts.append((place, spec.ask[language]))
    if not texts and message.kind == "clarify":
        return (" ".join(re.findall(r"^- (.+)$", message.text, re.M)) or message.text,), frozenset()
    return tuple(dict.fromkeys(text for _, text in sorted(texts))), frozenset(topics)


def _placed(findings: Sequence[Finding], heard: Sequence[_Heard]) -> tuple[_Heard, ...]:
    """Each finding with the message it was read from; they come in the order of the messages, places ascending in each."""
    found: list[list[Finding]] = [[] for _ in heard]
    loose: list[_Heard] = []
    at, last = 0, -1
    for finding in findings:
        first = at + 1 if finding.start < last else at
        place = next(
            (i for i in range(first, len(heard)) if heard[i].written[finding.start : finding.end] == finding.text), None
        )
        if place is None:
            whole = replace(finding, start=0, end=len(finding.text))
            loose.append(replace(_heard_as(finding.text, finding.text, (), frozenset()), findings=(whole,)))
            continue
        at, last = place, finding.start
        # What stands behind the reply itself is our sentence for a yes or a no: the question and its answer show it.
        if finding.start < len(heard[place].text):
            found[place].append(finding)
    return (*(replace(each, findings=tuple(mine)) for each, mine in zip(heard, found, strict=True)), *loose)


def _symptoms(finding: Finding) -> bool:
    spec = load_lexicon().findings.get(finding.id)
    return spec is not None and bool(spec.level or spec.kind == "disease")


def _diseases(finding: Finding) -> bool:
    spec = load_lexicon().findings.get(finding.id)
    return spec is not None and spec.kind in ("disease", "condition")


def _kind(finding: Finding, kind: str) -> bool:
    spec = load_lexicon().findings.get(finding.id)
    return spec is not None and spec.kind == kind


def _longest(findings: Iterable[Finding]) -> list[Finding]:
    """The longest of those that overlap, in order of place."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start - f.end, f.start)):
        if all(finding.end <= other.start or finding.start >= other.end for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda f: f.start)


def _named(
    heard: Sequence[_Heard], kind: Callable[[Finding], bool], wanted: Callable[[Finding], bool], language: Language,
    *, others: bool = False,
) -> list[str]:  # fmt: skip
    """The findings of a kind that are `wanted`, of the person, in their words. `others`: conditions and medicines too."""
    found = []
    for each in heard:
        mine = [
            f for f in each.findings
            if f.experiencer == "patient" and wanted(f)
            and (kind(f) or (others and (_diseases(f) or _kind(f, "medicine")) and not _ALLERGY.search(f.text)))
        ]  # fmt: skip
        found += [_quote(f.text, language) for f in _longest(mine)]
    return list({text.casefold(): text for text in found}.values())


def _told(heard: Sequence[_Heard], language: Language) -> list[str]:
    """What is present, sentence by sentence, with the words for since when, how it began and how bad, as told with it.

    Of what was told again and again, the first and the last telling.
    """
    rows: dict[tuple[str, bool], str] = {}
    listed: set[str] = set()
    for each in heard:
        doses = [(start, end) for start, end, _ in each.named]
        spans = each.spans
        present = _longest(
            f for f in each.findings if f.present and not f.resolved and _symptoms(f) and not _within(f, doses)
        )
        for place, group in groupby(present, key=lambda f: _at(spans, f.start)):
            found = list(group)
            names = list(dict.fromkeys(_quote(f.text, language) for f in found))
            when = _phrases(each.text, spans[place], [(f.start, f.end) for f in found])
            if not when and all(name.casefold() in listed for name in names):
                continue
            listed |= {name.casefold() for name in names}
            head = say(language, "comma").join(names)
            # Two times for two complaints: whose is whose is for the reader of the sentence to say.
            if any(len(words) > 1 for words in when.values()):
                row = (
                    head + say(language, "summary_colon") + _quote(each.text[slice(*spans[place])], language, _SENTENCE)
                )
            else:
                row = head + _about_it(when, language)
            rows[head.casefold(), (head.casefold(), False) in rows] = row
    return list(rows.values())


def _course(heard: Sequence[_Heard], language: Language) -> list[str]:
    """Words for time, beginning and severity that were told apart from any complaint ("It began suddenly, 7/10")."""
    rows = []
    for each in heard:
        if each.asked and len(each.text) <= _REPLY:
            continue
        spans = each.spans
        taken = {_at(spans, f.start) for f in each.findings if _symptoms(f) or _diseases(f)}
        taken |= {_at(spans, start) for start, _, _ in each.named}
        for place, span in enumerate(spans):
            sentence = each.text[slice(*span)]
            if place not in taken and not _QUESTION.search(sentence) and _phrases(each.text, span, ()):
                rows.append(_quote(sentence, language, _SENTENCE))
    return rows


def _phrases(text: str, span: tuple[int, int], but: Sequence[tuple[int, int]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, pattern in _PHRASES:
        words = [
            m.group().strip() for m in pattern.finditer(text, *span)
            if all(m.end() <= start or m.start() >= end for start, end in but)
        ]  # fmt: skip
        if words:
            found[name] = list(dict.fromkeys(words))
    return found


def _about_it(when: Mapping[str, Sequence[str]], language: Language) -> str:
    said = [say(language, f"summary_{name}", words=_quote(words[0], language)) for name, words in when.items()]
    return say(language, "summary_colon") + say(language, "summary_semicolon").join(said) if said else ""


def _medicine_spans(text: str) -> list[tuple[int, int, str]]:
    """Where a text names medicines, each with the dose around it."""
    found: list[tuple[int, int, str]] = []
    for mention in load_terms().find(text):
        if any(concept.kind == "medicines" for concept in mention.concepts):
            before = _BEFORE.search(text, max(0, mention.start - 24), mention.start)
            after = _DOSE.match(text, mention.end)
            start, end = before.start() if before else mention.start, after.end() if after else mention.end
            found.append((start, end, text[start:end].rstrip(" ,，、")))
    return found


def _medicines(heard: Sequence[_Heard], language: Language) -> tuple[list[str], list[str]]:
    """Medicines told of, and those only asked about. One that was stopped, missed or changed stands with its sentence."""
    told: list[str] = []
    about: list[str] = []
    for each in heard:
        spans = each.spans
        zones = _allergy_zones(each)
        named = list(each.named)
        named += [
            (f.start, f.end, f.text) for f in _longest(f for f in each.findings if _kind(f, "medicine"))
            if not any(start < f.end and f.start < end for start, end, _ in named)
        ]  # fmt: skip
        denied = [(f.start, f.end) for f in each.findings if f.negated]
        of_others = [(f.start, f.end) for f in each.findings if f.experiencer == "other"]
        for start, end, words in sorted(named):
            sentence = each.text[slice(*spans[_at(spans, start)])].strip()
            if any(low <= start < high for low, high in (*zones, *of_others)):
                continue
            negated = any(low < end and start < high for low, high in denied)
            # "I don't take X" is denied; "no allergies, X daily" only seems so, and is shown with its sentence.
            if (
                negated
                and not _STOPPED.search(sentence)
                and _DENIES.search(each.text[slice(*_clause(each.text, start, spans))])
            ):
                continue
            if _QUESTION.search(sentence):
                about.append(_quote(words, language))
            elif negated or _CHANGED.search(sentence):
                around = (
                    each.text[max(0, start - _SENTENCE) : end + _SENTENCE]
                    if len(sentence) > 2 * _SENTENCE
                    else sentence
                )
                told.append(
                    say(language, "summary_in_words", medicine=_quote(words, language), words=_quote(around, language))
                )
            else:
                told.append(_quote(words, language))
        told += _replied(each, ("medicines", "blood_thinner"), bool(named), language)
    return _once(told), _once(name for name in about if name not in told)


def _conditions(heard: Sequence[_Heard], language: Language) -> list[str]:
    found: list[str] = []
    for each in heard:
        mine = [
            f for f in each.findings
            if _kind(f, "condition") and not f.negated and f.experiencer == "patient" and f.time != "hypothetical"
            and not _ALLERGY.search(f.text)
        ]  # fmt: skip
        names = [(f.start, f.end) for f in mine]
        seen = [
            (f.start, f.end) for f in each.findings if f.negated or f.time == "hypothetical" or f.experiencer == "other"
        ]
        for mention in load_terms().find(each.text):
            clause = each.text[slice(*_clause(each.text, mention.start, each.spans))]
            if (
                any(concept.kind.startswith("conditions") for concept in mention.concepts)
                and not any(low < mention.end and mention.start < high for low, high in (*names, *seen))
                and _HAS.search(clause) and not _DENIES.search(clause) and not _QUESTION.search(clause)
                and not _ALLERGY.search(mention.text)
            ):  # fmt: skip
                names.append((mention.start, mention.end))
        found += [_quote(each.text[start:end], language) for start, end in _widest(names)]
        found += _replied(each, ("conditions", "immune"), bool(names), language)
    return _once(found)


def _allergies(heard: Sequence[_Heard], language: Language) -> list[str]:
    found: list[str] = []
    for each in heard:
        zones = _allergy_zones(each)
        found += [_quote(each.text[start:end], language) for start, end in zones]
        found += _replied(each, ("allergy",), bool(zones), language)
    return _once(found)


def _allergy_zones(each: _Heard) -> list[tuple[int, int]]:
    """The stretches that tell of an allergy: from the clause it begins in to the next word for taking something.

    What is named in them ("allergic to penicillin, sulfa and ibuprofen") is not taken. A denial is its own clause.
    """
    zones: list[tuple[int, int]] = []
    text, spans = each.text, each.spans
    for said in _ALLERGY.finditer(text):
        if zones and said.start() < zones[-1][1]:
            continue
        start, end = _clause(text, said.start(), spans)
        sentence = spans[_at(spans, said.start())]
        if _QUESTION.search(text[slice(*sentence)]) and not re.search(
            r"allergic to|过敏", text[slice(*sentence)], re.I
        ):
            continue
        if said.group() == "过敏":
            # The list of what somebody is allergic to stands before the word: 对青霉素、头孢过敏.
            opened = text.rfind("对", sentence[0], said.start())
            start = opened if opened >= 0 else start
        if not _NO_ALLERGY.search(text[start:end]):
            takes = _TAKES.search(text, said.end(), sentence[1])
            stop = takes.start() if takes else sentence[1]
            end = max(end, min(stop, said.end() + _ZONE)) if said.group() != "过敏" else end
        zones.append((start, end))
    return zones


def _tried(heard: Sequence[_Heard], language: Language) -> list[str]:
    found: list[str] = []
    for each in heard:
        named = [start for start, _, _ in each.named]
        for start, end in each.spans:
            sentence = each.text[start:end]
            with_medicine = any(start <= at < end for at in named)
            if not _QUESTION.search(sentence) and (
                _TRIED.search(sentence) or (with_medicine and _GAVE.search(sentence))
            ):
                found.append(_quote(sentence, language, _SENTENCE))
        found += _replied(each, ("tried",), False, language)
    return _once(found)


def _replied(each: _Heard, topics: tuple[str, ...], covered: bool, language: Language) -> list[str]:
    """The whole reply to a question on one of `topics`, where nothing in it was read as what was asked for."""
    if covered or not each.topics & set(topics):
        return []
    return [say(language, "summary_replied", words=_quote(each.text, language, _SENTENCE))]


def _asked(heard: Sequence[_Heard], language: Language) -> list[str]:
    return [
        say(
            language, "summary_answered",
            question=_clean(" ".join(each.asked), language), words=_quote(each.text, language, _REPLY),
        )
        for each in heard if each.asked
    ]  # fmt: skip


def _who(state: ConversationState, facts: Facts, language: Language) -> list[str]:
    person = state.person or ("self" if facts.subject == "self" else "other")
    found = [_age(facts.age_years, language)] if facts.age_years is not None else []
    found += [say(language, f"summary_{facts.sex}")] if facts.sex else []
    if facts.pregnant:
        weeks = facts.pregnancy_weeks
        found.append(
            say(language, "summary_pregnant_weeks", weeks=weeks) if weeks else say(language, "summary_pregnant")
        )
    elif facts.pregnant is False:
        found.append(say(language, "summary_not_pregnant"))
    found += [say(language, "summary_postpartum")] if facts.postpartum else []
    key = f"summary_of_{person}"
    return [*found, say(language, key if key in messages(language) else "summary_of_other")]


def _age(years: float, language: Language) -> str:
    """Years; below two, months; below three months, weeks."""
    if years >= 2:
        return say(language, "summary_years", count=int(years))
    if years >= 0.25:
        return say(language, "summary_months", count=round(years * 12))
    return say(language, "summary_weeks", count=round(years * 52))


def _opening(heard: Sequence[_Heard], language: Language) -> list[str]:
    first = next((each for each in heard if not _GREETING.fullmatch(each.text)), heard[0])
    return [_quote(first.text, language, _OPENING)]


def _measured(heard: Sequence[_Heard], facts: Facts, language: Language) -> list[str]:
    plain = [simplified(each.written, load_lexicon().traditional) for each in heard]
    vitals = read_vitals(plain)
    values: dict[str, float | None] = {
        "temperature": facts.temperature_c, "pulse": vitals.pulse, "spo2": vitals.spo2, "breaths": vitals.breaths,
        "glucose": vitals.glucose, "weight": facts.weight_kg, **read_labs(plain),
    }  # fmt: skip
    found = [
        say(language, f"summary_{name}", value=f"{value:g}") for name, value in values.items() if value is not None
    ]
    if vitals.systolic is not None:
        low = f"/{vitals.diastolic:g}" if vitals.diastolic is not None else ""
        found.append(say(language, "summary_pressure", value=f"{vitals.systolic:g}{low}"))
    return found


def _urgency(triage: Triage, country: str, made: date, language: Language) -> list[str | Item]:
    deciding = [rule for rule in triage.rules if rule.level == triage.level][:_MOST_RULES]
    specs = {spec.id: spec for spec in load_triage().rules}
    found: list[str | Item] = [compose.banner(triage, language=language, country=country)]
    for rule in deciding:
        # The rule was written down in the language of the talk; the page may be in the other.
        reason = specs[rule.id].reason[language] if rule.id in specs else rule.reason
        key = "summary_rule" if rule.year else "summary_rule_undated"
        source = rule.source.split(": ")[0]
        found.append(Item(say(language, key, reason=reason, rule=rule.id, source=source, year=rule.year), rule.url))
    if not deciding:
        found += [triage.reason, say(language, "summary_no_rule")]
    found.append(say(language, "summary_given", made=moment(made)))
    return found


def _pages(answers: Sequence[Answer], topic: str) -> list[Item]:
    """The pages cited, those of the latest answer first; without answers, the title that the state kept."""
    found: dict[str, Item] = {}
    for answer in reversed(answers):
        for citation in answer.citations:
            origin = ", ".join(filter(None, (citation.source, citation.published)))
            title = f"{citation.title} ({origin})" if origin else citation.title
            found.setdefault(citation.url or citation.title, Item(title, citation.url))
    items = list(found.values())[:MOST_PAGES]
    return items or ([Item(topic)] if topic and not answers else [])


def _unknown(
    heard: Sequence[_Heard], triage: Triage, found: Mapping[str, Sequence[str]], language: Language
) -> list[str]:
    facts = triage.facts
    topics = frozenset(topic for each in heard for topic in each.topics)
    denied = {f.id for each in heard for f in each.findings if f.negated and _kind(f, "medicine")}
    may_bear = facts.sex != "male" and (facts.age_years is None or 12 <= facts.age_years <= 55)
    missing = {
        "missing_age": facts.age_years is None,
        "summary_missing_sex": not facts.sex,
        "missing_pregnancy": facts.pregnant is None and may_bear,
        "summary_missing_duration": facts.duration_hours is None and triage.has_symptom and "duration" not in topics,
        "missing_medicines": not found["medicines"] and not denied,
        "missing_conditions": not found["conditions"] and "conditions" not in topics,
        "summary_missing_allergies": not found["allergies"],
    }
    return [say(language, name) for name, lacks in missing.items() if lacks]


def _questions(heard: Sequence[_Heard], language: Language) -> list[str]:
    asked = [
        _quote(sentence, language, _SENTENCE)
        for each in heard
        for sentence in (each.text[slice(*span)].strip() for span in each.spans)
        if sentence.endswith(("?", "？")) and re.search(r"\w{2}", sentence)
    ]
    return _once(asked)[-_MOST_QUESTIONS:]


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence stands; together they are the whole text. One without an end is cut, so that work stays linear."""
    ends = sorted({0, len(text), *(match.end() for match in _SENTENCE_END.finditer(text))})
    cuts = [0]
    for end in ends[1:]:
        while end - cuts[-1] > _ENDLESS:
            at = max(text.rfind(mark, cuts[-1] + _ENDLESS // 2, cuts[-1] + _ENDLESS) for mark in " ,，、")
            cuts.append(at + 1 if at >= 0 else cuts[-1] + _ENDLESS)
        cuts.append(end)
    return list(pairwise(cuts)) or [(0, 0)]


def _at(spans: Sequence[tuple[int, int]], place: int) -> int:
    return min(bisect_right(spans, place, key=lambda span: span[1]), len(spans) - 1)


def _clause(text: str, place: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    low, high = spans[_at(spans, place)]
    for match in _CLAUSE.finditer(text, low, high):
        if match.end() <= place:
            low = match.end()
        else:
            return low, match.start()
    return low, high


def _within(finding: Finding, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= finding.start and finding.end <= end for start, end in spans)


def _widest(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last = -1
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= last:
            yield start, end
            last = end


def _once(found: Iterable[str]) -> list[str]:
    return list({text.casefold(): text for text in found if text}.values())


def _quote(text: str, language: Language, most: int = 0) -> str:
    """The person's words in “ ”, on one line, cut at a sentence or a word; they cannot end the quotation themselves."""
    said = _clean(text, language).strip(" ,;:，；：、")
    if most and len(said) > (most := most // 2 if language == "zh" else most):
        short = said[:most]
        cut = max((match.end() for match in re.finditer(r"[.!?](?=\s)|[。！？]", short)), default=0)
        if cut < most // 3:
            cut = short.rfind(" ") if short.rfind(" ") > most // 2 else most
        said = f"{short[:cut].rstrip()}…"
    return f"“{said}”" if said else ""


def _clean(text: str, language: Language) -> str:
    """On one line, without addresses to click and without quotation marks that would seem ours."""
    plain = " ".join(_LINK.sub(say(language, "summary_link"), text).split())
    return plain.translate({ord("“"): "‘", ord("”"): "’", ord("„"): "‘", ord("«"): "‘", ord("»"): "’"})


def _putting_back(own_words: Mapping[str, str], language: Language) -> Callable[[str], str]:
    keys = "|".join(re.escape(key) for key in sorted(own_words, key=len, reverse=True))

    def back(text: str) -> str:
        if keys:
            text = re.sub(keys, lambda match: _clean(own_words[match.group()], language), text)
        return _DATE.sub(lambda match: _days(int(match[1]), language), text)

    return back


def _days(offset: int, language: Language) -> str:
    """What is left of a date: how far from the day it was told."""
    if not offset:
        return say(language, "summary_same_day")
    return say(language, "summary_days_before" if offset < 0 else "summary_days_after", count=abs(offset))
