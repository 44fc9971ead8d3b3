"""What a report says of a scorecard that it can't show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unreadable(index: int, record: Any, error: Exception) -> str:
    """Which one, and why; `index` counts from 1."""
    named = [record.get(key) for key in ("case", "configuration")] if isinstance(record, Mapping) else []
    name = " ".join(str(part) for part in named if part is not None)
    return f"scorecard {index}{f' ({name})' if name else ''} can't be shown: {type(error).__name__}: {error}"
