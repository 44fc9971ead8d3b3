"""A recorded log, read through a dialect into events.jsonl as the agent does with a run that it watches."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.course import Course
from pytest_sixdim.agent.logs import KEPT_CHARACTERS, TAIL_LINES
from pytest_sixdim.agent.recorder import EventLog, JsonLines
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.files import SourceFile, lines_of
from pytest_sixdim.core.events import Event, event_from, event_record
from pytest_sixdim.dialects import Dialect

#: When a line was read says nothing of a recorded log: an event with this instant has no stamp of its own.
SEEN = 0.0
#: Stamps below are no time of day (1980): a program's own clock, which began when it did.
TIME_OF_DAY = 315532800.0
#: What a log says of its run besides events, by format: the groups are the name and the value.
SAYS: Mapping[str, re.Pattern[str]] = {
    "mllog": re.compile(
        r'"key":\s*"(seed|global_batch_size|submission_(?:benchmark|org|platform))",\s*"value":\s*"?([^",}\\]{1,100})'
    )
}
#: Broken lines before the first event that are kept until then.
WAITING = 100


@dataclass
class ReadLog:
    """What a log held.

    Attributes:
        lines: without the empty ones.
        events: how many of each kind.
        malformed: lines that claim to be events and are none; `first_malformed`: what is wrong with the first.
        first, last: the earliest and the latest stamp, s; None where no event has one.
        says: what it says of its run besides events, as printed (SAYS).
        course: how the run went.
        tail: its last lines.
        left_out, written: events that are not in events.jsonl, and how many lines it has (result.json).
    """

    file: SourceFile
    course: Course
    lines: int = 0
    events: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    first_malformed: str = ""
    first: float | None = None
    last: float | None = None
    says: dict[str, str] = field(default_factory=dict)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    written: int = 0

    @property
    def seed(self) -> int | None:
        """As the log says it."""
        return self._said("seed")

    @property
    def global_batch_size(self) -> int | None:
        """As the log says it."""
        return self._said("global_batch_size")

    def _said(self, name: str) -> int | None:
        text = self.says.get(name, "").strip()
        return int(text) if text.isdecimal() and len(text) <= 20 else None

    @property
    def span(self) -> tuple[float, float] | None:
        """The time of day of the first and of the last event (s since 1970); None where nobody knows."""
        if self.first is None or self.last is None or self.first < TIME_OF_DAY:
            return None
        return self.first, self.last


def read_log(file: SourceFile, format_name: str, dialect: Dialect, segments: int, events: Path) -> ReadLog:
    """Read a log into `events` (a path), a piece at a time. A log without any event leaves no file.

    segments: how many counted ones a window has. Raises CannotImport where it can't be read, or its events can't be
    written.
    """
    reader = _Reader(ReadLog(file, Course(segments)), dialect, SAYS.get(format_name), events)
    try:
        for line in lines_of(file.path):
            reader.take(line)
    finally:
        reader.close()
    return reader.read


class _Reader:
    def __init__(self, read: ReadLog, dialect: Dialect, says: re.Pattern[str] | None, path: Path) -> None:
        self.read = read
        self._dialect = dialect
        self._mark: str | None = getattr(dialect, "mark", None)
        self._says = says
        self._path = path
        self._log: EventLog | None = None
        self._begin: float | None = None  # as the head of the events has it
        self._waiting: list[tuple[str, Exception]] = []

    def take(self, line: str) -> None:
        """Take the next line."""
        read = self.read
        read.lines += 1
        read.tail.append(line[:KEPT_CHARACTERS])
        if self._mark is not None and self._mark not in line:
            return
        if self._says is not None and (match := self._says.search(line)) is not None:
            read.says.setdefault(match[1], match[2])
        try:
            for event in self._dialect.read(line, seen=SEEN, rank=0):
                self._record(event_from(event_record(event), seen=SEEN, rank=0))
        except CannotImport:
            raise
        except Exception as error:  # whatever a dialect makes of a strange line, the next one may be sound
            self._note(line, error)

    def close(self) -> None:
        """The log is over."""
        if self._log is None:
            return
        self._log.close()
        if self._log.problem is not None:
            raise CannotImport(self._log.problem)
        self.read.left_out, self.read.written = self._log.left_out(), self._log.lines
        if self._begin != self.read.first:  # the first event is not the earliest, or has no stamp
            self._write_head()

    def _record(self, event: Event) -> None:
        read = self.read
        stamped = event.t != SEEN
        if stamped:
            read.first = event.t if read.first is None else min(read.first, event.t)
            read.last = event.t if read.last is None else max(read.last, event.t)
        known = replace(event, seen=SEEN, late=0.0)
        read.events[event.kind] += 1
        read.course.take(known)
        if self._log is None:
            self._log = self._opened()
        self._log.event(known)

    def _opened(self) -> EventLog:
        self._begin = self.read.first
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            log = EventLog(self._path, self._head())
        except OSError as error:
            raise CannotImport(f"{error.filename or self._path}: {error.strerror or error}") from None
        for line, error_of_line in self._waiting:
            log.malformed(line, error_of_line, seen=SEEN, rank=0)
        return log

    def _head(self) -> dict[str, Any]:
        """The events' clock is the time of day, where the log has it."""
        begin = self.read.first
        unix = begin if self.read.span else None
        return {"monotonic": begin or 0.0, "unix": unix, "boot_id": None, "imported": True}

    def _write_head(self) -> None:
        """Raises CannotImport."""
        try:
            _, _, events = self._path.read_bytes().partition(b"\n")
            JsonLines(self._path, self._head()).close()
            with self._path.open("ab") as file:
                file.write(events)
        except OSError as error:
            raise CannotImport(f"{self._path}: {error.strerror or error}") from None

    def _note(self, line: str, error: Exception) -> None:
        read = self.read
        read.malformed += 1
        read.first_malformed = read.first_malformed or str(error) or type(error).__name__
        if self._log is not None:
            self._log.malformed(line, error, seen=SEEN, rank=0)
        elif len(self._waiting) < WAITING:
            self._waiting.append((line, error))
