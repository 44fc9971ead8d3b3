"""Numbers as tools print them, into the unit of their channel: "226 W", "96.66W", "35 ℃", "116MiB", or a bare number
whose unit stands in a header, a key, or nowhere but in the profile."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

#: Factors by quantity. The first unit is the channel's (core.records.CHANNELS).
UNITS: dict[str, dict[str, float]] = {
    "power": {"W": 1.0, "Watt": 1.0, "Watts": 1.0, "mW": 1e-3, "uW": 1e-6, "kW": 1e3, "dW": 0.1},
    "memory": {
        **{"B": 1.0, "byte": 1.0, "bytes": 1.0},
        **{"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9},
    },
    "utilization": {"%": 1.0, "percent": 1.0},
    "temperature": {
        **dict.fromkeys(("C", "degC", "℃", "°C", "'C", "Celsius", "Celsius Degree"), 1.0),
        **{"mC": 1e-3, "cC": 0.01},
    },
    "energy": {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "kJ": 1e3},
    "clock": {"MHz": 1.0, "GHz": 1e3, "kHz": 1e-3, "Hz": 1e-6},
}
#: What tools print where they have no reading; compared without regard to case. A profile may add more.
MISSING = frozenset(
    {"", "-", "--", "na", "n/a", "none", "null", "nan", "unknown", "not supported", "unknown error", "err", "error"}
)

_KNOWN = frozenset(unit for units in UNITS.values() for unit in units)
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(.*)")
_LONGEST_LABEL = 200
#: Characters of a value that may be a number with its unit.
_LONGEST_VALUE = 100
_LABEL = re.compile(r"(.*)[\[(]([^\[\]()]+)[\])]")


class Cell(NamedTuple):
    """One printed value, and the unit that its header or key names, where one does."""

    text: str
    unit: str | None = None


def label_and_unit(text: str) -> tuple[str, str | None]:
    """A label as it is compared (spaces and case do not count), and the unit that it ends with, as in
    "Power Draw [W]" or "vram Total Memory (MiB)"; brackets that hold no unit stay in the label."""
    match = _LABEL.fullmatch(text.strip()) if len(text) <= _LONGEST_LABEL else None
    if match is not None and match[2].strip() in _KNOWN:
        return _plain(match[1]), match[2].strip()
    return _plain(text), None


def is_missing(cell: Cell, more: Collection[str] = ()) -> bool:
    """Whether the tool says that there is no value. `more`: further texts that say so, such as "65535"."""
    text = cell.text.strip()
    if len(text) > _LONGEST_VALUE:
        return False
    number = _NUMBER.fullmatch(text)
    return text.strip("[]").strip().casefold() in MISSING or text in more or bool(number and number[1] in more)


def number(
    cell: Cell,
    quantity: str,
    unit: str | None = None,
    same: Mapping[str, str] | None = None,
    more: Collection[str] = (),
) -> float | None:
    """The value in the channel's unit, None where it is missing or is no such quantity.

    Args:
        cell: as printed; a unit in the cell wins over that of its header or key.
        quantity: a key of UNITS.
        unit: the one that stands for a value that is printed without any; without one such a value is None.
        same: what a printed unit really means, as in {"MB": "MiB"}.
        more: see is_missing.
    """
    if is_missing(cell, more):
        return None
    text = cell.text.strip()
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_VALUE else None
    if match is None:
        return None
    printed = match[2].strip().strip("[]()").strip() or cell.unit or unit
    if printed is None:
        return None
    factor = UNITS[quantity].get((same or {}).get(printed, printed))
    value = math.nan if factor is None else float(match[1]) * factor
    return value if math.isfinite(value) else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
