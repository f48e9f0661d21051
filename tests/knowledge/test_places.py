"""Numbers to call: each has a page behind it, and no place is guessed."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge import places

WANTED = (
    "CN",
    "HK",
    "TW",
    "MO",
    "GB",
    "IE",
    "US",
    "CA",
    "AU",
    "NZ",
    "IN",
    "SG",
    "MY",
    "ZA",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "JP",
    "EU",
    "SE",
    "PL",
)


@pytest.mark.parametrize("code", WANTED)
def test_the_places_we_promise_are_there(code):
    found = places.place(code)
    assert found is not None
    assert found.ambulance
    assert found.police


@pytest.mark.parametrize("found", places.all_places(), ids=lambda found: found.code)
def test_every_number_has_both_languages_and_an_opened_page(found):
    assert set(found.name) == {"en", "zh"}
    assert all(found.name.values())
    sources = [*found.sources, *(line.source for line in found.lines)]
    assert sources
    for source in sources:
        assert source.organisation
        assert source.title
        assert source.url.startswith("http")
        assert date.fromisoformat(source.checked)
        assert source.year is None or 2000 <= source.year <= 2030
    for line in found.lines:
        assert line.kind in ("crisis", "abuse", "poison")
        assert line.number.replace(" ", "").replace("-", "").isdigit()
        assert set(line.name) == {"en", "zh"}
    for number in (*found.ambulance, *found.police):
        assert number.isdigit()


@pytest.mark.parametrize(
    ("country", "language", "expected"),
    [
        ("GB", "en", "Call 999 now"),
        ("uk", "en", "Call 999 now"),
        (" gb ", "zh", "请立即拨打999"),
        ("CN", "zh", "请立即拨打120"),
        ("CN", "en", "Call 120 now"),
        ("IE", "en", "Call 112 or 999 now"),
        ("TW", "zh", "请立即拨打119"),
        ("SE", "en", "Call 112 now"),
        ("US", "zh", "请立即拨打911"),
    ],
)
def test_a_known_place_gives_only_its_number(country, language, expected):
    assert places.emergency_line(country, language) == expected


@pytest.mark.parametrize("country", ["", "XX", "zh", "中国"])
def test_an_unknown_place_is_labelled_never_guessed_from_the_language(country):
    english = places.emergency_line(country, "en")
    assert english == (
        "Call your emergency number now (mainland China 120 · Hong Kong 999 · Taiwan 119 · UK 999 · US, Canada 911"
        " · EU 112 · Australia 000)"
    )
    chinese = places.emergency_line(country, "zh")
    for number in ("中国大陆 120", "香港 999", "台湾 119", "英国 999", "911", "112", "000"):
        assert number in chinese


def test_mainland_china_pairs_the_support_line_with_120_and_110():
    for language in ("en", "zh"):
        lines = places.crisis_lines("CN", language)
        joined = "\n".join(lines)
        assert "120" in lines[0]
        assert "110" in lines[0]
        night = next(line for line in lines if "12356" in line)
        assert "120" in night
        assert "110" in night
        assert "112" in joined.splitlines()[-1]
        assert "911" in joined.splitlines()[-1]


@pytest.mark.parametrize(
    ("country", "number"),
    [("GB", "116 123"), ("US", "988"), ("CA", "988"), ("HK", "18111"), ("TW", "1925"), ("FR", "3114")],
)
def test_crisis_lines_start_with_danger(country, number):
    lines = places.crisis_lines(country, "en")
    assert lines[0].startswith("Danger now")
    assert any(number in line for line in lines[1:])


def test_unknown_place_labels_every_crisis_line():
    lines = places.crisis_lines("", "en")
    assert lines[0].startswith("Danger now: mainland China 120")
    assert any(line.startswith("UK: Samaritans 116 123") for line in lines)
    assert any(line.startswith("US: ") and "988" in line for line in lines)
    police = places.crisis_lines("", "en", kind="abuse")[0]
    assert "mainland China 110" in police


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I'm in the UK", "GB"), ("Canada", "CA"), ("we live in Hong Kong", "HK"), ("我在香港", "HK"), ("中国大陆", "CN"),
        ("我住在台湾，胸口疼", "TW"), ("my aunt in Canada had a stroke", ""), ("I like the UK", ""), ("", ""), ("US", "US"),
        ("I'm in the UK, before that I am in Canada", ""),
    ],
)  # fmt: skip
def test_a_place_is_known_when_somebody_says_they_are_there(text, code):
    assert places.named(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(doctor, UK) first-line for low-severity CAP?", "GB"),
        ("what does NICE say about reflux", "GB"),
        ("American guideline on blood pressure", "US"),
        ("国内指南怎么说", "CN"),
        ("ESC or ACC, which applies in Europe", "EU"),
        ("tell us about asthma", ""),
        ("a nice cup of tea", ""),
        ("UK and US advice compared", ""),
        ("", ""),
    ],
)
def test_a_question_that_names_whose_rules_it_asks_for(text, code):
    assert places.mentioned(text) == code
