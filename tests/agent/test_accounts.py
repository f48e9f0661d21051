"""Who may do what: permissions, passwords, signing in, sessions, keys and identities, on SQLite and a real PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.accounts import keys, login, oidc, passwords, people, permissions, sessions
from agent.accounts.first import ensure_operator
from agent.accounts.passwords import Strength, check_password, hash_password, verify_password
from agent.accounts.types import ROLES, VISITOR, Who
from agent.keyring import FILE
from agent.store import reading
from knowledge.errors import AccessError, ConfigError, InputError, TooManyTries

WEAK = Strength(passes=1, memory=8, lanes=1)
GOOD = "violet kettle seventh stair"
OTHER = "amber lantern ninth river"


def _add(db, name="doctor.a", role="clinician", password=GOOD):
    return people.add(db, name, role, password, by="test", strength=WEAK)


def _sign_in(db, name="doctor.a", password=GOOD, **more):
    return login.sign_in(db, name, password, strength=WEAK, **more)


def _audited(db, kind):
    return [entry.payload for entry in db.audit.export() if entry.kind == kind]


def _everything(db):
    """All that stands in the database as text, and in the home's files."""
    found = []
    with reading(db.engine) as connection:
        for table in ("accounts", "sessions", "api_keys", "identities", "attempts", "audit"):
            found += [str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))]
    files = b"".join(path.read_bytes() for path in db.home.iterdir() if path.name != FILE)
    return " ".join(found) + files.decode("latin-1")


# The whole table once more, by hand: a role that gains or loses an action changes this too.
MAY = {
    "visitor": "calculate chat erase_own export_own give_consent give_feedback redact search triage",
    "patient": "calculate chat erase_own export_own give_consent give_feedback redact search triage",
    "clinician": "add_documents calculate chat erase_own export_own give_consent give_feedback read_conversation redact review search triage",
    "evaluator": "calculate chat erase_own export_own give_consent inspect_turn read_reports redact run_evals search triage",
    "operator": "calculate chat erase_own export_own give_consent manage_accounts manage_models manage_retention read_metrics read_reports redact search triage verify_audit",
}


@pytest.mark.parametrize("role", ["visitor", *ROLES])
def test_a_role_may_do_this_and_nothing_else(role):
    who = Who(account="a" * (role != "visitor"), role=role)
    assert " ".join(sorted(action for action in permissions.table().actions if permissions.may(who, action))) == MAY[role]


@pytest.mark.parametrize("scope", sorted(permissions.table().scopes))
@pytest.mark.parametrize("role", ROLES)
def test_a_scope_never_adds_to_a_role_and_never_reaches_accounts(role, scope):
    bare, scoped = Who("a", role), Who("a", role, scopes=frozenset({scope}))
    allowed = {action for action in permissions.table().actions if permissions.may(scoped, action)}
    assert allowed <= permissions.table().scopes[scope]
    assert all(permissions.may(bare, action) for action in allowed)
    assert not {"manage_accounts", "manage_models", "manage_retention"} & allowed


def test_no_scope_and_an_unknown_scope_may_nothing():
    for scopes in (frozenset(), frozenset({"everything"})):
        assert not any(permissions.may(Who("a", "operator", scopes=scopes), action) for action in permissions.table().actions)


def test_an_action_that_does_not_exist_is_a_fault_and_not_a_no():
    with pytest.raises(InputError, match="'read_everything' is no action"):
        permissions.may(VISITOR, "read_everything")


def test_a_given_password_allows_nothing_until_it_is_changed():
    who = Who("a", "operator", must_change=True)
    assert not any(permissions.may(who, action) for action in permissions.table().actions)


def test_every_denial_is_recorded(ground):
    for who, action in ((VISITOR, "review"), (Who("x1", "patient"), "run_evals"), (Who("x2", "operator"), "read_conversation"),
                        (Who("x3", "clinician", scopes=frozenset({"chat"})), "review"), (Who("x4", "operator", must_change=True), "chat")):  # fmt: skip
        with pytest.raises(AccessError):
            permissions.require(ground, who, action, about="c1")
    assert [(row["account"], row["action"], row["about"]) for row in _audited(ground, "denied")] == [
        ("", "review", "c1"), ("x1", "run_evals", "c1"), ("x2", "read_conversation", "c1"), ("x3", "review", "c1"), ("x4", "chat", "c1")]  # fmt: skip
    permissions.require(ground, Who("x", "clinician"), "review")
    assert len(_audited(ground, "denied")) == 5


@pytest.mark.parametrize("password", [
    "tiny", "elevenchars", "x" * 257, "aaaaaaaaaaaaaa", "abababababab", "123456789012", "abcdefghijkl", "zyxwvutsrqpo",
    "passwordpassword", "Password!!!2024", "p@ssw0rd1234", "P4$$W0RD-P4$$W0RD", "qwertyuiop12", "correct horse battery staple",
    "doctor.a2024", "nul\0in the middle of it", "surrogate \ud800 in the middle", "١٢٣", "qazwsxedcrfv", "0987654321098",
])  # fmt: skip
def test_what_is_no_password(password):
    with pytest.raises(InputError) as caught:
        check_password(password, name="doctor.a")
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", [GOOD, "aB3$xY9!qW7z", "我的奶奶住在青石巷十二号", "🦊🦊🐢🐢🌵🌵🍋🍋🎻🎻🧭🧭", "twelve chars", " lead and trail ", "x1" * 5 + "yz" * 100])
def test_what_is_a_password_without_rules_of_composition(password):
    check_password(password, name="doctor.a")


def test_each_entry_of_the_common_list_is_refused_with_digits_around_it():
    assert len(passwords._words()) > 30
    for word in passwords._words():
        with pytest.raises(InputError, match="tried first"):
            check_password(word.ljust(12, "7") + "2024")


def test_the_same_password_typed_in_another_form_of_unicode_is_right():
    assert verify_password(hash_password("café crème à la carte", strength=WEAK), "café crème à la carte", strength=WEAK).right


def test_the_default_is_argon2id_with_64_mib():
    stored = hash_password(GOOD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert verify_password(stored, GOOD).right and not verify_password(stored, OTHER).right


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$bad", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_hash_that_is_none_is_wrong_and_no_crash(stored):
    assert not verify_password(stored, GOOD, strength=WEAK).right


def test_a_weaker_hash_is_made_anew_at_sign_in(ground):
    account = _add(ground)
    stronger = Strength(passes=2, memory=16, lanes=1)
    login.sign_in(ground, "doctor.a", GOOD, strength=stronger)
    with reading(ground.engine) as connection:
        stored = connection.execute(text("SELECT password FROM accounts WHERE id = :i"), {"i": account.id}).scalar_one()
    assert "m=16,t=2,p=1" in stored
    login.sign_in(ground, "doctor.a", GOOD, strength=stronger)
    with reading(ground.engine) as connection:
        assert connection.execute(text("SELECT password FROM accounts")).scalar_one() == stored


def test_a_name_is_folded_and_taken_once(ground):
    account = _add(ground, name=" Doctor.A ")
    assert account.name == "doctor.a" and people.named(ground, "DOCTOR.a").id == account.id
    with pytest.raises(InputError, match="exists"):
        _add(ground, name="doctor.A")
    for name in ("", "ab", "x" * 65, "a b c", "a;drop", "a\nb c"):
        with pytest.raises(InputError, match="no account name"):
            _add(ground, name=name)
    with pytest.raises(InputError, match="'root' is no role"):
        _add(ground, name="other", role="root")
    with pytest.raises(InputError, match="no role"):
        _add(ground, name="other", role="visitor")


def test_signing_in_gives_a_session_of_which_only_a_hash_is_stored(ground):
    account = _add(ground)
    token, session = _sign_in(ground, "Doctor.A")
    assert len(token) >= 43 and session.account == account.id
    assert sessions.who_holds(ground, token) == Who(account.id, "clinician")
    assert token not in _everything(ground) and GOOD not in _everything(ground)
    assert _audited(ground, "signed_in") == [{"account": account.id, "role": "clinician"}]


@pytest.mark.parametrize("token", ["", "x", "ü" * 43, "\ud800" * 43, "A" * 100_000])
def test_what_is_no_token_is_a_visitor(ground, token):
    assert sessions.who_holds(ground, token) == VISITOR


def test_an_unknown_name_costs_the_same_work_and_gets_the_same_words(ground, monkeypatch):
    _add(ground)
    people.add(ground, "elsewhere", "patient", None, by="test")
    work, said = [], []
    real = passwords._hasher(WEAK)

    class Counting:
        def verify(self, stored, password):
            work.append(stored.split("$")[3])
            return real.verify(stored, password)

        def __getattr__(self, name):
            return getattr(real, name)

    monkeypatch.setattr(passwords, "_hasher", lambda strength: Counting())
    for name in ("doctor.a", "nobody.at.all", "elsewhere", "", "x" * 10_000, "a\0b", "\ud800bc"):
        with pytest.raises(AccessError) as caught:
            _sign_in(ground, name, OTHER)
        said.append(str(caught.value))
    assert len(set(said)) == 1 and set(work) == {"m=8,t=1,p=1"} and len(work) == 7, "one verification each, of equal cost"
    denied = _audited(ground, "denied")
    assert len(denied) == 7 and {row["why"] for row in denied} == {"name or password"}
    assert "nobody" not in json.dumps(denied) and "nobody" not in _everything(ground)


def test_tries_are_slowed_for_known_and_unknown_names_alike_and_forgiven_by_a_right_one(ground):
    _add(ground)
    for name in ("doctor.a", "nobody.at.all"):
        for _ in range(6):
            with pytest.raises(AccessError, match="do not belong together"):
                _sign_in(ground, name, OTHER)
        for _ in range(3):
            with pytest.raises(TooManyTries, match=r"Try again in \d+ s") as caught:
                _sign_in(ground, name, GOOD)
            assert caught.value.retry and caught.value.wait == 2
        ground.clock.forward(seconds=2.1)
        with pytest.raises(AccessError, match="do not belong"):
            _sign_in(ground, name, OTHER)
        with pytest.raises(TooManyTries) as caught:
            _sign_in(ground, name, GOOD)
        assert caught.value.wait == 4
    ground.clock.forward(seconds=5)
    _sign_in(ground)
    for _ in range(5):
        with pytest.raises(AccessError, match="do not belong"):
            _sign_in(ground, "doctor.a", OTHER)
    blocked = [row for row in _audited(ground, "denied") if row["why"] == "too many tries"]
    assert len(blocked) == 4, "one record for each wait, however many come within it"


def test_a_wait_never_grows_past_the_longest_and_tries_are_forgotten(ground):
    from agent.accounts import throttle

    limit = throttle.NAME
    for _ in range(40):
        ground.clock.forward(minutes=15, seconds=1)
        throttle.admit(ground, "test", "x", limit)
    with pytest.raises(TooManyTries) as caught:
        throttle.admit(ground, "test", "x", limit)
    assert caught.value.wait == 900
    ground.clock.forward(hours=24, seconds=1)
    for _ in range(limit.free):
        throttle.admit(ground, "test", "x", limit)


def test_many_tries_at_once_are_no_way_round(ground):
    _add(ground)
    outcomes = []

    def one():
        try:
            _sign_in(ground, "doctor.a", OTHER)
        except AccessError as fault:
            outcomes.append(type(fault).__name__)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["AccessError"] * 6 + ["TooManyTries"] * 6


def test_one_address_that_tries_many_names_is_slowed(ground):
    for number in range(51):
        with pytest.raises(AccessError, match="do not belong"):
            _sign_in(ground, f"name{number}", OTHER, address="198.51.100.7")
    with pytest.raises(TooManyTries):
        _sign_in(ground, "yet.another", OTHER, address="198.51.100.7")
    with pytest.raises(AccessError, match="do not belong"):
        _sign_in(ground, "yet.another", OTHER, address="198.51.100.8")
    assert "198.51.100" not in _everything(ground)


def test_sessions_end_by_idleness_and_by_time_at_the_latest(ground):
    _add(ground)
    token, _ = _sign_in(ground)
    ground.clock.forward(minutes=29)
    assert sessions.who_holds(ground, token).role == "clinician", "and this was use"
    ground.clock.forward(minutes=29)
    assert sessions.who_holds(ground, token).role == "clinician"
    ground.clock.forward(minutes=30)
    assert sessions.who_holds(ground, token) == VISITOR
    ground.clock.forward(minutes=-20)
    assert sessions.who_holds(ground, token) == VISITOR, "an ended session does not come back"
    token, _ = _sign_in(ground)
    for _ in range(50):
        ground.clock.forward(minutes=15)
        held = sessions.who_holds(ground, token)
    assert held == VISITOR


def test_a_password_that_was_changed_while_it_was_checked_gives_no_session(ground, monkeypatch):
    account = _add(ground)
    real = login.verify_password

    def slow(*given, **more):
        verdict = real(*given, **more)
        people.set_password(ground, account.id, OTHER, by="test", strength=WEAK)
        return verdict

    monkeypatch.setattr(login, "verify_password", slow)
    with pytest.raises(AccessError, match="do not belong"):
        _sign_in(ground)
    assert [row["why"] for row in _audited(ground, "denied")] == ["name or password"] and _audited(ground, "signed_in") == []


@pytest.mark.parametrize("what", ["logout", "password", "role", "removed", "all"])
def test_a_session_ends_at_once(ground, what):
    account = _add(ground)
    token, _ = _sign_in(ground)
    second, _ = _sign_in(ground)
    if what == "logout":
        sessions.end(ground, token)
        assert sessions.who_holds(ground, second).account == account.id, "the other one goes on"
    elif what == "password":
        people.set_password(ground, account.id, OTHER, by="test", strength=WEAK)
        with pytest.raises(AccessError):
            _sign_in(ground)
        _sign_in(ground, password=OTHER)
    elif what == "role":
        people.set_role(ground, account.id, "evaluator", by="test")
    elif what == "removed":
        with ground.writing() as connection:
            people.remove_in(ground, connection, account.id, by="test")
        with pytest.raises(AccessError):
            _sign_in(ground)
    else:
        assert sessions.end_all(ground, account.id) == 2
    assert sessions.who_holds(ground, token) == VISITOR
    if what != "logout":
        assert sessions.who_holds(ground, second) == VISITOR


def test_the_last_operator_stays(ground):
    first = _add(ground, "op.one", "operator")
    for change in (lambda: people.set_role(ground, first.id, "patient", by="t"), lambda: _remove(ground, first.id)):
        with pytest.raises(InputError, match="last operator"):
            change()
    _add(ground, "op.two", "operator")
    people.set_role(ground, first.id, "patient", by="t")
    assert [(a.name, a.role) for a in people.listed(ground)] == [("op.one", "patient"), ("op.two", "operator")]


def _remove(db, account):
    with db.writing() as connection:
        people.remove_in(db, connection, account, by="t")


def test_the_first_start_makes_one_operator_with_a_password_said_once(ground):
    said = []
    made = ensure_operator(ground, said.append, strength=WEAK)
    assert made.role == "operator" and made.must_change
    (password,) = re.findall(r"(?:[a-z2-9]{5}-){4}[a-z2-9]{5}", said[0])
    assert password not in _everything(ground)
    token, _ = _sign_in(ground, "operator", password)
    who = sessions.who_holds(ground, token)
    assert who.must_change and not permissions.may(who, "manage_accounts")
    people.set_password(ground, made.id, GOOD, by=made.id, strength=WEAK)
    token, _ = _sign_in(ground, "operator", GOOD)
    assert permissions.may(sessions.who_holds(ground, token), "manage_accounts")
    assert ensure_operator(ground, said.append, strength=WEAK) is None and len(said) == 1


def test_starts_together_make_one_operator(ground):
    said = []
    threads = [threading.Thread(target=ensure_operator, args=(ground, said.append), kwargs={"strength": WEAK}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1 and len(people.listed(ground)) == 1


def test_a_key_is_shown_once_scoped_named_ending_and_revocable(ground):
    account = _add(ground)
    issued = keys.issue(ground, account.id, name="ward tablet", scopes=("review", "chat"), by="t", days=30)
    assert re.fullmatch(r"ana_[0-9a-f]{12}_[\w-]{43}", issued.secret)
    assert issued.secret not in repr(issued) and issued.secret.split("_", 2)[2] not in _everything(ground)
    who = keys.who_bears(ground, issued.secret)
    assert who == Who(account.id, "clinician", scopes=frozenset({"chat", "review"}))
    assert permissions.may(who, "read_conversation") and not permissions.may(who, "add_documents")
    (listed,) = keys.keys_of(ground, account.id)
    assert (listed.prefix, listed.name, listed.used[:10]) == (issued.key.prefix, "ward tablet", ground.now()[:10])
    people.set_role(ground, account.id, "patient", by="t")
    assert not permissions.may(keys.who_bears(ground, issued.secret), "review"), "a key follows its account's role"
    ground.clock.forward(days=29)
    assert keys.who_bears(ground, issued.secret).account == account.id
    ground.clock.forward(days=1)
    assert keys.who_bears(ground, issued.secret) == VISITOR
    other = keys.issue(ground, account.id, name="b", scopes=("chat",), by="t")
    keys.revoke(ground, other.key.prefix, by="t")
    assert keys.who_bears(ground, other.secret) == VISITOR
    with pytest.raises(InputError, match="begins so"):
        keys.revoke(ground, other.key.prefix, by="t")
    assert [row["did"] for row in _audited(ground, "api_key")] == ["issued", "issued", "revoked"]


def test_what_is_no_key_is_a_visitor(ground):
    account = _add(ground)
    good = keys.issue(ground, account.id, name="a", scopes=("chat",), by="t").secret
    other = keys.issue(ground, account.id, name="b", scopes=("chat",), by="t").secret
    swapped = good[:17] + other[17:]
    for given in ("", "ana_", good[:-1], good + "x", good.upper(), swapped, "ü" * 60, "\0", good + "\n", "x" * 100_000):
        assert keys.who_bears(ground, given) == VISITOR
    assert keys.who_bears(ground, good).account == account.id
    _remove(ground, account.id)
    assert keys.who_bears(ground, good) == VISITOR and keys.keys_of(ground) == ()


@pytest.mark.parametrize("given", [{"scopes": ()}, {"scopes": ("chat", "root")}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 65},
                                   {"days": 0}, {"days": 367}, {"account": "nobody"}])  # fmt: skip
def test_a_key_that_cannot_be(ground, given):
    account = _add(ground)
    wanted = {"account": account.id, "name": "tablet", "scopes": ("chat",), "days": 9} | given
    with pytest.raises(InputError):
        keys.issue(ground, wanted.pop("account"), by="t", **wanted)
    assert keys.keys_of(ground) == ()


_ISSUER = "https://login.hospital.example"
_RULES = f"""
[[rule]]
issuer = "{_ISSUER}"
subject = "u-1"
role = "operator"
[[rule]]
issuer = "{_ISSUER}"
claim = "groups"
value = "physicians"
role = "clinician"
"""


def test_identities_get_their_role_from_data_each_time(ground):
    (ground.home / oidc.FILE).write_text(_RULES)
    rules = oidc.load_rules(ground.home)
    claims = {"groups": ["physicians", "staff"], "email": "mary.johnson@hospital.example", "name": "Mary Johnson"}
    token, session = oidc.enter(ground, rules, issuer=_ISSUER, subject="u-7", claims=claims)
    assert sessions.who_holds(ground, token) == Who(session.account, "clinician")
    _, again = oidc.enter(ground, rules, issuer=_ISSUER, subject="u-7", claims=claims)
    assert again.account == session.account, "the same person, the same account"
    assert "johnson" not in _everything(ground).lower() and not people.by_id(ground, session.account).has_password
    with pytest.raises(AccessError, match="do not belong"):
        _sign_in(ground, people.by_id(ground, session.account).name, GOOD)
    with pytest.raises(AccessError, match="no role here"):
        oidc.enter(ground, rules, issuer=_ISSUER, subject="u-7", claims={"groups": ["staff"]})
    assert sessions.who_holds(ground, token) == VISITOR, "who is no physician any more is out at once"
    for issuer, subject, given in (("https://evil.example", "u-1", claims), (_ISSUER, "", claims), (_ISSUER, "x" * 256, claims),
                                   (_ISSUER, "u-9", {}), (_ISSUER, "u-9", {"groups": "physicians and others"}), (_ISSUER, "u-9", {"groups": None})):  # fmt: skip
        with pytest.raises(AccessError):
            oidc.enter(ground, rules, issuer=issuer, subject=subject, claims=given)
    assert len(people.listed(ground)) == 1
    _, operator = oidc.enter(ground, rules, issuer=_ISSUER, subject="u-1", claims={})
    assert people.by_id(ground, operator.account).role == "operator"


@pytest.mark.parametrize("text_", [
    "not toml [", '[[rule]]\nissuer = "http://plain.example"\nsubject = "a"\nrole = "patient"',
    f'[[rule]]\nissuer = "{_ISSUER}"\nsubject = "a"\nrole = "root"', f'[[rule]]\nissuer = "{_ISSUER}"\nrole = "patient"',
    f'[[rule]]\nissuer = "{_ISSUER}"\nsubject = "a"\nclaim = "g"\nvalue = "v"\nrole = "patient"',
    f'[[rule]]\nissuer = "{_ISSUER}"\nclaim = "g"\nvalue = "v"\nrole = "operator"',
    f'[[rule]]\nissuer = "{_ISSUER}"\nsubject = "a"\nrole = "patient"\nmore = "x"', 'rule = ["x"]',
])  # fmt: skip
def test_rules_that_are_none_are_refused(tmp_path, text_):
    (tmp_path / oidc.FILE).write_text(text_)
    with pytest.raises(ConfigError):
        oidc.load_rules(tmp_path)


def test_without_rules_nobody_comes_in_from_elsewhere(ground):
    assert oidc.load_rules(ground.home) == ()
    with pytest.raises(AccessError):
        oidc.enter(ground, (), issuer=_ISSUER, subject="u-1", claims={})


def test_the_commands_say_a_secret_once_and_never_take_one_as_an_argument(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from agent.accounts.cli import accounts

    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(passwords, "_hasher", lambda strength, real=passwords._hasher: real(WEAK))

    def run(*line, **more):
        done = CliRunner().invoke(accounts, line, **more)
        return done, [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")]

    done, rows = run("add", "op.one", "--role", "operator", "--random")
    (password,) = re.findall(r"(?:[a-z2-9]{5}-){4}[a-z2-9]{5}", done.stderr)
    assert rows[0]["must_change"] is True and password not in done.stdout
    done, rows = run("add", "doctor.a", "--role", "clinician", "--stdin", input=GOOD + "\n")
    assert done.exit_code == 0 and rows[0]["role"] == "clinician"
    done, _ = run("add", "weak", "--role", "patient", "--stdin", input="short\n")
    assert isinstance(done.exception, InputError)
    done, rows = run("keys", "add", "doctor.a", "--for", "ward tablet", "--scope", "chat")
    (secret,) = re.findall(r"ana_\S+", done.stderr)
    assert secret not in done.stdout and rows[0]["for"] == "ward tablet"
    done, rows = run("keys", "list")
    assert [row["prefix"] for row in rows] == [secret.split("_")[1]]
    assert run("keys", "revoke", rows[0]["prefix"])[0].exit_code == 0
    done, rows = run("role", "doctor.a", "evaluator")
    assert rows[0]["role"] == "evaluator"
    done, rows = run("password", "doctor.a", "--stdin", input=OTHER + "\n")
    assert done.exit_code == 0
    done, rows = run("list")
    assert [(row["name"], row["role"]) for row in rows] == [("doctor.a", "evaluator"), ("op.one", "operator")]
    assert run("remove", "doctor.a", "--yes")[0].exit_code == 0
    done, _ = run("remove", "op.one", "--yes")
    assert isinstance(done.exception, InputError) and "last operator" in str(done.exception)
    assert not any(secret.encode() in path.read_bytes() for path in Path(tmp_path / "home").iterdir())
