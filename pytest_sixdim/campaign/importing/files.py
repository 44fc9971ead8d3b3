"""The files that are imported: who they are, and what is in them, a piece at a time."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.core.files import open_regular

CHUNK = 256 * 1024
GZIP = b"\x1f\x8b"
#: Bytes of a file, and of one that was compressed: a small one may unpack to any number.
MOST, MOST_UNPACKED = 64 * 2**30, 8 * 2**30

Role = Literal["log", "monitor"]


@dataclass(frozen=True)
class SourceFile:
    """An imported file. `bytes`, `sha256`: as it lies on the disk; `state`: what changes when somebody writes to it."""

    path: Path
    role: Role
    bytes: int
    sha256: str
    state: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As session.json, order.json and scorecard.json list it."""
        return {"name": self.path.name, "role": self.role, "bytes": self.bytes, "sha256": self.sha256}


def identified(path: Path, role: Role) -> SourceFile:
    """A file and its hash. Raises CannotImport where it is missing, unreadable, no regular file, empty or too large."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            if status.st_size > MOST:
                raise CannotImport(f"{path}: larger than {MOST // 2**30} GiB")
            while size <= status.st_size and (chunk := file.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise CannotImport(f"{path}: {error.strerror or error}") from None
    if size == 0:
        raise CannotImport(f"{path}: is empty")
    return SourceFile(path, role, size, digest.hexdigest(), _state(status))


def require_unchanged(files: Iterable[SourceFile]) -> None:
    """Raises CannotImport where a file was written to since it was hashed: what was read may be something else."""
    for file in files:
        try:
            now = _state(file.path.stat())
        except OSError as error:
            raise CannotImport(f"{file.path}: {error.strerror or error}") from None
        if now != file.state:
            raise CannotImport(f"{file.path}: was written to while it was imported; wait until its run has ended")


def require_distinct(files: Iterable[SourceFile]) -> None:
    """Raises CannotImport where two files hold the same: one run counts once."""
    first: dict[str, Path] = {}
    for file in files:
        if file.sha256 in first:
            other = "itself, given twice" if first[file.sha256] == file.path else str(first[file.sha256])
            raise CannotImport(f"{file.path}: holds the same as {other}: one run counts once")
        first[file.sha256] = file.path


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def lines_of(path: Path) -> Iterator[str]:
    """The clean lines of a log, which may be gzipped; no more of it than a piece is in memory.

    Raises CannotImport where it can't be read, or its gzip is broken.
    """
    splitter = LineSplitter()
    for chunk in _chunks(path):
        yield from splitter.feed(chunk)
    yield from splitter.finish()


def _chunks(path: Path) -> Iterator[bytes]:
    read = 0
    try:
        with open_regular(path) as raw, _unpacked(raw) as file:
            most, unpacked = (MOST, "") if file is raw else (MOST_UNPACKED, " once it is unpacked")
            while chunk := file.read(CHUNK):
                read += len(chunk)
                if read > most:
                    raise CannotImport(f"{path}: holds more than {most // 2**30} GiB{unpacked}")
                yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CannotImport(f"{path}: broken gzip after {read} bytes: {error}") from None
    except OSError as error:
        raise CannotImport(f"{path}: {error.strerror or error}") from None


def _unpacked(raw: BinaryIO) -> BinaryIO:
    packed = raw.read(len(GZIP)) == GZIP
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb")) if packed else raw
