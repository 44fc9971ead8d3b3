"""Memory of a rank's processes, for "cards" that are cores of a CPU.

Proportional set size (Linux, Documentation/filesystems/proc.rst: Pss of /proc/PID/smaps_rollup): a page that several
processes share is divided among them, so that a rank and its loader workers can be summed. Reading it walks the page
tables under the process's own memory lock, therefore it is read seldom.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Node, Sampler, SamplerUnavailable
from pytest_sixdim.samplers.process_tree import Process, descendants, processes

#: A reading is due at the earliest after this many times the CPU seconds that the last one took, and after
#: MINIMUM_INTERVAL (s): waiting for a busy machine disturbs nobody.
COST_FACTOR = 200
MINIMUM_INTERVAL = 1.0

PSS = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)


class ProcessMemorySampler(Sampler):
    """Channel `memory`, in bytes: what the process tree of each rank holds.

    A rank that has not started or has ended, or a process of it that vanishes while it is read, makes that card's
    reading None.
    """

    def __init__(self) -> None:
        self._ranks: list[Path] = []
        self._read_one: Callable[[int], int] = _proportional
        self._due = 0.0
        self._interval = self._longest_interval = MINIMUM_INTERVAL
        self._longest_read = 0.0

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """Choose how to read; see Sampler.open. Where the kernel has no smaps_rollup (before 4.14, gVisor), the
        resident set size is read and called so: it counts shared pages once for every process."""
        if "memory" not in channels:
            raise SamplerUnavailable("process memory is memory only")
        if node.one_process and len(node.devices) > 1:
            raise SamplerUnavailable(
                f"one process has all {len(node.devices)} cards: no part of its memory is a card's"
            )
        self._ranks = [
            node.directory / "ranks" / f"rank-{node.first_rank + local_rank}.json"
            for local_rank in range(len(node.devices))
        ]
        method = "proportional set size"
        try:
            _proportional(os.getpid())
        except OSError:
            self._read_one, method = _resident, "resident set size"
        return {"memory": Source("process_memory", method, scope="card", resolution=1024.0)}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """See Sampler.read."""
        started = time.monotonic()
        if "memory" not in channels or started < self._due:
            return {}
        before = time.thread_time()
        alive = [process for process in processes() if process.state not in "ZX"]
        readings = [self._of_rank(record, alive) for record in self._ranks]
        cost = time.thread_time() - before
        self._interval = max(MINIMUM_INTERVAL, COST_FACTOR * cost)
        # Half a minimum of leeway: what is asked every second must not miss its turn by a millisecond.
        self._due = started + self._interval - MINIMUM_INTERVAL / 2
        self._longest_interval = max(self._longest_interval, self._interval)
        self._longest_read = max(self._longest_read, cost)
        return {"memory": readings}

    def due_now(self) -> None:
        """See Sampler.due_now: a short window would else end before the next reading is due."""
        self._due = 0.0

    def summary(self) -> Mapping[str, Any]:
        """The longest interval that was kept between readings, and the costliest reading, in s and CPU s."""
        return {"interval_max": self._longest_interval, "read_max": self._longest_read}

    def _of_rank(self, record: Path, alive: list[Process]) -> float | None:
        try:
            pid = int(json.loads(record.read_bytes())["pid"])
            tree = [pid, *(process.pid for process in descendants(pid, alive))]
            return float(sum(self._read_one(member) for member in tree))
        except (OSError, ValueError):
            return None


def _proportional(pid: int) -> int:
    """Bytes. Raises OSError where the process is gone or belongs to somebody else."""
    match = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    if match is None:
        raise ProcessLookupError(pid)
    return int(match[1]) * 1024


def _resident(pid: int) -> int:
    """Bytes. Raises OSError where the process is gone. A kernel thread or a zombie has none."""
    pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    if pages == 0:
        raise ProcessLookupError(pid)
    return pages * os.sysconf("SC_PAGE_SIZE")
