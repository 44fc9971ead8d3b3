"""A question to a process: what it printed, how it ended, and that nothing of it is left."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pytest_sixdim.campaign.inquiry import Inquiry

#: Starts a tool as the samplers do, in a process group of its own, and hangs.
HANGS = """
import os, subprocess, time
tool = subprocess.Popen(["sleep", "600"], preexec_fn=os.setpgrp)
print(tool.pid, flush=True)
time.sleep(600)
"""
#: The same, but it ends while its tool runs.
ENDS = HANGS.replace("time.sleep(600)", "")


def tool_of(source: str, timeout: float) -> tuple[str | None, int]:
    """Why the answer may not be all, and the process number of the tool that it started."""
    with Inquiry([sys.executable, "-c", source], os.environ) as inquiry:
        reply = inquiry.reply(timeout)
    return reply.failure, int(reply.output)


def lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pid: int) -> bool:
    """Whether it ends, long before it would by itself."""
    deadline = time.monotonic() + 60
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not lives(pid)


def test_a_tool_of_a_process_that_is_given_up_ends_too() -> None:
    failure, tool = tool_of(HANGS, 8.0)
    assert failure == "no answer within 8 s"
    assert gone(tool)


def test_a_tool_that_outlives_the_process_ends_too() -> None:
    failure, tool = tool_of(ENDS, 60.0)
    assert failure is None
    assert gone(tool)
