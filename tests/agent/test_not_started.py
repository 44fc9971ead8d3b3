"""Runs whose adapter finds nothing to drive, and how their result says so."""

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
