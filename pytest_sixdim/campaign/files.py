"""JSON files that are either whole or not there, and what is said where the disk refuses."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class StoreError(ValueError):
    """A file of ours that can't be used: it is broken, or not of this plugin. The text is for a person."""


def complaint(error: Exception) -> str:
    """One line for a person, as in "/results/x/order.json: No space left on device"."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error) or type(error).__name__
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def write_json(path: Path, record: Any) -> None:
    """Write JSON beside `path`, make sure that it is on the disk, and rename it into place.

    Raises OSError, which names `path`, and leaves what stood there; NaN is refused (ValueError).
    """
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            discard(partial)
            raise
        settle(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def discard(path: Path) -> None:
    """Take a half-written file away, where the disk lets it go."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass


def settle(directory: Path) -> None:
    """Have the names in a directory outlast a power cut; some file systems can't be asked, and need not be."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises OSError, and StoreError for one that is broken: it names the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: can't be read: {error}") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made where it is missing. Raises OSError where it can't be."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
