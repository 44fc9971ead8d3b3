"""Cases that require a module: which interpreter runs them, and what is said where there is none that has it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import PROGRAMS, Bench

ONE = "cpu-fp32-bs32-1x1"
REQUIRES = "program: steps.py\n  requires: [mindspore]"


@pytest.fixture
def framework(bench: Bench) -> Path:
    """An interpreter that has mindspore 9.9; the bench's own has not."""
    modules = bench.path / "modules"
    (modules / "mindspore-9.9.dist-info").mkdir(parents=True)
    (modules / "mindspore.py").write_text("raise SystemExit('imported')\n")
    (modules / "mindspore-9.9.dist-info" / "METADATA").write_text("Name: mindspore\nVersion: 9.9\n")
    script = bench.path / "python-with-mindspore"
    standin = PROGRAMS / "torchrun_standin.py"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}:$PYTHONPATH" exec "{sys.executable}" "{standin}" "$@"\n')
    script.chmod(0o755)
    return script


def demanding(bench: Bench, name: str = "demanding") -> None:
    """A case that requires mindspore."""
    path = bench.case(name)
    path.write_text(path.read_text().replace("program: steps.py", REQUIRES))


def test_a_case_is_run_by_the_interpreter_of_its_module_and_others_by_the_default(
    bench: Bench, framework: Path
) -> None:
    bench.case()
    demanding(bench)
    result = bench.run("--sixdim-python", f"mindspore={framework}", "-m", "singlecard and accuracy")
    result.assert_outcomes(passed=2, deselected=22)
    orders = {path.parts[-4]: json.loads(path.read_text()) for path in bench.session.glob("*/*/full-1/order.json")}
    assert orders["tiny"]["python"] == str(bench.python)
    assert orders["demanding"]["python"] == str(framework)
    assert orders["demanding"]["identity_parts"]["mindspore"] == "9.9"
    assert "mindspore" not in orders["tiny"]["identity_parts"]
    machines = {case: bench.scorecard(ONE, case)["machine"] for case in ("tiny", "demanding")}
    assert machines["demanding"]["software"]["mindspore"] == "9.9"
    assert machines["demanding"]["identity"]["parts"]["software"]["mindspore"] == "9.9"
    assert "mindspore" not in machines["tiny"]["software"]
    session = json.loads((bench.session / "session.json").read_text())
    assert session["settings"]["interpreters"] == {"mindspore": str(framework)}
    assert "mindspore" not in session["software"]
    assert session["interpreters"][str(framework)]["mindspore"] == "9.9"
    assert "mindspore 9.9" in (bench.session / "report.html").read_text()


def test_what_no_interpreter_has_is_a_reason_and_launches_nothing(bench: Bench) -> None:
    demanding(bench)
    result = bench.run("-m", "singlecard and accuracy", "-rs")
    result.assert_outcomes(skipped=1, deselected=11)
    says = f"needs mindspore, which {bench.python} does not have (--sixdim-python mindspore=EXE)"
    assert f"sixdim: no run: {says} (1 tests)" in result.stdout.str()
    assert f"demanding.case.yaml:15: {says}" in result.stdout.str()
    assert bench.runs() == []


def test_under_strict_it_is_a_failure(bench: Bench) -> None:
    demanding(bench)
    result = bench.run("-m", "singlecard and accuracy", "--sixdim-strict")
    result.assert_outcomes(errors=1, deselected=11)
    result.stdout.fnmatch_lines(["*needs mindspore, which * does not have*"])
    assert bench.runs() == []


def test_the_plan_says_so_and_gives_the_command_of_the_interpreter(bench: Bench, framework: Path) -> None:
    demanding(bench)
    without = bench.run("--sixdim-plan", "-m", "singlecard and speed").stdout.str()
    assert "sixdim: no run: needs mindspore" in without
    assert "0 runs answer 0 tests" in without
    plan = bench.plan("--sixdim-python", f"mindspore={framework}", "-m", "singlecard and speed")
    assert plan["runs"][0]["command"][0] == str(framework)
    assert not bench.results.exists()


def test_a_test_of_ones_own_is_skipped_alike(bench: Bench) -> None:
    demanding(bench)
    bench.pytester.makepyfile(
        test_mine="""
        import pytest

        @pytest.mark.sixdim_case("cases/demanding.case.yaml", dimensions="speed")
        def test_mine(sixdim_measurements):
            raise AssertionError("must not run")
        """
    )
    bench.run("test_mine.py").assert_outcomes(skipped=1)
    assert bench.runs() == []


def test_the_ini_file_names_interpreters_relative_to_it(
    bench: Bench, framework: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demanding(bench)
    bench.pytester.makeini(f"[pytest]\nsixdim_python =\n    {bench.python.name}\n    mindspore = ./{framework.name}\n")
    bench.python.rename(bench.path / "renamed")
    (bench.path / "bin").mkdir()
    (bench.path / "bin" / bench.python.name).symlink_to(bench.path / "renamed")
    monkeypatch.setenv("PATH", str(bench.path / "bin"), prepend=":")
    monkeypatch.chdir(bench.cases)
    result = bench.pytester.runpytest_subprocess("--sixdim", "--sixdim-plan=json", ".", "-m", "singlecard and speed")
    assert json.loads(result.stdout.str())["runs"][0]["command"][0] == str(framework)


def test_an_interpreter_of_the_ini_file_may_be_missing_on_this_machine(bench: Bench, framework: Path) -> None:
    bench.case()
    demanding(bench)
    bench.pytester.makeini("[pytest]\nsixdim_python = mindspore=.venv/python")
    result = bench.run("-m", "singlecard and accuracy")
    result.assert_outcomes(passed=1, skipped=1, deselected=22)
    missing = bench.path / ".venv" / "python"
    says = f"needs mindspore; its interpreter {missing} is not there (--sixdim-python mindspore=EXE)"
    assert says in result.stdout.str()
    plan = bench.plan(
        "--sixdim-python", f"mindspore={framework}", "-m", "singlecard and speed", "cases/demanding.case.yaml"
    )
    assert plan["runs"][0]["command"][0] == str(framework)  # the command line goes before the ini file


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("mindspore=./py",), "--sixdim-python mindspore=./py: there is no interpreter (/*/py)"),
        (
            ("mindspore=nowhere",),
            "--sixdim-python mindspore=nowhere: there is no interpreter (no such command on PATH)",
        ),
        (("mindspore=",), "--sixdim-python mindspore=: give EXE, or NAME=EXE, where NAME is a module*"),
        (("=/bin/sh",), "--sixdim-python =/bin/sh: give EXE, or NAME=EXE*"),
        (("mind-spore=/bin/sh",), "--sixdim-python mind-spore=/bin/sh: give EXE, or NAME=EXE*"),
        (("a=/bin/sh", "a=/bin/ls"), "--sixdim-python: two interpreters for a: /bin/sh and /bin/ls"),
        (("",), "--sixdim-python: it is empty; allowed: [[]NAME=]EXE"),
    ],
)
def test_what_can_be_no_interpreter_is_one_clear_line(bench: Bench, given: tuple[str, ...], says: str) -> None:
    bench.case()
    options = [word for text in given for word in ("--sixdim-python", text)]
    result = bench.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {says}"])
    assert not bench.results.exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("./py", "ini option sixdim_python = ./py: there is no interpreter (/*/py)"),
        ("mindspore=", "ini option sixdim_python = mindspore=: give EXE, or NAME=EXE*"),
    ],
)
def test_a_broken_line_of_the_ini_file_says_that_it_is_one(bench: Bench, line: str, says: str) -> None:
    bench.case()
    bench.pytester.makeini(f"[pytest]\nsixdim_python = {line}")
    result = bench.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {says}"])


def test_an_interpreter_whose_path_has_an_equals_sign_is_one(bench: Bench) -> None:
    bench.case()
    odd = bench.path / "a=b"
    odd.symlink_to(bench.python)
    assert bench.plan("--sixdim-python", "./a=b", "-m", "singlecard and speed")["runs"][0]["command"][0] == str(odd)


def test_workers_find_the_interpreters_too(bench: Bench, framework: Path) -> None:
    pytest.importorskip("xdist")
    bench.case()
    demanding(bench)
    result = bench.run("-n", "2", "--sixdim-python", f"mindspore={framework}", "-m", "singlecard and accuracy")
    result.assert_outcomes(passed=2)
    session = json.loads((bench.session / "session.json").read_text())
    assert session["interpreters"][str(framework)]["mindspore"] == "9.9"


def test_runs_of_another_version_are_not_taken_over(bench: Bench, framework: Path) -> None:
    demanding(bench)
    options = ("--sixdim-python", f"mindspore={framework}", "-m", "singlecard and accuracy")
    bench.run(*options)
    assert "reused from" in bench.run(*options, "--sixdim-resume", "last").stdout.str()
    metadata = bench.path / "modules" / "mindspore-9.9.dist-info" / "METADATA"
    metadata.write_text("Name: mindspore\nVersion: 10.0\n")
    result = bench.run(*options, "--sixdim-resume", "last")
    result.stdout.fnmatch_lines(["*mindspore 9.9 there, 10.0 here*"])
