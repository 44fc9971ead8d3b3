"""--sixdim-resume: what is reused, what is launched again, and what a person is told."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.plugin.conftest import Bench
from tests.plugin.test_baselines import baselines

ONE = "cpu-fp32-bs32-1x1"
#: What its runs take, by the tests that ask: full-1 and full-2 on one card.
TWO_RUNS = "stability: {runs: 2}"
ALL = ("-m", "singlecard and not power and not memory")
SHORT = "--segment=0.05"


def told(result: pytest.RunResult) -> list[str]:
    """What was said of runs."""
    return [line.strip() for line in result.outlines if re.search(r"/(full|window)-\d+(:|,)", line)]


def launched(result: pytest.RunResult) -> list[str]:
    """The runs that were launched."""
    return [found[1] for line in told(result) if (found := re.search(r"run[ /\d]*: \S+/(\S+), seed", line))]


def reused(result: pytest.RunResult) -> list[str]:
    """The runs that were taken over."""
    return [found[1] for line in told(result) if (found := re.search(r"/([^/]+): reused from ", line))]


def test_finished_runs_are_reused_and_the_scorecard_says_so(bench: Bench) -> None:
    bench.case("tiny", SHORT, extra=TWO_RUNS)
    first = bench.run(*ALL)
    origin, before = bench.session.name, bench.scorecard(ONE)
    shown = bench.run(*ALL, "--sixdim-resume", "last", "--sixdim-plan", "--sixdim-runs", "3").stdout.str()
    assert re.findall(r"^tiny/\S+/(\S+)  +\d +\d  (\w*)", shown, re.MULTILINE) == [
        ("full-1", "finished"),
        ("full-2", "finished"),
        ("full-3", ""),
    ]
    again = bench.run(*ALL, "--sixdim-resume", "last")
    assert launched(first) == reused(again) == ["full-1", "full-2"]
    assert launched(again) == []
    again.stdout.fnmatch_lines(
        [
            f"sixdim: resumes {origin} (2 finished runs)",
            f"*run 1/2: tiny/{ONE}/full-1: reused from {origin} (*.* s, completed)",
            f"*run 2/2: tiny/{ONE}/full-2: reused from {origin} (*.* s, completed)",
        ]
    )
    after = bench.scorecard(ONE)
    assert [run["reused"] for run in after["runs"]] == [origin] * 2
    assert [run["reused"] for run in before["runs"]] == [None] * 2
    assert {**after["dimensions"], "speed": None} == {**before["dimensions"], "speed": None}
    assert after["dimensions"]["speed"]["value"] == before["dimensions"]["speed"]["value"]
    assert origin in (bench.session / "report.html").read_text()
    assert json.loads((bench.session / "session.json").read_text())["resumed"] == str(bench.results / origin)


def test_a_campaign_that_stopped_goes_on_and_last_follows_the_chain(bench: Bench) -> None:
    bench.case("tiny", SHORT, extra=TWO_RUNS)
    bench.run("-m", "singlecard and accuracy")
    origin = bench.session.name
    nothing = bench.run("-m", "singlecard and linearity", "--sixdim-resume", "last")
    assert told(nothing) == []
    rest = bench.run(*ALL, "--sixdim-resume", "last")
    rest.stdout.fnmatch_lines(["sixdim: resumes * (1 finished run)", f"*full-1: reused from {origin} (*"])
    assert reused(rest) == ["full-1"]
    assert launched(rest) == ["full-2"]
    rest.stdout.fnmatch_lines([f"*run 2/2: tiny/{ONE}/full-2, seed 2*"])
    assert "launched again" not in rest.stdout.str()


def test_what_differs_is_launched_again_and_the_reason_told(bench: Bench) -> None:
    case = bench.case("tiny", SHORT)
    asked = ("-m", "singlecard and accuracy")
    bench.run(*asked)
    resume = ("--sixdim-resume", bench.session.name)
    where = f"tiny/{ONE}/full-1: launched again:"
    otherwise = bench.run(*asked, *resume, "--sixdim-seeds", "13,14,15,16,17", "--sixdim-share")
    assert told(otherwise)[0] == f"{where} seed 1 there, 13 here; measured without --sixdim-share there"
    case.write_text(case.read_text().replace(SHORT, "--segment=0.06"))
    (bench.cases / "layers.py").write_text("LAYERS = 3\n")
    with (bench.cases / "steps.py").open("a") as program:
        program.write("\n")
    changed = bench.run(*asked, *resume)
    arguments = "arguments --segment=0.05 there, --segment=0.06 here"
    assert told(changed)[0] == f"{where} {arguments}; layers.py was not there; steps.py differs"
    assert launched(otherwise) == launched(changed) == ["full-1"]


def test_what_only_judges_runs_launches_none(bench: Bench) -> None:
    case = bench.case("tiny", SHORT, extra=TWO_RUNS)
    assert bench.run("-m", "singlecard and (stability or speed)").ret == 0
    case.write_text(case.read_text().replace("runs: 2", "runs: 1") + "limits: {speed: 1e9 samples/s}\n")
    baselines(bench, speed=5000)
    again = bench.run("-m", "singlecard and (stability or speed)", "--sixdim-resume", "last", "--no-sixdim-confirm")
    assert again.ret == pytest.ExitCode.TESTS_FAILED
    assert bench.scorecard(ONE)["dimensions"]["speed"]["verdict"] == "fail"
    assert launched(again) == []
    assert reused(again) == ["full-1"]


def test_failures_stand_and_what_was_cut_short_is_launched_again(bench: Bench) -> None:
    bench.case("tiny", SHORT, "--fault=exit3", "--fault-seed=1", extra="stability: {runs: 3}")
    bench.run("-m", "singlecard and stability")
    assert bench.result("full-1")["status"] == "crashed"
    runs = bench.session / "tiny" / ONE
    result = runs / "full-2" / "result.json"
    result.write_text(json.dumps({**json.loads(result.read_text()), "status": "cancelled"}))
    samples = runs / "full-3" / "node-0" / "samples.jsonl"
    samples.write_bytes(samples.read_bytes()[:-20])
    again = bench.run("-m", "singlecard and stability", "--sixdim-resume", "last")
    assert again.ret == pytest.ExitCode.TESTS_FAILED
    again.stdout.fnmatch_lines(
        [
            "sixdim: resumes * (2 finished runs)",
            "*full-1: reused from * (*crashed)",
            f"*tiny/{ONE}/full-2: launched again: was cancelled there",
            "*run 2/3: *full-2, seed 2*",
            f"*tiny/{ONE}/full-3: launched again: its node-0/samples.jsonl ends within a line",
            "*run 3/3: *full-3, seed 3*",
        ]
    )
    assert "Traceback" not in again.stdout.str()


def test_runs_from_another_checkout_and_both_sides_of_linearity_are_reused(bench: Bench) -> None:
    bench.case("tiny", SHORT)
    assert bench.run("-m", "linearity").ret == 0
    before = bench.scorecard("cpu-fp32-bs32-1x2")["dimensions"]["linearity"]
    shutil.rmtree(bench.session / "tiny" / "cpu-fp32-bs32-1x2")
    bench.results.rename(bench.path / "from-elsewhere")
    elsewhere = bench.path / "another" / "checkout"
    elsewhere.mkdir(parents=True)
    bench.cases.rename(elsewhere / "cases")
    bench.cases = elsewhere / "cases"
    again = bench.run("-m", "linearity", "--sixdim-resume", "from-elsewhere/latest", elsewhere / "cases")
    assert reused(again) == ["window-1"]
    assert launched(again) == ["window-1"]
    after = bench.scorecard("cpu-fp32-bs32-1x2")["dimensions"]["linearity"]
    assert after["verdict"] == before["verdict"] == "unjudged", after["reason"]


def test_confirming_runs_are_reused(bench: Bench) -> None:
    bench.case("tiny", "--speeds=1000100/1000200/1000300", SHORT, extra="limits: {speed: 1e6 samples/s}")
    first = bench.run("-m", "singlecard and speed")
    assert launched(first) == ["window-1", "window-2", "window-3"], first.stdout.str()
    again = bench.run("-m", "singlecard and speed", "--sixdim-resume", "last")
    assert launched(again) == []
    assert reused(again) == ["window-1", "window-2", "window-3"]


def test_runs_of_python_tests_are_reused(bench: Bench) -> None:
    bench.case("tiny", SHORT)
    bench.pytester.makepyfile(
        test_own="""
        import pytest

        @pytest.mark.sixdim_case("cases/tiny.case.yaml", cards=1, dimensions=["speed"])
        def test_own(sixdim_runs):
            assert [run.result.status for run in sixdim_runs.need("window", 2)] == ["completed"] * 2
        """
    )
    first = bench.run("test_own.py")
    assert first.ret == 0, first.stdout.str()
    again = bench.run("test_own.py", "--sixdim-resume", "last")
    assert again.ret == 0
    assert launched(again) == []
    assert reused(again) == ["window-1", "window-2"]


def test_workers_resume_too(bench: Bench) -> None:
    pytest.importorskip("xdist")
    bench.case("alpha", SHORT)
    bench.case("beta", SHORT)
    bench.run("-m", "singlecard and accuracy")
    again = bench.run("-m", "singlecard and accuracy", "-n", "2", "--sixdim-resume", "last")
    assert again.ret == 0
    assert sorted(reused(again)) == ["full-1", "full-1"]
    assert launched(again) == []


def test_an_unknown_session_is_a_usage_error(bench: Bench) -> None:
    bench.case("tiny", SHORT)
    result = bench.run("--sixdim-resume", "last")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sixdim-resume last: there is no session*results holds no session"])
    assert not (bench.path / "results").exists()
