"""Opening the library's index from several processes at once, in a home that has none yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OPEN = """
import sys
from agent.build import open_index
from agent.config import load
from retrieval.embedders import open_embedder
settings = load(home=sys.argv[1], engine="none")
made = []
index = open_index(settings, open_embedder(settings.embedder), progress=lambda done, of: made.append(done))
print(len(index.catalogue), int(bool(made)))
"""


def test_of_processes_that_start_together_in_a_new_home_one_makes_the_index_and_all_open_it(tmp_path):
    runs = [
        subprocess.Popen([sys.executable, "-c", _OPEN, str(tmp_path)], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]  # fmt: skip
    ended = [(run, *run.communicate(timeout=300)) for run in runs]
    assert [run.returncode for run, _, _ in ended] == [0] * 3, [said for *_, said in ended]
    sizes, made = zip(*(map(int, said.split()) for _, said, _ in ended), strict=True)
    assert len(set(sizes)) == 1 and sizes[0] > 1000
    assert sum(made) == 1
    index = tmp_path / "index"
    assert [found.name for found in index.iterdir() if ".new-" in found.name or ".old-" in found.name] == []
