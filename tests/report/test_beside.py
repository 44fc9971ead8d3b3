"""The figures beside a value: written with their units, missing ones as dashes, none made up."""

from __future__ import annotations

from typing import Any

from pytest_sixdim.core.results import DimensionResult
from pytest_sixdim.report.beside import beside


def shown(dimension: Any, value: float | None, **detail: Any) -> dict[str, str]:
    return dict(beside(DimensionResult(dimension, "unjudged", "why", value=value, detail=detail)))


def test_figures_have_their_units() -> None:
    found = shown(
        "speed", 100.0, kinds={"compute": 110.0, "train": 100.0, "whole": None}, loader_share=0.0866, steps=250
    )
    assert found["loader excluded (compute)"] == "110 samples/s"
    assert found["waiting for the loader"] == "8.7 %"
    assert found["steps in the window"] == "250"


def test_a_figure_that_is_missing_is_a_dash_beside_a_value_and_left_out_beside_none() -> None:
    assert shown("speed", 100.0)["sustained after the window"] == "–"
    assert shown("power", None, sampler="rapl", sum_watts=None) == {"read by": "rapl"}


def test_times_held_back_are_told_by_their_reason() -> None:
    assert shown("power", 300.0, throttled={"power cap": 0.25, "thermal slowdown": 0.0})["throttled"] == (
        "power cap 25.0 %, thermal slowdown 0.0 %"
    )
    assert shown("power", 300.0, throttled={})["throttled"] == "–"


def test_a_detail_of_another_shape_does_no_harm() -> None:
    found = shown("accuracy", 1.0, evaluation="none", target=["x"], evaluations=float("inf"))
    assert (found["reached in epoch"], found["target"], found["evaluations"]) == ("–", "['x']", "inf")


def test_what_three_runs_measured_is_named_where_there_were_three() -> None:
    found = shown("speed", 101.0, confirmation={"full-1": 101.0, "window-1": 102.0, "window-2": None})
    assert found["confirmed by"] == "full-1 101, window-1 102, window-2 –"
    assert "confirmed by" not in shown("speed", 101.0)


def test_how_power_was_read_and_under_which_limits_stands_beside_it() -> None:
    found = shown("power", 300.0, tick_seconds=0.1, step_joules=52.0, power_limit_watts=700.0, clock_mhz=1755.5)
    assert (found["the counter's tick"], found["the counter's step"]) == ("0.1 s", "52 J")
    assert (found["power limit"], found["power cap"], found["clock"]) == ("700 W", "–", "1755.5 MHz")


def test_the_speeds_of_other_runs_are_named() -> None:
    found = shown("speed", 100.0, other_runs={"full-2": 101.0, "full-3": 99.0})
    assert found["other runs"] == "full-2 101 samples/s, full-3 99 samples/s"
