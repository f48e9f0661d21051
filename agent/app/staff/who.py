"""Who asks: of a handler's request, which the guard in front of the page has looked at, and of any other by its cookie."""

# No `from __future__ import annotations`: Gradio reads the real annotation of a handler.
from typing import TYPE_CHECKING, Any

from agent.accounts.sessions import who_holds
from agent.accounts.types import VISITOR, Who
from agent.database import Database

if TYPE_CHECKING:
    import gradio as gr
    from starlette.requests import Request

KEY = "anamnesis.who"
"""Under this name in the request's ASGI scope."""
COOKIE = "anamnesis_session"
"""The session's token."""


def who_asks(request: "gr.Request") -> Who:
    """The account whose session the request came with, as it is now; a visitor where there is none.

    For pages behind the guard of those who sign in; `who_of` for any other.
    """
    found = getattr(request.request, "scope", {}).get(KEY, VISITOR) if request.request is not None else VISITOR
    return found if isinstance(found, Who) else VISITOR


def who_of(request: "Request | gr.Request", db: Database | None = None) -> Who:
    """The same of any request, by its cookie where no guard has looked; reads the database, so not in the event loop.

    `db`: where the request came to Gradio's application, which has no services; else that of the application is used. Whoever
    has still to change their password is nobody yet: a visitor.
    """
    inner: Any = getattr(request, "request", None) or request
    scope = getattr(inner, "scope", {})
    found = scope.get(KEY)
    if not isinstance(found, Who):
        db = db if db is not None else inner.app.state.services.db
        found = who_holds(db, token_of(inner))
    return VISITOR if found.must_change else found


def token_of(request: Any) -> str:
    """The session's token that a request brings, "" where it brings none."""
    return str(dict(request.cookies).get(COOKIE, ""))
