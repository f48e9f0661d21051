"""Examples and the data built from the library: form, support, splits, cleaning, decontamination, manifests."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.prompts import prompts, render_answer
from finetune.data import build, clean, decontaminate, form, grounded, intake, refusals, singles, voice, written
from finetune.data.draft import Draft
from finetune.data.show import keyed, show
from finetune.data.split import splits
from finetune.data.topics import Topic, read_topics, section
from finetune.examples import (
    Example,
    Shown,
    as_row,
    declined,
    messages,
    passage_of,
    prompt,
    read_examples,
    write_examples,
)
from knowledge.errors import InputError
from knowledge.sources.library import LIBRARY

PAGES = ("en/nosebleed.md", "en/gout.md", "en/antibiotics.md", "zh/bi-chu-xue-zh.md", "zh/kang-sheng-su-zh.md")


class Turning:
    """A small real embedder: counts of characters, turned to unit length."""

    id, dimensions = "turning", 64

    def query(self, text: str) -> np.ndarray:
        return self.passages([text])[0]

    def passages(self, texts: list[str]) -> np.ndarray:
        rows = np.zeros((len(texts), 64), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for char in text:
                row[ord(char) % 64] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> tuple[Topic, ...]:
    root = tmp_path_factory.mktemp("library")
    for page in PAGES:
        (root / page).parent.mkdir(exist_ok=True)
        shutil.copy(LIBRARY / page, root / page)
    return read_topics(root)


def example(**changed: object) -> Example:
    shown = (Shown("p1", "Gout", "What is gout?", "Gout is a kind of arthritis. Gout often starts in the big toe."),)
    base = Example(
        id="en-1", kind="grounded", language="en", audience="patient", topic="gout", question="What is gout?", passages=shown,
        answer="Gout is a kind of arthritis [1]. Gout often starts in the big toe [1].", origin="library", licence="Apache-2.0",
    )  # fmt: skip
    return replace(base, **changed)  # type: ignore[arg-type]


def test_an_example_is_rendered_as_the_agent_renders_it() -> None:
    one = example()
    passages = [passage_of(each, "en", "gout") for each in one.passages]
    assert prompt(one) == render_answer("What is gout?", passages, language="en", audience="patient")
    assert messages(one)[-1] == {"role": "assistant", "content": one.answer}
    chat = example(question="", passages=(), chat=(("user", "Hello"), ("assistant", "Hi")), answer="Hi")
    assert messages(chat) == ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"})


def test_examples_come_back_as_they_were_written(tmp_path: Path) -> None:
    found = [example(), example(id="zh-1", language="zh", question="痛风是什么？"), example(id="c", chat=(("user", "a"), ("assistant", "b")))]
    write_examples(tmp_path / "train.jsonl", found)
    assert read_examples(tmp_path / "train.jsonl") == found
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "other"}, "kind"),
        ({"language": "fr"}, "language"),
        ({"audience": None}, "audience"),
        ({"answer": "  "}, "answer"),
        ({"question": 7}, "question"),
        ({"passages": "x"}, "passages"),
        ({"passages": [{"id": "1", "title": "t", "heading": "h"}]}, r"passages\[1\].text"),
        ({"split": "dev"}, "split"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, r"messages\[2\]"),
    ],
)
def test_a_bad_field_is_named_with_its_line(tmp_path: Path, change: dict[str, object], named: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(as_row(example())) + "\n\n" + json.dumps(as_row(example()) | change) + "\n")
    with pytest.raises(InputError, match=rf"bad\.jsonl, line 3: field {named}"):
        read_examples(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "holds no example"), (b"{\"id\": ", "line 1: not JSON"), (b"[1]", "line 1: list instead of an object"), (b"\xff\xfe", "not UTF-8")],
)
def test_a_file_that_is_no_examples_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_examples(path)
    with pytest.raises(InputError, match="is not there"):
        read_examples(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, ""),
        ({"answer": "Gout is a kind of arthritis."}, "a sentence without its key at the end"),
        ({"answer": "Gout is a kind of arthritis [2]."}, "a key that no passage has"),
        ({"answer": "痛风是一种关节炎 [1]."}, "another language"),
        ({"answer": "Gout is cured within 3 days by 40 mg of aspirin [1]."}, "unsupported"),
        ({"kind": "not_found", "answer": "NOT FOUND"}, ""),
        ({"kind": "not_found", "answer": "Not found, sorry."}, "not the constant for not found"),
        ({"kind": "refusal", "answer": f"{declined('en')}. A doctor can talk with you about it."}, ""),
        ({"kind": "refusal", "answer": "I would rather not."}, "not the form of a refusal"),
        ({"kind": "intake"}, "no question at the end"),
        ({"kind": "intake", "answer": "Gout often starts in the big toe [1]. How long have you had it?"}, ""),
        ({"kind": "intake", "answer": "Gout often starts in the big toe [1]. How long have you had it [1]?"}, "no question at the end"),
        ({"answer": " ".join(["Gout is a kind of arthritis [1]."] * 7)}, "too many sentences"),
    ],
)
def test_the_form_of_an_answer(changed: dict[str, object], wrong: str) -> None:
    assert form.fault(example(**changed)).startswith(wrong)
    assert bool(form.fault(example(**changed))) is bool(wrong)


def test_a_chinese_answer_has_its_keys_before_the_stop() -> None:
    shown = (Shown("p", "鼻出血", "怎么办？", "鼻出血时身体坐直，头稍向前低。用手捏紧鼻翼10分钟。"),)
    good = example(language="zh", question="流鼻血怎么办", passages=shown, answer="鼻出血时身体坐直，头稍向前低[1]。用手捏紧鼻翼10分钟[1]。")
    assert form.fault(good) == ""
    assert form.fault(replace(good, answer="鼻出血时身体坐直，头稍向前低。[1]")) == "a sentence without its key at the end"
    assert form.fault(replace(good, kind="not_found", answer=prompts("zh")["not_found"])) == ""


def test_sections_give_questions_that_their_own_sentences_answer(topics: tuple[Topic, ...]) -> None:
    drafts = list(grounded.from_sections(topics, seed=1))
    assert {draft.language for draft in drafts} == {"en", "zh"}
    assert {draft.audience for draft in drafts} == {"patient", "clinician"}
    for draft in drafts:
        assert draft.said and all(text in passage.text for text, passage in draft.said)
        assert "{" not in draft.question
    assert drafts == list(grounded.from_sections(topics, seed=1))


def test_a_sentence_on_what_not_to_do_becomes_a_question(topics: tuple[Topic, ...]) -> None:
    drafts = [draft for draft in singles.from_sentences(topics, seed=1) if draft.topic == "gout"]
    found = [draft for draft in drafts if "ibuprofen or naproxen for gout" in draft.question and "kidney disease" in draft.question]
    assert found and "I have kidney disease" in found[0].question
    assert found[0].said[0][0].lower().removeprefix("no, ").startswith("do not take ibuprofen or naproxen for gout")


@pytest.mark.parametrize(
    ("page", "asker"),
    [
        ("you faint and your chest hurts", "I faint and my chest hurts"),
        ("pain is bad enough to wake you", "pain is bad enough to wake me"),
        ("you are pregnant, or a doctor tells you to stop", "I am pregnant, or a doctor tells me to stop"),
        ("you cannot look after yourself", "I cannot look after myself"),
    ],
)
def test_the_pages_words_in_the_askers_mouth(page: str, asker: str) -> None:
    assert voice.mine(page) == asker


def test_passages_keep_the_answers_among_them_and_keys_follow_their_places(topics: tuple[Topic, ...]) -> None:
    from agent.config import Settings

    class Finds:
        settings = Settings()

        def near(self, question: str, language: str, *, most: int = 0) -> tuple[object, ...]:
            return tuple(part.passages[0] for topic in topics if topic.language == language for part in topic.parts[:2])

    draft = next(each for each in grounded.from_sections(topics, seed=1) if each.topic == "gout" and each.audience == "patient")
    for seed in range(6):
        shown = show(draft, Finds(), seed=seed)  # type: ignore[arg-type]
        assert shown is not None and draft.said[0][1] in shown and len(shown) <= 4
        key = shown.index(draft.said[0][1]) + 1
        assert keyed(draft, shown).startswith(draft.said[0][0][:-1] + f" [{key}].")


def test_an_intake_question_asks_what_was_not_said(topics: tuple[Topic, ...]) -> None:
    drafts = list(intake.from_topics(topics, seed=3))
    assert drafts
    for draft in drafts:
        assert draft.closing[-1] in "?？" and draft.said and draft.kind == "intake"


def test_every_refusal_sentence_makes_no_claim() -> None:
    for sentence in refusals.closings():
        assert "[" not in sentence and not any(char.isdigit() for char in sentence) and sentence[-1] in ".。"


def test_written_examples_name_sections_of_the_library(topics: tuple[Topic, ...], tmp_path: Path) -> None:
    row = {
        "id": "w1", "kind": "grounded", "language": "en", "audience": "patient", "topic": "gout", "question": "What is gout?",
        "passages": ["gout#What is gout?"], "answer": "Gout is a kind of arthritis that causes sudden, severe pain in a joint [1].",
    }  # fmt: skip
    path = tmp_path / "en.jsonl"
    path.write_text(json.dumps(row) + "\n")
    [(draft, answer)] = list(written.from_files(topics, [path]))
    assert draft.shown == section(topics, "gout#What is gout?") and answer == row["answer"] and draft.origin == "written"
    for change, named in (({"passages": ["gout#Nothing"]}, "passages"), ({"kind": "x"}, "kind"), ({"answer": ""}, "answer"), ({"passages": ["gout"]}, "passages")):
        path.write_text(json.dumps(row | change) + "\n")
        with pytest.raises(InputError, match=rf"line 1: field {named}"):
            list(written.from_files(topics, [path]))
    path.write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(InputError, match=r"line 2: field id 'w1' was used in .*line 1"):
        list(written.from_files(topics, [path]))


def test_identifiers_are_taken_out_and_duplicates_fall() -> None:
    told = example(id="r", question="I am John Smith, call me on 020 7946 0958. What is gout?")
    safe, found = clean.redacted(told)
    assert found >= 1 and "7946" not in safe.question
    kept, fell = clean.unique(
        [
            example(), example(id="2", question="what is GOUT"), example(id="3", question="How long does a gout attack last for most people?"),
            example(id="4", question="How long does a gout attack last for most people"),
            example(id="5", question="How long do gout attacks last for most of the people?"), example(id="6", question="How is gout treated?"),
        ]
    )  # fmt: skip
    assert [each.id for each in kept][:2] == ["en-1", "3"] and kept[-1].id == "6"
    assert fell["exact"] == 2


def test_what_an_eval_set_holds_is_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    (folder / "triage").mkdir(parents=True)
    phrase = "my uncle fell off a ladder on sunday and since then he keeps forgetting my name"
    (folder / "a.jsonl").write_text(json.dumps({"text": f"Hello, {phrase} and asks again."}) + "\n")
    (folder / "zh.jsonl").write_text(json.dumps({"question": "我舅舅星期天从梯子上摔下来以后总是忘记我的名字"}) + "\n")
    (folder / "triage" / "train.jsonl").write_text(json.dumps({"text": "What is gout?"}) + "\n")
    sets = decontaminate.eval_sets([("cases", folder)])
    assert [each.name for each in sets] == ["cases/a.jsonl", "cases/zh.jsonl"]
    found = decontaminate.contaminated(
        [
            example(question=f"Help, {phrase}"), example(), example(answer=f"{phrase} [1]."),
            example(language="zh", question="我舅舅星期天从梯子上摔下来以后头痛"), example(language="zh", question="从梯子上摔下来怎么办"),
        ],
        sets, None,
    )  # fmt: skip
    assert found == ["cases/a.jsonl: 13 in a row", "", "cases/a.jsonl: 13 in a row", "cases/zh.jsonl: 13 in a row", ""]
    alike = decontaminate.contaminated([example(question="hello, my uncle fell off a ladder on sunday, since he keeps forgetting my name and asks again!")], sets, Turning())
    assert alike[0].startswith("cases/a.jsonl")
    (folder / "broken.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"broken\.jsonl"):
        decontaminate.eval_sets([("cases", folder)])


def test_one_subject_falls_in_one_split_whatever_its_language(topics: tuple[Topic, ...]) -> None:
    where = splits(topics, Turning(), seed=7)
    assert set(where) == {topic.id for topic in topics} and where == splits(topics, Turning(), seed=7)
    assert len({tuple(splits(topics, Turning(), seed=seed).values()) for seed in range(8)}) > 1


def test_data_is_written_the_same_each_time_and_a_changed_file_is_refused(tmp_path: Path, topics: tuple[Topic, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.config import Settings

    made = [example(id=f"e{number}", question=f"Question {number}?", split=("train", "validation", "test")[number % 3]) for number in range(9)]
    report = {"dropped": {}, "duplicates": {}, "decontamination": []}
    for name in ("one", "two"):
        build._write(tmp_path / name, made, topics, report, seed=7, loaded=(), settings=Settings())
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["manifest.json", "test.jsonl", "train.jsonl", "validation.jsonl"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    manifest = build.check_manifest(tmp_path / "one")
    assert manifest["files"]["train.jsonl"]["examples"] == 3 and manifest["counts"]["language"] == {"en": 9}
    with (tmp_path / "one" / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"train\.jsonl is not the file that was built"):
        build.check_manifest(tmp_path / "one")
    monkeypatch.setattr(build, "prompts_hash", lambda: "0" * 16)
    with pytest.raises(InputError, match="built with other prompts"):
        build.check_manifest(tmp_path / "two")
    (tmp_path / "two" / "manifest.json").unlink()
    with pytest.raises(InputError, match="was not finished"):
        build.check_manifest(tmp_path / "two")


def test_a_draft_for_nothing_found_says_the_constant(topics: tuple[Topic, ...]) -> None:
    passages = section(topics, "gout#What is gout?")
    draft = Draft("not_found", "en", "patient", "gout", "Who first described gout?", (), "side", opening=prompts("en")["not_found"], shown=passages)
    assert keyed(draft, passages) == "NOT FOUND"
