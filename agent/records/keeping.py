"""Is anything kept: the rules of `keeping.toml`, and an audit record that leaves the words out where nothing is."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.audit import AuditLog, Entry
from agent.policy import crisis_worded
from agent.records.types import MODES, Keeping, Mode
from agent.types import Answer, ConversationState
from agent.vault import Vault
from knowledge.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_FILE = Path(__file__).parent / "keeping.toml"


@dataclass(frozen=True, slots=True)
class Rule:
    """Nothing is kept of a conversation in one of `modes`, with an answer of one of `kinds`, or in which one of `rules` fired."""

    id: str
    says: Mapping[str, str]
    modes: frozenset[str]
    kinds: frozenset[str]
    rules: frozenset[str]

    def fits(self, mode: str, kinds: Collection[str], rules: Collection[str]) -> bool:
        """Whether it speaks to such a conversation."""
        return mode in self.modes or bool(self.kinds & set(kinds)) or bool(self.rules & set(rules))


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole file."""

    rules: tuple[Rule, ...]
    outline: frozenset[str]
    support: float
    sample: int
    consents: Mapping[str, Mapping[str, Any]]


def decide(mode: Mode, state: ConversationState, answer: Answer) -> Keeping:
    """What is kept of a conversation after this answer: all that was said in it counts, so that nothing is kept from then on."""
    kinds, rules = _said(state)
    rule = _first(mode, kinds | {answer.kind}, rules | set(answer.rules))
    return Keeping(history=rule is None, rule=rule.id if rule else "")


def logged(mode: Mode, state: ConversationState) -> Mode:
    """The mode in which the next turn is written to the audit log: "private" where what was said before lets nothing be kept."""
    return "private" if _first(mode, *_said(state)) is not None else mode


def _said(state: ConversationState) -> tuple[set[str], set[str]]:
    """The kinds of the answers in a conversation, and the rules by which its person's words were a crisis.

    Told elsewhere, a crisis has no answer of ours that says so. Words that nothing has read for it (of a turn that broke, or kept
    by an older program) are read here, by the rules alone.
    """
    kinds = {message.kind for message in state.messages if message.kind}
    told = [message for message in state.messages if message.role == "user"]
    found = (each.crisis if each.crisis is not None else crisis_worded(each.text, state.audience) for each in told)
    rules = {rule for rule in found if rule}
    return kinds | ({"crisis"} if rules else set()), rules


def why(rule: str, language: str) -> str:
    """What is said of a rule to the person; "" for none."""
    return next((each.says[language] for each in policy().rules if each.id == rule), "")


class OutlineLog(AuditLog):
    """The audit log that a turn of one mode writes to: where nothing is kept, a record says how it was decided and no words.

    What was written before a conversation turned into one of which nothing is kept is erased by `conversations.keep_turn`.
    """

    def __init__(self, engine: Engine, vault: Vault | None = None, *, mode: Mode) -> None:
        super().__init__(engine, vault)
        self._mode = mode

    def append(self, kind: str, payload: dict[str, Any], *, conversation: str) -> Entry:
        """Write one record and return it. Raises StoreError where it was not written."""
        if conversation and _first(self._mode, (payload.get("kind", ""),), payload.get("rules", ())):
            kept = policy().outline
            payload = {name: value for name, value in payload.items() if name in kept}
        return super().append(kind, payload, conversation=conversation)


@cache
def policy() -> Policy:
    """The file, checked.

    Raises:
        ConfigError: it is not what is expected.
    """
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    try:
        rules = tuple(
            Rule(
                row["id"],
                {"en": row["en"], "zh": row["zh"]},
                *(frozenset(row.get(name, ())) for name in ("modes", "kinds", "rules")),
            )
            for row in data["rule"]
        )
        found = Policy(rules, frozenset(data["outline"]["fields"]), float(data["review"]["support"]),
                       int(data["review"]["sample"]), data["consents"])  # fmt: skip
    except (KeyError, TypeError, ValueError) as fault:
        raise ConfigError(
            f"{_FILE.name} lacks or misnames {fault}", remedy="Compare the entry with its neighbours"
        ) from fault
    if not frozenset().union(*(rule.modes for rule in rules)) <= set(MODES):
        raise ConfigError(f"{_FILE.name} names another mode", expected=f"modes of {', '.join(MODES)}")
    return found


def _first(mode: str, kinds: Collection[str], rules: Collection[str]) -> Rule | None:
    return next((rule for rule in policy().rules if rule.fits(mode, kinds, rules)), None)
