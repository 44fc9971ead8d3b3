"""Whose fault the failure of a rank was: of its host, of a device, or of the program (docs/retries.md).

In doubt it is the program's: only such a failure is never repeated. A text that means trouble with the host counts
where it is the last thing that the rank said, not where training went on after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_sixdim.agent.causes import COMPLAINT, EXCEPTION, Lines
from pytest_sixdim.agent.logs import TAIL_LINES
from pytest_sixdim.agent.order import CardTexts

Whose = Literal["host", "device", "program"]


@dataclass(frozen=True)
class Fault:
    """`what` happened, in a few words; empty where the program failed. `launch`: before anything was trained."""

    whose: Whose
    what: str = ""
    launch: bool = False


PROGRAM = Fault("program")

#: What links an exception to the one that led to it, in Python's words.
LINK = re.compile(r"^(During handling of the above exception|The above exception was the direct cause)")
#: What C++ says where an exception ends the process.
ABORT = ("terminate called", "  what():")
#: Above a line of code in a Python traceback.
FRAME = re.compile(r'^(?:\[rank\d+\]: ?)?\s*File ".*", line \d+')
RANK_PREFIX = re.compile(r"^\[rank\d+\]: ?")
#: torch's watchdogs, which end the process; of its other time-outs those that were the rank's last words.
WATCHDOG = re.compile(r"Watchdog caught collective operation timeout|Heartbeat monitor timed out!")
TIMED_OUT = re.compile(
    r"Timed out waiting \d+ ?ms for|failed to pass monitoredBarrier|wait timeout after \d+ ?ms, keys"
)
#: torch's store, which all ranks meet at (also gloo's and NCCL's sockets), and what stands for the port in it.
TAKEN = re.compile(r"EADDRINUSE|address already in use", re.IGNORECASE)
PORT = re.compile(r"\bport:? (\d{1,5})\b|\]:(\d{1,5})\b")
NOT_MET = re.compile(
    r"Rendezvous(?:Timeout|Connection)Error|waiting for clients\. \d+/\d+ clients joined"
    r"|client socket has (?:timed out|failed to connect)|wait timeout after \d+ ?ms, keys"
    r"|Failed to initialize distributed job cluster"
)
#: MindSpore's scheduler, which all its ranks meet at, says it once and then much else.
NOT_BOUND = re.compile(r"Failed to call bind, url: .*?:(\d{1,5}) Address already in use")
#: What the kernel says of a host that has no more of something (errno(3)), as Python, libc and torch print it.
SPENT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\[Errno 28\]|No space left on device"), "the disk is full"),
    (re.compile(r"\[Errno 122\]|Disk quota exceeded"), "the disk quota is used up"),
    (re.compile(r"\[Errno 30\]|Read-only file system"), "the file system is read-only"),
    (re.compile(r"\[Errno 5\]|Input/output error"), "the disk cannot be read or written"),
    (re.compile(r"\[Errno 116\]|Stale file handle"), "the network file system is gone"),
    (re.compile(r"\[Errno 2[34]\]|Too many open files|received 0 items of ancdata"), "too many files are open"),
    (re.compile(r"out of shared memory|insufficient shared memory"), "the shared memory is full"),
    (re.compile(r"can't start new thread"), "no more threads can be started"),
)
#: The same text stands for other things too; with a fork or a new thread beside it, for too many processes.
AGAIN = re.compile(r"Resource temporarily unavailable")
STARTING = re.compile(r"fork|pthread_create|start_new_thread|\bclone\b")


def fault_of(lines: Lines, texts: CardTexts, *, trained: bool, mark: str | None = None) -> Fault:
    """Whose fault it was that a rank failed which had printed `lines` at last.

    trained: whether any rank had reported anything of its training: from then on a port is no longer the launch's.
    mark: what stands in every line with an event, where its dialect has such: what came before the last was got over.
    """
    if (text := said_of_card(lines, texts.error)) is not None:
        return Fault("device", f"device error: {text}")
    if any(WATCHDOG.search(line) for line in lines):
        return Fault("device", "a collective timed out")
    events = [index for index, line in enumerate(lines) if mark is not None and mark in line]
    said = last_words(lines[events[-1] + 1 :] if events else lines)
    start = None if trained else _at_start(said, texts)
    if start is not None:
        return start
    if TIMED_OUT.search(said):
        return Fault("device", "a collective timed out")
    for pattern, what in SPENT:
        if pattern.search(said):
            return Fault("host", what)
    if AGAIN.search(said) and any(STARTING.search(line) for line in lines[-TAIL_LINES:]):
        return Fault("host", "no more processes can be started")
    return PROGRAM


def said_of_card(lines: Lines, texts: Sequence[str]) -> str | None:
    """The first of the vendor's texts that stands in the lines; not in the code that a Python traceback quotes."""
    before = ("", *lines)
    said = [line for line, above in zip(lines, before, strict=False) if not FRAME.match(above)]
    return next((text for text in texts if any(text in line for line in said)), None)


def port_taken(lines: Lines) -> str | None:
    """That a port was taken, and which, where these are the last words of somebody who needed it."""
    bound = next((match[1] for line in lines if (match := NOT_BOUND.search(line))), None)
    if bound is not None:
        return f"port {bound} is taken"
    said = last_words(lines)
    if not TAKEN.search(said):
        return None
    number = next((match[1] or match[2] for match in PORT.finditer(said)), None)
    return "a port is taken" if number is None else f"port {number} is taken"


def last_words(lines: Lines) -> str:
    """What a process said of its end, one sentence a line: its last exception with those that led to it, what it said
    as it aborted, or, without any, its last complaint and its last line."""
    words: list[str] = []
    last, linked = -1, False
    for index, line in enumerate(RANK_PREFIX.sub("", line) for line in lines):
        aborts = line.startswith(ABORT)
        if LINK.match(line):
            linked = True
        elif aborts or EXCEPTION.match(line):
            leads = linked or (aborts and index - last <= TAIL_LINES)
            words = [*words, line] if leads else [line]
            last, linked = index, False
    if words and last >= len(lines) - TAIL_LINES:
        return "\n".join(words)
    complaints = [line for line in lines[-TAIL_LINES:] if COMPLAINT.match(line)]
    return "\n".join([*complaints[-1:], *lines[-1:]])


def _at_start(said: str, texts: CardTexts) -> Fault | None:
    """What kept the ranks from meeting."""
    if (taken := port_taken(tuple(said.splitlines()))) is not None:
        return Fault("host", taken, launch=True)
    if NOT_MET.search(said):
        return Fault("host", "the ranks did not meet", launch=True)
    if any(text in said for text in texts.busy):
        return Fault("host", "another process has the card", launch=True)
    return None
