"""The hooks: each example of docs/hooks.md, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.plugin.conftest import CPU, Bench

DOCUMENT = Path(__file__).parents[2] / "docs" / "hooks.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
ONE = "cpu-fp32-bs32-1x1"


def example(hook: str) -> str:
    (text,) = [text for text in EXAMPLES if f"def {hook}(" in text]
    return text


def test_a_conftest_judges_the_cases_of_its_folder_alone(bench: Bench) -> None:
    bench.case("inside", directory=bench.cases / "inside")
    bench.case("outside", directory=bench.cases / "outside")
    (bench.cases / "inside" / "conftest.py").write_text(example("pytest_sixdim_score"))
    result = bench.run("-v", "-m", "singlecard and (speed or power)")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*inside.case.yaml::test_speed* PASSED*", "*outside.case.yaml::test_speed* UNJUDGED*"])
    speed = bench.scorecard(ONE, "inside")["dimensions"]["speed"]
    assert speed["reason"].endswith("this folder asks for 100")
    assert bench.scorecard(ONE, "inside")["dimensions"]["power"]["verdict"] == "unknown"


def test_runs_and_scorecards_can_be_looked_at(bench: Bench) -> None:
    bench.case()
    (bench.path / "conftest.py").write_text(example("pytest_sixdim_run_started"))
    result = bench.run("-s", "-m", "singlecard and (speed or memory)")
    result.stdout.fnmatch_lines(
        [
            f"*starting tiny/{ONE}/window-1 with seed 1 in *window-1",
            "*window-1 completed: * events",
            f"*tiny {ONE}: speed",
            f"*tiny {ONE}: speed, memory",
        ]
    )


def test_a_vendor_of_ones_own(bench: Bench) -> None:
    bench.case(configurations=CPU.replace("vendor: cpu", "vendor: homemade"))
    (bench.path / "conftest.py").write_text(example("pytest_sixdim_vendors"))
    result = bench.run("-v", "--sixdim-vendor", "homemade", "-m", "homemade and accuracy and singlecard")
    result.assert_outcomes(passed=1)
    assert bench.runs() == ["tiny/homemade-fp32-bs32-1x1/full-1"]


def test_a_dialect_of_ones_own_is_imported_by_the_agent(bench: Bench) -> None:
    bench.case(extra="log: {format: plain}")
    (bench.path / "conftest.py").write_text(example("pytest_sixdim_dialects"))
    (bench.path / "plain_dialect.py").write_text(
        "from pytest_sixdim.dialects.sixdim import SixdimDialect\n\nclass Plain(SixdimDialect):\n    pass\n"
    )
    result = bench.run("-m", "accuracy and singlecard")
    result.assert_outcomes(passed=1)
    assert '"plain_dialect:Plain"' in (bench.session / "tiny" / ONE / "full-1" / "order.json").read_text()
