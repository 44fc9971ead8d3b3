"""A user's own Python tests with the fixtures: docs/python-tests.md as it stands, and what goes wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.conftest import CPU, LONG, Bench
from tests.plugin.several import run_several

DOCUMENT = Path(__file__).parents[2] / "docs" / "python-tests.md"
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
ONE, TWO = "tiny/cpu-fp32-bs32-1x1", "tiny/cpu-fp32-bs32-1x2"


def own_test(bench: Bench, mark: str, body: str = "pass", file: str = "test_mine.py") -> None:
    (bench.path / file).write_text(
        f"import pytest\n\n@pytest.mark.sixdim_case({mark})\ndef test_mine(sixdim_measurements):\n    {body}\n"
    )


def test_the_documented_example_runs(bench: Bench) -> None:
    bench.case("tiny", LONG)
    (bench.path / "test_mine.py").write_text(EXAMPLE)
    result = bench.run("test_mine.py")
    result.assert_outcomes(passed=3)
    assert bench.runs() == [f"{ONE}/full-1", f"{ONE}/full-2", f"{TWO}/window-1"]


def test_runs_are_shared_with_the_cases_own_tests(bench: Bench) -> None:
    bench.case()
    (bench.path / "test_mine.py").write_text(EXAMPLE)
    bench.run("cases", "test_mine.py", "-k", "test_accuracy or test_speed_per or test_speed")
    assert bench.runs() == [f"{ONE}/full-1", f"{TWO}/full-1"]


def test_without_the_flag_it_is_skipped(bench: Bench) -> None:
    bench.case()
    (bench.path / "test_mine.py").write_text(EXAMPLE)
    result = bench.run("-rs", "test_mine.py", sixdim=False)
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["*needs --sixdim*"])
    assert not bench.results.exists()


def test_a_mark_that_makes_no_sense_is_one_clear_failure(bench: Bench) -> None:
    marks = {
        '"cases/tiny.case.yaml", card=2': "*unknown argument 'card'; did you mean 'cards'?*",
        '"cases/tiny.case.yaml", dimensions=("spede",)': "*unknown dimension 'spede'; did you mean 'speed'?*",
        '"cases/tiny.case.yaml", cards=0': "*cards=0; give a positive whole number*",
        "": "*give the case's path*",
        '"cases/none.case.yaml"': "*none.case.yaml*",
    }
    bench.case()
    files = [f"test_mine_{number}.py" for number in range(len(marks))]
    for file, mark in zip(files, marks, strict=True):
        own_test(bench, mark, file=file)
    results = run_several(bench, [[file] for file in files])
    for says, result in zip(marks.values(), results, strict=True):
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines([says])
        assert "Traceback" not in result.stdout.str()
    assert bench.runs() == []


def test_an_ambiguous_configuration_lists_the_choices(bench: Bench) -> None:
    bench.case(configurations=CPU + "\n  - {vendor: cpu, precision: bf16, batch_size: 64}")
    own_test(bench, '"cases/tiny.case.yaml"')
    result = bench.run("test_mine.py")
    result.stdout.fnmatch_lines(["*choose one: precision='fp32', batch_size=32, precision='bf16', batch_size=64*"])
    own_test(bench, '"cases/tiny.case.yaml", batch_size=64, dimensions="speed"')
    bench.run("test_mine.py").assert_outcomes(passed=1)


def test_another_vendors_configuration_is_skipped(bench: Bench) -> None:
    bench.case()
    own_test(bench, '"cases/tiny.case.yaml", vendor="nvidia"')
    result = bench.run("-rs", "test_mine.py")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs nvidia, host has cpu*"])
