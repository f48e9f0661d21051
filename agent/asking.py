"""A question that a model ends its answer with: it claims nothing, so no passage can bear it out; may it be put to the person?

One may, after the answer, where asking is allowed at all. It asks the person for a fact, in a short sentence, and holds no
number, medicine or other named thing that neither they nor the passages spoke of: a question can frighten or mislead too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent import intake
from agent.agree import content, named_things, quantities
from agent.medicine_names import named
from agent.messages import say
from agent.types import ConversationState, Language
from agent.verify import split_keys
from knowledge.types import Passage

_MOST = {"en": 160, "zh": 60}
_ASKS_A_FACT = {
    "en": re.compile(
        r"^(?:and |also,? |first,? )?(?:(?:do|does|did|are|is|was|were|has|have|had)\b|(?:for )?how (?:long|old|often|much|many|high|bad|severe)\b"
        r"|when did\b|where (?:is|does|do)\b|what (?:is|was|other|medicines?|colou?r|age)\b|which\b|any\b|since when\b)",
        re.I,
    ),
    "zh": re.compile(
        r"有没有|有无|是不是|是否|多久|几天|几岁|多大|多少|什么时候|哪里|哪些|哪个|哪种|什么颜色|吗[？?]$|了没[？?]$|没有[？?]$"
    ),
}
# What sounds like a question and is advice, a claim, an offer, or talk.
_NO_FACT = {
    "en": re.compile(
        r"\b(?:did you know|have you (?:tried|considered|thought)|(?:do|did|would) you (?:want|like|need|know|think|believe|understand)|is there anything else"
        r"|can i|may i|shall i|should|why not|isn'?t|aren'?t|don'?t you|doesn'?t|how can i|what (?:is|are) (?:your|the) (?:name|address|email|phone))\b",
        re.I,
    ),
    "zh": re.compile(r"知不知道|你知道|是否知道|要不要|想不想|需要我|需不需要|还有(?:什么|其他)问题|可以帮|应该|试过|考虑过|难道|为什么不|姓名|电话|地址|名字"),
}  # fmt: skip

# What is asked of everybody frightens nobody, whether a page speaks of it or not.
_HISTORY = re.compile(
    r"\b(?:pregnan\w*|breast-?feed\w*|fever\w*|temperature|allerg\w*|smok\w*|pain\w*|medicines?|medications?|tablets?|injur\w*)\b"
    "|怀孕|孕妇|哺乳|发烧|发热|体温|过敏|吸烟|抽烟|疼痛|药|受伤|外伤",
    re.I,
)


def is_question(sentence: str) -> bool:
    """Whether a sentence asks."""
    return split_keys(sentence)[0].rstrip(" \"'”’」").endswith(("?", "？"))


def may_be_put(
    question: str, *, words: Sequence[str], passages: Sequence[Passage], asks: Sequence[str], language: Language
) -> bool:
    """Whether a model's question may stand after its answer, beside the questions `asks` of ours.

    `words` are the person's own; what neither they nor the `passages` speak of is not brought up.
    """
    known = "\n".join((*words, *(f"{passage.title}\n{passage.heading}\n{passage.text}" for passage in passages)))
    if (
        len(asks) >= intake.MOST_A_TURN
        or len(question) > _MOST[language]
        or "\n" in question
        or split_keys(question)[1]
    ):
        return False
    if not _ASKS_A_FACT[language].search(question) or _NO_FACT[language].search(question):
        return False
    if quantities(question) - quantities(known):
        return False
    spoken_of = {one.medicine.id for one in named(known)}
    if any(one.medicine.id not in spoken_of for one in named(question)) or named_things(
        _HISTORY.sub(" ", question), known
    ):
        return False
    own = content(question)
    return not any(2 * len(own & content(ask)) > len(own) for ask in asks)


def left(state: ConversationState, language: Language) -> bool:
    """Whether this conversation may be asked once more: a model's questions count like ours, and are known by their lead."""
    lead = say(language, "also_ask")
    alone = sum(
        message.role == "assistant" and lead in message.text and not intake.ids_in(message.text, language)
        for message in state.messages[state.begins :]
    )
    return state.intake_turns + alone < intake.MOST_TURNS
