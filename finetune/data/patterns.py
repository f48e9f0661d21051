"""What a sentence of the library says, by its form: go today, do not, ask before, this can do that; English and Chinese."""

from __future__ import annotations

import re

_WHO = "doctor|GP|dentist|pharmacist|midwife|optician|maternity unit|team|diabetes team|doctor or midwife"
URGENT = re.compile(r"ambulance|emergency|999|急救电话|救护车|急诊", re.I)
TODAY = re.compile(
    rf"^(?:See (?:a|your) (?:{_WHO})|See someone|Get (?:medical )?(?:help|advice|care)|"
    rf"(?:Call|Contact|Phone|Speak to) (?:a|your) (?:{_WHO}))"
    r"(?: or [a-z ]+?)? (?:today|the same day|on the same day|within a day) (if|for|about) (.+)\.$"
)
BOOK = re.compile(
    r"^(?:Book a visit|See a (?:doctor|dentist|pharmacist)|Make an appointment|Ask for a visit) (if|for|about) (.+)\.$"
)
DONT = re.compile(
    r"^Do not (?!wait|let|have to|leave|ignore|hold back|put off|delay|assume|worry|feel|be |panic|rely|expect)([a-z].+)\.$"
)
BEFORE = re.compile(
    r"^(?:Ask|Check with|Speak to|Talk to|Tell) (?:a|your) (?:doctor|pharmacist|midwife)"
    r"(?: or (?:a )?(?:doctor|pharmacist|midwife))? (?:first )?before "
    r"(?:you (?:take|use|have) |taking |using |having )?(.+?) if (you .+)\.$"
)
_NAME = (
    r"(?:(?:An?|The|Most|Many|Some|Your) )?[A-Z]?[\w'’-]+"
    r"(?: (?!(?:and|or|can|is|are|do|does|may|that|who|which|with)\b)[\w'’-]+){0,3}"
)
CAN = re.compile(
    rf"^({_NAME}) (can|may(?! not)|could(?! not)) (?!(?:also|still|only|often|sometimes|take|last|seem)\b)(not )?(.+)\.$"
)
DOES = re.compile(rf"^({_NAME}) (do|does) not ((?:always |usually )?[a-z].+)\.$")
IS = re.compile(rf"^({_NAME}) (is|are) (not )?((?!called|also|when|the most|one of|a kind|an? )[a-z].+)\.$")
UNNAMED = re.compile(r"\b(?:it|its|them|they|their|this|these|those|the other|then|not|never|also)\b|它|这|那|其")
"""What a yes-or-no question must not hold: its subject would be unnamed, or denied twice."""
NOT_A_NAME = re.compile(
    r"^(?:If|When|Unless|After|Before|While|In|On|At|With|For|As|It|They|This|These|There|Not|No|Do|Some|Most|Many|Others?|One|Both|Each|All|"
    r"Any|Anyone|You|We|About|Only|Even|Early|Such|Signs|Symptoms|Feeling|Being|Having|Getting|Call|See|Get|Step|To|Until|Once|Less|More|"
    r"Your doctor|A doctor|Doctors|US|UK|Together|Treatment|People|"
    r"The (?:most|first|best|main|harm|illness|infection|tablets?|medicine|other|same|next|exact|cause))\b"
)
ZH_TODAY = re.compile(r"^((?:(?!马上|立即|当天|应|先).){4,40}?)，(?:请)?(?:要)?(?:当天|今天)(.{1,14})。$")
ZH_BOOK = re.compile(
    r"^(.{4,40}?)，(?:应|可以|可|要)?(?:尽快|及时|应当)?(?:预约|去看|看)(.{2,14}(?:科|门诊|医生|牙医))。$"
)
ZH_DONT = re.compile(r"^([^，。]{2,16}?)[，]?不要(?!紧|因|等|怕|太|以为|光|只)([^，。]{2,16})(，[^。]{2,30})?。$")
ZH_CANNOT = re.compile(
    r"^([^，。]{2,16}?)不能(?!说明|代替|根治|靠|光|只|确定|排除|走|动)([^，。]{2,14})(，[^。]{2,30})?。$"
)
ZH_BEFORE = re.compile(r"^([^，。]{2,20}?)的?人?，([^，。]{2,14})前(?:要)?先问(.{2,10})。$")
ZH_WHEN = re.compile(r"(?:时|后|的人|前|孕妇|孩子|宝宝|婴儿|期间|病人|儿童|期)$")
ZH_MAYBE = re.compile(r"^([^，。]{3,22})(?:，)?(可能是|常是|多半是)([^，。]{2,16}?)(?:引起的|的表现|的信号)?。$")
ZH_USELESS = re.compile(r"^([^，。]{1,12})对([^，。]{2,14})(没有用|没用|无效)。$")
ZH_IS = re.compile(r"^([^，。]{2,10})(不是|会传染|不会传染|会遗传|能治好|不能根治)([^，。]{0,14})。$")
