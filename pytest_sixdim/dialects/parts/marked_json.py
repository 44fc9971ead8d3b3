"""JSON objects that stand behind a mark in a line, and the values in them that can be used as they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_sixdim.core.events import LARGEST_COUNT, LARGEST_NUMBER, LATEST, LONGEST, EventError

_DECODER = json.JSONDecoder()


def marked_objects(line: str, mark: str) -> Iterator[dict[str, Any]]:
    """The JSON objects right behind each `mark`, whatever stands before and between them.

    A mark without an object is no event. NaN and Infinity are accepted, as Python's json writes them. Raises EventError
    for an object that is broken, once all others of the line have been given: ranks that share a pipe cut into each
    other's lines.
    """
    broken: str | None = None
    start = line.find(mark)
    while start >= 0:
        start += len(mark)
        while line.startswith((" ", "\t"), start):
            start += 1
        if line.startswith("{", start):
            try:
                record, start = _DECODER.raw_decode(line, start)
            except RecursionError:
                broken = "nested too deeply"
            except ValueError as error:
                broken = f"no JSON object: {error}"
            else:
                yield record
        start = line.find(mark, start)
    if broken is not None:
        raise EventError(broken)


def mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object called `name`; an empty one where there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """A number, infinite or NaN where it is not finite or larger than any figure of training; None for anything
    else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return math.inf
    return found if not abs(found) > LARGEST_NUMBER else math.inf


def finite(value: Any) -> float | None:
    """A finite number; None for anything else."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def count(value: Any) -> int | None:
    """A whole number from 0; None for anything else."""
    found = finite(value)
    return int(value) if found is not None and 0 <= found < LARGEST_COUNT and found == int(found) else None


def seconds(value: Any) -> float | None:
    """A duration, s; None for anything else."""
    found = finite(value)
    return found if found is not None and 0 <= found <= LONGEST else None


def instant(milliseconds: Any) -> float | None:
    """A time of day, s since 1970, from milliseconds since then; None for anything else."""
    found = finite(milliseconds)
    return found / 1000 if found is not None and 0 < found <= LATEST else None


def plain_name(name: str) -> str:
    """A metric's name for comparisons: "MLM accuracy" and "mlm_accuracy" are the same."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
