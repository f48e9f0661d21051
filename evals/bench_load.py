"""The load test: `make bench-load`. Conversations at once through the API of a real server, on a model of 30 tokens a second.

Every conversation asks, waits for the whole streamed answer, thinks for ten seconds, and asks again. Our own overhead is the time
of a turn less what the scripted model itself takes (its tokens at 30 a second). Server, model and this client are processes of
their own on one machine. Then our page beside a plain Gradio chat that echoes, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.bench_load_ends import ECHO, TOKENS_A_SECOND
from evals.bench_load_page import beside_echo, shares
from evals.bench_turn import QUESTIONS

if TYPE_CHECKING:
    import httpx

ASKED = (*QUESTIONS, "My dad has had a heavy pressure on his chest for 40 minutes and he is grey and sweaty")
FOLLOWING = ("I am {age} and otherwise well.", "No, nothing like that.", "And what if it gets worse?")
"""What is said on the second to fourth turn; then a new conversation begins."""
OPENINGS = {
    "en": (
        "Hello, {name} here from the {place}.",
        "Hi, I was told at the {place} to ask here.",
        "Good morning, I work at the {place}.",
    ),
    "zh": ("你好，我在{place}上班。", "您好，{place}的同事让我来问问。", "早上好，我住在{place}附近。"),
}
PLACES = {
    "en": [
        "library",
        "bakery",
        "school",
        "harbour",
        "market",
        "garage",
        "museum",
        "station",
        "theatre",
        "farm",
        "office",
        "mill",
    ],
    "zh": ["图书馆", "面包店", "学校", "码头", "市场", "修车厂", "博物馆", "车站", "剧院", "农场", "办公楼", "工厂"],
}
"""Two of these before each first question, so that the server has hardly ever read the same message before."""
WARM_UP = 0.2
"""The first share of the run, left out of the slope of memory."""
_STARTS_S, _ENDS_S = 900.0, 15.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as its client saw it: seconds until the first piece and the last, tokens that the model wrote; or a fault."""

    seconds: float
    first: float = 0.0
    tokens: int = 0
    kind: str = ""
    fault: str = ""
    minute: int = 0
    """Of the run, in which it ended."""

    @property
    def overhead(self) -> float:
        """Seconds that are ours."""
        return self.seconds - self.tokens / TOKENS_A_SECOND


def main(arguments: Sequence[str]) -> int:
    """Print the report as JSON, and write it to --out; exit 1 where a turn failed."""
    options = _options(arguments)
    # Told to end, it ends its processes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="anamnesis-load-") as folder, _Ends(Path(folder)) as ends:
        _say("The server is being opened")
        server = ends.server()
        keys = _keys(Path(folder), options.conversations)
        _say(f"{options.conversations} conversations for {options.seconds} s")
        turns, memory = asyncio.run(_load(ends, server, keys, options))
        report = _report(turns, memory, options)
        if options.rounds:
            _written(report, options.out)  # what follows may fail, and ten minutes would be lost
            _say(f"The page beside a plain Gradio echo, {options.rounds} rounds")
            report["page"] = beside_echo(
                ends.url,
                lambda: ends.open("-c", ECHO, ready="/config"),
                ends.spent,
                options.rounds,
            )
    print(_written(report, options.out))
    return 1 if report["faults"] else 0


def _written(report: dict[str, Any], out: str) -> str:
    text = json.dumps(report, indent=1)
    if out:
        Path(out).write_text(text + "\n", encoding="utf-8")
    return text


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals.bench_load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--think", type=float, default=10.0, help="seconds between an answer and the next question")
    parser.add_argument("--rounds", type=int, default=20, help="of the page beside a plain Gradio; 0 for none")
    parser.add_argument("--out", default="", help="a file for the report")
    return parser.parse_args(arguments)


class _Ends:
    """The processes of the test, ended with it."""

    def __init__(self, home: Path) -> None:
        self._home, self._started = home, list[subprocess.Popen[bytes]]()
        self.model_url = self.url = ""

    def __enter__(self) -> _Ends:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_ENDS_S)
            if process.poll() is None:
                process.kill()

    def server(self) -> int:
        """`anamnesis serve` on the scripted model; its process id once it is ready."""
        self.model_url = self.open("-m", "evals.bench_load_ends", ready="/v1/models")
        index = Path(os.environ.get("ANAMNESIS_HOME", "")) / "index" / "library"
        if index.is_dir():  # only a saving: it is made again where it does not fit
            shutil.copytree(index, self._home / "index" / "library")
        self.url = self.open("-m", "agent.cli", "serve", "--port", ready="/ready")
        return self._started[-1].pid

    def open(self, *arguments: str, ready: str) -> str:
        """Start Python with arguments and a port after them; its address once it answers."""
        port = _free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANAMNESIS_")} | {
            "ANAMNESIS_HOME": str(self._home), "ANAMNESIS_ENGINE": "openai", "ANAMNESIS_MODEL": "scripted",
            "ANAMNESIS_BASE_URL": f"{self.model_url}/v1", "ANAMNESIS_API_KEY_ENV": "",
            # All of them come from one address here.
            "ANAMNESIS_API_ADDRESS_RATE": "1000000/minute", "GRADIO_ANALYTICS_ENABLED": "False",
        }  # fmt: skip
        log = (self._home / f"{port}.log").open("wb")
        process = subprocess.Popen([sys.executable, *arguments, str(port)], env=environment, stdout=log, stderr=log)
        self._started.append(process)
        _wait(f"http://127.0.0.1:{port}{ready}", process, self._home / f"{port}.log")
        return f"http://127.0.0.1:{port}"

    def spent(self) -> float:
        """Seconds of writing that were asked of the model so far."""
        import httpx

        return float(httpx.get(f"{self.model_url}/spent", trust_env=False).json()["seconds"])


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import httpx

    until = time.monotonic() + _STARTS_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"It ended before it answered:\n{log.read_text(errors='replace')[-2000:]}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(address, timeout=5, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{address} did not answer within {_STARTS_S:.0f} s")


def _keys(home: Path, count: int) -> list[str]:
    """An account with an API key for each conversation, in the database of the running server."""
    from agent.accounts import keys, people
    from agent.config import load
    from agent.database import open_ground

    db = open_ground(load(home=home, engine="none"))
    made = []
    for number in range(count):
        account = people.add(db, f"load-{number}", "patient", None, by="bench")
        made.append(keys.issue(db, account.id, name="load test", scopes=("chat",), by="bench").secret)
    db.engine.dispose()
    return made


async def _load(
    ends: _Ends, server: int, keys: Sequence[str], options: argparse.Namespace
) -> tuple[list[Turn], list[tuple[float, float, float]]]:
    """Turns of all conversations, and (seconds, MB resident, MB of them that no file is mapped to) of the server's memory."""
    import httpx

    turns: list[Turn] = []
    memory: list[tuple[float, float, float]] = []
    began = time.monotonic()
    until = began + options.seconds

    async def watch() -> None:
        every = min(10.0, options.seconds / 12)
        while time.monotonic() < until:
            memory.append((time.monotonic() - began, *_resident(server)))
            await asyncio.sleep(every)
        memory.append((time.monotonic() - began, *_resident(server)))

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=ends.url, timeout=180, trust_env=False, limits=limits) as client:
        talks = [_talk(client, key, number, until, options, turns) for number, key in enumerate(keys)]
        await asyncio.gather(watch(), *talks)
    return turns, memory


async def _talk(
    client: httpx.AsyncClient, key: str, number: int, until: float, options: argparse.Namespace, turns: list[Turn]
) -> None:
    chance, began = random.Random(number), until - options.seconds
    await asyncio.sleep(options.think * number / max(1, options.conversations))
    while time.monotonic() < until:
        messages: list[dict[str, str]] = []
        for text in _told(chance):
            if time.monotonic() >= until:
                return
            messages.append({"role": "user", "content": text})
            turn, said = await _ask(client, key, messages)
            turns.append(replace(turn, minute=int((time.monotonic() - began) // 60)))
            if turn.fault:
                break
            messages.append({"role": "assistant", "content": said})
            # Not all at the same moment for ever.
            await asyncio.sleep(options.think * chance.uniform(0.8, 1.2))


def _told(chance: random.Random) -> list[str]:
    """What is said in one conversation."""
    asked = chance.choice(ASKED)
    language = "en" if asked.isascii() else "zh"
    opening = " ".join(
        chance.choice(OPENINGS[language]).format(
            name=chance.choice(string.ascii_uppercase), place=chance.choice(PLACES[language])
        )
        for _ in range(2)
    )
    return [f"{opening} {asked}", *(text.format(age=chance.randint(19, 64)) for text in FOLLOWING)]


async def _ask(client: httpx.AsyncClient, key: str, messages: list[dict[str, str]]) -> tuple[Turn, str]:
    import httpx

    body = {
        "model": "anamnesis", "messages": messages, "stream": True, "stream_options": {"include_usage": True},
        "anamnesis": {"country": "GB"},
    }  # fmt: skip
    began, first, said, tokens, kind, fault = time.perf_counter(), 0.0, "", 0, "", "cut off"
    try:
        headers = {"Authorization": f"Bearer {key}"}
        async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
            if answer.status_code != 200:
                return Turn(time.perf_counter() - began, fault=f"status {answer.status_code}"), ""
            async for line in answer.aiter_lines():
                if line == "data: [DONE]":
                    fault = fault if fault != "cut off" else ""
                if not line.startswith("data: {"):
                    continue
                row = json.loads(line[6:])
                if "error" in row:
                    fault = str(row["error"].get("code") or "error")
                    continue
                tokens = (row.get("usage") or {}).get("completion_tokens", tokens)
                kind = row.get("anamnesis", {}).get("kind", kind)
                for choice in row["choices"]:
                    if piece := choice["delta"].get("content"):
                        first, said = first or time.perf_counter() - began, said + piece
    except httpx.HTTPError as error:
        return Turn(time.perf_counter() - began, fault=type(error).__name__), ""
    return Turn(time.perf_counter() - began, first, tokens, kind, fault), said


def _report(
    turns: Sequence[Turn], memory: Sequence[tuple[float, float, float]], options: argparse.Namespace
) -> dict[str, Any]:
    good = [turn for turn in turns if not turn.fault]
    megabytes, own = [size for _, size, _ in memory], [size for _, _, size in memory]
    settled = [point for point in memory if point[0] >= WARM_UP * options.seconds]
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "machine": platform.machine(), "load_average": round(os.getloadavg()[0], 1)},
        "options": {name: value for name, value in vars(options).items() if name != "out"},
        "turns": len(turns),
        "turns_a_second": round(len(turns) / options.seconds, 2),
        "faults": dict(Counter(turn.fault for turn in turns if turn.fault)),
        "kinds": dict(Counter(turn.kind for turn in good)),
        "model_tokens": sum(turn.tokens for turn in good),
        "overhead_ms": shares([1000 * turn.overhead for turn in good]),
        "overhead_ms_with_model": shares([1000 * turn.overhead for turn in good if turn.tokens]),
        "overhead_ms_without_model": shares([1000 * turn.overhead for turn in good if not turn.tokens]),
        "overhead_p95_ms_each_minute": {
            minute: shares([1000 * turn.overhead for turn in good if turn.minute == minute])["p95"]
            for minute in sorted({turn.minute for turn in good})
        },
        "first_piece_ms": shares([1000 * turn.first for turn in good if turn.first]),
        "memory_mb": {
            "start": megabytes[0], "least": min(megabytes), "most": max(megabytes), "end": megabytes[-1],
            "slope_a_minute_after_warm_up": round(60 * slope([(at, size) for at, size, _ in settled]), 3),
            # Without the files that are mapped, whose pages become resident as they are first read and can be dropped.
            "own_start": own[0], "own_end": own[-1],
            "own_slope_a_minute_after_warm_up": round(60 * slope([(at, size) for at, _, size in settled]), 3),
            # Whether it still grows at the end, or has come to rest.
            "own_each_minute": list({int(at // 60): round(size, 1) for at, _, size in memory}.values()),
            "samples": len(megabytes),
        },
    }  # fmt: skip


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: by how much the second rises with each one of the first; 0 for fewer than two."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    up = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return up / sum((x - middle_x) ** 2 for x, _ in points)


def _resident(process: int) -> tuple[float, float]:
    """MB in memory of a process: all, and what no file is mapped to."""
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    sizes = {
        name: int(rest.split()[0]) * 1024 / 1e6
        for name, rest in (row.split(":", 1) for row in rows)
        if name.startswith("Rss")
    }
    return round(sum(sizes.values()), 1), round(sizes["RssAnon"], 1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
