"""TRL's SFTTrainer with what it leaves to us: packs, checkpoints that are whole or absent, the best adapter kept, and a stop.

Losses are per learned token over all of them, however they fall into batches. Logits are made for learned positions only: TRL
does so on a GPU, and on a processor computes the vocabulary for every position.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from finetune.collate import IGNORED, Collator, Row
from finetune.recipe import Recipe
from knowledge.errors import EngineError, StoreError

WHOLE = "whole.json"
"""Written last into a checkpoint; without it the folder is what a kill or a full disk left."""
BEST = "best"
RANKS = "ranks.pt"
FILES = ("adapter_config.json", "adapter_model.safetensors")


class NotFinite(Exception):
    """The loss or a gradient is not a number; nothing was changed by it."""


class Loop(SFTTrainer):  # type: ignore[misc]
    """One training. `best` is the folder that keeps the adapter with the lowest validation loss."""

    clock: Callable[[], float] = staticmethod(lambda: 0.0)
    """Seconds of training so far, those before a resume included."""

    def __init__(self, *, best: Path, patience: int, **options: Any) -> None:
        given = {
            name: value.detach().clone() for name, value in options["model"].named_parameters() if value.requires_grad
        }
        super().__init__(**options)
        # TRL rounds the adapter of a 4-bit model to 16 bits, in which a late, small step of the rate changes nothing. FSDP
        # shards one type only, so there it stays rounded.
        for name, value in self.model.named_parameters():
            if value.requires_grad and not self.is_fsdp_enabled:
                value.data = given[name].float().to(value.device)
        self.best, self.patience = best, patience
        self.ranks: Any = getattr(getattr(self.model, "base_model", None), "rankallocator", None)
        self.remove_callback(PrinterCallback)  # standard output belongs to results
        self.add_callback(_Steps(self))

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the learned tokens, in nats; over `num_items_in_batch` of them when it is given."""
        total, count = self._summed(model, inputs)
        loss = total / (count if num_items_in_batch is None else num_items_in_batch)
        if self.ranks is not None and model.training:
            share = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            loss = loss + _orthogonality(self.model) / share
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes  # gradients are averaged over devices, tokens counted over all
        return (loss, None) if return_outputs else loss

    def training_step(self, *given: Any, **named: Any) -> Any:
        loss = super().training_step(*given, **named)
        if not math.isfinite(float(loss)):
            raise NotFinite(f"the loss is {float(loss)} at step {self.state.global_step + 1}")
        return loss

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> Any:
        """Validation loss over all learned tokens at once; keeps the adapter if it is the best so far."""
        rows = self.get_eval_dataloader(eval_dataset)
        _measuring(self.model)
        total, count = torch.zeros((), device=self.accelerator.device), torch.zeros((), device=self.accelerator.device)
        with torch.no_grad():
            for inputs in rows:
                one, number = self._summed(self.model_wrapped, self._prepare_inputs(inputs))
                total, count = total + one.detach(), count + number
        total, count = self.accelerator.reduce(total), self.accelerator.reduce(count)
        self.model.train()
        metrics = {f"{metric_key_prefix}_loss": float(total / count)}
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        # TRL averages its own token statistics here, which `compute_loss` above does not gather.
        self._metrics: dict[str, dict[str, Any]] = {"train": {}, "eval": {}}
        super().log(logs, start_time)

    def _summed(self, model: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The summed loss of a batch's learned tokens, and how many there are."""
        given = {name: value for name, value in inputs.items() if name != "labels"}
        wanted = inputs["labels"][:, 1:]
        # The positions at which any row of the batch learns; the rest of the vocabulary is never computed.
        places = (wanted != IGNORED).any(0).nonzero().squeeze(1)
        logits = model(**given, use_cache=False, logits_to_keep=places).logits
        chosen = wanted[:, places]
        total = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), chosen.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return total, (chosen != IGNORED).sum()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
            if self.args.should_save:
                if self.ranks is not None:
                    torch.save(self._ranked(), folder / RANKS)
                _write(folder / WHOLE, json.dumps({"step": self.state.global_step, "seconds": self.clock()}))
        except Exception as error:
            if not is_full(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            raise disk_full(folder, error) from error

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """None: the card is made by `finetune card`, from what was measured."""

    def _ranked(self) -> dict[str, Any]:
        """AdaLoRA's state: PEFT saves its weights cut to the ranks of the moment, from which no training can go on."""
        return {
            "weights": {name: value.data for name, value in self.model.named_parameters() if value.requires_grad},
            "seen": [self.ranks.ipt, self.ranks.exp_avg_ipt, self.ranks.exp_avg_unc],
            "pattern": self.ranks.peft_config.rank_pattern,
        }

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.ranks is None:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        kept = torch.load(Path(resume_from_checkpoint) / RANKS, weights_only=True, map_location="cpu")
        for name, value in self.model.named_parameters():
            if value.requires_grad:
                value.data.copy_(kept["weights"][name])
        self.ranks.ipt, self.ranks.exp_avg_ipt, self.ranks.exp_avg_unc = kept["seen"]
        self.ranks.peft_config.rank_pattern = kept["pattern"]

    def keep_best(self) -> None:
        """The adapter as it is now, in `best`: written beside it, then renamed."""
        fresh = self.best.with_name(self.best.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self.save_model(str(fresh), _internal_call=True)
        except Exception as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise disk_full(self.best, error) if is_full(error) else error from error
        if self.args.should_save:
            _write(fresh / WHOLE, json.dumps({"step": self.state.global_step}))
            shutil.rmtree(self.best, ignore_errors=True)
            os.replace(fresh, self.best)


class _Steps(TrainerCallback):  # type: ignore[misc]
    """What happens between the trainer's stages. Keeps nothing itself: the log in the trainer's state says all, so a resumed
    training decides as an unbroken one."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for name, value in self._loop.model.named_parameters():
            if value.grad is not None and not bool(torch.isfinite(value.grad).all()):
                raise NotFinite(f"the gradient of {name} is not finite at step {state.global_step + 1}")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if state.is_world_process_zero and args.disable_tqdm and ("eval_loss" in logs or state.global_step % 10 == 1):
            told = {name: round(logs[name], 5) for name in ("loss", "eval_loss", "learning_rate") if name in logs}
            sys.stderr.write(
                f"step {state.global_step}/{state.max_steps}, {self._loop.clock():.0f} s: {json.dumps(told)}\n"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            control.should_evaluate = True

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._loop.ranks is not None:
            self._loop.model.base_model.update_and_allocate(state.global_step + 1)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = validation(state.log_history)
        best = min(losses, key=lambda step: losses[step])
        if best == max(losses):
            self._loop.keep_best()
        elif len([step for step in losses if step > best]) >= self._loop.patience:
            control.should_training_stop = True


def build(
    recipe: Recipe,
    model: Any,
    tokenizer: Any,
    train: Sequence[Row],
    held: Sequence[Row],
    *,
    folder: Path,
    start: Path | None,
    track: Sequence[str],
    collator: Collator,
) -> Loop:
    """The loop of a recipe over these rows, with a fresh adapter or the one in `start`."""
    from peft import PeftModel, get_peft_model

    set_seed(recipe.training.seed)  # the adapter's first values are drawn
    steps = _steps(recipe, len(train))
    if start is None:
        worn = get_peft_model(model, _adapter(recipe, steps))
    else:
        worn = PeftModel.from_pretrained(model, str(start), is_trainable=True)
    by_trl = recipe.data.packing == "trl"
    return Loop(
        best=folder / BEST,
        patience=recipe.training.patience,
        model=worn,
        args=_arguments(recipe, folder, track, fresh=last_checkpoint(folder) is None),
        train_dataset=_dataset(train),
        eval_dataset=_dataset(held),
        processing_class=tokenizer,
        data_collator=None if by_trl else collator,
    )


def _adapter(recipe: Recipe, steps: int) -> Any:
    from peft import AdaLoraConfig, LoraConfig

    given = recipe.adapter
    told: dict[str, Any] = {"task_type": "CAUSAL_LM", "bias": "none"}
    told |= {"lora_alpha": given.alpha, "lora_dropout": given.dropout, "target_modules": list(given.targets)}
    if given.method != "adalora":
        return LoraConfig(r=given.rank, use_dora=given.method == "dora", **told)
    # A tenth to begin with, then the budget falls, and the last fifth trains what is left.
    return AdaLoraConfig(
        init_r=given.rank, target_r=given.final_rank, total_step=steps, tinit=max(1, steps // 10), tfinal=max(1, steps // 5),
        deltaT=max(1, min(10, steps // 20)), **told,
    )  # fmt: skip


def _steps(recipe: Recipe, count: int) -> int:
    """Optimizer steps in all, as the Trainer counts them."""
    if recipe.training.max_steps:
        return recipe.training.max_steps
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batches = -(-count // (recipe.training.batch * world))
    return math.ceil(recipe.training.epochs * -(-batches // recipe.training.accumulation))


def _arguments(recipe: Recipe, folder: Path, track: Sequence[str], *, fresh: bool) -> SFTConfig:
    training, data = recipe.training, recipe.data
    if "trackio" in track:
        os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))
    by_trl = data.packing == "trl"
    return SFTConfig(
        output_dir=str(folder),
        run_name=folder.name,
        project="anamnesis",
        trackio_static_space_id=False,  # else the end of a training would publish its curves
        report_to=list(track) or "none",
        push_to_hub=False,
        seed=training.seed,
        data_seed=training.seed,
        learning_rate=training.rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,  # below 1 it is a share of all steps
        weight_decay=training.decay,
        max_grad_norm=training.clip,
        per_device_train_batch_size=training.batch,
        per_device_eval_batch_size=training.batch,
        gradient_accumulation_steps=training.accumulation,
        num_train_epochs=training.epochs,
        max_steps=training.max_steps or -1,
        eval_strategy="steps",
        eval_steps=training.evaluate_every,
        eval_on_start=fresh,
        save_strategy="steps",
        save_steps=training.save_every,
        save_total_limit=2,
        logging_steps=1,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        gradient_checkpointing=training.gradient_checkpointing,
        # Half-precision products over an adapter kept in 32 bits.
        bf16=recipe.base.dtype == "bfloat16",
        fp16=recipe.base.dtype == "float16",
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=by_trl,
        dataset_kwargs=None if by_trl else {"skip_prepare_dataset": True},
        packing=by_trl,
        packing_strategy="bfd",
        max_length=data.pack_length,
        train_sampling_strategy="group_by_length" if data.packing == "none" and training.batch > 1 else "random",
        length_column_name="length",
        disable_tqdm=not os.isatty(2),
    )


def _dataset(given: Sequence[Row]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "input_ids": row.input_ids,
                "labels": row.labels,
                "position_ids": row.position_ids,
                "spans": row.spans,
                "length": len(row.input_ids),
            }
            for row in given
        ]
    )


def spent(checkpoint: Path | None) -> float:
    """Seconds of training that a checkpoint stands for."""
    return float(json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))["seconds"]) if checkpoint else 0.0


def validation(history: list[dict[str, Any]]) -> dict[int, float]:
    """Step to validation loss, from a trainer's log."""
    return {int(row["step"]): float(row["eval_loss"]) for row in history if "eval_loss" in row}


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run; what a kill left unfinished is removed."""
    found = {}
    for one in folder.glob("checkpoint-*"):
        if (one / WHOLE).is_file():
            found[int(one.name.rpartition("-")[2])] = one
        else:
            shutil.rmtree(one, ignore_errors=True)
    return found[max(found)] if found else None


def is_full(error: BaseException) -> bool:
    """Whether a library's error, of whatever type, says that the disk is full."""
    import errno

    told = str(error)
    # safetensors and torch raise types of their own; torch's says only that it could not write.
    return (
        getattr(error, "errno", None) == errno.ENOSPC
        or "No space left" in told
        or "os error 28" in told
        or (isinstance(error, RuntimeError) and "PytorchStreamWriter failed" in told)
    )


def disk_full(place: Path, error: BaseException) -> StoreError:
    """What a person is told."""
    return StoreError(
        f"the disk is full: {place} could not be written ({str(error).partition(chr(10))[0]})",
        expected="room for a checkpoint; the one before is untouched",
        remedy="Free some space and run the same command: it goes on from there",
    )


def stopped(error: NotFinite, kept: Path | None) -> EngineError:
    """What a person is told when numbers ran away."""
    return EngineError(
        f"training stopped: {error}",
        expected=f"finite numbers; the last good {'adapter is in ' + str(kept) if kept else 'state is the base itself'}",
        remedy="Lower training.rate, or look for a damaged example",
    )


def _measuring(model: Any) -> None:
    """Evaluation mode, without dropout. 4-bit layers stay as they train: on some processors bitsandbytes repacks a layer that it
    finds in evaluation mode, rounding its scales to 16 bits, and the training after it would go on over another base."""
    from bitsandbytes.nn import Linear4bit

    model.eval()
    for one in model.modules():
        if isinstance(one, Linear4bit):
            one.training = True


def _orthogonality(model: Any) -> Any:
    """AdaLoRA's regularisation (Zhang et al. 2023, equation 4), which PEFT adds only to a loss that the model computes."""
    weight = model.peft_config[model.active_adapter].orth_reg_weight
    parts = []
    for name, value in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            square = value @ value.T if "lora_A" in name else value.T @ value
            parts.append(torch.linalg.norm(square - torch.eye(len(square), device=square.device)))
    return weight * torch.stack(parts).mean()


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
