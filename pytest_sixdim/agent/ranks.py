"""The ranks' processes, as rank.py writes them down."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RankProcess:
    """One rank's process. Times in monotonic s; `ended` is None while it runs, and for ever if its wrapper was killed.

    `exit_code` is None where a signal ended it, whose name is then `signal`.
    """

    rank: int
    pid: int
    started: float
    ended: float | None = None
    exit_code: int | None = None
    signal: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended, and not with exit code 0."""
        return self.ended is not None and self.exit_code != 0

    @property
    def left(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.ended is not None and self.exit_code == 0


class RankProcesses:
    """The records of all ranks of a node, kept up to date by `poll`."""

    def __init__(self, directory: Path, ranks: range) -> None:
        self._files = {rank: str(directory / f"rank-{rank}.json") for rank in ranks}
        self._inodes: dict[int, int] = {}
        self.known: dict[int, RankProcess] = {}

    def poll(self) -> None:
        """Read the records that were written since the last call: each replaces its file by a new one."""
        for rank, file in self._files.items():
            if rank in self.known and self.known[rank].ended is not None:
                continue
            try:
                inode = os.stat(file).st_ino  # noqa: PTH116 - twenty times a second
                if self._inodes.get(rank) != inode:
                    self.known[rank] = _process(json.loads(Path(file).read_bytes()))
                    self._inodes[rank] = inode
            except FileNotFoundError:
                continue


def _process(record: dict[str, Any]) -> RankProcess:
    return RankProcess(
        record["rank"],
        record["pid"],
        record["started"],
        record.get("ended"),
        record.get("exit_code"),
        record.get("signal"),
    )
