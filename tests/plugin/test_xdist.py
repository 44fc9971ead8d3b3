"""Serial and distributed runs give the same files, figures, table and JUnit, and one display."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from tests.plugin.conftest import Bench

pytest.importorskip("xdist")
RUN = re.compile(r"\[(gw\d)\] run (\d)/(\d): (\S+), seed \d, 1 card \.\.\.")


def shape(text: str) -> list[str]:
    """The table and remarks without the figures, which differ from run to run."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if "six dimensions" in line)
    chosen = [line for line in lines[start + 1 :] if not line.startswith(("results:", "=", "note "))]
    return [re.sub(r"[\s─┬┼┴]+", " ", re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "N", line)) for line in chosen]


def form(record: Any) -> Any:
    """A record without its figures and what is remarked of them, which differ from run to run."""
    if isinstance(record, dict):
        return {key: form(value) for key, value in record.items() if key not in ("flags", "detail")}
    if isinstance(record, list):
        return [form(value) for value in record]
    if isinstance(record, str):
        return re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "N", record)
    return record if record is None or isinstance(record, bool) else "N"


def kept(bench: Bench) -> set[str]:
    """The session's files."""
    return {str(path.relative_to(bench.session)) for path in bench.session.rglob("*") if "agent" not in path.name}


def scorecards(bench: Bench) -> dict[str, Any]:
    paths = bench.session.glob("*/*/scorecard.json")
    return {str(path.relative_to(bench.session)): form(json.loads(path.read_text())) for path in paths}


def junit_cases(bench: Bench) -> set[tuple[str, str, tuple[str, ...]]]:
    """Class, name and outcome of every testcase."""
    cases = ElementTree.parse(bench.path / "junit.xml").iter("testcase")
    return {(case.get("classname", ""), case.get("name", ""), tuple(child.tag for child in case)) for case in cases}


def test_two_workers_give_the_same_files_figures_table_and_junit(bench: Bench) -> None:
    bench.case("alpha", "--segment", "0.1")
    bench.case("beta", "--segment", "0.1", "--value", "90")
    chosen = ("-m", "singlecard and not power and not memory", "--sixdim-runs", "2", "--junitxml=junit.xml")
    serial = bench.run(*chosen)
    files, cards, cases = kept(bench), scorecards(bench), junit_cases(bench)
    distributed = bench.run(*chosen, "-n", "2")
    assert distributed.ret == serial.ret == pytest.ExitCode.TESTS_FAILED
    assert kept(bench) == files
    assert scorecards(bench) == cards
    assert junit_cases(bench) == cases
    assert len(cases) == 8
    assert shape(distributed.stdout.str()) == shape(serial.stdout.str())
    for words in ("1 failed", "1 passed", "4 unjudged", "2 not applicable"):
        assert words in serial.outlines[-1]
        assert words in distributed.outlines[-1]


@pytest.mark.parametrize(
    ("options", "turns"), [((), 1), (("-v", "--sixdim-share"), 0)], ids=["dots, in turn", "verbose, sharing"]
)
def test_the_controller_tells_what_the_workers_do(bench: Bench, options: tuple[str, ...], turns: int) -> None:
    bench.case("alpha")
    bench.case("beta")
    chosen = ("-m", "speed or accuracy", "--sixdim-cards", "1,64")
    result = bench.run(*chosen, "-n", "2", *options)
    lines = result.outlines
    assert len([line for line in lines if line.startswith("sixdim: 2 workers take turns: a measured run has")]) == turns
    assert [line for line in lines if "2 runs answer 4 tests" in line] == ["sixdim: 2 runs answer 4 tests"]
    assert len([line for line in lines if line.startswith("sixdim: left out: 2 cards, not asked for")]) == 1
    launched = [found for line in lines if (found := RUN.fullmatch(line))]
    assert [(found[2], found[3]) for found in launched] == [("1", "2"), ("2", "2")]
    assert {found[1] for found in launched} == {"gw0", "gw1"}
    assert {found[4].partition("/")[0] for found in launched} == {"alpha", "beta"}
    assert len([line for line in lines if re.fullmatch(r"\[gw\d\] full-1 completed in \d+\.\d s", line)]) == 2
    assert lines.index("sixdim: 2 runs answer 4 tests") < lines.index(launched[0][0])


def test_what_is_left_out_is_told_where_nothing_remains(bench: Bench) -> None:
    bench.case()
    result = bench.run("-n", "2", "--sixdim-cards", "64")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["sixdim: nothing measured: 1 card, not asked for by --sixdim-cards (6 tests)"])


def test_when_quiet_nothing_is_told_but_to_the_hooks_in_the_workers(bench: Bench) -> None:
    bench.case()
    (bench.path / "conftest.py").write_text(
        "import os, pathlib\n"
        "def pytest_sixdim_run_started(run):\n"
        "    pathlib.Path('told').write_text(f'{run.key.name} {os.environ.get(\"PYTEST_XDIST_WORKER\")}')\n"
    )
    result = bench.run("-m", "accuracy and singlecard", "-n", "1", "-q")
    assert result.ret == 0
    assert (bench.path / "told").read_text() == "full-1 gw0"
    for words in ("*run 1/1*", "*1 run answers*", "*completed in*"):
        result.stdout.no_fnmatch_line(words)


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
