"""What a message tells, apart from what it only asks: a false belief in a yes-or-no question is asked about, not rested on.

"Do I need antibiotics?" takes nothing for granted; "since antibiotics kill viruses, do I need them?" does, in what stands before
the question. A question that draws a conclusion ("so is the feed fine?", "没问题吧") or chooses ("this or that?") is not open.
"""

from __future__ import annotations

import re
from typing import Final

from agent.types import Language

_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|\n|$)")
_CLAUSE: Final = re.compile(r"[^,;:，；：]+(?:[,;:，；：]|$)")
_AUXILIARY = r"(?:do|does|did|is|are|was|were|am|can|could|should|shall|will|would|may|might|must|has|have)(?:n['’]?t)?"
_OPEN_EN: Final = re.compile(
    rf"^\W*(?:(?:and|but|or|please|hi|hello|also|just|doctor|anyone know if)\W+)*(?:{_AUXILIARY}\s+"
    r"(?:i|we|you|he|she|it|they|this|that|these|those|there|an?|the|my|our|your|his|her|their|any|all|some|most|people|"
    r"\w+\s+(?:\w+\s+){0,7}?\w+)\b"
    r"|(?:any|is it) (?:truth|true|right|safe|ok|okay)\b"
    r"|(?:i (?:wonder|want to know|would like to know|was wondering)|wondering|not sure|tell me) (?:if|whether)\b)",
    re.I,
)
_PERSON_EN: Final = re.compile(
    rf"^\W*(?:{_AUXILIARY}\s+(?:i|we|you|he|she|it|they)\b|(?:i|wondering|not sure|tell me)\b)", re.I
)
_CONCLUDES_EN: Final = re.compile(
    r"\b(?:since|because|seeing as|now that|given that|so that|instead|as it)\b|\bor (?!not\b|is (?:it|that|this)\b)",
    re.I,
)
_WHOLE_EN: Final = re.compile(
    r"^\W*(?:and\W+)?(?:(?:is|was|are) (?:it|that|this|they|he|she) (?:really |actually )?(?:true|right|correct|so|a myth|real)"
    r"|(?:true or (?:false|not))|any truth|does (?:that|this|it) mean)\b",
    re.I,
)
_OPEN_ZH: Final = re.compile(
    r"(?:吗|么(?<!什么)(?<!怎么)(?<!那么)|嘛)[\s。？?！!，,]*$|(.)不\1|是否|能否|可否|有没有必要|真的假的|需不需要|可不可以|应不应该"
)
_CONCLUDES_ZH: Final = re.compile(
    r"既然|因为|反正|所以|那就|吧[\s。？?！!]*$|还是.{1,12}[？?]?$|哪|几[片粒次天个]|多少"
)
_WHOLE_ZH: Final = re.compile(
    r"^\W*(?:这|那|这样|这种说法)?(?:是|都是)?(?:真的|对的?|正确的?|这样|靠谱|科学)(?:吗|么|嘛|假的|不对)"
)


def told(message: str, language: Language) -> str:
    """A message without its open questions; "" where it does nothing but ask. "I heard that ..., is it true?" goes as a whole."""
    kept: list[str] = []
    for sentence in _SENTENCE.findall(message):
        clauses = _CLAUSE.findall(sentence)
        place = next((place for place in range(len(clauses)) if _opens(clauses, place, language)), len(clauses))
        if place < len(clauses) and _whole(clauses[place], language):
            clauses, kept = [], kept if place else kept[:-1]
        elif language == "en":
            clauses = clauses[:place]
        else:
            clauses = [clause for at, clause in enumerate(clauses) if not _opens(clauses, at, language)]
        kept.append("".join(clauses))
    return " ".join(filter(None, (part.strip(" ,;，；") for part in kept)))


def _opens(clauses: list[str], place: int, language: Language) -> bool:
    """English asks at the head, and the question runs to the end of the sentence; Chinese asks at the end of a clause."""
    if language == "en":
        rest = "".join(clauses[place:])
        return (
            bool(_OPEN_EN.match(rest))
            and ("?" in rest or bool(_PERSON_EN.match(rest)))
            and not _CONCLUDES_EN.search(rest)
        )
    clause = clauses[place]
    return bool(_OPEN_ZH.search(clause)) and not _CONCLUDES_ZH.search(clause)


def _whole(clause: str, language: Language) -> bool:
    return bool((_WHOLE_EN if language == "en" else _WHOLE_ZH).match(clause))
