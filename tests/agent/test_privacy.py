"""Privacy: what is hidden, what must stay, and that nothing rawer leaves the stage."""

from __future__ import annotations

import json
import pickle
import re
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent import privacy
from agent.identifiers import find, numbers
from agent.identifiers.dates import offset_days
from agent.privacy import Redactor, redact_once
from agent.types import SafeText

TODAY = date(2026, 11, 22)
ROOT = Path(__file__).parents[2]
BENCH = ROOT.parent / "shared" / "bench"


def redacted(text: str) -> str:
    return redact_once(text, TODAY).text


HIDDEN = [
    ("my name is jane doe and i have chest pain", "my name is [NAME-1] and i have chest pain"),
    ("I'm Jane Doe, 34, with a fever of 38.5", "I'm [NAME-1], 34, with a fever of 38.5"),
    ("this is Maria calling about my son Tom", "this is [NAME-1] calling about my son [NAME-2]"),
    ("My daughter Aoife has a fever", "My daughter [NAME-1] has a fever"),
    ("My wife Chioma's chest hurts", "My wife [NAME-1]'s chest hurts"),
    ("Patient: Olumide Adeyemi, cough", "Patient: [NAME-1], cough"),
    ("Dr. Nakamura said so", "Dr. [NAME-1] said so"),
    ("mrs o'brien fell", "mrs [NAME-1] fell"),
    ("Zhang Wei, 45, dizzy", "[NAME-1], 45, dizzy"),
    ("JOHN SMITH, 60M", "[NAME-1], 60M"),
    ("62yo M, Xiomar T., seen in our unit", "62yo M, [NAME-1], seen in our unit"),
    ("67yo Mary Johnson with DM2, MRN 12345", "67yo [NAME-1] with DM2, MRN [ID-1]"),
    ("treated at St. Luke's for asthma", "treated at [ORGANIZATION-1] for asthma"),
    ("admitted to Riverbend Medical Center, Boston", "admitted to [ORGANIZATION-1]"),
    ("I live in Springfield, IL and cough", "I live in [LOCATION-1] and cough"),
    ("I live at 12 Elm Street, Apt 4, Boston, MA 02115", "I live at [ADDRESS-1]"),
    ("postcode SW1A 1AA", "postcode [ADDRESS-1]"),
    ("I work at Walmart", "I work at [ORGANIZATION-1]"),
    ("call me on 07700 900123 or +1 415-555-0132", "call me on [PHONE-1] or [PHONE-2]"),
    ("write to a.b+c@clinic.co.uk", "write to [EMAIL-1]"),
    ("NHS number 943 476 5919", "NHS number [NHS-1]"),
    ("SSN 123-45-6789", "SSN [SSN-1]"),
    ("member ID HL-987654", "member ID [ID-1]"),
    ("card 4111 1111 1111 1111", "card [CREDIT_CARD-1]"),
    ("passport number K12345678", "passport number [ID-1]"),
    ("from 192.168.10.4", "from [IP-1]"),
    ("see https://example.org/me?x=1.", "see [URL-1]."),
    ("number plate AB12 CDE", "number plate [PLATE-1]"),
    ("I am @sore_throat_99", "I am [HANDLE-1]"),
    ("我叫张伟，今年45岁，胸痛两天", "我叫[NAME-1]，今年45岁，胸痛两天"),
    ("我是李娜，发烧39.5", "我是[NAME-1]，发烧39.5"),
    ("患者王强，男，60岁", "患者[NAME-1]，男，60岁"),
    ("张医生让我吃二甲双胍500mg", "[NAME-1]医生让我吃二甲双胍500mg"),
    ("王女士，28岁", "[NAME-1]女士，28岁"),
    ("我爸爸李建国，78岁，突然说不出话", "我爸爸[NAME-1]，78岁，突然说不出话"),
    ("我女儿叫小雨，3岁", "我女儿叫[NAME-1]，3岁"),
    ("我叫陳美玲，頭痛", "我叫[NAME-1]，頭痛"),
    ("在北京协和医院就诊", "在[ORGANIZATION-1]就诊"),
    ("我在华为公司上班", "我在[ORGANIZATION-1]上班"),
    ("我住在上海市浦东新区张江路88号3号楼502室", "我住在[ADDRESS-1]"),
    ("我家住朝阳区建国路", "我家住[LOCATION-1]"),
    ("电话13812345678", "电话[PHONE-1]"),
    ("身份证11010519491231002X", "身份证[CN_ID-1]"),
    ("病历号:1234567", "病历号:[ID-1]"),
    ("微信号：zhangwei_88", "微信号：[HANDLE-1]"),
    ("车牌京A12345", "车牌[PLATE-1]"),
]

KEPT = [
    "Parkinson's disease, Cushing syndrome, Down syndrome, Hashimoto thyroiditis, Crohn's, Bell's palsy",
    "Wells score 3, Apgar 9, Framingham risk score, Glasgow coma scale 14, Mayo Clinic guidelines",
    "BP 120/80, HR 88, temp 38.5, SpO2 92%, pain 8/10, INR 2.0-3.0, HbA1c 7.5%",
    "500 mg x 3, 0.5-1 mg, 10-20 ml, 2 tablets for 5 days, Q8h SR",
    "COVID-19, H1N1, B12, T4, CA 19-9, CA-125, HLA-B27, IL-6, E. coli, NG250",
    "39+2 weeks pregnant, 3 weeks old, a 45-year-old man, since 2021, in April 2022, 10/2023",
    "yesterday, 3 days ago, last Tuesday, in the morning",
    "I gave my son Tylenol and my daughter Calpol, then Zoloft",
    "St. John's wort",
    "Vitamin D. and hepatitis B. and type A.",
    "I'm Type 1 diabetic. I am Chinese. I'm Muslim. This is Urgent.",
    "My Husband Has Chest Pain And Is Sweating Right Now",
    "I just got back from Lagos with a fever",
    "a patient from Boston with a Wells score of 3",
    "I live in the UK",
    "call 999, 112, 911, 120, 12356 or 116 123",
    "Hgb 7.2 WBC 250000 platelets 1500000 PMID 12345678",
    "my name is not important; call me later",
    "the hospital, a local clinic, the COPD clinic, the emergency department",
    "我是高血压患者，患者高烧不退，患者黄疸3天，患者于昨日就诊，我是教师",
    "我想去医院，附近的医院，三甲医院，社区卫生服务中心，儿童医院",
    "看医生，问医生，家庭医生，感谢医生，主治医生，谢谢医生",
    "我住院了，家住广东省，住在一楼",
    "血压120/80，体温38.5，两片，一天三次，怀孕39周",
    "我妈妈头痛，我老公高血压，我的宝宝黄疸",
    "",
]


@pytest.mark.parametrize(("raw", "expected"), HIDDEN)
def test_identifiers_become_typed_placeholders(raw, expected):
    assert redacted(raw) == expected


@pytest.mark.parametrize("raw", KEPT)
def test_what_triage_needs_stays(raw):
    assert redacted(raw) == raw


def test_spans_are_code_points_of_the_raw_text():
    raw = "😀 my son Tom, tel 13812345678 — 我叫张伟"
    safe = redact_once(raw, TODAY)
    assert [raw[span.start : span.end] for span in safe.spans] == ["Tom", "13812345678", "张伟"]
    assert [span.type for span in safe.spans] == ["NAME", "PHONE", "NAME"]


@pytest.mark.parametrize(
    ("raw", "days"),
    [
        ("since 10 November 2026", -12),
        ("seen 2026-11-22", 0),
        ("on Nov 21st", -1),
        ("11/20/2026", -2),
        ("2026年11月12日", -10),
        ("去年12月1日", -356),
        ("due date 5 June", 195),
        ("十月一日", -52),
    ],
)
def test_a_date_keeps_its_offset_from_today(raw, days):
    offset = "0d" if days == 0 else f"{days:+d}d"
    assert f"[DATE-1 {offset}]" in redacted(raw)


def test_an_old_date_keeps_only_its_completed_years():
    assert "[DATE-1 -23725d]" in redacted("DOB 04/05/1961")
    assert 23725 == 65 * 365
    assert offset_days(TODAY - timedelta(days=365), TODAY) == -365
    assert offset_days(date(2025, 11, 21), TODAY) == -365


def test_an_ambiguous_day_is_the_nearest_that_has_been():
    assert "[DATE-1 -20d]" in redacted("fever since 02/11/2026")


def test_one_conversation_keeps_its_placeholders():
    redactor = Redactor(TODAY)
    assert redactor.redact("I'm Mary Johnson, tel 415-555-0132").text == "I'm [NAME-1], tel [PHONE-1]"
    assert redactor.redact("Johnson again; mary is drowsy; (415) 555 0132").text == (
        "[NAME-1] again; [NAME-1] is drowsy; [PHONE-1]"
    )
    assert redactor.redact("my friend Tom").text == "my friend [NAME-2]"


def test_a_person_named_like_an_illness_does_not_hide_the_illness():
    redactor = Redactor(TODAY)
    redactor.redact("Mr. Jack Parkinson called")
    assert redactor.redact("he has Parkinson's disease").text == "he has Parkinson's disease"


def test_redacting_twice_changes_nothing():
    redactor = Redactor(TODAY)
    once = redactor.redact("I'm Jane Doe, seen 10 November 2026 at St. Luke's, MRN 123456").text
    assert redactor.redact(once).text == once
    assert redact_once(once, TODAY).text == once


def test_a_typed_placeholder_is_never_shared_with_a_person():
    assert redacted("[NAME-1] and my son Tom") == "[NAME-1] and my son [NAME-2]"


def test_the_map_shows_nothing_and_cannot_be_stored():
    redactor = Redactor(TODAY)
    redactor.redact("my name is Jane Doe")
    assert "jane" not in repr(redactor).lower()
    assert "jane" not in repr(find("my name is Jane Doe", today=TODAY)).lower()
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(redactor)


def test_only_the_redactor_makes_safe_text():
    makers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("knowledge", "retrieval", "agent", "evals", "finetune")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bSafeText\(", path.read_text(encoding="utf-8"))
    }
    assert makers == {"agent/privacy.py"}


@pytest.mark.parametrize(
    "raw",
    [
        "\ud800 Jane \udfff",
        "a\0b",
        "مرحبا أنا مريم",
        "\u202eabc",
        "😀" * 50,
        " \n\t ",
        "²³",
        "١٣٨١٢٣٤٥٦٧٨",
        "[NAME-",
        "@",
        "::1",
    ],
)
def test_any_text_is_read(raw):
    safe = redact_once(raw, TODAY)
    assert isinstance(safe, SafeText)
    kept = raw
    for span in reversed(safe.spans):
        kept = kept[: span.start] + kept[span.end :]
    assert re.sub(r"\[[A-Z_]+-\d+(?: [+-]?\d+d)?\]", "", safe.text) == kept


@pytest.mark.parametrize(
    "unit", ["word ", "A ", "1", "a@", "张", "医院", "Mary ", "my name is Jane Doe, 13812345678. ", "-1 "]
)
def test_long_texts_take_time_in_proportion(unit):
    text = (unit * 100_000)[:100_000]
    began = time.perf_counter()
    redact_once(text, TODAY)
    assert time.perf_counter() - began < 30  # about 4 s alone, most of it the encoder; the bound allows a busy machine


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (numbers.luhn_valid, "4111111111111111", "4111111111111112"),
        (numbers.cn_id_valid, "11010519491231002X", "110105194912310021"),
        (numbers.cn_id_valid, "11010519491231002x", "11010519491331002X"),
        (numbers.nhs_valid, "943 476 5919", "943 476 5918"),
        (numbers.iban_valid, "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
    ],
)
def test_checksums(check, good, bad):
    assert check(good)
    assert not check(bad)


@pytest.mark.parametrize(
    ("parts", "valid"),
    [
        (("123", "45", "6789"), True),
        (("000", "45", "6789"), False),
        (("666", "45", "6789"), False),
        (("987", "65", "4321"), False),
        (("123", "00", "6789"), False),
    ],
)
def test_social_security_ranges(parts, valid):
    assert numbers.ssn_valid(*parts) is valid


def test_a_shaped_number_is_hidden_even_when_its_check_fails():
    assert redacted("SSN 987-65-4321") == "SSN [ID-1]"
    assert redacted("身份证110105194912310021") == "身份证[ID-1]"


def _rows(name: str) -> list[dict]:
    path = BENCH / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_recall_on_clinicians_queries():
    found = total = touched = harmless = 0
    for row in _rows("phi_queries.jsonl"):
        safe = redact_once(row["text"], TODAY)
        covered = {position for span in safe.spans for position in range(span.start, span.end)}
        if not row["phi"]:
            harmless, touched = harmless + 1, touched + bool(safe.spans)
        for item in row["phi"]:
            value = re.sub(r"^(?:(?:Dr|Mr|Mrs|Ms)\.?|patient ID:|the) ", "", item["value"])
            start = row["text"].find(value)
            if start >= 0:
                letters = [at for at in range(start, start + len(value)) if row["text"][at].isalnum()]
                total, found = total + 1, found + all(at in covered for at in letters)
    assert found / total >= 0.9
    assert touched / harmless <= 0.05


def test_redaction_does_not_change_the_triage():
    from agent.triage import triage

    changed = []
    for row in _rows("triage_own_words.jsonl"):
        safe = redact_once(row["text"], TODAY)
        before = triage((SafeText(row["text"]),), row["language"]).level
        if triage((safe,), row["language"]).level != before:
            changed.append(row["id"])
    assert changed == []


def test_a_name_or_a_date_does_not_change_the_triage():
    from agent.triage import triage

    plain = "my dad has crushing chest pain and is sweating"
    named = redact_once("my dad John Smith, DOB 04/05/1961, has crushing chest pain and is sweating", TODAY)
    assert triage((named,), "en").level == triage((SafeText(plain),), "en").level == "emergency"


def test_what_we_said_ourselves_comes_back_as_it_was_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "_OURS", privacy.Recent())
    said = "Rest, [NAME-2] can help.\n\n[1] Colds. Bradford Teaching Hospitals, 2026. https://www.example.org/colds"
    redactor = Redactor(TODAY)
    assert "[URL-1]" in redactor.redact(said).text
    privacy.vouch(said)
    assert Redactor(TODAY).redact(said) == SafeText(said)
    assert "[URL-1]" in Redactor(TODAY).redact(said + " or https://www.example.org/me").text
    again = Redactor(TODAY)
    again.redact(said)
    # Its placeholders are taken: who is named after it is somebody else.
    assert again.redact("I am John Smith").text == "I am [NAME-3]"
    assert said not in repr(vars(privacy._OURS))
