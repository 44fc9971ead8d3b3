"""Keeps hold of every process of a run (prctl(2), proc(5), waitid(2))."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

#: What all such folders' names begin with.
SCRATCH = "sixdim-scratch-"
#: Children that are waited for in one go: a program may leave them faster than that.
REAPED_AT_ONCE = 10_000


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


def namespace() -> str:
    """What tells this boot of this host, and this container's view of process numbers, from others."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"


def scratch_prefix() -> str:
    """What the names of this process's temporary folders begin with: whether their owner lives can be told from it."""
    return f"{SCRATCH}{namespace()}-{job_mark()}-"


def reap(but: int) -> None:
    """Wait for adopted children that have ended, except `but`, whose Popen does so itself.

    They come from the launcher's sessions. A child in this process's own session was started by a sampler, which must
    learn its exit code.
    """
    for _ in range(REAPED_AT_ONCE):
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        try:
            if ended is None or ended.si_pid == but or os.getsid(ended.si_pid) == os.getsid(0):
                return
        except ProcessLookupError:
            continue  # its sampler has waited for it just now
        wait_for(ended.si_pid)


def wait_for(pid: int) -> None:
    """Wait for a process that has ended, if it is this process's child and nobody else has waited for it."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


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


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
