"""What the harness costs: `make bench-harness`. A sample of ours beside one of a no-op Inspect task, and beside the bare engine.

Both sides run in the same process, turn by turn, on the same messages; ratios and differences are printed, with n. With a model
(`python -m evals.bench_harness llamacpp/smollm2-135m`) its calls are made directly and through the harness.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from evals.metrics import percentile

_ROUNDS = 5
_SAMPLES = 200
_PAIRS = 8
_CALLS = 16
_WRITTEN = 64
"""Tokens at most, of each call."""


def main(arguments: Sequence[str]) -> int:
    """Print the table; exit 0."""
    from evals.suites.triage import triage

    task = triage(split="validation", n=_SAMPLES)
    n = len(task.dataset)
    ours, nothing = [], []
    for _ in range(_ROUNDS):
        nothing.append(1000 * _seconds(_no_op(n), _scripted()) / n)
        ours.append(1000 * _seconds(triage(split="validation", n=_SAMPLES), _scripted()) / n)
    print(f"ms a sample, n {n}, median of {_ROUNDS} rounds, one after the other")
    print(f"  a no-op Inspect task    {percentile(nothing, 0.5):7.2f}")
    print(f"  the triage suite        {percentile(ours, 0.5):7.2f}")
    print(f"  the harness adds        {percentile([a - b for a, b in zip(ours, nothing, strict=True)], 0.5):7.2f}")
    if arguments:
        _beside_engine(arguments[0])
    return 0


def _beside_engine(name: str) -> None:
    """The same requests to an engine, alone and through the harness; which goes first alternates: a prompt's start is kept."""
    from agent.config import load
    from agent.engines import open_engine
    from agent.types import ChatRequest
    from evals.prompts import prompt
    from evals.subjects.providers import BareModel
    from evals.suites.triage import triage

    engine, _, model = name.partition("/")
    settings = load(engine=engine, model=model or None)
    opened = open_engine(engine, model=settings.model, home=settings.home, context=settings.context)
    system = {"role": "system", "content": prompt("en", "triage")}
    subject = _as_model(BareModel(name, chat_model=opened))
    taken: dict[str, list[float]] = {"alone": [], "through": []}
    for number in range(_PAIRS):
        task = triage(split="validation", n=_CALLS, seed=number, language="en")
        messages = [str(sample.input) for sample in task.dataset]
        for way in ("alone", "through") if number % 2 else ("through", "alone"):
            began = perf_counter()
            if way == "through":
                _evaluate(task, subject, max_tokens=_WRITTEN)
            else:
                for message in messages:
                    asked = ({"role": "user", "content": message},)
                    for _piece in opened.stream(ChatRequest(messages=(system, *asked), max_tokens=_WRITTEN)):
                        pass
            taken[way].append(perf_counter() - began)
    opened.close()
    alone, through = taken["alone"], taken["through"]
    shares = [b / a - 1 for a, b in zip(alone, through, strict=True)]
    print(f"{name}, {_PAIRS} pairs of runs of {len(messages)} calls, seconds a run: alone {percentile(alone, 0.5):.2f}, "
          f"through the harness {percentile(through, 0.5):.2f}; it adds {100 * percentile(shares, 0.5):+.1f}% "
          f"(median of the pairs; from {100 * min(shares):+.1f}% to {100 * max(shares):+.1f}%)")  # fmt: skip


def _no_op(n: int) -> Any:
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import includes
    from inspect_ai.solver import generate

    samples = [Sample(input="Nothing.", target="Nothing.", id=number) for number in range(n)]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes())


def _scripted() -> Any:
    """A model that says one thing at once; usage is given, or Inspect would fetch a tokenizer to count it."""
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def say(*_given: Any) -> ModelOutput:
        output = ModelOutput.from_content(model="mockllm", content="Urgency: routine. See somebody this week.")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=say, memoize=False)


def _as_model(api: Any) -> Any:
    from inspect_ai.model import GenerateConfig, Model

    return Model(api, GenerateConfig())


def _seconds(task: Any, model: Any) -> float:
    began = perf_counter()
    _evaluate(task, model)
    return perf_counter() - began


def _evaluate(task: Any, model: Any, **given: Any) -> None:
    from inspect_ai import eval as evaluate

    with tempfile.TemporaryDirectory() as folder:
        evaluate(task, model=model, log_dir=folder, display="none", log_realtime=False, **given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
