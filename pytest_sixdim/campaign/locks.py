"""Locks between this user's sessions on this host: flock(2) on files of a private directory, each with a note of who
holds it. Only what flock says counts; the note is for people, and may be stale or nonsense."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.settings import SettingsError

#: The same for every session of the host, whatever TMPDIR says in one of them.
TEMPORARY = Path("/tmp")  # noqa: S108 - the directory below it is private
#: logind takes what is below away when the user logs out, though sessions may go on (in tmux, say).
LOGINS = Path("/run/user")
#: Bytes of a note that are read.
NOTE_BYTES = 65536
#: Seconds in which who has taken a lock has written its note.
MOMENT = 0.02


def lock_directory() -> Path:
    """A private directory on this host, the same for all of the user's sessions.

    Below XDG_RUNTIME_DIR where that names a directory that lasts and can be written to, else below /tmp.
    Raises SettingsError where it can't be made and where somebody else owns it.
    """
    directory = place(os.environ.get("XDG_RUNTIME_DIR"))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.is_symlink() or directory.stat().st_uid != os.getuid():
            raise SettingsError(f"{directory}: belongs to somebody else; it holds the locks of this user's cards")
        directory.chmod(0o700)
    except OSError as error:
        text = f"{directory}: {error.strerror or error}; it holds the locks of this user's cards"
        raise SettingsError(f"{text}, below XDG_RUNTIME_DIR or {TEMPORARY}") from None
    return directory


def place(runtime: str | None) -> Path:
    """Where the locks of a session are whose XDG_RUNTIME_DIR says `runtime`."""
    if runtime and LOGINS not in Path(runtime).parents and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime) / "sixdim"
    shared = TEMPORARY if os.access(TEMPORARY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return shared / f"sixdim-{os.getuid()}"


def take(path: Path, *, shared: bool = False, wait: bool = False, create: bool = True) -> int | None:
    """Lock a file, made where it is not there; the descriptor that holds it, None where somebody else has it.

    wait: until it is free. create: False gives None where there is no such file.
    Raises SettingsError where the file can't be made or locked at all.
    """
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            if create:
                raise SettingsError(f"{path}: its directory is gone; it holds the locks of this user's cards") from None
            return None
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}; cards can't be locked") from None
        taken = False
        try:
            fcntl.flock(descriptor, how)
            taken = _is_at(descriptor, path)  # not removed by the holder before
        except BlockingIOError:
            return None
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}; cards can't be locked") from None
        finally:
            if not taken:
                os.close(descriptor)
        if taken:
            return descriptor


def remove(path: Path) -> None:
    """Remove a lock's file unless somebody holds the lock."""
    descriptor = take(path, create=False)
    if descriptor is not None:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def write_note(descriptor: int, note: Mapping[str, Any]) -> None:
    """Say in a lock's file who holds it; a full disk is no reason not to hold it."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)


def read_note(path: Path) -> dict[str, Any] | None:
    """The note of a lock that somebody holds for himself; None where nobody does. Takes nothing but a look."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _note(descriptor) or _note_later(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _note_later(descriptor: int) -> dict[str, Any]:
    """Who has just taken a lock writes the note in a moment."""
    time.sleep(MOMENT)
    return _note(descriptor)


def _note(descriptor: int) -> dict[str, Any]:
    """What stands in a lock's file; empty where that is no note."""
    try:
        note = json.loads(os.pread(descriptor, NOTE_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except OSError:
        return False
