"""What a person and a CI see of verdicts: words, reasons, exit codes, logs, the table."""

from __future__ import annotations

import sys

import pytest

from tests.plugin.conftest import LONG, Bench

ONE = "cpu-fp32-bs32-1x1"


def test_words_in_the_terminal_name_verdict_and_value(bench: Bench) -> None:
    bench.case(extra="limits: {stability: 0.8}")
    result = bench.run("-v", "-m", "singlecard")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*test_speed* UNJUDGED * samples/s*",
            "*test_power* UNKNOWN*",
            "*test_memory* UNJUDGED * GiB*",
            "*test_accuracy* PASSED 98.00 %*",
            "*test_linearity* N/A*",
            "*test_stability* PASSED 1*",
            "*2 passed*",
        ]
    )


def test_the_table_has_the_published_columns_and_the_reasons(bench: Bench) -> None:
    bench.case("tiny", LONG)
    result = bench.run("-m", "singlecard")
    result.stdout.fnmatch_lines(
        [
            "*model*configuration*speed*accuracy*power*linearity*memory*stability*verdict*",
            "Tiny *cpu-fp32-bs32-1x1 *98.00*",
            "image classification *top1 >= 97 %*pass*",
            "UNJUDGED tiny cpu-fp32-bs32-1x1 speed: * samples/s*",
            "UNKNOWN tiny cpu-fp32-bs32-1x1 power: *",
            "judged 1 of 6 asked*",
            f"results: {bench.results}/*",
        ]
    )
    assert "short window" in result.stdout.str()


def test_header_and_runs_as_they_go(bench: Bench) -> None:
    bench.case()
    result = bench.run("-m", "accuracy and singlecard")
    result.stdout.fnmatch_lines(
        [
            "sixdim: vendor cpu (no accelerator found), * cards: *",
            f"sixdim: results in {bench.results}/*",
            "sixdim: 1 run answers 1 test",
            "*run 1/1: tiny/cpu-fp32-bs32-1x1/full-1, seed 1, 1 card ...",
            "*full-1 completed in * s",
        ]
    )


def test_strict_fails_what_was_not_judged_and_not_what_has_no_answer(bench: Bench) -> None:
    bench.case()
    result = bench.run("-m", "singlecard and (speed or power or linearity)", "--sixdim-strict")
    result.assert_outcomes(failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*speed unjudged, and --sixdim-strict is given: *"])


def test_a_missed_target_fails_and_marks_the_window(bench: Bench) -> None:
    bench.case("tiny", "--value", "96.5")
    result = bench.run("-m", "singlecard and (speed or accuracy)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*96.5*97*"])
    card = bench.scorecard(ONE)
    assert card["dimensions"]["accuracy"]["verdict"] == "fail"
    assert any("convergence not shown" in flag for flag in card["dimensions"]["speed"]["flags"])


def test_a_case_limit_judges_without_a_baseline(bench: Bench) -> None:
    bench.case(extra="limits: {speed: 1e9 samples/s}")
    result = bench.run("-m", "singlecard and speed")
    result.assert_outcomes(failed=1)
    assert bench.scorecard(ONE)["dimensions"]["speed"]["limit"]["value"] == 1e9


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("raise", "crashed", "rank 0 *1*ValueError: boom"),
        ("exit3", "crashed", "rank 0 *3*"),
        ("sigkill", "crashed", "rank 0 *SIGKILL*"),
        ("no_end", "no_end", "*"),
        ("diverge", "diverged", "*"),
    ],
)
def test_a_run_that_goes_wrong_fails_its_tests_with_the_log_tail(
    bench: Bench, fault: str, status: str, says: str
) -> None:
    bench.case("tiny", "--fault", fault)
    result = bench.run("-m", "singlecard and (speed or accuracy)")
    result.assert_outcomes(failed=2)
    answer = bench.result("full-1")
    assert answer["status"] == status
    result.stdout.fnmatch_lines([f"*full-1 {status}*", f"*{says}*"])
    if fault == "raise":
        result.stdout.fnmatch_lines(["*log tail of full-1*", "*ValueError: boom*"])
        assert result.stdout.str().count("log tail: see cases/tiny.case.yaml::test_speed[cpu-fp32-bs32-1x1]") >= 1
    assert bench.scorecard(ONE)["dimensions"]["accuracy"]["verdict"] == "fail"


def test_a_stalled_run_and_one_past_its_time_are_ended(bench: Bench) -> None:
    bench.case("tiny", "--fault", "hang", stall="2 s")
    bench.run("-m", "singlecard and speed")
    assert bench.result("window-1")["status"] == "stalled"
    bench.case("tiny", "--fault", "hang", timeout="3 s")
    bench.run("-m", "singlecard and speed")
    assert bench.result("window-1")["status"] == "timeout"


def test_one_stray_run_costs_a_fifth_and_a_crash_fails(bench: Bench) -> None:
    bench.case("tiny", "--fault", "raise", "--fault-seed", "3", extra="limits: {stability: 0.5}")
    result = bench.run("-m", "singlecard and (accuracy or stability)")
    result.assert_outcomes(passed=1, failed=1)
    stability = bench.scorecard(ONE)["dimensions"]["stability"]
    assert (stability["value"], stability["verdict"]) == (0.8, "fail")
    assert "full-3" in stability["reason"]


def test_a_program_that_claims_less_time_than_it_took_is_suspect(bench: Bench) -> None:
    bench.case("tiny", "--segment", "0.4", "--claim", "0.5", extra="limits: {speed: 1.0 samples/s}")
    result = bench.run("-v", "-m", "singlecard and speed")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_speed* SUSPECT * samples/s*"])
    assert bench.scorecard(ONE)["dimensions"]["speed"]["verdict"] == "suspect"


def test_generated_data_is_said_everywhere(bench: Bench) -> None:
    bench.case(extra="data: {path: imagenet}")
    result = bench.run("-m", "singlecard and speed")
    assert "generated data" in result.stdout.str()
    assert bench.scorecard(ONE)["data"] == "generated"


def test_quick_judges_accuracy_and_stability_alone(bench: Bench) -> None:
    bench.case(extra="limits: {stability: 0.8, speed: 1.0 samples/s}\nquick: {target: 50}")
    result = bench.run("-v", "--sixdim-quick", "-m", "singlecard")
    result.stdout.fnmatch_lines(["*test_speed* UNJUDGED*", "*test_accuracy* PASSED*", "*test_stability* PASSED*"])
    assert bench.scorecard(ONE)["quick"] is True


def test_an_interpreter_without_torch_is_said_at_the_start_and_at_the_run(bench: Bench) -> None:
    bench.case()
    plain = bench.path / "plain-python"
    plain.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    plain.chmod(0o755)
    result = bench.run("--sixdim-python", str(plain), "-m", "singlecard and speed")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["sixdim: */plain-python has no torch*--sixdim-python", "*window-1 launch_error*has no module torch*"]
    )
