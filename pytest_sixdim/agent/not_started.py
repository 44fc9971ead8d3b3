"""A run whose adapter found nothing to drive: adapted.py then leaves the program alone, and exits with 0."""

from __future__ import annotations

import json
from dataclasses import replace

from pytest_sixdim.agent.order import Order
from pytest_sixdim.core.records import RunResult

#: How such a run seems to have ended: with or without a dialect that has an end, or with ranks that left early.
SEEMS = ("no_end", "completed", "crashed")


def without_program(order: Order, result: RunResult) -> RunResult:
    """The result, which says so where an adapter found no vendor's plugin in any rank."""
    if order.adapter is None or result.status not in SEEMS:
        return result
    found = [json.loads(path.read_bytes())["active"] for path in (order.node / "ranks").glob("adapter-*.json")]
    if not found or any(active is not False for active in found):
        return result
    message = f"the program was not started: adapter {order.adapter['name']} found no vendor plugin"
    return replace(
        result, status="launch_error", ended_by="agent", message=message, rank=None, exit_code=None, fault="host"
    )
