"""Our page beside a plain Gradio chat that echoes: seconds from sending to the whole answer, by the requests a browser makes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from evals.metrics import percentile

EMERGENCY = "my dad has crushing chest pain and is sweating"
ORDINARY = "How long does a cold last?"


def beside_echo(url: str, opens: Callable[[], str], spent: Callable[[], float], rounds: int) -> dict[str, Any]:
    """Milliseconds of both, alternating, and the ratio of their medians.

    `url` is our server's, `opens` starts the plain chat and gives its address, `spent` says how many seconds of writing were asked
    of the scripted model so far: those are taken off. The plain chat is asked by the one event of its API, where a browser
    sends several.
    """
    plain, ours = _Gradio(opens()), _Gradio(url)
    seconds: dict[str, list[float]] = {"emergency": [], "ordinary": [], "echo": []}
    for number in range(rounds + 1):
        for name, text in (("emergency", EMERGENCY), ("ordinary", ORDINARY)):
            session = uuid.uuid4().hex
            token = ours.agree(session)
            before = spent()
            took = ours.ask(session, text, token)
            echoed = plain.echo(uuid.uuid4().hex, text)
            if number:  # the first of each is a warm-up
                seconds[name].append(took - (spent() - before))
                seconds["echo"].append(echoed)
    middle = {name: percentile(values, 0.5) for name, values in seconds.items()}
    return {
        "ms": {name: shares([1000 * value for value in values]) for name, values in seconds.items()},
        "ratio_of_medians": {name: round(middle[name] / middle["echo"], 2) for name in ("emergency", "ordinary")},
        "says": "without the scripted model's own time; an emergency asks no model",
    }


def shares(values: Sequence[float]) -> dict[str, float]:
    """How many, percentiles and the most."""
    if not values:
        return {"n": 0}
    named = {f"p{share:g}": round(percentile(values, share / 100), 1) for share in (50, 95, 99)}
    return {"n": len(values), **named, "most": round(max(values), 1)}


class _Gradio:
    """A Gradio page by the requests that its browser makes."""

    def __init__(self, url: str) -> None:
        import httpx

        self._client = httpx.Client(base_url=url, timeout=180, trust_env=False)
        self._config = self._client.get("/config").json()
        self._named = {part["props"].get("elem_id"): part["id"] for part in self._config["components"]}

    def agree(self, session: str) -> str:
        """Our page's consent; the token of the conversation that it begins."""
        function = self._function("act", "click")
        given = [json.dumps({"act": "agree", "health": True}), "", "en", "GB"]
        *_, last = self._call(session, function["id"], given)
        return str(last["output"]["data"][function["outputs"].index(self._named["token"])])

    def ask(self, session: str, text: str, token: str) -> float:
        """Seconds until our page had the whole answer."""
        began = time.perf_counter()
        *_, last = self._call(session, self._function("send", "click")["id"], [text, token, "en", "GB", "patient"])
        took = time.perf_counter() - began
        if not last.get("success"):
            raise RuntimeError("The page did not answer")
        return took

    def echo(self, session: str, text: str) -> float:
        """Seconds until the plain chat had said it back."""
        function = next(each for each in self._config["dependencies"] if each.get("api_visibility") == "public")
        kinds = {part["id"]: part["type"] for part in self._config["components"]}
        given = [text if kinds[part] == "textbox" else None for part in function["inputs"]]
        began = time.perf_counter()
        *_, last = self._call(session, function["id"], given)
        took = time.perf_counter() - began
        if text not in json.dumps(last["output"], ensure_ascii=False):
            raise RuntimeError("The plain chat did not echo")
        return took

    def _function(self, part: str, event: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            each for each in self._config["dependencies"] if [self._named[part], event] in each["targets"]
        )
        return found

    def _call(self, session: str, function: int, data: Sequence[Any]) -> Iterator[dict[str, Any]]:
        body = {"data": list(data), "fn_index": function, "session_hash": session}
        headers = {"sec-fetch-site": "same-origin"}
        self._client.post("/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
        query = {"session_hash": session}
        with self._client.stream("GET", "/gradio_api/queue/data", params=query, headers=headers) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    row = json.loads(line[5:])
                    if row["msg"] in ("process_generating", "process_completed"):
                        yield row
                    if row["msg"] in ("process_completed", "close_stream"):
                        return
