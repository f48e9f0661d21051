"""An adapter in the forms that engines read: PEFT's folder, merged safetensors, and a LoRA in GGUF for llama.cpp.

The GGUF form is written as llama.cpp's own `convert_lora_to_gguf.py` does: two matrices a module, `alpha` beside them, and for
the llama architecture the rows of B for queries and keys in the order in which llama.cpp keeps them (each head's two halves
interleaved, since it rotates neighbours where transformers rotates halves).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.active import EXPORTED, GGUF, RECORD, WEIGHTS
from finetune.adapter import Adapter, Base, base_of, needs, not_written, read_adapter, write_json
from knowledge.errors import InputError, WeightsError
from knowledge.store import sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# transformers' name of an architecture to llama.cpp's, those whose linear layers are kept as they are but for `_PERMUTED`.
ARCHITECTURES: Mapping[str, str] = {
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3", "gemma3": "gemma3",
}  # fmt: skip
_PERMUTED = "llama"
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FORMS = ("peft", "merged", "gguf")


@dataclass(frozen=True, slots=True)
class Pair:
    """One module's update, `scale * B @ A`, with A of shape (rank, in) and B of shape (out, rank)."""

    module: str
    a: Matrix
    b: Matrix
    scale: float


def run_export(folder: Path, *, form: str, home: Path, out: Path | None = None) -> dict[str, Any]:
    """Write an adapter in one form; the row says where, how large, and with which digest.

    Raises:
        InputError: an unknown form, or an adapter that this form cannot hold, with the reason.
        WeightsError: the adapter or its base is missing or does not match.
        StoreError: it could not be written; nothing half-written is left.
    """
    if form not in FORMS:
        raise InputError(f"there is no form {form!r}", expected=f"one of {', '.join(FORMS)}")
    adapter = read_adapter(folder)
    made = out or home / "adapters" / f"{adapter.name}-{form}"
    if form == "peft":
        export_peft(adapter, made)
    elif form == "merged":
        export_merged(adapter, base_of(adapter, home), made)
    else:
        base = base_of(adapter, home)
        file = out or folder / GGUF
        export_gguf(adapter, base, file)
        if file == folder / GGUF:
            write_json(folder / EXPORTED, {"from": adapter.digest, "sha256": sha256(file), "base": base.sha256})
        made = file
    size = (
        made.stat().st_size
        if made.is_file()
        else sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
    )
    return {"adapter": adapter.name, "digest": adapter.digest, "form": form, "path": str(made), "bytes": size}


def export_peft(adapter: Adapter, out: Path) -> None:
    """PEFT's own folder, byte for byte, with our record and card beside it."""
    with _folder(out) as fresh:
        for name in (*WEIGHTS, RECORD, "recipe.toml", "card.md", "card.json"):
            if (adapter.folder / name).is_file():
                shutil.copyfile(adapter.folder / name, fresh / name)


def export_merged(adapter: Adapter, base: Base, out: Path) -> None:
    """The base at the precision of its folder with the adapter added (in 32 bits, then rounded), tokenizer and template beside it.

    Any adapter that PEFT can merge, DoRA and AdaLoRA too.
    """
    import torch
    from transformers import AutoTokenizer

    half = _stored(base.folder)
    merged = attached(adapter, base, dtype=torch.float32).merge_and_unload().to(half)
    bad = [name for name, weight in merged.named_parameters() if not torch.isfinite(weight).all()]
    if bad:
        raise WeightsError(
            f"{adapter.name} merged is out of the range of {half}: {bad[0]} and {len(bad) - 1} more",
            remedy="Train with a lower learning rate, or serve the adapter without merging it",
        )
    with _folder(out) as fresh:
        merged.save_pretrained(fresh)
        AutoTokenizer.from_pretrained(base.folder).save_pretrained(fresh)
        write_json(fresh / "merged.json", {"adapter": adapter.name, "digest": adapter.digest, "base": base.sha256})


def export_gguf(adapter: Adapter, base: Base, file: Path) -> None:
    """A LoRA in one GGUF file. DoRA is refused: its update is not of low rank.

    Raises:
        InputError: what this form cannot hold, and what to do instead.
        WeightsError: a matrix does not fit the base.
    """
    needs("torch", "transformers", "peft", "gguf")
    architecture = refuse_unfit(adapter, base)
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    shape = config.get("text_config", config)
    names = _names(architecture, int(shape["num_hidden_layers"]))
    pairs = list(pairs_of(adapter, base))
    # llama.cpp multiplies by alpha / rank; what differs between modules goes into B, which for plain LoRA is nothing.
    alpha = pairs[0].scale * pairs[0].a.shape[0]
    tensors: dict[str, Matrix] = {}
    for pair in pairs:
        b = pair.b * (pair.scale * pair.a.shape[0] / alpha)
        if architecture == _PERMUTED and pair.module.endswith(("q_proj", "k_proj")):
            heads = "num_attention_heads" if pair.module.endswith("q_proj") else "num_key_value_heads"
            b = interleaved(b, int(shape.get(heads) or shape["num_attention_heads"]))
        name = names.get_name(f"{pair.module}.weight", try_suffixes=(".weight",))
        if name is None:
            raise InputError(f"llama.cpp has no tensor for {pair.module} in the architecture {architecture}")
        tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"] = pair.a, b
    if base.gguf is not None:
        _fits(tensors, base.gguf)
    _write(file, tensors, architecture=architecture, alpha=alpha, adapter=adapter)


def refuse_unfit(adapter: Adapter, base: Base) -> str:
    """llama.cpp's name of the base's architecture.

    Raises:
        InputError: an adapter that a LoRA in GGUF cannot hold, and why.
    """
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    kind = str(config.get("model_type", ""))
    targets = adapter.config.get("target_modules") or []
    odd = sorted(set(targets) - set(MODULES)) if isinstance(targets, list) else [f"a pattern, {targets!r}"]
    why = ""
    if adapter.kind == "dora":
        why = "it is a DoRA, which also rescales each row of the whole weight, and that is no update of low rank"
    elif adapter.kind not in ("lora", "adalora"):
        why = f"its method is {adapter.kind}"
    elif odd:
        why = f"it changes {', '.join(odd)}, and only {', '.join(MODULES)} have been compared with llama.cpp"
    elif adapter.config.get("modules_to_save"):
        why = f"it holds whole modules ({', '.join(adapter.config['modules_to_save'])})"
    elif adapter.config.get("bias", "none") != "none" or adapter.config.get("lora_bias"):
        why = "it changes biases"
    elif kind not in ARCHITECTURES:
        why = f"the architecture {kind!r} has not been compared with llama.cpp"
    if why:
        raise InputError(
            f"{adapter.name} cannot be a LoRA in GGUF: {why}",
            remedy="Export it with `--to merged`, or serve it with the transformers engine",
        )
    return ARCHITECTURES[kind]


def pairs_of(adapter: Adapter, base: Base) -> Iterator[Pair]:
    """Each module's update as PEFT itself reads it (its scaling, its rank, AdaLoRA's singular values), by the module's name."""
    import numpy as np
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):  # the shapes of the base are enough
        bare = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base.folder), dtype=torch.float16)
    # Memory that is never touched is never taken; PEFT would put the adapter on "meta" too.
    worn = _worn(adapter, bare.to_empty(device="cpu"))
    for name, module in worn.named_modules():
        held = getattr(module, "lora_A", None)
        if not held or "default" not in held:
            continue
        a, b, scale = held["default"], module.lora_B["default"], module.scaling["default"]
        if adapter.kind == "adalora":
            a = a * module.lora_E["default"]
            scale = scale / (module.ranknum["default"].item() + 1e-5)
        else:
            a, b = a.weight, b.weight
        down, up = (each.detach().to(torch.float32).cpu().numpy() for each in (a, b))
        if not (np.isfinite(down).all() and np.isfinite(up).all()):
            raise WeightsError(f"{adapter.name} holds numbers that are not finite in {name}", remedy="Train again")
        if down.shape[0]:  # AdaLoRA may have left a module no rank at all
            yield Pair(name.removeprefix("base_model.model."), down, up, float(scale))


def interleaved(rows: Matrix, heads: int) -> Matrix:
    """Rows of a query or key projection in llama.cpp's order: within each head, the first half beside the second.

    As `LlamaModel.permute` of llama.cpp's convert_hf_to_gguf.py.
    """
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def attached(adapter: Adapter, base: Base, *, dtype: Any) -> Any:
    """The base in `dtype` with the adapter on it, as PEFT does it."""
    needs("torch", "transformers", "peft")
    from transformers import AutoModelForCausalLM

    return _worn(adapter, AutoModelForCausalLM.from_pretrained(base.folder, dtype=dtype, use_safetensors=True))


def _worn(adapter: Adapter, bare: Any) -> Any:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(bare, str(adapter.folder)).eval()
    except (RuntimeError, ValueError, OSError, KeyError) as fault:
        # PEFT's own words name each matrix of the wrong size, one a line.
        raise WeightsError(
            f"{adapter.name} does not fit its base: {str(fault).strip().splitlines()[-1].strip()}",
            remedy="Use the base that training.json names, or train again",
        ) from fault


def _names(architecture: str, layers: int) -> Any:
    import gguf

    which = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    return gguf.get_tensor_name_map(which, layers)


def _fits(tensors: Mapping[str, Matrix], gguf_file: Path) -> None:
    from gguf import GGUFReader

    shapes = {tensor.name: tuple(int(size) for size in tensor.shape) for tensor in GGUFReader(str(gguf_file)).tensors}
    for name, a in tensors.items():
        if not name.endswith(".lora_a"):
            continue
        stem = name.removesuffix(".lora_a")
        wanted, found = shapes.get(stem), (a.shape[1], tensors[f"{stem}.lora_b"].shape[0])
        if wanted != found:
            raise WeightsError(f"{stem} of the adapter is {found}, of {gguf_file.name} {wanted}", expected="one shape")


def _write(file: Path, tensors: Mapping[str, Matrix], *, architecture: str, alpha: float, adapter: Adapter) -> None:
    import gguf
    import numpy as np

    fresh = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(fresh, architecture)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", alpha)
        writer.add_name(adapter.name)
        for name, tensor in tensors.items():
            writer.add_tensor(name, np.ascontiguousarray(tensor, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        os.replace(fresh, file)
    except OSError as fault:
        raise not_written(file, fault) from fault
    finally:
        fresh.unlink(missing_ok=True)


class _folder:
    """A folder filled under a temporary name and renamed; a fault leaves nothing behind."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def __enter__(self) -> Path:
        if self._out.exists():
            raise InputError(f"{self._out} is there already", remedy="Name another folder with --out, or remove it")
        try:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._fresh = Path(tempfile.mkdtemp(prefix=f".{self._out.name}-", dir=self._out.parent))
        except OSError as fault:
            raise not_written(self._out, fault) from fault
        return self._fresh

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        if fault is None:
            os.rename(self._fresh, self._out)
            return
        shutil.rmtree(self._fresh, ignore_errors=True)
        if isinstance(fault, OSError):
            raise not_written(self._out, fault) from fault


def _stored(folder: Path) -> Any:
    """The dtype in which a folder's weights are kept."""
    import torch

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = config.get("dtype") or config.get("torch_dtype") or "float16"
    return getattr(torch, str(name))
