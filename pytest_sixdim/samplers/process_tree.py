"""Which process is whose child, from /proc (proc(5): fields 3 to 6, 20 and 22 of /proc/PID/stat)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple


class Process(NamedTuple):
    """A process: its number, its parent's, its state (one letter; Z: ended, not yet waited for), and its session's and
    process group's. `started`, in clock ticks since boot, tells it from a later one with its number.

    One whose first thread has ended and others have not, which proc(5) calls Z too, is S here: it lives.
    """

    pid: int
    parent: int
    state: str
    session: int = 0
    group: int = 0
    started: int = 0


def processes() -> list[Process]:
    """All processes that can be seen from here. One that vanishes meanwhile is left out."""
    with os.scandir("/proc") as entries:
        return [process for entry in entries if entry.name.isdigit() and (process := look(entry.name))]


def descendants(ancestor: int, among: Iterable[Process]) -> list[Process]:
    """Children of `ancestor`, their children, and so on, in no particular order, without `ancestor` itself."""
    children: dict[int, list[Process]] = {}
    for process in among:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    parents = [ancestor]
    while parents:
        below = children.pop(parents.pop(), [])
        found += below
        parents += [process.pid for process in below]
    return found


def look(name: str) -> Process | None:
    """The process whose number is `name`; None where there is none."""
    try:
        descriptor = os.open(f"/proc/{name}/stat", os.O_RDONLY)
        try:
            stat = os.read(descriptor, 4096)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    # the name in brackets may hold anything
    fields = stat[stat.rindex(b")") + 2 :].split(maxsplit=20)
    state, parent, group, session, threads, started = (fields[i] for i in (0, 1, 2, 3, 17, 19))
    state = b"S" if state == b"Z" and int(threads) > 1 else state
    return Process(int(name), int(parent), state.decode(), int(session), int(group), int(started))
