"""What the papers say, held: the README's module list, settings and commands are those of the tree, and its examples run."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAPERS = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if path.is_file()
)
PACKAGES = ("knowledge", "retrieval", "agent", "evals", "finetune")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.M)
_TARGET = re.compile(r"^([a-z][\w-]*):", re.M)


def examples(text: str) -> list[list[tuple[str, str]]]:
    """The console blocks: in each, commands (lines that begin with "$ ") with the output expected of them."""
    blocks = []
    for kind, body in _FENCE.findall(text):
        if kind == "console":
            parts = re.split(r"^\$ (.*)\n", body, flags=re.M)[1:]
            blocks.append(list(zip(parts[::2], parts[1::2], strict=True)))
    return blocks


def modules_listed(text: str) -> list[str]:
    """Rows of the module tables; a row for a folder stands for its `__init__.py`."""
    named = [name for name, _ in _ROW.findall(text) if name.startswith(tuple(f"{package}/" for package in PACKAGES))]
    return [f"{name}__init__.py" if name.endswith("/") else name for name in named]


def paths_named(text: str) -> set[str]:
    """Files a paper points at: targets of its links and pictures, and what looks like a path of ours in its prose."""
    prose = _FENCE.sub("", text)
    links = {link for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", prose) if "://" not in link}
    quoted = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", prose)
    names = {name for name in quoted if name.endswith("/") or name.endswith((".md", ".py", ".toml", ".txt", ".png"))}
    return links | names


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Runs a line as a reader's shell would, with this tree's `anamnesis` on the path and a home of its own.

    No model is the subject of an example, so the engine is none: answers are the passages' own sentences.
    """
    tools = tmp_path_factory.mktemp("bin")
    command = tools / "anamnesis"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agent.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANAMNESIS_")} | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ANAMNESIS_HOME": str(tmp_path_factory.mktemp("home")),
        "ANAMNESIS_ENGINE": "none",
    }

    def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"], cwd=folder, env=environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("block", examples(README), ids=lambda block: block[0][0][:60])
def test_an_example_runs_and_says_what_the_readme_says(block, shell, tmp_path):
    for line, expected in block:
        done = shell(line, tmp_path)
        assert done.returncode == 0, f"$ {line}\n{done.stderr}"
        # "..." stands for anything, as in a doctest; a command shown without output may say what it likes.
        if expected.strip():
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(expected, done.stdout, flags), f"$ {line}\n{done.stdout}"


def test_the_examples_cover_the_commands_that_need_no_browser_or_download():
    lines = " ".join(line for block in examples(README) for line, _ in block)
    for wanted in ("ask", "triage", "redact", "search", "knowledge build", "knowledge list", "knowledge check",
                   "models list", "audit verify"):  # fmt: skip
        assert f"anamnesis {wanted}" in lines, f"no example of anamnesis {wanted}"
    assert "--batch" in lines


def test_the_readme_lists_every_module_once_and_no_other():
    listed = modules_listed(README)
    there = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert sorted(there - set(listed)) == [], "modules without a line in the README"
    assert sorted(set(listed) - there) == [], "lines in the README without a module"
    assert len(listed) == len(set(listed)), "a module has two lines"


def test_every_module_has_words_in_its_line():
    assert [name for name, words in _ROW.findall(README) if len(words.split()) < 2] == []


def test_the_readme_lists_every_setting_with_its_default():
    from agent.config import Settings

    section = README.partition("## Settings")[2].partition("\n## ")[0]
    rows: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", section, re.M):
        rows |= zip(names.replace("`", "").split(", "), defaults.split(", "), strict=True)
    shown = {field.name: _shown(field.default) for field in fields(Settings) if field.name != "home"}
    assert rows == shown


def test_every_command_is_in_the_readme():
    from agent.cli import COMMANDS

    assert [name for name in COMMANDS if f"anamnesis {name}" not in README] == []


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_names_only_what_exists(paper):
    from agent.cli import COMMANDS

    text = (ROOT / paper).read_text(encoding="utf-8")
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {name for name in re.findall(r"`make ([a-z][\w-]*)", text)} <= targets
    assert {name for name in re.findall(r"`anamnesis ([a-z]+)", text)} <= set(COMMANDS)
    assert [name for name in sorted(paths_named(text)) if not _exists(name, beside=(ROOT / paper).parent)] == []


def test_the_readers_of_this_file_see_a_planted_fault():
    assert modules_listed("| `agent/turn.py` | one turn |\n| `agent/` | all |\n| `home` | x |") == [
        "agent/turn.py",
        "agent/__init__.py",
    ]
    assert paths_named("see [x](docs/nothing.md#part), `LICENSE.txt`, `agent/`, [y](https://example.org/a.md)") == {
        "docs/nothing.md",
        "LICENSE.txt",
        "agent/",
    }
    assert examples("```console\n$ a b\nout\n$ c\n```\n```sh\n$ d\n```\n") == [[("a b", "out\n"), ("c", "")]]


def _exists(name: str, *, beside: Path) -> bool:
    # A bare name such as `types.py` may be a file that several packages have.
    everywhere = (path for package in PACKAGES for path in (ROOT / package).rglob(name)) if "/" not in name else ()
    return (beside / name).exists() or (ROOT / name).exists() or any(everywhere)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else "empty"
