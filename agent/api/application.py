"""The one FastAPI application: the API, the pages for whoever runs it, and the chat."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Scope

from agent.api import answers, completions, fhir, health, logs, own, page, tools, tracing
from agent.api.faults import FHIR, fault_of, respond
from agent.api.fields import Problem
from agent.api.metrics import Metrics
from agent.api.rates import Rates
from agent.api.services import Services
from agent.api.shield import Shield
from agent.api.tracing import Traces
from agent.api.turns import Turns
from agent.app.guard import allowed
from agent.app.signin import routes as signin
from agent.app.staff.built import Staff
from agent.app.staff.doors import Doors
from agent.app.staff.pages import pages as staff_pages
from agent.app.staff.pages import routers
from agent.app.staff.types import House, Page
from agent.build import Agent
from agent.config import Settings
from agent.database import Database, open_ground
from knowledge.errors import AnamnesisError

if TYPE_CHECKING:
    import gradio as gr

_ABOUT = (
    "Medical questions answered from sources you can open, urgency first. A program, not a clinician. Every route but the pages "
    "for whoever runs it needs an API key (Authorization: Bearer) with the scope that names it."
)
_FAULTS = (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)


def create_app(
    agent: Callable[[], Agent],
    settings: Settings,
    *,
    ready: Callable[[], bool] = lambda: True,
    chat: gr.Blocks | None = None,
    db: Database | None = None,
    metrics: Metrics | None = None,
    traces: Traces | None = None,
    pages: Sequence[Page] | None = None,
) -> FastAPI:
    """The application. `agent` gives the agent, waiting until it is open; `ready` says whether it is; `chat` is the page.

    `pages`: of those who sign in, all where none are given. Each is made when it is first opened, or before that all of them
    by `app.state.staff.open_all()`.

    Raises:
        ConfigError: a rate of the settings is none.
        StoreError: the database's URL is not understood.
    """
    db = db or open_ground(settings)
    metrics = metrics or Metrics()
    turns = Turns(agent, db, metrics, traces or Traces())
    app = FastAPI(
        title="Anamnesis", description=_ABOUT, version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
        telemetry=cast(Any, tracing.OFF),
    )  # fmt: skip
    app.state.services = Services(agent, ready, settings, db, turns, metrics, Rates(settings))
    for part in (completions, tools, answers, own, fhir, health, page, signin):
        app.include_router(part.router)
    for router in routers():
        app.include_router(router)
    for kind in (AnamnesisError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _told)
    origins = tuple(filter(None, (origin.strip() for origin in settings.api_origins.split(","))))
    app.add_middleware(Shield, metrics=metrics, origins=origins)
    app.state.staff = Staff(
        House(agent, ready, settings, db, turns, metrics), staff_pages() if pages is None else pages
    )
    # Before all else: the session is looked at on every request to a page of those who sign in.
    app.add_middleware(Doors, staff=app.state.staff)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    if chat is not None:
        _mount(app, chat)
    return app


def _told(request: Request, error: Exception) -> Response:
    fault = fault_of(error)
    if fault.status == 405:
        fault = replace(fault, allow=_methods(request))
    if fault.status >= 500:
        logs.write(
            "fault", level=logging.ERROR, request_id=request.scope.get("request_id", ""), fault=type(error).__name__,
            where=logs.place_of(error),
        )  # fmt: skip
    return respond(request, fault)


def _methods(request: Request) -> str:
    """Every method that an address takes: several routes may share it, and the one that was tried knows only its own."""
    found = {
        method.upper()
        for path, methods in request.app.openapi()["paths"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)
        for method in methods
    }
    return ", ".join(sorted(found or {"GET"}))


class _Chat(Mount):
    """The chat at the root, for its own addresses only: an unknown one of the API is not looked for in the chat."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if scope["type"] == "http" and allowed(scope["path"]) else (Match.NONE, {})


def _mount(app: FastAPI, chat: gr.Blocks) -> None:
    from agent.app.web import mount

    mount(app, chat, app_kwargs={"telemetry": tracing.OFF})
    mounted = app.router.routes.pop()
    app.router.routes.append(_Chat("/", app=cast(Mount, mounted).app))


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the faults that every route can end in."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = schema["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for path, methods in schema["paths"].items():
            for operation in methods.values():
                _with_faults(path, operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _with_faults(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _FAULTS:
        if path.startswith("/v1"):
            content = {"application/json": {"schema": _OPENAI_ERROR}}
        elif path.startswith(FHIR) and status < 500:
            content = {"application/fhir+json": {"schema": {"type": "object"}}}
        else:
            content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses.setdefault(str(status), {"description": "See the body.", "content": content})


_OPENAI_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
