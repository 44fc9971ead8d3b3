"""Runs whose adapter finds nothing to drive, or whose interpreter has no launcher, and how their result says so."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.adapters import ADAPTERS
from tests.agent.conftest import Job
from tests.programs.adapter_standins import write_packages

SILENT = {"name": "silent", "class": "tests.agent.stand_ins:Silent", "options": {}}
SIXDIM = {"name": "sixdim", "class": "pytest_sixdim.dialects.sixdim:SixdimDialect", "options": {}}
PROGRAM = 'print("started", sys.argv[1:])\nevent("end", status="success")\n'


def run(job: Job, tmp_path: Path, *packages: str, **changes: Any) -> dict[str, Any]:
    adapter = {**asdict(ADAPTERS["ditorch"]), "architecture": "ascend", "framework": "torch_npu"}
    adapter["tool_modules"] = list(adapter["tool_modules"])
    path = str(write_packages(tmp_path / "packages", "torch", "ditorch", *packages))
    return job.run(PROGRAM, adapter=adapter, environment={"PYTHONPATH": path}, **changes)


@pytest.mark.parametrize("dialect", [SILENT, SIXDIM], ids=["no end of its own", "sixdim"])
def test_no_plugin_is_said_whatever_the_dialect(job: Job, tmp_path: Path, dialect: dict[str, Any]) -> None:
    result = run(job, tmp_path, cards=2, dialect=dialect)
    assert (result["status"], result["ended_by"]) == ("launch_error", "agent")
    assert result["message"] == "the program was not started: adapter ditorch found no vendor plugin"
    assert "started" not in job.printed()


def test_a_plugin_that_is_there_changes_nothing(job: Job, tmp_path: Path) -> None:
    result = run(job, tmp_path, "torch_npu", cards=2, args=["--lr", "1"])
    assert result["status"] == "completed"
    assert job.printed(1).splitlines()[1:] == [
        "started ['--lr', '1']",
        '[sixdim] {"event": "end", "status": "success"}',
    ]


def test_a_command_is_refused(job: Job, tmp_path: Path) -> None:
    result = run(job, tmp_path, program=None, command=["true"])
    assert result["status"] == "launch_error"
    assert "'adapter' needs a 'program'" in result["message"]


#: Python 3.11, asked for a module of a package that is not there.
NO_TORCH = (
    "/usr/bin/python3: Error while finding module specification for 'torch.distributed.run' "
    "(ModuleNotFoundError: No module named 'torch')"
)


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (NO_TORCH, "torch"),
        ("/usr/bin/python3: No module named torch.distributed.run", "torch.distributed.run"),
    ],
)
def test_an_interpreter_without_torch_is_named(job: Job, said: str, missing: str) -> None:
    python = job.directory / "bare"
    python.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    python.chmod(0o755)
    result = job.run(python=str(python))
    assert (result["status"], result["fault"]) == ("launch_error", "host")
    assert result["message"] == (
        f"no rank started: {python} has no module {missing}, which 'launch: torchrun' needs; "
        "install it there, or name another interpreter with --sixdim-python"
    )
    assert result["log_tail"] == [said]


def test_a_module_that_the_launcher_itself_lacks_is_no_missing_launcher(job: Job) -> None:
    python = job.directory / "broken"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'numpy'\" >&2\nexit 1\n")
    python.chmod(0o755)
    assert job.run(python=str(python))["message"] == (
        "no rank started; the launcher ended with code 1: ModuleNotFoundError: No module named 'numpy'"
    )
