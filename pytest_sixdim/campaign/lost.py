"""Results of runs whose agent wrote none."""

from __future__ import annotations

import errno
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.logs import file_tail
from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.files import StoreError, write_json
from pytest_sixdim.campaign.orders import SCHEMA
from pytest_sixdim.campaign.plan import PlannedRun
from pytest_sixdim.core.records import RunRecord, RunResult

#: Lines of the agent's own log that are kept.
TAIL_LINES = 40
#: The agent's exit code where it could not write its records.
UNRECORDED = 3


def write_lost(directory: Path, code: int | None = None, why: str | None = None) -> None:
    """The result of a run whose agent ended with an exit code (negative for a signal) and without one.

    why: it was given up. Raises OSError, as where somebody has taken the folder away.
    """
    if not (directory / "order.json").exists():
        raise FileNotFoundError(errno.ENOENT, "was taken away while the run went on", str(directory))
    log = directory / "node-0" / "logs" / "agent.log"
    tail = list(file_tail(log))
    said = [why or _ending(code), *tail[-1:]]
    message = ": ".join(["the agent ended without a result", *(text for text in said if text)])
    write_result(directory, "agent_lost", message, tail=tail)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"it was killed by {_signal_name(-code)}"
    return "its records could not be written" if code == UNRECORDED else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def write_result(
    directory: Path,
    status: str,
    message: str,
    *,
    fault: str | None = "host",
    tail: Sequence[str] = (),
    told: Mapping[str, Any] | None = None,
) -> None:
    """A result that is not the agent's. told: what the agent had to say before, which is kept where it stands here."""
    told = told or {}
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "status": status,
        "ended_by": "runner",
        "rank": None,
        "exit_code": None,
        "signal": None,
        "message": message,
        "log_tail": list(tail or told.get("log_tail", ())),
        "seconds": told.get("seconds"),
        "started_unix": told.get("started_unix"),
        "sampler": told.get("sampler") or {},
        "fault": fault,
    }
    write_json(directory / "result.json", result)


def unkept(planned: PlannedRun, seed: int, directory: Path, error: Exception, order: Mapping[str, Any]) -> RunRecord:
    """A run that this session remembers as lost although the disk did not take, or does not give back, its result.

    order: what it was to be launched with, as far as that was known.
    """
    key = planned.key
    status = "agent_lost" if order or isinstance(error, StoreError) else "launch_error"
    told = {"case": key.case, "configuration": key.configuration, "role": key.role, "index": key.index, "seed": seed}
    size = {"nodes": planned.configuration.nodes, "cards": planned.configuration.cards}
    lost = "" if status == "launch_error" else f"run {key} is lost, "
    message = f"{complaint(error)}; {lost}earlier results are intact"
    result = RunResult(status=status, ended_by="runner", message=message, fault="host")
    return RunRecord(key.role, key.index, seed, result, (), (), {**told, **size, **order}, directory)
