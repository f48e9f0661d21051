"""Which pages there are for those who sign in: the PAGE of each package beside this one, in the order of the navigation."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from agent.app.staff.types import Page

if TYPE_CHECKING:
    from fastapi import APIRouter

log = logging.getLogger("anamnesis.staff")

_PACKAGES = ("doctor", "review", "bench", "operator")
FILES = "/files/"
"""Under a page's path: the addresses of its package's ROUTER."""


@cache
def pages() -> tuple[Page, ...]:
    """Every page there is."""
    return tuple(page for module in _modules() if isinstance(page := getattr(module, "PAGE", None), Page))


@cache
def routers() -> tuple[APIRouter, ...]:
    """What the packages serve beside their pages."""
    found: list[Any] = [getattr(module, "ROUTER", None) for module in _modules()]
    return tuple(router for router in found if router is not None)


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = [f"agent.app.{name}" for name in _PACKAGES]
    found = (_imported(name) for name in names if find_spec(name) is not None)
    return tuple(module for module in found if module is not None)


def _imported(name: str) -> ModuleType | None:
    # The chat and what it says in an emergency do not hang on a page of somebody else's.
    try:
        return import_module(name)
    except ImportError as fault:
        log.error("%s is left out: %s", name, fault)
        return None
