"""Faults as clients read them: OpenAI's shape under /v1, an OperationOutcome for FHIR, problem+json (RFC 9457) everywhere else.

What the caller did wrong is said in full. Of what went wrong on our side only the kind is: its words may hold a path or a person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.fhir.types import BundleFault
from agent.messages import say
from knowledge.errors import AccessError, AnamnesisError, EngineBusy, InputError, TooManyTries

# Somebody may be waiting for this answer.
_HELP = say("en", "reminder")
FHIR = "/api/v1/fhir"
BUSY_S = 5
"""Seconds after which a request that found everything busy may come again."""


class NoKey(AccessError):
    """No API key came, or none that is one."""


class Missing(InputError):
    """What was asked for by its name is not there."""


class NoModel(Missing):
    """No model of that name."""


class Conflict(InputError):
    """It cannot be done just now, as things stand."""


class ClientGone(AnamnesisError):
    """Nobody waits for the answer any more."""


class Unsupported(InputError):
    """A parameter that this API has no use for; `param` names it."""

    def __init__(
        self, wrong: str, *, param: str, code: str = "unsupported_value", expected: str = "", remedy: str = ""
    ) -> None:
        super().__init__(wrong, expected=expected, remedy=remedy)
        self.param, self.code = param, code


@dataclass(frozen=True, slots=True)
class Fault:
    """What a client is told. `param`: which part of the request, `code`: a word for programs."""

    status: int
    wrong: str
    expected: str = ""
    remedy: str = ""
    param: str = ""
    code: str = ""
    wait: int = 0
    issues: tuple[tuple[str, str], ...] = ()
    allow: str = ""

    @property
    def message(self) -> str:
        """All of it in one line."""
        parts = [self.wrong, f"Expected {self.expected}" if self.expected else "", self.remedy]
        return " ".join(part.rstrip(".") + "." for part in parts if part)


def fault_of(error: Exception) -> Fault:
    """What is told of an error."""
    match error:
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case NoKey():
            return Fault(401, error.wrong, error.expected, error.remedy, code="invalid_api_key")
        case TooManyTries():
            remedy = f"{error.remedy}. {_HELP}"
            return Fault(429, error.wrong, error.expected, remedy, code="rate_limit_exceeded", wait=error.wait)
        case AccessError():
            return Fault(403, error.wrong, error.expected, error.remedy, code="insufficient_permissions")
        case NoModel():
            return Fault(404, error.wrong, error.expected, error.remedy, param="model", code="model_not_found")
        case Missing():
            return Fault(404, error.wrong, error.expected, error.remedy, code="not_found")
        case Conflict():
            return Fault(409, error.wrong, error.expected, error.remedy, code="conflict")
        case Unsupported():
            return Fault(400, error.wrong, error.expected, error.remedy, param=error.param, code=error.code)
        case ClientGone():
            return Fault(499, error.wrong, code="client_gone")
        case BundleFault():
            return Fault(422, error.wrong, error.expected, error.remedy, code="invalid_bundle", issues=error.issues)
        case InputError():
            return Fault(400, error.wrong, error.expected, error.remedy, code="invalid_value")
        case EngineBusy():
            return Fault(
                503, "Everything is busy", remedy=f"Try again in a while. {_HELP}", code="overloaded", wait=BUSY_S
            )
        case AnamnesisError():
            return Fault(
                503, f"The service cannot do this now ({type(error).__name__})", code="unavailable", wait=BUSY_S,
                remedy=f"Try again later; the operator finds the request id in the log. {_HELP}",
            )  # fmt: skip
    return Fault(
        500, "Something went wrong on our side", code="internal_error",
        remedy=f"Try again later; the operator finds the request id in the log. {_HELP}",
    )  # fmt: skip


def respond(request: Request, fault: Fault) -> Response:
    """The fault in the shape that the address's clients read."""
    headers = {"Retry-After": str(max(1, fault.wait))} if fault.status in (429, 503) else {}
    if fault.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if fault.allow:
        headers["Allow"] = fault.allow
    path = request.url.path
    if path == "/v1" or path.startswith("/v1/"):
        # OpenAI answers 400 where a body does not fit, and 422 nowhere.
        return JSONResponse(openai_error(fault), 400 if fault.status == 422 else fault.status, headers)
    if path.startswith(FHIR + "/") and fault.status < 500:
        return JSONResponse(outcome(fault), fault.status, headers, media_type="application/fhir+json")
    return JSONResponse(problem(fault, request), fault.status, headers, media_type="application/problem+json")


def openai_error(fault: Fault) -> dict[str, Any]:
    """OpenAI's error object."""
    kinds = {403: "insufficient_permissions", 429: "requests"}
    kind = "server_error" if fault.status >= 500 else kinds.get(fault.status, "invalid_request_error")
    return {"error": {"message": fault.message, "type": kind, "param": fault.param or None, "code": fault.code or None}}


def problem(fault: Fault, request: Request) -> dict[str, Any]:
    """RFC 9457, with what was expected and what to do next as members of their own."""
    found: dict[str, Any] = {
        "type": f"urn:anamnesis:problem:{fault.code or 'fault'}",
        "title": _phrase(fault.status),
        "status": fault.status,
        "detail": fault.message,
        "what": fault.wrong,
        "expected": fault.expected,
        "remedy": fault.remedy,
        "request_id": request.scope.get("request_id", ""),
    }
    if fault.param:
        found["where"] = fault.param
    return found


def outcome(fault: Fault) -> dict[str, Any]:
    """FHIR's OperationOutcome: an issue for each thing that is wrong, with the path of it."""
    codes = {401: "login", 403: "forbidden", 404: "not-found", 409: "conflict", 413: "too-long", 429: "throttled"}
    code = codes.get(fault.status, "invalid")
    issues: list[dict[str, Any]] = [
        {"severity": "error", "code": code, "diagnostics": wrong, "expression": [path]} for path, wrong in fault.issues
    ]
    if not issues:
        issues = [{"severity": "error", "code": code, "diagnostics": fault.message}]
        if fault.param:
            issues[0]["expression"] = [fault.param]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _invalid(error: RequestValidationError) -> Fault:
    # What was given is left out: errors are read by others than who sent it.
    found = [(_where(each["loc"]), str(each["msg"]).removeprefix("Value error, ")) for each in error.errors()]
    where, wrong = found[0] if found else ("", "The request cannot be read")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Fault(
        422, f"{where or 'The body'}: {wrong}{more}", remedy="See /api/docs", param=where, code="invalid_request"
    )


def _where(place: Sequence[Any]) -> str:
    parts = [str(part) for part in place if part not in ("body", "query", "path", "header")]
    # A name that the caller made up is not repeated at any length.
    return ".".join(part.encode("ascii", "replace").decode()[:60] for part in parts[:8])


def _http(error: HTTPException) -> Fault:
    said: Mapping[int, tuple[str, str, str]] = {
        400: ("The body is no JSON that can be read", "Send an object as application/json", "invalid_body"),
        404: ("There is nothing at this address", "See /api/docs", "not_found"),
        405: ("This address does not take that method", "See /api/docs", "method_not_allowed"),
        413: ("The body is too large", "Send less at once", "too_large"),
        415: ("The body is of another type", "Send application/json", "unsupported_media_type"),
    }
    known = said.get(error.status_code, (_phrase(error.status_code), "", ""))
    return Fault(error.status_code, known[0], remedy=known[1], code=known[2])


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in {known.value for known in HTTPStatus} else "Client Closed Request"
