"""Why a rank failed, as far as its exit and its last lines say."""

from __future__ import annotations

import re

from pytest_sixdim.agent.logs import TAIL_LINES
from pytest_sixdim.agent.ranks import RankProcess

#: What torch, its allocators, Python and C++ say when memory runs out.
OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|out of memory|DefaultCPUAllocator: can't allocate memory|^MemoryError\b|std::bad_alloc",
    re.IGNORECASE,
)
#: What torch says where a worker of a loader was killed with SIGKILL.
WORKER_KILLED = "killed by signal: Killed"
#: What gloo (Paddle's calls it a time-out), NCCL and Open MPI say on a rank whose peer is gone.
PEER_GONE = re.compile(
    r"connection (closed|reset) by peer|remote process exited|gloo/transport/tcp/pair\.cc:\d+\] TIMEOUT self_rank",
    re.IGNORECASE,
)
#: The last line of a Python traceback (torch puts the rank before it), and what other programs say at their end.
EXCEPTION = re.compile(r"^(?:\[rank\d+\]: ?)?([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Timeout)\b.*)$")
COMPLAINT = re.compile(r"^(.*\b(?:error|fatal|cannot|can't)\b.*)$", re.IGNORECASE)
LONGEST_REASON = 300

Lines = tuple[str, ...]


def ran_out_of_memory(process: RankProcess, lines: Lines, oom_killed: bool) -> bool:
    """Whether a failed rank said that memory ran out, or the kernel's OOM killer (`oom_killed`: it was at work) took it
    or a process of its loader."""
    killed = process.signal == "SIGKILL" or any(WORKER_KILLED in line for line in lines)
    return (killed and oom_killed) or any(OUT_OF_MEMORY.search(line) for line in lines)


def only_noticed(process: RankProcess, lines: Lines) -> bool:
    """Whether a rank failed because a peer had: it was told to end, or lost its connection."""
    return process.signal == "SIGTERM" or any(PEER_GONE.search(line) for line in lines)


def sentence(process: RankProcess, lines: Lines) -> str:
    """How a rank ended, as in "rank 0 exited with code 3: ValueError: boom".

    After an exception torch's threads often abort the process before it can exit; the other signals come unannounced.
    """
    if process.signal is None:
        return f"rank {process.rank} exited with code {process.exit_code}{reason(lines)}"
    said = reason(lines) if process.signal == "SIGABRT" else ""
    return f"rank {process.rank} was killed by {process.signal}{said}"


def launcher_sentence(code: int | None, lines: Lines) -> str:
    """How the launcher ended; `code` is negative for a signal, and None where it would not end."""
    if code is None:
        return "the launcher did not end"
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"the launcher {how}{reason(lines)}"


def reason(lines: Lines) -> str:
    """The last exception among the lines, else the last complaint, after a colon; empty where there is neither."""
    for pattern in (EXCEPTION, COMPLAINT):
        matches = [match[1] for line in lines[-TAIL_LINES:] if (match := pattern.match(line))]
        if matches:
            return f": {matches[-1][:LONGEST_REASON]}"
    return ""
