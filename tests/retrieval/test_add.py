"""Adding documents: resumable, idempotent, doubles dropped but never a text whose numbers differ, superseded ones last."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from knowledge.duplicates import NEAR, fingerprint, resemblance
from knowledge.errors import IndexFault, StoreError
from knowledge.types import Document, Section, Source
from retrieval import index as index_module
from retrieval.add import REPORT, Adder, add_documents
from retrieval.search import search
from retrieval.types import Filters


class Hashed:
    """An honest small embedder: words hashed into 64 dimensions. The subject here is adding, not meaning."""

    id, dimensions = "hashed-64", 64

    def query(self, text):
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for word in text.lower().split():
            vector[hash(word) % self.dimensions] += 1
        return vector / max(np.linalg.norm(vector), 1e-6)

    def passages(self, texts):
        return np.stack([self.query(text) for text in texts])


LONG = (
    "Paracetamol eases pain and lowers a fever. An adult may take one or two tablets of 500 mg every four to six hours. "
    "Leave at least four hours between two doses. Do not take more than 8 tablets in a day. People who weigh less than "
    "fifty kilograms, drink much alcohol or have a liver illness should ask a doctor about a lower dose before they start. "
    "Many cold remedies hold paracetamol as well, so read the label of each medicine before you take two of them together."
)


def document(name, text=LONG, **fields):
    return Document(id=name, title=name, language="en", sections=(Section(("Use",), text),), sources=(), **fields)


@pytest.fixture
def folder(tmp_path):
    index_module.build([document("first")], embedder=Hashed(), out=tmp_path / "index")
    return tmp_path / "index"


def added(folder, *documents):
    return add_documents([("file", each) for each in documents], Adder(folder, embedder=Hashed(), origin="test"))


def report(folder):
    return [json.loads(line) for line in (folder / REPORT).read_text().splitlines()]


def test_what_is_new_is_found_and_what_is_known_is_left(folder):
    tea = document("tea", "Ginger tea eases nausea in some people.")
    counts = added(folder, document("first"), tea)
    assert counts.by == {"unchanged": 1, "added": 1} and counts.embedded == 1
    again = added(folder, document("first"), tea)
    assert again.by == {"unchanged": 2} and again.embedded == 0
    index = index_module.load(folder)
    assert len(index.passages) == 2
    assert search(index, "ginger nausea", embedder=Hashed()).hits[0].passage.document == "tea"


def test_a_changed_document_takes_its_old_place(folder):
    added(folder, document("tea", "Ginger tea eases nausea."))
    counts = added(folder, document("tea", "Peppermint tea eases a cramp."))
    assert counts.by == {"updated": 1}
    index = index_module.load(folder)
    assert [passage.text for passage in index.of("tea")] == ["Peppermint tea eases a cramp."]
    assert search(index, "ginger", embedder=Hashed(), mode="bm25").hits == ()
    dense = search(index, "ginger tea eases nausea", embedder=Hashed(), mode="dense", k=10).hits
    assert {hit.passage.document for hit in dense} == {"first", "tea"} and len(index.passages) == 2


def test_an_edit_embeds_again_only_what_changed(folder):
    sections = [f"# Part {number}\n\n" + " ".join(f"word{number}{place}" for place in range(90)) for number in range(4)]

    def page(*texts):
        return replace(document("page"), sections=tuple(Section((f"Part {n}",), text) for n, text in enumerate(texts)))

    assert added(folder, page(*sections)).embedded == 4
    counts = added(folder, page(sections[0], "Part one is other words now, and not a single one of the old.", *sections[2:]))
    assert counts.by == {"updated": 1} and counts.embedded == 1
    index = index_module.load(folder)
    kept = search(index, sections[3], embedder=Hashed(), mode="dense", k=1).hits[0]
    assert kept.passage.text == sections[3] and kept.dense > 0.9


def test_a_removed_document_is_gone_and_leaves_the_rest(folder, tmp_path):
    added(folder, document("tea", "Ginger tea eases nausea."), document("bath", "A warm bath eases a stiff back."))
    reader = index_module.load(folder)
    adder = Adder(folder, embedder=Hashed(), origin="test")
    assert adder.remove("tea") and not adder.remove("tea") and not adder.remove("nobody")
    adder.close()
    assert report(folder)[-1] == {"what": "removed", "document": "tea"}
    index = index_module.load(folder)
    assert index.of("tea") == () and len(index.passages) == 2
    for mode in ("bm25", "dense", "hybrid"):
        found = search(index, "ginger tea eases nausea", embedder=Hashed(), mode=mode, k=10)
        assert "tea" not in {hit.passage.document for hit in found.hits} and found.searched == 2
        # A reader that was open answers on, without the page.
        assert "tea" not in {hit.passage.document for hit in search(reader, "ginger tea", embedder=Hashed(), mode=mode).hits}


def test_how_vectors_are_searched_stays_as_it_was_chosen(folder):
    index_module.build([document("first")], embedder=Hashed(), out=folder, kind="hnsw")
    added(folder, document("tea", "Ginger tea eases nausea."))
    assert index_module.load(folder).vectors.kind == "hnsw"
    assert search(index_module.load(folder), "ginger tea eases nausea", embedder=Hashed(), mode="dense").hits[0].passage.document == "tea"


def test_the_same_text_twice_is_dropped_and_listed(folder):
    counts = added(folder, document("copy"), document("nearly", LONG.replace("much alcohol", "a lot of alcohol")))
    assert counts.by == {"exact": 1, "near": 1} and counts.passages == 0
    assert [(row["what"], row["document"], row["other"]) for row in report(folder)] == [
        ("exact", "copy", "first"),
        ("near", "nearly", "first"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [("8 tablets", "6 tablets"), ("500 mg", "250 mg"), ("An adult may take", "An adult may not take"), ("should ask", "should never ask")],
)
def test_a_text_that_differs_by_a_number_or_a_not_is_kept(folder, old, new):
    changed = LONG.replace(old, new)
    assert resemblance(fingerprint(document("x")).signature, fingerprint(document("x", changed)).signature) >= NEAR - 0.1
    counts = added(folder, document("other", changed))
    assert set(counts.by) <= {"twin", "added"} and len(index_module.load(folder).passages) == 2


def test_a_page_for_others_is_no_double(folder):
    counts = added(folder, document("doctors", audience="clinician"), document("britain", jurisdiction=("GB",)))
    assert counts.by == {"added": 2}


def test_a_killed_run_leaves_the_index_usable_and_goes_on(folder, monkeypatch):
    monkeypatch.setattr(index_module, "_COMMIT_EVERY", 4)
    many = [document(f"d{i}", f"Subject number {i} is told here with its own words {i * 7}.") for i in range(20)]

    def killed():
        for number, each in enumerate(many):
            if number == 10:
                raise KeyboardInterrupt
            yield "file", each

    adder = Adder(folder, embedder=Hashed(), origin="test")
    with pytest.raises(KeyboardInterrupt):
        add_documents(killed(), adder)
    half = index_module.load(folder)
    assert len(half.passages) == 1 + 8
    assert search(half, "subject number 3", embedder=Hashed(), mode="bm25").hits
    counts = added(folder, *many)
    assert counts.by == {"unchanged": 8, "added": 12} and counts.embedded == 12
    assert index_module.load(folder).vectors.shape == (21, 64)


def test_two_cannot_add_at_once_and_another_embedder_is_refused(folder):
    adder = Adder(folder, embedder=Hashed(), origin="one")
    with pytest.raises(StoreError, match="Another process"):
        Adder(folder, embedder=Hashed(), origin="two")
    adder.close()

    class Other(Hashed):
        id = "other"

    with pytest.raises(IndexFault, match="has embedder 'hashed-64'"):
        Adder(folder, embedder=Other(), origin="two")
    with pytest.raises(IndexFault, match="There is no index"):
        Adder(folder / "nowhere", embedder=Hashed(), origin="two")


def test_documents_of_an_origin_that_are_gone_are_removed(folder):
    added(folder, document("kept", "One thing."), document("gone", "Another thing."))
    adder = Adder(folder, embedder=Hashed(), origin="test")
    assert adder.drop_missing({"kept"}) == 1
    adder.close()
    assert {entry.id for entry in index_module.load(folder).catalogue.documents()} == {"first", "kept"}


def test_a_superseded_document_says_so_and_comes_after_its_successor(folder):
    source = Source(id="s", organisation="Society", title="Guideline", year=2009, url="")
    old = replace(document("old", "Pneumonia low severity: amoxicillin first line.", published="2009"), sources=(source,))
    new = document("new", "Pneumonia advice was revised.", published="2025", supersedes=("old",))
    added(folder, old, new)
    found = search(index_module.load(folder), "pneumonia low severity amoxicillin", embedder=Hashed())
    names = [hit.passage.document for hit in found.hits]
    assert names.index("new") < names.index("old")
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    by_name = {hit.passage.document: hit.passage for hit in found.hits}
    assert by_name["old"].superseded_by == "new (2025)" and by_name["new"].superseded_by == ""


def test_two_documents_that_claim_to_supersede_each_other_do_not_hang(folder):
    added(
        folder,
        document("a", "Rash of the hands.", supersedes=("b",)),
        document("b", "Rash of the feet.", supersedes=("a",)),
    )
    assert {hit.passage.document for hit in search(index_module.load(folder), "rash", embedder=Hashed()).hits} >= {"a", "b"}


def test_the_country_that_was_named_comes_first_and_nothing_is_lost(folder):
    text = "Community pneumonia is treated with amoxicillin when it is mild"
    added(
        folder,
        document("us", f"{text} in most adults.", jurisdiction=("US",)),
        document("gb", f"{text}, says the British guideline.", jurisdiction=("GB",)),
    )
    index = index_module.load(folder)
    for wanted in ("us", "gb"):
        hits = search(index, text, embedder=Hashed(), filters=Filters(prefer=wanted.upper())).hits
        assert hits[0].passage.document == wanted and {hit.passage.document for hit in hits} >= {"us", "gb"}


def test_a_filter_by_country_or_date_reaches_the_words_too(folder):
    added(folder, *(document(f"us{i}", f"Fever advice {i} fever.", jurisdiction=("US",), published="2015") for i in range(150)))
    added(folder, document("gb", "A fever and much else besides, told at length in many other words.", jurisdiction=("GB",), published="2024"))
    index = index_module.load(folder)
    for filters in (Filters(jurisdiction="GB"), Filters(published_since="2020")):
        names = {hit.passage.document for hit in search(index, "fever", embedder=Hashed(), mode="bm25", filters=filters).hits}
        assert "gb" in names and not any(name.startswith("us") for name in names)


def test_a_word_that_was_removed_is_gone_and_what_stays_is_found(folder):
    for number in range(30):
        added(folder, document("tea", f"Edition {number} of the advice on ginger."))
    index = index_module.load(folder)
    assert [hit.passage.text for hit in search(index, "ginger", embedder=Hashed(), mode="bm25").hits] == ["Edition 29 of the advice on ginger."]
    assert len(index.bm25.best("ginger", 100)) == 1


def test_an_update_that_equals_another_page_does_not_leave_the_old_dose_behind(folder):
    added(folder, document("leaflet", "Take 9 tablets."), document("other", "Take 2 tablets."))
    twin = replace(document("leaflet", "Take 2 tablets."), title="other")
    assert added(folder, twin).by == {"exact": 1}
    index = index_module.load(folder)
    assert index.of("leaflet") == () and "9" not in "".join(passage.text for passage in index.passages)


@pytest.mark.parametrize(
    "changed",
    [
        {"superseded_by": "a newer one"}, {"licence": "CC BY 4.0"}, {"published": "2026"},
        {"sections": (Section(("Use",), "Take 1-2 tablets."),)}, {"sections": (Section(("Use",), "Take >2 tablets."),)},
    ],
)  # fmt: skip
def test_whatever_changes_in_a_document_is_taken_over(folder, changed):
    old = document("leaflet", "Take 1/2 tablets.")
    added(folder, old)
    assert added(folder, replace(old, **changed)).by == {"updated": 1}


def test_a_leaflet_of_another_medicine_or_unit_is_no_double(folder):
    medicine = LONG.replace("Paracetamol", "Methotrexate").replace("paracetamol", "methotrexate")
    same = replace(document("second", medicine), title="first")
    units = replace(document("third", LONG.replace("500 mg", "500 mcg")), title="first")
    title_only = replace(document("fourth", LONG), title="Lisinopril")
    assert set(added(folder, same, units, title_only).by) <= {"twin", "added"}
    assert len(index_module.load(folder).passages) == 4


def test_a_file_of_the_same_name_from_elsewhere_is_kept_beside_it(folder):
    first, second = document("file:protocol.txt", "Give oxygen."), document("file:protocol.txt", "Call the ward.")
    for origin, each in (("/fa", first), ("/fb", second), ("/fb", second)):
        add_documents([("protocol.txt", each)], Adder(folder, embedder=Hashed(), origin=origin))
    texts = {passage.text for passage in index_module.load(folder).passages}
    assert {"Give oxygen.", "Call the ward."} <= texts and len(texts) == 3


def test_an_index_made_anew_beside_an_open_one_never_shows_its_rows(tmp_path):
    import threading

    patient, doctor = document("pat", "Rash cream for skin.", audience="patient"), document("doc", "Potassium by drip.", audience="clinician")
    index_module.build([patient], embedder=Hashed(), out=tmp_path / "i")
    reader = index_module.load(tmp_path / "i")
    index_module.build([doctor, patient], embedder=Hashed(), out=tmp_path / "i")
    seen = []

    def look():
        for mode in ("dense", "bm25", "hybrid"):
            seen.extend(search(reader, "rash cream", embedder=Hashed(), mode=mode, filters=Filters(audience="patient")).hits)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert {hit.passage.document for hit in seen} == {"pat"}


def test_rows_are_never_given_twice(folder):
    added(folder, document("last", "The last one."))
    adder = Adder(folder, embedder=Hashed(), origin="test")
    adder.drop_missing(set())
    adder.close()
    added(folder, document("next", "The next one."))
    index = index_module.load(folder)
    assert index.catalogue.rows == 3 and len(index.passages) == 2
    assert search(index, "the next one", embedder=Hashed(), mode="dense").hits[0].passage.document == "next"


@pytest.mark.parametrize("name", ["vectors.f32", "catalogue.sqlite"])
def test_a_damaged_index_is_not_added_to(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-10])
    with pytest.raises(IndexFault):
        Adder(folder, embedder=Hashed(), origin="test")


def test_the_report_may_be_deleted_and_odd_names_are_kept(folder):
    added(folder, document("odd\udce9 name", "Odd \ud800 text."))
    (folder / REPORT).unlink()
    assert len(index_module.load(folder).passages) == 2
    assert added(folder, document("odd\udce9 name", "Odd \ud800 text.")).by == {"unchanged": 1}


def test_a_document_does_not_replace_itself(folder):
    added(folder, document("self", "Some advice.", supersedes=("self",)))
    assert index_module.load(folder).of("self")[0].superseded_by == ""
