"""The files that are imported: who they are, and what is in them, a piece at a time."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.core.files import open_regular, size_text

CHUNK = 256 * 1024
GZIP = b"\x1f\x8b"
#: Bytes of a compressed log once it is not compressed any more: a small file may hold any number.
MOST_UNPACKED = 64 * 2**30

Role = Literal["log", "monitor"]


@dataclass(frozen=True)
class SourceFile:
    """An imported file. `bytes`, `sha256`: as it lies on the disk."""

    path: Path
    role: Role
    bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """As session.json, order.json and scorecard.json list it."""
        return {"name": self.path.name, "role": self.role, "bytes": self.bytes, "sha256": self.sha256}


def identified(path: Path, role: Role) -> SourceFile:
    """A file and its hash. Raises CannotImport where it is missing, unreadable, no regular file or empty."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_regular(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise CannotImport(f"{path}: {error.strerror or error}") from None
    if size == 0:
        raise CannotImport(f"{path}: is empty")
    return SourceFile(path, role, size, digest.hexdigest())


def require_distinct(files: Iterable[SourceFile]) -> None:
    """Raises CannotImport where two files hold the same: one run counts once."""
    first: dict[str, Path] = {}
    for file in files:
        if file.sha256 in first:
            other = "itself, given twice" if first[file.sha256] == file.path else str(first[file.sha256])
            raise CannotImport(f"{file.path}: holds the same as {other}: one run counts once")
        first[file.sha256] = file.path


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
            while chunk := file.read(CHUNK):
                read += len(chunk)
                if read > MOST_UNPACKED:
                    raise CannotImport(f"{path}: holds more than {size_text(MOST_UNPACKED)} once it is unpacked")
                yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CannotImport(f"{path}: broken gzip after {read} bytes: {error}") from None
    except OSError as error:
        raise CannotImport(f"{path}: {error.strerror or error}") from None


def _unpacked(raw: BinaryIO) -> BinaryIO:
    packed = raw.read(len(GZIP)) == GZIP
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb")) if packed else raw
