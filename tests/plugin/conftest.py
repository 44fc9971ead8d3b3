"""A small bench: cases whose program trains nothing, launched by a stand-in for torchrun."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent.parent / "programs"
CASE = """\
sixdim: 1
name: {name}
title: {title}
task: image classification
metric: {{name: top1, unit: "%", better: higher, target: 97.0, every: 1 epoch, samples: 360}}
train:
  program: steps.py
  args: [--batch-size, "{{batch_size}}", --seed, "{{seed}}", --role, "{{role}}"{args}]
  stall: {stall}
  timeout: {timeout}
measure: {{warmup_steps: 1, steady: false, segment_steps: 50, segment_seconds: 0.1}}
{extra}
configurations:
{configurations}
"""
#: A program's argument that makes its window seconds long, so that memory is read in it for certain.
LONG = "--segment=0.8"
#: Plugins of no use here: hypothesis's imports all of it at the end of every session, anyio's at the start.
SPARED = "-p no:hypothesispytest -p no:anyio"
CPU = "  - {vendor: cpu, precision: fp32, batch_size: 32, cards: [1, 2]}"


class Bench:
    """A directory of cases and what pytest makes of it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.cases = self.path / "cases"
        self.cases.mkdir()
        self.results = self.path / "results"
        self.python = self.path / "python-with-torchrun"
        self.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAMS / "torchrun_standin.py"}" "$@"\n')
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)

    def case(
        self,
        name: str = "tiny",
        *args: str,
        extra: str = "",
        configurations: str = CPU,
        stall: str = "20 s",
        timeout: str = "60 s",
        directory: Path | None = None,
    ) -> Path:
        """Write a case and its program; `args` are added to the program's."""
        directory = directory or self.cases
        directory.mkdir(exist_ok=True)
        shutil.copy(PROGRAMS / "steps.py", directory / "steps.py")
        path = directory / f"{name}.case.yaml"
        more = "".join(f', "{arg}"' for arg in args)
        path.write_text(
            CASE.format(
                name=name,
                title=name.title(),
                args=more,
                extra=textwrap.dedent(extra),
                configurations=configurations,
                stall=stall,
                timeout=timeout,
            )
        )
        return path

    def run(self, *args: str | Path, sixdim: bool = True) -> pytest.RunResult:
        """pytest in a process of its own, on all cases unless `args` name some."""
        options = ("--sixdim", "--sixdim-python", str(self.python)) if sixdim else ()
        return self.pytester.runpytest_subprocess(*options, *args)

    def plan(self, *args: str) -> dict[str, Any]:
        """The plan as JSON."""
        result = self.run("--sixdim-plan=json", *args)
        assert result.ret == 0, result.stdout.str()
        return dict(json.loads(result.stdout.str()))

    @property
    def session(self) -> Path:
        """The newest session's folder."""
        return (self.results / "latest").resolve()

    def runs(self) -> list[str]:
        """case/configuration/run of every run of the newest session, sorted."""
        return sorted(str(path.parent.relative_to(self.session)) for path in self.session.glob("*/*/*/result.json"))

    def scorecard(self, configuration: str, case: str = "tiny") -> dict[str, Any]:
        """A scorecard of the newest session."""
        return dict(json.loads((self.session / case / configuration / "scorecard.json").read_text()))

    def result(self, run: str, configuration: str = "cpu-fp32-bs32-1x1", case: str = "tiny") -> dict[str, Any]:
        """A run's result.json."""
        return dict(json.loads((self.session / case / configuration / run / "result.json").read_text()))


@pytest.fixture
def bench(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(pytester.path))
    monkeypatch.setenv("PYTEST_ADDOPTS", SPARED)
    return Bench(pytester)


def strays(mark: str) -> list[int]:
    """Processes whose environment holds `mark`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
