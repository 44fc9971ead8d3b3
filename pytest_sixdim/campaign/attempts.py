"""What became of a run's launches, and whether one may follow."""

from __future__ import annotations

from pytest_sixdim.core.records import RunRecord


def may_repeat(record: RunRecord) -> bool:
    """Whether a run failed for a reason of the host or of its cards, not of the model (docs/method.md)."""
    return record.result.fault in ("host", "device")
