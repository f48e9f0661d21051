"""Which specialty a document belongs to: the whole library has one, and no row names what is not there."""

from __future__ import annotations

import pytest

from knowledge.specialties import by_codes, of_library, specialties, specialties_of


def test_every_document_of_the_library_has_a_specialty_and_every_listed_id_is_in_it():
    known = of_library()
    assert len(known) > 600
    assert [document for document, found in known.items() if not found] == []
    ids = {*known, *(document.partition("/")[0] for document in known)}
    assert {(each.id, one) for each in specialties().values() for one in each.documents - ids} == set()
    assert all({"en", "zh"} == set(each.names) for each in specialties().values())
    # None is so wide that filtering by it filters nothing, none is empty.
    counts = {each: sum(each in found for found in known.values()) for each in specialties()}
    assert all(5 < count < len(known) / 4 for count in counts.values()), counts


@pytest.mark.parametrize(
    ("codes", "held"),
    [
        (["I21.9"], {"cardiology"}), (["I63.9"], {"neurology"}), (["J45"], {"respiratory"}), (["H10"], {"eye"}),
        (["R07.0"], {"ear_nose_throat"}), (["R07.4"], {"cardiology"}), (["nonsense", ""], set()),
    ],
)  # fmt: skip
def test_codes_are_read_as_blocks(codes, held):
    found = by_codes(codes)
    assert held <= found and (held or not found)


def test_a_guideline_in_parts_is_listed_once_for_all_of_them():
    parts = {name: found for name, found in of_library().items() if name.startswith("open-medicine:bts_cap_2009/")}
    assert len(parts) == 3 and set(map(frozenset, parts.values())) == {frozenset({"respiratory", "infection"})}
    assert specialties_of("file:our-protocol.pdf") == frozenset()
