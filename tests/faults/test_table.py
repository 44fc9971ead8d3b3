"""docs/faults.md: every row names a test that injects its fault, and every such test has a row."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = (HERE.parents[1] / "docs" / "faults.md").read_text()
#: Whose tests are all in the table.
FILES = ("test_programs.py", "test_output.py", "test_sampler.py", "test_agent.py")


def names_of_tests(*names: str) -> set[str]:
    return {test for name in names for test in re.findall(r"^def (test_\w+)", (HERE / name).read_text(), re.MULTILINE)}


def test_every_row_names_a_test() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]
    assert len(rows) >= 28
    known = names_of_tests(*(path.name for path in HERE.glob("test_*.py")))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= known


def test_every_fault_has_a_row() -> None:
    assert names_of_tests(*FILES) - set(re.findall(r"`(test_\w+)`", TABLE)) == set()
