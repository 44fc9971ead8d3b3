"""Options: what is refused, with which words; the plan; ini defaults."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Bench
from tests.plugin.several import run_several

#: What is refused, and with which words.
REFUSED = [
    (("--sixdim-vendor", "nvidai"), "--sixdim-vendor: unknown vendor 'nvidai'; did you mean 'nvidia'?*"),
    (("--sixdim-cards", "none"), "--sixdim-cards 'none': give positive whole numbers*"),
    (("--sixdim-runs", "0"), "--sixdim-runs 0: give a positive whole number*"),
    (("--sixdim-seeds", "1,2"), "--sixdim-seeds '1,2': 5 runs need 5 seeds, 2 given"),
    (("--sixdim-launcher", "slrum"), "--sixdim-launcher: *'slrum'*known: local"),
    (("--sixdim-vendor", ""), "--sixdim-vendor: it is empty; allowed: auto|ID|all"),
    (("--sixdim-data", ""), "--sixdim-data: it is empty; allowed: DIR|generated"),
    (("--sixdim-results", ""), "--sixdim-results: it is empty; allowed: DIR"),
    (("--sixdim-contention", "eror"), "--sixdim-contention eror: allowed: warn, error"),
    (("--sixdim-python", "./py"), "--sixdim-python ./py: there is no interpreter (/*/py)"),
    (("--sixdim-python", "no-such-python"), "--sixdim-python no-such-python: *no such command on PATH*"),
    (("--sixdim-nodes", "2"), "--sixdim-nodes: more than one node is not supported yet; allowed: 1"),
    (("--sixdim-resume", "last"), "--sixdim-resume last: * no session"),
    (("--sixdim-adapter", "ditroch"), "--sixdim-adapter: unknown adapter 'ditroch'; did you mean 'ditorch'?*"),
    (("--sixdim-plan=yaml",), "--sixdim-plan=yaml: unknown format; allowed: table, json"),
    (("--sixdim-python", "/bin/false"), "--sixdim-python /bin/false: it does not run as a Python interpreter*"),
    (("-o", "sixdim_junit=xml"), "ini option sixdim_junit = xml: allowed: system-out, properties, none"),
    (("-n", "2", "--dist", "worksteal"), "--dist worksteal: --sixdim gives whole case files to a worker*"),
]


def test_what_cannot_be_honoured_is_one_clear_line(bench: Bench) -> None:
    bench.case()
    results = run_several(bench, [options for options, _ in REFUSED])
    for (options, says), result in zip(REFUSED, results, strict=True):
        assert result.ret == pytest.ExitCode.USAGE_ERROR, options
        result.stderr.fnmatch_lines([f"ERROR: {says}"])
        assert "Traceback" not in result.stderr.str() + result.stdout.str(), options
    assert not bench.results.exists()


def test_an_interpreter_beside_the_tests_starts_the_ranks_too(bench: Bench) -> None:
    bench.case()
    link = bench.path / "py"
    link.symlink_to(bench.python)
    for given in (("--sixdim-python", "./py"), ("-o", "sixdim_python=./py")):
        (bench.path / "pytest.ini").write_text("[pytest]\n")
        result = bench.pytester.runpytest_subprocess("--sixdim", *given, "-m", "singlecard and accuracy")
        result.assert_outcomes(passed=1, deselected=11)
        order = json.loads(next(bench.session.glob("*/*/full-1/order.json")).read_text())
        assert order["python"] == str(link)  # a virtual environment's is a link too, and must stay one


def test_paths_of_the_ini_file_are_relative_to_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.case()
    bench.pytester.makeini("[pytest]\nsixdim_results = kept")
    below = bench.path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    bench.run("-m", "singlecard and speed")
    assert (bench.path / "kept" / "latest" / "session.json").exists()
    bench.run("-m", "singlecard and speed", "--sixdim-results", "here")
    assert (below / "here" / "latest" / "session.json").exists()


def test_a_results_directory_that_cannot_be_made(bench: Bench) -> None:
    bench.case()
    result = bench.run("--sixdim-results", "/proc/none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sixdim-results /proc/none: *"])


def test_the_plan_lists_runs_and_launches_nothing(bench: Bench) -> None:
    bench.case()
    bench.case("other", "--value=98")
    both = bench.run("--sixdim-plan", "-m", "speed and multicard").stdout.str()
    assert [f"{case}/cpu-fp32-bs32-1x2/window-1: " in both for case in ("tiny", "other")] == [True, True]
    result = bench.run("--sixdim-plan", "cases/tiny.case.yaml", "-m", "multicard")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*tiny/cpu-fp32-bs32-1x2/full-1 * test_speed*", "*tiny/cpu-fp32-bs32-1x1/window-1*", "*6 runs answer 6 tests*"]
    )
    assert not bench.results.exists()


def test_the_plan_as_json_is_json_alone(bench: Bench) -> None:
    bench.case()
    plan = bench.plan("-m", "linearity and multicard")
    assert plan["summary"] == "2 runs answer 1 test"
    assert [run["tests"] for run in plan["runs"]] == 2 * [["cases/tiny.case.yaml::test_linearity[cpu-fp32-bs32-1x2]"]]
    assert {"steps.py", "--role", "window"} <= {part.rsplit("/", 1)[-1] for part in plan["runs"][0]["command"]}


def test_the_plan_shows_what_a_test_of_ones_own_needs(bench: Bench) -> None:
    bench.case()
    bench.pytester.makepyfile(
        test_mine="""
        import pytest

        @pytest.mark.sixdim_case("cases/tiny.case.yaml", cards=2, dimensions="speed")
        def test_mine(sixdim_measurements):
            raise AssertionError("must not run")
        """
    )
    assert bench.plan("test_mine.py")["summary"] == "1 run answers 1 test"


def test_ini_values_are_defaults_of_the_options(bench: Bench) -> None:
    bench.case()
    bench.pytester.makeini("[pytest]\nsixdim_runs = 2\nsixdim_results = kept\nsixdim_cards = 1")
    assert len(bench.plan()["runs"]) == 2
    assert len(bench.plan("--sixdim-runs", "3")["runs"]) == 3
    bench.run("-m", "speed")
    assert (bench.path / "kept" / "latest" / "session.json").exists()
    assert not bench.results.exists()
