"""A streamed HTTP answer that can be dropped at any moment, also while the other side is silent.

httpx blocks until bytes arrive, and a prompt can be read for half a minute before the first. So each exchange has a
thread and a connection of its own; leaving it shuts the connection, which is what makes a server stop decoding.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agent.engines.fit import CANCEL_POLL, cancelled
from agent.types import Cancel

if TYPE_CHECKING:
    import httpx

_CONNECTED = (
    "connection.connect_tcp.complete",
    "connection.connect_unix_socket.complete",
    "connection.start_tls.complete",
)


class Stopped(Exception):
    """The cancel flag was raised while we waited."""


class Exchange:
    """One POST and its streamed answer, over a client that is spent with it.

    `start` waits for the status line; then either `lines` or `body`. All raise `Stopped` when cancelled and httpx's
    own errors when the connection fails. To be used in a `with`.
    """

    def __init__(self, client: httpx.Client, path: str, body: dict[str, Any], *, cancel: Cancel | None) -> None:
        self._client, self._path, self._body, self._cancel = client, path, body, cancel
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._gone = threading.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Exchange:
        threading.Thread(target=self._pump, name="model-answer", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._gone.set()
        self._hang_up()

    def start(self) -> httpx.Response:
        """The answer's status and headers, its body not read."""
        response: httpx.Response = self._next()
        return response

    def lines(self) -> Iterator[str]:
        """The answer's lines until it ends."""
        while (line := self._next()) is not None:
            yield line

    def body(self) -> str:
        """What is left of the answer, as one text."""
        return "\n".join(self.lines())

    def _next(self) -> Any:
        while True:
            if cancelled(self._cancel):
                raise Stopped
            try:
                item = self._arrived.get(timeout=CANCEL_POLL)
            except queue.Empty:
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def _pump(self) -> None:
        import httpx

        try:
            with (
                self._client as client,
                client.stream("POST", self._path, json=self._body, extensions={"trace": self._connected}) as response,
            ):
                self._arrived.put(response)
                for line in response.iter_lines():
                    if self._gone.is_set():
                        return
                    self._arrived.put(line)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            self._arrived.put(error)
        else:
            self._arrived.put(None)

    def _connected(self, event: str, info: dict[str, Any]) -> None:
        if event in _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
            if self._gone.is_set():
                self._hang_up()

    def _hang_up(self) -> None:
        # Closing a socket does not wake a thread that reads from it; shutting it down does.
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
