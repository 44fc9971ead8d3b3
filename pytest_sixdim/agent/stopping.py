"""When the agent ends a run that has not ended by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_sixdim.agent.course import Course
from pytest_sixdim.agent.order import Order
from pytest_sixdim.agent.ranks import RankProcess

#: Seconds that the program of a window run has to end by itself after the last counted segment.
WINDOW_GRACE = 2.0


@dataclass(frozen=True)
class Stop:
    """The agent ended the run at `at` (monotonic s); `message` says why.

    kind: cancelled, timeout, stalled, diverged: what becomes the status; window: the last counted segment came;
    ended: the program had said `end` and stayed; failed: a rank had failed and its peers stayed; left: a rank had ended
    with exit code 0 in the middle of training, and its peers stayed; unrecorded: the disk took no more events.
    """

    kind: Literal["cancelled", "timeout", "stalled", "diverged", "window", "ended", "failed", "left", "unrecorded"]
    at: float
    message: str


def reason_to_stop(
    now: float,
    order: Order,
    *,
    launched: float,
    cancelled: str | None,
    last_sign: float | None,
    course: Course,
    ranks: Mapping[int, RankProcess],
    reports_end: bool,
) -> Stop | None:
    """Why the run must end now; None while it may go on. Times are monotonic s.

    Once a rank has failed, or the program has said `end`, the others have `limits.teardown` seconds: torchrun alone
    would wait 30 s for the former, and for ever for the latter. A rank that ends with exit code 0 before the counted
    segments are complete has left its peers in the middle of training; they have as long, from their last line on.
    Later than that, a rank may well work on alone, silently (a final evaluation), and only `limits.stall` counts.
    """
    limits = order.limits
    failed = [process.ended for process in ranks.values() if process.ended is not None and process.failed]
    left = [process.ended for process in ranks.values() if process.ended is not None and process.left]
    some_run = len(failed) + len(left) < len(order.ranks)
    sign = launched if last_sign is None else last_sign
    if cancelled is not None:
        return Stop("cancelled", now, f"the run was cancelled: {cancelled}")
    if course.diverged is not None:
        return Stop("diverged", now, course.diverged)
    if failed and now - min(failed) > limits.teardown:
        return Stop("failed", now, f"its peers still ran {limits.teardown:g} s later")
    if course.end is not None:
        if now - course.end.seen > limits.teardown:
            return Stop("ended", now, f"it still ran {limits.teardown:g} s later")
    elif course.window_complete is not None:
        if order.role == "window" and now - course.window_complete > WINDOW_GRACE:
            return Stop("window", now, "the last counted segment came")
    elif reports_end and left and some_run and now - max(min(left), sign) > limits.teardown:
        return Stop("left", now, f"its peers were silent for {limits.teardown:g} s")
    if now - launched > limits.timeout:
        return Stop("timeout", now, f"not done after {limits.timeout:g} s")
    if now - sign > limits.stall:
        return Stop("stalled", now, f"no line from any rank for {limits.stall:g} s")
    return None
