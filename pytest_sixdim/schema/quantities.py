"""Numbers with their unit, as people write them: "12 h", "-5 %", "30 GiB", "1 epoch"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.schema.errors import not_among, shortened

NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_QUANTITY = re.compile(rf"({NUMBER})(?:\s*([^\s0-9.+-].{{0,30}})?)", re.DOTALL)

SECONDS: Mapping[str, int] = {"s": 1, "min": 60, "h": 3600, "d": 86400}
BYTES: Mapping[str, int] = {"MiB": 2**20, "GiB": 2**30, "GB": 10**9}
#: Units of a limit or a figure, and how many of the dimension's own unit one is (core.dimensions.UNITS).
FACTORS: Mapping[Dimension, Mapping[str, float]] = {
    "speed": {"samples/s": 1.0},
    "power": {"W": 1.0},
    "memory": {"GiB": 1.0, "MiB": 2**-10, "GB": 10**9 / 2**30},
}
LONGEST_RUN = 366 * 86400.0  # s
LONGEST_TEXT = 60
LARGEST_NUMBER = 10**15


def quantity(value: Any, example: str) -> tuple[Decimal, str]:
    """The number and the unit ("" for none) of "12 h" or of a plain number.

    Raises ValueError, which shows `example`, where it is neither.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be text such as {example!r}")
    text = str(value).strip()
    match = _QUANTITY.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if match is None or abs(Decimal(match[1])) > LARGEST_NUMBER:
        raise ValueError(f"{shortened(text)}: must be a number with a unit, such as {example!r}")
    return Decimal(match[1]), (match[2] or "").strip()


def unit_among(unit: str, allowed: Iterable[str]) -> str:
    """`unit`; raises ValueError that lists the allowed ones where it is none of them."""
    if unit in (units := list(allowed)):
        return unit
    named = [name or "no unit" for name in units]
    raise ValueError(f"unit {not_among(unit, named)}" if unit else f"no unit; allowed: {', '.join(named)}")


def duration(value: Any) -> float:
    """Seconds of "90 s", "10 min", "12 h" or "2 d"."""
    number, unit = quantity(value, "12 h")
    seconds = float(number) * SECONDS[unit_among(unit, SECONDS)]
    if not 0 < seconds <= LONGEST_RUN:
        raise ValueError(f"{shortened(value)}: must be more than 0 s and at most 366 d")
    return seconds


def size(value: Any) -> int:
    """Bytes of "141 GiB"."""
    number, unit = quantity(value, "80 GiB")
    count = round(number * BYTES[unit_among(unit, BYTES)])
    if count <= 0:
        raise ValueError(f"{shortened(value)}: must be more than 0")
    return count


def watts(value: Any) -> float:
    """W of "350 W"."""
    number, unit = quantity(value, "350 W")
    unit_among(unit, ["W"])
    if number <= 0:
        raise ValueError(f"{shortened(value)}: must be more than 0")
    return float(number)


def sample_count(value: Any) -> int:
    """The number of "150000 samples"."""
    return _count(value, "150000 samples", ["sample", "samples"])


def interval(value: Any) -> str:
    """An evaluation interval such as "1 epoch", as it is written."""
    _count(value, "1 epoch", ["epoch", "epochs", "step", "steps", "sample", "samples"])
    return str(value)


def percent(number: Decimal) -> float:
    """-0.05 for -5."""
    return float(number / 100)


def _count(value: Any, example: str, units: list[str]) -> int:
    number, unit = quantity(value, example)
    unit_among(unit, units)
    if number != number.to_integral_value() or number < 1:
        raise ValueError(f"{shortened(value)}: must be a whole number of {unit}, at least 1")
    return int(number)


def _text(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Duration = Annotated[float, PlainValidator(duration), _text(rf"{NUMBER} ?(s|min|h|d)", "12 h")]
Size = Annotated[int, PlainValidator(size), _text(rf"{NUMBER} ?(GiB|MiB|GB)", "80 GiB")]
Watts = Annotated[float, PlainValidator(watts), _text(rf"{NUMBER} ?W", "350 W")]
SampleCount = Annotated[int, PlainValidator(sample_count), _text("[0-9]+ ?samples?", "150000 samples")]
Interval = Annotated[str, PlainValidator(interval), _text("[0-9]+ ?(epoch|step|sample)s?", "1 epoch")]
