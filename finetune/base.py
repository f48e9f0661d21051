"""The base model of a recipe: where its weights are, which they are, and how they are loaded to be trained on.

A model of the catalogue is the GGUF file that llama.cpp serves, de-quantised once to a folder (`agent.engines.convert`) and
loaded again as NF4, so that the adapter is trained on what it will be used with. A folder or a hub's name is loaded as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent import models
from agent.engines import folder_digest
from finetune import prefix
from finetune.recipe import Recipe
from knowledge.errors import ConfigError, WeightsError
from knowledge.store import sha256

NEEDED = ("torch", "transformers", "bitsandbytes", "accelerate", "peft", "trl", "datasets", "gguf")


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that can be loaded. `source` is a folder or a hub's name; `sha256`: of file or folder, or a hub's commit."""

    source: str
    model: str
    file: str
    sha256: str
    label: str


def need_extra() -> None:
    """Raises ConfigError when a package of the `finetune` extra is not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"training needs {', '.join(missing)}, which is not installed",
            remedy="Run `pip install 'anamnesis[finetune]'`",
        )


def find(recipe: Recipe, *, home: Path) -> Found:
    """The weights that the recipe names. Raises WeightsError where they are not on this machine and no hub can be reached."""
    name = recipe.base.model
    if any(card.id == name for card in models.catalogue()):
        from agent.engines.convert import converted

        card = models.find(name)
        path = models.path(name, home)
        if path is None:
            raise WeightsError(
                f"the weights of {name} are not in {home / 'models'}, or changed since they were verified",
                remedy=f"Run `anamnesis models fetch {name}`",
            )
        return Found(str(converted(path, sha256=card.sha256, home=home)), name, card.file, card.sha256, card.repo)
    if Path(name).is_dir():
        return Found(name, name, Path(name).name, folder_digest(Path(name)), Path(name).name)
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            name,
            revision=recipe.base.revision or None,
            allow_patterns=["*.safetensors", "*.json", "*.jinja", "*.model"],
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{name} is neither in the catalogue nor a folder, and the hub did not give it: {_first(error)}",
            expected="weights on this machine, or a hub that can be reached and has granted access",
            remedy="Check the network, accept the model's terms, run `hf auth login`; or try --dry-run, which needs no weights",
        ) from error
    return Found(folder, name, Path(folder).name, Path(folder).name, name)


def load_config(found: Found) -> Any:
    """The model's configuration. Raises WeightsError when it cannot be read."""
    from transformers import AutoConfig

    return _read(AutoConfig.from_pretrained, found)


def load_tokenizer(found: Found) -> Any:
    """The tokenizer with the model's chat template. Raises WeightsError when there is none."""
    from transformers import AutoTokenizer

    tokenizer = _read(AutoTokenizer.from_pretrained, found)
    if tokenizer.chat_template is None:
        raise WeightsError(f"{found.model} has no chat template", remedy="Use an instruct model")
    return tokenizer


def load_model(found: Found, recipe: Recipe) -> Any:
    """The model as the recipe says: NF4 with double quantization or as it is, on the GPU where there is one.

    Raises WeightsError when the weights cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from agent.engines.transformers import nf4

    prefix.register()
    kind = getattr(torch, recipe.base.dtype)
    return _read(
        AutoModelForCausalLM.from_pretrained,
        found,
        quantization_config=nf4(kind, storage=kind if sharded() else None)
        if recipe.base.quantization == "nf4"
        else None,
        dtype=kind,
        attn_implementation=prefix.NAME if recipe.data.packing == "prefix" else recipe.base.attention,
        device_map=None if sharded() else {"": _device()},  # FSDP places the shards itself
        use_safetensors=True,  # other formats can run code when they are read
    )


def sharded() -> bool:
    """Whether accelerate was asked to shard the model over several devices (FSDP)."""
    import os

    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def tokenizer_digest(source: str | Path) -> str:
    """SHA-256 of the folder's tokenizer.json; empty where there is none."""
    file = Path(source) / "tokenizer.json"
    return sha256(file) if file.is_file() else ""


def ends_of(tokenizer: Any, generation: Any) -> frozenset[int]:
    """The tokens at which the engine stops writing, as `agent.engines.transformers` finds them."""
    listed = getattr(generation, "eos_token_id", None)
    every = listed if isinstance(listed, list) else [listed]
    return frozenset(one for one in (*every, tokenizer.eos_token_id) if one is not None)


def load_ends(found: Found, tokenizer: Any) -> frozenset[int]:
    """`ends_of` before the model is loaded."""
    from transformers import GenerationConfig

    try:
        generation = GenerationConfig.from_pretrained(found.source)
    except OSError:
        generation = None
    return ends_of(tokenizer, generation)


def _device() -> Any:
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    from accelerate import PartialState

    return PartialState().local_process_index


def _read(reader: Any, found: Found, **options: Any) -> Any:
    try:
        return reader(found.source, **options)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{found.model} could not be loaded from {found.source}: {_first(error)}",
            expected="safetensors with a tokenizer and a configuration",
            remedy="Check the recipe's base and the folder",
        ) from error


def _first(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
