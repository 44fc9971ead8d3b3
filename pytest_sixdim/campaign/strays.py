"""What killed runs have left on this host: processes without their agent, and the agents' temporary folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_sixdim.agent.processes import SCRATCH, job_mark, namespace
from pytest_sixdim.campaign.locks import place
from pytest_sixdim.samplers.process_tree import Process, descendants, look, processes

#: Seconds that they have to end by themselves, and after which one that SIGKILL does not end is left alone.
GRACE, PATIENCE = 0.5, 10.0
PAUSE = 0.02
#: Processes that a sentence names, and characters of their command.
NAMED, COMMAND = 5, 80

_MARK = re.compile(rb"(?:^|\0)SIXDIM_JOB=(\d{1,10}\.\d{1,20})(?:\0|$)")
_RUNTIME = re.compile(rb"(?:^|\0)XDG_RUNTIME_DIR=([^\0]*)")


@dataclass(frozen=True)
class Strays:
    """Processes of one run whose agent is gone.

    Attributes:
        mark: of the agent, "<process>.<start time>".
        pids: of all that were found. stayed: of those that would not end.
        command: of the first, as far as it can be read.
    """

    mark: str
    pids: tuple[int, ...]
    command: str
    stayed: tuple[int, ...] = ()

    @property
    def who(self) -> str:
        """As in "3 processes of a killed run (17, 18, 19: python train.py)"."""
        command = f": {self.command}" if self.command else ""
        several = "process" if len(self.pids) == 1 else "processes"
        return f"{len(self.pids)} {several} of a killed run ({_numbers(self.pids)}{command})"

    @property
    def sentence(self) -> str:
        """What was done about them."""
        were = "was" if len(self.pids) == 1 else "were"
        if not self.stayed:
            return f"{self.who} {were} still there; ended"
        if len(self.stayed) == len(self.pids):
            return f"{self.who} {were} still there and would not end"
        return f"{self.who} {were} still there; ended but for {_numbers(self.stayed)}, which would not go"


def find_strays() -> list[Strays]:
    """This user's processes that a run has left whose agent is gone; nothing is done about them.

    Only those that share this session's locks, and this process's view of process numbers: what another container runs
    may have its agent there.
    """
    return _named(_left())


def end_strays() -> list[Strays]:
    """End what runs have left whose agent is gone, and remove their folders below the temporary directory.

    They are asked with SIGTERM, then killed; returns what was found. A run whose agent lives is left alone.
    """
    seen: dict[str, dict[int, Process]] = {}
    found: dict[str, Strays] = {}
    started = time.monotonic()
    while left := _left():
        passed = time.monotonic() - started
        for strays in _named(left):
            found.setdefault(strays.mark, strays)
        if passed > PATIENCE:
            break
        for mark, group in left.items():
            known = seen.setdefault(mark, {})
            for process in group:
                if passed > GRACE:
                    _send(process, signal.SIGKILL)
                elif process.pid not in known:
                    _send(process, signal.SIGTERM)
                known[process.pid] = process
        time.sleep(PAUSE)
    _sweep_scratch()
    return [
        replace(
            strays,
            pids=tuple(sorted(seen.get(mark, {}) or strays.pids)),
            stayed=tuple(sorted(process.pid for process in left.get(mark, ()))),
        )
        for mark, strays in found.items()
    ]


def _left() -> dict[str, list[Process]]:
    """By the mark of their agent: living processes that carry it, and their descendants, where the agent is gone."""
    everybody = processes()
    alive = {process.pid: process for process in everybody if process.state not in "ZX"}
    told = {pid: found for pid in alive if (found := _mark(pid)) is not None}
    spared = {os.getpid(), *_ancestors(os.getpid(), everybody)}
    left: dict[str, dict[int, Process]] = {}
    for pid, (mark, ours) in told.items():
        if ours and _agent_is_gone(mark):
            # a child may have been started without the mark; one with another's mark is another's, with all below it
            family = [one for one in everybody if one.pid not in told or told[one.pid][0] == mark]
            for process in (alive[pid], *descendants(pid, family)):
                if process.pid in alive and process.pid not in spared:
                    left.setdefault(mark, {})[process.pid] = process
    # an agent that came to its end meanwhile has taken its own along
    still = {mark: [one for one in group.values() if _is_alive(one)] for mark, group in left.items()}
    return {mark: group for mark, group in still.items() if group}


def _mark(pid: int) -> tuple[str, bool] | None:
    """The mark of a process of this user in this container, and whether its session has its locks where this one has;
    None where it has none, and where nobody may know."""
    process = Path(f"/proc/{pid}")
    try:
        if process.stat().st_uid != os.getuid() or not process.joinpath("ns/pid").samefile("/proc/self/ns/pid"):
            return None
        environment = process.joinpath("environ").read_bytes()
    except OSError:
        return None
    mark, runtime = _MARK.search(environment), _RUNTIME.search(environment)
    if mark is None:
        return None
    theirs = place(None if runtime is None else os.fsdecode(runtime[1]))
    return mark[1].decode(), theirs == place(os.environ.get("XDG_RUNTIME_DIR"))


def _agent_is_gone(mark: str) -> bool:
    """Whether no process has the number and the start time of a mark, now."""
    pid, _, started = mark.partition(".")
    agent = look(pid)
    return agent is None or agent.started != int(started) or agent.state in "ZX"


def _is_alive(process: Process) -> bool:
    now = look(str(process.pid))
    return now is not None and now.started == process.started and now.state not in "ZX"


def _send(process: Process, number: signal.Signals) -> None:
    if _is_alive(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _ancestors(pid: int, among: Iterable[Process]) -> set[int]:
    parents = {process.pid: process.parent for process in among}
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) > 0 and pid not in found:
        found.add(pid)
    return found


def _named(left: dict[str, list[Process]]) -> list[Strays]:
    return [
        Strays(mark, tuple(sorted(process.pid for process in group)), _command(min(process.pid for process in group)))
        for mark, group in left.items()
    ]


def _command(pid: int) -> str:
    """What a process was started as, short and without what could act on a terminal."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= COMMAND else f"{text[: COMMAND - 3]}..."


def _numbers(pids: Iterable[int]) -> str:
    """As in "17, 18, 19, 20, 21 and 195 more"."""
    numbers = list(pids)
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return ", ".join(map(str, numbers[:NAMED])) + more


def _sweep_scratch() -> None:
    """Remove the temporary folders of processes that are gone (agent.processes.scratch_prefix)."""
    prefix = re.compile(rf"{SCRATCH}{re.escape(namespace())}-(\d+\.\d+)-")
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
            named = prefix.match(folder.name)
            if named is None or named[1] == job_mark() or not _agent_is_gone(named[1]):
                continue
            with suppress(OSError):
                if not folder.is_symlink() and folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
