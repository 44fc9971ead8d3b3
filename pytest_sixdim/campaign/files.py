"""JSON files that are either whole or not there, and what is said where the disk refuses."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import write_atomically
from pytest_sixdim.core.files import read_bounded

#: Bytes of a JSON file that is read.
LARGEST = 64 * 2**20


class StoreError(ValueError):
    """A file of ours that can't be used: it is broken, or not of this plugin. The text is for a person."""


def write_json(path: Path, record: Any) -> None:
    """Write JSON, and the folder that it is to lie in. Raises as write_atomically does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    write_atomically(path, record)


def read_json(path: Path) -> Any:
    """Read a JSON file of at most LARGEST bytes. Raises OSError, and StoreError for one that is broken: it names the
    file."""
    try:
        return json.loads(read_bounded(path, LARGEST))
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
