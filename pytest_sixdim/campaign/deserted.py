"""Runs whose pytest process died before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import read_json
from pytest_sixdim.campaign.lost import write_result


def is_deserted(directory: Path) -> bool:
    """Whether the process that had launched a run ended before the run, as far as the run's folder tells.

    Then there is no result; or there is the agent's, which cancelled the run when that process went, and no lease.json,
    which that process writes in the end, whatever became of the run.
    """
    result = directory / "result.json"
    if not result.exists():
        return True
    return not (directory / "lease.json").exists() and _told(result).get("status") == "cancelled"


def write_deserted(directory: Path) -> None:
    """The result of such a run. What its agent had to say of it is kept.

    Raises OSError where it can't be written.
    """
    message = "worker died: the process that had launched the run is gone"
    write_result(directory, "agent_lost", message, told=_told(directory / "result.json"))


def _told(result: Path) -> dict[str, Any]:
    """The agent's own result; empty where there is none that can be read."""
    try:
        told = read_json(result)
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
