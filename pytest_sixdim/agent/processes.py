"""Keeps hold of every process of a run, and ends them all (prctl(2), proc(5), waitid(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from pytest_sixdim.samplers.process_tree import Process, descendants, processes

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

#: Seconds that a leftover process has to end by itself: torch's shared memory is cleaned up by one that does.
LEFTOVER_GRACE = 0.5
#: Seconds after which a process that SIGKILL does not end (it waits for a device, say) is left alone.
PATIENCE = 30.0
PAUSE = 0.02


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: none can escape to init."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_this_process(number: signal.Signals) -> Callable[[], None]:
    """A function to run in a child between fork and exec: the child gets signal `number` once this thread is gone."""
    parent = os.getpid()

    def bind() -> None:
        _prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return bind


def job_mark() -> str:
    """What marks the processes of this agent: its own process number and start time, which no other process shares."""
    stat = Path("/proc/self/stat").read_bytes()
    started = stat[stat.rindex(b")") + 2 :].split()[19]  # field 22 of proc(5), in clock ticks since boot
    return f"{os.getpid()}.{started.decode()}"


def reap(but: int) -> None:
    """Wait for adopted children that have ended, except `but`, whose Popen does so itself.

    They come from the launcher's sessions. A child in this process's own session was started by a sampler, which must
    learn its exit code.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == but or os.getsid(ended.si_pid) == os.getsid(0):
            return
        os.waitpid(ended.si_pid, 0)


def end_descendants(but: int) -> list[int]:
    """End every descendant of this process; returns those that would not go. `but` is left for its Popen to wait for.

    They are asked with SIGTERM once and get LEFTOVER_GRACE, then SIGKILL until none is left.
    """
    asked: set[int] = set()
    started = time.monotonic()
    while True:
        alive = _living_descendants(but)
        elapsed = time.monotonic() - started
        if not alive or elapsed > PATIENCE:
            return [process.pid for process in alive]
        for process in alive:
            if elapsed > LEFTOVER_GRACE:
                _send(process.pid, signal.SIGKILL)
            elif process.pid not in asked:
                asked.add(process.pid)
                _send(process.pid, signal.SIGTERM)
        time.sleep(PAUSE)


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """How many processes the kernel's OOM killer has ended in this control group, else on this host; None: unknown."""
    for file in (*_own_cgroup(proc, cgroups), proc / "vmstat"):
        try:
            counts = dict(line.split() for line in file.read_text().splitlines())
            return int(counts["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _own_cgroup(proc: Path, cgroups: Path) -> list[Path]:
    """The events of this process's control group (version 2)."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    return [cgroups / line[3:].lstrip("/") / "memory.events" for line in lines if line.startswith("0::")]


def _living_descendants(but: int) -> list[Process]:
    """Those that have not ended; children of this process that have are waited for."""
    reap(but)
    return [process for process in descendants(os.getpid(), processes()) if process.state not in "ZX"]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
