"""What to search for: a question that stands alone, though the words leaned on an earlier turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from agent.corrections import is_correction, mended, without
from agent.findings import find
from agent.privacy import redact_again
from agent.types import Facts, Finding, Language
from knowledge.rules import load_lexicon
from retrieval.tokenize import tokens

# Words that point back: a message that opens so, or holds few words of its own, is read with the subject before it.
_LEANS = {
    "en": re.compile(
        r"^\W*(?:and|but|or|so|also|what about|how about|what if|then)\b|\b(?:it|this|that|those|them|these)\b", re.I
    ),
    "zh": re.compile(r"^\W*(?:那|那么|还有|另外|如果|要是|它|这|这个|这种)|呢[？?]?$"),
}
# Labels and guidelines give children's advice up to 12 and adults' from 12 or 16; the younger bound only adds a word.
_CHILD_UNTIL = 12
_WHOM = {"en": {"child": "child", "pregnant": "pregnancy"}, "zh": {"child": "儿童", "pregnant": "孕妇"}}
_FEW, _BARE = 4, 2
_LONG = 60
_FOREIGN = 2
# International nonproprietary names end in stems (WHO, Stem Book 2018); these are common and no ordinary word's ending.
_STEMS = (
    "mab nib pril sartan statin cillin azole prazole oxetine triptan tidine dipine olol profen coxib gliptin gliflozin glutide "
    "parin xaban mycin cycline floxacin ciclovir cyclovir retinoin"
)
_NAME = re.compile(rf"(?<=[a-z,;:] )[A-Z][a-z]{{3,}}|\b[A-Za-z]{{2,}}(?:{_STEMS.replace(' ', '|')})\b")
_EXPLETIVE = re.compile(
    r"\b(?:is|would|was) it (?:ok|okay|possible|safe|normal|bad|common|true|fine|alright|all right|good|better)\b", re.I
)


# A cheap look before the findings of a text are read again: nothing is denied or told of others without one of these.
_MAY_LEAVE_OUT = re.compile(
    r"\b(?:no|not|nor|non|none|never|without|denie[ds]|deny(?:ing)?|negative|absent|free of|cannot|\w+n['’]?t|mum|mom|dad|mother"
    r"|father|brother|sister|uncle|aunt|gran\w*|family|friend|colleague|neighbou?r)\b|[没無无未不否非爸妈父母爷奶哥弟姐妹家朋同邻]",
    re.I,
)
_CLAUSE = re.compile(
    r"((?:[,;:，；：、()（）？。！!?\n]|\.(?=\s|$))\s*"
    r"|\s+(?=(?:but|although|though|except|however|without|and no|nor|or)\b)|(?=但|不过|可是|也没|也不|且无|且没))",
    re.I,
)
_SENTENCE_ENDS = re.compile(r"[;；。！!?？\n.]")
_DANGLING = (
    re.compile(r"\s+(?=[,，、;；])|(?:[,，、:：]\s*)+(?=[.。!！;；?？,，、]|$)"),
    re.compile(r"[,，、]\s*(?=[,，、.。!！;；?？])|(?<=[.。!?！？;；])\s*[.。]"),
)
"""Marks that stand before nothing where a clause was left out."""
_CLAUSE_WORDS, _CLAUSE_HAN = 8, 14
_ASKING = re.compile(
    r"^\W*(?:(?:so|and|but|also|hi|hello|please|doctor)\W+)*(?:what|how|why|when|which|who|where|can|could|should|is|are|am|do"
    r"|does|did|will|would|may)\b|\b(?:i|we) (?:want|would like|need|wonder)\b|\bwondering\b|[吗呢]\W*$|怎么|什么|为什么|为何"
    r"|是不是|能不能|要不要|会不会|可不可以|多少|哪",
    re.I,
)
# A question that points back at the clause before it asks of what is denied there ("no fever, is that normal?").
_ASKING_BACK = re.compile(
    r"^\W*(?:why\b|(?:is|was|does|could) (?:that|this|it) (?:be )?(?:normal|common|usual|strange|odd|ok|okay|good|bad|mean|matter))"
    r"|^\W*(?:这|那)?(?:正常|是为什么|为什么|说明什么|是怎么回事)",
    re.I,
)
# What doctors write for a place, as pages for patients name it.
_PLACES = {
    re.compile(r"\b(?:ruq|right upper quadrant|right hypochondri\w+)\b", re.I): "pain under the right ribs",
    re.compile(r"\b(?:luq|left upper quadrant|left hypochondri\w+)\b", re.I): "pain under the left ribs",
    re.compile(r"\b(?:rlq|rif|right (?:lower quadrant|iliac fossa))\b", re.I): "pain in the lower right belly",
    re.compile(r"\b(?:llq|lif|left (?:lower quadrant|iliac fossa))\b", re.I): "pain in the lower left belly",
    re.compile(r"\bepigastri(?:c|um)\b", re.I): "pain in the upper belly",
}


def standalone(message: str, earlier: Sequence[str], *, topic: str, language: Language, most: int = 1200) -> str:
    """The search text: the message, with the topic and the words before it where it leans on them.

    `earlier` are the person's own earlier messages, oldest first; `topic` the title of the last page cited.
    """
    # What was corrected changes whom the answer is for, not what was asked.
    if is_correction(message) and (told := mended((*earlier, message))):
        message, earlier = told[-1], told[:-1]
    query = affirmed(salient(without(message) or message, most=most), language)
    own = tokens(query)
    if not earlier or not leans(query, language) or len(own) > _LONG or (topic and set(tokens(topic)) & set(own)):
        return query
    return "\n".join(part for part in (topic, query, affirmed(salient(earlier[-1], most=most), language)) if part)


def affirmed(text: str, language: Language) -> str:
    """A text without its clauses that only deny ("no jaundice"), and without what others had where the person tells of themselves.

    What is denied is no subject: pages on it would come first, since they name it most. A clause that asks keeps all it says
    ("why do I have no fever with flu?"), and so does a text in which nothing would be left to look for.
    """
    if not _MAY_LEAVE_OUT.search(text):
        return text
    safe = redact_again(text, date.today())
    if safe.text != text:
        return text
    specs = load_lexicon().findings
    # What only colours a sentence ("today") keeps no clause.
    found = [each for each in find(safe, language) if each.negated or specs[each.id].kind != "modifier"]
    if not any(each.present for each in found) or all(each.present for each in found):
        return text
    own = any(each.present and specs[each.id].level for each in found)
    clauses = _CLAUSE.split(text)
    pieces, at, asking = [], 0, False
    for number, piece in enumerate(clauses):
        here = [each for each in found if at <= each.start < at + len(piece)]
        at += len(piece)
        # What asks, asks of all that follows it in its sentence.
        asking = not _SENTENCE_ENDS.match(piece) and (asking or bool(_ASKING.search(piece)))
        back = number + 2 < len(clauses) and _ASKING_BACK.search(clauses[number + 2])
        if asking or back or not here or not _short(piece) or not all(_left_out(each, own=own) for each in here):
            pieces.append(piece)
    said = "".join(pieces)
    for marks in _DANGLING:
        said = marks.sub("", said)
    said = said.strip(" .,，、;；。")
    return said if tokens(said) else text


def _short(clause: str) -> bool:
    """Whether a clause can hold little besides what it denies."""
    return len(clause.split()) <= _CLAUSE_WORDS and len(re.findall(r"[\u3400-\u9fff]", clause)) <= _CLAUSE_HAN


def _left_out(finding: Finding, *, own: bool) -> bool:
    return finding.negated or (own and finding.experiencer == "other")


def leans(query: str, language: Language) -> bool:
    """Whether a question points back at something, or has too few words of its own to stand alone."""
    return bool(_LEANS[language].search(_EXPLETIVE.sub("", query))) or len(tokens(query)) < _FEW


def fragment(message: str, language: Language) -> bool:
    """Whether a message points back at something and names little itself ("is that a narcotic?")."""
    return bool(_LEANS[language].search(_EXPLETIVE.sub("", message))) and len(tokens(message)) <= _BARE


def unknown(query: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    """The one or two names in a question that no passage holds ("losartan"): nothing can be said of them.

    A name is a word with a capital inside a sentence or a medicine's ending; other words a library need not hold.
    """
    names = _NAME.findall(query)
    foreign = dict.fromkeys(
        name for name in names if (stems := tokens(name)) and not any(known(stem) for stem in stems)
    )
    return tuple(foreign) if len(foreign) <= _FOREIGN else ()


def about(query: str, facts: Facts, language: Language) -> str:
    """The query with a word for whom it is about, where that changes which page answers (a child, a pregnancy), and with the place
    that an abbreviation names ("RUQ") in plain words."""
    words = _WHOM[language]
    added = []
    if facts.age_years is not None and facts.age_years < _CHILD_UNTIL:
        added.append(words["child"])
    if facts.pregnant:
        added.append(words["pregnant"])
    added += [place for pattern, place in _PLACES.items() if pattern.search(query)]
    return "\n".join([query, *(word for word in added if word not in query.lower())])


def salient(message: str, *, most: int = 1200) -> str:
    """A long message cut to its questions and the sentence before each, or to its beginning where it asks nothing."""
    if len(message) <= most:
        return message
    parts = [part.strip() for part in re.split(r"(?<=[.!?。！？\n])\s*", message) if part.strip()]
    asked = [i for i, part in enumerate(parts) if part.endswith(("?", "？", "吗", "呢"))]
    order = [*asked, *(i - 1 for i in asked if i)] if asked else range(len(parts))
    kept: set[int] = set()
    used = 0
    for place in dict.fromkeys(order):
        if used + len(parts[place]) > most:
            break
        kept.add(place)
        used += len(parts[place])
    return " ".join(parts[place] for place in sorted(kept)) or message[:most]
