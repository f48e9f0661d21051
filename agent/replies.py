"""What a short reply says, read with the question that it replies to: "no", "yes", "72", "39.4".

The reply is written out ("no" becomes the sentence that the question's own data gives for a no), so that triage, search and
the learned reader understand it as they do any other words. What was said stays in front.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent import intake
from agent.corrections import is_correction
from agent.types import Language, Message

# What may stand after a bare yes or no: nothing, a mark, or a word that tells nothing new. "No wet nappies", "I can't walk", "没尿"
# and "会吐" are no bare answers: their own words are read.
_END = r"(?=\W*$|[^\w\s'’]|\s*\n)"
_HAN_END = r"(?:了|的|啊|呀|哦|呢|过|吧|这些|那些|这种|以上|任何|其他|其它|别的|情况|症状|表现|现象|问题)*(?=\W|$)"
_WHO, _DOES = "(?:it|i|he|she|they|we)", "(?:is|does|do|am|are|was|did|has|have|can)"
_NO_MORE = r"(?: (?:think so|really|at all|(?:(?:have|had|got) )?(?:any|it|that|this|these|them|either|any of (?:those|these|them))))?"
_YES = re.compile(
    rf"^\W*(?:(?:yes|yeah|yep|yup|ye|aye|correct|all of (?:them|these|those))\b"
    rf"|(?:true|both(?: of (?:them|these|those))?|{_WHO} {_DOES}){_END}"
    rf"|(?:好像|应该|确实)*(?:有(?:一?点|一些)?|都有|是|嗯+|对|会|确实|能){_HAN_END})",
    re.I,
)
_NO = re.compile(
    r"^\W*(?:(?:nope|nah|negative|not at all|not really|not that (?:i|we)|none|neither)\b"
    r"|(?:no|nothing)(?=\s+(?:to|not|no|none|nothing|neither|like|else|of|it|i|he|she|they|we|there|that|this|never|and)\b)"
    r"|no(?=\s+(?:thanks?|thank|sorry|sir|doctor)\b)"
    rf"|(?:no|nothing|never|{_WHO}(?: {_DOES}(?: not|n['’]?t)|['’]s not| cannot){_NO_MORE}){_END}"
    rf"|(?:好像|应该|以上|这些|那些|目前|暂时|现在|并)*都?(?:没有|没|无|不是|不会|不能|不){_HAN_END})",
    re.I,
)
_UNKNOWN = re.compile(
    r"^\W*(?:(?:i|we) )?(?:(?:do|have|could)(?: not|n['’]?t)|can(?:no|['’]?)t|not|dunno|am not|['’]m not)"
    r" (?:know|sure|remember|say|tell|checked|looked|measured|noticed)"
    r"|^\W*(?:i['’]m not sure|no (?:idea|clue)|unsure|dunno|不知道|不清楚|不确定|不记得|说不清|不好说|没量|没测|没注意|没看)",
    re.I,
)
# "No, but her lips are blue": not all that was asked is denied.
_BUT = re.compile(r"\b(?:but|although|though|except|apart from|however)\b|但|不过|除了|可是", re.I)
# A reply this short says no more than its yes or no.
_BARE_WORDS, _BARE_HAN = 6, 10
_NUMBER = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d+)?(?![\d.])")
_AGE_UNIT = re.compile(r"\b(?:months?|weeks?|days?|mths?|wks?|years?|yrs?|yo)\b|个月|月|周|天|岁", re.I)
_LISTED = re.compile(r"(?:^|(?<=\s))[12][.)、]\s*(?=\D)|(?:^|(?<=\s))[12][.)、]\s+")
_DIGITS = dict(one=1, two=2, three=3, four=4, five=5, six=6, seven=7, eight=8, nine=9, ten=10, eleven=11, twelve=12)
_SPELT = re.compile(
    rf"^\W*(?:(?:s?he|it)(?: is|['’]s) )?({'|'.join(_DIGITS)})\b(?=\W*(?:(?:month|week|day|year)s?\b)?(?: old)?\W*$)",
    re.I,
)
_PIECES = re.compile(r"[\n,，;；。]+|(?<=[a-z])\.\s+|\band\b", re.I)


def in_context(messages: Sequence[Message], language: Language) -> tuple[str, ...]:
    """The person's own messages, oldest first, each short reply written out by the question it replies to."""
    told: list[str] = []
    before = ""
    for message in messages:
        if message.role == "assistant":
            before = message.text
        else:
            told.append(written_out(message.text, before, language))
    return tuple(told)


def written_out(reply: str, before: str, language: Language) -> str:
    """`reply`, with what it means where `before` asked something and the reply says little by itself."""
    asked = intake.asked_in(before, language) if before else ()
    # "Correction: the weight is 12 kg." is no reply to a question for the age.
    if not asked or is_correction(reply):
        return reply
    plain = _LISTED.sub("\n", reply)
    meant = [*_numbers(plain, asked, language), *_yes_and_no(plain, asked, language)]
    return "\n".join([reply, *meant])


def empty(reply: str) -> bool:
    """Whether a reply, or a line of one, tells nothing of its own: a bare yes or no, or that it is not known."""
    return all(
        not piece.strip() or (_is_bare(piece) and (_answer(piece) or _UNKNOWN.match(piece)))
        for piece in _PIECES.split(reply)
    )


def _yes_and_no(reply: str, asked: Sequence[intake.Rule], language: Language) -> list[str]:
    signs = [rule for rule in asked if rule.yes[language]]
    if not signs:
        return []
    pieces = [piece for piece in _PIECES.split(reply) if piece.strip()]
    answers = [answer for piece in pieces if _is_bare(piece) and (answer := _answer(piece))]
    if _BUT.search(reply) and "no" in (*answers, _answer(reply)):
        return []
    if len(answers) == len(signs):
        return [getattr(rule, answer)[language] for rule, answer in zip(signs, answers, strict=True)]
    first = _answer(reply)
    # One "no" denies all that was asked. One "yes" may mean any of it: the worse reading is the safe one.
    if not first or (first == "yes" and not _is_bare(reply)):
        return []
    return [getattr(rule, first)[language] for rule in signs]


def _answer(piece: str) -> str:
    if _UNKNOWN.match(piece):
        return ""
    return "no" if _NO.match(piece) else "yes" if _YES.match(piece) else ""


def _is_bare(piece: str) -> bool:
    return len(piece.split()) <= _BARE_WORDS and len(re.findall("[一-鿿]", piece)) <= _BARE_HAN


def _numbers(reply: str, asked: Sequence[intake.Rule], language: Language) -> list[str]:
    """A bare number for the age or the temperature that was asked for."""
    needs = {rule.needs for rule in asked}
    reply = _SPELT.sub(lambda match: str(_DIGITS[match[1].lower()]), reply)
    numbers = [float(number) for number in _NUMBER.findall(reply)]
    meant = []
    if "temperature" in needs:
        for number in numbers:
            if 34 <= number <= 43 or 94 <= number <= 109:
                meant.append(f"体温{number:g}度" if language == "zh" else f"The temperature is {number:g}")
                numbers.remove(number)
                break
    years = [number for number in numbers if 0 < number <= 115 and not (number > 30 and number % 1)]
    if "age" in needs and years:
        unit = _AGE_UNIT.search(reply)
        if language == "zh":
            meant.append(
                f"{years[0]:g}{unit.group() if unit else '岁'}{'' if unit is None or unit.group() == '岁' else '大'}"
            )
        else:
            meant.append(f"{years[0]:g} {unit.group() if unit else 'years'} old")
    if "pregnancy_weeks" in needs and years and years[0] <= 45:
        meant.append(f"怀孕{years[0]:g}周" if language == "zh" else f"{years[0]:g} weeks pregnant")
    return meant
