"""Follows what the ranks print, as it grows: lines for the dialect, signs of life, and the last lines of each rank."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.agent.order import LogChoice, Order

CHUNK = 256 * 1024
#: Chunks that are read of one file before all else is looked at again.
CHUNKS_AT_ONCE = 4
#: Lines that are kept of each rank, to find out why it failed, and characters that are kept of each.
KEPT_LINES, KEPT_CHARACTERS = 200, 1000
#: Lines of these that a result shows.
TAIL_LINES = 40
#: Seconds between searches for new files of `log.file`.
SEARCH_INTERVAL = 1.0


class RankLogs:
    """The output of all ranks of this node.

    Attributes:
        last_sign: when any rank last printed anything (monotonic s); None before the first time.
        behind: whether more is waiting to be read.
    """

    def __init__(self, order: Order) -> None:
        self.last_sign: float | None = None
        self.behind = False
        self._order = order
        self._kept: dict[int, deque[str]] = {rank: deque(maxlen=KEPT_LINES) for rank in order.ranks}
        self._files = [
            _GrowingFile(order.node / "logs" / f"rank-{rank}.{stream}.log", rank, _chosen(order, rank, stream))
            for rank in order.ranks
            for stream in ("stdout", "stderr")
        ]
        self._searched = float("-inf")

    def read(self, now: float) -> list[tuple[int, str]]:
        """What has come since the last call and is for the dialect: global rank and line."""
        self._search(now)
        self.behind = False
        found: list[tuple[int, str]] = []
        for file in self._files:
            waiting = file.waiting()
            if waiting > 0:
                self.last_sign = now
                self.behind = self.behind or waiting > CHUNKS_AT_ONCE * CHUNK
                found += self._keep(file, file.read(waiting))
        return found

    def finish(self, now: float) -> list[tuple[int, str]]:
        """All that is left, with the half line at each end, once no process can write any more."""
        self._searched = float("-inf")
        found = self.read(now)
        while self.behind:
            found += self.read(now)
        for file in self._files:
            found += self._keep(file, file.finish())
        return found

    def last_lines(self, rank: int) -> tuple[str, ...]:
        """The last lines of both streams of a rank, as they came."""
        return tuple(self._kept[rank])

    def _keep(self, file: _GrowingFile, lines: list[str]) -> list[tuple[int, str]]:
        self._kept[file.rank].extend(line[:KEPT_CHARACTERS] for line in lines[-KEPT_LINES:])
        return [(file.rank, line) for line in lines] if file.chosen else []

    def _search(self, now: float) -> None:
        """Look for files that `log.file` means; they count as printed by the chosen rank (the first, for "all")."""
        pattern = self._order.log.file
        if pattern is None or now - self._searched < SEARCH_INTERVAL:
            return
        self._searched = now
        known = {file.path for file in self._files}
        ranks = [rank for rank in self._order.ranks if _is_rank(self._order, rank)]
        for path in sorted(self._order.directory.glob(pattern)):
            if path not in known and path.is_file() and ranks:
                self._files.append(_GrowingFile(path, ranks[0], chosen=True))


class _GrowingFile:
    """One file that others append to. `chosen`: its lines are for the dialect."""

    def __init__(self, path: Path, rank: int, chosen: bool) -> None:
        self.path = path
        self.rank = rank
        self.chosen = chosen
        self._splitter = LineSplitter()
        self._descriptor: int | None = None
        self._offset = 0

    def waiting(self) -> int:
        """Bytes that have not been read; 0 as long as there is no file."""
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
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

    def finish(self) -> list[str]:
        """The half line at the end; the file is closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return self._splitter.finish()


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
