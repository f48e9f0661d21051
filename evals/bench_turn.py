"""Where a turn's time goes, with the bare model beside it: `make bench-turn`.

Twelve questions of our own (eight English, four Chinese), after one warm-up of each. For each: the agent's turn, then
the same question to the same model without passages or checks. Seconds by stage; "first" is the first verified
sentence (agent) or the first sentence (bare model).
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from datetime import date
from time import perf_counter

from agent.build import Agent, build_agent
from agent.config import load
from agent.generate import cut_sentences
from agent.privacy import Redactor
from agent.session import new_state
from agent.turn import run_turn
from agent.types import ChatModel, ChatRequest, Done
from evals.metrics import percentile

QUESTIONS = (
    "I've had a runny nose and a sore throat for two days, no fever. Do I need antibiotics?",
    "What can I do about heartburn at night?",
    "How long does shingles last?",
    "Can I take paracetamol and ibuprofen together?",
    "My lower back has hurt since I moved house last week. What helps?",
    "What is a normal blood pressure?",
    "Is conjunctivitis catching?",
    "How should I look after a sprained ankle?",
    "感冒要吃抗生素吗？",
    "成人发烧多少度要吃退烧药？",
    "晚上睡不着怎么办？",
    "尿路感染怎么预防？",
)
_MODEL_STAGES = ("generation", "first_sentence", "total", "bare_first", "bare_total")


def main() -> int:
    """Print one table; exit 1 when a turn gave no answer."""
    settings = replace(load(), intake=False)
    agent = build_agent(settings)
    if agent.model is None:
        print("The engine is none: there is no model to time", file=sys.stderr)
        return 1
    _turn(agent, QUESTIONS[0])
    times: dict[str, list[float]] = {}
    kinds: dict[str, int] = {}
    for question in QUESTIONS:
        kind, stages = _turn(agent, question)
        kinds[kind] = kinds.get(kind, 0) + 1
        stages["bare_first"], stages["bare_total"] = _bare(agent.model, question, settings.max_tokens)
        stages["all but the model"] = sum(seconds for name, seconds in stages.items() if name not in _MODEL_STAGES)
        for name, seconds in stages.items():
            times.setdefault(name, []).append(seconds)
        print(".", end="", flush=True, file=sys.stderr)
    load_average = os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load average {load_average:.1f} at the end"
    print(f"\n{agent.model.name}, {machine}, kinds {kinds}")
    print(f"{'stage':20} {'n':>3} {'p10':>8} {'median':>8} {'p90':>8} {'max':>8}   seconds")
    for name, values in times.items():
        row = [percentile(values, share) for share in (0.1, 0.5, 0.9, 1.0)]
        print(f"{name:20} {len(values):3} " + " ".join(f"{value:8.3f}" for value in row))
    ratio = [a / b for a, b in zip(times["total"], times["bare_total"], strict=True)]
    print(f"total / bare_total   {len(ratio):3} median ratio {percentile(ratio, 0.5):.2f}")
    agent.close()
    return 0


def _turn(agent: Agent, question: str) -> tuple[str, dict[str, float]]:
    began = perf_counter()
    for event in run_turn(agent, new_state(agent.settings), question, redactor=Redactor(date.today())):
        if isinstance(event, Done):
            return event.answer.kind, {**event.answer.timings, "total": perf_counter() - began}
    raise RuntimeError("a turn ended without Done")


def _bare(model: ChatModel, question: str, max_tokens: int) -> tuple[float, float]:
    began, first, text = perf_counter(), 0.0, ""
    for piece in model.stream(ChatRequest(messages=({"role": "user", "content": question},), max_tokens=max_tokens)):
        text += piece.text
        if not first and len(cut_sentences(text)) > 1:
            first = perf_counter() - began
    total = perf_counter() - began
    return first or total, total


if __name__ == "__main__":
    sys.exit(main())
