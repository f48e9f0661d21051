"""Work beside the serving process: the program that does it, with a lower priority, and what it needs to know.

Suites, reports and counts are read and made in processes of their own: they take seconds of a processor, and a turn would wait.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import agent
from knowledge.errors import ConfigError, InputError

_MOST_S = 600.0
_ROOT = Path(agent.__file__).parents[1]


def needs_extra() -> bool:
    """Whether the package that runs the suites is not installed."""
    return find_spec("inspect_ai") is None


def check_extra() -> None:
    """Raises ConfigError where the suites cannot run, with what to install."""
    if needs_extra():
        raise ConfigError(
            "The suites need the package inspect-ai, which is not installed",
            remedy="Install the extra: pip install 'anamnesis[evals]'",
        )


def command(*words: str) -> list[str]:
    """What starts `agent.app.bench.work`. -P: no folder but the packages' own is looked into for them."""
    return [sys.executable, "-P", "-m", "agent.app.bench.work", *words]


def environment(home: Path) -> dict[str, str]:
    """The environment of such a process: this one's, with the home, and where the packages lie."""
    known = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ, "ANAMNESIS_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "COLUMNS": "120",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), known))),
    }  # fmt: skip


def ran(home: Path, *words: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Such a process, over. `told` is given to it.

    Raises:
        InputError: it took too long.
        ConfigError: the extra is not installed.
    """
    check_extra()
    try:
        return subprocess.run(
            command(*words), input=told, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=_MOST_S,
            env=environment(home), start_new_session=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as fault:
        raise InputError(f"It took longer than {_MOST_S:.0f} s", remedy="Choose fewer runs or suites") from fault


def done(home: Path, *words: str, told: str = "") -> str:
    """What such a process says on standard output.

    Raises:
        InputError: it could not; with its own words.
        ConfigError: the extra is not installed.
    """
    over = ran(home, *words, told=told)
    if over.returncode:
        raise fault_of(over)
    return over.stdout


def fault_of(over: subprocess.CompletedProcess[str]) -> InputError:
    """What a command said was wrong: its own line of a fault, or the last line there is."""
    lines = [line.strip() for line in over.stderr.splitlines() if line.strip()]
    own = [line.removeprefix("anamnesis: ") for line in lines if line.startswith("anamnesis: ")]
    return InputError((own or lines or [f"The process ended with {over.returncode}"])[-1][:600])
