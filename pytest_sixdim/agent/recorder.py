"""Writes what happens as it happens, a line each, and the result in one go."""

from __future__ import annotations

import json
import os
import time
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
#: Characters that events.jsonl may have. No program that reports sensibly comes near.
MOST_CHARACTERS = 64 * 2**20


class JsonLines:
    """A file with one JSON object a line, each handed to the kernel at once, after a head that ties the node's
    monotonic clock to the time of day."""

    def __init__(self, path: Path, head: Mapping[str, Any] | None = None) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1)
        clocks = {"schema": SCHEMA, "monotonic": time.monotonic(), "unix": time.time(), "boot_id": boot_id()}
        self.write({**clocks, **(head or {})})

    def write(self, record: Mapping[str, Any]) -> int:
        """Append one line; returns its characters. Raises OSError, as when the disk is full, and ValueError for NaN."""
        return self._file.write(_ENCODER.encode(record) + "\n")

    def close(self) -> None:
        """No line can follow."""
        self._file.close()


class EventLog:
    """events.jsonl, of bounded size: see Keeping."""

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path)
        self._keeping = Keeping()
        self._characters = self._malformed = 0

    def event(self, event: Event) -> None:
        """Record an event, or count it among those that are left out."""
        if not self._keeping.keeps(event):
            return
        if self._characters >= MOST_CHARACTERS:
            self._keeping.lost[event.kind] += 1
            return
        self._characters += self._lines.write(event_record(event))

    def left_out(self) -> Mapping[str, Mapping[str, int]]:
        """As in result.json, `events`."""
        return self._keeping.left_out()

    def malformed(self, line: str, error: Exception, *, seen: float, rank: int) -> None:
        """Record a line that claims to be an event and is not; beyond MALFORMED_LINES they are left out."""
        self._malformed += 1
        if self._malformed > MALFORMED_LINES:
            self._keeping.thinned["malformed"] += 1
        else:
            text = line[:MALFORMED_CHARACTERS]
            self._lines.write({"event": "malformed", "seen": seen, "rank": rank, "text": text, "error": str(error)})

    def close(self) -> None:
        """No event can follow."""
        self._lines.close()


def boot_id() -> str | None:
    """What tells one boot of this host from the next; None where the kernel does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None


def write_atomically(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON file that is either whole or not there. Raises OSError."""
    part = path.with_name(path.name + ".tmp")
    with part.open("w", encoding="utf-8") as file:
        json.dump(record, file, allow_nan=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
