"""The process that holds llama.cpp: run as a script by `llamacpp.py`, imports nothing of ours.

Reads one line of JSON settings, answers `ready ADDRESS` or `failed`, and ends when its standard input does, which is
when the parent closes it or dies, however it dies.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def params(settings: dict[str, Any]) -> Any:
    """llama.cpp's parameters: one socket, one key, and every page and endpoint that nobody needs switched off."""
    import xllamacpp

    made = xllamacpp.CommonParams()
    made.model.path = settings["path"]
    made.n_parallel = settings["concurrency"]
    made.n_ctx = settings["context"] * settings["concurrency"]
    made.n_batch = made.n_ubatch = settings["batch"]
    made.cpuparams.n_threads = made.cpuparams_batch.n_threads = settings["threads"]
    made.cache_ram_mib = settings["cache_mib"]
    made.ctx_shift = False  # an answer that outgrows the window must fail, not forget its beginning
    made.warmup = False
    made.api_keys = [settings["key"]]
    made.hostnames = [settings["host"]]
    made.ui = made.endpoint_slots = made.endpoint_props = made.endpoint_metrics = False
    if settings["lookup"]:
        # Answers quote: what follows a run of tokens in the prompt is offered as what comes next, and checked in one step.
        kind = xllamacpp.common_speculative_type
        made.speculative.types = [kind.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        made.speculative.ngram_simple.size_n, made.speculative.ngram_simple.size_m = settings["lookup"]
    made.verbosity = 3 if settings["verbose"] else -1
    if settings["adapter"]:
        made.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["adapter"], 1.0)]
    return made


def main() -> None:
    """Serves until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    # llama.cpp writes to standard output too, and the answer to the parent must be alone there.
    answer = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(2 if settings["verbose"] else quiet, 1)
    if not settings["verbose"]:
        os.dup2(quiet, 2)

    import xllamacpp

    try:
        server = xllamacpp.Server(params(settings))
    except RuntimeError:
        answer.write("failed\n")
        answer.flush()
        os._exit(1)
    answer.write(f"ready {server.listening_address}\n")
    answer.flush()
    sys.stdin.read()
    os._exit(0)  # what is being decoded has nobody left to read it


if __name__ == "__main__":
    main()
