"""What to search for: a question that stands alone, though the words leaned on an earlier turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from agent.corrections import is_correction, mended, without
from agent.types import Facts, Language
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


def standalone(message: str, earlier: Sequence[str], *, topic: str, language: Language, most: int = 1200) -> str:
    """The search text: the message, with the topic and the words before it where it leans on them.

    `earlier` are the person's own earlier messages, oldest first; `topic` the title of the last page cited.
    """
    # What was corrected changes whom the answer is for, not what was asked.
    if is_correction(message) and (told := mended((*earlier, message))):
        message, earlier = told[-1], told[:-1]
    query = salient(without(message) or message, most=most)
    own = tokens(query)
    if not earlier or not leans(query, language) or len(own) > _LONG or (topic and set(tokens(topic)) & set(own)):
        return query
    return "\n".join(part for part in (topic, query, salient(earlier[-1], most=most)) if part)


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
    """The query with a word for whom it is about, where that changes which page answers: a child, a pregnancy."""
    words = _WHOM[language]
    added = []
    if facts.age_years is not None and facts.age_years < _CHILD_UNTIL:
        added.append(words["child"])
    if facts.pregnant:
        added.append(words["pregnant"])
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
