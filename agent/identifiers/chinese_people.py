"""Names in Chinese by surname, given name and place: after kin, roles and self-introductions, alone in a
clause, at the end.

Every candidate is scored: what its characters are (`evidence`), whether it is a word (jieba's dictionary), what stands before and
after it. Names that are words (高峰, 安静, 白露) need a place that leaves nothing else; a word that is a complaint never is a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.identifiers.evidence import Evidence, evidence
from agent.identifiers.lexicon import lexicon
from agent.identifiers.types import Identifier

_LEX = lexicon()
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_LEAST = 2.0
"""Score of a name. Of 100 names in messages looked at while this was written 96 are found with 2, 97 with 1 and 80 with 3; of 4892
messages without any, 18 are touched with 2 (all by the name an assistant gave itself) and 22 with 1."""
_FIRM = _LEX.zh_surnames - _LEX.zh_surnames_weak
_WEAK = _LEX.zh_surnames_weak
_COMPOUND = _LEX.zh_compound_surnames
_LIST = _LEX.zh_name_cues
_KIN = "|".join(sorted(_LEX.zh_relations | _LIST["kin"], key=len, reverse=True))
_OWN_KIN = "|".join(sorted(_LIST["own_kin"], key=len, reverse=True))
_ROLE = "|".join(sorted(_LIST["role"], key=len, reverse=True))
_CHILD_OF = "|".join(sorted(_LIST["child_of"], key=len, reverse=True))
_NEVER = _LIST["never"]
_ABROAD = _LIST["abroad"]
_NOT_ALONE = _LIST["not_alone"]
_OPEN = rf"(?:^|(?<=[^{_HAN}A-Za-z0-9]))"

# What stands before a name, and what it is worth. The first that finds a name there wins.
_CUES = (
    (re.compile(r"(?:连起来|合起来|姓名|名字|真名|本名|大名|全名|中文名|小名|乳名|曾用名|户名|署名|签名|落款|联系人|收件人|患儿名)"
                r"(?:叫做?|是|为|為)?\s?[:：]?\s?"), 4.0),
    (re.compile(rf"姓[{_HAN}]{{1,2}}[，,\s]\s?(?:名字?)?叫做?\s?"), 4.0),
    (re.compile(r"(?<!把)(?:我|本人|俺|他|她|孩子|宝宝|娃)(?:的?名字)?叫做?\s?"), 3.5),
    (re.compile(r"[个位名生孩人]叫做?\s?"), 2.5),
    (re.compile(rf"(?:{_KIN}|{_ROLE}|(?:我|他|她)(?:{_OWN_KIN}))(?:的?名字)?叫做?\s?"), 3.0),
    (re.compile(rf"(?:我是|我就是|这是|这里是)(?:一个|一名|他的?|她的?)?(?:[{_HAN}]{{1,6}}的)?(?:{_ROLE}|{_KIN})[:：\s]?"), 3.0),
    (re.compile(rf"(?:我是|我就是|俺是|这里是|在下|鄙人|本人是?)(?:[{_HAN}]{{1,8}}的)?"), 1.2),
    (re.compile(rf"[他她我俺咱你](?:的|家)?(?:{_OWN_KIN})[:：\s]?"), 1.0),
    (re.compile(rf"(?:{_KIN}|{_ROLE})[:：\s]{{0,2}}"), 1.0),
    (re.compile(r"\d{1,3}\s?床(?:的|[:：，,])?\s?|我家|俺家|咱家"), 0.8),
    (re.compile(rf"{_OPEN}(?:我|俺)"), 0.3),
)  # fmt: skip
_DOTTED = re.compile(rf"[{''.join(sorted(_ABROAD))}]{{1,6}}(?:[·•][{''.join(sorted(_ABROAD))}]{{1,6}}){{1,3}}")
_CALLING = tuple(pattern for pattern, _ in _CUES[1:5])
_CLAUSE = re.compile(rf"(?:^|(?<=[^{_HAN}A-Za-z0-9·]))[{_HAN}·]{{2,5}}(?![{_HAN}A-Za-z0-9·])")
_LAST_ROLE = re.compile(rf"{_OPEN}(?:{_ROLE}|{_KIN})\s?([{_HAN}]{{2,3}})[。！!~～\s]*$")
_MOTHER_OF = re.compile(
    rf"(?P<lead>^|[^{_HAN}]|我是|这是)(?P<name>[{_HAN}]{{2,3}}?)(?P<whose>他|她|的)?(?:{_CHILD_OF})(?=[：:，。,!！\s]|$)"
)
_SURNAMED = re.compile(
    rf"我?姓([{_HAN}])\s?[，,]?\s?(?:单?名|名字?叫?)\s?[:：]?(?:一?个)?([{_HAN}]{{1,2}})(?:字)?(?![{_HAN}])"
)
_TWO_TONGUES = re.compile(
    rf"(?:{_ROLE}|{_KIN}|叫|我是|名字?[是为:：]?)\s?([A-Z][A-Za-z'’\-]{{1,20}}(?: [A-Z][A-Za-z'’\-]{{1,20}})?)"
    rf"([{''.join(sorted(_FIRM))}])?(?![A-Za-z])"
)
_PINYIN = re.compile(
    r"(?:我叫|名叫|姓名(?:是|[:：])?|名字(?:是|叫|[:：])?|真名(?:是|[:：])?|我是)\s?([A-Za-z]{2,12}(?: [A-Za-z]{2,12}){1,2})"
)
_SPELLED = re.compile(
    rf"(?:(?P<char>[{_HAN}])(?:就?是|字)?)?(?P<word>[{_HAN}]{{2,4}})的(?P<last>[{_HAN}])(?:字)?(?![{_HAN}])"
)
_TOLD = re.compile(r"叫|姓|名字|我是|真名|本名")
_PERSON = re.compile(
    r"\s?(?:[（(][^（）()]{0,24}[)）])?[，,、（(\s]{0,2}(?:(?P<both>[男女](?:性|士|孩|的)?[，,、\s]{0,2}(?:今年)?\d{1,3}\s?(?:周?岁|歲))"
    r"|[男女](?:性|[，,、。\s）)])|(?:今年|现年)?(?:\d{1,3}|[一二三四五六七八九十]{1,3})\s?(?:周?岁|歲)|\d{2}(?=[，,。；;]))"
)
_MONTHS = re.compile(r"\s?(?:才|刚|今年)?(?:\d{1,2}|[一二三四五六七八九十]{1,2})个(?:半?月|多月)")
_CALLED = _LEX.zh_relations | _LEX.zh_titles | _LIST["kin"] | _LIST["own_kin"] | _LIST["role"]
_WORDS = tuple(_LEX.zh_words)
_ABROAD_WORTH = 2.0
_EPONYM = frozenset("病氏征症")
_COMMON = _LIST["common"]
_DRUG_END = "松尔星汀坦唑酮芬素舒"
_REACHED = re.compile(r"[，,\s]{0,2}(?:家在|家住|住在|住|地址|电话|手机|身份证|微信|联系|\+?86|1[3-9]\d{5})")


def find(text: str) -> Iterator[Identifier]:
    """NAME in a text that has Chinese characters."""
    known = evidence()
    yield from _cued(text, known)
    yield from _alone(text, known)
    yield from _kin_of(text, known)
    yield from _free(text, known)
    yield from _spelled(text)
    for match in _DOTTED.finditer(text):
        yield Identifier("NAME", match.start(), match.end(), 40, match[0])
    for match in _SURNAMED.finditer(text):
        yield _identifier(text, match.start() + (match[0][0] == "我"), match.end(), match[1] + match[2])
        # The whole of a name given in parts, once more: "连起来康复".
        for again in re.finditer(rf"{match[1]}{match[2]}(?![{_HAN}])", text[match.end() : match.end() + 40]):
            yield _identifier(text, match.end() + again.start(), match.end() + again.end())
    for match in _TWO_TONGUES.finditer(text):
        word = match[1].split()[0].lower().replace("’", "'")
        # After a role a foreign word is somebody; an illness, a drug or a reading is known to be a word.
        foreign = len(word) > 3 and word not in _LEX.eponyms | _LEX.brands and known.name(word) > -3
        if match[2] or (not match[1].isupper() and (foreign or known.name(word) >= 1)):
            end = match.end() if match[2] and known.name(word) > -3 else match.end(1)
            yield _identifier(text, match.start(1), end, match[1].lower())
    for match in _PINYIN.finditer(text):
        words = match[1].lower().split()
        if words[0] in _LEX.pinyin or known.name(words[0]) >= 2:
            yield _identifier(text, match.start(1), match.end(1), match[1].lower())


def parts(name: str) -> tuple[str, ...]:
    """A Chinese name and its given name, as far as they are no words: what to look for once it was told."""
    if not 2 <= len(name) <= 4 or not all("\u4e00" <= char <= "\u9fff" for char in name):
        return ()
    given = name[2:] if name[:2] in _COMPOUND else name[1:] if name[0] in _FIRM | _WEAK else ""
    return tuple(
        part for part in (name, given) if len(part) > 1 and (not _is_word(part) or (len(part) > 2 and _only_name(part)))
    )


def _identifier(text: str, start: int, end: int, key: str = "") -> Identifier:
    return Identifier("NAME", start, end, 41, key or text[start:end])


def _cued(text: str, known: Evidence) -> Iterator[Identifier]:
    for pattern, worth in _CUES:
        if pattern in _CALLING and "叫" not in text:
            continue
        for match in pattern.finditer(text):
            start = match.end()
            size = _best(text, start, worth, known)
            if size:
                yield _identifier(text, start, start + size)
    if last := _LAST_ROLE.search(text):
        start, end = last.span(1)
        if score(text, start, end, known, ends=frozenset({end})) + 3 >= _LEAST:
            yield _identifier(text, start, end)


def _spelled(text: str) -> Iterator[Identifier]:
    """ "万一的万": a character of a name told by a word it stands in."""
    for match in _SPELLED.finditer(text) if _TOLD.search(text) else ():
        if match["last"] in match["word"] and _TOLD.search(text[max(0, match.start() - 16) : match.start()]):
            yield _identifier(text, match.start(), match.end())


def _best(text: str, start: int, worth: float, known: Evidence) -> int:
    """Characters of the likeliest name that starts at `start`; 0 where none is likely."""
    run = _run(text, start)
    if run < 2:
        return 0
    ends = _word_ends(text, start, run)
    sizes = [size for size in (2, 3, 4, 5) if size <= run]
    scored = [(score(text, start, start + size, known, ends=ends) + worth, size) for size in sizes]
    value, size = max(scored)
    return size if value >= _LEAST else 0


def _run(text: str, start: int, most: int = 14) -> int:
    size = 0
    while (
        size < most
        and start + size < len(text)
        and ("\u3400" <= text[start + size] <= "\u9fff" or text[start + size] == "·")
    ):
        size += 1
    return size


def _word_ends(text: str, start: int, run: int) -> frozenset[int]:
    import rjieba

    ends, at = [], start
    for word in rjieba.cut(text[start : start + run]):
        at += len(word)
        ends.append(at)
    # Verbs that follow a name, which the segmenter may have taken for its last character (小|郭说).
    ends += [start + place for place in range(2, min(run, 5)) if text[start + place] in "说問问讲叫让講讓"]
    return frozenset(ends)


def score(text: str, start: int, end: int, known: Evidence, *, ends: frozenset[int]) -> float:
    """How likely the characters are a name, by themselves and by what follows; `ends` are where words end."""
    import rjieba

    value = text[start:end]
    following = text[end : end + 1]
    if (
        end not in ends
        or value in _NOT_ALONE
        or value in _CALLED
        or value[1:] in _LEX.zh_titles
        or following in _EPONYM
    ):
        return -9.0
    formal, familiar = _formal(value, known), _familiar(value, known)
    worth = max(formal, familiar)
    if worth <= -9:
        return worth
    after = _PERSON.match(text, end)
    if value.startswith(_WORDS):
        worth -= 3.0 if after else 6.0
    elif rjieba.has_word(value) and formal < _ABROAD_WORTH:
        worth -= (
            0.5
            if _only_name(value) and (len(value) > 2 or familiar >= formal)
            else 1.0
            if _doubled_noun(value)
            else 3.0
        )
    if after:
        worth += 5.0 if after["both"] else 3.0
    elif familiar > formal and _MONTHS.match(text, end):
        worth += 2.5
    elif not following or not "\u3400" <= following <= "\u9fff":
        worth += 1.0
    elif following in "的地得":
        worth -= 1.5
    return worth


def _only_name(value: str) -> bool:
    """The dictionary has it, but as somebody's name."""
    import rjieba

    tags = rjieba.tag(value)
    return len(tags) == 1 and tags[0][1].startswith("nr")


def _doubled_noun(value: str) -> bool:
    """甜甜, 豆豆: what children are called; 慢慢, 天天 are no nouns."""
    import rjieba

    return value[0] == value[1:] and rjieba.tag(value)[0][1][:1] in "nsvza"


def _formal(value: str, known: Evidence) -> float:
    """Surname and given name; or the syllables in which Tibetan, Uyghur, Mongol and foreign names are written."""
    if any(char in _NEVER for char in value):
        return -9.0
    if value[:2] in _COMPOUND and 3 <= len(value) <= 4:
        return 2.5 + 0.5 * known.chinese(value[2:])
    if len(value) >= 3 and sum(char in _ABROAD for char in value.replace("·", "")) >= len(value.replace("·", "")) - (
        len(value) > 3
    ):
        return _ABROAD_WORTH
    if "·" in value or len(value) > 3 or value[1:2] == value[:1]:
        return -9.0
    given = known.chinese(value[1:])
    if value[0] in _FIRM:
        return 2.0 + 0.8 * given
    return 1.0 + 0.8 * given if value[0] in _WEAK else -9.0


def _familiar(value: str, known: Evidence) -> float:
    """静静, 阿珍, 老周, 小满, 胖婶, 老根头."""
    if value[0] == "老" and len(value) == 3 and value[2] in "头爹汉" and value[1] not in _NEVER:
        return 1.5
    if any(char in _NEVER for char in value):
        return -9.0
    if len(value) == 2 and value[0] == value[1]:
        return 1.8 if known.chinese(value[0]) > -1 else -9.0
    if value[0] == "阿" and len(value) == 2:
        return 1.5
    if value[0] == "老" and len(value) == 2 and value[1] in _FIRM | _WEAK:
        return 1.5
    if value[0] in "小大" and len(value) == 2 and (value[1] in _FIRM or known.last.get(value[1], -1) > 0):
        return 1.1
    if (
        len(value) in (2, 3)
        and value[0] != "家"
        and value[-1] in "婶嫂姐哥叔姨伯妞娃仔"
        and known.chinese(value[:-1]) > -3.5
    ):
        return 1.1
    return -9.0


def _alone(text: str, known: Evidence) -> Iterator[Identifier]:
    """A clause that is nothing but a name, where a person's age, sex or telephone follows or the message ends."""
    for match in _CLAUSE.finditer(text):
        start, end = match.span()
        person = _PERSON.match(text, end)
        last = not text[end:].strip("。！!~～ \n") or (
            text[end : end + 1] == "\n" and "\n" in text[max(0, start - 1) : start]
        )
        if not (person or last or _REACHED.match(text, end)):
            continue
        ends = frozenset({end})
        worth = score(text, start, end, known, ends=ends)
        # The end of a message is full of thanks and pleas: there both parts must look like a name.
        formal = _formal(match[0], known)
        if worth >= _LEAST + (0.5 if person else 0.3) and (
            person or formal >= 1.6 or (match[0][0] == "老" and len(match[0]) == 2)
        ):
            yield _identifier(text, start, end)
    for match in re.finditer(rf"{_OPEN}老([{_HAN}])[，,](?=\s?(?:真名|本名|\d{{2}}岁))", text):
        yield _identifier(text, match.start(), match.start() + 2)


def _kin_of(text: str, known: Evidence) -> Iterator[Identifier]:
    """ "李梓萱妈妈：", "我是小满她妈"."""
    for match in _MOTHER_OF.finditer(text):
        start, end = match.span("name")
        worth = score(text, start, end, known, ends=frozenset({end}))
        said = match["lead"] in ("我是", "这是")
        if said and match["whose"] in ("他", "她") and not _is_word(match["name"]):
            worth = max(worth, 0.0)
        doubled = len(match["name"]) == 2 and match["name"][0] == match["name"][1]
        if worth + (3.5 if doubled else 3.0 if said else 1.0) >= _LEAST + (0.0 if doubled else 0.5):
            yield _identifier(text, start, end)


def _is_word(value: str) -> bool:
    """In the dictionary, or somebody's kin or role."""
    import rjieba

    return bool(rjieba.has_word(value)) or value in _CALLED


def _free(text: str, known: Evidence) -> Iterator[Identifier]:
    """Without any cue: a word that no dictionary has, a firm surname and characters of given names."""
    import rjieba

    start, before = 0, ""
    for word in rjieba.cut(text):
        end = start + len(word)
        # 佟小虎; or 马|德才, where the dictionary has the given name alone.
        whole = before + word if len(before) == 1 and len(word) == 2 else word
        if whole != word and rjieba.has_word(word) and not _only_name(word):
            whole = ""
        numbered = text[max(0, end - 4) : end - 3].isdigit()
        if (
            len(whole) == 3
            and whole[0] in _COMMON
            and whole[2] not in _DRUG_END
            and not (numbered or rjieba.has_word(whole))
        ):
            given, least = known.chinese(whole[1:]), 1.0 if whole == word else 1.5
            if given >= least and score(text, end - 3, end, known, ends=frozenset({end})) - 0.9 >= _LEAST:
                yield _identifier(text, end - 3, end)
        start, before = end, word
