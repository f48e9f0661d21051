"""docs/api.md, run: every example on a real server, and what its tables promise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from agent.accounts.permissions import table
from agent.config import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.parametrize(("kind", "code"), EXAMPLES, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(EXAMPLES, 1)])
def test_an_example_runs(served, kind, code):
    if kind == "sh" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    command = [sys.executable, "-c", code] if kind == "python" else ["sh", "-ec", code.replace("curl -sS", "curl -sS --fail-with-body")]
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    key = served.key("chat", "search", "tools", "own", role="clinician")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**clean, "URL": served.url, "KEY": key}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout) > 10


def test_the_settings_and_scopes_it_names_are_those_there_are():
    assert len(EXAMPLES) >= 10
    named = set(re.findall(r"`(api_\w+)`", PAGE))
    assert named == {field.name for field in fields(Settings) if field.name.startswith("api_") and field.name != "api_key_env"}
    scopes = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M)) - named
    assert scopes == {"chat", "tools", "search", "own", "metrics"} <= set(table().scopes)
