"""Ends every descendant of this process, whatever it does against that (kill(2), pidfd_open(2), proc(5))."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from pytest_sixdim.agent.processes import reap, wait_for
from pytest_sixdim.samplers.process_tree import Process, descendants, look, processes

#: Seconds that a leftover process has to end by itself: torch's shared memory is cleaned up by one that does.
LEFTOVER_GRACE = 0.5
#: Seconds after which a process that SIGKILL does not end (it waits for a device, say) is left alone.
PATIENCE = 30.0
PAUSE = 0.02
#: Looks for processes that were started while others were being stopped.
STOPPING_ROUNDS = 20
#: Looks at the children alone, which take a hundredth of the time of a look at all processes.
SNATCHES = 200


def end_descendants(launcher: subprocess.Popen[bytes]) -> list[int]:
    """End every descendant of this process, `launcher` among them, and wait for all; returns those that would not go.

    They are asked with SIGTERM once and get LEFTOVER_GRACE. Then all are stopped before any is killed, so that none
    can put another in a killed one's place.
    """
    started = time.monotonic()
    asked: set[int] = set()
    while alive := _living(launcher):
        if time.monotonic() - started > LEFTOVER_GRACE:
            return _kill(launcher, started + PATIENCE)
        for process in alive:
            if process.pid not in asked:
                asked.add(process.pid)
                _send(process, signal.SIGTERM)
        time.sleep(PAUSE)
    return []


def _kill(launcher: subprocess.Popen[bytes], deadline: float) -> list[int]:
    """Stop and kill until none is left, or `deadline` (monotonic s) has passed."""
    before: set[int] = set()
    while alive := _living(launcher):
        numbers = {process.pid for process in alive}
        if time.monotonic() > deadline:
            return sorted(numbers)
        if numbers == before:
            time.sleep(PAUSE)  # they are told; it takes a moment to end
        before = numbers
        for process in _stopped(launcher):
            _send(process, signal.SIGKILL)
            _send_group(process, signal.SIGKILL)
        _snatch(launcher)
    return []


def _stopped(launcher: subprocess.Popen[bytes]) -> list[Process]:
    """The living descendants, once no new one has been found among them."""
    stopped: set[int] = set()
    for _ in range(STOPPING_ROUNDS):
        alive = _living(launcher)
        new = [process for process in alive if process.pid not in stopped]
        if not new:
            break
        for process in new:
            stopped.add(process.pid)
            _send(process, signal.SIGSTOP)
            _send_group(process, signal.SIGSTOP)
    return alive


def _snatch(launcher: subprocess.Popen[bytes]) -> None:
    """Kill the children of this process, again and again as long as there are new ones.

    A process that goes on in a child and ends, thousands of times a second, is always a child of this process, and
    another one whenever all processes have been looked at. A child's number is its own until it is waited for.
    """
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    before = None
    for _ in range(SNATCHES):
        try:
            children = own.read_bytes().split()
        except OSError:
            return  # a kernel without CONFIG_PROC_CHILDREN
        for child in children:
            _signal(int(child), signal.SIGKILL)
        launcher.poll()
        reap(but=launcher.pid)
        if children == before:
            return
        before = children


def _living(launcher: subprocess.Popen[bytes]) -> list[Process]:
    """Those that have not ended; children of this process that have are waited for, but for those of samplers.

    Where there are only such, it is looked again: one that goes on in a child and ends is easily missed.
    """
    while True:
        launcher.poll()
        reap(but=launcher.pid)
        found = descendants(os.getpid(), processes())
        alive = [process for process in found if process.state not in "ZX"]
        ended = [process for process in found if process.state in "ZX" and _adopted(process, launcher)]
        for process in ended:
            wait_for(process.pid)
        if alive or not ended:
            return alive


def _adopted(process: Process, launcher: subprocess.Popen[bytes]) -> bool:
    return process.pid != launcher.pid and process.session != os.getsid(0) and process.parent == os.getpid()


def _send(process: Process, number: signal.Signals) -> None:
    """Signal this very process: its number may have become another's since it was seen."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # it has ended; or a kernel before 5.3, or one that forbids it
        if _is(process):
            _signal(process.pid, number)
        return
    try:
        if _is(process):
            signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        pass
    finally:
        os.close(descriptor)


def _send_group(process: Process, number: signal.Signals) -> None:
    """Signal a process's whole group: no member can be forked meanwhile.

    Only in sessions other than this process's own, which its descendants have made: nobody else is in them.
    """
    if process.session != os.getsid(0) and process.group > 1 and _is(process):
        _signal(-process.group, number)


def _is(process: Process) -> bool:
    now = look(str(process.pid))
    return now is not None and now.started == process.started


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
