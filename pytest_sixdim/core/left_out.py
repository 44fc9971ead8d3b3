"""What it means for a figure that a run printed more events than are kept (docs/formats.md, "Many events")."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.records import RunRecord

#: Events by dimension that stand beside its value; those of the window are all kept.
_BESIDE: Mapping[Dimension, str] = {
    "speed": "segment",
    "power": "segment",
    "memory": "segment",
    "linearity": "segment",
    "accuracy": "evaluation",
    "stability": "evaluation",
}


def lost(run: RunRecord) -> list[str]:
    """Why nothing that was read from the run's events is credible: events that may have mattered are not there."""
    kinds = run.result.events.get("lost") or {}
    missing = ", ".join(count_of(number, f"{kind} event") for kind, number in kinds.items())
    unread = run.result.events.get("unread") or {}
    found = [f"{run.name} reported more than is kept: {missing} left out"] if missing else []
    if unread.get("bytes"):
        found.append(f"{run.name} printed more than could be read: {unread['bytes'] / 2**20:.0f} MiB were not")
    if unread.get("files"):
        found.append(f"{run.name} wrote more log files than are read at once")
    return found


def malformed(run: RunRecord) -> list[str]:
    """That lines claimed to be events and were none, which may explain what is missing."""
    reasons = run.result.events.get("malformed") or {}
    if not reasons:
        return []
    return [f"{run.name} printed {count_of(sum(reasons.values()), 'event')} that cannot be read: {next(iter(reasons))}"]


def thinned(dimension: Dimension, run: RunRecord) -> list[str]:
    """That what stands beside a dimension's value is from some of the run's events only."""
    number = (run.result.events.get("thinned") or {}).get(_BESIDE[dimension], 0)
    if not number:
        return []
    return [f"{run.name} reported more than is kept: {count_of(number, f'{_BESIDE[dimension]} event')} left out"]
