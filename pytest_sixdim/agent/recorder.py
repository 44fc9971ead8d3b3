"""Writes what happens as it happens, a line each, and the result in one go."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.keeping import Keeping
from pytest_sixdim.core.events import Event, event_record

SCHEMA = 1
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

#: Made once: a line is written ten times a second.
_ENCODER = json.JSONEncoder(allow_nan=False)

#: Lines that claim to be events and are not: how many are recorded, and how many characters of each.
MALFORMED_LINES, MALFORMED_CHARACTERS = 100, 500
#: What was wrong with them: how many reasons a result tells, and how many characters of each.
REASONS, REASON_CHARACTERS = 5, 200
OTHERS = "other reasons"
#: Characters that events.jsonl may have. No program that reports sensibly comes near.
MOST_CHARACTERS = 64 * 2**20


class JsonLines:
    """A file with one JSON object a line, each handed to the kernel at once, after a head that ties the node's
    monotonic clock to the time of day.

    `lines`: how many were written after the head.
    """

    def __init__(self, path: Path, head: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", buffering=1)
        clocks = {"schema": SCHEMA, "monotonic": time.monotonic(), "unix": time.time(), "boot_id": boot_id()}
        self.lines = -1
        self.write({**clocks, **(head or {})})

    def write(self, record: Mapping[str, Any]) -> int:
        """Append one line; returns its characters.

        Raises OSError that names the file, as when the disk is full, and ValueError for NaN.
        """
        try:
            characters = self._file.write(_ENCODER.encode(record) + "\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self.lines += 1
        return characters

    def close(self) -> None:
        """No line can follow; what was written outlasts a power cut. Raises OSError."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


class EventLog:
    """events.jsonl, of bounded size: see Keeping.

    `problem`: why events could not be written any more, as when the disk is full; None as long as all could.
    """

    def __init__(self, path: Path, head: Mapping[str, Any] | None = None) -> None:
        """`head`: as for JsonLines."""
        self._path = path
        self._lines = JsonLines(path, head)
        self.problem: str | None = None
        self._keeping = Keeping()
        self._characters = self._malformed = 0
        self._reasons: Counter[str] = Counter()

    def event(self, event: Event) -> None:
        """Record an event, or count it among those that are left out."""
        if not self._keeping.keeps(event):
            return
        if self._characters >= MOST_CHARACTERS:
            self._keeping.lost[event.kind] += 1
            return
        self._characters += self._write(event_record(event))

    @property
    def lines(self) -> int:
        """How many were written, those included that only claimed to be events."""
        return self._lines.lines

    def left_out(self) -> Mapping[str, Mapping[str, int]]:
        """As in result.json, `events`."""
        reasons = {"malformed": dict(self._reasons)} if self._reasons else {}
        return {**self._keeping.left_out(), **reasons}

    def malformed(self, line: str, error: Exception, *, seen: float, rank: int) -> None:
        """Record a line that claims to be an event and is not; beyond MALFORMED_LINES they are left out."""
        self._malformed += 1
        reason = str(error)[:REASON_CHARACTERS]
        self._reasons[reason if reason in self._reasons or len(self._reasons) < REASONS else OTHERS] += 1
        if self._malformed > MALFORMED_LINES:
            self._keeping.thinned["malformed"] += 1
        else:
            text = line[:MALFORMED_CHARACTERS]
            self._write({"event": "malformed", "seen": seen, "rank": rank, "text": text, "error": str(error)})

    def close(self) -> None:
        """No event can follow."""
        for event in self._keeping.last():
            self._characters += self._write(event_record(event))
        try:
            self._lines.close()
        except OSError as error:
            self._note(error)

    def _write(self, record: Mapping[str, Any]) -> int:
        """The characters written; after a problem nothing is, so that no event is missing before another."""
        try:
            return self._lines.write(record) if self.problem is None else 0
        except OSError as error:
            self._note(error)
            return 0

    def _note(self, error: OSError) -> None:
        self.problem = self.problem or f"{self._path}: {error.strerror or error}"


def boot_id() -> str | None:
    """What tells one boot of this host from the next; None where the kernel does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None


def complaint(error: Exception) -> str:
    """One line for a person, as in "/results/x/order.json: No space left on device"."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error) or type(error).__name__
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def write_atomically(path: Path, record: Any) -> None:
    """Write a JSON file that is either whole or as it was, also after a power cut.

    Raises OSError, which names `path`, and ValueError for NaN.
    """
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            discard(part)
            raise
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
