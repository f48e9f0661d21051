"""`anamnesis serve`: the agent opened, the application made, and uvicorn serving it until ctrl-C."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from agent.accounts.first import ensure_operator
from agent.accounts.oidc import load_rules
from agent.accounts.providers import load_providers
from agent.app.desk import Desk
from agent.app.opening import Opening
from agent.build import Progress
from agent.config import Settings
from knowledge.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

_SWEEP_S = 15.0
_END_S = 1.5
"""How long ctrl-C waits for answers and weights to end before it leaves them."""
_START_S = 60.0
_ARENA_MAX = -8
"""glibc's M_ARENA_MAX, see mallopt(3)."""


class Server:
    """Uvicorn in a thread of this process. `start` returns once it answers. `forwarded`: proxies whose word is taken."""

    def __init__(self, app: FastAPI, *, host: str, port: int, forwarded: str = "") -> None:
        import uvicorn

        # What goes wrong inside a library is printed with its values, which may be somebody's words; and an address that was
        # asked for may hold them too.
        for name in ("uvicorn", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            app, host=host, port=port, access_log=False, log_config=None, server_header=False, lifespan="on",
            proxy_headers=bool(forwarded), forwarded_allow_ips=forwarded, timeout_graceful_shutdown=1, ws="none",
            # Longer than a proxy keeps a connection, so that no request is sent on one that is just being closed.
            timeout_keep_alive=75,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="uvicorn", daemon=True)

    def start(self) -> None:
        """Serve.

        Raises:
            ConfigError: it did not start.
        """
        self._thread.start()
        until = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise ConfigError("The server did not start", remedy="Look whether another program took the port")
            time.sleep(0.01)

    def close(self) -> None:
        """End: connections first, then the thread."""
        self._server.should_exit = True
        self._thread.join(timeout=5)


def serve(settings: Settings, *, progress: Progress | None = None) -> None:
    """Open chat and API on `settings.host` and `settings.port` until ctrl-C.

    Raises:
        ConfigError: the port is taken, the address is not this machine's, or a setting cannot be used.
        IndexFault, WeightsError, EngineError, StoreError: what is missing and what to do.
        KeyboardInterrupt: it was stopped, and everything is put away.
    """
    _check_port(settings)
    began = time.monotonic()
    few_arenas()
    opening = Opening(settings, progress=progress)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Gradio reads these when it is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop ends it as ctrl-C does
    from agent.api import logs, tracing
    from agent.api.application import create_app
    from agent.api.daily import Daily
    from agent.api.metrics import Metrics
    from agent.app.web import build_app

    logs.to_stderr(requests=settings.api_log)
    metrics = Metrics()
    desk = Desk(opening.agent, loading=opening.loading)
    demo = build_app(opening.agent, settings, desk=desk)
    app = create_app(
        opening.agent, settings, ready=opening.is_open, chat=demo, metrics=metrics, traces=tracing.from_environment()
    )
    server = Server(app, host=settings.host, port=settings.port, forwarded=settings.forwarded)
    staff, db = app.state.staff, app.state.services.db
    daily = Daily(db, metrics=metrics)
    try:
        _check_signons(settings)
        opening.agent()
        opening.load()
        staff.open_all()
        # Said at once: what comes after may fail, and it is said only once.
        ensure_operator(db, lambda line: click.echo(line, err=True))
        # What is open now stays: without this the collector walks all of it again and again, 70 ms in which no turn goes on.
        gc.collect()
        gc.freeze()
        server.start()
        daily.start()
        address, took = f"http://{_shown(settings.host)}:{settings.port}", time.monotonic() - began
        click.echo(f"The chat is at {address} (ready in {took:.0f} s; ctrl-C ends it)")
        if staff.pages:
            click.echo(f"For those who sign in: {', '.join(address + page.path for page in staff.pages)}")
            click.echo(f"In Chinese the same under {address}/zh")
        if not _is_loopback(settings.host) and not settings.forwarded:
            click.echo("Passwords go over the network in clear: put TLS in front, see docs/operating.md.", err=True)
        if not _is_loopback(settings.host):
            click.echo("Anybody who can reach this address can use the chat: nothing asks who they are.", err=True)
        while True:
            time.sleep(_SWEEP_S)
            desk.sweep()
    finally:
        daily.close()
        desk.stop_all()
        app.state.services.turns.stop_all()
        _within(_END_S, server.close, opening.close)


def few_arenas(most: int = 2) -> bool:
    """Tell glibc to keep at most so many heaps, before threads begin; whether it could be told (elsewhere than on glibc: no).

    Each turn has a thread of its own. With a heap for each of many threads, memory rises without an end in sight; with two it
    hardly does (docs/operating.md). MALLOC_ARENA_MAX, where it is set, stands.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, most))
    except (OSError, AttributeError):
        return False


def _check_signons(settings: Settings) -> None:
    """A file of other sign-ons that cannot be used is found out at the start, and not by who wants to come in."""
    load_rules(settings.home)
    for provider in load_providers(settings.home).providers:
        provider.secret()


def _check_port(settings: Settings) -> None:
    """Found out before anything is opened: a taken port is the commonest fault and takes no seconds to tell."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
    except OSError as fault:
        raise ConfigError(f"{settings.host} is no address of this machine", remedy="Use --host 127.0.0.1") from fault
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            raise ConfigError(
                f"Port {settings.port} on {settings.host} cannot be used ({fault.strerror or fault})",
                remedy=f"End the program that uses it, or choose another: --port {settings.port % 65535 + 1}",
            ) from fault


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else "localhost" if host == "0.0.0.0" else host


def _within(seconds: float, *works: Callable[[], object]) -> None:
    """Run `works` side by side and wait for them, but not longer than `seconds`."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
