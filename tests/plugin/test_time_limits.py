"""pytest-timeout beside cases: a case says itself how long its runs may take."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Bench

pytest.importorskip("pytest_timeout")
TIMED_OUT = "*Failed: Timeout (>1.0s) from pytest-timeout*"


def test_the_ini_files_timeout_is_of_ordinary_tests(bench: Bench) -> None:
    """The run sleeps for more than two seconds."""
    bench.pytester.makeini("[pytest]\ntimeout = 1\n")
    bench.case("tiny", "--segment", "0.5")
    result = bench.run("-k", "speed")
    result.stdout.no_fnmatch_line(TIMED_OUT)
    assert [run.rsplit("/", 1)[1] for run in bench.runs()] == ["window-1", "window-1"]
    assert result.ret == 0


def test_a_timeout_of_the_command_line_holds(bench: Bench) -> None:
    bench.case("tiny", "--segment", "0.5")
    result = bench.run("-k", "speed", "--timeout", "1")
    result.stdout.fnmatch_lines([TIMED_OUT])
    assert result.ret == 1
