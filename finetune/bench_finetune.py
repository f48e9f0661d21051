"""Our training loop beside a plain TRL run of the same recipe: tokens a second and peak memory: `make bench-finetune`.

Each measurement is a process of its own; the two take turns, so that a busy minute falls on both. Tokens are those of the
examples one by one, whatever packing makes of them: what a person waits for is examples.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from finetune import base, memory
from finetune.collate import Collator, chosen, encode, fitting, rows
from finetune.examples import Example, messages, prompt, read_examples
from finetune.recipe import Recipe, changed, read_recipe
from knowledge.errors import AnamnesisError

SIDES = ("ours", "trl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one JSON object a measurement, then the ratios with n."""
    from agent.config import load

    parser = argparse.ArgumentParser(
        prog="python -m finetune.bench_finetune", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--recipe", default="smollm2-cpu")
    parser.add_argument(
        "--data", type=Path, help="the folder with train.jsonl; ANAMNESIS_HOME/finetune/data by default"
    )
    parser.add_argument("--examples", type=int, default=32, help="examples a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--side", choices=SIDES, help="one measurement, in this process")
    options = parser.parse_args(arguments)
    home = load().home
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as finetune.train; for both sides
    try:
        base.need_extra()
        if options.side:
            recipe = changed(read_recipe(options.recipe), max_steps=0)
            made = _measure(options.side, recipe, options.data or home / "finetune" / "data", options, home)
            sys.stdout.write(json.dumps(made) + "\n")
            return 0
    except AnamnesisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _rounds(options)


def _rounds(options: argparse.Namespace) -> int:
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:
            command = [sys.executable, "-m", "finetune.bench_finetune", "--side", side, "--recipe", options.recipe]
            command += ["--examples", str(options.examples), "--threads", str(options.threads)]
            command += ["--data", str(options.data)] if options.data else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                sys.stderr.write(f"the measurement of {side} ended with {done.returncode}\n")
                return 1
            row = json.loads(done.stdout.splitlines()[-1])
            found[side].append(row)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
    told: dict[str, Any] = {"n": options.rounds, "recipe": options.recipe, "examples": options.examples}
    for name in ("tokens_per_second", "tokens_per_cpu_second", "peak_memory"):
        pairs = [one[name] / other[name] for one, other in zip(found["ours"], found["trl"], strict=True)]
        told[name] = {side: median(row[name] for row in found[side]) for side in SIDES} | {
            "ratio": round(median(pairs), 3), "ratios": [round(pair, 3) for pair in pairs],
        }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _measure(side: str, recipe: Recipe, data: Path, options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """One epoch over the same examples."""
    import torch
    from transformers import PrinterCallback
    from transformers.utils import logging

    logging.disable_progress_bar()
    if options.threads:
        torch.set_num_threads(options.threads)
    found = base.find(recipe, home=home)
    tokenizer = base.load_tokenizer(found)
    ends = base.load_ends(found, tokenizer)
    examples = chosen(read_examples(data / "train.jsonl"), recipe.data, seed=recipe.training.seed, most=0)
    fits = [one for one in examples if len(encode(one, tokenizer, ends).ids) <= recipe.data.max_length][
        : options.examples
    ]
    tokens = sum(len(encode(one, tokenizer, ends).ids) for one in fits)
    with tempfile.TemporaryDirectory(prefix="anamnesis-bench-") as folder:
        trainer = (_ours if side == "ours" else _plain)(recipe, found, tokenizer, fits, Path(folder))
        trainer.remove_callback(PrinterCallback)  # standard output belongs to results
        clock = _Clock()
        trainer.add_callback(clock.callback())
        trainer.train()
    return {
        "side": side,
        "examples": len(fits),
        "tokens": tokens,
        "steps": trainer.state.max_steps,
        "tokens_per_second": round(tokens / clock.wall, 1),
        "tokens_per_cpu_second": round(tokens / clock.cpu, 1),
        "peak_memory": memory.peak(),
        "loss": round(float(trainer.state.log_history[0]["loss"]), 4),
        "hardware": memory.hardware(),
    }


class _Clock:
    """Wall and processor seconds from the beginning of the first step to the end of the last."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self._began = (0.0, 0.0)

    def callback(self) -> Any:
        from transformers import TrainerCallback

        clock = self

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                clock._began = time.perf_counter(), time.process_time()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                clock.wall, clock.cpu = time.perf_counter() - clock._began[0], time.process_time() - clock._began[1]

        return Callback()


def _ours(recipe: Recipe, found: base.Found, tokenizer: Any, examples: Sequence[Example], folder: Path) -> Any:
    from dataclasses import replace

    from finetune import train_loop

    ends = base.load_ends(found, tokenizer)
    kept, _ = fitting((encode(one, tokenizer, ends) for one in examples), longest=recipe.data.max_length)
    made = rows(kept, recipe.data, seed=recipe.training.seed)
    recipe = replace(recipe, training=replace(recipe.training, epochs=1.0))
    loop = train_loop.build(
        recipe, base.load_model(found, recipe), tokenizer, made, made[:1], folder=folder, start=None, track=(),
        collator=Collator(tokenizer.pad_token_id or 0, recipe.data.packing == "prefix"),
    )  # fmt: skip
    loop.args.eval_strategy = loop.args.save_strategy = "no"
    loop.args.eval_on_start = False
    loop.remove_callback(train_loop._Steps)
    return loop


def _plain(recipe: Recipe, found: base.Found, tokenizer: Any, examples: Sequence[Example], folder: Path) -> Any:
    """TRL as its guide shows it: conversational prompts and completions, its own masking and batches, the recipe's numbers.

    Two examples a pass and the accumulation that makes about as many examples a step as ours.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    each = max(1, round(recipe.data.pack_length / recipe.data.max_length)) * recipe.training.accumulation
    told = Dataset.from_list([{"prompt": list(prompt(one)), "completion": [messages(one)[-1]]} for one in examples])
    given, training = recipe.adapter, recipe.training
    return SFTTrainer(
        model=base.load_model(found, recipe),
        args=SFTConfig(
            output_dir=str(folder), report_to="none", save_strategy="no", logging_steps=1, num_train_epochs=1,
            seed=training.seed, learning_rate=training.rate, lr_scheduler_type=training.schedule,
            warmup_steps=training.warmup, max_grad_norm=training.clip, per_device_train_batch_size=2,
            gradient_accumulation_steps=max(1, each // 2), max_length=recipe.data.max_length,
            gradient_checkpointing=training.gradient_checkpointing, bf16=recipe.base.dtype == "bfloat16",
            dataloader_pin_memory=False, disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        ),
        train_dataset=told,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=given.rank, lora_alpha=given.alpha, lora_dropout=given.dropout, target_modules=list(given.targets),
            use_dora=given.method == "dora", task_type="CAUSAL_LM",
        ),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
