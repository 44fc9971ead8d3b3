"""Cards that were held back within a window: by counters of seconds, and by polled flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_sixdim.core.power import measure_power
from pytest_sixdim.core.records import Series, Source
from pytest_sixdim.core.slowdown import Slowdowns, read_slowdowns
from pytest_sixdim.core.thermal import read_thermal

from .builders import BORDER, at, events, log, segment, series, warmup_end, window

#: The window is the 50 s after BORDER; a counter of seconds is read once a second, out of step with the window.
COUNTER = Source("nvml", "counter", resolution=1e-3)
SPANS = window().spans


def counted(seconds: Callable[[float], float], channel: str = "slowdown_thermal", cards: int = 1) -> Slowdowns:
    readings = [series(seconds, 60.3, 260.3, 1.0)] * cards
    return read_slowdowns(SPANS, [log(cards, sources={channel: COUNTER}, **{channel: readings})])


def between(begin: float, end: float, share: float = 1.0) -> Callable[[float], float]:
    """A counter that counts from `begin` to `end`, `share` of the time, and stood at 7 s before."""
    return lambda t: 7.0 + share * min(max(t - begin, 0.0), end - begin)


def test_seconds_counted_within_the_window_make_it_suspect() -> None:
    found = counted(between(BORDER + 10.3, BORDER + 15.3))
    assert found.shares == {"thermal slowdown": pytest.approx(0.1)}
    assert found.suspect == ("thermal slowdown for 5 s, 10.0 % of the window",)


def test_what_a_counter_had_counted_before_and_counts_afterwards_is_left_out() -> None:
    assert counted(between(BORDER - 30, BORDER - 2)).suspect == ()
    assert counted(between(BORDER + 52, BORDER + 58)).suspect == ()


def test_a_counter_is_interpolated_at_the_windows_edges() -> None:
    """Half of the time over both edges: the window's half of it counts, be the readings where they are."""
    found = counted(between(BORDER - 20, BORDER + 20, 0.5))
    assert found.shares["thermal slowdown"] == pytest.approx(0.2)
    found = counted(between(BORDER + 40, BORDER + 70, 0.5))
    assert found.shares["thermal slowdown"] == pytest.approx(0.1)


def test_only_the_counted_segments_count() -> None:
    """The card is held back in the 20 s between two segments, and a little on either side."""
    late = [segment(1), *(segment(index, **at(BORDER + 10 * index + 20)) for index in range(2, 6))]
    spans = window(events(*late)).spans
    readings = series(between(BORDER + 9.3, BORDER + 30.3), 60.3, 300.3, 1.0)
    found = read_slowdowns(spans, [log(sources={"slowdown_thermal": COUNTER}, slowdown_thermal=[readings])])
    assert found.shares["thermal slowdown"] == pytest.approx((0.7 + 0.3) / 50, abs=1e-6)


@pytest.mark.parametrize(("seconds", "credible"), [(0.0, True), (0.0009, True), (0.002, False)])
def test_less_than_the_counters_resolution_is_none(seconds: float, credible: bool) -> None:
    found = counted(between(BORDER + 10.3, BORDER + 10.3 + seconds), "slowdown_hardware")
    assert (found.suspect == ()) is credible


def test_a_power_cap_is_only_shown() -> None:
    found = counted(between(BORDER - 5, BORDER + 55), "slowdown_power")
    assert found.shares == {"power cap": pytest.approx(1.0)}
    assert found.suspect == ()


def test_a_counter_that_goes_backwards_is_not_known() -> None:
    def reset(t: float) -> float:
        return 7.0 if t < BORDER + 20 else 0.1

    found = counted(reset)
    assert found == Slowdowns({}, (), ("card 0: thermal slowdown not known: its counter went backwards",))


def test_a_counter_that_went_backwards_before_the_window_is_none_the_worse() -> None:
    assert counted(lambda t: 7.0 if t < BORDER - 20 else 0.1).shares == {"thermal slowdown": 0.0}


def test_a_counter_that_was_not_read_to_the_windows_end_is_not_known() -> None:
    readings = series(between(0, 1), 60.3, BORDER + 40.3, 1.0)
    short = log(sources={"slowdown_thermal": COUNTER}, slowdown_thermal=[readings])
    assert read_slowdowns(SPANS, [short]).shares == {}
    nearly = series(between(BORDER + 10, BORDER + 11), 60.3, BORDER + 49.3, 1.0)
    enough = log(sources={"slowdown_thermal": COUNTER}, slowdown_thermal=[nearly])
    assert read_slowdowns(SPANS, [enough]).shares["thermal slowdown"] == pytest.approx(0.02)


def test_the_card_that_was_held_back_longest_is_named() -> None:
    readings = [series(between(BORDER + 10.3, BORDER + end), 60.3, 260.3, 1.0) for end in (11.3, 15.3, 10.3)]
    several = log(3, sources={"slowdown_hardware": COUNTER}, slowdown_hardware=readings)
    assert read_slowdowns(SPANS, [several]).suspect == ("hardware slowdown of card 1 for 5 s, 10.0 % of the window",)
    assert "of node 1 card 1" in read_slowdowns(SPANS, [log(), several]).suspect[0]


def test_a_polled_flag_is_weighted_by_time() -> None:
    flag = series(lambda t: float(BORDER + 10 <= t + 1e-6 < BORDER + 15), 60)
    found = read_slowdowns(SPANS, [log(slowdown_thermal=[flag])])
    assert found.suspect == ("thermal slowdown for 5 s, 10.0 % of the window",)


def test_what_no_card_can_tell_is_left_out() -> None:
    silent = Series((100.0, 260.0), (None, None))
    assert read_slowdowns(SPANS, [log(slowdown_thermal=[silent])]).shares == {}
    assert read_slowdowns(SPANS, [log()]) == Slowdowns({})


def test_a_held_back_card_makes_power_suspect() -> None:
    energy = series(lambda t: 500 * t, 60)
    readings = series(between(BORDER + 10.3, BORDER + 15.3), 60.3, 260.3, 1.0)
    known = log(sources={"slowdown_hardware": COUNTER}, energy=[energy], slowdown_hardware=[readings])
    measured = measure_power(window(), [known])
    assert measured.suspect == ("hardware slowdown for 5 s, 10.0 % of the window",)
    assert measured.detail["throttled"] == {"hardware slowdown": pytest.approx(0.1)}


def test_a_warm_up_that_ended_while_a_card_grew_warmer_is_flagged_once() -> None:
    heating = log(temperature=[series(lambda t: 40 + (t - 140) / 30, 60, 260, 1.0)])
    reported = [event if event.kind != "warmup_end" else warmup_end(steady=True, rise=2.0) for event in events()]
    seen = window(reported)
    assert seen.flags == ("warm-up ended though a card's temperature rose 2 degC in the 60 s before",)
    assert read_thermal(seen, [heating]).flags == ()
    assert read_thermal(window(), [heating]).flags == (
        "still warming up: a card's temperature rose 2 degC in the 60 s before",
    )


def test_a_warm_up_after_which_the_cards_are_warm_is_not_flagged() -> None:
    assert window([replace(e, rise=0.9) if e.kind == "warmup_end" else e for e in events()]).flags == ()  # type: ignore[call-arg]
