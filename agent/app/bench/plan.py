"""What an evaluator chooses to run, checked, and as the words of `anamnesis eval run`. No key ever stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evals.catalogue import SUITES, find_suite
from knowledge.errors import InputError

TARGETS = ("agent", "bare", "endpoint")
ENGINES = ("none", "llamacpp", "transformers", "openai")
PROFILES = ("quick", "full", "model", "release")
SETTINGS = (
    "audience", "context", "country", "intake", "max_message", "max_tokens", "min_relevance", "min_support", "passage_tokens",
    "passages", "temperature", "threads",
)  # fmt: skip
"""The settings that a run may have of its own: what decides an answer, never where things lie."""
_NAME = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,199}")
_KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,60}_API_KEY")
"""A variable of the environment goes to an address that the evaluator names: only those that are such keys may."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One run as it was chosen.

    `target`: our agent, one of our engines bare, or an endpoint of the chat-completions protocol at `base_url`, whose key lies in
    the environment variable `key_env`. `adapter`: a path, "none", or empty for the promoted one. `own_cases`: a file of one's own
    cases for the suite triage, in place of ours. `profile` empty, `n` and `seed` None: as the budget says.
    """

    suites: tuple[str, ...]
    target: str = "agent"
    engine: str = "none"
    model: str = ""
    adapter: str = ""
    base_url: str = ""
    key_env: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    n: int | None = None
    seed: int | None = None
    language: str = ""
    judge: str = ""
    own_cases: str = ""

    @property
    def subject(self) -> str:
        """The model as Inspect names it."""
        if self.target == "agent":
            return f"anamnesis/{self.engine}" + (f"/{self.model}" if self.model and self.engine != "none" else "")
        return f"bare/{'openai' if self.target == 'endpoint' else self.engine}/{self.model}"

    @property
    def model_args(self) -> dict[str, str]:
        """The arguments of the model."""
        if self.target == "endpoint":
            # An empty name says that no key is sent; left out, the server's own OPENAI_API_KEY would be.
            return {"base_url": self.base_url, "api_key_env": self.key_env, **self.settings}
        adapter = {"adapter": self.adapter} if self.adapter and self.engine != "none" else {}
        return {**adapter, **self.settings}

    @property
    def task_args(self) -> dict[str, str]:
        """The arguments of the suites."""
        return {"path": self.own_cases} if self.own_cases else {}

    def words(self, out: Path) -> list[str]:
        """The arguments of `anamnesis eval run` for a run in `out`; each value is behind its option's sign of equality, so that
        none is taken for an option."""
        given = [f"--suite={name}" for name in self.suites] + [f"--model={self.subject}"]
        for name in ("profile", "n", "seed", "language", "judge"):
            value = getattr(self, name)
            given += [f"--{name}={value}"] if value not in ("", None) else []
        given += [f"-M{name}={value}" for name, value in self.model_args.items()]
        given += [f"-T{name}={value}" for name, value in self.task_args.items()]
        return [*given, f"--out={out}"]


def check(choice: Choice) -> Choice:
    """The choice, where it can be run.

    Raises:
        InputError: what of it cannot be, and what is expected.
    """
    if not choice.suites:
        raise InputError("No suite was chosen", remedy="Choose at least one")
    for name in choice.suites:
        suite = find_suite(name)
        if suite.on == "agent" and choice.target != "agent":
            raise InputError(
                f"The suite {name} looks into our agent", remedy="Leave it out, or take our agent as the target"
            )
        if suite.judge and not choice.judge:
            raise InputError(f"The suite {name} needs a judge", remedy="Name the model that grades")
    _one_of("The target", choice.target, TARGETS)
    _one_of("The engine", choice.engine, ENGINES)
    _one_of("The profile", choice.profile, ("", *PROFILES))
    _one_of("The language", choice.language, ("", "en", "zh"))
    for name in ("model", "judge"):
        value = getattr(choice, name)
        if value and not _NAME.fullmatch(value):
            raise InputError(
                f"The {name} is {value!r}", expected="a model's name, such as bare/llamacpp/qwen2.5-coder-1.5b"
            )
    if choice.target == "bare" and choice.engine == "none":
        raise InputError("A bare model needs an engine", expected=f"one of {', '.join(ENGINES[1:])}")
    if choice.target == "endpoint":
        _check_endpoint(choice)
    elif choice.target == "bare" and not choice.model:
        raise InputError("A bare model needs its name", remedy="Choose the model")
    if unknown := sorted(set(choice.settings) - set(SETTINGS)):
        raise InputError(f"{', '.join(unknown)} may not be set for a run", expected=f"some of {', '.join(SETTINGS)}")
    for number in (choice.n, choice.seed):
        if number is not None and not 0 <= number < 10**9:
            raise InputError(f"{number} is no number of samples or seed", expected="a whole number from 0")
    if choice.own_cases and choice.suites != ("triage",):
        raise InputError(
            "Saved cases are for the suite triage alone", remedy="Choose only triage, or leave the saved cases out"
        )
    return choice


def settings_of(text: str) -> dict[str, str]:
    """Settings from lines of NAME=VALUE. Raises InputError for a line that is none."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{line!r} is no setting", expected="lines of NAME=VALUE, such as country=GB")
        found[name.strip()] = value.strip()
    return found


def as_row(choice: Choice) -> dict[str, Any]:
    """As JSON can hold it."""
    return {**asdict(choice), "suites": list(choice.suites), "settings": dict(choice.settings)}


def from_row(row: Mapping[str, Any]) -> Choice:
    """What `as_row` made, checked again.

    Raises:
        InputError: it is none.
    """
    known = {each.name for each in fields(Choice)}
    if unknown := sorted(set(row) - known):
        raise InputError(f"A plan holds {', '.join(unknown)}", expected=f"some of {', '.join(sorted(known))}")
    return check(Choice(**{**row, "suites": tuple(row.get("suites", ())), "settings": dict(row.get("settings", {}))}))


def ordered(names: object) -> tuple[str, ...]:
    """The suites of these names in the catalogue's order."""
    wanted = set(names) if isinstance(names, list | tuple) else set()
    return tuple(suite.name for suite in SUITES if suite.name in wanted)


def _check_endpoint(choice: Choice) -> None:
    try:
        parts = urlsplit(choice.base_url)
        proper = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.username or parts.password)
    except ValueError:
        proper = False
    if not proper or re.search(r"\s|[?#]", choice.base_url):
        raise InputError(
            "The endpoint's address is none", expected="such as http://127.0.0.1:8000/v1, without any key in it"
        )
    if not choice.model:
        raise InputError("The endpoint's model has no name", remedy="Write the name that the endpoint knows it by")
    if choice.key_env and (not _KEY_NAME.fullmatch(choice.key_env) or choice.key_env.startswith("ANAMNESIS_")):
        # Never shown again: what was typed may be the key itself.
        raise InputError(
            "What stands for the key is no name of a variable that may be used",
            expected="the NAME of an environment variable of the server that ends in _API_KEY, never the key itself",
        )


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{what} is {value!r}", expected=f"one of {', '.join(each or 'none' for each in allowed)}")
