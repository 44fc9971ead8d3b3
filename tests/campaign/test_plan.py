"""The least work: which runs answer which tests (design: the table of runs)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.campaign.plan import Plan, Wanted
from pytest_sixdim.core.case import Case, Configuration, Metric, StabilityRule, Train
from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension

ONE = Configuration("cpu", "fp32", 32)
TWO = replace(ONE, cards=2)
FOUR = replace(TWO, nodes=2)
CASE = Case(
    name="tiny",
    title="Tiny",
    task="test",
    path=Path("/cases/tiny.case.yaml"),
    metric=Metric("top1", "%", "higher", 97.0),
    train=Train(program=Path("/cases/train.py")),
    configurations=(ONE, TWO),
)


def wants(*selected: tuple[Configuration, Dimension], case: Case = CASE) -> list[Wanted]:
    return [
        Wanted(case, configuration, (name,), f"test_{name}[{configuration.id}]") for configuration, name in selected
    ]


def names(plan: Plan) -> list[str]:
    return [f"{run.configuration.nodes}x{run.configuration.cards} {run.key.name}" for run in plan.runs]


def all_six(configuration: Configuration) -> list[tuple[Configuration, Dimension]]:
    return [(configuration, dimension) for dimension in DIMENSIONS]


@pytest.mark.parametrize("dimension", ["speed", "power", "memory"])
def test_window_dimension_alone_is_one_window_run(dimension: Dimension) -> None:
    assert names(Plan(wants((TWO, dimension)))) == ["1x2 window-1"]


def test_three_window_dimensions_share_one_run() -> None:
    assert names(Plan(wants((TWO, "speed"), (TWO, "power"), (TWO, "memory")))) == ["1x2 window-1"]


def test_accuracy_is_one_full_run_which_serves_the_window_too() -> None:
    assert names(Plan(wants((TWO, "speed"), (TWO, "accuracy")))) == ["1x2 full-1"]


def test_stability_is_five_full_runs() -> None:
    assert names(Plan(wants((TWO, "stability")))) == [f"1x2 full-{index}" for index in range(1, 6)]


def test_number_of_full_runs_comes_from_the_session_before_the_case() -> None:
    three = replace(CASE, stability=StabilityRule(runs=3))
    assert len(Plan(wants((TWO, "stability"), case=three)).runs) == 3
    assert len(Plan(wants((TWO, "stability"), case=three), runs=2).runs) == 2


def test_linearity_alone_is_a_window_run_of_each_side() -> None:
    assert names(Plan(wants((TWO, "linearity")))) == ["1x2 window-1", "1x1 window-1"]


def test_linearity_of_one_card_needs_no_run() -> None:
    assert names(Plan(wants((ONE, "linearity")))) == []


def test_linearity_over_nodes_divides_by_one_node_of_as_many_cards() -> None:
    assert names(Plan(wants((FOUR, "linearity")))) == ["2x2 window-1", "1x2 window-1"]


def test_all_six_of_two_cards_are_five_full_runs_and_one_single_card_window_run() -> None:
    plan = Plan(wants(*all_six(TWO)))
    assert sorted(names(plan)) == ["1x1 window-1", *(f"1x2 full-{index}" for index in range(1, 6))]
    assert plan.summary() == "6 runs answer 6 tests"


def test_single_card_runs_serve_linearity_where_they_are_selected_too() -> None:
    plan = Plan(wants(*all_six(ONE), *all_six(TWO)))
    assert sorted(names(plan)) == sorted(f"1x{cards} full-{index}" for cards in (1, 2) for index in range(1, 6))
    assert plan.summary() == "10 runs answer 11 tests"


def test_single_card_accuracy_makes_its_full_run_serve_linearity() -> None:
    assert names(Plan(wants((ONE, "accuracy"), (TWO, "linearity")))) == ["1x1 full-1", "1x2 window-1"]


def test_every_run_names_the_tests_that_need_it() -> None:
    plan = Plan(wants((ONE, "speed"), (TWO, "linearity"), (TWO, "speed")))
    assert {run.key.name + run.configuration.id[-3:]: run.tests for run in plan.runs} == {
        "window-11x1": [f"test_speed[{ONE.id}]", f"test_linearity[{TWO.id}]"],
        "window-11x2": [f"test_linearity[{TWO.id}]", f"test_speed[{TWO.id}]"],
    }


def test_cases_do_not_share_runs() -> None:
    other = replace(CASE, name="other", path=Path("/cases/other.case.yaml"))
    plan = Plan([*wants((ONE, "speed")), *wants((ONE, "speed"), case=other)])
    assert [run.key.case for run in plan.runs] == ["tiny", "other"]
