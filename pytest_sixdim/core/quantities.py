"""Units and numbers as messages print them."""

from __future__ import annotations

import math

#: Bytes of one GiB (docs/method.md, section 5).
GIB = float(2**30)

#: Figures nearer than this are equal: a value that stands exactly on a limit must not fail by a float's last digit.
_EQUAL = 1e-9


def shown(value: float) -> str:
    """A figure to five significant digits, its integer part always whole: 4938.9, 793486, 0.0046."""
    return f"{value:.0f}" if abs(value) >= 1e5 else f"{value:.5g}"


def with_unit(value: float, unit: str) -> str:
    """A figure and its unit: "742 samples/s"; a ratio has none."""
    return f"{shown(value)} {unit}".rstrip()


def percent(share: float) -> str:
    """A share as a percentage: 0.0866 gives "8.7 %"."""
    return f"{100 * share:.1f} %"


def at_least(value: float, limit: float) -> bool:
    """Whether `value` reaches `limit`; standing on it counts."""
    return value >= limit or math.isclose(value, limit, rel_tol=_EQUAL)


def at_most(value: float, limit: float) -> bool:
    """Whether `value` stays within `limit`; standing on it counts."""
    return value <= limit or math.isclose(value, limit, rel_tol=_EQUAL)


def count_of(number: int, noun: str) -> str:
    """As in "1 card" and "8 cards"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
