"""Will it fit? What a training needs in bytes, from the model's configuration alone, beside what there is: said before loading.

Weights and adapter are counted exactly, on a model without storage. Activations follow what each part of a layer keeps for the
way back (after Korthikanti et al. 2022, "Reducing activation recomputation in large transformer models", section 4, without its
attention scores, which torch's fused attention does not keep); `_SLACK` is for the allocator and libraries.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from knowledge.errors import ConfigError

_RUNTIME = 600_000_000
"""Python, torch, transformers and datasets once imported: resident bytes measured on Linux, CPU build."""
_SLACK = {"cpu": 2.1, "gpu": 1.6}
"""On activations, for temporary copies and the allocator; C's keeps what it freed. SmolLM2-135M took 5.2 and 5.4 GiB in short runs
on two cores and 8.6 in one of 500 examples: the estimate is to lie above all of them."""
_NF4 = 0.5 + 8 / 64 / 8 + 32 / 64 / 256 / 8
"""Bytes a weight: four bits, an 8-bit scale for 64 of them, and a 32-bit scale for 256 scales (QLoRA, section 3)."""
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_LABELLED = 0.2
"""The share of a row's tokens that are learned, for which the vocabulary's logits are made."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes by what they are for. `parameters` counts the adapter's numbers."""

    weights: int
    adapter: int
    activations: int
    runtime: int
    parameters: int

    @property
    def total(self) -> int:
        return self.weights + self.adapter + self.activations + self.runtime


def estimate(config: Any, recipe: Recipe, *, shards: int = 1) -> Needed:
    """What training with `recipe` on a model of this configuration takes, at its longest row, on each of `shards` devices."""
    import torch
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(config)
    kind = _BYTES[recipe.base.dtype]
    linear = {name: one for name, one in model.named_modules() if isinstance(one, torch.nn.Linear)}
    head = model.get_output_embeddings()
    packed = sum(one.weight.numel() for one in linear.values() if one is not head)
    whole = sum(value.numel() for value in model.parameters()) - packed
    weights = int(packed * (_NF4 if recipe.base.quantization == "nf4" else kind) + whole * kind)
    worn = [one for name, one in linear.items() if name.rsplit(".", 1)[-1] in recipe.adapter.targets]
    parameters = sum(recipe.adapter.rank * (one.in_features + one.out_features) for one in worn)
    # Value, gradient, and Adam's two averages, all in 32 bits.
    return Needed(
        weights // shards,
        parameters * 16 // shards,
        int(_activations(config, recipe, kind) * _SLACK[recipe.stated.device]),
        _RUNTIME,
        parameters,
    )


def available(device: str) -> int:
    """Bytes that are free: of the GPU for "cuda", else of this machine or of its control group, whichever is less."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        if Path(limit).is_file() and (most := Path(limit).read_text().strip()).isdigit():
            free = min(free, int(most) - int(Path(used).read_text()))
    return free


def check(needed: Needed, free: int, recipe: Recipe) -> None:
    """Raises ConfigError, with both numbers and the remedy, when `needed` is more than `free` bytes."""
    if needed.total <= free:
        return
    raise ConfigError(
        f"{recipe.name} needs about {_gib(needed.total)} (weights {_gib(needed.weights)}, adapter and optimizer "
        f"{_gib(needed.adapter)}, activations {_gib(needed.activations)}), and {_gib(free)} is free",
        expected="memory for the longest row of the recipe",
        remedy="Close other programs, or in the recipe lower data.pack_length or training.batch, or set "
        "training.gradient_checkpointing",
    )


def peak() -> int:
    """The most bytes this process has held: of the GPU where it used one, else resident."""
    import resource
    import sys

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def hardware() -> str:
    """The processor or the GPU, in words, for the record."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    name = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), "unnamed processor"
    )
    return f"{os.cpu_count()} cores, {name}, {torch.get_num_threads()} threads"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def _activations(config: Any, recipe: Recipe, kind: int) -> float:
    """Bytes kept for the way back through the longest batch."""
    data, training = recipe.data, recipe.training
    tokens = training.batch * (data.max_length if data.packing == "none" else data.pack_length)
    text = config.get_text_config()
    wide, inner, heads = text.hidden_size, text.intermediate_size, text.num_attention_heads
    size = getattr(text, "head_dim", None) or wide // heads
    attention = heads * size
    # Two norms (each its input, and a copy in 32 bits), the inputs of seven products, q, k, v, and the gate's three.
    layer = kind * (2 * wide + wide + 2 * attention + 2 * text.num_key_value_heads * size + wide + 4 * inner) + 8 * wide
    # What an adapter on a product keeps: its input in 32 bits, after dropout once more.
    inputs = {"o_proj": attention, "down_proj": inner}
    copies = 4 * (2 if recipe.adapter.dropout else 1)
    layer += sum(copies * inputs.get(name, wide) for name in recipe.adapter.targets)
    kept = (
        kind * wide * text.num_hidden_layers + layer
        if training.gradient_checkpointing
        else layer * text.num_hidden_layers
    )
    # The logits of learned tokens: as computed, in 32 bits, and their gradient.
    return float(tokens) * float(kept + _LABELLED * (kind + 8) * text.vocab_size)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
