"""What became of a run's launches, and whether one may follow."""

from __future__ import annotations

from pathlib import Path

from pytest_sixdim.core.records import RunRecord, launch_name

#: Seconds before another attempt: a port may come free, a process may end.
PAUSE = 1.0


def last_launch(configuration: Path, run: str) -> Path:
    """Where the last launch of a run is kept, below the folder of its configuration; of none, where it would be."""
    attempt = 1
    while (configuration / launch_name(run, attempt + 1)).is_dir():
        attempt += 1
    return configuration / launch_name(run, attempt)


def may_repeat(record: RunRecord) -> bool:
    """Whether a run failed for a reason of the host or of its cards, not of the model (docs/retries.md)."""
    return record.result.fault in ("host", "device")
