from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.spans import duration

from .builders import BORDER, at, evaluation, events, progress, segment, start, warmup_end, window


def test_the_window_is_the_first_five_segments_and_later_ones_are_kept_apart() -> None:
    found = window(events(*(segment(index) for index in range(1, 8))))
    assert found.complete
    assert [s.index for s in found.segments] == [1, 2, 3, 4, 5]
    assert [s.index for s in found.later] == [6, 7]
    assert found.spans == ((BORDER, BORDER + 50),)
    assert found.later_spans == ((BORDER + 50, BORDER + 70),)
    assert (found.samples, found.seconds) == (64000, 50.0)
    assert found.suspect == ()
    assert found.flags == ()


def test_four_segments_are_no_complete_window() -> None:
    assert not window(events(*(segment(index) for index in range(1, 5)))).complete


def test_no_events_are_no_window() -> None:
    found = window(())
    assert not found.complete
    assert found.segments == ()


def test_segments_before_warmup_ended_are_not_counted() -> None:
    early = segment(1, **at(150.0))
    found = window((start(), early, warmup_end(), *(segment(index) for index in range(1, 6))))
    assert [s.ended for s in found.segments] == [BORDER + 10 * index for index in range(1, 6)]


def test_the_lowest_rank_that_reports_counts() -> None:
    others = tuple(segment(index, rank=3) for index in range(1, 6))
    found = window(events(more=others))
    assert len(found.segments) == 5
    assert found.suspect == ()


def test_an_evaluation_between_segments_is_cut_out() -> None:
    segments = [segment(1), segment(2, **at(BORDER + 27))]
    found = window(events(*segments, more=[evaluation(BORDER + 17, 50.0, seconds=7.0)]), Measure(segments=2))
    assert found.spans == ((BORDER, BORDER + 10), (BORDER + 17, BORDER + 27))
    assert found.suspect == ()


def test_an_evaluation_within_a_segment_is_cut_out() -> None:
    found = window(events(segment(1, **at(BORDER + 13)), more=[evaluation(BORDER + 8, 50.0, seconds=3.0)]))
    assert found.spans == ((BORDER, BORDER + 5), (BORDER + 8, BORDER + 13))
    assert found.suspect == ()


def test_an_evaluation_that_does_not_say_how_long_it_took_gets_the_time_that_nothing_else_explains() -> None:
    found = window(events(segment(1, **at(BORDER + 13)), more=[evaluation(BORDER + 8, 50.0, seconds=None)]))
    assert found.spans == ((BORDER, BORDER + 5), (BORDER + 8, BORDER + 13))
    assert found.suspect == ()


def test_an_evaluation_of_unknown_length_elsewhere_takes_nothing_from_a_segment() -> None:
    segments = [segment(1, **at(BORDER + 13)), segment(2, **at(BORDER + 23))]
    more = [evaluation(t, 50.0, seconds=None) for t in (BORDER - 5, BORDER, BORDER + 8, BORDER + 30)]
    found = window(events(*segments, more=more), Measure(segments=2))
    assert found.spans == ((BORDER, BORDER + 5), (BORDER + 8, BORDER + 23))


def test_a_pause_is_taken_out_at_the_begin_and_a_long_one_is_flagged() -> None:
    found = window(events(segment(1, **at(BORDER + 11), paused_seconds=1.0)))
    assert found.spans == ((BORDER + 1, BORDER + 11),)
    assert found.suspect == ()
    assert found.flags == ("segment 1 paused for 10.0 % of its time",)
    assert window(events(segment(1, **at(BORDER + 10.4), paused_seconds=0.4))).flags == ()


def test_without_a_border_before_it_the_first_segment_begins_its_seconds_before_its_end() -> None:
    found = window((start(), segment(1), segment(2)), Measure(segments=2))
    assert found.spans == ((BORDER, BORDER + 20),)
    assert found.whole_seconds == 20
    assert "the program did not report the end of its warm-up" in found.flags


@given(
    evaluations=st.lists(st.tuples(st.floats(0.1, 25), st.floats(0.01, 5)), max_size=5),
    seconds=st.floats(1.0, 30.0),
)
def test_a_segment_ends_at_its_stamp_and_trains_for_no_more_than_its_seconds_outside_evaluations(
    evaluations: list[tuple[float, float]], seconds: float
) -> None:
    more = [evaluation(BORDER + t, 1.0, seconds=long) for t, long in evaluations]
    (only,) = window(events(segment(1, **at(BORDER + 30), seconds=seconds), more=more)).segments
    assert duration(only.spans) <= seconds + 1e-9
    assert only.spans[-1][1] == BORDER + 30
    assert all(BORDER <= begin < end for begin, end in only.spans)
    for cut in more:
        assert all(end <= cut.t - (cut.seconds or 0) or begin >= cut.t for begin, end in only.spans)
    free = 30 - sum(long for _, long in evaluations)
    assert duration(only.spans) >= min(seconds, free) - 1e-9


@pytest.mark.parametrize(
    ("steps", "seconds", "short"),
    [
        (50, 6.0, False),
        (49, 6.0, True),
        (50, 5.9, True),
        (1000, 5.9, True),
        # 50 steps exceed 120 s from 2.4 s a step on: then 10 steps and 120 s will do.
        (12, 120.0, False),
        (10, 120.0, False),
        (9, 120.0, True),
        (12, 119.9, True),
        (49, 117.6, True),
        (50, 130.0, False),
    ],
)
def test_a_short_segment_makes_a_short_window(steps: int, seconds: float, short: bool) -> None:
    found = window(events(segment(1, **at(BORDER + seconds), steps=steps, samples=128 * steps, seconds=seconds)))
    assert found.short is short
    assert any(flag.startswith("short window") for flag in found.flags) is short


def test_a_fixed_warmup_is_a_short_window() -> None:
    found = window(measure=Measure(steady=False))
    assert found.short
    assert found.flags == ("short window: fixed warm-up",)


def test_a_warmup_that_never_became_steady_is_flagged() -> None:
    found = window((start(), warmup_end(steady=False), *(segment(index) for index in range(1, 6))))
    assert found.steady is False
    assert found.flags == ("warm-up ended before three segments agreed within 1 %",)


def test_a_precision_without_a_probe_is_declared_not_verified() -> None:
    found = window((start(precision_probe=None), warmup_end(), *(segment(index) for index in range(1, 6))))
    assert found.flags == ("precision declared, not verified",)


def test_the_programs_own_speeds_are_those_reported_within_the_window() -> None:
    more = [progress(BORDER - 1, speed=1.0), progress(BORDER + 20, speed=1300.0), progress(BORDER + 90, speed=2.0)]
    assert window(events(more=more)).program_speeds == (1300.0,)
