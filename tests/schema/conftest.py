"""A directory with a program in which files are written, loaded and complained of."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.baseline import load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError

VENDORS = ("cpu", "nvidia")
CASE = """\
sixdim: 1
name: tiny
metric: {name: top1, unit: "%", better: higher, target: 75.9}
train: {program: train.py}
configurations:
  - {vendor: cpu, precision: fp32, batch_size: 32}
"""


class Workbench:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "train.py").touch()

    def write(self, text: str | bytes, name: str = "tiny.case.yaml") -> Path:
        path = self.directory / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def case(self, text: str | bytes = CASE) -> Case:
        return load_case(self.write(text), VENDORS)

    def changed(self, before: str, after: str, text: str = CASE) -> str:
        """A case's text with one part replaced."""
        assert text.count(before) == 1, before
        return text.replace(before, after)

    def refused(self, text: str | bytes) -> list[str]:
        """The problems of a case file, one line each."""
        with pytest.raises(SchemaError) as error:
            self.case(text)
        return str(error.value).split("\n")

    def baselines(self, text: str, case: Case | None = None) -> tuple[Baseline, ...]:
        return load_baselines(self.write(text, "tiny.baselines.yaml"), case or self.case())

    def refused_baselines(self, text: str, case: Case | None = None) -> list[str]:
        with pytest.raises(SchemaError) as error:
            self.baselines(text, case)
        return str(error.value).split("\n")


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


@pytest.fixture
def case_text() -> str:
    return CASE
