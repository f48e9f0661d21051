"""Faithfulness: keys that open nothing, quotes that are not there, statements that nothing bears out are each seen."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from inspect_ai import eval as run
from inspect_ai.model import ModelOutput, ModelUsage, get_model

import evals.subjects.providers  # noqa: F401  # registers our agent
from evals.catalogue import find_suite
from evals.judge import Reading, verbatim
from evals.results import result_of
from evals.scorers.faithfulness import MOST, Statement, keys, score, statements, without_keys
from evals.sources import kqa
from evals.suites import faithfulness as suite
from evals.suites.faithfulness import faithfulness
from evals.types import Shown
from knowledge.errors import InputError, KnowledgeError

COLD = "A cold usually lasts about 7 to 10 days. Antibiotics do not help a cold."
YES, NO, AGAINST = Reading("supported"), Reading("unsupported", "0.10"), Reading("contradicted", "negation differs")


def cited(key="1", text=COLD, document="common-cold", quote="A cold usually lasts about 7 to 10 days."):
    return {"key": key, "document": document, "title": "Common cold: How long?", "text": text, "quote": quote}


def claim(text, key="1", quote="", supported=True):
    return {"text": text, "supported": supported, "key": key, "quote": quote, "why": ""}


def screen(
    text="**A question**\n\n- A cold usually lasts about 7 to 10 days [1].", *, claims=None, citations=None, **more
):
    citations = (cited(),) if citations is None else citations
    claims = (claim("A cold usually lasts about 7 to 10 days."),) if claims is None else claims
    return Shown(text=text, kind="answer", language="en", agent=True, claims=claims, citations=citations, **more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rest [1]. Drink [2].", ("1", "2")),
        ("Rest[1][2]. Rest [1].", ("1", "2")),
        ("Rest [1, 3]; drink [2、4].", ("1", "3", "2", "4")),
        ("多休息[1]。多喝水【2】。", ("1", "2")),
        ("[12] and [01]", ("12", "1")),
        ("Nothing here (1), 1., [a], [2024], [NAME-1], [see 2]", ()),
        ("A [1](https://example.org) link", ()),
        ("", ()),
    ],
)
def test_keys_are_read_from_the_words(text, found):
    assert keys(text) == found


def test_words_without_keys():
    assert without_keys("Rest [1]. 多喝水[2]。") == "Rest. 多喝水。"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (screen(), [Statement("A cold usually lasts about 7 to 10 days.", ("1",))]),
        # Two keys; a key behind the stop; a claim in the middle of a line.
        (screen("It lasts a week [1][2]. Rest.", claims=(claim("It lasts a week."),)), [Statement("It lasts a week.", ("1", "2"))]),
        (screen("It lasts a week. [1] Rest.", claims=(claim("It lasts a week."),)), [Statement("It lasts a week.", ("1",))]),
        (screen("- 多休息[1]。\n- 多喝水[2]；", claims=(claim("多休息。"), claim("多喝水；", "2"))), [Statement("多休息。", ("1",)), Statement("多喝水；", ("2",))]),
        # A claim that was cut, or is not on the screen, was told to nobody.
        (screen(claims=(claim("A cold usually lasts about 7 to 10 days."), claim("It kills.", supported=False), claim("It is rare."))), [Statement("A cold usually lasts about 7 to 10 days.", ("1",))]),
        # Words with a key that no claim holds are a statement all the same.
        (screen("A cold lasts a week [1].\nIt is caused by worms [2]."), [Statement("A cold lasts a week", ("1",)), Statement("It is caused by worms", ("2",))]),
        # A claim without its key on the screen has none, whatever its field says.
        (screen("A cold usually lasts about 7 to 10 days."), [Statement("A cold usually lasts about 7 to 10 days.")]),
        # A claim whose words also stand inside another.
        (screen("Rest and drink a lot [1]. Rest [2].", claims=(claim("Rest.", "2"), claim("Rest and drink a lot."))), [Statement("Rest and drink a lot.", ("1",)), Statement("Rest.", ("2",))]),
        (screen("**Emergency: call 999 now**\n\nDo not drive.", claims=(), citations=()), []),
        (Shown(text="A cold lasts about a week. Why do you ask?\n\n## Causes of a cold\n**When to worry:**\n- Rest and drink plenty of water\nOK."), [Statement("A cold lasts about a week."), Statement("Rest and drink plenty of water")]),
        (Shown(text="感冒一般七天左右会好。您几岁？\n注意：\n- 多喝温水并且好好休息"), [Statement("感冒一般七天左右会好。"), Statement("多喝温水并且好好休息")]),
        (Shown(text="A cold lasts about a week [3]."), [Statement("A cold lasts about a week.", ("3",))]),
        (Shown(text="Hello!"), []),
    ],
)  # fmt: skip
def test_statements_are_what_a_person_was_told(shown, said):
    assert list(statements(shown)) == said


def test_a_long_answer_is_read_in_time_and_to_a_bound():
    assert len(statements(Shown(text="A cold lasts about a week or so. " * 5000))) == MOST
    assert (
        len(statements(screen("A cold lasts a week [1]. " * 4000, claims=(claim("A cold lasts a week."),) * 60)))
        == MOST
    )
    for odd in (
        "[" * 100_000,
        "[1, " * 25_000,
        "[" + "1," * 50_000,
        " " * 100_000 + "x",
        ":" + " " * 100_000 + "x",
        "*" * 100_000,
        "." * 100_000 + "x",
        "\n" * 100_000,
    ):
        assert (
            keys(odd) == () and len(statements(Shown(text=odd))) <= 1 and len(statements(screen(odd, claims=()))) <= 1
        )
        assert verbatim(odd, "A cold lasts a week.") is False


def values(shown, readings=(), *, case=None, **more):
    return dict(score(case or {"documents": ["common-cold"]}, [shown], readings=readings, **more).values)


def test_a_faithful_answer():
    stored = {"common-cold": ["Another passage.", COLD]}
    shown = screen(
        claims=(claim("A cold usually lasts about 7 to 10 days.", quote="A cold usually lasts about 7 to 10 days."),)
    )
    assert values(shown, [YES], stored=stored) == {
        "answered": 1, "cited": 1, "supported": 1, "contradicted": 0, "keys_known": 1, "quotes_exact": 1, "right_page": 1,
    }  # fmt: skip


def test_shares_are_of_all_that_was_said():
    shown = screen("A cold lasts a week [1]. Antibiotics help [1]. It is rare [1]. Rest [1].", claims=())
    found = values(shown, [YES, AGAINST, NO, YES])
    assert (found["supported"], found["contradicted"], found["cited"]) == (0.5, 0.25, 1)
    note = score({}, [shown], readings=[YES, AGAINST, NO, YES]).note
    assert (
        "contradicted: Antibiotics help (negation differs)" in note
        and "unsupported: It is rare" in note
        and "Rest" not in note
    )
    with pytest.raises(ValueError):
        score({}, [shown], readings=[YES])


def test_without_a_source_nothing_is_supported_where_sources_are_given():
    shown = screen("A cold lasts a week [1]. It is rare [7].", claims=())
    assert values(shown, [YES, YES])["supported"] == 0.5
    bare = screen("A cold usually lasts about 7 to 10 days.")
    assert values(bare, [YES])["supported"] == 0 == values(bare, [YES])["cited"]
    # Words alone are read beside the library's pages: there they need no key.
    assert values(Shown(text="A cold lasts about a week."), [YES])["supported"] == 1


def test_a_key_that_opens_nothing_is_seen():
    """The planted fault: an answer that cites a missing key."""
    shown = screen("A cold usually lasts about 7 to 10 days [1]. Antibiotics help [7].")
    found = score({}, [shown], readings=[YES, NO])
    assert found.values["keys_known"] == 0 and found.values["cited"] == 0.5 and "[7] opens nothing" in found.note
    assert "keys_known" not in values(screen("Call an ambulance.", claims=(), citations=()))
    assert values(Shown(text="A cold lasts about a week [1]."))["keys_known"] == 0


@pytest.mark.parametrize(
    ("quote", "stored", "exact"),
    [
        ("Antibiotics do not help a cold.", {"common-cold": [COLD]}, 1),
        ("Antibiotics do not help a cold", {"common-cold": [COLD]}, 1),
        ("Antibiotics do help a cold.", {"common-cold": [COLD]}, 0),
        ("antibiotics do not help a cold.", {"common-cold": [COLD]}, 0),
        ("Antibiotics  do not help a cold.", {"common-cold": [COLD]}, 0),
        # It stands in what is shown as the passage, but no such passage is in the index.
        ("Antibiotics do not help a cold.", {"common-cold": ["Something else."]}, 0),
        ("Antibiotics do not help a cold.", {}, 0),
        ("Antibiotics do not help a cold.", None, 1),
    ],
)
def test_quotes_are_exact_in_the_passage_and_in_the_index(quote, stored, exact):
    assert values(screen(citations=(cited(quote=quote),)), [YES], stored=stored)["quotes_exact"] == exact
    by_claim = screen(
        claims=(claim("A cold usually lasts about 7 to 10 days.", quote=quote),), citations=(cited(quote=""),)
    )
    assert values(by_claim, [YES], stored=stored)["quotes_exact"] == exact


def test_the_page_is_one_of_the_subject():
    found = score({"documents": ["hives"]}, [screen()], readings=[YES])
    assert found.values["right_page"] == 0 and "cites common-cold, not hives" in found.note
    assert "right_page" not in values(screen(), [YES], case={"must_have": []})


def test_what_says_nothing_is_no_answer_and_has_no_shares():
    shown = Shown(text="**Emergency: call 999**", kind="emergency", agent=True)
    assert values(shown) == {"answered": 0}
    assert "emergency" in score({}, [shown]).note


def test_what_cannot_be_read_is_unscored():
    assert score({}, []).unscored == "no_response"
    assert score({}, [Shown(text=" ")]).unscored == "no_response"
    assert score({}, [Shown(text="", fault="EngineError")]).unscored == "fault"
    failed = score({}, [screen()], readings=[Reading("", "it is no JSON")])
    assert failed.unscored == "grader_failed" and not failed.values and "no JSON" in failed.note
    assert score({"must_have": ["x"]}, [screen()], readings=[YES], wanted=[Reading("")]).unscored == "grader_failed"


def test_what_an_answer_must_hold():
    case = {"must_have": ["It lasts a week.", "Antibiotics do not help.", "It spreads by touch.", "It is a virus."]}
    found = values(screen(), [YES], case=case, wanted=[YES, AGAINST, NO, YES])
    assert (found["covered"], found["denied"]) == (0.5, 0.25)


def test_every_measure_is_in_the_catalogue():
    shown = screen(claims=(claim("A cold usually lasts about 7 to 10 days.", quote="x"),))
    case = {"documents": ["common-cold"], "must_have": ["x"]}
    names = set(values(shown, [YES], case=case, wanted=[YES]))
    assert names == {measure.name for measure in find_suite("faithfulness").measures}


def test_kqa_in_both_spellings(tmp_path):
    path = tmp_path / "kqa.jsonl"
    rows = [{"Question": "Is it catching?", "Free_form_answer": "Yes.", "Must_have": ["It spreads."], "Nice_to_have": []},
            {"question": "How long?", "answer": "A week.", "must_have": ["It lasts a week.", "It passes."]}]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [(each.id, each.text, len(each.must_have)) for each in kqa.load(path)] == [
        ("kqa-1", "Is it catching?", 1),
        ("kqa-2", "How long?", 2),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 1 is no JSON"),
        ('{"text": "How long?"}', "line 1 has no question"),
        ('{"question": "How long?"}', "has no 'must_have'"),
        ('{"Question": "How long?", "must_have": ["x"]}', "has no 'Must_have'"),
        ('{"question": "How long?", "must_have": []}', "'must_have' is empty"),
        ('{"question": "How long?", "must_have": "a week"}', "'must_have' is 'a week'"),
        ('{"question": "How long?", "must_have": [1]}', "holds 1"),
        ('{"question": " ", "must_have": ["x"]}', "'question' is empty"),
    ],
)
def test_a_broken_line_of_kqa_is_named(tmp_path, row, said):
    path = tmp_path / "kqa.jsonl"
    path.write_text(row + "\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=said):
        kqa.load(path)


def test_an_empty_file_and_none(tmp_path):
    (tmp_path / "kqa.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="no questions"):
        kqa.load(tmp_path / "kqa.jsonl")
    with pytest.raises(InputError, match="missing"):
        faithfulness(path=str(tmp_path / "none.jsonl"))


def test_a_question_whose_page_is_gone_is_named(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"id": "a", "text": "How long?", "language": "en", "documents": ["no-such-page"]}\n', encoding="utf-8"
    )
    with pytest.raises(KnowledgeError, match="line 1: 'documents' names no-such-page"):
        suite._ours(path)


def test_our_questions_are_in_both_languages():
    task = faithfulness()
    languages = [sample.metadata["language"] for sample in task.dataset]
    assert len(languages) == 109 and languages.count("zh") == 28
    assert task.metadata["grading"]["without_grader"]["kept"][3] == 360 and task.metadata["data"]


def output(text, shown=None):
    made = ModelOutput.from_content("mock", text)
    # Else the mock counts tokens, with a table that it fetches from the network.
    made.usage, made.metadata = ModelUsage(), asdict(shown) if shown else None
    return made


def subject(answer):
    """A subject that answers a question by `answer(question)`: words, or a screen with what stands beside it."""

    def outputs(messages, *_):
        said = answer(messages[-1].text)
        return output(said.text, said) if isinstance(said, Shown) else output(said)

    return get_model("mockllm/model", custom_outputs=outputs)


def measured(tmp_path, model, *, roles=None, **given):
    log = run(faithfulness(**given), model=model, model_roles=roles, log_dir=str(tmp_path / "logs"), display="none")[0]
    assert log.status == "success"
    result = result_of(log)
    assert result.errors == 0
    return log, result, {rate.measure: rate for rate in result.rates}


def pages():
    rows = [json.loads(line) for line in suite.OWN.read_text(encoding="utf-8").splitlines()]
    return {row["text"]: suite._library(row["documents"][0]) for row in rows if row["documents"]}


def test_words_alone_are_read_beside_the_library(tmp_path):
    """The planted fault: a subject that makes things up, beside one that says what the pages say."""
    by_question = pages()
    _, result, rates = measured(tmp_path / "a", subject(lambda question: by_question[question][0].text), n=3, seed=2)
    assert (
        result.scored >= 2
        and rates["supported"].value == 1
        and rates["cited"].value == 0
        and rates["answered"].value == 1
    )
    assert rates["keys_known"].n == rates["quotes_exact"].n == rates["right_page"].n == 0
    made_up = subject(
        lambda question: (
            "Bananas cure every illness within five minutes of eating them. The moon decides how long it lasts [4]."
        )
    )
    _, _, rates = measured(tmp_path / "b", made_up, n=1, seed=2)
    assert rates["supported"].value == 0 and rates["keys_known"].value == 0 and rates["answered"].value == 1


def test_an_answer_with_citations_is_read_beside_them(tmp_path):
    """The planted faults: a missing key, a quote that was changed, a page on something else."""
    by_question = pages()

    def right(question):
        page = by_question[question][0]
        sentence = page.text.splitlines()[0].lstrip("- ")
        citation = {"key": "1", "document": page.document, "title": page.title, "text": page.text, "quote": sentence}
        said = f"{sentence.rstrip('.。')} [1]."
        return Shown(
            text=said,
            kind="answer",
            language=page.language,
            agent=True,
            claims=(claim(sentence, quote=sentence),),
            citations=(citation,),
        )

    def wrong(question):
        shown = right(question)
        citation = {**shown.citations[0], "quote": shown.citations[0]["quote"] + " Always", "document": "hives-of-bees"}
        return Shown(**{**asdict(shown), "text": shown.text + " It is always harmless [9].", "citations": (citation,)})

    _, _, rates = measured(tmp_path / "a", subject(right), n=3, seed=2)
    assert all(
        rates[name].value == 1
        for name in ("supported", "cited", "keys_known", "quotes_exact", "right_page", "answered")
    )
    _, _, rates = measured(tmp_path / "b", subject(wrong), n=3, seed=2)
    assert rates["keys_known"].value == rates["quotes_exact"].value == rates["right_page"].value == 0
    assert rates["supported"].value == 0.5 == rates["cited"].value


def test_our_agent_itself(tmp_path):
    log, result, rates = measured(tmp_path, "anamnesis/none", n=4, seed=1, language="en")
    assert result.scored >= 3 and rates["answered"].n == result.scored
    # What it quotes stands in its own index, letter by letter.
    assert (
        rates["quotes_exact"].value == rates["keys_known"].value == rates["cited"].value == 1
        and rates["quotes_exact"].n >= 2
    )
    assert rates["supported"].value > 0.9
    assert log.samples[0].scores["supported"].metadata["facts"]["judge"]["kept"][3] == 360


def test_kqa_is_covered_by_who_says_it_and_not_by_who_does_not(tmp_path):
    path = tmp_path / "kqa.jsonl"
    path.write_text(
        json.dumps({"question": "May she have aspirin?", "must_have": ["Do not give aspirin to children under 16."]})
        + "\n",
        encoding="utf-8",
    )
    answers = {
        "a": "Do not give aspirin to children under 16 [1]. Ask a pharmacist.",
        "b": "Drink water and rest for some days.",
        "c": "Give aspirin to children under 6.",
    }
    found = {}
    for name, answer in answers.items():
        _, _, rates = measured(tmp_path / name, subject(lambda _, answer=answer: answer), path=str(path))
        found[name] = rates["covered"].value, rates["denied"].value
        # No page of ours is known to be on the subject.
        assert rates["supported"].n == 0 and rates["answered"].value == 1
    assert found == {"a": (1, 0), "b": (0, 0), "c": (0, 1)}


def test_a_grader_takes_the_place_of_the_shipped_judge_and_is_measured_first(tmp_path):
    asked = []

    def grades(messages, *_):
        asked.append(messages[-1].text)
        return output('```json\n{"explanation": "no", "verdict": "contradicted"}\n```')

    grader = get_model("mockllm/model", custom_outputs=grades)
    made_up = subject(lambda question: "Bananas cure every illness within five minutes.")
    log, result, rates = measured(tmp_path, made_up, n=2, seed=2, roles={"grader": grader}, calibrate=6)
    assert rates["contradicted"].value == 1 and rates["supported"].value == 0
    errors = log.samples[0].scores["supported"].metadata["facts"]["judge"]
    assert (
        errors["model"] == "mockllm/model"
        and errors["template"] == "support"
        and errors["found"][0] == 1
        and errors["accused"][0] > 0
    )
    assert len(asked) <= 6 + result.scored


def test_a_grader_that_cannot_be_read_leaves_the_answer_unscored(tmp_path):
    grader = subject(lambda _: "It seems fine to me.")
    made_up = subject(lambda question: "Bananas cure every illness within five minutes.")
    _, result, rates = measured(tmp_path, made_up, n=2, seed=2, roles={"grader": grader}, calibrate=0)
    assert result.scored == 0 and result.unscored["grader_failed"] == result.asked and rates["supported"].n == 0
