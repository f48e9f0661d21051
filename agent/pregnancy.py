"""Whether somebody is pregnant, how far, or has just given birth."""

from __future__ import annotations

import re

from agent.quantities import value

_PREGNANT = re.compile(
    r"(?<!not )(?<!n't )(?<!get )(?<!getting )(?<!got )\bpregnant\b|\b\d{1,2}\s?(?:weeks?|wks?)"
    r" (?:pregnant|gestation|along)|\bg\d\s?p\d\b|\bexpecting (?:a baby|our|my|twins)"
    r"|\bin (?:my|her|the) (?:first|second|third|1st|2nd|3rd) trimester|my (?:pregnancy|due date|"
    r"baby bump|unborn)|antenatal|\b(?:i was|i'm|im|i am|she's|she is) expecting\b|\b(?<!not )(?:preg|pregnent"
    r"|pregnat|pregant|preggers)\b|怀孕|孕妇|孕(?=\d)|孕[期早中晚周]|怀了|有孕|妊娠|胎动|预产期|"
    r"大着肚子|身孕"
)
_NOT_PREGNANT = re.compile(
    r"\b(?:not|isn't|isnt|aren't|never been|if (?:im|i'm|i am|i) not) (?:currently |even )?pregnant|"
    r"no chance (?:of|i'?m) (?:being )?pregnan|negative pregnancy test|pregnancy test (?:was |"
    r"is |came back )?negative|(?:nobody|no one|none of us)\b.{0,24}\bpregnant|(?:isn't|is not|not) expecting"
    r"|妊娠(?:试验|检查|测试)?.{0,3}阴性|没有?人怀孕|无人怀孕|也没怀孕|像是?怀孕|跟怀孕似"
    r"|(?:couldn'?t|could not|can'?t|cannot) (?:possibly )?be pregnant|preg(?:nancy)? test (?:was |is |came back )?neg"
    r"|(?:没有|没|未|不是|不可能|并未)(?:怀孕|孕)|(?:if|when|before|after|trying to|try to|want to|"
    r"planning to|able to|ability to) (?:i |you |we |she )?(?:am |are |is |'m |get |gets |got |"
    r"become |be |getting )*pregnant|备孕|想怀孕|(?:如果|要是|避免|防止|能|会|是否|是不是|有没有可能|"
    r"担心)怀孕"
)
_MAYBE_PREGNANT = re.compile(
    r"(?:could|might|may|possibly|think) (?:i |she )?(?:be |am |is |'m )?pregnant|missed (?:my |"
    r"a |her )?period|late period|period(?: is| was|'s)? (?:\w+ ){0,3}late|(?<!\d)\d{1,2} weeks? late|"
    r"positive (?:pregnancy )?test|停经|月经(?:没来|推迟|晚了|迟了)|可能怀孕|可能是怀孕|验孕|"
    r"两条杠"
)
_WEEKS = re.compile(
        r"(\d{1,2})(?:\s?\+\s?\d|\s?(?:and a half|半))?\s?-?(?:weeks?|wks?|w)[\s-]?(?:pregnant|gestation|"
        r"along|preg\b|into (?:my|the) pregnancy|with (?:my|our|twins))|(?:pregnant|pregnancy|gestation|"
        r"expecting)[\s,(:]{1,3}(?:at |about |around |is |of )?(\d{1,2})\s?\+?\s?\d?\s?(?:weeks?|"
        r"wks?|w\b)|\bat (\d{1,2}) (?:weeks?|wks?)\b(?! old)|怀?孕(?:期|了|妇)?[,，:：已]{0,2}(\d{1,2})"
        r"\s?\+?\d?\s?周|怀孕(\d{1,2})(?:个)?(?:多)?周|(?:头胎|二胎|三胎|怀)(?:怀?到?)(\d{1,2})周|"
        r"(\d{1,2})周(?:的)?(?:孕|身孕)|(\d{1,2}) weeks?,? (?:and )"
        r"?(?:bleeding|spotting)")  # fmt: skip
_WEEKS_BUMP = re.compile(
    r"\b(?:i'?m|i am|she'?s|she is) (?:now |about |only |just |nearly |almost )?(\d{1,2})(?:\s?\+\s?\d)"
    r"? ?(?:weeks|wks)\b"
    r"(?! (?:old|ago|into|in|out|post|after|since|sober|clean|of|on|late|away|from))"
)
_WEEKS_WIFE = re.compile(
    r"\b(?:wife|missus|girlfriend|gf|partner|fianc\w+|sister|friend|daughter(?:[\s-]in[\s-]law)?)(?:'s| is| at"
    r"|,)? (?:now |only |about |just )?"
    r"(\d{1,2})(?:\s?\+\s?\d)? ?(?:weeks?|wks?|w)\b(?! (?:old|ago|into|in|out|post|after|since|sober|clean|of|on"
    r"|late|away|from|baby))"
    r"|(?:老婆|媳妇|妻子|女朋友|女友|爱人|对象|儿媳妇?|闺女|妹妹?|姐姐?|我|她)(?:现在|今天|刚|刚好|已经|都"
    r"|才)?\s?(\d{1,2})(?:\+\d)?\s?周"
    r"(?![前后内大岁龄没不了一二多]|早产)|(?<![\d/])(\d{1,2})(?:\s?\+\s?\d)?/40(?!\d)"
)
_WEEKS_ALONE = re.compile(
    r"(?:^|[.!?]\s|[。！？；\n]\s?)(\d{2})(?:\s?\+\s?\d)? ?(?:weeks?|wks?)\b(?! (?:old|ago|of|after|post|since|later|on|in))"
    r"|\bmy (\d{2})[\s-]weeks? (?:results?|bloods?|scan|check|appointment)"
    r"|(?:^|[。！!？?，,.；;\n])\s?(\d{2})(?:\+\d)?周(?![前后内大岁龄没不了多]|早产|的?宝|的?婴)"
)
_WEEKS_AFTER = re.compile(
    r"[,，]\s?(?:i'?m )?(\d{2})(?:\s?\+\s?\d)? ?(?:weeks?|wks?|周)(?! ?(?:old|ago|of|after|post|since|later|前|后|大))"
)
"""A number of weeks behind a comma: weeks of pregnancy only where something else speaks of one."""
_EXPECTING = re.compile(
    r"bump|kick|midwife|bleed|spotting|waters|contraction|scan|baby|trimester|bile acid|stretch mark|产检|胎动"
    r"|胎儿|胎位|宝宝|见红|宫缩|肚皮|妊娠|孕|早孕"
)
_INFANT = re.compile(r"男婴|女婴|婴儿|早产|新生儿|premature|\bex-|newborn|\bborn at\b")
"""A number of weeks beside these is a baby's age."""
_WEEKS_START = re.compile(
    r"^\s*(\d{1,2})(?:\s?\+\s?\d)? ?(?:weeks|wks)(?! old| ago| of| after| post| since),? .{0,60}?"
    r"\b(?:bleed|tummy|bump|kick|baby|waters|"
    r"contraction|cramp|spotting|wee\b|pee\b)"
)
_MONTHS_PREGNANT = re.compile(
    r"(\d{1,2}|two|three|four|five|six|seven|eight|nine) months? pregnant|怀孕(?:快)?([一二三四五六七八九\d]{1,2})"
    r"个多?月|孕([一二三四五六七八九\d])个?月"
)
_POSTPARTUM = re.compile(
    r"\bpost[\s-]?part|\bpost[\s-]?natal|\bafter (?:giving birth|the birth|my (?:c-?section|"
    r"delivery))|\b(?:gave birth|had (?:my|a|the|our) baby|had a c-?section)\b(?! \d+ (?:years|"
    r"yrs))|\b(?:since|after) (?:the |my )?(?:birth|delivery)\b"
    r"|\bweeks? after (?:birth|delivery|having)|产后|坐月子|刚生完|生完孩子|"
    r"剖腹产后|剖宫产后|分娩后|生了(?:孩子|宝宝)|顺产后|刚生了?(?:孩子|宝宝)"
)
_NOT_POSTPARTUM = re.compile(
    r"(?:\bnot|n'?t|\bnever|\bno longer)(?: (?:yet|ever|just|recently|currently|been|in the))? (?:post[\s-]?(?:part|nat)\w*"
    r"|given birth|give birth|had (?:my|a|the|our) (?:baby|c-?section)|have (?:my|a|the|our) baby|after (?:giving birth|the birth))"
    r"|(?:不是|没有|没|并非|并不是|未|尚未|非|不在|不处于)(?:刚|在|处于)?(?:产后|坐月子|刚?生完|分娩后|生了|剖[腹宫]产后|顺产后)"
)


def postpartum(text: str) -> bool:
    """Whether a message says that somebody has just given birth. `text` in lower case, simplified characters."""
    return bool(_POSTPARTUM.search(_NOT_POSTPARTUM.sub(" ", text)))


def pregnancy(text: str) -> tuple[bool | None, int | None]:
    """Whether a message says so (None: it does not say), and the weeks. `text` in lower case, simplified characters."""
    weeks: int | None = None
    at_only = False
    for match in _WEEKS.finditer(text):
        number = next((group for group in match.groups() if group), None)
        if number is not None and 3 <= int(number) <= 43:
            weeks, at_only = int(number), bool(match.group(3))
    if (weeks is None or at_only) and not _INFANT.search(text):
        after = _WEEKS_AFTER.finditer(text) if _EXPECTING.search(text) else ()
        for match in (*_WEEKS_WIFE.finditer(text), *_WEEKS_ALONE.finditer(text), *after):
            number = int(next(group for group in match.groups() if group))
            if (20 if match.re is _WEEKS_ALONE and not _EXPECTING.search(text) else 5) <= number <= 43:
                weeks, at_only = number, False
                break
    months = _MONTHS_PREGNANT.search(_NOT_PREGNANT.sub(" ", text))
    if weeks is None and months is not None:
        number = value(next(group for group in months.groups() if group))
        weeks = None if number is None or number > 10 else round(number * 4.33)
    if weeks is None and (start := _WEEKS_START.search(text)) and 12 <= int(start.group(1)) <= 43:
        weeks = int(start.group(1))
    if weeks is None and (far := _WEEKS_BUMP.search(text)) and 3 <= int(far.group(1)) <= 43:
        weeks = int(far.group(1))
    no = list(_NOT_PREGNANT.finditer(text))
    yes = [m for m in _PREGNANT.finditer(text) if not any(n.start() <= m.start() < n.end() for n in no)]
    if weeks is not None and at_only and not yes and not _EXPECTING.search(text):
        weeks = None
    if yes or weeks is not None:
        return True, weeks
    return (False if no and not _MAYBE_PREGNANT.search(text) else None), None


def maybe_pregnant(text: str) -> bool:
    """Whether a message gives reason to think of a pregnancy: a late period, a positive test."""
    return bool(_MAYBE_PREGNANT.search(text))
