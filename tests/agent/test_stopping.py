"""When the agent ends a run: the rules at their edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.course import Course
from pytest_sixdim.agent.order import Order, read_order
from pytest_sixdim.agent.ranks import RankProcess
from pytest_sixdim.agent.stopping import Stop, reason_to_stop
from pytest_sixdim.core.events import End, Segment
from tests.agent.conftest import Job


def running(rank: int) -> RankProcess:
    return RankProcess(rank, 1000 + rank, 0.0)


def ended(rank: int, at: float, exit_code: int = 0) -> RankProcess:
    return RankProcess(rank, 1000 + rank, 0.0, at, exit_code)


def window() -> Course:
    """Complete at 10 s."""
    course = Course(1)
    course.take(Segment(t=10.0, seen=10.0, index=1, samples=1, seconds=1.0, steps=1))
    return course


def finished() -> Course:
    """Ended by itself at 10 s."""
    course = Course(1)
    course.take(End(t=10.0, seen=10.0, status="success"))
    return course


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Limits: 1000 s in all, 100 s of silence, 5 s of teardown."""
    limits = {"timeout": 1000, "stall": 100, "teardown": 5}
    return read_order(Job(tmp_path).order(cards=2, role="window", limits=limits))


def stop(now: float, order: Order, *ranks: RankProcess, **state: Any) -> Stop | None:
    defaults: dict[str, Any] = {
        "launched": 0.0,
        "cancelled": None,
        "last_sign": now,
        "course": Course(1),
        "reports_end": True,
    }
    known = {process.rank: process for process in ranks or (running(0), running(1))}
    return reason_to_stop(now, order, ranks=known, **{**defaults, **state})


def kind(*arguments: Any, **state: Any) -> str | None:
    found = stop(*arguments, **state)
    return None if found is None else found.kind


def test_a_run_within_its_limits_goes_on(order: Order) -> None:
    assert stop(999.0, order) is None


def test_the_timeout_counts_from_the_launch(order: Order) -> None:
    assert kind(1001.0, order) == "timeout"
    assert kind(1001.0, order, launched=2.0) is None


def test_silence_counts_from_the_last_sign_or_the_launch(order: Order) -> None:
    assert kind(150.0, order, last_sign=50.0) is None
    assert kind(151.0, order, last_sign=50.0) == "stalled"
    assert kind(101.0, order, last_sign=None) == "stalled"
    assert kind(101.0, order, last_sign=None, launched=2.0) is None


def test_a_cancelled_run_ends_at_once(order: Order) -> None:
    assert stop(1.0, order, cancelled="SIGTERM") == Stop("cancelled", 1.0, "the run was cancelled: SIGTERM")


def test_peers_of_a_failed_rank_have_the_teardown_from_the_first_failure_on(order: Order) -> None:
    assert kind(15.0, order, ended(0, 10.0, 1), running(1)) is None
    assert kind(15.1, order, ended(0, 10.0, 1), running(1)) == "failed"
    assert kind(15.1, order, ended(0, 10.0, 1), ended(1, 14.0, 1)) == "failed"


def test_a_window_run_has_two_seconds_after_its_last_segment(order: Order) -> None:
    assert kind(12.0, order, course=window()) is None
    assert kind(12.1, order, course=window()) == "window"


def test_a_window_run_that_said_end_has_the_teardown(order: Order) -> None:
    course = window()
    course.take(End(t=11.0, seen=11.0, status="success"))
    assert kind(16.0, order, course=course) is None
    assert kind(16.1, order, course=course) == "ended"


def test_a_full_run_trains_on_after_its_last_counted_segment(tmp_path: Path) -> None:
    assert kind(60.0, read_order(Job(tmp_path).order(role="full")), last_sign=59.0, course=window()) is None


def test_what_said_end_has_the_teardown_to_go(order: Order) -> None:
    assert kind(15.0, order, course=finished()) is None
    assert kind(15.1, order, course=finished()) == "ended"


def test_peers_of_a_rank_that_left_have_the_teardown_from_their_last_line_on(order: Order) -> None:
    left = (ended(0, 10.0), running(1))
    assert kind(60.0, order, *left, last_sign=55.0) is None
    assert kind(60.1, order, *left, last_sign=55.0) == "left"
    assert kind(15.0, order, *left, last_sign=3.0) is None
    assert kind(60.1, order, *left, last_sign=55.0, reports_end=False) is None
    assert kind(60.1, order, ended(0, 10.0), ended(1, 11.0), last_sign=55.0) is None
