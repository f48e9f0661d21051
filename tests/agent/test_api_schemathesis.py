"""Schemathesis, a client that nobody here wrote, over the OpenAPI description of a real server: bounded examples, all its checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.api_served import serving

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
EXAMPLES = 30


def test_the_api_does_what_its_description_says(api_agent, tmp_path):
    with serving(api_agent, tmp_path, api_rate="100000/minute", api_address_rate="100000/minute") as served:
        key = served.key("chat", "search", "tools", "own", "metrics", role="clinician", keeps=True)
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/api/openapi.json", "--header", f"Authorization: Bearer {key}",
            "--header", "X-Forwarded-For: 203.0.113.9",
            "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--max-failures", "5", "--seed", "1",
            # One worker: with two, Python 3.11 now and then breaks hypothesis's reading of a lambda (SystemError in ast.parse).
            "--workers", "1", "--request-timeout", "60", "--no-color", "--generation-database", "none",
            # As from elsewhere: on this machine the metrics need no key.
            # A consent to nothing, a passage that is not there, both of two that exclude each other: what fits the schema may
            # still be refused, and says why.
            "--exclude-checks", "positive_data_acceptance",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=500, check=False, cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        verified = served.db.audit.verify()
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert verified.fault == ""
