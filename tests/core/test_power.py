from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.core.power import measure_power
from pytest_sixdim.core.records import Series, Source
from pytest_sixdim.core.results import Measured

from .builders import BORDER, START, at, evaluation, events, log, segment, series, window

#: A card idles at 100 W until START, then draws 500 W; its counter is read at 10 Hz from 60 s to 260 s.
IDLE, LOAD = 100.0, 500.0
PACKAGE = {"energy": Source("rapl", "counter", scope="package", wrap=5e4, sensors=(0, 0, 0, 0))}


def counter(load: float = LOAD) -> Series:
    return series(lambda t: IDLE * t if t < START else IDLE * START + load * (t - START), 60)


def polled(load: float = LOAD, idle: float = IDLE) -> Series:
    """Readings that move by a milliwatt."""
    return series(lambda t: (idle if t < START else load) + 0.001 * (round(t * 10) % 3 - 1), 60)


def cut(readings: Series, begin: float, end: float) -> Series:
    """Without the readings from `begin` to `end`."""
    kept = [(t, v) for t, v in zip(readings.times, readings.values, strict=True) if not begin < t < end]
    return Series(tuple(t for t, _ in kept), tuple(v for _, v in kept))


def test_the_counters_joules_over_the_windows_seconds() -> None:
    measured = measure_power(window(), [log(energy=[counter()])])
    assert measured.value == pytest.approx(500.0)
    assert measured.unit == "W"
    detail = measured.detail
    assert (detail["method"], detail["scope"], detail["sampler"]) == ("counter", "card", "nvml")
    assert detail["idle_watts"] == pytest.approx(100.0)
    assert detail["readings"] == pytest.approx(500, abs=2)
    assert detail["longest_gap_seconds"] == pytest.approx(0.1)
    assert detail["uncovered_share"] == pytest.approx(0.0)
    assert detail["joules_per_sample"] == pytest.approx(500 * 50 / 64000)
    assert detail["sustained_watts"] is None
    assert measured.suspect == ()
    assert measured.flags == ()


def test_what_lies_between_segments_is_left_out() -> None:
    """An evaluation of 20 s at 50 W."""
    late = [segment(1), *(segment(index, **at(BORDER + 10 * index + 20)) for index in range(2, 6))]
    reported = events(*late, more=[evaluation(BORDER + 30, 1.0, seconds=20.0)])

    def energy(t: float) -> float:
        low = min(max(t - (BORDER + 10), 0.0), 20.0)
        return 500 * (t - low) + 50 * low

    measured = measure_power(window(reported), [log(energy=[series(energy, 60, 290)])])
    assert measured.value == pytest.approx(500.0)


def test_polled_power_serves_where_no_counter_is() -> None:
    measured = measure_power(window(), [log(power=[polled()])])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["method"] == "instant"
    assert measured.detail["idle_watts"] == pytest.approx(100.0)
    assert measured.detail["readings"] == pytest.approx(500, abs=2)


def test_how_the_counter_moves_stands_beside() -> None:
    """It ticks every 0.1 s on one card; on the other every 0.3 s, though it is read three times as often."""
    slow = series(lambda t: 150 * ((t * 10 + 1e-6) // 3), 60)
    detail = measure_power(window(), [log(2, energy=[counter(), slow])]).detail
    assert detail["tick_seconds"] == pytest.approx(0.3)
    assert detail["step_joules"] == pytest.approx(150.0)
    polling = measure_power(window(), [log(power=[polled()])]).detail
    assert (polling["tick_seconds"], polling["step_joules"]) == (None, None)


def test_a_counter_that_the_card_does_not_have_is_no_counter() -> None:
    nothing = series(lambda t: None, 60)
    assert measure_power(window(), [log(energy=[nothing], power=[polled()])]).detail["method"] == "instant"


def test_mean_sum_and_range_over_cards() -> None:
    measured = measure_power(window(), [log(3, energy=[counter(400.0), counter(500.0), counter(750.0)])])
    assert measured.value == pytest.approx(550.0)
    detail = measured.detail
    assert [detail[f"{name}_watts"] for name in ("card0", "min", "max", "sum")] == pytest.approx([400, 400, 750, 1650])
    assert detail["joules_per_sample"] == pytest.approx(1650 * 50 / 64000)
    assert [meter["watts"] for meter in detail["meters"]] == pytest.approx([400, 500, 750])
    assert detail["idle_watts"] == pytest.approx(100.0)


def test_cards_of_all_nodes_count() -> None:
    measured = measure_power(window(), [log(energy=[counter(400.0)]), log(energy=[counter(500.0)])])
    assert measured.value == pytest.approx(450.0)
    assert [meter["name"] for meter in measured.detail["meters"]] == ["node 0 card 0", "node 1 card 0"]


def test_joules_per_sample_of_each_kind_of_speed() -> None:
    waiting = events(*(segment(index, loader_seconds=2.0) for index in range(1, 6)))
    kinds = measure_power(window(waiting), [log(energy=[counter()])]).detail["joules_per_sample_of"]
    assert kinds == {"compute": pytest.approx(500 / 1600), "train": pytest.approx(500 / 1280), "whole": kinds["train"]}


@given(st.permutations([400.0, 450.0, 700.0]))
@settings(max_examples=6)
def test_the_order_of_cards_does_not_matter(loads: list[float]) -> None:
    measured = measure_power(window(), [log(3, energy=[counter(load) for load in loads])])
    assert measured.value == pytest.approx(1550 / 3)


@given(st.floats(10.0, 1000.0), st.floats(10.0, 1000.0))
@settings(max_examples=15)
def test_the_value_is_what_the_card_drew(load: float, idle: float) -> None:
    energy = series(lambda t: idle * t if t < START else idle * START + load * (t - START), 60)
    assert measure_power(window(), [log(energy=[energy])]).value == pytest.approx(load)


# Packages.


def test_cards_of_one_package_share_its_watts_undivided() -> None:
    """The counter wraps at 50 kJ on the way."""
    shared = Series(counter().times, tuple((value or 0) % 5e4 for value in counter().values))
    measured = measure_power(window(), [log(4, energy=[shared] * 4, sources=PACKAGE)])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["sum_watts"] == pytest.approx(500.0)
    assert measured.detail["joules_per_sample"] == pytest.approx(500 * 50 / 64000)
    assert [meter["name"] for meter in measured.detail["meters"]] == ["card 0, 1, 2, 3"]
    assert measured.flags == ("power of the package, not of a card",)


def test_two_packages_are_two_meters() -> None:
    readings = [counter(400.0)] * 2 + [counter(500.0)] * 2
    sources = {"energy": Source("rapl", "counter", "package", sensors=(0, 0, 2, 2))}
    measured = measure_power(window(), [log(4, energy=readings, sources=sources)])
    assert measured.value == pytest.approx(450.0)
    assert measured.detail["sum_watts"] == pytest.approx(900.0)


def test_cards_of_one_package_are_one_meter_though_one_missed_a_reading() -> None:
    shared = counter()
    hole = replace(shared, values=(*shared.values[:9], None, *shared.values[10:]))
    measured = measure_power(window(), [log(4, energy=[shared, hole, shared, shared], sources=PACKAGE)])
    assert measured.detail["sum_watts"] == pytest.approx(500.0)


def test_two_modules_with_the_same_readings_are_two_meters() -> None:
    sources = {"power": Source("ixsmi", "instant", "module", sensors=(0, 0, 2, 2))}
    measured = measure_power(window(), [log(4, power=[polled()] * 4, sources=sources)])
    assert (measured.value, measured.detail["sum_watts"]) == (pytest.approx(500.0), pytest.approx(1000.0))
    own = {"power": Source("nvml", "instant", "module")}
    assert measure_power(window(), [log(2, power=[polled()] * 2, sources=own)]).detail["sum_watts"] == pytest.approx(
        1000
    )


def test_two_cards_with_the_same_readings_are_two_cards() -> None:
    assert measure_power(window(), [log(2, energy=[counter()] * 2)]).detail["sum_watts"] == pytest.approx(1000.0)


def test_a_module_is_named() -> None:
    module = {"energy": Source("nvml", "counter", "module")}
    assert measure_power(window(), [log(energy=[counter()], sources=module)]).flags == (
        "power of the module, not of a card",
    )


# Unknown, and never 0.


def unknown(measured: Measured) -> str:
    assert measured.value is None
    assert measured.unknown is not None
    return measured.unknown


def test_no_sensor_is_unknown_with_its_reason() -> None:
    missing = log(unavailable={"energy": "permission denied: energy_uj"})
    assert unknown(measure_power(window(), [missing])) == "no sensor: permission denied: energy_uj"


def test_no_cards_are_unknown() -> None:
    assert unknown(measure_power(window(), [])) == "no card was sampled"


def test_one_card_unknown_makes_all_unknown() -> None:
    missing = series(lambda t: None, 60)
    found = unknown(measure_power(window(), [log(3, energy=[counter(), missing, counter()])]))
    assert found == "card 1: no sensor: no reading came"


def test_a_window_under_thirty_seconds_is_unknown() -> None:
    def power(seconds: float) -> Measured:
        segments = [segment(i, **at(BORDER + seconds * i), seconds=seconds) for i in range(1, 6)]
        return measure_power(window(events(*segments)), [log(energy=[counter()])])

    assert unknown(power(5.99)) == "the window is 29.95 s, 30 s are needed"
    assert power(6.0).value == pytest.approx(500.0)


@pytest.mark.parametrize(("period", "known"), [(0.5025, True), (0.508, False)])
def test_a_hundred_ticks_are_needed(period: float, known: bool) -> None:
    measured = measure_power(window(), [log(energy=[series(lambda t: 500 * t, 60, 260, period)])])
    if known:
        assert measured.value == pytest.approx(500.0)
    else:
        assert unknown(measured) == "99 ticks of the energy counter in the window, 100 are needed"


@pytest.mark.parametrize(("period", "known"), [(0.84, True), (0.851, False)])
def test_sixty_readings_are_needed(period: float, known: bool) -> None:
    measured = measure_power(window(), [log(power=[series(lambda t: 500 + t % 7, 60, 260, period)])])
    if known:
        assert measured.value == pytest.approx(503, abs=1)
    else:
        assert unknown(measured) == "59 readings in the window, 60 are needed"


@pytest.mark.parametrize(("seconds", "known"), [(2.7, True), (3.1, True), (4.2, False)])
def test_at_most_five_percent_may_be_uncovered(seconds: float, known: bool) -> None:
    """Of 50 s; a reading covers 1.5 s after it."""
    measured = measure_power(window(), [log(power=[cut(polled(), BORDER + 20, BORDER + 20 + seconds)])])
    if known:
        assert measured.value == pytest.approx(500.0)
        assert measured.detail["uncovered_share"] == pytest.approx((seconds - 1.5) / 50, abs=0.005)
    else:
        assert unknown(measured).endswith("of the window is not covered")


def test_readings_that_a_tool_could_not_give_are_uncovered_not_zero() -> None:
    holes = [None if i % 10 == 0 else value for i, value in enumerate(polled().values)]
    measured = measure_power(window(), [log(power=[replace(polled(), values=tuple(holes))])])
    assert unknown(measured) == "10.0 % of the window is not covered"


def test_a_counter_covers_a_gap_within_the_window() -> None:
    measured = measure_power(window(), [log(energy=[cut(counter(), BORDER + 10, BORDER + 20)])])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["longest_gap_seconds"] == pytest.approx(10.0)


def test_a_counter_does_not_cover_a_gap_over_the_windows_edge() -> None:
    measured = measure_power(window(), [log(energy=[cut(counter(), BORDER - 5, BORDER + 5)])])
    assert unknown(measured) == "10.0 % of the window is not covered"


def test_a_counter_that_went_backwards_is_unknown() -> None:
    reset = series(lambda t: 500 * t if t < BORDER + 20 else 500 * (t - BORDER - 20), 60)
    assert unknown(measure_power(window(), [log(energy=[reset])])) == "the energy counter went backwards"


def test_a_counter_that_was_reset_before_the_window_still_counts() -> None:
    reset = series(lambda t: 500 * t if t < 95 else 500 * (t - 95), 60)
    measured = measure_power(window(), [log(energy=[reset])])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["idle_watts"] is None


def test_a_stuck_counter_is_unknown() -> None:
    stuck = series(lambda t: 500 * min(t, BORDER + 30), 60)
    assert unknown(measure_power(window(), [log(energy=[stuck])])).startswith("stuck sensor: the energy counter")


def test_a_stuck_sensor_is_unknown() -> None:
    """As in a published MLPerf trace: 46.19 W in every row."""
    stuck = series(lambda t: 46.19, 60)
    assert unknown(measure_power(window(), [log(power=[stuck])])) == "stuck sensor: 46.19 W from idle to load"


def test_zero_watts_under_load_are_unknown() -> None:
    nothing = series(lambda t: 50.0 if t < START else 0.0, 60)
    assert unknown(measure_power(window(), [log(power=[nothing])])).startswith("stuck sensor: 0 W unchanged")


def test_segments_that_took_no_time_have_no_power() -> None:
    instant = window(events(*(segment(index, seconds=0.0) for index in range(1, 6))))
    assert unknown(measure_power(instant, [log(energy=[counter()])])).startswith("segment 1 claims 0 s")


def test_an_incomplete_window_is_unknown_and_fails_with_its_run() -> None:
    incomplete = window(events(segment(1)))
    assert unknown(measure_power(incomplete, [log(energy=[counter()])])) == "1 of 5 segments were completed"
    assert measure_power(incomplete, [log(energy=[counter()])], failed="full-1 crashed").failed == "full-1 crashed"


def test_a_complete_window_stands_though_the_run_crashed_later() -> None:
    measured = measure_power(window(), [log(energy=[counter()])], failed="full-1 crashed")
    assert measured.failed is None
    assert measured.value == pytest.approx(500.0)
    assert measured.flags == ("after the window: full-1 crashed",)


# Suspect.


@pytest.mark.parametrize(("load", "credible"), [(524.0, True), (476.0, True), (526.0, False), (474.0, False)])
def test_counter_and_polled_power_must_agree_within_five_percent(load: float, credible: bool) -> None:
    measured = measure_power(window(), [log(energy=[counter()], power=[polled(load)])])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["meters"][0]["polled_watts"] == pytest.approx(load)
    assert (measured.suspect == ()) is credible
    if not credible:
        assert measured.suspect[0].startswith("card 0: energy counter 500 W and polled power")


@pytest.mark.parametrize(("load", "credible"), [(530.0, True), (620.0, False), (380.0, False)])
def test_a_counter_that_ticks_too_seldom_to_be_the_figure_still_contradicts_polled_power(
    load: float, credible: bool
) -> None:
    """Polling that beats with the load: a counter of 30 ticks knows the power to 7 %."""
    seldom = series(lambda t: 500.0 * (t // 1), 60)
    measured = measure_power(window(), [log(energy=[seldom], power=[polled(load)])])
    assert measured.value == pytest.approx(load)
    assert (measured.suspect == ()) is credible
    if not credible:
        assert measured.suspect[0].startswith("card 0: energy counter 500 W and polled power")


@pytest.mark.parametrize("seldom", [lambda t: 5000.0 * (t // 10), lambda t: 500.0 * (t // 1 % 20)])
def test_a_counter_that_hardly_ticks_or_falls_contradicts_nothing(seldom: Callable[[float], float]) -> None:
    measured = measure_power(window(), [log(energy=[series(seldom, 60)], power=[polled(900)])])
    assert measured.suspect == ()


def test_polled_power_that_is_no_figure_itself_contradicts_nothing() -> None:
    stuck = series(lambda t: 46.19, 60)
    measured = measure_power(window(), [log(energy=[counter()], power=[stuck])])
    assert measured.suspect == ()
    assert measured.detail["meters"][0]["polled_watts"] is None


@pytest.mark.parametrize(
    ("dead", "why"),
    [
        (series(lambda t: 1234.0, 60), "the energy counter never moved"),
        (series(lambda t: 500.0 * (t // 1), 60), "the energy counter ticks every 1 s, too seldom for the window"),
    ],
)
def test_a_counter_that_is_of_no_use_leaves_the_word_to_polled_power(dead: Series, why: str) -> None:
    measured = measure_power(window(), [log(energy=[dead], power=[polled(480)])])
    assert (measured.value, measured.detail["method"]) == (pytest.approx(480.0), "instant")
    assert measured.flags == (f"card 0: {why}; polled power counts",)


def test_a_counter_that_stops_under_load_is_not_replaced_by_polled_power() -> None:
    stuck = series(lambda t: 500 * min(t, BORDER + 30), 60)
    assert unknown(measure_power(window(), [log(energy=[stuck], power=[polled()])])).startswith("stuck sensor")


def test_cards_that_are_metered_differently_are_named() -> None:
    gone = series(lambda t: None, 60)
    measured = measure_power(window(), [log(2, energy=[counter(), gone], power=[polled(), polled()])])
    assert measured.value == pytest.approx(500.0)
    assert measured.detail["methods"] == ["counter", "instant"]
    assert "not all cards were metered alike: counter, instant" in measured.flags


def test_what_a_sensor_does_in_an_evaluation_is_no_sign_that_it_is_stuck() -> None:
    """Whole watts at rest for 60 s between two segments."""
    segments = [
        segment(index, **at(BORDER + 20.0 * index + (70 if index > 2 else 0)), seconds=20.0) for index in range(1, 6)
    ]
    reported = events(*segments, more=[evaluation(BORDER + 110, 76.0, seconds=70.0)])
    power = series(lambda t: 60.0 if BORDER + 40 < t < BORDER + 110 else 500.0 + t // 1 % 3, 60, 400, 1.0)
    sources = {"power": Source("tool", "instant", resolution=1.0)}
    measured = measure_power(window(reported), [log(power=[power], sources=sources)])
    assert measured.value == pytest.approx(501, abs=5)


def test_a_long_stretch_without_a_reading_is_flagged() -> None:
    measured = measure_power(window(), [log(energy=[cut(counter(), BORDER + 10, BORDER + 20)])])
    assert measured.flags == ("no reading for 10 s of the window",)


def test_powers_of_different_scopes_are_not_compared() -> None:
    sources = {"power": Source("nvml", "instant", "module")}
    assert measure_power(window(), [log(energy=[counter()], power=[polled(700)], sources=sources)]).suspect == ()


@pytest.mark.parametrize(("channel", "credible"), [("thermal", False), ("hardware", False), ("power", True)])
def test_a_card_held_back_by_heat_or_hardware_is_suspect_one_at_its_power_cap_is_not(
    channel: str, credible: bool
) -> None:
    held_back = series(lambda t: float(BORDER + 10 <= t + 1e-6 < BORDER + 15), 60)
    measured = measure_power(window(), [log(energy=[counter()], **{f"slowdown_{channel}": [held_back]})])
    assert list(measured.detail["throttled"].values()) == pytest.approx([0.1])
    assert (measured.suspect == ()) is credible


def test_a_contradiction_of_the_program_makes_power_suspect() -> None:
    segments = [segment(index, samples=12801) for index in range(1, 6)]
    assert len(measure_power(window(events(*segments)), [log(energy=[counter()])]).suspect) == 5


# Beside the value.


def test_a_counter_that_falls_after_the_window_gives_no_sustained_power() -> None:
    energy = series(lambda t: 500 * t - (3e4 if t > BORDER + 60 else 0), 60, 280)
    reported = events(*(segment(index) for index in range(1, 8)))
    measured = measure_power(window(reported), [log(energy=[energy])])
    assert (measured.value, measured.detail["sustained_watts"]) == (pytest.approx(500.0), None)


@pytest.mark.parametrize(("later", "flagged"), [(495.0, False), (485.0, True)])
def test_sustained_power_two_percent_lower_is_flagged(later: float, flagged: bool) -> None:
    energy = series(lambda t: 500 * t if t < BORDER + 50 else 500 * (BORDER + 50) + later * (t - BORDER - 50), 60, 280)
    reported = events(*(segment(index) for index in range(1, 8)))
    measured = measure_power(window(reported), [log(energy=[energy])])
    assert measured.detail["sustained_watts"] == pytest.approx(later)
    assert bool(measured.flags) is flagged


@pytest.mark.parametrize(("segments", "known"), [(8, False), (11, True)])
def test_sustained_power_that_is_polled_needs_as_many_readings_as_the_window(segments: int, known: bool) -> None:
    """They come once a second from 2 s after the window on, and a few of a card that swings say nothing."""
    end = BORDER + 52
    parts = [series(lambda t: 500 + t % 2, 60, end), series(lambda t: 500 + t % 2, end + 1, end + 100, 1.0)]
    power = Series(*([*getattr(parts[0], name), *getattr(parts[1], name)] for name in ("times", "values")))
    reported = events(*(segment(index) for index in range(1, segments + 1)))
    measured = measure_power(window(reported), [log(power=[power])])
    assert measured.value is not None
    assert (measured.detail["sustained_watts"] is not None) is known


def test_a_card_still_warming_up_is_flagged() -> None:
    heating = series(lambda t: 40 + (t - 140) * 1.05 / 60, 60, 260, 1.0)
    warm = series(lambda t: 40 + (t - 140) * 0.95 / 60, 60, 260, 1.0)
    assert measure_power(window(), [log(energy=[counter()], temperature=[heating])]).flags == (
        "still warming up: a card's temperature rose 1.05 degC in the 60 s before",
    )
    assert measure_power(window(), [log(energy=[counter()], temperature=[warm])]).flags == ()


def test_idle_power_is_unknown_where_nobody_said_when_training_began() -> None:
    reported = events()[1:]
    assert measure_power(window(reported), [log(energy=[counter()])]).detail["idle_watts"] is None
    assert measure_power(window(reported), [log(power=[polled()])]).detail["idle_watts"] is None


def test_without_a_count_of_samples_watts_are_known_and_joules_per_sample_are_not() -> None:
    silent = [segment(i, samples=None, rated=1300.0, rated_as="compute") for i in range(1, 6)]
    measured = measure_power(window(events(*silent)), [log(energy=[counter()])])
    assert measured.value == pytest.approx(500.0)
    assert (measured.detail["joules_per_sample"], measured.detail["joules_per_sample_of"]) == (None, {})
    assert "joules per sample unknown: the program does not say how many samples it trained on" in measured.flags


def test_a_log_without_stamps_has_no_power() -> None:
    silent = [segment(i, seconds=None, rated=1300.0, rated_as="train", **at(0.0)) for i in range(1, 6)]
    measured = measure_power(window(silent, recorded=True), [log(energy=[counter()])])
    assert measured.value is None
    assert measured.unknown == "nobody knows when the segments trained: the log has no time stamps"


def test_seconds_of_the_programs_own_are_no_stamps() -> None:
    unstamped = [segment(i, **at(0.0)) for i in range(1, 6)]
    measured = measure_power(window(unstamped, recorded=True), [log(energy=[counter()])])
    assert measured.unknown == "nobody knows when the segments trained: the log has no time stamps"
