"""Tiny models and adapters for tests: real ones, of a llama's and a qwen2's shape, made offline in a second."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_base(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """A model of 2 layers with a byte tokenizer, saved in 32 bits. `kind`: llama or qwen2."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocab = {letter: number for number, letter in enumerate(("<|im_end|>", "<|im_start|>", "<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())))}
    vocab["ab"] = len(vocab)
    raw = Tokenizer(models.BPE(vocab=vocab, merges=[("a", "b")]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>", additional_special_tokens=["<|im_start|>"])
    tokenizer.chat_template = CHATML
    sizes = dict(vocab_size=len(vocab), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=8192, tie_word_embeddings=False, eos_token_id=0, bos_token_id=None, pad_token_id=None)
    torch.manual_seed(seed)
    config = (transformers.LlamaConfig if kind == "llama" else transformers.Qwen2Config)(**sizes)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for weight in model.parameters():  # initial weights are too small for anything to be told apart
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.12)
        elif kind == "qwen2" and weight.shape[0] in (64, 32):
            torch.nn.init.normal_(weight, mean=1.0, std=0.1)
    model.generation_config.eos_token_id = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_gguf(base: Path, file: Path, *, permuted: bool = True) -> Path:
    """The same model for llama.cpp, in 32 bits. `permuted` False breaks it as an exporter might."""
    import gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    config, tokenizer = model.config, AutoTokenizer.from_pretrained(base)
    kind = config.model_type
    writer = gguf.GGUFWriter(file, kind)
    writer.add_type("model")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    names = gguf.get_tensor_name_map(next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == kind), config.num_hidden_layers)
    for name, weight in model.state_dict().items():
        array = weight.float().numpy()
        if kind == "llama" and permuted and ("q_proj" in name or "k_proj" in name):
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            array = array.reshape(heads, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(array, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def tiny_adapter(folder: Path, base: Path, *, model: str = "", sha256: str = "", strength: float = 0.2, seed: int = 1, method: str = "lora", **options) -> Path:
    """An adapter of random weights as training would leave it, record and all. `method`: lora, dora or adalora."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    bare = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(seed)
    told = {"task_type": "CAUSAL_LM", "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"], "lora_alpha": 8, **options}
    if method == "adalora":
        config = peft.AdaLoraConfig(init_r=6, target_r=4, total_step=10, **told)
    else:
        config = peft.LoraConfig(use_dora=method == "dora", **{"r": 4, **told})
    worn = peft.get_peft_model(bare, config)
    for name, weight in worn.named_parameters():
        if "lora_B" in name or "lora_E" in name:
            torch.nn.init.normal_(weight, std=strength if "lora_B" in name else 8.0)
    worn.save_pretrained(folder)
    record(folder, model=model or str(base), sha256=sha256, tokenizer=_sha256(base / "tokenizer.json"))
    return folder


def record(folder: Path, *, model: str, sha256: str, tokenizer: str = "", name: str = "tiny", **more) -> None:
    """The training.json of a training that went well."""
    from agent.prompts import prompts_hash

    row = {
        "format": "anamnesis.adapter/1", "name": name, "recipe": "tiny", "base": {"model": model, "file": Path(model).name, "sha256": sha256},
        "tokenizer": tokenizer, "prompts": prompts_hash(), "data": [{"path": "train.jsonl", "sha256": "0" * 64, "examples": 3, "licence": "Apache-2.0"}],
        "steps": 2, "tokens": 100, "seconds": 1.5, "peak_memory": 1_000_000, "losses": [[1, 2.0, 2.1], [2, 1.0, 1.5]], "best_step": 2,
        "stopped": "finished", "versions": {"peft": "0"}, "hardware": "2 cores", "seed": 1, **more,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.json").write_text(json.dumps(row), encoding="utf-8")


def written_adapter(folder: Path, *, model: str, sha256: str, weights: bytes = b"weights", **more) -> Path:
    """An adapter that nothing will load: for what needs no torch."""
    record(folder, model=model, sha256=sha256, **more)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}), encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
