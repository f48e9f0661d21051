"""The evaluator's page, /bench: suites run beside the serving agent, reports, drift over time, one turn with all its stages."""

from __future__ import annotations

from agent.app.bench.page import build
from agent.app.bench.routes import ROUTER
from agent.app.staff.types import Page

PAGE = Page("/bench", "read_reports", "bench_title", build)

__all__ = ["PAGE", "ROUTER"]
