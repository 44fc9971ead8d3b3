"""Follows what the ranks print, as it grows: lines for the dialect, signs of life, and the last lines of each rank."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.agent.order import LogChoice, Order

CHUNK = 256 * 1024
#: Chunks that are read of one file before all else is looked at again.
CHUNKS_AT_ONCE = 4
#: Lines that are kept of each rank, to find out why it failed, and characters that are kept of each.
KEPT_LINES, KEPT_CHARACTERS = 200, 1000
#: Lines of these that a result shows.
TAIL_LINES = 40
#: Files that `log.file` may mean, those of the ranks counted: each is held open, and a process may have 1024.
FILES = 250
#: Seconds between searches for new files of `log.file`.
SEARCH_INTERVAL = 1.0
#: Seconds that reading may go on after the end of a run that has printed more than could be read meanwhile.
FINISHING = 30.0


class Batch(NamedTuple):
    """Lines of one rank for the dialect. Each was printed at most `late` s before it was `seen` (monotonic s)."""

    rank: int
    seen: float
    late: float
    lines: list[str]


class RankLogs:
    """The output of all ranks of this node.

    Attributes:
        last_sign: when any rank last printed anything (monotonic s); None before the first time.
        behind: whether more is waiting to be read.
        unread: bytes that will never be read, because `finish` took too long.
        unread_files: whether `log.file` means more files than are read.
    """

    def __init__(self, order: Order) -> None:
        self.last_sign: float | None = None
        self.behind = False
        self.unread = 0
        self.unread_files = False
        self._order = order
        self._kept: dict[int, deque[str]] = {rank: deque(maxlen=KEPT_LINES) for rank in order.ranks}
        self._files = [
            _GrowingFile(order.node / "logs" / f"rank-{rank}.{stream}.log", rank, _chosen(order, rank, stream))
            for rank in order.ranks
            for stream in ("stdout", "stderr")
        ]
        self._searched = time.monotonic() - SEARCH_INTERVAL

    def read(self) -> Iterator[Batch]:
        """What has come since the last call and is for the dialect, a file at a time; `behind` is known at the end."""
        self._search(time.monotonic())
        self.behind = False
        for file in self._files:
            waiting, now = file.waiting(), time.monotonic()
            if waiting > 0:
                self.last_sign = now
                self.behind = self.behind or waiting > CHUNKS_AT_ONCE * CHUNK
                yield from self._keep(file, now, file.read(waiting))
            if waiting <= CHUNKS_AT_ONCE * CHUNK:
                file.caught_up = now

    def finish(self) -> Iterator[Batch]:
        """All that is left, with the half line at each end, once no process can write any more.

        What cannot be read within FINISHING is left out, but for the last lines of each rank.
        """
        started = time.monotonic()
        self._search(started, again=True)
        yield from self.read()
        while self.behind:
            if time.monotonic() - started > FINISHING:
                self.unread = sum(file.skip() for file in self._files)
            yield from self.read()
        now = time.monotonic()
        for file in self._files:
            yield from self._keep(file, now, file.finish())

    def last_lines(self, rank: int) -> tuple[str, ...]:
        """The last lines of both streams of a rank, as they came."""
        return tuple(self._kept[rank])

    def _keep(self, file: _GrowingFile, now: float, lines: list[str]) -> list[Batch]:
        self._kept[file.rank].extend(line[:KEPT_CHARACTERS] for line in lines[-KEPT_LINES:])
        return [Batch(file.rank, now, now - file.caught_up, lines)] if file.chosen and lines else []

    def _search(self, now: float, *, again: bool = False) -> None:
        """Look for files that `log.file` means; they count as printed by the chosen rank (the first, for "all").

        again: though it was done just now.
        """
        pattern = self._order.log.file
        if pattern is None or (now - self._searched < SEARCH_INTERVAL and not again):
            return
        before, self._searched = self._searched, now
        directory, known = self._order.directory, {file.path for file in self._files}
        rank = next(rank for rank in self._order.ranks if _is_rank(self._order, rank))
        found = list(islice(directory.glob(pattern), FILES + 1))
        new = [path for path in sorted(set(found) - known) if _is_below(directory, path)]
        room = max(0, FILES - len(self._files))
        self.unread_files = self.unread_files or len(found) > FILES or len(new) > room
        self._files += [_GrowingFile(path, rank, chosen=True, since=before) for path in new[:room]]


class _GrowingFile:
    """One file that others append to.

    Attributes:
        chosen: whether its lines are for the dialect.
        caught_up: when all that was in it had been read (monotonic s), or it was not there.
    """

    def __init__(self, path: Path, rank: int, chosen: bool, since: float | None = None) -> None:
        self.path = path
        self.rank = rank
        self.chosen = chosen
        self.caught_up = time.monotonic() if since is None else since
        self._splitter = LineSplitter()
        self._descriptor: int | None = None
        self._offset = 0

    def waiting(self) -> int:
        """Bytes that have not been read; 0 as long as there is no file."""
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:  # not there yet, or taken away
                return 0
        return os.fstat(self._descriptor).st_size - self._offset

    def read(self, waiting: int) -> list[str]:
        """The lines that end in the next CHUNKS_AT_ONCE chunks."""
        assert self._descriptor is not None
        lines: list[str] = []
        for _ in range(min(CHUNKS_AT_ONCE, -(-waiting // CHUNK))):
            chunk = os.read(self._descriptor, CHUNK)
            self._offset += len(chunk)
            lines += self._splitter.feed(chunk)
        return lines

    def skip(self) -> int:
        """Go on near the end; returns the bytes that are passed over."""
        passed = max(0, self.waiting() - CHUNK)
        if passed:
            assert self._descriptor is not None
            self._offset = os.lseek(self._descriptor, passed, os.SEEK_CUR)
            self._splitter = LineSplitter()
        return passed

    def finish(self) -> list[str]:
        """The half line at the end; the file is closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return self._splitter.finish()


def _is_below(directory: Path, path: Path) -> bool:
    """Whether it is a regular file that really lies below the directory, whatever links lead to it."""
    try:
        return path.is_file() and path.resolve().is_relative_to(directory.resolve())
    except OSError:
        return False


def _is_rank(order: Order, rank: int) -> bool:
    asked = order.log.rank
    return asked == "all" or rank == (order.ranks[-1] if asked == "last" else asked)


def _chosen(order: Order, rank: int, stream: str) -> bool:
    choice: LogChoice = order.log
    return choice.file is None and _is_rank(order, rank) and choice.stream in ("both", stream)


def file_tail(path: Path) -> tuple[str, ...]:
    """The last lines of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - CHUNK))
            content = file.read()
    except OSError:
        return ()
    splitter = LineSplitter()
    return tuple((splitter.feed(content) + splitter.finish())[-TAIL_LINES:])
