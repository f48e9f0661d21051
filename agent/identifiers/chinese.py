"""Names, institutions and homes written in Chinese."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers.lexicon import lexicon
from agent.identifiers.types import Identifier

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_RELATION = (
    "儿子|女儿|兒子|女兒|老公|老婆|丈夫|妻子|先生|太太|爸爸|妈妈|媽媽|父亲|父親|母亲|母親|爷爷|爺爺|奶奶|外公|外婆|哥哥|姐姐|弟弟|妹妹|宝宝|寶寶|孩子|朋友|男友|女友|同事|同学|同學|室友|姥姥|姥爷|舅舅|叔叔|阿姨|孙子|孙女|外孙|闺女|侄子|表弟|表妹"
)
_TITLE = "先生|女士|小姐|太太|医生|醫生|医师|醫師|大夫|主任|教授|院长|院長|护士长|護士長|护士|護士|老师|老師|阿姨|叔叔|大爷|大爺|大妈|大媽|奶奶|爷爷|爺爺|师傅|師傅|同学|同學|经理|局长|总|某"
_TITLES = frozenset(_TITLE.split("|"))
_NICKNAME = re.compile(
    rf"(?:我|(?:我|我的|我家)?(?:{_RELATION}))(?:的?名字|小名)?叫(?![了我他她你不什做停醒起苦疼痛喊救医醫车車人个個个过])([{_HAN}]{{2,3}})(?=$|[^{_HAN}])"
)
# True surnames among the weak ones, safe where no character stands before: 高医生, 马女士.
_WEAK_TITLED = re.compile(rf"(?<![{_HAN}])([高马馬白方石任金雷温溫安常康])(?:副?(?:{_TITLE}))")
_AFTER = (
    rf"(?=$|[^{_HAN}]|男|女|今年|现年|現年|因|于|的|来|來|诉|訴|说|說|住|电话|電話|手机|手機|身份|岁|歲|昨|今天|前天|上周|突然|反复|目前|已|患|确诊|確診|发烧|發燒|咳嗽|头痛|頭痛|头晕|胸|腹|想|要|请|請|吃|服|现在|現在|最近|这|這|他|她|我|也|就|和|有|在|是|一直|从|從|得|被|给|給|肚|恶心|呕)"
)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    lex = lexicon()
    compound = "|".join(sorted(lex.zh_compound_surnames))
    every = "".join(sorted(lex.zh_surnames | lex.zh_surnames_weak))
    firm = "".join(sorted(lex.zh_surnames - lex.zh_surnames_weak))
    name, sure = rf"(?:{compound}|[{every}])[{_HAN}·]{{1,2}}", rf"(?:{compound}|[{firm}])[{_HAN}]{{1,2}}"
    called = re.compile(rf"(?:我叫|名叫|名字叫做?|姓名\s?(?:[:：]|是|为|為)|名字\s?(?:[:：]|是|为|為)|(?:{_RELATION}|他|她|患者|病人|患儿)(?:的名字)?叫做?|本人姓名|联系人\s?[:：]?|聯絡人\s?[:：]?|监护人\s?[:：])\s{{0,3}}({name}?)(?![{_HAN}]{{0}}病){_AFTER}")
    weak = re.compile(rf"(?:我是|我就是|这是|這是|患者|病人|患儿|家属|家屬|产妇|孕妇|签名\s?[:：]?|主治医[生师]\s?[:：]|主管医[生师]\s?[:：]|(?:我|我的|我家|俺)(?:{_RELATION}))\s{{0,2}}[:：，,]?\s{{0,2}}({sure}?){_AFTER}")
    titled = re.compile(rf"(?<![{firm}])((?:{compound}|[{firm}])[{_HAN}]{{0,2}}?)(?:副?(?:{_TITLE}))")
    surname = re.compile(rf"(?:我姓|免贵姓|免貴姓|贵姓)\s?((?:{compound}|[{every}]))(?![{_HAN}]{{2}})")
    return called, weak, titled, surname


# Ordinary words that begin with a surname: none of them may start a name after a weak cue.
_WORDS = tuple(
    ["高血", "高烧", "高燒", "高热", "高危", "高龄", "高齡", "高中", "高度", "黄疸", "黃疸", "黄种", "白癜", "白细", "白細", "白血", "白带", "应该", "應該", "时候", "時候", "于是", "何时", "常常", "常年", "安全", "安静", "平时", "平時", "康复", "康復", "明显", "明顯", "成年", "石膏", "温度", "项目", "马上", "馬上", "金属", "任何", "方法", "方便", "全身", "全家", "计划", "計劃", "计算", "关节", "關節", "水肿", "水痘", "连续", "連續", "易怒", "易感", "经常", "经期", "单纯", "单身", "单亲", "老年", "老师", "老人", "范围", "卫生", "衛生", "严重", "嚴重", "危重", "解释", "施行", "车祸", "車禍", "雷同", "钱少", "陶瓷", "曲张", "祝您", "祝你", "史上", "季节", "季節", "强直", "强迫", "路上", "路过", "房颤", "房顫", "管理", "支气", "支架", "支原", "盛行", "宗教", "包括", "包皮", "左右", "左侧", "左腿", "左手", "左眼", "左胸", "左下", "左上", "左半", "左肾", "左肩", "左耳", "左脚", "左膝", "左臂", "左乳", "印度", "印象", "家长", "家里", "家庭", "甘油", "单位", "满月", "滿月", "满足", "广州", "广东", "东北", "东西", "东方", "师范", "师傅", "师父", "文盲", "简单", "空腹", "空调", "曾经", "曾因", "曾有", "曾在", "曾服", "游泳", "游客", "公务", "公司", "别人", "农民", "农村", "温哥", "边缘", "冷汗", "那么", "那个", "沙眼", "沙门", "慎用", "终于", "暴躁", "暴力", "冀望", "尚未", "尚可", "居家", "居住", "步行", "步态", "容易", "古稀", "习惯", "习性", "鱼刺", "向您", "向你", "宿醉", "宿便", "苗条", "花粉", "余下", "胡子", "胡说", "熊猫", "龙虾", "段时", "叶酸", "乌青", "富贵", "井水", "全科", "乐观", "时不", "时常", "相关", "年轻", "车间", "皮肤", "皮疹", "皮炎", "皮癣", "皮下", "卡住", "屈光", "毛发", "毛囊", "毛病", "米饭", "贝壳", "戴眼", "麻疹", "麻木", "麻醉", "江苏", "江西", "颜面", "颜色", "梅毒", "林业", "钟爱", "邱疹", "蔡司", "田径", "霍乱", "宣布", "单侧", "洪水", "荣幸", "惠者", "曲度", "储存", "靳于", "段落", "侯诊", "全程", "宁愿", "武汉", "司机", "黎明", "怀孕", "怀疑", "怀上", "莫名", "经产", "应激", "应酬", "应用", "吴江", "苏醒", "施打", "孔径", "华裔", "华人", "金黄", "水泡", "谢谢", "謝謝", "章节", "云南", "云雾", "鲁莽", "昌平", "凤梨", "费用", "费劲", "薛定", "伏案", "成都", "成人", "谈话", "谈恋", "茅台", "庞大", "纪念", "舒服", "舒张", "杜绝", "阮病", "强烈", "强壮", "童年", "郭外", "盛夏", "刁难", "夏天", "夏季", "虞美", "万一", "万分", "经络", "裘皮", "解大", "解小", "解不", "解尿", "解便", "丁酸", "丁丙", "邓氏", "郁闷", "郁症", "杭州", "诸多", "钮扣", "嵇留", "裴氏", "翁妪", "甄别", "封闭", "松弛", "巫医", "焦虑", "焦慮", "牧民", "山区", "谷丙", "谷草", "车上", "宫颈", "宫外", "宫腔", "宫缩", "宫内", "宫口", "仇恨", "甘草", "厉害", "厲害", "祖父", "祖母", "符合", "刘海", "景观", "束缚", "叶片", "司美", "薄弱", "薄膜", "蒲公", "索性", "咸味", "咸的", "赖氨", "蔺草", "屠宰", "蒙古", "池塘", "乔木", "闻到", "聞到", "党员", "申请", "申訴", "扶着", "堵塞", "堵住", "桑拿", "桂花", "牛皮", "牛奶", "牛肉", "通过", "扁桃", "农药", "农藥", "柴油", "阎罗", "慕名", "连着", "茹素", "宦海", "艾滋", "艾灸", "向来", "戈谢", "终身", "终末", "暨往", "衡量", "耿耿", "弘扬", "匡扶", "国内", "国外", "国家", "寇氏", "禄位", "东莞", "利尿", "蔚蓝", "越来", "越南", "夔州", "隆鼻", "巩固", "聂氏", "晁盖", "勾拳", "敖包", "融合", "訾议", "辛苦", "辛辣", "阚氏", "饶舌", "空气", "养老", "养胃", "鞠躬", "丰胸", "丰满", "蒯氏", "查出", "查体", "查房", "查了", "荆芥", "红肿", "红疹", "红斑", "竺可", "权衡", "逯氏", "盖好", "益生", "桓氏", "岳父", "岳母", "帅哥", "付款", "代谢", "代替", "涂抹", "涂了", "涂药", "孟鲁", "平素", "平躺", "和平", "和谐", "尤其", "许多", "許多", "许久", "陈旧", "陳舊", "陈皮", "卫健", "沈阳", "沈陽", "韩国", "韩式", "杨梅", "秦皮", "张口", "张嘴", "张大", "張口", "曹操", "魏晋", "戚风", "邹氏", "喻为", "柏油", "苏打", "潘妥", "葛根", "彭博", "郎中", "鲁米", "韦氏", "马来", "花眼", "方才", "袁氏", "柳氮", "鲍鱼", "史前", "唐氏", "唐筛", "唐人", "廉价", "岑参", "雷公", "贺岁", "倪氏", "汤药", "滕王", "殷切", "罗红", "毕竟", "畢竟", "毕业", "郝氏", "邬氏", "安宫", "常规", "乐于", "于今", "时有", "傅氏", "皮质", "卞氏", "齐全", "康柏", "伍德", "余氏", "元气", "卜氏", "顾虑", "顧慮", "顾客", "孟氏", "平卧", "黄体", "黄斑", "黄芪", "黄酮", "黄鼻", "黄痰", "黄水", "黄色", "穆斯", "萧条", "尹氏", "姚氏", "邵氏", "湛江", "汪汪", "祁门", "禹州", "狄氏", "计量", "项链", "董事", "梁上", "林可", "钟头", "鐘頭", "鐘點", "钟点", "徐缓", "骆驼", "樊氏", "凌晨", "柯萨", "昝氏", "管子", "卢氏", "房间", "房子", "房事", "缪氏", "应急", "宗旨", "郁结", "单独", "包块", "包裹", "崔氏", "吉兰", "吉非", "龚氏", "程度", "程序", "邢台", "陆续", "陸續", "荀子", "羊水", "惠普", "曲马", "羿氏", "储氏", "汲取", "糜烂"]
)


def find(text: str, today: date) -> Iterator[Identifier]:
    """NAME, ORGANIZATION, ADDRESS and LOCATION in Chinese text."""
    del today
    if not re.search(rf"[{_HAN}]", text):
        return
    yield from _names(text)
    yield from _nicknames(text)
    yield from _institutions(text)
    yield from _homes(text)


def _names(text: str) -> Iterator[Identifier]:
    called, weak, titled, surname = _patterns()
    for pattern, strict in ((called, False), (weak, True), (titled, True), (surname, False)):
        for match in pattern.finditer(text):
            value = match[1]
            if value.startswith(_WORDS) and (strict or len(value) < 3):
                continue
            if pattern is weak and value[1:] in _TITLES:
                continue
            if pattern is titled and not _plausible_title(text, match):
                continue
            yield Identifier("NAME", match.start(1), match.end(1), 41, value)


def _nicknames(text: str) -> Iterator[Identifier]:
    for pattern in (_NICKNAME, _WEAK_TITLED):
        for match in pattern.finditer(text):
            yield Identifier("NAME", match.start(1), match.end(1), 42, match[1])


_NOT_TITLED = re.compile(r"(?:全科|专科|家庭|主治|责任|值班|急诊|牙科|眼科|儿科|外科|内科|妇科|骨科|皮肤科|心理|任何|哪位|这位|那位|一位|社区|私人|签约|中|西|兽|校|军|住院|年轻|女|男|老|好|名)$")


def _plausible_title(text: str, match: re.Match[str]) -> bool:
    """ "明天问医生", "单身女士", "解释医生" are not names."""
    value = match[1]
    if _NOT_TITLED.search(value) or value.startswith(_WORDS):
        return False
    if len(value) > 1 and value[-1] in "的是问看找让叫请给对和跟与去见说有没了着过告诉位个名科室级大老男女主副好多少":
        return False
    lead = text[max(0, match.start() - 1) : match.start()]
    if value == "祝" or (value in "谢謝" and lead in ("感", "谢", "謝", "多", "答")):
        return False
    if match[0].endswith(("总", "某")):
        return len(value) == 1 and (lead == "" or lead in "，。：:,. 患人" or match[0].endswith("某")) and text[match.end() : match.end() + 1] not in ("是", "在", "共", "会", "的", "之", "体", "些", "种", "个", "天", "次")
    # One character before a title may be the end of an ordinary word: 主任, 班主任, 眼科医生.
    return not (len(value) == 1 and lead and lead + value in _BROKEN)


_BROKEN = frozenset(["主任", "白领", "公司", "单单", "上司", "简单", "内向", "方向", "工程", "课程", "过程", "流程", "手段", "阶段", "国家", "人家", "大家", "专家", "专業", "清洁", "老毛", "大便", "方便", "小便", "随便", "顺便", "以及", "不管", "尽管", "成熟", "成龙", "公安", "医师", "心理", "护理", "物理", "经理", "代理", "病理", "生理", "管理", "助理"])


def _institutions(text: str) -> Iterator[Identifier]:
    lex = lexicon()
    for kinds, rank in ((lex.zh_facility, 33), (lex.zh_organisation, 34)):
        pattern = re.compile("|".join(sorted(kinds, key=len, reverse=True)))
        for match in pattern.finditer(text):
            start = _proper_start(text, match.start(), lex.zh_generic)
            proper = text[start : match.start()]
            if len(_strip_generic(proper, lex.zh_generic)) >= 2:
                yield Identifier("ORGANIZATION", start, match.end(), rank, text[start : match.end()])


# Characters that hold a sentence together and hardly ever stand in an institution's name.
_GLUE = frozenset("的去到从從您你我他她它们們因與与或就没沒是请請需该該被让讓给給把按照议議随隨時时系係打且并也都吗嗎呢吧啊了着著过過不能会會可以很最更在于於至往赴个個家所說说看想找")


def _proper_start(text: str, end: int, generic: frozenset[str]) -> int:
    """Walk back over up to 14 characters to the last glue, then forward over words that only lead up to a name."""
    start = end
    while start > max(0, end - 14) and "\u3400" <= text[start - 1] <= "\u9fff" and text[start - 1] not in _GLUE:
        start -= 1
    moved = True
    while moved and start < end:
        moved = False
        for size in (6, 5, 4, 3, 2, 1):
            if start + size <= end and text[start : start + size] in generic and text[start : start + size] not in _KEEP:
                start, moved = start + size, True
                break
    return start


_KEEP = frozenset(["大", "小", "上", "下", "中", "新", "老", "省", "市", "县", "区", "镇", "乡", "村", "和", "国家", "人民", "中医", "儿童", "妇幼", "大学", "附属", "高", "儿童", "军区", "武警", "医科大学", "同", "原", "总", "口腔", "肿瘤"])


def _strip_generic(proper: str, generic: frozenset[str]) -> str:
    """What is left of a name when every generic word is taken out, longest first."""
    left, at = [], 0
    while at < len(proper):
        for size in (6, 5, 4, 3, 2, 1):
            if proper[at : at + size] in generic and len(proper[at : at + size]) == size:
                at += size
                break
        else:
            left.append(proper[at])
            at += 1
    return "".join(left)


_HOME = re.compile(
    rf"(?:我|我们|我們|我家|家|他|她|现|現|患者|目前|老家)?\s?(?:居?住址|地址|家庭住址|居?住在|家住|住于|现住|現住|户籍|籍贯|老家在?|家在|搬到|收件地址|住)\s?(?:在|是|为|為|[:：])?\s{{0,2}}(?P<home>[{_HAN}A-Za-z0-9０-９\-－#\s]{{2,60}}?)(?=$|[，。！？；,!?;\n（(]|的|已|了|电话|電話|手机|因|有|发|經|经|，)"
)
_ADDRESS = re.compile(
    rf"(?:[{_HAN}]{{2,5}}(?:省|自治区|自治區))?(?:[{_HAN}]{{2,6}}[市州盟])?(?:[{_HAN}]{{1,6}}[区區县縣旗])?(?:[{_HAN}]{{1,6}}(?:街道|[镇鎮乡鄉村]))?"
    rf"[{_HAN}]{{1,8}}(?:路|街|道|巷|弄|胡同|大道|小区|小區|花园|花園|社区|新村|苑)[{_HAN}]{{0,6}}?\s?\d{{1,5}}\s?(?:号|號|弄|栋|棟|幢|座|楼)(?:\s?\d{{0,4}}[{_HAN}]?\s?(?:号楼|号|號|栋|棟|幢|座|楼|樓|单元|單元|室|层|F)?){{0,4}}"
)
_ROOM = re.compile(r"\d{1,3}\s?(?:号楼|栋|棟|幢|座)\s?(?:\d{1,2}\s?(?:单元|單元|门)\s?)?\d{2,4}\s?(?:室|号|號|房)?")


def _homes(text: str) -> Iterator[Identifier]:
    lex = lexicon()
    for match in _ADDRESS.finditer(text):
        start = match.start()
        lead = re.match(r"(?:我|家|现|現|他|她|患者)?(?:居?住址|地址|居?住在|家住|住|在|到|去|从|是|为)", match[0])
        yield _place("ADDRESS", text, start + (lead.end() if lead else 0), match.end(), 22)
    for match in _ROOM.finditer(text):
        yield _place("ADDRESS", text, match.start(), match.end(), 23)
    for match in _HOME.finditer(text):
        home = match["home"].rstrip()
        bare = home
        for province in sorted(lex.zh_provinces, key=len, reverse=True):
            if bare.startswith(province):
                bare = re.sub(r"^[省市]", "", bare[len(province) :])
                break
        bare = bare.strip()
        if len(bare) < 2 or any(word in home for word in lex.zh_not_homes) or not re.search(rf"[{_HAN}]", bare):
            continue
        # 住 without 在 or an address word is often 忍住, 住院, 站不住.
        if not re.search(r"址|在|家|于|籍|现住|現住|搬|[:：]", match[0][: match.start("home") - match.start()]) and not re.search(r"[区區县縣镇鎮路街村号號]", bare):
            continue
        if re.match(r"院|了|不|着|过|得|几|多|一|两|三|ICU", home) or re.search(r"医院|宿舍|学校|重症", home):
            continue
        start = match.start("home") + (len(home) - len(bare) if home.endswith(bare) else 0)
        yield _place("ADDRESS" if re.search(r"\d", bare) else "LOCATION", text, start, match.start("home") + len(home), 44)


def _place(type_: str, text: str, start: int, end: int, rank: int) -> Identifier:
    return Identifier(type_, start, end, rank, re.sub(r"\s", "", text[start:end]))
