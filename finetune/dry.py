"""A dry run's model, tokenizer and data: the recipe's own model class at toy size, everything built, nothing learned.

Where the recipe's tokenizer is on this machine it is used; else a stated stand-in, which knows bytes only. The examples are the
prompts' own worked example, so a dry run needs no data either.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent import models
from agent.prompts import prompts
from agent.types import Language
from finetune.base import Found
from finetune.examples import KINDS, Example, ExampleKind, Shown
from finetune.recipe import Recipe
from knowledge.errors import WeightsError

STEPS = 2
_SIZES = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 16, "query_pre_attn_scalar": 16, "max_position_embeddings": 8192, "sliding_window": 4096,
}  # fmt: skip
_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Gemma has no system turn: the rules go before the first question, and the assistant is called the model.
_GEMMA = (
    "{% set first = messages[0]['content'] + '\n\n' if messages[0]['role'] == 'system' else '' %}"
    "{% for m in messages %}{% if m['role'] != 'system' %}<start_of_turn>"
    "{{ 'model' if m['role'] == 'assistant' else 'user' }}\n"
    "{{ (first if loop.index0 == (1 if first else 0) else '') + m['content'] | trim }}<end_of_turn>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def toy(recipe: Recipe) -> Recipe:
    """The recipe cut down to a run of seconds; method, targets, quantization and packing stay."""
    data = replace(recipe.data, examples=12, validation_examples=3, max_length=4096, pack_length=8192)
    training = replace(recipe.training, max_steps=STEPS, evaluate_every=1, save_every=1, accumulation=1, warmup=0.0)
    if recipe.adapter.method == "adalora":
        training = replace(training, max_steps=3 * STEPS)  # its budget falls between a beginning and an end
    return replace(recipe, name=f"{recipe.name}-dry", data=data, training=training)


def toy_base(recipe: Recipe, folder: Path, *, home: Path) -> tuple[Found, str]:
    """A model of the recipe's class, two layers of random weights, saved in `folder`; and what stands in for what.

    Raises WeightsError when neither the weights nor the recipe say what class that is.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = _shape(recipe, home)
    tokenizer, told = _tokenizer(recipe, str(shape["model_type"]), home)
    shape |= {
        name: size
        for name, size in _SIZES.items()
        if name in shape or name not in ("sliding_window", "query_pre_attn_scalar")
    }
    if "sliding_window" in shape:
        shape["layer_types"] = ["sliding_attention", "full_attention"]
    shape |= {
        "vocab_size": len(tokenizer),
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        "pad_token_id": None,
    }
    torch.manual_seed(recipe.training.seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape), dtype=torch.float32)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    said = f"{type(model).__name__} of 2 layers and width 64 in place of {recipe.base.model}; tokenizer: {told}"
    return Found(str(folder), f"{recipe.base.model} at toy size", folder.name, "", "toy"), said


def toy_examples() -> list[Example]:
    """The prompts' worked examples, one a kind and language; with the same answer for all, for nothing is learned."""
    found = []
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        texts = prompts(language)
        passages = _passages(texts["example_user"])
        question = texts["example_user"].strip().splitlines()[-1]
        for kind in KINDS:
            answer = texts["not_found"] if kind == "not_found" else texts["example_assistant"]
            named: ExampleKind = kind  # type: ignore[assignment]
            found.append(
                Example(
                    f"toy-{language}-{kind}",
                    named,
                    language,
                    "patient",
                    "toy",
                    question,
                    passages,
                    answer,
                    "written",
                    "Apache-2.0",
                )
            )
    return found


def _passages(shown: str) -> tuple[Shown, ...]:
    """The passages between the marked lines of a worked example."""
    inside = shown.partition("<<<")[2].partition(">>>")[0].strip().splitlines()
    pairs = zip(inside[::2], inside[1::2], strict=False)
    return tuple(
        Shown(str(number), head.partition("] ")[2], "", text.strip() or head)
        for number, (head, text) in enumerate(pairs, 1)
    )


def _shape(recipe: Recipe, home: Path) -> dict[str, Any]:
    """The model's configuration: as the recipe states it, else as its converted folder or its GGUF file has it."""
    from transformers import AutoConfig

    if recipe.base.shape:
        return dict(recipe.base.shape)
    name = recipe.base.model
    if Path(name).is_dir():
        return dict(AutoConfig.from_pretrained(name).to_dict())
    for card in models.catalogue():
        if card.id == name:
            folder, path = home / "converted" / card.sha256, models.path(card.id, home)
            if folder.is_dir():
                return dict(AutoConfig.from_pretrained(folder).to_dict())
            if path is not None:
                return dict(AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name).to_dict())
            return {"model_type": "qwen2" if "qwen" in card.id else "llama", "tie_word_embeddings": True}
    raise WeightsError(
        f"nothing here says what {name} is",
        expected="base.shape in the recipe",
        remedy="Copy it from the model's config.json",
    )


def _tokenizer(recipe: Recipe, kind: str, home: Path) -> tuple[Any, str]:
    """The recipe's tokenizer, or one of bytes with a chat template of the same form; and which it is."""
    from transformers import AutoTokenizer

    name = recipe.base.model
    if Path(name).is_dir():
        return AutoTokenizer.from_pretrained(name), "its own"
    for card in models.catalogue():
        path = models.path(card.id, home) if card.id == name else None
        if path is not None:
            from agent.engines.convert import gguf_tokenizer

            return gguf_tokenizer(path), "its own"
    return _bytes(kind), "a stand-in that knows bytes only, with a chat template of the same form"


def _bytes(kind: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    gemma = kind.startswith("gemma")
    marks = ("<end_of_turn>", "<start_of_turn>") if gemma else ("<|im_end|>", "<|im_start|>")
    words = (*marks, "<pad>", *sorted(pre_tokenizers.ByteLevel.alphabet()))
    raw = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=marks[0], pad_token="<pad>", additional_special_tokens=[marks[1]]
    )
    tokenizer.chat_template = _GEMMA if gemma else _CHATML
    return tokenizer
