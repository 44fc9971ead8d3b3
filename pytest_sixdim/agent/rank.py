"""Wraps one rank: starts the program, and writes down how it ended.

    PYTHON rank.py ARGV...

torchrun, msrun, paddle's launcher or mpirun starts this file where it would start the program, or the agent itself
does. In the environment are SIXDIM_NODE (the run's directory of this node), SIXDIM_CORES (a JSON list: the CPU numbers
of each local rank, or null) and SIXDIM_RANK_VARIABLES (a JSON list: pairs of the variables with which the launcher says
which rank and which local rank this is; empty where there is one process). The program's output goes to one file a rank
and stream: in a shared pipe the ranks' lines would run into each other. Neither this process nor the program's process
group outlives its parent.

This file stands alone (Python 3.8, standard library): it runs under the training program's interpreter.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1

#: What launchers pass on to their ranks.
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

#: What the kernel sends to this process once its parent is gone.
ORPHANED = signal.SIGRTMIN

#: Exit code where the program cannot be started, as a shell has it.
NOT_STARTED = 127

#: msrun starts the program once more, as the scheduler of the ranks: no rank, its output is msrun's.
SCHEDULER = ("MS_ROLE", "MS_SCHED")


def main(argv: list[str]) -> int:
    """Runs `argv` as this rank, and ends as it ended: with its exit code, or by its signal."""
    numbers = which(json.loads(os.environ.pop("SIXDIM_RANK_VARIABLES")))
    node, cores = os.environ.pop("SIXDIM_NODE"), json.loads(os.environ.pop("SIXDIM_CORES"))
    clean_path()
    wrapper, parent = os.getpid(), os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, (*FORWARDED, ORPHANED))  # none may be lost while there are two of us
    die_with(parent, ORPHANED)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0 and numbers is None:
        start(argv, None, None, wrapper)
    elif pid == 0 and numbers is not None:
        start(argv, os.path.join(node, "logs", "rank-%d" % numbers[0]), cores[numbers[1]], wrapper)
    own_group(pid)
    for forwarded in FORWARDED:
        signal.signal(forwarded, lambda number, _: forward(pid, number))
    signal.signal(ORPHANED, lambda *_: end_all(pid, parent))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*FORWARDED, ORPHANED))
    if numbers is None:
        return end_as(ended(pid, parent))
    record = {"rank": numbers[0], "local_rank": numbers[1], "pid": pid, "started": started}
    path = os.path.join(node, "ranks", "rank-%d.json" % numbers[0])
    write(path, record)
    status = ended(pid, parent)
    write(path, dict(record, ended=time.monotonic(), **how(status)))
    return end_as(status)


def which(variables: list[list[str]]) -> tuple[int, int] | None:
    """This rank's number and local number; None for what is no rank."""
    if os.environ.get(SCHEDULER[0]) == SCHEDULER[1]:
        return None
    if not variables:
        return 0, 0
    for rank, local_rank in variables:
        if rank in os.environ:
            # A launcher that does not say the local number: this is the only node.
            return int(os.environ[rank]), int(os.environ.get(local_rank, os.environ[rank]))
    names = ", ".join(rank for rank, _ in variables)
    sys.exit("sixdim: cannot tell which rank this is: the launcher sets none of %s" % names)


def clean_path() -> None:
    """Takes the folder that is there for the launcher only from the program's PATH."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin")
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if own in entries:
        os.environ["PATH"] = os.pathsep.join(entry for entry in entries if entry != own)


def start(argv: list[str], log: str | None, cores: list[int] | None, wrapper: int) -> None:
    """Becomes the program, in the child: never returns. Without `log` the output stays where it is."""
    try:
        own_group(0)
        die_with(wrapper, signal.SIGKILL)
        for stream, name in ((1, "stdout"), (2, "stderr")) if log is not None else ():
            os.dup2(os.open("%s.%s.log" % (log, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), stream)
        if cores is not None:
            os.sched_setaffinity(0, cores)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*FORWARDED, ORPHANED))
        os.execvp(argv[0], argv)  # noqa: S606 - the very thing that is asked for
    except OSError as error:
        os.write(2, ("sixdim: cannot start %s: %s\n" % (argv[0], error)).encode(errors="replace"))
    finally:
        os._exit(NOT_STARTED)


def die_with(parent: int, number: int) -> None:
    """Has the kernel send this process a signal once its parent is gone (prctl(2); cleared by fork, kept by exec)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def end_all(pid: int | None, parent: int) -> None:
    """Ends the program with all that it started in its process group, and then what is in this process's own.

    There the launcher may have left others: msrun's `tail -f` would go on for ever. A parent of which only the thread
    has ended that started this process (prctl(2)) is still there. Without `pid` the program has ended already.
    """
    if os.getppid() != parent:
        if pid is not None:
            forward(pid, signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)


def ended(pid: int, parent: int) -> int:
    """Waits for the program; returns its status. Once it is waited for, its number may be another's."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(ORPHANED, lambda *_: end_all(None, parent))
    return os.waitpid(pid, 0)[1]


def own_group(pid: int) -> None:
    """Gives the program its own process group: a signal to the rank's group then comes once, through `forward`.

    Both sides ask for it, because either may be the first; the second is refused once the program has started.
    """
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass


def forward(pid: int, number: int) -> None:
    """Sends a signal to the program's process group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def signal_name(number: int) -> str:
    """As in SIGSEGV; real-time signals have only numbers."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIG%d" % number


def how(status: int) -> dict[str, Any]:
    """The exit code or the signal of a process that ended."""
    if os.WIFSIGNALED(status):
        return {"exit_code": None, "signal": signal_name(os.WTERMSIG(status))}
    return {"exit_code": os.WEXITSTATUS(status), "signal": None}


def end_as(status: int) -> int:
    """The program's exit code; or ends this process by the signal that ended the program, without a second core."""
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def write(path: str, record: dict[str, Any]) -> None:
    """Writes the record in one go; where the disk is full, the rank goes on without one."""
    try:
        with open(path + ".tmp", "w") as file:
            json.dump(record, file)
        os.replace(path + ".tmp", path)
    except OSError as error:
        sys.stderr.write("sixdim: %s: %s\n" % (path, error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
