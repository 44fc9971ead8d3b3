"""The least work, counted in launches."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Bench

ONE, TWO = "tiny/cpu-fp32-bs32-1x1", "tiny/cpu-fp32-bs32-1x2"


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (("-m", "speed and multicard"), [f"{TWO}/window-1"]),
        (("-m", "(speed or power or memory) and multicard"), [f"{TWO}/window-1"]),
        (("-m", "(accuracy or speed) and multicard"), [f"{TWO}/full-1"]),
        (("-m", "linearity and multicard"), [f"{ONE}/window-1", f"{TWO}/window-1"]),
        (("-m", "multicard"), [f"{ONE}/window-1", *(f"{TWO}/full-{index}" for index in range(1, 6))]),
        ((), [f"{case}/full-{index}" for case in (ONE, TWO) for index in range(1, 6)]),
    ],
    ids=["speed", "window", "accuracy", "linearity", "all-of-two-cards", "everything"],
)
def test_launches(bench: Bench, selection: tuple[str, ...], runs: list[str]) -> None:
    bench.case()
    planned = bench.plan(*selection)
    bench.run(*selection)
    assert bench.runs() == runs
    assert (
        sorted(f"{run['case']}/{run['configuration']}/{run['role']}-{run['index']}" for run in planned["runs"]) == runs
    )


def test_runs_are_launched_when_the_first_test_needs_them(bench: Bench) -> None:
    bench.case("tiny", "--value", "50")
    result = bench.run("-x", "-m", "(speed or accuracy) and singlecard")
    result.assert_outcomes(failed=1)
    result = bench.run("-x", "-k", "test_speed or test_accuracy or test_stability")
    assert bench.runs() == [f"{ONE}/full-1"]


def test_seeds_are_counted_given_or_drawn(bench: Bench) -> None:
    bench.case()
    one = ("-m", "stability and singlecard")
    assert [run["seed"] for run in bench.plan(*one)["runs"]] == [1, 2, 3, 4, 5]
    given = bench.plan(*one, "--sixdim-seeds", "9,8,7", "--sixdim-runs", "3")["runs"]
    assert [run["seed"] for run in given] == [9, 8, 7]
    assert all(str(run["seed"]) in run["command"] for run in given)
    fresh = [run["seed"] for run in bench.plan(*one, "--sixdim-seeds", "fresh")["runs"]]
    assert len(set(fresh)) == 5
    assert fresh != [1, 2, 3, 4, 5]
