"""The server keeps few heaps, so that threads that come and go do not make it grow."""

from __future__ import annotations

import subprocess
import sys

import pytest

GROWS = """
import ctypes, os, sys, threading
from agent.api.serve import few_arenas
if sys.argv[1] == "few":
    assert few_arenas()
began = threading.Barrier(24)
def work():
    kept = ctypes.CDLL(None)
    kept.malloc.restype, kept.malloc.argtypes, kept.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    began.wait()
    mine = kept.malloc(1000)
    began.wait()
    kept.free(mine)
threads = [threading.Thread(target=work) for _ in range(24)]
for thread in threads: thread.start()
for thread in threads: thread.join()
heaps = sum(1 for line in open("/proc/self/maps") if "rw-p" in line and int(line.split("-")[0], 16) % (64 << 20) == 0)
print(heaps)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's heaps")
def test_threads_share_two_heaps():
    def heaps(how):
        done = subprocess.run([sys.executable, "-c", GROWS, how], capture_output=True, text=True, timeout=120, check=True)
        return int(done.stdout)

    many, few = heaps("as it comes"), heaps("few")
    if many <= 2:
        pytest.skip("this libc gives threads no heaps of their own")
    assert few <= 2 < many


def test_a_limit_that_is_set_from_outside_stands(monkeypatch):
    from agent.api.serve import few_arenas

    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert not few_arenas()
