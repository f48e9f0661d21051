"""llama.cpp beside this process: GGUF weights on the processor, nothing else to install or start.

xllamacpp's `Server` is an HTTP server with the model behind it. It lives in a child process (`llamacpp_child.py`),
because it holds Python's lock for all the seconds of loading, takes SIGINT and SIGTERM for itself, and ends the
process it lives in when an assertion of llama.cpp fails: an emergency's words must not wait for, or die with, a model.
It listens on a Unix socket in a folder only this user can enter, with a random key besides; where there are no Unix
sockets, on a free loopback port with the key. We speak HTTP to it, never its Python callbacks, which end a stream
without a word when one raises; and a connection that closes stops the decoding.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.engines.fit import check_fit, take_place
from agent.engines.prompt import clean
from agent.engines.wire import Exchange, Stopped
from agent.types import Cancel, ChatRequest, Piece
from knowledge.errors import EngineBusy, EngineError, WeightsError

if TYPE_CHECKING:
    import httpx

BATCH = 128
"""Prompt tokens read between two looks at whether anybody still waits. Reads 5% slower than llama.cpp's own 512 on
two cores, and stops four times sooner."""
LOOKUP: tuple[int, int] | None = None
"""Tokens that must repeat before what followed them is offered, and how many are offered."""
CACHE_MIB = 256
"""Prompts kept in memory beyond the one in use; llama.cpp's own default is 8 GiB."""

_CHILD = Path(__file__).with_name("llamacpp_child.py")


class LlamaCpp:
    """A `ChatModel` over one GGUF file. Loads on first use, or before by `load`; any thread may call any method.

    `context` is each request's window in tokens and memory is spent on `context * concurrency`. `adapter_path` is a
    LoRA in GGUF. With `prefix_cache` a prompt that begins like an earlier one is read from where they part; the last
    tokens are then computed in batches of another shape, whose last bits differ, so that even greedy text may differ
    from an uncached run: switch it off where a run must repeat exactly.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        weights: str = "",
        context: int = 8192,
        threads: int | None = None,
        concurrency: int = 1,
        adapter_path: Path | None = None,
        adapter: str = "",
        prefix_cache: bool = True,
        lookup: tuple[int, int] | None = LOOKUP,
        verbose: bool = False,
    ) -> None:
        self.name = name or path.stem
        self.weights = weights
        self.adapter = adapter
        self.context = context
        self.concurrency = concurrency
        self._path = path
        self._adapter_path = adapter_path
        self._prefix_cache = prefix_cache
        self._settings = {
            "path": str(path),
            "adapter": str(adapter_path or ""),
            "context": context,
            "concurrency": concurrency,
            "threads": threads or os.cpu_count() or 1,
            "batch": BATCH,
            "cache_mib": CACHE_MIB if prefix_cache else 0,
            "lookup": list(lookup) if lookup else None,
            "verbose": verbose,
        }
        self._lock = threading.Lock()
        self._places = threading.Semaphore(concurrency)
        self._child: _Child | None = None
        self._closed = False

    def load(self, *, wait: bool = True) -> None:
        """Reads the weights, once however often it is called; with `wait=False` in the background.

        Raises WeightsError when there is no file, EngineError when llama.cpp refuses it. A failure in the background
        is raised by the next call that needs the model.
        """
        if wait:
            self._ready()
        else:
            threading.Thread(target=self._load_quietly, name="load-weights", daemon=True).start()

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._child is not None

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """The prompt as the template inside the GGUF file writes it."""
        prompt: str = self._post("/apply-template", {"messages": list(clean(messages))})["prompt"]
        return prompt

    def tokens(self, text: str) -> list[int]:
        """Token ids of a rendered prompt, control tokens parsed."""
        body = {"content": text, "add_special": True, "parse_special": True}
        ids: list[int] = self._post("/tokenize", body)["tokens"]
        return ids

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """Text as it is written. Closing the iterator, or `cancel`, stops the decoding within a batch or a token."""
        ids = self.tokens(self.render(request.messages))
        check_fit(prompt=len(ids), answer=request.max_tokens, context=self.context, name=self.name)
        # The server would queue us unseen, and could not tell us that the person has gone.
        if not take_place(self._places, cancel):
            yield Piece("", "cancelled", len(ids), 0)
            return
        try:
            yield from self._write(self._body(request, ids), cancel, len(ids))
        finally:
            self._places.release()

    def close(self) -> None:
        """Stops what is being written and frees the weights. The model cannot be used afterwards."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.end()

    def _body(self, request: ChatRequest, ids: list[int]) -> dict[str, Any]:
        return {
            "prompt": ids,
            "n_predict": request.max_tokens,
            "temperature": max(0.0, request.temperature),
            "samplers": ["temperature", "top_p"] if request.temperature > 0 else ["temperature"],
            "top_p": 0.95,
            "repeat_penalty": 1.0,
            "seed": request.seed,
            "stop": [word for word in request.stop if word],
            "stream": True,
            "cache_prompt": self._prefix_cache,
            "return_progress": True,
        }

    def _write(self, body: dict[str, Any], cancel: Cancel | None, prompt: int) -> Iterator[Piece]:
        import httpx

        written, cached = 0, None
        child = self._ready()
        try:
            with Exchange(child.client(), "/completion", body, cancel=cancel) as exchange:
                if exchange.start().status_code != 200:
                    raise _refused(self.name, exchange.body())
                for event in _events(self.name, exchange.lines()):
                    if progress := event.get("prompt_progress"):
                        cached = progress["cache"]
                        continue
                    written = event["tokens_predicted"]
                    if event["stop"]:
                        finish = "length" if event["stop_type"] == "limit" else "stop"
                        yield Piece(event["content"], finish, prompt, written, event["timings"]["cache_n"])
                        return
                    if event["content"]:
                        yield Piece(event["content"])
        except Stopped:
            yield Piece("", "cancelled", prompt, written, cached)
            return
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise _gone(self.name, child) from error
        raise _gone(self.name, child)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        import httpx

        child = self._ready()
        try:
            with child.client() as client:
                response = client.post(path, json=body)
        except httpx.HTTPError as error:
            raise _gone(self.name, child) from error
        if response.status_code != 200:
            raise _refused(self.name, response.text)
        answer: dict[str, Any] = response.json()
        return answer

    def _load_quietly(self) -> None:
        with suppress(EngineError, WeightsError):
            self._ready()

    def _ready(self) -> _Child:
        with self._lock:
            if self._closed:
                raise EngineError(f"{self.name} was closed", remedy="Open it again")
            if self._child is None or self._child.process.poll() is not None:
                self._child = self._start()
            return self._child

    def _start(self) -> _Child:
        for file in (self._path, self._adapter_path):
            if file is not None and not file.is_file():
                raise WeightsError(f"there is no file {file}", remedy="Run `anamnesis models fetch`")
        child = _spawn(self._settings)
        weakref.finalize(self, child.end)
        if child.address:
            return child
        child.end()
        raise EngineError(
            f"llama.cpp could not load {self._path.name}",
            expected="the xllamacpp package, a whole GGUF file, an adapter made for it, and memory enough",
            remedy="Run `anamnesis models list --verify`; a smaller context setting needs less memory",
        )


@dataclass(frozen=True, slots=True)
class _Child:
    """The process that holds the weights, and how to reach it. `address` is empty when it could not load them."""

    process: subprocess.Popen[str]
    folder: str
    key: str
    address: str

    def client(self) -> httpx.Client:
        import httpx

        path = self.address.removeprefix("unix://")
        on_socket = path != self.address
        return httpx.Client(
            base_url="http://llama" if on_socket else self.address,
            transport=httpx.HTTPTransport(uds=path if on_socket else None, verify=False),  # no TLS to set up
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=None,  # our own child: a slow one is working, and a dead one hangs up
            trust_env=False,  # a proxy setting must never see a prompt
        )

    def end(self) -> None:
        self.process.kill()  # it holds nothing worth saving
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _spawn(settings: dict[str, Any]) -> _Child:
    folder, key = tempfile.mkdtemp(prefix="anamnesis-"), secrets.token_urlsafe(32)
    process = subprocess.Popen(
        # -P: the folder of the script holds an openai.py and a transformers.py, which are not those packages.
        [sys.executable, "-P", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if settings["verbose"] else subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for us to handle
    )
    # By pipe, not by argument or environment, which other processes can read.
    said = ""
    with suppress(OSError):  # it may have died already, which an empty answer says as well
        said = _ask(process, json.dumps({**settings, "key": key, "host": _host(folder)}))
    return _Child(process, folder, key, said.removeprefix("ready ") if said.startswith("ready ") else "")


def _ask(process: subprocess.Popen[str], line: str) -> str:
    if process.stdin is None or process.stdout is None:
        return ""
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def _host(folder: str) -> str:
    # A socket's path has room for 104 bytes on macOS, 108 on Linux.
    place = os.path.join(folder, "llama.sock")
    return place if sys.platform != "win32" and len(os.fsencode(place)) < 104 else "127.0.0.1"


def _events(name: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        kind, _, rest = line.partition(":")
        if kind == "error":
            raise _refused(name, rest)
        if kind == "data":
            event: dict[str, Any] = json.loads(rest)
            if "error" in event:
                raise _refused(name, rest)
            yield event


def _refused(name: str, body: str) -> EngineError:
    message = body[:300]
    with suppress(ValueError, KeyError, TypeError):
        error = json.loads(body)
        message = error.get("error", error)["message"]
    return EngineError(f"{name} refused the request: {message}")


def _gone(name: str, child: _Child) -> EngineBusy:
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(timeout=1)  # a connection breaks a moment before its process is known to be dead
    code = child.process.poll()
    how = "hung up" if code is None else f"ended with code {code}"
    return EngineBusy(f"the process that runs {name} {how}", remedy="Ask again: it is started anew")
