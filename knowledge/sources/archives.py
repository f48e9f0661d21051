"""ZIP archives: looked through before anything is unpacked, then read one member at a time in a temporary folder."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from knowledge.errors import InputError
from knowledge.sources.reading import BrokenInput, OnFault, read_file, reported
from knowledge.sources.streams import MAX_RATIO, MIB, RATIO_FROM_BYTES, opened
from knowledge.types import Document

MAX_MEMBERS = 50_000
MAX_TOTAL_BYTES = 8 * 1024 * MIB
MAX_MEMBER_BYTES = 4 * 1024 * MIB
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst", ".jar")


def read_zip(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """Documents of every member, each read as a file of its own (names `ARCHIVE/MEMBER`), in sorted order.

    An archive whose members lead out of it, or that would fill the disk, is refused whole; an archive inside it is reported.
    """
    name = name or path.name
    with reported(name, on_fault), opened(path, whole=True), tempfile.TemporaryDirectory() as folder:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError) as fault:
            raise InputError("is a broken ZIP archive", remedy="Download it again") from fault
        with archive:
            for member in check_members(archive):
                where = f"{name}/{member.filename}"
                if PurePosixPath(member.filename).name.startswith((".", "~$")) or "__MACOSX/" in member.filename:
                    continue
                with reported(where, on_fault):
                    if member.filename.lower().endswith(_ARCHIVES):
                        on_fault(BrokenInput(where, "is an archive inside an archive", "Unpack it and give the folder"))
                        continue
                    file = _unpacked(archive, member, Path(folder))
                    try:
                        yield from _read(file, where, on_fault)
                    finally:
                        file.unlink()


def check_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, sorted by name.

    Raises:
        InputError: a path leads out of it, a member is a link, needs a password or unpacks too far, or there are too many.
    """
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MAX_MEMBERS:
        raise InputError(f"holds {len(members)} files, more than {MAX_MEMBERS}", remedy="Unpack it and give the folder")
    if sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
        raise InputError(f"unpacks to more than {MAX_TOTAL_BYTES // MIB} MiB", remedy="Check where it came from")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\\" in member.filename:
            raise InputError("holds a path that leads out of it", remedy="Do not use it: honest archives do not")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError("holds a link", remedy="Make the archive again with the files themselves")
        if member.flag_bits & 1:
            raise InputError("needs a password", remedy="Make the archive again without one")
        if member.file_size > MAX_MEMBER_BYTES or (
            member.file_size > RATIO_FROM_BYTES and member.file_size > MAX_RATIO * max(1, member.compress_size)
        ):
            raise InputError(
                f"holds a file that unpacks to more than {MAX_RATIO} times its size, as a bomb does",
                remedy="Check where it came from; unpack it yourself if it is sound",
            )
    return sorted(members, key=lambda member: member.filename)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Path:
    """The member's bytes under a name of ours (its suffix alone is kept, since some formats are told by it)."""
    suffix = PurePosixPath(member.filename).suffix
    file = folder / f"member{suffix if suffix[1:].isalnum() and len(suffix) <= 10 else ''}"
    written = 0
    with archive.open(member) as packed, file.open("wb") as out:
        while part := packed.read(MIB):
            written += len(part)
            # The directory of an archive may lie about sizes.
            if written > member.file_size:
                raise InputError("unpacks to more than it says", remedy="Do not use it: honest archives do not")
            out.write(part)
    return file


def _read(file: Path, where: str, on_fault: OnFault) -> Iterator[Document]:
    from knowledge.sources.recognising import sniff

    if sniff(file)[0] in ("zip", "unzipped", "archive"):
        on_fault(BrokenInput(where, "is an archive inside an archive", "Unpack it and give the folder"))
        return
    yield from read_file(file, on_fault=on_fault, name=where)
