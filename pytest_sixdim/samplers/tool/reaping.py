"""How a child process ended, and what it and its children cost (wait4(2), waitid(2))."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

#: Seconds between two looks at a child.
PAUSE = 0.005


class End(NamedTuple):
    """Its exit code (negative: the signal's number), and the CPU seconds of it and of the children that it reaped."""

    code: int
    cpu_seconds: float


def ended(pid: int) -> bool:
    """Whether the child has ended; it is not reaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def reap(pid: int, patience: float) -> End | None:
    """How the child ended; None where it has not within `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            reaped, status, usage = os.wait4(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else reaped it
            return End(0, 0.0)
        if reaped:
            return End(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime)
        if time.monotonic() >= deadline:
            return None
        time.sleep(PAUSE)


def reap_orphans(group: int, patience: float) -> float:
    """Reap those of a process group that became this process's children, where it adopts orphans, as the agent does.

    Returns their CPU seconds. What has not ended within `patience` seconds is left.
    """
    deadline = time.monotonic() + patience
    cpu_seconds = 0.0
    while True:
        try:
            reaped, _, usage = os.wait4(-group, os.WNOHANG)
        except ChildProcessError:  # there is none, or none any more
            return cpu_seconds
        if reaped:
            cpu_seconds += usage.ru_utime + usage.ru_stime
        elif time.monotonic() >= deadline:
            return cpu_seconds
        else:
            time.sleep(PAUSE)
