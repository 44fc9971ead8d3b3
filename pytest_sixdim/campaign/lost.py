"""Results of runs whose agent wrote none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.campaign.orders import SCHEMA

#: Lines of the agent's own log that are kept.
TAIL_LINES = 40


def write_lost(directory: Path) -> None:
    """The result of a run whose agent ended without one."""
    log = directory / "node-0" / "logs" / "agent.log"
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
    message = "the agent ended without a result" + (f": {tail[-1]}" if tail else "")
    write_result(directory, "agent_lost", message, tail=tail)


def write_deserted(directory: Path) -> None:
    """The result of a run whose pytest process ended in the middle of it."""
    write_result(directory, "agent_lost", "worker died: the process that had launched the run is gone")


def write_result(directory: Path, status: str, message: str, *, fault: str = "host", tail: Sequence[str] = ()) -> None:
    """A result that is not the agent's."""
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "status": status,
        "ended_by": "runner",
        "rank": None,
        "exit_code": None,
        "signal": None,
        "message": message,
        "log_tail": list(tail),
        "seconds": None,
        "started_unix": None,
        "sampler": {},
        "fault": fault,
    }
    write_json(directory / "result.json", result)
