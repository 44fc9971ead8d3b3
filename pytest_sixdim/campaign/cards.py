"""Who has this host's cards. A measured run has the host to itself (docs/method.md)."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_sixdim.campaign.settings import SettingsError


def lock_directory() -> Path:
    """A private directory on this host, the same for all of the user's sessions.

    Below XDG_RUNTIME_DIR, or the temporary directory where that names none that can be written to, as after su.
    Raises SettingsError where it can't be made and where somebody else owns it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    usable = bool(base) and os.access(str(base), os.W_OK | os.X_OK)
    directory = Path(str(base)) / "sixdim" if usable else Path(tempfile.gettempdir()) / f"sixdim-{os.getuid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"{directory}: {error.strerror or error}; it holds the locks of this user's cards"
        raise SettingsError(f"{text}, below XDG_RUNTIME_DIR or the temporary directory") from None
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise SettingsError(f"{directory}: belongs to somebody else; it holds the locks of this user's cards")
    return directory


@contextmanager
def host_lease(label: str, waiting: Callable[[str], None]) -> Iterator[int]:
    """Hold the host while a run is measured; yields the descriptor that holds it.

    Waits until it is free, after `waiting` was told who has it. The descriptor must be passed on to the agent: the
    lock then lasts as long as any of its holders, so that a killed pytest does not free cards that are still in use.
    `label` says who holds it.
    """
    descriptor = os.open(lock_directory() / "host.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(_holder(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        holder = json.dumps({"pid": os.getpid(), "run": label, "since_unix": time.time()})
        os.pwrite(descriptor, holder.encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def host_holder() -> str | None:
    """Who has this host just now, as in "run digits/.../full-1 of process 123"; None for nobody of this user.

    Takes nothing but a look. Raises SettingsError as lock_directory does.
    """
    try:
        descriptor = os.open(lock_directory() / "host.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> str:
    """Who has the host, as in "run digits/.../full-1 of process 123"."""
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"run {holder['run']} of process {holder['pid']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
