"""GGUF weights as a folder of safetensors, for the engine that cannot quantize what it reads from GGUF.

transformers refuses GGUF together with a quantization config, and will not save a model it read from GGUF. So the
weights are read de-quantised, copied into a fresh model of the same configuration, and saved once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from knowledge.errors import EngineError

PRETOKENIZERS = ("qwen2", "smollm")
"""Ways of cutting text before the merges, as GGUF names them, whose token ids were compared with llama.cpp's."""


def converted(gguf: Path, *, sha256: str, home: Path) -> Path:
    """The folder that holds `gguf` de-quantised to half precision, with its tokenizer and chat template.

    Made on the first call (3 GB and about a minute for 1.5 billion parameters) under a temporary name and renamed, so
    that a folder under its own name is whole. Raises EngineError for a tokenizer nobody compared.
    """
    folder = home / "converted" / sha256
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".converting-", dir=folder.parent))
    try:
        _save(gguf, fresh)
        _settle(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _settle(fresh: Path, folder: Path) -> None:
    try:
        os.rename(fresh, folder)
    except OSError:
        if not folder.is_dir():  # another process was first with the same bytes: theirs will do
            raise


def _save(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    read = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    config = read.config
    with suppress(AttributeError):
        del config.quantization_config  # it would say GGUF, and forbid NF4 on what is plain half precision now
    made = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    made.load_state_dict(read.state_dict())
    del read
    tokenizer = gguf_tokenizer(gguf)
    made.generation_config.eos_token_id = tokenizer.eos_token_id
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def gguf_tokenizer(gguf: Path) -> Any:
    """The tokenizer inside a GGUF file, cutting text as llama.cpp does.

    transformers drops SmolLM2's rule that every digit stands alone; most digits come out the same, which hides it.
    """
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    field = GGUFReader(str(gguf)).fields.get("tokenizer.ggml.pre")
    kind = field.contents() if field is not None else "none"
    if kind not in PRETOKENIZERS:
        raise EngineError(
            f"{gguf.name} cuts text in the way called {kind!r}",
            expected=f"one of {', '.join(PRETOKENIZERS)}",
            remedy="Use the llamacpp engine, or the model's safetensors",
        )
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    if kind == "smollm":
        cut = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)])
        tokenizer.backend_tokenizer.pre_tokenizer = cut
    return tokenizer
