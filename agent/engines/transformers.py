"""Hugging Face transformers: 4-bit NF4 weights on one GPU, or on the processor for tests and fine-tuning.

The loop that writes is ours, not `generate`: it looks at the cancel flag between tokens and between stretches of the
prompt, needs no thread, and draws from a generator of its own, so that two requests with one seed agree.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.engines.fit import Stopper, cancelled, check_fit, take_place
from agent.engines.prompt import clean
from agent.types import Cancel, ChatRequest, Piece
from knowledge.errors import EngineError, WeightsError

STRETCH = 512
"""Prompt tokens read between two looks at whether anybody still waits."""

Precision = Literal["nf4", "full"]
"""`nf4`: 4-bit NormalFloat with double quantization (Dettmers et al., QLoRA, 2023). `full`: as the weights are, for
comparing engines."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    tokenizer: Any
    model: Any
    ends: frozenset[int]


class Transformers:
    """A `ChatModel` over a hub id, a folder of safetensors, or a GGUF file (converted once, under `home/converted`).

    `adapter_path` is a folder saved by PEFT. Loads on first use, or before by `load`; any thread may call any method,
    one request runs at a time. Needs the `gpu` extra; `device` is found when it is empty.
    """

    concurrency = 1

    def __init__(
        self,
        source: str | Path,
        *,
        home: Path,
        name: str = "",
        weights: str = "",
        context: int = 8192,
        adapter_path: Path | None = None,
        adapter: str = "",
        precision: Precision = "nf4",
        device: str = "",
        threads: int | None = None,
    ) -> None:
        self.name = name or Path(source).name
        self.weights = weights
        self.adapter = adapter
        self.context = context
        self._source = source
        self._home = home
        self._adapter_path = adapter_path
        self._precision = precision
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._places = threading.Semaphore(1)
        self._loaded: _Loaded | None = None
        self._closed = False

    def load(self, *, wait: bool = True) -> None:
        """Reads the weights, once however often it is called; with `wait=False` in the background.

        Raises EngineError when the `gpu` extra is not installed, WeightsError when the weights cannot be read. A
        failure in the background is raised by the next call that needs the model.
        """
        if wait:
            self._ready()
        else:
            threading.Thread(target=self._load_quietly, name="load-weights", daemon=True).start()

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._loaded is not None

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """The prompt as the model's own chat template writes it."""
        tokenizer = self._ready().tokenizer
        return str(tokenizer.apply_chat_template(list(clean(messages)), tokenize=False, add_generation_prompt=True))

    def tokens(self, text: str) -> list[int]:
        """Token ids of a rendered prompt, control tokens parsed; nothing is added to what the template wrote."""
        return list(self._ready().tokenizer(text, add_special_tokens=False)["input_ids"])

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """Text as it is written. Closing the iterator, or `cancel`, stops before the next token."""
        ids = self.tokens(self.render(request.messages))
        check_fit(prompt=len(ids), answer=request.max_tokens, context=self.context, name=self.name)
        if not take_place(self._places, cancel):
            yield Piece("", "cancelled", len(ids), 0)
            return
        try:
            yield from self._write(ids, request, cancel)
        finally:
            self._places.release()

    def close(self) -> None:
        """Frees the weights. The model cannot be used afterwards."""
        with self._lock:
            self._closed = True
            held, self._loaded = self._loaded, None
        if held is not None:
            del held
            import gc

            import torch

            gc.collect()  # a model is a web of references that point back
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _write(self, ids: list[int], request: ChatRequest, cancel: Cancel | None) -> Iterator[Piece]:
        import torch
        from tokenizers.decoders import DecodeStream
        from transformers import DynamicCache

        loaded = self._ready()
        cache = DynamicCache(config=loaded.model.config)
        dice = torch.Generator(device=loaded.model.device).manual_seed(request.seed)
        letters = DecodeStream(skip_special_tokens=True)
        stopper = Stopper(request.stop)
        written, finish, logits = 0, "length", None
        for start in range(0, len(ids), STRETCH):
            if cancelled(cancel):
                yield Piece("", "cancelled", len(ids), 0, 0)
                return
            logits = _step(loaded.model, ids[start : start + STRETCH], cache)
        while written < request.max_tokens:
            if cancelled(cancel):
                finish = "cancelled"
                break
            token = _pick(logits, request.temperature, dice)
            if token in loaded.ends:
                finish = "stop"
                break
            written += 1
            shown = stopper.feed(letters.step(loaded.tokenizer.backend_tokenizer, token) or "")
            if shown:
                yield Piece(shown)
            if stopper.stopped:
                finish = "stop"
                break
            if written < request.max_tokens:
                logits = _step(loaded.model, [token], cache)
        yield Piece(stopper.rest(), finish, len(ids), written, 0)

    def _load_quietly(self) -> None:
        with suppress(EngineError, WeightsError):
            self._ready()

    def _ready(self) -> _Loaded:
        with self._lock:
            if self._closed:
                raise EngineError(f"{self.name} was closed", remedy="Open it again")
            if self._loaded is None:
                self._loaded = self._start()
            return self._loaded

    def _start(self) -> _Loaded:
        _need_extra()
        import torch
        from transformers import AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # standard error belongs to the command line
        if self._threads:
            torch.set_num_threads(self._threads)
        source = self._folder()
        try:
            tokenizer, model = AutoTokenizer.from_pretrained(source), self._model(source)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{source} could not be loaded: {str(error).strip().partition(chr(10))[0]}",
                expected="safetensors with a tokenizer and a configuration",
                remedy="Check the model setting, the network and the memory",
            ) from error
        if tokenizer.chat_template is None:
            raise EngineError(f"{self.name} has no chat template", remedy="Use an instruct model")
        self.weights = self.weights or str(getattr(model.config, "_commit_hash", None) or source)
        ends = model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        return _Loaded(tokenizer, model, frozenset(one for one in (*listed, tokenizer.eos_token_id) if one is not None))

    def _folder(self) -> str:
        if Path(self._source).suffix != ".gguf":
            return str(self._source)
        from agent import models
        from agent.engines.convert import converted

        path = Path(self._source)
        if not path.is_file():
            raise WeightsError(f"there is no file {path}", remedy="Run `anamnesis models fetch`")
        self.weights = self.weights or models.digest(path, self._home)
        return str(converted(path, sha256=self.weights, home=self._home))

    def _model(self, source: str) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        half = torch.bfloat16 if device != "cuda" or torch.cuda.is_bf16_supported() else torch.float16
        if self._precision == "nf4" and device == "cpu" and not multiplies_halves():
            half = torch.float32
        quantization = nf4(half) if self._precision == "nf4" else None
        model = AutoModelForCausalLM.from_pretrained(
            source,
            quantization_config=quantization,
            dtype=torch.float32 if self._precision == "full" else half,
            device_map="auto" if device == "cuda" else {"": device},
            use_safetensors=True,  # other formats can run code when they are read
        )
        if self._adapter_path is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(self._adapter_path))
        return model.eval()


def multiplies_halves() -> bool:
    """Whether this processor multiplies 16-bit floats itself. Where it only acts them out, a product takes 15 to 40 times as long
    as in 32 bits (measured on one without AVX-512)."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def nf4(compute: Any, *, storage: Any = None) -> Any:
    """4-bit NormalFloat with double quantization, computed in `compute`: what the engine serves and training trains on.

    `storage` is how the 4-bit values are held; sharding over several GPUs needs the type of the other weights.
    """
    from transformers import BitsAndBytesConfig

    kept = {} if storage is None else {"bnb_4bit_quant_storage": storage}
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        **kept,
    )


def _need_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "bitsandbytes", "accelerate", "peft") if not find_spec(name)]
    if missing:
        raise EngineError(
            f"the transformers engine needs {', '.join(missing)}",
            remedy="Install the `gpu` extra, or use the llamacpp engine",
        )


def _step(model: Any, ids: list[int], cache: Any) -> Any:
    """Logits after `ids`, one value for each word of the vocabulary; `cache` grows by `ids`."""
    import torch

    # Not around the loop: a generator that pauses inside it would switch its caller's gradients off.
    with torch.inference_mode():
        given = torch.tensor([ids], device=model.device)
        return model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1].float()


def _pick(logits: Any, temperature: float, dice: Any) -> int:
    """The next token: the likeliest, or drawn from the likeliest 95% of the probability, as the other engines do."""
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    with torch.inference_mode():
        likely, which = (logits / temperature).softmax(-1).sort(descending=True)
        likely[likely.cumsum(-1) - likely > 0.95] = 0
        return int(which[torch.multinomial(likely, 1, generator=dice)])
