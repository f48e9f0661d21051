"""What the tests of the API share: one agent on the real library, and a server that answers without a model."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def api_agent(tmp_path_factory):
    """The agent with engine none; tests replace model, settings and database."""
    pytest.importorskip("fastapi")
    from agent.build import build_agent
    from agent.config import load

    return build_agent(load(home=tmp_path_factory.mktemp("api-agent"), engine="none"))


@pytest.fixture(scope="module")
def served(api_agent, tmp_path_factory):
    """A server with a database of its own."""
    from tests.agent.api_served import serving

    with serving(api_agent, tmp_path_factory.mktemp("served")) as found:
        yield found
