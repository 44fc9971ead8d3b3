"""Readings without times: the lines that `ixsmi -q -i N -l | grep` leaves, as DeepSpark's method takes them
(six_dimension_howto)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.importing.files import lines_of
from pytest_sixdim.samplers.tool.units import UNITS, Cell, number

#: What a line is of: the label before its colon, by dimension, and the unit that its mean is shown in.
LABELS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "power": (re.compile(r"\s*Power Draw\s*:\s*(?P<value>[^:]{1,40})"), "W"),
    "memory": (re.compile(r"\s*Used\s*:\s*(?P<value>[^:]{1,40})"), "MiB"),
}
#: In a whole answer of the tool only the card's own memory counts.
SECTION = re.compile(r"\s*(?P<name>[A-Z][\w ]*Memory Usage)\s*")
OWN_MEMORY = "FB Memory Usage"


def undated(path: Path) -> dict[str, dict[str, Any]]:
    """By dimension: the plain mean, its unit, the number of readings and of those that are missing; empty where no
    line is a reading.

    Raises CannotImport where the file can't be read.
    """
    values: dict[str, list[float]] = {}
    missing: dict[str, int] = {}
    section: str | None = None
    for line in lines_of(path):
        if (title := SECTION.fullmatch(line)) is not None:
            section = title["name"].strip()
        for dimension, (pattern, unit) in LABELS.items():
            match = pattern.fullmatch(line)
            if match is None or (dimension == "memory" and section not in (None, OWN_MEMORY)):
                continue
            value = number(Cell(match["value"].strip()), dimension)
            if value is None:
                missing[dimension] = missing.get(dimension, 0) + 1
            else:
                values.setdefault(dimension, []).append(value / UNITS[dimension][unit])
    return {
        dimension: {
            "mean": math.fsum(read) / len(read),
            "unit": LABELS[dimension][1],
            "readings": len(read),
            "missing": missing.get(dimension, 0),
            "file": path.name,
        }
        for dimension, read in values.items()
    }


def why_unjudged(reading: Mapping[str, Any]) -> str:
    """Why such readings give no figure."""
    mean = f"their plain mean is {reading['mean']:.7g} {reading['unit']}"
    return f"{reading['readings']} readings without times, which nobody can lay over the window; {mean}"
