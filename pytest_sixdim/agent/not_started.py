"""Runs whose program was not started: the adapter found nothing to drive, or the interpreter lacks the launcher."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from pytest_sixdim.agent.order import Order
from pytest_sixdim.agent.outcome import Seen
from pytest_sixdim.core.records import RunResult

#: How such a run seems to have ended: with or without a dialect that has an end, or with ranks that left early.
SEEMS = ("no_end", "completed", "crashed")


#: What Python says of a module that is not there.
NO_MODULE = re.compile(r"No module named '?([\w.]+)")


def without_module(order: Order, module: str | None, seen: Seen, result: RunResult) -> RunResult:
    """The result, which says so where the interpreter has no `module`, the launcher's, or not all of it."""
    if module is None or seen.ranks or result.status != "launch_error":
        return result
    missing = [match[1] for line in seen.launcher_lines if (match := NO_MODULE.search(line))]
    if not missing or missing[-1].partition(".")[0] != module:
        return result
    message = f"no rank started: {order.python} has no module {missing[-1]}, which 'launch: {order.launch}' needs"
    return replace(result, message=f"{message}; install it there, or name another interpreter with --sixdim-python")


def without_program(order: Order, result: RunResult) -> RunResult:
    """The result, which says so where an adapter found no vendor's plugin in any rank.

    adapted.py then leaves the program alone, and exits with 0.
    """
    if order.adapter is None or result.status not in SEEMS:
        return result
    found = [json.loads(path.read_bytes())["active"] for path in (order.node / "ranks").glob("adapter-*.json")]
    if not found or any(active is not False for active in found):
        return result
    message = f"the program was not started: adapter {order.adapter['name']} found no vendor plugin"
    return replace(
        result, status="launch_error", ended_by="agent", message=message, rank=None, exit_code=None, fault="host"
    )
