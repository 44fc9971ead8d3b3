"""Which process is whose child, from /proc (proc(5): fields 3, 4 and 6 of /proc/PID/stat)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple


class Process(NamedTuple):
    """A process: its number, its parent's, its state (one letter; Z: ended, not yet waited for), and its session's."""

    pid: int
    parent: int
    state: str
    session: int = 0


def processes() -> list[Process]:
    """All processes that can be seen from here. One that vanishes meanwhile is left out."""
    with os.scandir("/proc") as entries:
        return [process for entry in entries if entry.name.isdigit() and (process := _process(entry.name))]


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


def _process(name: str) -> Process | None:
    try:
        descriptor = os.open(f"/proc/{name}/stat", os.O_RDONLY)
        try:
            stat = os.read(descriptor, 4096)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    # the name in brackets may hold anything
    state, parent, _, session = stat[stat.rindex(b")") + 2 :].split(maxsplit=4)[:4]
    return Process(int(name), int(parent), state.decode(), int(session))
