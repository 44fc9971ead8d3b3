"""Limits: the method's, the case's, a baseline entry's (docs/method.md, "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_sixdim.core.baseline import DEFAULT_LIMITS, Figure
from pytest_sixdim.core.case import Limit
from pytest_sixdim.core.dimensions import BETTER, UNITS, Better, Dimension
from pytest_sixdim.core.quantities import shown

#: Sensors differ by a constant gain: against a figure from another card, power may exceed it by this much.
POWER_ACROSS_CARDS = Limit("relative", 0.10)
#: Used memory may fill at most this share of the card.
MEMORY_OF_CARD = 0.98
#: Speed this much better than its baseline is more often a mistake than a miracle.
MIRACLE = 0.20


@dataclass(frozen=True)
class AppliedLimit:
    """A limit as it applies to one value.

    `text` as people write it ("-5 %"); `against`: "baseline" where one is compared with, "case" for a figure of the
    case's own, "method" for the method's default without a baseline; `default`: the method's own limit as text, where
    this one is looser.
    """

    value: float
    text: str
    against: Literal["baseline", "case", "method"]
    default: str | None = None

    def to_json(self) -> Mapping[str, Any]:
        """Plain types."""
        return {"value": self.value, "text": self.text, "against": self.against, "default": self.default}

    def __str__(self) -> str:
        beside = f" (default {self.default})" if self.default else ""
        value = shown(self.value)
        return f"limit {self.text}{beside}" + ("" if self.text.startswith(value) else f": {value}")


def worse_end(figure: Figure, better: Better) -> float | None:
    """The worse end of a printed figure's rounding: "12" means 11.5 where higher is better, else 12.5; None where the
    figure has no value."""
    if figure.value is None:
        return None
    return figure.value - figure.rounding if better == "higher" else figure.value + figure.rounding


def limit_value(limit: Limit, end: float | None) -> float | None:
    """What a limit comes to beside a baseline's figure; None where it needs one and there is none."""
    if limit.kind == "absolute":
        return limit.amount
    if end is None:
        return None
    return end + limit.amount * abs(end) if limit.kind == "relative" else end + limit.amount


def applied_limit(
    dimension: Dimension, *, default: Limit | None, case: Limit | None, entry: Limit | None, end: float | None
) -> AppliedLimit | None:
    """The limit that judges a value, or None where there is none.

    Args:
        dimension: which way is better.
        default: the method's, None where it does not apply.
        case: the case's, which replaces it.
        entry: the baseline entry's, which may only tighten what the others say.
        end: the worse end of the baseline's figure, None where there is none.
    """
    ruling = case or default
    value = limit_value(ruling, end) if ruling else None
    if ruling is None or value is None:
        return None
    tighter = limit_value(entry, end) if entry else None
    if entry is not None and tighter is not None and looser(dimension, value, tighter):
        ruling, value = entry, tighter
    usual = limit_value(default, end) if default else None
    loosened = default is not None and usual is not None and looser(dimension, value, usual)
    return AppliedLimit(
        value,
        text_of(ruling, dimension),
        _against(ruling, case, end),
        text_of(default, dimension) if loosened and default else None,
    )


def _against(ruling: Limit, case: Limit | None, end: float | None) -> Literal["baseline", "case", "method"]:
    if ruling is case and ruling.kind == "absolute":
        return "case"
    return "method" if end is None else "baseline"


def default_limit(dimension: Dimension, *, same_card: bool = True) -> Limit | None:
    """The method's limit; accuracy's is the case's target."""
    return POWER_ACROSS_CARDS if dimension == "power" and not same_card else DEFAULT_LIMITS.get(dimension)


def looser(dimension: Dimension, value: float, than: float) -> bool:
    """Whether a limit of `value` lets more pass."""
    return value < than if BETTER[dimension] == "higher" else value > than


def text_of(limit: Limit, dimension: Dimension) -> str:
    """A limit as people write it."""
    if limit.kind == "relative":
        return f"{shown(100 * limit.amount)} %" if limit.amount <= 0 else f"+{shown(100 * limit.amount)} %"
    unit = limit.unit or UNITS[dimension]
    if limit.kind == "offset":
        return f"baseline {'-' if limit.amount < 0 else '+'} {shown(abs(limit.amount))} {unit}".rstrip()
    return f"{shown(limit.amount)} {unit}".rstrip()
