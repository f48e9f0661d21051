"""The command line as a person meets it: its contract, its exit codes, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _env(home):
    return {**os.environ, "ANAMNESIS_HOME": str(home), "PYTHONPATH": str(ROOT)}


def _run(*arguments, home, stdin=None, timeout=120):
    command = [sys.executable, "-m", "agent.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=_env(home), cwd=home, input=stdin, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


def test_help_lists_every_group(home):
    done = _run("--help", home=home)
    assert done.returncode == 0
    for name in ("ask", "audit", "chat", "knowledge", "models", "redact", "search", "serve", "triage"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nosuch"], 2, "No such command"),
        (["triage"], 2, "either TEXT or --batch"),
        (["triage", "x", "--batch", "y"], 2, "either TEXT or --batch"),
        (["search", "x", "--k", "0"], 2, "--k"),
        (["search", "x", "--mode", "magic"], 2, "magic"),
        (["triage", "--batch", "/no/such/file"], 1, "cannot be read"),
        (["search", "x", "--index", "/no/such/index"], 1, "There is no index at /no/such/index"),
        (["ask", "x", "--engine", "openai"], 1, "ANAMNESIS_BASE_URL"),
        (["ask", "x", "--engine", "llamacpp", "--model", "smollm2-135m"], 1, "models fetch"),
        (["ask", "x", "--model", "no-such-model"], 1, "no-such-model"),
        (["models", "fetch", "no-such-model"], 1, "no-such-model"),
        (["knowledge", "build", "--source", "jsonl:/no/such", "--out", "x"], 1, "not a file"),
        (["knowledge", "build", "--source", "magic", "--out", "x"], 1, "No source is called 'magic'"),
        (["knowledge", "check", "/no/such/folder"], 1, "holds no topics"),
        (["audit", "erase", "nobody"], 1, "No record of conversation"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_is_honest(home, arguments, code, said):
    done = _run(*arguments, home=home)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_be_used_names_where_it_was_set(home):
    (home / "config.toml").write_text('engine = "magic"\n')
    try:
        assert "expected one of llamacpp" in _run("ask", "x", home=home).stderr.lower()
        (home / "config.toml").write_text("colour = 1\n")
        assert "sets 'colour', which is no setting" in _run("ask", "x", home=home).stderr
    finally:
        (home / "config.toml").unlink()


def test_triage_redact_and_ask_keep_their_contract_in_a_batch(home):
    source = home / "in.jsonl"
    source.write_text(
        json.dumps({"id": "a", "text": "Crushing chest pain down my left arm, sweating, I'm 58"})
        + "\n"
        + json.dumps({"id": "b", "text": "我叫张伟，电话13812345678，感冒两天了，要吃抗生素吗？"}, ensure_ascii=False)
        + "\nbroken\n",
        encoding="utf-8",
    )
    rows = {}
    for command in (["triage"], ["redact"], ["ask", "--engine", "none"]):
        done = _run(*command, "--batch", source, "--out", home / "out.jsonl", home=home)
        assert done.returncode == 1 and "1 line(s) could not be done" in done.stderr
        rows[command[0]] = [json.loads(line) for line in (home / "out.jsonl").read_text().splitlines()]
        assert [row["id"] for row in rows[command[0]]] == ["a", "b", None]
        assert set(rows[command[0]][2]) == {"id", "error"}
    assert set(rows["triage"][0]) == {"id", "level", "rules", "reason", "language"}
    assert rows["triage"][0]["level"] == "emergency" and rows["triage"][1]["level"] == "self_care"
    redacted = rows["redact"][1]
    assert set(redacted) == {"id", "text", "spans"} and "张伟" not in redacted["text"]
    raw = "我叫张伟，电话13812345678，感冒两天了，要吃抗生素吗？"
    assert {raw[span["start"] : span["end"]] for span in redacted["spans"]} == {"张伟", "13812345678"}
    assert rows["ask"][0]["kind"] == "emergency" and rows["ask"][0]["timings"]
    assert rows["ask"][1]["language"] == "zh" and rows["ask"][1]["citations"]
    assert "13812345678" not in json.dumps(rows["ask"][1])


def test_a_corpus_of_ones_own_is_built_searched_added_to_and_asked(home):
    corpus = home / "corpus.jsonl"
    rows = [
        {"id": "doc/1", "title": "Gout", "text": "Gout makes a joint hot, red and very painful.", "url": "https://x.org/gout",
         "source": "X", "published": "2024", "language": "en"},
        {"id": "doc 2", "title": "Ear wax", "text": "Olive oil drops soften ear wax.", "source": "Y"},
    ]  # fmt: skip
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    built = _run("knowledge", "build", "--source", f"jsonl:{corpus}", "--out", home / "own", home=home)
    assert built.returncode == 0 and json.loads(built.stdout)["documents"] == 2
    found = _run("search", "hot painful toe joint", "--index", home / "own", "--k", "1", home=home)
    (hit,) = json.loads(found.stdout)["hits"]
    assert set(hit) == {"id", "score", "document", "title", "source", "url", "text"}
    assert (hit["document"], hit["source"], hit["url"]) == ("doc/1", "X", "https://x.org/gout")
    more = home / "more.jsonl"
    more.write_text(json.dumps({"id": "3", "title": "Warts", "text": "Most warts go away by themselves."}) + "\n" + corpus.read_text())
    added = json.loads(_run("knowledge", "add", f"jsonl:{more}", "--index", home / "own", home=home).stdout)
    expected = {"documents": 3, "added": 1, "unchanged": 2, "passages": 1, "embedded": 1, "index": str(home / "own")}
    assert added == expected
    answer = json.loads(_run("ask", "what does gout feel like", "--engine", "none", "--index", home / "own", home=home).stdout)
    assert answer["kind"] == "answer" and answer["citations"][0]["url"] == "https://x.org/gout"
    (home / "own" / "vectors.f32").write_bytes(b"broken")
    broken = _run("search", "gout", "--index", home / "own", home=home)
    assert broken.returncode == 1 and "knowledge build" in broken.stderr


def test_a_folder_with_other_things_in_it_is_never_replaced(home):
    folder = home / "holiday-pictures"
    folder.mkdir()
    (folder / "beach.jpg").write_bytes(b"x")
    corpus = home / "one.jsonl"
    corpus.write_text('{"id": "1", "text": "x y z"}\n')
    done = _run("knowledge", "build", "--source", f"jsonl:{corpus}", "--out", folder, home=home)
    assert done.returncode == 1 and "other things" in done.stderr and (folder / "beach.jpg").exists()


def test_ctrl_c_leaves_no_half_index_and_the_next_run_goes_on(home):
    corpus = home / "big.jsonl"
    corpus.write_text("".join(json.dumps({"id": str(i), "text": f"Passage {i}. " + "Rest and fluids help a cold. " * 20}) + "\n" for i in range(400)))
    command = [sys.executable, "-m", "agent.cli", "knowledge", "build", "--source", f"jsonl:{corpus}", "--out", str(home / "big")]
    process = subprocess.Popen(
        command,
        env=_env(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=home,
        # A run in the background of a shell starts with Ctrl-C ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    begun = home / ".big.new-kept" / "vectors.f32"
    deadline = time.monotonic() + 60
    while not begun.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert not (home / "big").exists() and b"Traceback" not in stderr
    corpus_rows = corpus.read_text().splitlines(keepends=True)
    corpus.write_text("".join(corpus_rows[:5]))
    again = subprocess.run(command, env=_env(home), capture_output=True, cwd=home, timeout=120)
    assert again.returncode == 0 and json.loads(again.stdout)["documents"] == 5, again.stderr
    assert {path.name for path in home.glob(".big*")} <= {".big.lock"}


def test_the_audit_of_what_was_asked_verifies_and_can_be_erased(home):
    _run("ask", "how long does shingles last", "--engine", "none", home=home)
    verified = _run("audit", "verify", home=home)
    assert verified.returncode == 0 and json.loads(verified.stdout)["entries"] > 0
    entries = [json.loads(line) for line in _run("audit", "export", home=home).stdout.splitlines()]
    conversation = entries[-1]["conversation"]
    assert _run("audit", "erase", conversation, home=home).returncode == 0
    after = [json.loads(line) for line in _run("audit", "export", "--conversation", conversation, home=home).stdout.splitlines()]
    assert after and all(entry["payload"] is None for entry in after)
    assert json.loads(_run("audit", "verify", home=home).stdout)["fault"] == ""


def test_the_terminal_chat_answers_and_ends(home):
    done = _run("chat", "--engine", "none", "--country", "GB", home=home, stdin="我胸口压着疼，出冷汗，左胳膊发麻\n\n")
    assert done.returncode == 0
    assert "999" in done.stdout and "紧急" in done.stdout
    assert "Nobody is watching" in done.stderr
