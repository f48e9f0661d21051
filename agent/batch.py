"""JSON lines in, JSON lines out: in order, resumable, a bad line never stops the rest."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from knowledge.errors import AnamnesisError, InputError

Row = dict[str, Any]
Work = Callable[[Row], Row]


def run_each(
    work: Work,
    text: str | None,
    source: str | None,
    target: str,
    *,
    identity: str,
    text_fields: tuple[str, ...] = ("text",),
) -> None:
    """What every command with `--batch` does: one `text`, its row without an id, or the file `source`, line by line.

    Raises:
        click.UsageError: both or neither were given.
        InputError: a file cannot be read or written, or some of its lines could not be done.
    """
    import click

    if (text is None) == (source is None):
        raise click.UsageError("Give either TEXT or --batch IN.")
    if source is not None:
        failed = run_batch(source, target, work, identity=identity, text_fields=text_fields)
        if failed:
            raise InputError(
                f"{failed} line(s) could not be done", remedy="Each has an error in its place in the output"
            )
        return
    row = {key: value for key, value in work({"id": None, "text": text}).items() if key != "id"}
    line = json.dumps(row, ensure_ascii=False)
    if target == "-":
        click.echo(line)
    else:
        Path(target).write_text(line + "\n", encoding="utf-8")


def run_batch(source: str, target: str, work: Work, *, identity: str, text_fields: tuple[str, ...] = ("text",)) -> int:
    """Apply `work` to every line of `source` and write one line each to `target`; the number of lines that failed.

    "-" is standard input or output. A line that is not an object with an id and one of `text_fields` gives
    `{"id","error":{"type","message"}}` in its place, as does an `AnamnesisError` of the work. Results gather in
    TARGET.part and take the target's name when all are done; a run that was stopped goes on where it was, if
    `identity` (settings, command) and the input are the same.

    Raises:
        InputError: the input cannot be read or the output cannot be written.
    """
    lines = _read(source)
    if target == "-":
        return sum(_write(sys.stdout, number, line, work, text_fields) for number, line in _progress(lines, start=0))
    out = Path(target)
    part, seal = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.id")
    stamp = hashlib.sha256("\0".join([identity, *lines]).encode("utf-8", "surrogatepass")).hexdigest()
    try:
        done, failed = _resume(part, seal, stamp)
        with part.open("a", encoding="utf-8") as stream:
            for number, line in _progress(lines, start=done):
                failed += _write(stream, number, line, work, text_fields)
        os.replace(part, out)
        seal.unlink()
    except OSError as fault:
        raise InputError(
            f"{target} cannot be written: {fault}",
            remedy="Free some space or name another file; finished lines are kept",
        ) from fault
    return failed


def _read(source: str) -> list[str]:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as fault:
        raise InputError(f"{source} cannot be read: {fault.strerror}", expected="a file of JSON lines") from fault
    return [line for line in raw.decode("utf-8-sig", "replace").split("\n") if line.strip()]


def _progress(lines: list[str], *, start: int) -> Iterator[tuple[int, str]]:
    from tqdm import tqdm

    numbered = list(enumerate(lines, 1))[start:]
    yield from tqdm(numbered, total=len(lines), initial=start, unit="line", disable=None, file=sys.stderr)


def _resume(part: Path, seal: Path, stamp: str) -> tuple[int, int]:
    if seal.is_file() and part.is_file() and seal.read_text(encoding="utf-8") == stamp:
        whole = [line for line in part.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        part.write_text("".join(whole), encoding="utf-8")
        return len(whole), sum("error" in json.loads(line) for line in whole)
    part.write_text("", encoding="utf-8")
    seal.write_text(stamp, encoding="utf-8")
    return 0, 0


def _write(stream: TextIO, number: int, line: str, work: Work, text_fields: tuple[str, ...]) -> int:
    result = _one(number, line, work, text_fields)
    stream.write(json.dumps(result, ensure_ascii=True) + "\n")
    stream.flush()
    return "error" in result


def _one(number: int, line: str, work: Work, text_fields: tuple[str, ...]) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as fault:
        return _error(None, "InputError", f"Line {number} is not JSON ({fault.msg}).")
    except RecursionError:
        return _error(None, "InputError", f"Line {number} is nested too deeply.")
    if not isinstance(row, dict) or "id" not in row:
        return _error(None, "InputError", f'Line {number} is not an object with an "id".')
    given = [name for name in text_fields if name in row]
    if not given:
        return _error(row["id"], "InputError", f"Line {number} has none of {', '.join(text_fields)}.")
    if "text" in given and not isinstance(row["text"], str):
        return _error(row["id"], "InputError", f"Line {number}: text is not a string.")
    try:
        return work(row)
    except AnamnesisError as fault:
        return _error(row["id"], type(fault).__name__, str(fault))


def _error(row_id: Any, kind: str, message: str) -> Row:
    return {"id": row_id, "error": {"type": kind, "message": message}}
