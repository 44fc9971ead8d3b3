"""Limits and bands as people write them: "-5 %", "baseline - 0.03", "30 GiB", "0.3 dB"."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from pytest_sixdim.core.case import Band, Limit
from pytest_sixdim.core.dimensions import BETTER, UNITS, Dimension
from pytest_sixdim.schema.errors import shortened
from pytest_sixdim.schema.quantities import FACTORS, percent, quantity, unit_among

_OFFSET = re.compile(r"baseline\s*([-+])\s*(.+)", re.DOTALL)
_EXAMPLES: dict[Dimension, str] = {
    "speed": "-5 %",
    "power": "5 %",
    "memory": "30 GiB",
    "linearity": "baseline - 0.05",
    "stability": "0.8",
}


def parse_limit(dimension: Dimension, value: Any) -> Limit:
    """A limit of `dimension`, its amount in the dimension's own unit.

    Raises ValueError for anything that is no limit, and for one that asks for more than the baseline has.
    """
    offset = _OFFSET.fullmatch(value.strip()) if isinstance(value, str) else None
    number, unit = quantity(f"{offset[1]}{offset[2].strip()}" if offset else value, _EXAMPLES[dimension])
    if unit == "%" and not offset:
        limit = Limit("relative", percent(number))
        if limit.amount <= -1:
            raise ValueError(f"{shortened(str(value))}: must be more than -100 %")
    else:
        factors = FACTORS.get(dimension, {"": 1.0})
        unit_among(unit, factors if offset else [*factors, "%"])
        limit = Limit("offset" if offset else "absolute", float(number) * factors[unit], UNITS[dimension])
    if limit.kind == "absolute":
        if not 0 < limit.amount <= _largest(dimension):
            raise ValueError(f"{shortened(str(value))}: must be more than 0 and at most {_largest(dimension):g}")
    elif (limit.amount > 0) if BETTER[dimension] == "higher" else (limit.amount < 0):
        raise ValueError(
            f"{shortened(str(value))}: asks for more than the baseline has ({BETTER[dimension]} is better);"
            f" write it as {_EXAMPLES[dimension]!r}"
        )
    return limit


def limit_text(limit: Limit) -> str | float:
    """What `parse_limit` reads as `limit`."""
    number = Decimal(repr(limit.amount))
    if limit.kind == "relative":
        return f"{_digits(number * 100)} %"
    if limit.kind == "offset":
        return f"baseline {'-' if number < 0 else '+'} {_digits(abs(number))} {limit.unit}".rstrip()
    return f"{_digits(number)} {limit.unit}" if limit.unit else limit.amount


def _digits(number: Decimal) -> str:
    return f"{number.normalize():f}"


def parse_band(value: Any) -> Band:
    """The stability band of "1 %" (relative), or of "0.3 dB", "0.5 points" or 0.02 (absolute).

    Raises ValueError for anything else. A point is a percentage point.
    """
    number, unit = quantity(value, "1 %")
    if number <= 0:
        raise ValueError(f"{shortened(str(value))}: must be more than 0")
    if unit == "%":
        return Band(percent(number))
    return Band(float(number), relative=False, unit="%" if unit in ("point", "points") else unit)


def _largest(dimension: Dimension) -> float:
    return {"linearity": 2.0, "stability": 1.0}.get(dimension, 1e12)


def _limit_of(dimension: Dimension) -> Callable[[Any], Limit]:
    return lambda value: parse_limit(dimension, value)


def _schema(*examples: str | float) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"], "examples": list(examples)})


SpeedLimit = Annotated[Limit, PlainValidator(_limit_of("speed")), _schema("-5 %", "5000 samples/s")]
PowerLimit = Annotated[Limit, PlainValidator(_limit_of("power")), _schema("5 %", "300 W")]
MemoryLimit = Annotated[Limit, PlainValidator(_limit_of("memory")), _schema("5 %", "30 GiB")]
LinearityLimit = Annotated[Limit, PlainValidator(_limit_of("linearity")), _schema("baseline - 0.05", 0.9)]
StabilityLimit = Annotated[Limit, PlainValidator(_limit_of("stability")), _schema(0.8)]
StabilityBand = Annotated[Band, PlainValidator(parse_band), _schema("1 %", "0.3 dB", "0.5 points")]
