"""How figures are written: with their unit, and with no more digits than they deserve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Decimals of each dimension's value; speed's depend on its size.
_DECIMALS = {"power": 1, "memory": 2, "accuracy": 2, "linearity": 3, "stability": 2}
#: What stands where there is no value.
NONE = "–"


def figure(dimension: str, value: float | None) -> str:
    """The number alone, "–" where there is none."""
    if value is None:
        return NONE
    if dimension == "speed":
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    text = f"{value:.{_DECIMALS[dimension]}f}"
    return text.rstrip("0").rstrip(".") if dimension == "stability" else text


def quantity(dimension: str, value: float | None, unit: str) -> str:
    """The number with its unit."""
    number = figure(dimension, value)
    return f"{number} {unit}" if unit and value is not None else number


def verdict_word(verdict: str) -> str:
    """As the terminal shows a verdict: PASSED, FAILED, UNJUDGED, UNKNOWN, SUSPECT, N/A."""
    return {"pass": "PASSED", "fail": "FAILED", "not applicable": "N/A"}.get(verdict, verdict.upper())


def target(scorecard: Mapping[str, Any]) -> str:
    """As in "top1 >= 97 %", "–" where a case has no target."""
    return aim(scorecard["metric"])


def aim(metric: Mapping[str, Any]) -> str:
    """A metric and what it has to reach, as `target`."""
    if metric["target"] is None:
        return f"{metric['name']} {NONE}"
    sign = ">=" if metric["better"] == "higher" else "<="
    return f"{metric['name']} {sign} {metric['target']:g} {metric['unit']}".strip()
