"""What the tests of the doctor's desk share: a house without a server, accounts, and requests as handlers get them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from agent.accounts import people
from agent.accounts.types import Who
from agent.api.metrics import Metrics
from agent.api.tracing import Traces
from agent.api.turns import Turns
from agent.app.staff.types import House
from agent.app.staff.who import KEY
from agent.config import Settings
from agent.database import open_ground


def house_of(agent, folder, **settings):
    """A house on an agent, with a database of its own in `folder`; None for handlers that need no agent."""
    chosen = replace(agent.settings if agent else Settings(), home=folder, **settings)
    agent = replace(agent, settings=chosen) if agent else None
    db, metrics = open_ground(chosen), Metrics()
    return House(lambda: agent, lambda: True, chosen, db, Turns(lambda: agent, db, metrics, Traces()), metrics)


def asked_by(house, role="clinician"):
    """A request whose session belongs to a new account of a role."""
    account = people.add(house.db, f"{role}-{len(people.listed(house.db))}", role, None, by="test")
    return SimpleNamespace(request=SimpleNamespace(scope={KEY: Who(account.id, role)}), session_hash=account.id)
