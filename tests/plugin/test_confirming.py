"""Figures near their limit: two more window runs, once, and the median is judged."""

from __future__ import annotations

from tests.plugin.conftest import Bench
from tests.plugin.several import run_several

ONE = "cpu-fp32-bs32-1x1"
TWO = "cpu-fp32-bs32-1x2"
#: Samples/s that the runs with seed 1, 2 and 3 claim: 1600 samples a segment, in about 0.1 s of the 0.15 that it lasts.
LOW_FIRST = "--speeds=15950/16070/16050"


def near(bench: Bench, *args: str, limit: str = "16000 samples/s") -> None:
    bench.case("tiny", *args, extra=f"limits: {{speed: {limit}}}")


def test_the_median_of_three_is_judged_and_all_three_are_shown(bench: Bench) -> None:
    near(bench, LOW_FIRST)
    result = bench.run("-v", "-m", "singlecard and speed")
    result.assert_outcomes(passed=1)
    assert [run.rpartition("/")[2] for run in bench.runs()] == ["window-1", "window-2", "window-3"]
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert speed["value"] == 16050
    assert speed["detail"]["confirmation"] == {"window-1": 15950, "window-2": 16070, "window-3": 16050}
    result.stdout.fnmatch_lines(
        [
            "*run 1/1: tiny/*/window-1, seed 1, 1 card ...",
            f"*speed of {ONE} stands near its limit: 2 more window runs",
            "*further run: tiny/*/window-2, seed 2, 1 card ...",
            "*further run: tiny/*/window-3, seed 3, 1 card ...",
            "*note tiny * speed: confirmed: median of 15950, 16070, 16050 samples/s",
        ]
    )


def test_a_near_pass_can_turn_into_a_failure(bench: Bench) -> None:
    near(bench, "--speeds=16050/15980/15960")
    bench.run("-m", "singlecard and speed").assert_outcomes(failed=1)
    assert bench.scorecard(ONE)["dimensions"]["speed"]["value"] == 15980


def test_a_figure_far_from_its_limit_is_measured_once(bench: Bench) -> None:
    near(bench, LOW_FIRST, limit="14000 samples/s")
    bench.run("-m", "singlecard and speed").assert_outcomes(passed=1)
    assert len(bench.runs()) == 1
    assert "confirmation" not in bench.scorecard(ONE)["dimensions"]["speed"]["detail"]


def test_confirmation_can_be_turned_off(bench: Bench) -> None:
    near(bench, LOW_FIRST)
    bench.run("-m", "singlecard and speed", "--no-sixdim-confirm").assert_outcomes(failed=1)
    assert len(bench.runs()) == 1


def test_beside_a_full_run_two_window_runs_of_other_seeds_confirm(bench: Bench) -> None:
    near(bench, "--speeds=15950/16070/16050")  # of seeds 1, 2 and 3
    bench.run("-m", "singlecard and (speed or accuracy)").assert_outcomes(passed=2)
    assert [run.rpartition("/")[2] for run in bench.runs()] == ["full-1", "window-2", "window-3"]
    assert bench.scorecard(ONE)["dimensions"]["speed"]["value"] == 16050


def test_linearity_pairs_runs_and_shares_those_of_both_sides(bench: Bench) -> None:
    bench.case("tiny", LOW_FIRST, extra="limits: {speed: 16000 samples/s, linearity: 1.0}")
    result = bench.run("-m", "speed or linearity")
    names = ("window-1", "window-2", "window-3")
    assert bench.runs() == [f"tiny/{configuration}/{name}" for configuration in (ONE, TWO) for name in names]
    linearity = bench.scorecard(TWO)["dimensions"]["linearity"]
    assert linearity["detail"]["confirmation"] == dict.fromkeys(names, 1.0)
    assert linearity["verdict"] == "pass"
    result.assert_outcomes(passed=3)


def test_runs_that_a_linearity_asks_for_stand_in_the_scorecard_of_one_card_too(bench: Bench) -> None:
    bench.case("tiny", extra="limits: {linearity: 1.0}")
    bench.run("-m", "(speed and singlecard) or linearity")
    runs = [run["name"] for run in bench.scorecard(ONE)["runs"]]
    assert runs == ["window-1", "window-2", "window-3"]
    assert "confirmation" not in bench.scorecard(ONE)["dimensions"]["speed"]["detail"]


def test_a_configuration_confirms_once_for_all_its_dimensions(bench: Bench) -> None:
    bench.case("tiny", LOW_FIRST, extra="limits: {speed: 16000 samples/s, linearity: 1.0}")
    result = bench.run("-m", "linearity or (speed and singlecard)")
    assert result.stdout.str().count("further run: ") == 4


def test_a_crash_while_confirming_fails_the_dimension(bench: Bench) -> None:
    near(bench, LOW_FIRST, "--fault", "raise", "--fault-seed", "2")
    result = bench.run("-m", "singlecard and speed")
    result.assert_outcomes(failed=1)
    assert len(bench.runs()) == 2
    result.stdout.fnmatch_lines(
        ["*near its limit and run again: window-2 crashed: *ValueError: boom*", "*log tail of window-2*"]
    )
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert (speed["verdict"], speed["value"]) == ("fail", 15950)


def test_a_doubtful_run_while_confirming_makes_it_suspect(bench: Bench) -> None:
    near(bench, "--speeds=16010/1600/16020")  # the second claims 1 s a segment
    assert bench.run("-m", "singlecard and speed").ret == 0
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert speed["verdict"] == "suspect"
    assert "window-2: " in speed["reason"]


def test_a_conftests_own_verdict_is_confirmed_by_its_own_limit(bench: Bench) -> None:
    bench.case("tiny", LOW_FIRST)
    (bench.cases / "conftest.py").write_text(
        "from pytest_sixdim.core.results import DimensionResult\n"
        "def pytest_sixdim_score(dimension, measurements):\n"
        "    if dimension == 'speed':\n"
        "        value = measurements.dimensions['speed'].value\n"
        "        limit = {'value': 16000.0, 'text': '16000', 'against': 'case', 'default': None}\n"
        "        verdict = 'pass' if value >= 16000 else 'fail'\n"
        "        return DimensionResult('speed', verdict, 'mine', 'samples/s', value, limit=limit)\n"
    )
    bench.run("-m", "singlecard and speed").assert_outcomes(passed=1)
    assert bench.scorecard(ONE)["dimensions"]["speed"]["value"] == 16050


def test_quick_settings_and_other_verdicts_are_not_confirmed(bench: Bench) -> None:
    extra = "limits: {speed: 16000 samples/s}\nquick: {batch_size: 32}"
    bench.case("tiny", LOW_FIRST, extra=extra)
    bench.run("-m", "singlecard and (speed or memory or linearity)", "--sixdim-quick")
    assert len(bench.runs()) == 1


def test_the_plan_says_that_more_runs_may_follow(bench: Bench) -> None:
    near(bench, LOW_FIRST)
    text = "near a limit 2 more window runs of a configuration follow (--no-sixdim-confirm: none)"
    asked = [("-m", "speed"), ("-m", "speed", "--no-sixdim-confirm"), ("-m", "accuracy")]
    shown = run_several(bench, [("--sixdim-plan", *arguments) for arguments in asked])
    assert [text in result.stdout.str() for result in shown] == [True, False, False]
    assert bench.plan("-m", "speed")["confirmation_runs"] == 2
