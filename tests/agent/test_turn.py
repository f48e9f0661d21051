"""The whole turn on the real library, rules and index; the model is scripted, since what is tested is what happens around it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import date

import pytest

from agent.audit import AuditLog
from agent.build import build_agent
from agent.config import load
from agent.engines.scripted import ScriptedModel
from agent.privacy import Redactor
from agent.session import answer_messages, as_row, new_state
from agent.turn import run_turn
from agent.types import Cited, Done, Sentence, Status, Urgency
from knowledge.errors import EngineError, InputError, StoreError
from knowledge.types import Document, Section
from retrieval import index as index_module

COLD = "I've had a runny nose and a sore throat for two days, I'm 30, no fever. Do I need antibiotics?"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """One index and database for the module; each test brings its own model."""
    settings = load(home=tmp_path_factory.mktemp("home"), engine="none")
    return build_agent(settings)


def _agent(base, *replies, **settings):
    chosen = replace(base.settings, **settings)
    return replace(base, model=ScriptedModel(list(replies)), settings=chosen)


def _events(agent, message, state=None, redactor=None, **options):
    state = state or new_state(agent.settings)
    return list(run_turn(agent, state, message, redactor=redactor or Redactor(date(2026, 11, 22)), **options))


def _done(events):
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Done) for event in events) == 1
    return events[-1]


def test_a_question_is_answered_with_verified_sentences_whose_quotes_stand_in_their_passages(base):
    agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1]. A cold is caused by moonlight [1].")
    events = _events(agent, COLD)
    answer = _done(events).answer
    assert (answer.kind, answer.level) == ("answer", "self_care")
    texts = {passage.id: passage.text for passage in agent.index.passages}
    assert answer.citations and all(citation.quote in texts[citation.passage] for citation in answer.citations)
    cut = [claim for claim in answer.claims if not claim.supported]
    assert [claim.text for claim in cut] == ["A cold is caused by moonlight."]
    assert "moonlight" not in answer.text
    assert "".join(event.text for event in events if isinstance(event, Sentence)) == answer.text
    keys = {citation.key for citation in answer.citations}
    assert {claim.key for claim in answer.claims if claim.supported} <= keys
    assert {event.citation.key for event in events if isinstance(event, Cited)} == keys


def test_the_order_is_urgency_then_words_and_a_line_says_what_is_being_done(base):
    events = _events(_agent(base, "Antibiotics do not help a blocked nose from a cold [1]."), COLD)
    first = {kind: next(i for i, event in enumerate(events) if isinstance(event, kind)) for kind in (Status, Urgency, Cited, Sentence)}
    assert first[Status] < first[Urgency] < first[Cited] < first[Sentence]
    said = " ".join(event.text for event in events if isinstance(event, Status))
    admitted = sum(p.language == "en" and p.audience in ("patient", "both") for p in base.index.passages)
    assert "urgent" in said and str(admitted) in said


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Dad has crushing chest pain going down his left arm, he is grey and sweating", "999"),
        ("我爸突然说话不清楚，右边胳膊抬不起来", "999"),
    ],
)
def test_an_emergency_is_answered_before_any_model_with_the_number_of_the_place(base, message, number):
    agent = _agent(base)
    state = new_state(agent.settings, country="GB")
    answer = _done(_events(agent, message, state)).answer
    assert (answer.kind, answer.level) == ("emergency", "emergency")
    assert agent.model.requests == []
    assert number in answer.banner and "120" not in answer.banner
    assert answer.rules and "https://" in answer.banner, "the rule and its source are shown"


def test_an_unknown_place_shows_labelled_numbers_and_never_guesses_from_the_language(base):
    answer = _done(_events(_agent(base), "我爸突然说话不清楚，右边胳膊抬不起来")).answer
    assert "中国大陆 120" in answer.banner and "英国 999" in answer.banner


def test_a_place_that_is_said_is_used_from_then_on(base):
    agent, redactor = _agent(base), Redactor(date(2026, 11, 22))
    first = _done(_events(agent, "my dad has crushing chest pain and is sweating", redactor=redactor))
    second = _done(_events(agent, "we are in Canada", first.state, redactor))
    assert second.state.country == "CA"
    headline = second.answer.banner.splitlines()[0]
    assert "911" in headline and "999" not in headline


def test_a_crisis_is_met_with_reviewed_words_and_lines_and_no_model(base):
    agent = _agent(base)
    state = new_state(agent.settings, country="US")
    answer = _done(_events(agent, "I want to kill myself, I have the pills here", state)).answer
    assert (answer.kind, answer.level) == ("crisis", "emergency")
    assert "988" in answer.text and "911" in answer.banner and agent.model.requests == []
    assert "I am a program" in answer.text


def test_an_emergency_stays_one_in_the_next_turn_even_when_it_passed(base):
    agent = _agent(base)
    redactor = Redactor(date(2026, 11, 22))
    first = _done(_events(agent, "my mum's face dropped and she couldn't speak properly", redactor=redactor))
    second = _done(_events(agent, "it has passed now, she is fine", first.state, redactor)).answer
    assert second.level == "emergency"


def test_identifiers_reach_no_model_no_audit_and_no_state(base):
    agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1].")
    secret = "My name is Jonathan Applewhite, mail jon.applewhite@example.org, phone 415-555-0134. "
    done = _done(_events(agent, secret + COLD))
    seen = json.dumps([request.messages for request in agent.model.requests])
    kept = json.dumps([[entry.payload] for entry in agent.audit.export(conversation=done.state.id)])
    for text in (seen, kept, repr(done.state), repr(done.answer)):
        assert "Applewhite" not in text and "example.org" not in text and "555-0134" not in text
    assert "[NAME-1]" in kept


def test_the_second_question_leans_on_the_first(base):
    agent = _agent(base, "Shingles usually heals in two to four weeks [1].", "You cannot catch shingles from somebody [1].")
    redactor = Redactor(date(2026, 11, 22))
    first = _done(_events(agent, "How long does shingles last?", redactor=redactor))
    second = _done(_events(agent, "And is it catching?", first.state, redactor)).answer
    assert second.citations[0].document == "shingles"
    assert len(first.state.messages) == 2 and first.state.topic


def test_replaying_the_messages_gives_the_same_state(base):
    def play():
        agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1].", "Drink plenty of fluids [1].")
        redactor = Redactor(date(2026, 11, 22))
        state = replace(new_state(agent.settings), id="same")
        for message in (COLD, "What can I do at home for it?"):
            state = _done(_events(agent, message, state, redactor)).state
        return state

    assert play() == play()


def test_a_subject_the_library_does_not_hold_is_said_not_guessed(base):
    agent = _agent(base, "Hypophosphatasia is caused by magic [1].")
    answer = _done(_events(agent, "What causes hypophosphatasia?")).answer
    assert answer.kind == "not_found" and answer.not_found and agent.model.requests == []


def test_a_model_that_says_not_found_is_believed_and_what_comes_nearest_is_called_just_that(base):
    answer = _done(_events(_agent(base, "NOT FOUND"), "How long does shingles last?")).answer
    assert answer.not_found.startswith("I found no sentence that answers exactly this") and answer.not_found in answer.text
    assert answer.kind == "answer" and {citation.document for citation in answer.citations} == {"shingles"}
    assert all(claim.quote == claim.text for claim in answer.claims)


@pytest.mark.parametrize(
    ("question", "page"),
    [("would a horoscope detect kidney stones?", "kidney-stones"), ("在月球上得带状疱疹会发光吗", "dai-zhuang-pao-zhen-zh")],
)
def test_a_page_on_the_subject_that_does_not_speak_to_the_question_is_shown_as_the_nearest(base, question, page):
    answer = _done(_events(base, question)).answer
    assert answer.kind == "answer" and answer.not_found in answer.text and answer.citations[0].document == page
    exact = _done(_events(base, "how are kidney stones treated")).answer
    assert exact.citations and not exact.not_found


def test_a_misspelt_name_is_put_right_and_that_is_said(base):
    answer = _done(_events(base, "what is amoxcicilin used for")).answer
    assert answer.text.startswith("I read “amoxcicilin” as “amoxicillin”.")
    assert answer.citations[0].document == "amoxicillin-and-co-amoxiclav"


@pytest.mark.parametrize("reply", ["The moon causes shingles [1]. Cheese cures it [2].", "", EngineError("the model is down")])
def test_too_little_left_or_a_failing_model_means_the_sources_own_sentences(base, reply):
    answer = _done(_events(_agent(base, reply), "How long does shingles last?")).answer
    assert answer.kind == "answer" and answer.citations
    assert all(claim.quote == claim.text for claim in answer.claims if claim.supported)
    assert "moon" not in answer.text


def test_invented_keys_are_struck_and_wrong_ones_put_right(base):
    answer = _done(_events(_agent(base, "Antibiotics do not help a blocked nose from a cold [9]."), COLD)).answer
    assert "[9]" not in answer.text and "[1]" in answer.text


def test_a_stop_ends_the_writing_and_keeps_what_was_verified(base):
    cancel = threading.Event()
    agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1]. " + "A cold is caused by a virus [1]. " * 50)
    events = []
    for event in run_turn(agent, new_state(agent.settings), COLD, redactor=Redactor(date(2026, 11, 22)), cancel=cancel):
        events.append(event)
        if isinstance(event, Sentence):
            cancel.set()
    assert _done(events).answer.citations


@pytest.mark.parametrize("text", ["he is not breathing and his lips are blue", "他没有呼吸了，嘴唇发紫", "found my husband on the floor not responding"])
def test_who_finds_somebody_without_breath_hears_what_to_do_and_no_crisis_line(base, text):
    assert _done(_events(base, text)).answer.kind == "emergency"


class _Broken(AuditLog):
    def append(self, kind, payload, *, conversation):
        raise StoreError("the disk is full")


def test_when_the_audit_cannot_be_written_a_normal_answer_is_withheld_and_an_emergency_is_not(base):
    agent = replace(_agent(base, "Antibiotics do not help a blocked nose from a cold [1]."), audit=_Broken(None))
    answer = _done(_events(agent, COLD)).answer
    assert answer.kind == "not_found" and not answer.citations and "antibiotics do not" not in answer.text.lower()
    assert agent.model.requests == []
    emergency = _done(_events(agent, "he is not breathing and his lips are blue")).answer
    assert emergency.kind == "emergency" and "Emergency" in emergency.banner


def test_every_turn_is_in_the_audit_and_the_chain_verifies(base):
    agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1].")
    done = _done(_events(agent, COLD))
    entries = list(agent.audit.export(conversation=done.state.id))
    assert [entry.kind for entry in entries] == ["question", "answer"]
    closing = entries[1].payload
    assert closing["settings"] == agent.settings_hash and closing["model"]["name"] == "scripted"
    assert closing["prompts"] and closing["claims"] and closing["timings"]
    assert agent.audit.verify().fault == ""


@pytest.mark.parametrize(
    "message",
    ["", "   \n", "\0\0\0", "\ud800", "🤒🤒🤒", "!!!???", "‮מה שלומך", "x" * 100_000, "发烧" * 20_000, "a\0b", "\x1b[31mred"],
)
def test_odd_input_gets_a_clear_answer(base, message):
    agent = _agent(base, "NOT FOUND", "NOT FOUND")
    answer = _done(_events(agent, message)).answer
    assert answer.text.strip() and answer.kind in ("clarify", "not_found", "answer", "out_of_scope", "refusal")


def test_a_danger_sign_deep_in_a_long_message_is_seen(base):
    story = "I went shopping on Monday and then to my sister's house. " * 400
    answer = _done(_events(_agent(base), f"{story} Now I have crushing chest pain and I am sweating. {story}")).answer
    assert answer.level == "emergency"


def test_a_long_message_is_answered_and_told_what_was_searched(base):
    story = "I went shopping and walked the dog. " * 3000
    answer = _done(_events(_agent(base, "Shingles usually heals [1]."), f"{story} How long does shingles last?")).answer
    assert answer.kind == "answer" and answer.citations[0].document == "shingles"
    assert "Your message was long" in answer.text


def test_a_control_character_does_not_hide_an_emergency(base):
    answer = _done(_events(_agent(base), "crushing chest pain\0 and I am sweating, 58")).answer
    assert answer.kind == "emergency"


def test_a_thought_of_suicide_without_a_plan_says_how_urgent_it_is(base):
    answer = _done(_events(_agent(base), "lately I keep thinking about ending my life", new_state(base.settings, country="GB"))).answer
    assert (answer.kind, answer.level) == ("crisis", "urgent")
    assert "Urgent" in answer.banner and "116 123" in answer.text


def test_intake_asks_at_most_two_questions_and_not_when_told_not_to(base):
    asked = _done(_events(_agent(base), "my baby has a fever")).answer
    assert asked.kind == "clarify" and asked.text.count("\n- ") <= 2
    agent = _agent(base, "NOT FOUND")
    assert _done(_events(agent, "my baby has a fever", intake=False)).answer.kind != "clarify"


def test_the_contract_row_has_its_fields_and_the_level_stands_in_the_words(base):
    agent = _agent(base, "Antibiotics do not help a blocked nose from a cold [1].")
    row = as_row(answer_messages(agent, [{"role": "user", "content": COLD}]))
    assert {"kind", "level", "answer", "citations", "claims", "language", "model", "settings", "timings"} <= set(row)
    assert set(row["citations"][0]) >= {"key", "title", "source", "url", "published", "quote", "licence", "superseded_by"}
    assert set(row["claims"][0]) == {"text", "supported", "key", "quote"}
    assert row["answer"].startswith("**Look after yourself")
    assert f"[{row['citations'][0]['key']}]" in row["answer"]
    json.dumps(row)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "last message"),
        ([{"role": "assistant", "content": "hi"}], "last message"),
        ([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}], "role 'system'"),
        ([{"role": "user", "content": 5}], "no text"),
        (["hello"], "no text"),
    ],
)
def test_a_malformed_conversation_is_refused(base, messages, said):
    with pytest.raises(InputError, match=said):
        answer_messages(base, messages)


def test_only_superseded_pages_are_not_found_and_shown_as_out_of_date(base, tmp_path):
    def page(name, year, supersedes=()):
        text = "For quinsy in adults drain the abscess and give penicillin with metronidazole."
        return Document(id=name, title="Quinsy in adults", language="en", audience="clinician", published=year, sources=(),
                        sections=(Section(("Treatment",), f"{text} Edition of {year}."),), supersedes=supersedes)  # fmt: skip

    newer = replace(page("new", "2024", ("old",)), language="zh")
    index = index_module.build([page("old", "2014"), newer], embedder=base.embedder, out=tmp_path / "index")
    agent = replace(base, index=index)
    answer = _done(_events(agent, "treatment of quinsy in adults", new_state(agent.settings, audience="clinician"))).answer
    assert answer.kind == "not_found" and answer.not_found == "I found no current page on this, only one that has been replaced."
    assert answer.not_found in answer.text and "**Out of date:** “Quinsy in adults” (2014)" in answer.text
    assert [citation.document for citation in answer.citations] == ["old"] and answer.citations[0].superseded_by


def test_a_guideline_is_for_the_doctor_and_says_when_it_is_out_of_date(base):
    question = "First-line antibiotic for low-severity community acquired pneumonia in the UK, penicillin allergy?"
    agent = _agent(base, "Doxycycline 200 mg loading dose then 100 mg OD [1].")
    answer = _done(_events(agent, question, new_state(agent.settings, audience="clinician"))).answer
    cited = [citation for citation in answer.citations if citation.document.startswith("open-medicine:")]
    assert cited and cited[0].jurisdiction == ("GB",) and "MIT" in cited[0].licence
    assert cited[0].url.startswith("https://doi.org/") and cited[0].superseded_by
    assert "Out of date" in answer.text and cited[0].superseded_by in answer.text
    assert all(citation.superseded_by for citation in answer.citations) == (answer.kind == "not_found")
    wrong = _agent(base, "Amoxicillin 500 mg TDS orally for 5 days [1].")
    refused = _done(_events(wrong, question, new_state(agent.settings, audience="clinician"))).answer
    assert "Amoxicillin 500 mg" not in refused.text
    patient = _done(_events(agent, question, new_state(agent.settings))).answer
    assert not [citation for citation in patient.citations if citation.document.startswith("open-medicine:")]


@pytest.mark.parametrize("message", ["When is my baby due? My last period began on 2 March 2026.", "我末次月经是2026年3月2日，预产期是哪天？"])
def test_a_calculation_is_read_by_the_person_and_its_dates_are_kept_by_nobody(base, message):
    agent = _agent(base, "never asked")
    done = _done(_events(agent, message))
    assert done.answer.kind == "answer" and "2026" in done.answer.text and agent.model.requests == []
    assert done.answer.model == "", "no model wrote it"
    kept = json.dumps([entry.payload for entry in agent.audit.export(conversation=done.state.id)], ensure_ascii=False)
    own = ("December 7", "7 December", "2 March 2026", "2026年12月7日", "2026年3月2日", "2026-12-07", "2026-03-02")
    assert not [day for day in own if day in kept or day in done.state.messages[-1].text]


def test_a_pair_of_medicines_is_answered_without_a_model_and_says_so(base):
    agent = _agent(base, "never asked")
    answer = _done(_events(agent, "Can I take ibuprofen with sertraline?")).answer
    assert answer.citations and answer.model == "" and agent.model.requests == []
