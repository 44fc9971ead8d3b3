"""What lay around a run: flags, doubts, and figures that are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.card_mapping import CardMapping
from pytest_sixdim.core.circumstances import Circumstances, neighbours_of, read_circumstances, under
from pytest_sixdim.core.facts_of_run import RunFacts
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.records import CardInfo
from pytest_sixdim.core.results import Measured

from .builders import CONFIGURATION, baseline, case, events, log, measurements, start, window

SHARED = Circumstances(foreign=("card 0: 31 % busy before the run",))
FOUND = Measured("W", 500.0, suspect=("a doubt",), flags=("a flag",), detail={"method": "counter"})


def test_a_run_around_which_nothing_was_seen_changes_no_figure() -> None:
    around = read_circumstances(window(), events(), [log()], identified=False)
    assert around == Circumstances(facts=around.facts)
    for dimension in ("speed", "power", "memory"):
        figure = under(FOUND, dimension, around, "error")
        assert replace(figure, detail={}) == replace(FOUND, detail={})


@pytest.mark.parametrize("dimension", ["speed", "power", "memory"])
def test_others_on_the_cards_are_flagged(dimension: Any) -> None:
    figure = under(FOUND, dimension, SHARED, "warn")
    assert (figure.failed, figure.value) == (None, 500.0)
    assert figure.flags == ("a flag", "card 0: 31 % busy before the run")
    assert figure.suspect == ("a doubt",)


@pytest.mark.parametrize("dimension", ["speed", "power", "memory"])
def test_under_error_others_on_the_cards_fail_the_dimension(dimension: Any) -> None:
    figure = under(FOUND, dimension, SHARED, "error")
    assert figure.failed == "the cards were shared (--sixdim-contention error): card 0: 31 % busy before the run"
    result = judge("power", case(), CONFIGURATION, measurements(dimensions={"power": figure}), baseline())
    assert (result.verdict, result.value) == ("fail", 500.0)
    assert result.reason == figure.failed


@pytest.mark.parametrize("measured", [Measured("W", failed="full-1 crashed"), Measured("W", unknown="no sensor")])
def test_what_has_no_figure_stays_what_it_is(measured: Measured) -> None:
    around = replace(SHARED, mapping=CardMapping("the wrong card"))
    figure = under(measured, "power", around, "error")
    assert (figure.failed, figure.unknown, figure.value) == (measured.failed, measured.unknown, None)


@pytest.mark.parametrize(("dimension", "known"), [("speed", True), ("power", False), ("memory", False)])
def test_readings_of_another_card_are_unknown_and_the_speed_is_not_concerned(dimension: Any, known: bool) -> None:
    around = Circumstances(mapping=CardMapping("trained on card X, sampled card Y"))
    figure = under(FOUND, dimension, around, "warn")
    assert figure.value == (500.0 if known else None)
    assert figure.unknown == (None if known else "trained on card X, sampled card Y")


def test_a_speed_is_not_credible_where_ranks_shared_a_card() -> None:
    around = Circumstances(mapping=CardMapping("card 1 was sampled, no rank trained on it", idle=True))
    figure = under(FOUND, "speed", around, "warn")
    assert (figure.value, figure.suspect) == (500.0, ("a doubt", "card 1 was sampled, no rank trained on it"))
    assert under(FOUND, "power", around, "warn").unknown == "card 1 was sampled, no rank trained on it"


@pytest.mark.parametrize(("dimension", "flagged"), [("speed", False), ("power", True), ("memory", True)])
def test_cards_that_nobody_could_compare_are_flagged(dimension: Any, flagged: bool) -> None:
    around = Circumstances(mapping=CardMapping(by_number=True))
    assert ("cards matched by number" in under(FOUND, dimension, around, "warn").flags) is flagged


@pytest.mark.parametrize(("dimension", "beside"), [("speed", True), ("power", True), ("memory", False)])
def test_errors_of_the_cards_are_suspect_and_clocks_stand_beside(dimension: Any, beside: bool) -> None:
    facts = RunFacts({"clock_mhz": 1500.0}, ("card 0: 1 uncorrected memory error",), ("power cap of 500 W",))
    figure = under(FOUND, dimension, Circumstances(facts=facts), "warn")
    assert figure.suspect == ("a doubt", "card 0: 1 uncorrected memory error")
    assert figure.flags == ("a flag", "power cap of 500 W")
    assert figure.detail == {"method": "counter", **({"clock_mhz": 1500.0} if beside else {})}


def test_the_programs_word_on_its_devices_is_compared_where_there_are_devices() -> None:
    cards = tuple(CardInfo(number, f"GPU-{number}", "a card", None, pci=f"0000:0{number}:00.0") for number in (1, 2))
    logs = [replace(log(), cards=cards)]
    reported = [start(devices=[{"pci": "0000:01:00.0"}, {"pci": "0000:03:00.0"}]), *events()[1:]]
    around = read_circumstances(window(), reported, logs)
    assert around.mapping.problem == "rank 1 trained on card 0000:03:00.0, sampled was card 2 (0000:02:00.0)"
    assert read_circumstances(window(), reported, logs, identified=False).mapping == CardMapping()
    assert read_circumstances(window(), events(), logs).mapping == CardMapping(by_number=True)


@pytest.mark.parametrize(("dimension", "concerned"), [("speed", True), ("power", True), ("memory", False)])
@pytest.mark.parametrize("contention", ["warn", "error"])
def test_runs_on_other_cards_are_flagged_where_they_take_something(
    dimension: Any, concerned: bool, contention: Any
) -> None:
    around = read_circumstances(window(), events(), [log()], identified=False, neighbours=("a", "b", "c"))
    figure = under(FOUND, dimension, around, contention)
    assert (figure.value, figure.failed, figure.suspect) == (500.0, None, ("a doubt",))
    said = "shared the host with 3 other runs (a, b, ...)"
    assert (said in figure.flags, figure.detail.get("neighbours")) == (
        concerned,
        ["a", "b", "c"] if concerned else None,
    )


def test_one_neighbour_is_one_other_run_and_nobody_is_no_word() -> None:
    one = under(FOUND, "speed", Circumstances(neighbours=("digits/one/full-1",)), "warn")
    assert one.flags == ("a flag", "shared the host with 1 other run (digits/one/full-1)")
    assert under(FOUND, "speed", Circumstances(), "warn") == FOUND


@pytest.mark.parametrize(
    ("lease", "named"),
    [
        ({}, ()),
        ({"shared": True, "neighbours": []}, ()),
        ({"neighbours": None}, ()),
        ({"neighbours": "x"}, ()),
        ({"neighbours": [{"run": "a/b/full-1", "process": 7, "cards": ["core:1"]}]}, ("a/b/full-1",)),
        ({"neighbours": [7, {"run": None}, {}]}, ("another run", "another run")),
    ],
)
def test_neighbours_are_those_that_the_lease_names(lease: Any, named: tuple[str, ...]) -> None:
    assert neighbours_of(lease) == named
