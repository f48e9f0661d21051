"""Any endpoint that speaks the chat-completions protocol: vLLM, a llama.cpp server, a hosted model.

Over httpx and not the `openai` package: that takes half a second to import, reads OPENAI_* variables nobody set for
us, retries on its own terms, and cannot be interrupted before the first byte.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.engines.fit import CANCEL_POLL, Stopper, cancelled, check_fit, most_tokens
from agent.engines.prompt import clean
from agent.engines.wire import Exchange, Stopped
from agent.types import Cancel, ChatRequest, Piece
from knowledge.errors import ConfigError, EngineBusy, EngineError

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 4
"""Tries in all, while nothing was streamed."""
LONGEST_WAIT = 30.0
"""Seconds: an endpoint that asks for more, in Retry-After, is not waited for."""

_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_SENT_STOPS = 4  # hosted models refuse more; the rest is found here


class OpenAI:
    """A `ChatModel` over `base_url` (with its `/v1`). `key_env` names the environment variable that holds the key.

    `context` must be the endpoint's own window: where it will not count tokens, an upper bound of one a byte is
    checked against it. `timeout` is seconds of silence. `weights` is what the operator knows of what is served there.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str = "",
        key_env: str = "",
        weights: str = "",
        adapter: str = "",
        context: int = 8192,
        concurrency: int = 4,
        timeout: float = 120,
        connect_timeout: float = 10,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{base_url!r} is no endpoint", expected="a URL such as http://127.0.0.1:8000/v1")
        if key_env and not os.environ.get(key_env):
            raise ConfigError(f"the environment variable {key_env} is not set", remedy="Put the endpoint's key in it")
        self._base = base_url.rstrip("/")
        self._root = self._base.removesuffix("/v1")
        self._key = os.environ.get(key_env, "") if key_env else ""
        self._model = model
        self._here = _is_loopback(parts.hostname)
        self._timeouts = (timeout, connect_timeout)
        self._lock = threading.Lock()
        self._dialect: _Dialect | None = None
        self.name = model or parts.hostname
        self.weights = weights or f"{model}@{parts.hostname}"
        self.adapter = adapter
        self.context = context
        self.concurrency = concurrency

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """The prompt as the endpoint's own template writes it. Raises EngineError where it does not tell."""
        return self._speaks().render(self, clean(messages))

    def tokens(self, text: str) -> list[int]:
        """Token ids of a rendered prompt. Raises EngineError where the endpoint has no tokenizer to ask."""
        return self._speaks().tokens(self, text)

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """Text as it is written; `cancel`, or closing the iterator, closes the connection at once.

        Busy answers and lost connections are tried again, at most ATTEMPTS in all and never once text was given.
        Raises EngineBusy when that did not help, EngineError for what a person must mend.
        """
        messages = clean(request.messages)
        counted = self._count(messages)
        check_fit(
            prompt=most_tokens(messages) if counted is None else counted,
            answer=request.max_tokens,
            context=self.context,
            name=self.name,
            estimated=counted is None,
        )
        body = self._body(messages, request)
        for attempt in range(1, ATTEMPTS + 1):
            begun = False
            try:
                for piece in self._once(body, request.stop, cancel, counted):
                    begun = True
                    yield piece
                return
            except Stopped:
                yield Piece("", "cancelled", counted, None)
                return
            except _Busy as busy:
                wait = self._patience(busy, ATTEMPTS if begun else attempt)
            if _sleep(wait, cancel):
                yield Piece("", "cancelled", counted, None)
                return

    def close(self) -> None:
        """Nothing is kept open between requests."""

    def _body(self, messages: tuple[dict[str, str], ...], request: ChatRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._named(),
            "messages": list(messages),
            "max_tokens": request.max_tokens,
            "temperature": max(0.0, request.temperature),
            "top_p": 0.95 if request.temperature > 0 else 1.0,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        stops = [word for word in request.stop if word][:_SENT_STOPS]
        return {**body, "stop": stops} if stops else body

    def _once(
        self, body: dict[str, Any], stop: tuple[str, ...], cancel: Cancel | None, counted: int | None
    ) -> Iterator[Piece]:
        import httpx

        try:
            with Exchange(self._client(), f"{self._base}/chat/completions", body, cancel=cancel) as exchange:
                response = exchange.start()
                if response.status_code != 200:
                    raise self._refused(response, exchange.body())
                if "event-stream" not in response.headers.get("content-type", ""):
                    raise EngineError(
                        f"{self._base} answered with {response.headers.get('content-type', 'no content type')}",
                        expected="an event stream",
                        remedy="Check that the base URL is the endpoint's, usually ending in /v1",
                    )
                yield from _read(self.name, exchange.lines(), Stopper(stop), counted)
        except httpx.TimeoutException as error:
            raise _Busy(f"was silent for {self._timeouts[0]:g} s") from error
        except (httpx.TransportError, httpx.StreamError, OSError) as error:
            raise _Busy(f"could not be reached, or hung up ({type(error).__name__})") from error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise EngineError(f"{self.name} could not be asked ({type(error).__name__})") from error

    def _count(self, messages: tuple[dict[str, str], ...]) -> int | None:
        dialect = self._speaks()
        return None if dialect is _SILENT else len(dialect.tokens(self, dialect.render(self, messages)))

    def _speaks(self) -> _Dialect:
        with self._lock:
            if self._dialect is None:
                self._dialect = next(one for one in DIALECTS if one.spoken(self))
            return self._dialect

    def _named(self) -> str:
        if not self._model:
            listed = self.ask("GET", f"{self._base}/models", None)
            names = [entry.get("id") for entry in (listed or {}).get("data", ()) if isinstance(entry, dict)]
            if len(names) != 1:
                raise ConfigError(f"{self._base} serves {len(names)} models", remedy="Name one with the model setting")
            self._model = self.name = str(names[0])
        return self._model

    def ask(self, method: str, url: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        """A small request's JSON; None where the endpoint has no such page. Tries again as `stream` does."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._ask_once(method, url, body)
            except _Busy as busy:
                time.sleep(self._patience(busy, attempt))
        return None

    def _ask_once(self, method: str, url: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        import httpx

        try:
            with self._client() as client:
                response = client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise _Busy(f"could not be reached at {self._base} ({type(error).__name__})") from error
        if response.status_code in (404, 405, 501):
            return None
        if response.status_code != 200:
            raise self._refused(response, response.text)
        with suppress(ValueError):
            answer = response.json()
            return answer if isinstance(answer, dict) else None
        return None

    def _patience(self, busy: _Busy, attempt: int) -> float:
        """Seconds to wait before the next attempt. Raises EngineBusy when there should be none."""
        wait = busy.wait if busy.wait is not None else 0.5 * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
        if attempt >= ATTEMPTS or wait > LONGEST_WAIT:
            raise EngineBusy(
                f"{self.name} {busy}", remedy="Check that it runs, or ask again later; a longer timeout may help"
            ) from busy
        return wait

    def _client(self) -> httpx.Client:
        import httpx

        silence, connect = self._timeouts
        return httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(silence, connect=connect),
            verify=self._base.startswith("https:"),
            trust_env=not self._here,  # a proxy for the world outside is no use on this machine
        )

    def _refused(self, response: httpx.Response, body: str) -> EngineError | _Busy:
        status, said = response.status_code, _message(body)
        if status in _BUSY:
            return _Busy(f"answered {status}: {said}", _retry_after(response.headers.get("retry-after", "")))
        if status in (401, 403):
            return EngineError(f"{self.name} refused the key ({status}: {said})", remedy="Check the key and its rights")
        if status == 404:
            return EngineError(
                f"{self._base} has no such page or model ({said})",
                expected=f"chat completions there, and a model called {self._model!r}",
                remedy="Check the base URL, usually ending in /v1, and the model's name",
            )
        if 300 <= status < 400:
            return EngineError(f"{self._base} redirects ({status})", remedy="Use the address it redirects to")
        return EngineError(f"{self.name} refused the request ({status}: {said})")


class _Busy(Exception):
    """The same request may succeed later; `wait` is what the endpoint asked for, in seconds."""

    def __init__(self, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.wait = wait


class _Dialect:
    """How an endpoint that counts tokens is asked. This one does not."""

    def spoken(self, model: OpenAI) -> bool:
        return True

    def render(self, model: OpenAI, messages: tuple[dict[str, str], ...]) -> str:
        raise EngineError(f"{model.name} does not show its prompts", remedy="Use another engine where you need them")

    def tokens(self, model: OpenAI, text: str) -> list[int]:
        raise EngineError(f"{model.name} does not count tokens", remedy="Use another engine where you need them")


class _LlamaCppDialect(_Dialect):
    def spoken(self, model: OpenAI) -> bool:
        return _knows(model, "/apply-template", {"messages": [{"role": "user", "content": "."}]}, "prompt")

    def render(self, model: OpenAI, messages: tuple[dict[str, str], ...]) -> str:
        return str(_told(model, "/apply-template", {"messages": list(messages)}, "prompt"))

    def tokens(self, model: OpenAI, text: str) -> list[int]:
        body = {"content": text, "add_special": True, "parse_special": True}
        return list(_told(model, "/tokenize", body, "tokens"))


class _VllmDialect(_Dialect):
    """vLLM tokenizes a conversation and turns ids back into text, so the prompt is found through its ids."""

    def spoken(self, model: OpenAI) -> bool:
        return _knows(model, "/tokenize", {"model": model._named(), "prompt": "."}, "tokens")

    def render(self, model: OpenAI, messages: tuple[dict[str, str], ...]) -> str:
        body = {"model": model._named(), "messages": list(messages), "add_generation_prompt": True}
        back = {"model": model._named(), "tokens": _told(model, "/tokenize", body, "tokens")}
        return str(_told(model, "/detokenize", back, "prompt"))

    def tokens(self, model: OpenAI, text: str) -> list[int]:
        # A rendered prompt already begins with whatever begins a conversation: it must not be added again.
        body = {"model": model._named(), "prompt": text, "add_special_tokens": False}
        return list(_told(model, "/tokenize", body, "tokens"))


def _knows(model: OpenAI, page: str, body: dict[str, Any], key: str) -> bool:
    try:
        return key in (model.ask("POST", model._root + page, body) or {})
    except EngineBusy:
        raise
    except EngineError:  # hosted endpoints refuse unknown pages in many ways; a wrong key is said by the request itself
        return False


def _told(model: OpenAI, page: str, body: dict[str, Any], key: str) -> Any:
    answer = model.ask("POST", model._root + page, body) or {}
    if key not in answer:
        raise EngineError(f"{model.name} gave no {key!r} at {page}", remedy="Check that it is still the same server")
    return answer[key]


_SILENT = _Dialect()
DIALECTS: tuple[_Dialect, ...] = (_LlamaCppDialect(), _VllmDialect(), _SILENT)
"""Ways to ask for token counts, tried in order; the last is for endpoints that tell nothing."""


def _read(name: str, lines: Iterator[str], stopper: Stopper, counted: int | None) -> Iterator[Piece]:
    finish, prompt, written, cached = "", counted, None, None
    for line in lines:
        field, _, data = line.partition(":")
        if field != "data" or not data.strip():
            continue
        if data.strip() == "[DONE]":
            break
        event = _parse(name, data)
        if usage := event.get("usage"):
            prompt, written = usage.get("prompt_tokens", prompt), usage.get("completion_tokens")
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        for choice in event.get("choices") or ():
            finish = choice.get("finish_reason") or finish
            shown = stopper.feed((choice.get("delta") or {}).get("content") or "")
            if shown:
                yield Piece(shown)
        if stopper.stopped:
            finish = "stop"
            break
    if finish == "content_filter":
        raise EngineError(f"{name} withheld its answer (content filter)")
    if not finish:
        raise _Busy("ended its answer in the middle")
    yield Piece(stopper.rest(), "length" if finish == "length" else "stop", prompt, written, cached)


def _parse(name: str, data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise _Busy("sent a broken line") from None
    if not isinstance(event, dict):
        raise EngineError(f"{name} sent {type(event).__name__}", expected="an object on each line")
    if "error" in event:
        raise EngineError(f"{name} failed while it wrote: {_message(data)}")
    return event


def _message(body: str) -> str:
    """What an endpoint says is wrong, short. Never the whole body: some send the prompt back."""
    with suppress(ValueError, AttributeError):
        said = json.loads(body)
        error = said.get("error", said)
        found = error.get("message") if isinstance(error, dict) else error
        return str(found or "no reason given")[:300]
    return " ".join(body.split())[:120] or "no reason given"


def _retry_after(value: str) -> float | None:
    """Seconds, from either form of the header."""
    if value.strip().isdigit():
        return float(value)
    from email.utils import parsedate_to_datetime

    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _sleep(seconds: float, cancel: Cancel | None) -> bool:
    """Waits; True when cancelled meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancelled(cancel):
            return True
        time.sleep(min(CANCEL_POLL, left))
    return cancelled(cancel)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
