"""The operator's page: who may, what it says of a known state, and each act with its record; on a real database and registry."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import timedelta
from html import escape

import pytest
from sqlalchemy import text

from agent import models
from agent.accounts import keys as api_keys
from agent.accounts import people, sessions
from agent.accounts.types import Who
from agent.api.metrics import Metrics
from agent.api.turns import Turns
from agent.app.operator import acts, figures, holdings, shown_accounts, shown_holdings, shown_now
from agent.app.operator.percentiles import Estimate, percentile
from agent.app.operator.words import trouble
from agent.app.staff.html import badge
from agent.app.staff.types import House
from agent.database import open_ground
from agent.messages import say
from agent.privacy import Redactor
from agent.records.conversations import keep_turn
from agent.records.review import enqueue
from agent.session import new_state
from agent.types import Answer, Triage
from knowledge.errors import AccessError

INF = math.inf
LANGUAGES = ("en", "zh")


@pytest.fixture
def house(api_agent, tmp_path):
    settings = replace(api_agent.settings, home=tmp_path)
    db = open_ground(settings)
    agent, metrics = replace(api_agent, settings=settings), Metrics()
    yield House(lambda: agent, lambda: True, settings, db, Turns(lambda: agent, db, metrics, None), metrics)
    db.engine.dispose()


@pytest.fixture
def operator(house):
    return Who(account=people.add(house.db, "chief", "operator", None, by="test").id, role="operator")


def kept(house, *, days_ago=0, account=""):
    """A conversation with words, as it was kept some days ago."""
    who = Who(account=account or people.add(house.db, f"patient-{days_ago}", "patient", None, by="test").id, role="patient")
    earlier = replace(house.db, clock=lambda: house.db.clock() - timedelta(days=days_ago))
    state = new_state(house.settings)
    answer = Answer("answer", "self_care", "Rest.", "en", Triage("self_care"))
    from agent.records.consent import give_consent

    give_consent(house.db, who, "keep")
    keep_turn(earlier, who, state, Redactor(house.db.clock().date()).redact("a cold"), answer, mode="account")
    return state.id


def recorded(house, kind):
    with house.db.reading() as connection:
        rows = connection.execute(text("SELECT payload FROM audit WHERE kind = :k ORDER BY number"), {"k": kind}).scalars().all()
    return [json.loads(row) for row in rows]


def done(house, who, name, /, **given):
    """Asked, then done, as the page does; what the page would say."""
    fields = acts.ask(house, who, name, given)
    for language in LANGUAGES:
        assert say(language, f"operator_ask_{name}", **fields)
    result = acts.do(house, who, name, given)
    for language in LANGUAGES:
        assert say(language, f"operator_did_{name}", **result.fields)
    return result


# Percentiles.


@pytest.mark.parametrize(("share", "expected"), [
    (0.5, 0.5),    # the 5th of 10, which ends the first bucket
    (0.25, 0.25),  # half way into it
    (0.8, 1.75),   # 3 of the 4 between 1 and 2
    (0.9, 2.0),
])  # fmt: skip
def test_a_percentile_is_drawn_in_its_bucket_as_prometheus_does(share, expected):
    buckets = [(0.5, 5), (1.0, 5), (2.0, 9), (INF, 10)]
    assert percentile(buckets, share).seconds == pytest.approx(expected) and not percentile(buckets, share).beyond


def test_a_percentile_beyond_the_last_bound_says_so_and_of_nothing_there_is_none():
    assert percentile([(0.5, 5), (2.0, 9), (INF, 10)], 0.99) == Estimate(2.0, beyond=True)
    assert percentile([(0.5, 0), (INF, 0)], 0.5) is None and percentile([], 0.5) is None


def test_the_page_shows_the_percentiles_counts_and_shares_of_its_own_metrics(house):
    for kind, level in (("answer", "self_care"), ("answer", "routine"), ("refusal", "self_care"), ("crisis", "emergency")):
        house.metrics.turn(Answer(kind, level, "x", "en", Triage(level), timings={"triage": 0.02, "audit": 200.0}), door="chat")
    house.metrics.failed(RuntimeError("with words of somebody"))
    found = {each.stage: each for each in figures.latencies(house.metrics)}
    assert set(found) == {"triage", "audit"} and found["triage"].count == 4
    assert 0.01 <= found["triage"].estimates[0].seconds <= 0.025 and found["audit"].estimates[2].beyond
    counted = figures.counts(house.metrics)
    assert counted.turns == 5 and counted.kinds["answer"] == 2 and counted.faults == {"RuntimeError": 1}
    for language in LANGUAGES:
        page = shown_now.overview(house, language)
        assert "40.0%" in page and "20.0%" in page and "&gt; 120 s" in page and "words of somebody" not in page
        assert escape(say(language, "operator_estimated")) in page


# Health and queue.


def test_health_says_what_is_there_and_what_is_not(house, monkeypatch):
    found = figures.health(house)
    assert found.open and found.database and found.weights == "none" and found.disk_free > 0
    assert found.corpus == house.agent().index.corpus and found.passages == len(house.agent().index.passages) > 1000
    shut = replace(house, ready=lambda: False, agent=lambda: pytest.fail("it would wait for an agent that does not open"))
    assert not figures.health(shut).open and "st-bad" in shown_now.overview(shut, "en")
    assert holdings.serving(shut) is None and say("zh", "operator_not_open") in shown_holdings.models(shut, "zh")
    house.db.engine.dispose()
    lost = replace(house, db=open_ground(replace(house.settings, database="sqlite:////nonexistent/folder/x.db")))
    assert not figures.health(lost).database and figures.queue(lost).reviews is None and "st-bad" in shown_now.overview(lost, "zh")


def test_what_waits_for_a_clinician_is_counted_with_its_age(house):
    assert figures.queue(house).reviews == 0
    earlier = replace(house.db, clock=lambda: house.db.clock() - timedelta(hours=30))
    enqueue(earlier, "c1", 0, ["emergency"], Answer("emergency", "emergency", "x", "en", Triage("emergency")))
    waits = figures.queue(house)
    assert waits.reviews == 1 and waits.oldest == pytest.approx(30 * 3600, abs=60)
    assert "1 d" in shown_now.overview(house, "en") and "1 天" in shown_now.overview(house, "zh")


# Who may.


@pytest.mark.parametrize("role", ["clinician", "evaluator", "patient"])
def test_nobody_but_an_operator_may_do_any_of_it(house, role):
    who = Who(account="a1", role=role)
    for name in acts.ACTS:
        for do in (acts.ask, acts.do):
            with pytest.raises(AccessError):
                do(house, who, name, {})
    with pytest.raises(AccessError):
        acts.verify(house, who)
    denied = [row["action"] for row in recorded(house, "denied")]
    assert len(denied) == 2 * len(acts.ACTS) + 1 and set(denied) == {act.action for act in acts.ACTS.values()} | {"verify_audit"}


# Models.


@pytest.fixture
def promoted(house):
    """Two adapters promoted one after the other, by the registry itself."""
    registry = pytest.importorskip("finetune.registry")
    from agent.active import adapter_digest
    from tests.finetune.tiny_adapters import written_adapter

    base, home = models.find(models.FOR_TESTS), house.settings.home
    for name in ("first", "second"):
        folder = written_adapter(home / "adapters" / name, model=base.id, sha256=base.sha256, weights=name.encode(), name=name)
        digest = adapter_digest(folder)
        (folder / "card.json").write_text(json.dumps({"digest": digest}))
        gate = home / f"{name}-gate.json"
        gate.write_text(json.dumps({
            "format": "anamnesis.gate/1", "passed": True, "profile": "full", "run": "r", "subject": "s", "beside": "",
            "made_by": [{"model": base.name, "weights": base.sha256, "adapter": digest, "settings": "x"}],
            "gates": [{"suite": "triage", "measure": "m", "passed": True, "said": "x", "why": "w"}],
        }))  # fmt: skip
        registry.run_promote(folder, gate=gate, home=home)
    return house


def test_an_adapter_is_rolled_back_and_that_is_recorded(promoted, operator):
    page = shown_holdings.models(promoted, "en")
    assert "first" in page and page.count(badge(say("en", "operator_active"), "good")) == 1
    assert acts.ask(promoted, operator, "roll_back", {}) == {"now": "second", "then": "first"}
    done(promoted, operator, "roll_back")
    assert holdings.promoted(promoted) == ("first", "")
    assert recorded(promoted, "operated") == [{"did": "rolled_back", "from": "second", "to": "first", "by": operator.account}]
    assert say("zh", "operator_was_rolled_back") in shown_holdings.models(promoted, "zh")


def test_a_roll_back_that_cannot_be_leaves_no_record_of_one(promoted, operator):
    from knowledge.errors import WeightsError

    first = json.loads((promoted.settings.home / "adapter.json").read_text())["previous"][0]
    (promoted.settings.home / next(iter(first["sha256"]))).write_bytes(b"other")
    with pytest.raises(WeightsError):
        acts.do(promoted, operator, "roll_back", {})
    assert recorded(promoted, "operated") == [] and holdings.promoted(promoted) == ("second", "first")
    with pytest.raises(acts.Cannot):
        acts.ask(replace(promoted, settings=replace(promoted.settings, home=promoted.settings.home / "none")), operator, "roll_back", {})


def test_what_serves_is_told_by_its_hashes(house):
    assert house.agent().settings_hash in shown_holdings.models(house, "en")
    assert all(card.sha256 in shown_holdings.models(house, "zh") for card in models.catalogue())


# What is kept.


def test_a_whole_chain_is_said_to_be_and_a_changed_one_says_where(house, operator):
    for number in range(3):
        house.db.audit.append("account", {"n": number}, conversation="")
    outcome, word, at = acts.verify(house, operator)
    assert word == "" and outcome.entries >= 3 and b'outcome="whole"' in house.metrics.page(None, queued=0)
    with house.db.engine.connect() as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_update")
        for trigger in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f'DROP TRIGGER "{trigger}"')
        connection.exec_driver_sql("UPDATE audit SET payload = '{\"n\": 9}' WHERE number = 2")
    outcome, word, at = acts.verify(house, operator)
    assert (word, at) == ("changed", 2)
    for language in LANGUAGES:
        assert say(language, "operator_fault_changed", record=2) in shown_holdings.verified(outcome, word, at, language)
    page = house.metrics.page(None, queued=0)
    assert b'outcome="broken"' in page and b'outcome="whole"' not in page


@pytest.mark.parametrize(("said", "expected"), [
    ("record 7 is missing", ("missing", 7)), ("record 4 does not follow from the one before", ("order", 4)),
    ("the last records are missing: 12 were written", ("cut", 12)), ("something new", ("other", 3)),
])  # fmt: skip
def test_every_fault_of_a_chain_has_words(said, expected):
    from agent.audit import Verification

    assert holdings.fault_at(Verification(3, 0, "h", said)) == expected


def test_what_is_past_its_time_is_counted_and_purged_and_the_rest_stays(house, operator):
    old, new = kept(house, days_ago=400), kept(house, days_ago=1)
    assert acts.ask(house, operator, "purge", {}) == {"conversations": 1}
    assert done(house, operator, "purge").fields["conversations"] == 1
    with house.db.reading() as connection:
        assert connection.execute(text("SELECT id FROM conversations")).scalars().all() == [new] != [old]
    (record,) = recorded(house, "operated")
    assert record["did"] == "purged" and record["by"] == operator.account and record["conversations"] == 1
    assert not house.db.audit.verify().fault


def test_a_conversation_is_erased_by_its_id_and_an_unknown_one_is_not(house, operator):
    id_ = kept(house)
    done(house, operator, "erase", subject=f" {id_} ")
    with house.db.reading() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM turns")).scalar_one() == 0
    assert recorded(house, "operated") == [{"did": "erased", "conversation": id_, "by": operator.account}]
    for subject in ("", "nothing-of-that"):
        with pytest.raises(acts.Cannot) as told:
            acts.do(house, operator, "erase", {"subject": subject})
        assert re.search("[\u4e00-\u9fff]", trouble(told.value, "zh"))


def test_master_keys_are_told_by_id_and_never_shown(house):
    from agent.rotation import rotate

    kept(house)
    first = holdings.keys(house.db)
    assert [key.active for key in first] == [True] and first[0].conversations == 1 and first[0].since
    rotate(house.db)
    new, old = holdings.keys(house.db)
    assert new.active and not old.active and (new.conversations, old.conversations) == (1, 0) and new.since and old.id == first[0].id
    page = shown_holdings.record(house, "en")
    assert new.id in page and old.id in page
    assert all(line not in page for line in (house.db.home / "master.keys").read_text().split())


# Accounts and keys.


def test_an_account_is_added_changed_and_removed_each_with_its_record(house, operator):
    added = done(house, operator, "add", name="Ward.Seven", role="clinician")
    account = people.named(house.db, "ward.seven")
    assert account.must_change and account.role == "clinician" and len(added.secret) > 20
    with house.db.writing() as connection:
        token, _ = sessions.begin_in(house.db, connection, account.id, "clinician")
    assert done(house, operator, "end_sessions", account=account.id).fields["sessions"] == 1
    assert not sessions.who_holds(house.db, token).account
    done(house, operator, "role", account=account.id, role="evaluator")
    assert done(house, operator, "password", account=account.id).secret not in ("", added.secret)
    page = shown_accounts.accounts(people.listed(house.db), "zh")
    assert "ward.seven" in page and say("zh", "staff_role_evaluator") in page
    done(house, operator, "remove", account=account.id)
    assert [row["did"] for row in recorded(house, "account")] == ["added", "added", "role", "password", "removed"]
    assert all(row["by"] == operator.account for row in recorded(house, "account")[1:] + recorded(house, "operated"))
    everything = json.dumps(recorded(house, "account") + recorded(house, "operated"))
    assert added.secret not in everything and "ward" not in everything


CANNOT = (
    ("add", {"name": "x", "role": "clinician"}), ("add", {"name": "CHIEF", "role": "clinician"}), ("add", {"name": "fine", "role": ""}),
    ("role", {"account": "nobody", "role": "patient"}), ("issue", {}), ("revoke", {"prefix": "000000000000"}), ("remove", {"account": None}),
)  # fmt: skip


def test_what_cannot_be_is_said_in_the_pages_language_and_not_done(house, operator):
    before = len(people.listed(house.db))
    for name, given in CANNOT:
        with pytest.raises(acts.Cannot) as told:
            acts.do(house, operator, name, given)
        for language in LANGUAGES:
            assert say(language, told.value.message, **told.value.fields)
    assert len(people.listed(house.db)) == before


def test_the_last_operator_stays_one(house, operator):
    for name, given in (("remove", {}), ("role", {"role": "patient"})):
        with pytest.raises(acts.Cannot, match="operator_last"):
            acts.do(house, operator, name, {"account": operator.account, **given})


def test_a_key_is_issued_shown_once_and_revoked(house, operator):
    given = {"account": operator.account, "purpose": "Prometheus", "scopes": ["metrics", "made-up"], "days": 30}
    secret = done(house, operator, "issue", **given).secret
    assert api_keys.who_bears(house.db, secret).scopes == {"metrics"}
    (key,) = api_keys.keys_of(house.db)
    assert secret not in shown_accounts.api_keys([key], {}, house.db.now(), "en")
    done(house, operator, "revoke", prefix=key.prefix)
    assert not api_keys.who_bears(house.db, secret).account
    for wrong in ({"scopes": ["made-up"]}, {"days": 0}, {"days": 999}, {"purpose": ""}):
        with pytest.raises(acts.Cannot):
            acts.ask(house, operator, "issue", {**given, **wrong})


# What the scraper gets.


def test_the_scraper_is_told_how_much_waits_and_no_outcome_before_the_chain_was_walked(served):
    with served.client("") as here:
        page = here.get("/metrics").text
    assert "anamnesis_reviews_waiting 0.0" in page and "anamnesis_audit_verified_timestamp_seconds{" not in page
