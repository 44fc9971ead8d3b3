"""The sampling schedule and its account."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.agent.pace import FAST, SLOW, Pace, Schedule, percentile


@settings(deadline=None)
@given(
    start=st.floats(0, 1e6),
    jitters=st.lists(st.floats(-0.0005, 0.02), min_size=50, max_size=50),
    period=st.sampled_from([FAST, SLOW]),
)
def test_a_schedule_does_not_drift_and_skips_nothing(start: float, jitters: list[float], period: float) -> None:
    schedule = Schedule(start, period)
    due = start
    for n, jitter in enumerate(jitters, 1):
        due = schedule.following(due + jitter, due + jitter + 0.001)
        assert due == pytest.approx(start + n * period, abs=1e-6)


def test_readings_that_were_missed_are_not_made_up() -> None:
    assert Schedule(100.0, 0.1).following(100.0, 100.45) == pytest.approx(100.5)


def test_a_reading_off_the_schedule_is_followed_by_one_on_it() -> None:
    assert Schedule(100.0, 0.1).following(100.53, 100.53) == pytest.approx(100.6)


def test_gaps_and_percentiles_are_those_of_the_fast_pace() -> None:
    pace = Pace()
    for second in (0.0, 1.0, 2.0):
        pace.began(second, SLOW)
    at = 2.2
    for n in range(100):
        pace.began(at + n * 0.1, FAST)
    pace.began(at + 99 * 0.1 + 0.35, FAST)
    assert pace.summary() == {"period_p50": 0.1, "period_p99": 0.1, "period_max": 0.35, "gaps": 1}


def test_a_run_without_a_fast_reading_shows_the_slow_pace() -> None:
    pace = Pace()
    pace.began(0.0, SLOW)
    assert pace.summary() == {"period_p50": None, "period_p99": None, "period_max": None, "gaps": 0}
    pace.began(1.25, SLOW)
    assert pace.summary()["period_p50"] == 1.25


def test_a_percentile_is_the_least_period_that_the_share_does_not_exceed() -> None:
    counts = Counter({100: 98, 200: 1, 300: 1})
    assert [percentile(counts, share) for share in (0.5, 0.98, 0.99, 1.0)] == [0.1, 0.1, 0.2, 0.3]
    assert percentile(Counter(), 0.5) is None
