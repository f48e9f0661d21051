"""Inspect, as a client over HTTP: its own OpenAI-compatible provider, two samples, nothing of ours on its side."""

from __future__ import annotations

import pytest

pytest.importorskip("inspect_ai", reason="the extra `evals` is not installed")


def test_inspect_runs_a_task_on_the_agent_over_http(served, tmp_path, monkeypatch):
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import includes

    monkeypatch.setenv("ANAMNESIS_API_KEY", served.key("chat"))
    monkeypatch.setenv("ANAMNESIS_BASE_URL", f"{served.url}/v1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    task = Task(
        dataset=[
            Sample(input="My dad has crushing chest pain and is sweating", target="Emergency"),
            Sample(input="What is asthma?", target="Sources"),
        ],
        scorer=includes(ignore_case=False),
    )
    (log,) = eval(task, model="openai-api/anamnesis/anamnesis", log_dir=str(tmp_path), display="none", max_tokens=64, temperature=0)
    assert log.status == "success", log.error
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    assert all("Written by a program" in sample.output.completion for sample in log.samples)
    assert sum(usage.total_tokens for usage in log.stats.model_usage.values()) == 0, "no model wrote"
