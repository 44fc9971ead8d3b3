"""Files that somebody else may have made: regular ones only, and never more of them than is asked for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO


class FileTooLarge(OSError):
    """A file has more bytes than its reader takes."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. A named pipe does not block, and no device is touched.

    Raises OSError, also where it is no regular file.
    """
    _require_regular(path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _require_regular(os.fstat(descriptor))  # it may be another one by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most: int) -> bytes:
    """A file's bytes. Raises OSError; FileTooLarge for more than `most`, whatever size the file claims to have."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise FileTooLarge(errno.EFBIG, f"larger than {size_text(most)}")
    return content


def bounded_lines(path: Path, longest: int) -> Iterator[bytes]:
    """The lines of a file without their ends, one at a time; one of more than `longest` bytes is passed over.

    Raises OSError.
    """
    with open_regular(path) as file:
        while line := file.readline(longest + 1):
            if len(line) <= longest or line.endswith(b"\n"):
                yield line.removesuffix(b"\n")
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(longest + 1)


def wrong_pattern(text: str) -> str | None:
    """What is wrong with a glob pattern that shall match files below some directory; None where nothing is.

    Each '**' searches all that lies below: there may be one.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        return "must be a path below the directory, without '..'"
    if not path.parts:
        return "must name a file"
    if any("**" in part and part != "**" for part in path.parts) or path.parts.count("**") > 1:
        return "may have one '**', as a directory of its own"
    return None


def size_text(size: int) -> str:
    """As in "1 MB"."""
    return f"{size / 1e6:.0f} MB" if size >= 10**6 else f"{size} bytes"


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise OSError(errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL, kind)
