"""The least work, counted in launches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.conftest import Bench
from tests.plugin.several import run_several

ONE, TWO = "tiny/cpu-fp32-bs32-1x1", "tiny/cpu-fp32-bs32-1x2"


#: What is asked for, and the runs that answer it.
ASKED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "speed": (("-m", "speed and multicard"), [f"{TWO}/window-1"]),
    "window": (("-m", "(speed or power or memory) and multicard"), [f"{TWO}/window-1"]),
    "accuracy": (("-m", "(accuracy or speed) and multicard"), [f"{TWO}/full-1"]),
    "linearity": (("-m", "linearity and multicard"), [f"{ONE}/window-1", f"{TWO}/window-1"]),
    "all-of-two-cards": (("-m", "multicard"), [f"{ONE}/window-1", *(f"{TWO}/full-{index}" for index in range(1, 6))]),
    "everything": ((), [f"{case}/full-{index}" for case in (ONE, TWO) for index in range(1, 6)]),
}


@pytest.mark.parametrize("name", ASKED)
def test_launches(bench: Bench, name: str) -> None:
    selection, runs = ASKED[name]
    bench.case()
    bench.run(*selection)
    assert bench.runs() == runs


def planned(result: pytest.RunResult) -> list[dict[str, Any]]:
    return list(json.loads(result.stdout.str())["runs"])


def test_the_plan_is_what_is_launched(bench: Bench) -> None:
    bench.case()
    results = run_several(bench, [("--sixdim-plan=json", *selection) for selection, _ in ASKED.values()])
    for (name, (_, runs)), result in zip(ASKED.items(), results, strict=True):
        keys = [f"{run['case']}/{run['configuration']}/{run['role']}-{run['index']}" for run in planned(result)]
        assert sorted(keys) == runs, name


def test_runs_are_launched_when_the_first_test_needs_them(bench: Bench) -> None:
    bench.case("tiny", "--value", "50")
    result = bench.run("-x", "-m", "(speed or accuracy) and singlecard")
    result.assert_outcomes(failed=1)
    result = bench.run("-x", "-k", "test_speed or test_accuracy or test_stability")
    assert bench.runs() == [f"{ONE}/full-1"]


def test_seeds_are_counted_given_or_drawn(bench: Bench) -> None:
    bench.case()
    options = ((), ("--sixdim-seeds", "9,8,7", "--sixdim-runs", "3"), ("--sixdim-seeds", "fresh"))
    asked = [("--sixdim-plan=json", "-m", "stability and singlecard", *more) for more in options]
    usual, given, drawn = map(planned, run_several(bench, asked))
    assert [run["seed"] for run in usual] == [1, 2, 3, 4, 5]
    assert [run["seed"] for run in given] == [9, 8, 7]
    assert all(str(run["seed"]) in run["command"] for run in given)
    fresh = [run["seed"] for run in drawn]
    assert len(set(fresh)) == 5
    assert fresh != [1, 2, 3, 4, 5]
