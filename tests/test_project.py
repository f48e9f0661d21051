"""The project's own files, held: locks, extras, texts in both languages, start-up, what CI runs, what is never named."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = {"knowledge", "retrieval", "agent", "evals", "finetune"}
LOCKS = ("default.txt", "test.txt", "torch.txt", "gpu.txt")
PREVIEW = (
    "Research preview. Urgency advice to patients is probably a medical device (FDA, MDR, NMPA): "
    "no real patients before a named safety officer signs the hazard log (ISO 14971, DCB0129)."
)
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][^\s;,*]*)(?:\s*;.*)?")
_NOT_OURS = {"build", "dist", "__pycache__", "node_modules"}
# Written in parts: this file is held to the rule too.
_REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"), ("python" + "hosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("anaconda", "org"),
            ("crates", "io"), ("proxy", "golang", "org"), ("rubygems", "org"), ("download", "pytorch", "org"),
            ("docker", "io"), ("pypi", "python"), ("pypi", "tuna"),
        )
    )
)  # fmt: skip


def requirements(text: str) -> list[str]:
    """The requirement lines of a lock file, without hashes, comments and options."""
    joined = text.replace("\\\n", " ")
    lines = (re.sub(r"--hash=\S+|\s#.*|^#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def locked(name: str) -> dict[str, str]:
    """Package (normalised name) to version. Fails on a line that is no exact pin, or a package pinned twice."""
    found: dict[str, str] = {}
    for line in requirements((ROOT / "requirements" / name).read_text(encoding="utf-8")):
        pin = _PIN.fullmatch(line)
        assert pin, f"{name}: {line!r} is not an exact version"
        package = re.sub(r"[-_.]+", "-", pin[1]).lower()
        assert package not in found, f"{name} holds {package} twice"
        found[package] = pin[2]
    return found


def wanted(*extras: str) -> set[str]:
    """What pyproject asks for by name, with these extras."""
    lines = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        lines += PROJECT["project"]["optional-dependencies"][extra]
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}  # type: ignore[index]


def files() -> Iterator[Path]:
    """Every file of the project: what a checkout holds, and nothing that tools left beside it."""
    for folder, names, inside in os.walk(ROOT):
        names[:] = [
            name for name in names
            if name not in _NOT_OURS and not name.endswith(".egg-info") and (not name.startswith(".") or name == ".ci")
        ]  # fmt: skip
        yield from (Path(folder) / name for name in inside)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_exact_versions(name):
    assert len(locked(name)) > 10


@pytest.mark.parametrize(
    ("name", "extras"), [("default.txt", ()), ("test.txt", ("dev",)), ("gpu.txt", ("gpu", "finetune"))]
)
def test_a_lock_file_holds_all_that_pyproject_asks_for(name, extras):
    missing = wanted(*extras) - set(locked(name))
    assert missing == ({"faiss-cpu"} if name == "gpu.txt" else set())


@pytest.mark.parametrize("name", ["default.txt", "test.txt"])
def test_the_default_and_the_tests_hold_hashes_and_no_torch(name):
    heavy = {"torch", "transformers", "accelerate", "bitsandbytes", "peft", "faiss-gpu-cu12"}
    assert not heavy & set(locked(name))
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    bare = [line for line in text.splitlines() if _PIN.match(line) and "--hash=sha256:" not in line]
    assert bare == []


def test_on_a_gpu_faiss_gpu_replaces_faiss_cpu():
    gpu = locked("gpu.txt")
    assert any(name.startswith("faiss-gpu") for name in gpu) and "faiss-cpu" not in gpu
    assert gpu["torch"] == locked("torch.txt")["torch"] == "2.13.0"


def test_the_same_package_has_one_version_in_every_lock():
    versions: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, version in locked(name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_five_packages_and_seven_extras():
    project = PROJECT["project"]
    assert {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"} == PACKAGES
    assert {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]} == PACKAGES
    assert set(project["optional-dependencies"]) == {"gpu", "finetune", "evals", "terms", "milvus", "tracing", "dev"}
    gpu = wanted("gpu") - wanted()
    assert {"torch", "transformers", "peft", "bitsandbytes", "accelerate", "sentence-transformers"} <= gpu
    assert any(name.startswith("faiss-gpu") for name in gpu)
    assert project["scripts"] == {"anamnesis": "agent.cli:main"}


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("paper", ["README.md", "DISCLAIMER.md"])
def test_what_this_is_not_is_said_in_the_agreed_words(paper):
    text = re.sub(r"[\s>]+", " ", (ROOT / paper).read_text(encoding="utf-8"))
    assert PREVIEW in text


@pytest.mark.parametrize("folder", ["messages", "prompts"])
def test_both_languages_hold_the_same_texts_with_the_same_fields(folder):
    english, chinese = (_texts(ROOT / "agent" / folder / f"{language}.toml") for language in ("en", "zh"))
    assert len(english) > 5
    assert english == chinese


def test_help_answers_at_once():
    # Processor time and the best of three: the machine may be shared, and a wall clock would measure the others.
    assert min(_seconds("--help") for _ in range(3)) < 0.3


def test_ci_runs_make_test_and_nothing_else():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line.strip() for line in script.read_text(encoding="utf-8").splitlines()]
    done = [line for line in lines if line and not line.startswith(("#", "set -", "cd "))]
    assert done == ["exec make test"]


def test_no_file_names_a_package_registry():
    checked, found = 0, []
    for file in files():
        raw = file.read_bytes()
        if b"\0" in raw[:4096]:
            continue
        checked += 1
        found += [
            f"{file.relative_to(ROOT)}: {match[0]}" for match in _REGISTRIES.finditer(raw.decode("utf-8", "replace"))
        ]
    assert checked > 150
    assert found == []


def test_the_readers_of_this_file_see_a_planted_fault():
    pinned = "# a comment\n--option\nok==1.0 \\\n    --hash=sha256:ab \\\n    # via x\n"
    text = pinned + "loose>=2  # why\nstar==1.*\nmark==1 ; sys_platform == 'linux'\n"
    lines = requirements(text)
    assert [bool(_PIN.fullmatch(line)) for line in lines] == [True, False, False, True]
    assert _REGISTRIES.search("https://files." + "python" + "hosted" + ".org/x")


def _texts(file: Path) -> dict[str, set[str]]:
    texts = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: {field for _, field, _, _ in string.Formatter().parse(text) if field} for name, text in texts.items()}


def _seconds(*arguments: str) -> float:
    """User and system time of one run of the command."""
    child = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_utime + used.ru_stime
