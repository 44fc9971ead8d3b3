"""Serial and distributed runs give the same files and table."""

from __future__ import annotations

import re

import pytest

from tests.plugin.conftest import Bench

pytest.importorskip("xdist")


def shape(text: str) -> list[str]:
    """The table and remarks without the figures, which differ from run to run."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if "six dimensions" in line)
    chosen = [line for line in lines[start + 1 :] if not line.startswith(("results:", "=", "note "))]
    return [re.sub(r"[\s─┬┼┴]+", " ", re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "N", line)) for line in chosen]


def test_two_workers_give_the_same_files_and_table(bench: Bench) -> None:
    bench.case("alpha", "--segment", "0.3")
    bench.case("beta", "--segment", "0.3", "--value", "90")
    serial = bench.run("-m", "singlecard and not power")
    files = {str(path.relative_to(bench.session)) for path in bench.session.rglob("*") if "agent" not in path.name}
    distributed = bench.run("-m", "singlecard and not power", "-n", "2")
    assert distributed.ret == serial.ret == pytest.ExitCode.TESTS_FAILED
    assert {
        str(path.relative_to(bench.session)) for path in bench.session.rglob("*") if "agent" not in path.name
    } == files
    assert shape(distributed.stdout.str()) == shape(serial.stdout.str())
    for words in ("1 failed", "1 passed", "6 unjudged", "2 not applicable"):
        assert words in serial.outlines[-1]
        assert words in distributed.outlines[-1]


def test_the_default_path_holds_in_workers_too(bench: Bench) -> None:
    bench.case()
    (bench.path / "test_other.py").write_text("def test_other():\n    raise AssertionError\n")
    result = bench.run("-n", "2", "-m", "speed")
    assert result.ret == 0
    assert bench.runs() == ["tiny/cpu-fp32-bs32-1x1/window-1", "tiny/cpu-fp32-bs32-1x2/window-1"]


def test_workers_use_the_controllers_seeds(bench: Bench) -> None:
    bench.case("alpha")
    bench.case("beta")
    bench.run("-n", "2", "-m", "accuracy and singlecard", "--sixdim-seeds", "fresh")
    seeds = {path.parts[-4]: path.read_text() for path in bench.session.glob("*/*/full-1/run.json")}
    found = {re.search(r'"seed": (\d+)', text).group(1) for text in seeds.values()}  # type: ignore[union-attr]
    assert len(seeds) == 2
    assert len(found) == 1


def test_words_and_broken_files_reach_the_controller(bench: Bench) -> None:
    bench.case()
    bench.case("broken").write_text("sixdim: 1\nname: broken\n")
    result = bench.run("-n", "2", "-v", "-m", "accuracy and singlecard")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(["*PASSED 98.00 %*test_accuracy*", "*broken.case.yaml:*metric*"])


def test_the_plan_is_printed_although_workers_are_asked_for(bench: Bench) -> None:
    bench.case()
    result = bench.run("-n", "2", "--sixdim-plan", "-m", "speed")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*2 runs answer 2 tests*"])
