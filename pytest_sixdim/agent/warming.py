"""Tells the training program whether the cards still grow warmer: node-0/thermal.json, until segments are timed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path

#: The stretch of time over which a rise counts, s (docs/method.md, warm-up).
SECONDS = 60.0


class Warming:
    """The cards' temperatures of the last minute, and the file that says how far the warmest-growing card rose."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readings: dict[int, deque[tuple[float, float]]] = {}

    def take(self, t: float, temperatures: Sequence[float | None]) -> None:
        """Take note of one reading a card (degC) at `t` (monotonic s) and rewrite the file.

        The rise is null until each card that answers has been read for SECONDS; there is no file as long as no card
        has a thermometer. Raises OSError.
        """
        for card, value in enumerate(temperatures):
            if value is not None:
                self._readings.setdefault(card, deque()).append((t, value))
        for readings in self._readings.values():
            while len(readings) > 1 and readings[1][0] <= t - SECONDS:
                readings.popleft()
        answering = [readings for readings in self._readings.values() if readings[-1][0] > t - SECONDS]
        if not answering:
            return  # a file that grows old counts as none
        whole = all(readings[0][0] <= t - SECONDS for readings in answering)
        rise = max(readings[-1][1] - readings[0][1] for readings in answering)
        part = self._path.with_name(self._path.name + ".tmp")
        part.write_text(json.dumps({"t": t, "rise": round(rise, 3) if whole else None}))
        part.replace(self._path)
