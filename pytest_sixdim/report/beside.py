"""The figures beside a dimension's value, from its detail (docs/method.md, "Beside it")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.results import DimensionResult
from pytest_sixdim.report.course import number
from pytest_sixdim.report.values import NONE

_Format = Callable[[float], str]


def _in(unit: str) -> _Format:
    return lambda value: f"{shown(value)} {unit}".rstrip()


_SPEED, _WATTS, _GIB, _SECONDS, _PLAIN = _in("samples/s"), _in("W"), _in("GiB"), _in("s"), _in("")

#: Label, where in the detail (keys joined by dots), how a number is written.
_BESIDE: dict[str, tuple[tuple[str, str, _Format], ...]] = {
    "speed": (
        ("kind of the value", "kind", _PLAIN),
        ("loader excluded (compute)", "kinds.compute", _SPEED),
        ("loader included (train)", "kinds.train", _SPEED),
        ("all included (whole)", "kinds.whole", _SPEED),
        ("waiting for the loader", "loader_share", percent),
        ("sustained after the window", "sustained", _SPEED),
        ("window", "window_seconds", _SECONDS),
        ("steps in the window", "steps", _PLAIN),
        ("MFU", "mfu", percent),
        ("the program's own figure", "program_speeds", _SPEED),
        ("other runs", "other_runs", _SPEED),
        ("clock", "clock_mhz", _in("MHz")),
    ),
    "power": (
        ("energy", "joules_per_sample", _in("J/sample")),
        ("all cards", "sum_watts", _WATTS),
        ("lowest card", "min_watts", _WATTS),
        ("highest card", "max_watts", _WATTS),
        ("idle before", "idle_watts", _WATTS),
        ("sustained after the window", "sustained_watts", _WATTS),
        ("read by", "sampler", _PLAIN),
        ("method", "method", _PLAIN),
        ("scope", "scope", _PLAIN),
        ("readings", "readings", _PLAIN),
        ("longest gap", "longest_gap_seconds", _SECONDS),
        ("the counter's tick", "tick_seconds", _SECONDS),
        ("the counter's step", "step_joules", _in("J")),
        ("throttled", "throttled", percent),
        ("power limit", "power_limit_watts", _WATTS),
        ("power cap", "power_cap_watts", _WATTS),
        ("clock", "clock_mhz", _in("MHz")),
        ("lowest clock", "clock_min_mhz", _in("MHz")),
    ),
    "memory": (
        ("mean of the cards", "mean_gib", _GIB),
        ("emptiest card", "min_gib", _GIB),
        ("peak of the run", "peak_gib", _GIB),
        ("idle before", "idle_gib", _GIB),
        ("of the card's", "total_gib", _GIB),
        ("allocated by the framework", "allocated_gib", _GIB),
        ("reserved by the framework", "reserved_gib", _GIB),
        ("growth over the window", "growth", percent),
        ("read by", "sampler", _PLAIN),
        ("method", "method", _PLAIN),
        ("readings", "readings", _PLAIN),
    ),
    "accuracy": (
        ("target", "target", _PLAIN),
        ("reached in epoch", "evaluation.epoch", _PLAIN),
        ("at step", "evaluation.step", _PLAIN),
        ("samples trained", "evaluation.trained_samples", _PLAIN),
        ("samples evaluated", "evaluation.samples", _PLAIN),
        ("evaluations", "evaluations", _PLAIN),
    ),
    "linearity": (
        ("speed", "speed", _SPEED),
        ("times", "times", _PLAIN),
        ("reference speed", "reference_speed", _SPEED),
        ("card linearity", "card_linearity", _PLAIN),
    ),
    "stability": (
        ("runs planned", "planned", _PLAIN),
        ("runs converged", "converged", _PLAIN),
        ("base (median)", "base", _PLAIN),
        ("compared at", "at", _PLAIN),
        ("budget", "budget_samples", _in("samples")),
    ),
}


#: The same of a result under an adapter.
_UNDER_ADAPTER: dict[str, tuple[tuple[str, str, _Format], ...]] = {
    "speed": (
        ("adapter cost", "adapter_cost.share", percent),
        ("without the adapter", "adapter_cost.native_speed", _SPEED),
        ("that is from", "adapter_cost.source", _PLAIN),
        ("times the speed on", "against_cuda.ratios", _PLAIN),
        ("those are from", "against_cuda.sources", _PLAIN),
    ),
    "accuracy": (
        ("operators", "tiers.op_level", _PLAIN),
        ("loss curve", "tiers.loss_curve", _PLAIN),
        ("final metric", "tiers.final_metric", _PLAIN),
    ),
}


def beside(result: DimensionResult) -> list[tuple[str, str]]:
    """Label and text of each; those without a value are "–" beside a measured value and left out beside none."""
    rows = [(name, _text(_at(result.detail, path), written)) for name, path, written in _rows(result)]
    confirmed = _text(result.detail.get("confirmation"), _in(result.unit))
    rows += [("confirmed by", confirmed)] if confirmed != NONE else []
    return [(name, text) for name, text in rows if text != NONE or result.value is not None]


def _rows(result: DimensionResult) -> tuple[tuple[str, str, _Format], ...]:
    more = _UNDER_ADAPTER.get(result.dimension, ()) if "adapter" in result.detail else ()
    return (*_BESIDE.get(result.dimension, ()), *more)


def _at(detail: Any, path: str) -> Any:
    for key in path.split("."):
        detail = detail.get(key) if isinstance(detail, Mapping) else None
    return detail


def _text(value: Any, written: _Format) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part, written)}" for name, part in value.items()) or NONE
    figure = number(value)
    if figure is not None:
        return written(figure)
    return NONE if value is None else str(value)
