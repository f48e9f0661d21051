"""What a page's person agrees to: read from the form, written down, taken back; and how a conversation is then kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.accounts.types import VISITOR, Who
from agent.app.conversations import Conversation
from agent.database import Database
from agent.messages import say
from agent.records.consent import consents_of, give_consent, withdraw_consent
from agent.records.conversations import mine
from agent.records.erasure import erase_own
from agent.records.keeping import policy
from agent.records.types import Mode
from agent.types import Language
from knowledge.errors import StoreError
from knowledge.places import duties, place

HEALTH = "health"
"""Without it nothing is answered."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was ticked. Nothing is ticked beforehand."""

    kinds: frozenset[str] = frozenset()
    under: bool = False
    guardian: bool = False


def read_form(given: Mapping[str, Any]) -> Form:
    """The form as the page sends it; what is no tick of ours is none."""
    ticked = {name for name, value in given.items() if value is True}
    return Form(frozenset(ticked & set(policy().consents)), "under" in ticked, "guardian" in ticked)


def offered(who: Who) -> tuple[str, ...]:
    """What can be chosen beside `HEALTH`: a visitor has nothing to find a kept chat again with."""
    return tuple(kind for kind in policy().consents if kind != HEALTH and (who.account or kind != "keep"))


def missing(form: Form, country: str, language: Language) -> str:
    """What is still needed before anything is answered, in words; "" for nothing."""
    if HEALTH not in form.kinds:
        return say(language, "patient_consent_fault_health")
    if form.under and not form.guardian:
        return say(language, "patient_consent_fault_guardian", age=duties.guardian_age(country))
    return ""


def agree(db: Database, who: Who, held: Conversation, form: Form, country: str) -> None:
    """Write down what was agreed to on this page.

    Raises:
        AccessError, InputError, StoreError: as `give_consent`; then nothing is agreed to.
    """
    kinds = [HEALTH, *(kind for kind in offered(who) if kind in form.kinds)]
    age = float(duties.guardian_age(country) - 1) if form.under else None
    for kind in kinds:
        _give(db, who, held, kind, country=country, age=age, guardian=form.under and form.guardian)
    held.agreed, held.guardian = duties.consent_version(), form.under and form.guardian


def agree_also(db: Database, who: Who, held: Conversation, kind: str) -> None:
    """One more of those that can be chosen. Raises as `agree`."""
    _give(db, who, held, kind, country=held.state.country, age=None, guardian=held.guardian)


def carry_on(db: Database, who: Who, before: Conversation, held: Conversation) -> None:
    """A new conversation of the same page: what is needed for an answer was agreed to minutes ago, what could be chosen was
    chosen for the one before. Raises as `agree`."""
    if before.agreed == duties.consent_version() and before.account == held.account == "":
        _give(db, who, held, HEALTH, country=before.state.country, age=None, guardian=before.guardian)
        held.agreed, held.guardian = before.agreed, before.guardian


def may_ask(db: Database, who: Who, held: Conversation) -> bool:
    """Whether a message of this page is taken: the words of now were agreed to, and by whoever is here.

    A visitor's consent lives as long as the page and is known to it, so that a crisis, which leaves no record of the
    conversation, ends none. An account's may be withdrawn elsewhere and is looked up.
    """
    if held.account != who.account:
        return False
    if not who.account:
        return held.agreed == duties.consent_version()
    try:
        found = HEALTH in standing(db, who, held)
    except StoreError:
        # What cannot be read was not withdrawn; the turn says what it cannot record, and shows an emergency all the same.
        return held.agreed == duties.consent_version()
    held.agreed = duties.consent_version() if found else ""
    return found


def standing(db: Database, who: Who, held: Conversation | None) -> frozenset[str]:
    """What stands, to the words of now.

    Raises:
        StoreError: it cannot be read.
    """
    conversation = held.state.id if held is not None else ""
    if not who.account and held is None:
        return frozenset()
    version = duties.consent_version()
    found = consents_of(db, _owner(who, held), conversation=conversation)
    return frozenset(each.kind for each in found if not each.withdrawn and each.version == version)


def mode_of(who: Who, kinds: frozenset[str]) -> Mode:
    """How a conversation is kept: not at all, unless it was agreed to; a visitor's only for whoever may read it."""
    if who.account:
        return "account" if "keep" in kinds else "private"
    return "anonymous" if "review" in kinds else "private"


def settle(db: Database, who: Who, held: Conversation) -> None:
    """Set how this conversation is kept from now on. What cannot be read was not agreed to."""
    try:
        kinds = standing(db, who, held)
    except StoreError:
        kinds = frozenset()
    held.mode = "private" if held.rule else mode_of(who, kinds)


def take_back(db: Database, who: Who, held: Conversation, kind: str) -> bool:
    """Withdraw one; whether something was erased with it. A visitor's conversation that nothing keeps any more is erased.

    Raises:
        AccessError, InputError, StoreError: as `withdraw_consent`.
    """
    owner = _owner(who, held)
    withdraw_consent(db, owner, kind, conversation=held.state.id)
    erased = bool(policy().consents[kind].get("erase"))
    if kind == HEALTH:
        held.agreed = ""
        return True
    if not who.account and held.mode == "anonymous" and mode_of(who, standing(db, who, held)) == "private":
        erase_own(db, owner, held.state.id)
        # With the conversation its consents went; the one to be answered was not taken back.
        _give(db, who, held, HEALTH, country=held.state.country, age=None, guardian=held.guardian)
        erased = True
    settle(db, who, held)
    return erased


def owner_of(db: Database, who: Who, held: Conversation) -> Who:
    """Whose a conversation is in the records: an account's where it is kept for it, else whoever holds the page.

    Raises:
        StoreError: it cannot be read.
    """
    kept = who.account and held.state.id in {each.id for each in mine(db, who)}
    return who if kept else Who(holds=frozenset({held.state.id}))


def words(kind: str, language: Language) -> str:
    """What is agreed to."""
    return str(policy().consents[kind][language])


def _owner(who: Who, held: Conversation | None) -> Who:
    return who if who.account or held is None else replace(VISITOR, holds=frozenset({held.state.id}))


def _give(
    db: Database, who: Who, held: Conversation, kind: str, *, country: str, age: float | None, guardian: bool
) -> None:
    known = place(country)
    give_consent(
        db, _owner(who, held), kind, conversation=held.state.id, country=known.code if known else "", age=age, guardian=guardian
    )  # fmt: skip
