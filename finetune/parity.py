"""Does an adapter do the same in every form? What each route would write next, along given answers, held side by side.

Three questions, because they have different answers. Is the same weight chosen first wherever the lead is wider than rounding
explains (`Agreement`)? Does the adapter change the same things as much (`effect`: the cosine of what it does to the
log-probabilities)? How far apart are the routes in all (KL)? Weights of another rounding (NF4 beside Q4) are reported, and held
to no bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from finetune.adapter import base_of, needs, read_adapter
from finetune.export import attached, export_gguf, export_merged
from knowledge.errors import InputError

Choices: TypeAlias = "list[Mapping[int, float]]"
"""For each position, tokens to their log-probability: all of them, or the likeliest."""
Text: TypeAlias = "tuple[Sequence[int], Sequence[int]]"
"""Token ids of a rendered prompt, and of the answer whose tokens are forced."""

LEAD = 0.5
"""In nats: engines with the same weights must choose alike where the first choice leads by more. llama.cpp rounds activations to
8 bits for its 4-bit kernels; 0.11 was the widest lead at which it and transformers differed (tests/agent/test_engine_parity.py)."""
COSINE = 0.9
"""The least cosine of an adapter's effect in two engines with the same weights, of what the engines' own rounding leaves of 1."""
_TOLD, _KEPT = 200, 1000
"""How many of the likeliest tokens llama.cpp is asked for, and how many of a torch model's are kept."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two routes over `n` positions. `widest`: the widest lead (nats) at which their first choices differ, 0 where none do;
    `kl`: mean over positions, over the tokens that both tell; `effect` and `noise`: as `effect` gives them, None where there
    is no base to compare with."""

    n: int
    same: float
    widest: float
    kl: float
    effect: float | None = None
    noise: float | None = None


def compare(ours: Choices, theirs: Choices) -> Agreement:
    """How far two routes agree, position by position. Positions at which one tells nothing are left out."""
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one and other]
    if not pairs:
        raise InputError("no position was told by both", expected="answers of at least one token")
    differ = [min(_lead(one), _lead(other)) for one, other in pairs if _first(one) != _first(other)]
    kl = sum(
        sum(math.exp(p) * (p - other[token]) for token, p in one.items() if token in other) for one, other in pairs
    )
    return Agreement(len(pairs), 1 - len(differ) / len(pairs), max(differ, default=0.0), kl / len(pairs))


def effect(ours: tuple[Choices, Choices], theirs: tuple[Choices, Choices]) -> tuple[float, float]:
    """The cosine of what an adapter does in two engines, and how far the engines are apart without it, in sizes of that effect.

    Each engine is given as (without the adapter, with it). The cosine is 1 where it does the same. Over the tokens that all
    four tell, the mean of each position taken off, since the probabilities' common factor says nothing.
    """
    import numpy as np

    kept: tuple[list[float], list[float], list[float]] = ([], [], [])
    for bare, worn, other_bare, other_worn in zip(*ours, *theirs, strict=True):
        tokens = [token for token in bare if token in worn and token in other_bare and token in other_worn]
        if len(tokens) < 2:
            continue
        for held, before, after in zip(kept, (bare, other_bare, bare), (worn, other_worn, other_bare), strict=True):
            moved = np.array([after[token] - before[token] for token in tokens])
            held += (moved - moved.mean()).tolist()
    first, second, apart = (float(np.linalg.norm(held)) for held in kept)
    if not first or not second:
        return 0.0, 0.0
    return float(np.dot(kept[0], kept[1])) / (first * second), apart / first


def torch_choices(model: Any, texts: Sequence[Text]) -> Choices:
    """What a torch model would write after each token of each answer."""
    import torch

    found: Choices = []
    for prompt, answer in texts:
        given = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)
        with torch.inference_mode():
            logits = model(given, logits_to_keep=len(answer)).logits[0]
        likely, which = logits.float().log_softmax(-1).topk(min(_KEPT, logits.shape[-1]))
        found += [dict(zip(*row, strict=True)) for row in zip(which.tolist(), likely.tolist(), strict=True)]
    return found


def llama_choices(model: Any, texts: Sequence[Text]) -> Choices:
    """What llama.cpp would write after each token of each answer; nothing where its choice is half a character."""
    found: Choices = []
    for prompt, answer in texts:
        for end in range(len(answer)):
            body = {"prompt": [*prompt, *answer[:end]], "n_predict": 1, "temperature": 0, "n_probs": _TOLD, "samplers": [],
                    "cache_prompt": True}  # fmt: skip
            told = model._post("/completion", body).get("completion_probabilities")
            found.append({one["id"]: one["logprob"] for one in told[0]["top_logprobs"]} if told else {})
    return found


def run_parity(
    folder: Path,
    *,
    examples: Path,
    home: Path,
    scratch: Path,
    n: int = 30,
    tokens: int = 24,
    threads: int = 1,
    nf4: bool = True,
) -> dict[str, Any]:
    """An adapter as PEFT on the full weights, merged, as NF4 with the adapter, and in llama.cpp, along held-out answers.

    `scratch` holds the merged weights meanwhile; `nf4` False leaves out the route that is only reported. The row has an
    agreement a route, each with PEFT on the full weights, and whether every bound holds.
    """
    needs("torch", "transformers", "peft", "gguf", "bitsandbytes", "accelerate")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    adapter = read_adapter(folder)
    base = base_of(adapter, home)
    texts = forced(AutoTokenizer.from_pretrained(base.folder), examples, n=n, tokens=tokens)
    model = attached(adapter, base, dtype=torch.float32)
    worn = torch_choices(model, texts)
    with model.disable_adapter():
        bare = torch_choices(model, texts)
    del model
    rows: dict[str, Agreement] = {"base": compare(worn, bare)}
    merged = scratch / "merged"
    export_merged(adapter, base, merged)
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32, use_safetensors=True).eval()
    rows["merged"] = _with_effect(worn, bare, torch_choices(model, texts), bare)
    del model
    if nf4:
        packed = [torch_choices(_nf4(base.folder, home, path, threads), texts) for path in (None, folder)]
        rows["nf4+adapter"] = _with_effect(worn, bare, packed[1], packed[0])
    if base.gguf is not None:
        file = scratch / "adapter.gguf"
        export_gguf(adapter, base, file)
        llama = []
        for path in (None, file):
            with _llama(base.gguf, path, texts, threads) as engine:
                llama.append(llama_choices(engine, texts))
        rows["llamacpp+adapter"] = _with_effect(worn, bare, llama[1], llama[0])
    held = {name: passes(row) for name, row in rows.items() if name in ("merged", "llamacpp+adapter")}
    return {"adapter": adapter.name, "digest": adapter.digest, "prompts": len(texts), "passed": all(held.values()),
            "lead": LEAD, "cosine": COSINE, "routes": {name: asdict(row) for name, row in rows.items()}}  # fmt: skip


def passes(row: Agreement) -> bool:
    """Whether a route with the same weights keeps the bounds.

    Rounding of a relative size `noise`, anew with the adapter and without it, leaves of a perfect cosine 1 / sqrt(1 + 2 noise^2);
    an adapter that does little next to it cannot be told better than that.
    """
    if row.effect is None or row.noise is None:
        return row.widest < LEAD
    return row.widest < LEAD and row.effect >= COSINE / math.sqrt(1 + 2 * row.noise**2)


def forced(tokenizer: Any, examples: Path, *, n: int, tokens: int) -> list[Text]:
    """The prompts of the first `n` examples as ids, each with the first `tokens` of its answer."""
    from agent.engines.prompt import clean
    from finetune.examples import prompt, read_examples

    texts: list[Text] = []
    for example in read_examples(examples)[:n]:
        asked = list(clean(prompt(example)))
        rendered = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        before, answer = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (rendered, example.answer))
        texts.append((before, answer[:tokens]))
    return texts


def _with_effect(worn: Choices, bare: Choices, other_worn: Choices, other_bare: Choices) -> Agreement:
    row = compare(worn, other_worn)
    return Agreement(row.n, row.same, row.widest, row.kl, *effect((bare, worn), (other_bare, other_worn)))


def _nf4(source: Path, home: Path, adapter: Path | None, threads: int) -> Any:
    from agent.engines.transformers import Transformers

    return Transformers(source, home=home, adapter_path=adapter, threads=threads)._ready().model


@contextmanager
def _llama(gguf: Path, adapter: Path | None, texts: Sequence[Text], threads: int) -> Iterator[Any]:
    from agent.engines.llamacpp import LlamaCpp

    room = max(len(prompt) + len(answer) for prompt, answer in texts) + 8
    engine = LlamaCpp(gguf, context=room, threads=threads, adapter_path=adapter)
    try:
        yield engine
    finally:
        engine.close()


def _first(choice: Mapping[int, float]) -> int:
    return max(choice, key=lambda token: choice[token])


def _lead(choice: Mapping[int, float]) -> float:
    first, second = sorted(choice.values(), reverse=True)[:2]
    return first - second
