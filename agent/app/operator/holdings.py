"""What the installation holds, as values: models, adapters and what served before, master keys by id, the audit chain's state."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent import models
from agent.app.staff.types import House
from agent.audit import Verification
from agent.database import Database, stamp
from agent.keyring import FILE
from knowledge.errors import AnamnesisError

HISTORY = 8
"""Changes of the active adapter that are shown, the latest first."""
_FAULTS = (
    ("missing", re.compile(r"record (\d+) is missing")),
    ("changed", re.compile(r"the content of record (\d+) was changed")),
    ("order", re.compile(r"record (\d+) does not follow")),
    ("cut", re.compile(r"the last records are missing: (\d+) were written")),
)


@dataclass(frozen=True, slots=True)
class Model:
    """One of the catalogue. `size` in bytes; `here`: its verified weights lie in the home; `serves`: they are what answers."""

    id: str
    licence: str
    size: int
    sha256: str
    here: bool
    serves: bool


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers now; empty texts where there is none."""

    engine: str
    model: str = ""
    weights: str = ""
    adapter: str = ""
    settings: str = ""
    corpus: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A master key by its id: whether it encrypts, how many conversations are under it, since when ("" is not known)."""

    id: str
    active: bool
    conversations: int
    since: str


def serving(house: House) -> Serving | None:
    """What serves in this process; None where the agent is not open."""
    if not house.ready():
        return None
    agent = house.agent()
    model = agent.model
    if model is None:
        return Serving(agent.settings.engine, settings=agent.settings_hash, corpus=agent.index.corpus)
    return Serving(
        agent.settings.engine, model.name, model.weights, model.adapter, agent.settings_hash, agent.index.corpus
    )


def catalogue(house: House) -> tuple[Model, ...]:
    """Every model that can be fetched."""
    now = serving(house)
    return tuple(
        Model(
            card.id, card.licence, card.size, card.sha256, models.path(card.id, house.settings.home) is not None,
            now is not None and now.weights == card.sha256,
        )
        for card in models.catalogue()
    )  # fmt: skip


def adapters(house: House) -> tuple[Mapping[str, Any], ...] | None:
    """Every adapter as `anamnesis finetune list` tells of it; None where they cannot be read."""
    try:
        from finetune.registry import run_list

        return tuple(run_list(home=house.settings.home))
    except (ImportError, AnamnesisError):
        return None


def promoted(house: House) -> tuple[str, str] | None:
    """The active adapter, and the one a roll back would bring ("" for none); None where none is active.

    Raises:
        ConfigError: the manifest cannot be read.
    """
    from agent.active import MANIFEST, read_active

    active = read_active(house.settings.home)
    if active is None:
        return None
    manifest = json.loads((house.settings.home / MANIFEST).read_text(encoding="utf-8"))
    earlier = manifest.get("previous") or [{}]
    return active.name, str(earlier[0].get("name", ""))


def history(house: House) -> tuple[Mapping[str, str], ...]:
    """The last changes of what serves, the latest first: when, promote or rollback, which adapter."""
    try:
        lines = (house.settings.home / "adapters" / "history.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines[-HISTORY:]]
    except (OSError, ValueError):
        return ()
    return tuple(reversed(rows))


def keys(db: Database) -> tuple[Key, ...]:
    """The master keys that are here, and those in use that are not.

    Raises:
        StoreError: the keys or the database cannot be read.
    """
    from sqlalchemy import text

    with db.reading(keys=False) as connection:
        used = {
            str(row.key_id): int(row.n)
            for row in connection.execute(
                text("SELECT key_id, COUNT(*) AS n FROM conversation_keys GROUP BY key_id ORDER BY key_id")
            )
        }
        rows = connection.execute(
            text("SELECT at, payload FROM audit WHERE kind = 'master_key' AND payload IS NOT NULL")
        )
        rotated = {str(record.get("key")): str(row.at) for row in rows
                   if (record := json.loads(row.payload)).get("did") == "rotated"}  # fmt: skip
    ring = db.vault.ring()
    here = [key.id for key in ring.keys]
    first = _file_time(db) if not ring.outside and len(here) == 1 and not rotated else ""
    return tuple(
        Key(id_, id_ == ring.active.id, used.get(id_, 0), rotated.get(id_, first))
        for id_ in (*here, *sorted(set(used) - set(here)))
    )


def fault_at(outcome: Verification) -> tuple[str, int]:
    """What is wrong with a chain, as a word ("" where it is whole, "other" for what is not known), and at which record."""
    if not outcome.fault:
        return "", 0
    for word, pattern in _FAULTS:
        if match := pattern.search(outcome.fault):
            return word, int(match[1])
    return "other", outcome.entries


def _file_time(db: Database) -> str:
    try:
        return stamp(datetime.fromtimestamp((db.home / FILE).stat().st_mtime, UTC))
    except OSError:
        return ""
