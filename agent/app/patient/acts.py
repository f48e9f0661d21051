"""What the buttons around the chat do: consent given, refused, withdrawn; data shown, taken away, erased; thumbs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from agent.accounts.types import Who
from agent.app.conversations import Conversation
from agent.app.desk import Desk
from agent.app.patient import mydata
from agent.app.patient.consent import (
    HEALTH,
    Form,
    agree,
    agree_also,
    may_ask,
    missing,
    mode_of,
    offered,
    read_form,
    standing,
    take_back,
)
from agent.app.patient.screen import consent_html, mode_html, mode_words
from agent.app.patient.thumbs import rate
from agent.app.running import log_fault
from agent.config import Settings
from agent.messages import say
from agent.records.erasure import erase_own
from agent.records.retention import Retention, load_retention
from agent.types import Language
from knowledge.errors import AnamnesisError, InputError, StoreError
from knowledge.places import emergency_line


@dataclass(frozen=True, slots=True)
class Outcome:
    """What changes on the page; None: that stays as it is. `file`: handed to the browser. `wiped`: the chat begins empty.
    `rated`: a thumb changed what is shown of the turns. `focus`: the id of what the reader is taken to."""

    token: str | None = None
    consent: str | None = None
    data: str | None = None
    mode: str | None = None
    file: dict[str, str] | None = None
    wiped: bool = False
    rated: bool = False
    focus: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who presses, on which page, in which language and place."""

    who: Who
    token: str
    language: Language
    country: str
    session: str = ""


class Acts:
    """The acts of one page's door. Any thread may call any method."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self._desk, self._settings = desk, settings

    @cached_property
    def keeps(self) -> Retention:
        """How long what is kept here."""
        return load_retention(self._settings.home)

    def do(self, asker: Asker, given: Mapping[str, Any]) -> Outcome:
        """Do what was pressed (`act`, such as "agree" or "withdraw:keep"). What fails is said on the page; nothing else changes."""
        act, _, about = str(given.get("act", "")).partition(":")
        try:
            if act == "agree":
                return self._agree(asker, read_form(given))
            if act == "refuse":
                told = say(asker.language, "patient_consent_refused", call=self._call(asker))
                return Outcome(consent=self.consent(asker, told=told, ask=True), focus="consent-title")
            if act == "thumb":
                return self._thumb(asker, given)
            if act == "look":
                return Outcome(rated=self._desk.released(asker.token, asker.who))
            if act == "close":
                return Outcome(data="", focus="message")
            if act in ("json", "html"):
                return self._export(asker, act)
            return self._data(asker, act, about, given)
        except Exception as fault:
            log_fault(fault)
            hint = "patient_data_not_yours" if isinstance(fault, InputError) else "patient_data_failed"
            return self._told(asker, say(asker.language, hint))

    def consent(
        self, asker: Asker, *, form: Form | None = None, told: str = "", fault: str = "", ask: bool = False
    ) -> str:
        """The consent screen, "" where nothing has to be agreed to; `ask`: it has to, whatever stands."""
        if not ask and self.agreed(asker):
            return ""
        country = asker.country or self._settings.country
        return consent_html(
            asker.language,
            country,
            self._settings,
            self.keeps,
            who=asker.who,
            form=form or Form(),
            told=told,
            fault=fault,
        )

    def agreed(self, asker: Asker) -> bool:
        """Whether whoever is on the page has agreed, to the words of now."""
        held = self._desk.open.find(asker.token)
        if held is not None:
            return may_ask(self._desk.db, asker.who, held)
        try:
            return bool(asker.who.account) and HEALTH in standing(self._desk.db, asker.who, None)
        except StoreError as fault:
            log_fault(fault)
            return False

    def mode(self, asker: Asker) -> str:
        """The line that says how this chat is kept, as HTML."""
        return mode_html(asker.language, self._mode(asker))

    def _mode(self, asker: Asker) -> str:
        held = self._mine(asker)
        try:
            kinds = standing(self._desk.db, asker.who, held)
        except StoreError:
            kinds = frozenset()
        rule, country = (held.rule, held.state.country) if held is not None else ("", asker.country)
        chosen = mode_of(asker.who, kinds)
        return mode_words(asker.language, self.keeps, chosen, rule=rule, country=country, read="review" in kinds)

    def _mine(self, asker: Asker) -> Conversation | None:
        """The conversation of the page, where it was begun by whoever is on it now."""
        held = self._desk.open.find(asker.token)
        return held if held is not None and held.account == asker.who.account else None

    def _agree(self, asker: Asker, form: Form) -> Outcome:
        language, country = asker.language, asker.country or self._settings.country
        if fault := missing(form, country, language):
            return Outcome(consent=self.consent(asker, form=form, fault=fault, ask=True), focus="consent-fault")
        before = self._mine(asker)
        held = before or self._desk.begin(session=asker.session, who=asker.who)
        held.state = replace(held.state, country=country)
        try:
            agree(self._desk.db, asker.who, held, form, country)
        except AnamnesisError as failure:
            log_fault(failure)
            fault = say(language, "patient_consent_fault_store", call=self._call(asker))
            return Outcome(consent=self.consent(asker, form=form, fault=fault, ask=True), focus="consent-fault")
        asker = replace(asker, token=held.token)
        return Outcome(token=held.token, consent="", mode=self.mode(asker), wiped=before is None, focus="message")

    def _data(self, asker: Asker, act: str, about: str, given: Mapping[str, Any]) -> Outcome:
        held = self._mine(asker)
        if act == "give" and held is None and asker.who.account:
            held = self._desk.begin(session=asker.session, who=asker.who)
            asker = replace(asker, token=held.token)
        if (
            act == "give"
            and held is not None
            and about in offered(asker.who)
            and may_ask(self._desk.db, asker.who, held)
        ):
            agree_also(self._desk.db, asker.who, held, about)
            return self._told(asker, say(asker.language, "patient_data_agreed"), token=asker.token)
        if act == "withdraw":
            return self._withdraw(asker, held, about)
        if act == "erase":
            return self._erase(asker, held, about)
        if act == "erase-all" and asker.who.account:
            gone = erase_own(self._desk.db, asker.who)
            if held is not None:
                self._desk.leave(asker.token)
            told = say(asker.language, "patient_data_erased", conversations=gone.conversations, records=gone.records)
            asker = replace(asker, token="")
            return replace(
                self._told(asker, told), token="", wiped=True, consent=self.consent(asker, told=told, ask=True)
            )
        asks = HEALTH if given.get("then") == "sure-withdraw" else ""
        return self._told(asker, "", asks=asks)

    def _withdraw(self, asker: Asker, held: Conversation | None, kind: str) -> Outcome:
        if held is None and asker.who.account:
            held = self._desk.begin(session=asker.session, who=asker.who)
        if held is None or kind not in (HEALTH, *offered(asker.who)):
            raise InputError("There is nothing to withdraw")
        erased = take_back(self._desk.db, asker.who, held, kind)
        if kind != HEALTH:
            done = "patient_data_taken_back_erased" if erased else "patient_data_taken_back"
            return self._told(replace(asker, token=held.token), say(asker.language, done), token=held.token)
        self._desk.leave(held.token)
        asker = replace(asker, token="")
        told = say(asker.language, "patient_data_withdrawn")
        return Outcome(
            token="", consent=self.consent(asker, told=told, ask=True), data="", mode=self.mode(asker), wiped=True,
            focus="consent-title",
        )  # fmt: skip

    def _erase(self, asker: Asker, held: Conversation | None, about: str) -> Outcome:
        here = held is not None and about in ("", held.state.id)
        if here and held is not None:
            done = self._desk.erase(held)
            self._desk.open.forgotten(held.session)
            following = self._desk.begin_anew(asker.token, asker.who)
            asker = replace(asker, token=following.token if following is not None else "")
        else:
            done = erase_own(self._desk.db, asker.who, about)
        told = say(asker.language, "patient_data_erased", conversations=done.conversations, records=done.records)
        shown = self._told(asker, told, token=asker.token if here else None)
        return replace(shown, wiped=here, consent=self.consent(asker) if here else None)

    def _export(self, asker: Asker, form: str) -> Outcome:
        found = mydata.gathered(self._desk.db, asker.who, self._mine(asker))
        data = mydata.as_json(found) if form == "json" else mydata.as_html(found, asker.language)
        kind = "application/json" if form == "json" else "text/html;charset=utf-8"
        hint = say(asker.language, "patient_data_exported")
        name = f"anamnesis-my-data-{date.today():%Y-%m-%d}.{form}"
        sent = {"name": name, "type": kind, "data": base64.b64encode(data).decode()}
        return Outcome(file=sent | {"hint": hint, "at": ".data .hint"})

    def _thumb(self, asker: Asker, given: Mapping[str, Any]) -> Outcome:
        held = self._mine(asker)
        if held is None or given.get("thumb") not in (1, -1):
            raise InputError("There is no such answer on this page")
        try:
            rate(
                self._desk.db, asker.who, held, int(given.get("turn", 0)), 1 if given["thumb"] == 1 else -1,
                sure=given.get("sure") is True, reason=str(given.get("reason", "")), words=str(given.get("words", "")),
            )  # fmt: skip
        except AnamnesisError as fault:
            log_fault(fault)
            at = f'.acts[data-turn="{int(given.get("turn", 0))}"] .hint'
            return Outcome(file={"hint": say(asker.language, "patient_thumb_failed"), "at": at})
        return Outcome(rated=True)

    def _told(self, asker: Asker, hint: str, *, token: str | None = None, asks: str = "") -> Outcome:
        mine, words = self._mine(asker), self._mode(asker)
        try:
            shown = mydata.data_html(self._desk.db, asker.who, mine, asker.language, mode=words, hint=hint, asks=asks)
        except StoreError as fault:
            log_fault(fault)
            return Outcome(file={"hint": say(asker.language, "patient_data_failed"), "at": "#reminder .reminder"})
        focus = "sure-withdraw" if asks else "data-title"
        return Outcome(token=token, data=shown, mode=self.mode(asker), focus=focus)

    def _call(self, asker: Asker) -> str:
        return emergency_line(asker.country or self._settings.country, asker.language)
