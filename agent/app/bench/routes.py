"""What the evaluator's page serves beside itself: reports as files. Only ids of runs that are there; no path gets anywhere."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from agent.accounts.permissions import require
from agent.app.bench.reports import FORMS, report
from agent.app.bench.runs import Runs
from agent.app.staff.pages import FILES
from agent.app.staff.who import who_of
from knowledge.errors import InputError

ROUTER = APIRouter(prefix=f"/bench{FILES.rstrip('/')}", include_in_schema=False)
_TYPES = {"page": "text/html", "json": "application/json", "junit": "application/xml", "card": "text/markdown"}
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_LONGEST = 200


@ROUTER.get("/report/{form}")
def report_file(request: Request, form: str) -> Response:
    """A report of the runs named (`?run=ID&run=ID&profile=NAME`), as a page, JSON, JUnit or a model card's section.

    Raises:
        AccessError: whoever asks may not read reports; recorded.
        InputError: a run is not there.
    """
    house = request.app.state.services
    require(house.db, who_of(request), "read_reports")
    runs = [each[:_LONGEST] for each in request.query_params.getlist("run")]
    if form not in FORMS:
        raise HTTPException(404)
    try:
        found = report(Runs(house.settings.home), runs, request.query_params.get("profile", "full"))
    except InputError as fault:
        raise HTTPException(404) from fault
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    if form != "page":
        name = f"anamnesis-{'-'.join(found.runs)[:80]}{FORMS[form][FORMS[form].index('.') :]}"
        headers["Content-Disposition"] = (
            f'attachment; filename="{"".join(c if c.isalnum() or c in "-._" else "_" for c in name)}"'
        )
    return FileResponse(found.folder / FORMS[form], media_type=f"{_TYPES[form]}; charset=utf-8", headers=headers)
