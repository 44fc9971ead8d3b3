from __future__ import annotations

import pytest

from pytest_sixdim.core.events import Memory
from pytest_sixdim.core.memory import measure_memory
from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.core.readings import held
from pytest_sixdim.core.records import Series

from .builders import BORDER, START, at, events, log, segment, series, window

#: 40 GiB in use from START on, read once a second.
USED = series(lambda t: (1 if t < START else 40) * GIB, 60, 260, 1.0)


def gib(read, begin: float = 60, end: float = 260) -> Series:
    return series(lambda t: read(t) * GIB, begin, end, 1.0)


def test_published_memory_at_equal_spacing() -> None:
    found = held(Series((0.0, 5.0, 10.0, 15.0, 20.0), (30671.0, 30670.0, 30671.0, 30671.0, 30670.0)), [(0.0, 25.0)])
    assert found.mean == pytest.approx(30670.6)


def test_the_fullest_card_is_the_value() -> None:
    readings = [gib(lambda t: 40), gib(lambda t: 44), gib(lambda t: 42)]
    measured = measure_memory(window(), (), [log(3, memory=readings)])
    assert (measured.value, measured.unit) == (44.0, "GiB")
    detail = measured.detail
    assert (detail["min_gib"], detail["mean_gib"], detail["card0_gib"], detail["fullest_card"]) == (40, 42, 40, 1)
    assert detail["cards_gib"] == [40, 44, 42]


def test_the_mean_over_the_window_and_the_peak_over_the_run() -> None:
    """55 GiB while loading, 1 GiB before; 30 and 50 GiB by turns of 5 s in the window."""
    used = gib(lambda t: 1 if t < START else 55 if t < START + 5 else 30 if (t // 5) % 2 else 50)
    measured = measure_memory(window(), (), [log(memory=[used])])
    assert measured.value == pytest.approx(40.0)
    assert (measured.detail["peak_gib"], measured.detail["idle_gib"]) == (55.0, 1.0)


def test_the_cards_total_is_that_of_the_fullest() -> None:
    assert measure_memory(window(), (), [log(memory=[USED])]).detail["total_gib"] == 80.0
    assert measure_memory(window(), (), [log(total_bytes=None, memory=[USED])]).detail["total_gib"] is None


def test_the_frameworks_peaks_are_the_largest_of_all_ranks() -> None:
    peaks = [Memory(**at(250.0), rank=r, peak_allocated=(30 + r) * 2**30, peak_reserved=None) for r in range(3)]
    detail = measure_memory(window(), events(more=peaks), [log(memory=[USED])]).detail
    assert (detail["allocated_gib"], detail["reserved_gib"]) == (32.0, None)


@pytest.mark.parametrize(("gained", "flagged"), [(0.2, False), (0.6, True)])
def test_growth_is_flagged(gained: float, flagged: bool) -> None:
    leaking = gib(lambda t: 40 + gained * max(0.0, (t - BORDER) // 10) / 4)
    measured = measure_memory(window(), (), [log(memory=[leaking])])
    assert measured.detail["growth"] == pytest.approx(gained / 40)
    assert any("grew" in flag for flag in measured.flags) is flagged


def test_one_card_that_grows_is_enough() -> None:
    steady, leaking = gib(lambda t: 44), gib(lambda t: 30 + max(0.0, (t - BORDER) // 10))
    assert measure_memory(window(), (), [log(2, memory=[steady, leaking])]).detail["growth"] == pytest.approx(4 / 30)


def test_a_program_that_preallocates_is_reserved_and_not_to_be_judged() -> None:
    measured = measure_memory(window(), (), [log(memory=[USED])], preallocates=True)
    assert measured.value == 40.0
    assert measured.unjudged == "reserved: the program takes memory in advance"


def test_no_reading_in_the_window_is_unknown_even_where_an_earlier_one_might_hold() -> None:
    short = [segment(i, **at(BORDER + 0.1 + 0.1 * i), seconds=0.1) for i in range(1, 6)]
    found = window(events(*short))
    measured = measure_memory(found, (), [log(memory=[gib(lambda t: 40)])])
    assert measured.value is None
    assert measured.unknown == "card 0: no memory reading in the window of 0.5 s"


def test_one_card_unknown_makes_the_fullest_unknown() -> None:
    measured = measure_memory(window(), (), [log(2, memory=[USED, series(lambda t: None, 60, 260, 1.0)])])
    assert measured.unknown == "card 1: no memory reading in the window of 50 s"


def test_a_card_of_another_node_is_named_with_it() -> None:
    missing = log(memory=[series(lambda t: None, 60, 260, 1.0)])
    measured = measure_memory(window(), (), [log(memory=[USED]), missing])
    assert measured.unknown == "node 1 card 0: no memory reading in the window of 50 s"


def test_no_sampler_is_unknown_with_its_reason() -> None:
    measured = measure_memory(window(), (), [log(unavailable={"memory": "NVML: not supported"})])
    assert measured.unknown == "NVML: not supported"
    assert measure_memory(window(), (), []).unknown == "no card was sampled"


def test_time_without_readings_is_flagged() -> None:
    missing = series(lambda t: None if BORDER + 10 <= t < BORDER + 15 else 40 * GIB, 60, 260, 1.0)
    measured = measure_memory(window(), (), [log(memory=[missing])])
    assert measured.value == 40.0
    assert measured.flags == ("10.0 % of the window has no memory reading",)


def test_a_complete_window_stands_and_an_incomplete_one_fails_with_its_run() -> None:
    assert measure_memory(window(), (), [log(memory=[USED])], failed="full-1 crashed").value == 40.0
    incomplete = window(events(segment(1)))
    assert measure_memory(incomplete, (), [log(memory=[USED])], failed="full-1 crashed").failed == "full-1 crashed"
    assert measure_memory(incomplete, (), [log(memory=[USED])]).unknown == "1 of 5 segments were completed"


def test_idle_memory_is_unknown_where_nobody_said_when_training_began() -> None:
    assert measure_memory(window(events()[1:]), (), [log(memory=[USED])]).detail["idle_gib"] is None


@pytest.mark.parametrize(("end", "known"), [(BORDER + 26, True), (BORDER + 20, False)])
def test_a_card_that_was_read_for_less_than_half_the_window_is_unknown(end: float, known: bool) -> None:
    measured = measure_memory(window(), (), [log(memory=[gib(lambda t: 40, 60, end)])])
    if known:
        assert measured.value == pytest.approx(40.0)
    else:
        assert (measured.value, measured.unknown) == (None, "54.0 % of the window has no memory reading")


def test_a_log_without_stamps_has_no_memory() -> None:
    silent = [segment(i, seconds=None, rated=1300.0, rated_as="train", **at(0.0)) for i in range(1, 6)]
    measured = measure_memory(window(silent, recorded=True), (), [log(memory=[USED])])
    assert measured.value is None
    assert measured.unknown == "nobody knows when the segments trained: the log has no time stamps"
