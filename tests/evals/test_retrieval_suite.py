"""Retrieval as a suite: the measures by hand, the sources, and an index that ranks badly is caught."""

from __future__ import annotations

import json
import math

import pytest
from inspect_ai import eval as run

from evals.scorers.retrieval import score
from evals.suites import retrieval as suite
from evals.suites.retrieval import retrieval
from evals.types import Shown
from knowledge.errors import InputError, KnowledgeError
from tests.conftest import SHARED_BENCH


def _found(*documents: str, passed: int = 0) -> list[Shown]:
    return [
        Shown(
            text="",
            citations=tuple({"document": each, "let_through": place < passed} for place, each in enumerate(documents)),
        )
    ]


def test_the_measures_of_a_question_that_can_be_answered() -> None:
    case = {"grades": {"a": 1, "b": 1}, "bar": True}
    assert dict(score(case, _found("a", "b", passed=1)).values) == {
        "ndcg": 1.0,
        "recall": 1.0,
        "first": 1.0,
        "let_through": 1.0,
    }
    second = score(case, _found("x", "a", "y", "y", "x"))
    # One of two, in second place: (1 / log2 3) / (1 + 1 / log2 3).
    assert second.values["ndcg"] == pytest.approx(0.38685, abs=1e-4)
    assert (second.values["recall"], second.values["first"], second.values["let_through"]) == (0.5, 0.0, 0.0)
    assert second.note == "first is x, where a, b is wanted" and second.facts["ranked"] == ["x", "a", "y"]
    assert dict(score(case, _found()).values) == {"ndcg": 0.0, "recall": 0.0, "first": 0.0, "let_through": 0.0}


def test_grades_weigh_and_a_passage_twice_counts_once() -> None:
    graded = {"grades": {"a": 3, "b": 1, "c": 0}}
    assert score(graded, _found("b", "b", "a")).values["ndcg"] == pytest.approx(
        (1 + 7 / math.log2(3)) / (7 + 1 / math.log2(3))
    )
    assert score(graded, _found("c", "a", "b")).values["first"] == 0.0
    many = {"grades": {f"d{number}": 1 for number in range(30)}}
    assert score(many, _found(*(f"d{number}" for number in range(12)))).values["recall"] == 1.0


def test_the_eleventh_does_not_count() -> None:
    values = score({"grades": {"a": 1}}, _found(*(f"x{number}" for number in range(10)), "a")).values
    assert (values["ndcg"], values["recall"]) == (0.0, 0.0)


def test_what_the_library_cannot_answer_is_to_be_held_back() -> None:
    assert dict(score({"grades": {}, "absent": True}, _found("x", "y")).values) == {"held_back": 1.0}
    through = score({"grades": {}, "absent": True}, _found("x", passed=1))
    assert dict(through.values) == {"held_back": 0.0} and through.note == "let through: x"


def test_a_page_that_nobody_judged_is_unscored_and_so_is_a_fault() -> None:
    case = {"grades": {"a": 1, "b": 0}, "judged_only": True}
    assert dict(score(case, _found("a")).values) == {"first": 1.0} and dict(score(case, _found("b")).values) == {
        "first": 0.0
    }
    assert score(case, _found("z")).unscored == "not_judged" and score(case, []).unscored == "no_response"
    assert dict(score(case, _found()).values) == {"first": 0.0}
    assert score(case, [Shown(text="", fault="IndexFault: x")]).unscored == "fault"


def _write(folder, part, rows):
    (folder / f"retrieval_liveqa_{part}.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8"
    )


_TEXTS = {
    "boil.txt": "A boil is a painful lump filled with pus. Warm cloths help it drain.",
    "kidney.txt": "A kidney stone causes sharp pain in the side. Drinking water helps it pass.",
    "fever.txt": "Fever in children is often due to a virus. Paracetamol can bring it down.",
    "eye.txt": "A stye is a red lump at the edge of the eyelid.",
}


@pytest.fixture
def liveqa(tmp_path):
    """The layout of the development sets, four answers large."""
    _write(
        tmp_path,
        "answers",
        [
            {"id": id, "text": f"Question: what is it?\nURL: http://example.org\nAnswer: {text}"}
            for id, text in _TEXTS.items()
        ],
    )
    asked = {
        "1": ("kidney stone", "how to pass a kidney stone with pain in the side"),
        "2": ("boil", "painful lump with pus"),
        "3": ("moon", "how far is the moon"),
    }
    _write(
        tmp_path,
        "questions",
        [
            {"qid": qid, "subject": subject, "message": message, "summary": message}
            for qid, (subject, message) in asked.items()
        ],
    )
    _write(
        tmp_path,
        "qrels",
        [
            {"qid": "1", "grade": 3, "answer_id": "kidney.txt"},
            {"qid": "2", "grade": 2, "answer_id": "boil.txt"},
            {"qid": "3", "grade": 0, "answer_id": "eye.txt"},
        ],
    )
    return tmp_path


def _eval(tmp_path, scripted, **given):
    log = run(
        retrieval(**given), model=scripted(lambda _: "never asked"), log_dir=str(tmp_path / "logs"), display="none"
    )[0]
    assert log.status == "success", log.error
    assert not [sample.error for sample in log.samples if sample.error]
    return {sample.id: next(iter(sample.scores.values())) for sample in log.samples}, log


def test_liveqa_is_searched_in_an_index_of_its_answers_and_one_that_ranks_badly_is_caught(
    liveqa, scripted, monkeypatch
) -> None:
    found, log = _eval(liveqa, scripted, source="liveqa", path=str(liveqa))
    # The third has no answer with a grade; the question that came with an answer is not searched.
    assert set(found) == {"liveqa-1", "liveqa-2"}
    for verdict in found.values():
        assert (verdict.value["ndcg"], verdict.value["recall"], verdict.value["first"]) == (1.0, 1.0, 1.0)
        assert math.isnan(verdict.value["let_through"]) and math.isnan(verdict.value["held_back"])
    assert log.samples[0].output.completion.splitlines()[0] in _TEXTS
    searched = suite.found_for

    def upside_down(*given):
        shown = searched(*given)
        return Shown(text="", citations=shown.citations[::-1], agent=True)

    monkeypatch.setattr(suite, "found_for", upside_down)
    planted, _ = _eval(liveqa, scripted, source="liveqa", path=str(liveqa), wording="message")
    assert {verdict.value["first"] for verdict in planted.values()} == {0.0} and max(
        v.value["ndcg"] for v in planted.values()
    ) < 0.7


def test_broken_liveqa_names_file_line_and_field(liveqa) -> None:
    _write(liveqa, "qrels", [{"qid": "1", "grade": "3", "answer_id": "kidney.txt"}])
    with pytest.raises(KnowledgeError, match=r"retrieval_liveqa_qrels.jsonl, line 1: 'grade' is '3'"):
        retrieval(source="liveqa", path=str(liveqa))
    _write(liveqa, "qrels", [{"qid": "1", "grade": 3, "answer_id": "gone.txt"}])
    with pytest.raises(KnowledgeError, match=r"Judged answers are not among the answers: gone\.txt"):
        retrieval(source="liveqa", path=str(liveqa))
    with pytest.raises(InputError, match="is missing"):
        retrieval(source="liveqa", path=str(liveqa / "nowhere"))


def test_the_odd_lines_are_the_reported_half() -> None:
    odd, even, whole = ({sample.id for sample in retrieval(half=half).dataset} for half in ("odd", "even", "all"))
    assert not odd & even and odd | even == whole and len(whole) == 168 and len(odd) == 84
    assert {sample.id for sample in retrieval().dataset} == odd
    chinese = [sample for sample in retrieval(language="zh").dataset]
    assert chinese and all(
        sample.metadata["case"]["filters"] == {"language": "zh", "audience": "patient"} for sample in chinese
    )
    absent = [sample for sample in retrieval().dataset if sample.metadata["case"]["absent"]]
    assert absent and all(not sample.metadata["case"]["grades"] for sample in absent)


@pytest.mark.parametrize(
    "given", [{"half": "third"}, {"source": "trec"}, {"source": "liveqa", "wording": "title", "path": "."}]
)
def test_what_is_no_choice_is_refused(given) -> None:
    with pytest.raises(InputError, match=r"There is no (?:half|source|wording)"):
        retrieval(**given)


def test_a_broken_line_of_our_own_is_named(tmp_path) -> None:
    path = tmp_path / "relevance.jsonl"
    path.write_text('{"id": "a", "text": "b", "language": "en"}\n', encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"relevance.jsonl, line 1: 'documents' is None"):
        retrieval(path=str(path), half="all")


@pytest.mark.skipif(not SHARED_BENCH.is_dir(), reason="../shared/bench is not there")
def test_coverage_reads_the_questions_where_they_lie() -> None:
    samples = list(retrieval(source="coverage").dataset)
    assert len(samples) == 100 and all(sample.input for sample in samples)
    assert {sample.metadata["facets"]["names its subject"] for sample in samples} == {"yes", "no"}
