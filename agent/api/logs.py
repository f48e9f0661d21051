"""Log lines for machines: one JSON object each, of kinds, counts and places in the code, never of words, addresses or keys."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("anamnesis.api")
_FIELDS = "fields"


class Lines(logging.Formatter):
    """A record as one line of JSON. What a library put into an exception stays out: it may quote what somebody typed."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        row: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        row |= {"event": record.getMessage(), **getattr(record, _FIELDS, {})}
        return json.dumps(row, ensure_ascii=False)


def write(event: str, *, level: int = logging.INFO, **fields: str | int | float | None) -> None:
    """One line. Fields are names and numbers that this program chose."""
    log.log(level, event, extra={_FIELDS: fields})


def place_of(fault: BaseException) -> str:
    """Where a fault arose, as file:line of the innermost frame."""
    trace, where = fault.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.rsplit("/", 3)
        where = f"{'/'.join(name[1:] if len(name) > 3 else name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def to_stderr(*, requests: bool) -> None:
    """Send our lines to standard error; with `requests` one for each request too."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    own = logging.getLogger("anamnesis")
    own.handlers = [handler]
    own.propagate = False
    own.setLevel(logging.INFO if requests else logging.WARNING)
