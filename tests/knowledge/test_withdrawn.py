"""Pages that say of themselves that they no longer hold, and pages that speak of something else that was withdrawn."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.build import EMBEDDED, documents_of
from knowledge.chunk import passages
from knowledge.types import Document, Section
from knowledge.withdrawn import WITHDRAWN, says_so

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    "text",
    [
        "Give one tablet. This guideline was withdrawn in 2019.",
        "This guidance has been superseded. Please use the new one.",
        "The present document is no longer valid.",
        "This protocol expired in March 2014.",
        "This statement was due for review in 2009. The society withdrew it in 2016.",
        "NHS England has archived this page.",
        "This policy is valid until December 2015.",
        "This consensus has since been retired by the college.",
        "本指南已于2019年废止，请勿使用。",
        "该共识已被2023年新版取代。",
        "本方案有效期至2015年12月。",
        "本标准自2021年起停止执行。",
        "委员会已撤销本意见。",
        "此文件不再适用。",
        "本共识有效期至二〇一〇年。",
        "Refer after six weeks. Valid until March 2012. Ask for the new edition.",
        "说明：本文已于2014年被第二版取代并停止使用。",
        "本手册已停止使用。",
        "该要点现已于2018年停用，请查阅新版。",
    ],
)
def test_a_page_that_says_it_is_withdrawn_is_heard(text: str) -> None:
    assert says_so(text, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rofecoxib was withdrawn in 2004. Do not use it.",
        "The manufacturer withdrew it in 2009.",
        "Prone sleeping advice is outdated.",
        "This guideline replaces that of 2011, which is withdrawn.",
        "This edition supersedes the 2014 edition.",
        "This guideline is valid until 2031.",
        "The medicine expired in 2014: throw it away.",
        "Treatment may be withdrawn slowly. This page was reviewed in 2024.",
        "Life support was withdrawn. This statement is about how families are told.",
        "This vaccine was replaced by a newer one in 2010.",
        "本版发布后，2012年版同时废止。",
        "该药已于2010年撤市，不再使用。",
        "药品有效期至2015年，过期请勿服用。",
        "本指南有效期至2031年。",
        "旧版指南同时废止，请以本指南为准。",
        "本文建议出现皮疹时停止使用该药。",
        "本文献已停止使用动物数据。",
        "Expires December 2014.",
        "有效期至2015年12月。",
        "Prescriptions are valid until the end of 2012.",
    ],
)
def test_what_else_was_withdrawn_is_not_the_page(text: str) -> None:
    assert says_so(text, today=TODAY) == ""


def test_every_passage_of_such_a_page_carries_it() -> None:
    sections = (Section(("Dose",), "Give one tablet a day."), Section(("About",), "This guideline was withdrawn in 2019."))
    found = list(passages(Document(id="d", title="t", language="en", sections=sections, sources=())))
    assert {passage.superseded_by for passage in found} == {f"{WITHDRAWN}This guideline was withdrawn in 2019."}


def test_a_named_successor_says_more() -> None:
    sections = (Section((), "This guideline was withdrawn in 2019."),)
    found = list(passages(Document(id="d", title="t", language="en", sections=sections, sources=(), superseded_by="NG1")))
    assert [passage.superseded_by for passage in found] == ["NG1"]


def test_no_page_of_the_library_is_taken_for_withdrawn() -> None:
    """Those that were replaced name what replaced them."""
    texts = ("\n".join(section.text for section in document.sections) for document in documents_of(EMBEDDED))
    assert not [said for text in texts if (said := says_so(text, today=TODAY))]
