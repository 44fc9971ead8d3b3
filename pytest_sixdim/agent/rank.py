"""Wraps one rank: starts the program, and writes down how it ended.

    PYTHON rank.py ARGV...

torchrun starts this file where it would start the program, with SIXDIM_NODE (the run's directory of this node) and
SIXDIM_CORES (a JSON list: the CPU numbers of each local rank, or null) in the environment. The program's output goes
to one file a rank and stream: in a shared pipe the ranks' lines would run into each other. Neither this process nor
the program outlives its parent.

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

#: What torchrun passes on to its ranks.
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

#: Exit code where the program cannot be started, as a shell has it.
NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Runs `argv` as this rank, and ends as it ended: with its exit code, or by its signal."""
    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    node = os.environ.pop("SIXDIM_NODE")
    cores = json.loads(os.environ.pop("SIXDIM_CORES"))[local_rank]
    wrapper = os.getpid()
    die_with(os.getppid())
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # none may be lost while there are two of us
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        start(argv, os.path.join(node, "logs", "rank-%d" % rank), cores, wrapper)
    own_group(pid)
    for forwarded in FORWARDED:
        signal.signal(forwarded, lambda number, _: forward(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    record = {"rank": rank, "local_rank": local_rank, "pid": pid, "started": started}
    path = os.path.join(node, "ranks", "rank-%d.json" % rank)
    write(path, record)
    status = os.waitpid(pid, 0)[1]
    ended = time.monotonic()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        write(path, dict(record, ended=ended, exit_code=None, signal=signal_name(number)))
        end_by(number)
    exit_code = os.WEXITSTATUS(status)
    write(path, dict(record, ended=ended, exit_code=exit_code, signal=None))
    return exit_code


def start(argv: list[str], log: str, cores: list[int] | None, wrapper: int) -> None:
    """Becomes the program, in the child: never returns."""
    try:
        own_group(0)
        die_with(wrapper)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open("%s.%s.log" % (log, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), stream)
        if cores is not None:
            os.sched_setaffinity(0, cores)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.execvp(argv[0], argv)  # noqa: S606 - the very thing that is asked for
    except OSError as error:
        os.write(2, ("sixdim: cannot start %s: %s\n" % (argv[0], error)).encode(errors="replace"))
    finally:
        os._exit(NOT_STARTED)


def die_with(parent: int) -> None:
    """Has the kernel end this process once its parent is gone (prctl(2); cleared by fork, kept by exec)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


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


def end_by(number: int) -> None:
    """Ends this process by the signal that ended the program, without a second core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


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
