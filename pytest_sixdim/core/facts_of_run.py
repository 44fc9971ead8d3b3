"""Power caps, clocks and errors of the cards over a run (docs/method.md, section 4, "Beside it")."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.readings import held, present
from pytest_sixdim.core.records import SampleLog
from pytest_sixdim.core.spans import Span, holds

#: Limits nearer than this to each other are equal, W.
_SAME_WATTS = 0.5
#: Counters of which one more makes a run suspect, and those that are only shown, with what they count.
FAULTS: Mapping[str, str] = {"ecc_uncorrected": "uncorrected memory error"}
SHOWN: Mapping[str, str] = {"ecc_corrected": "corrected memory error", "pcie_replays": "PCIe replay"}


@dataclass(frozen=True)
class RunFacts:
    """`detail`: what stands beside speed and power; `suspect`: errors that a figure does not survive."""

    detail: Mapping[str, Any] = field(default_factory=dict)
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def power_cap(logs: Sequence[SampleLog]) -> float | None:
    """The lowest power limit of a run's cards that is not the one that the card came with, W, from the first facts.

    None where all cards have theirs, and where nobody knows.
    """
    limits = []
    for _, facts in _first(logs):
        limit, default = facts.get("power_limit_watts"), facts.get("power_default_watts")
        if limit is not None and default is not None and abs(limit - default) > _SAME_WATTS:
            limits.append(round(float(limit), 1))
    return min(limits, default=None)


def read_facts(spans: Sequence[Span], logs: Sequence[SampleLog]) -> RunFacts:
    """What the facts and the clock say of a run whose window is `spans`; the logs' times are on the same clock."""
    first = _first(logs)
    limits = [float(facts["power_limit_watts"]) for _, facts in first if facts.get("power_limit_watts") is not None]
    locked = [facts["clocks_locked"] for _, facts in first if facts.get("clocks_locked") is not None]
    mean, lowest = _clock(spans, logs)
    counted = {name: _rises(logs, name) for name in (*FAULTS, *SHOWN)}
    detail = {
        "power_cap_watts": power_cap(logs),
        "power_limit_watts": min(limits, default=None),
        "clocks_locked": any(locked) if locked else None,
        "clock_mhz": mean,
        "clock_min_mhz": lowest,
        **{name: sum(rises.values()) if rises else None for name, rises in counted.items()},
    }
    suspect = [text for name, what in FAULTS.items() for text in _counts(counted[name], what)]
    suspect += [f"{name}: the card was lost" for name, facts in _last(logs) if facts.get("lost")]
    flags = [text for name, what in SHOWN.items() for text in _counts(counted[name], what)]
    suspect += [
        f"{name}: the driver reported error {', '.join(map(str, facts['xids']))}"
        for name, facts in _last(logs)
        if facts.get("xids")
    ]
    if detail["power_cap_watts"] is not None:
        flags.append(f"power cap of {shown(detail['power_cap_watts'])} W")
    if limits and max(limits) - min(limits) > _SAME_WATTS:
        flags.append(f"the cards' power limits differ: {shown(min(limits))} to {shown(max(limits))} W")
    if detail["clocks_locked"]:
        flags.append("clocks locked")
    return RunFacts(detail, tuple(suspect), tuple(flags))


def _counts(rises: Mapping[str, int], what: str) -> list[str]:
    return [f"{card}: {count} {what}{'s' if count > 1 else ''}" for card, count in rises.items() if count > 0]


def _rises(logs: Sequence[SampleLog], name: str) -> dict[str, int]:
    """By how much a counter rose over the run, by card; a card that was not read twice is left out."""
    rises = {}
    for card, instants in _by_card(logs):
        values = [facts[name] for facts in instants if facts.get(name) is not None]
        if len(values) > 1:
            rises[card] = int(values[-1] - values[0])
    return rises


def _clock(spans: Sequence[Span], logs: Sequence[SampleLog]) -> tuple[float | None, float | None]:
    """Mean over the cards and lowest reading of the clock within the window, MHz."""
    every = [series for log in logs for series in log.series.get("clock", ())]
    means = [mean for series in every if (mean := held(series, spans).mean) is not None]
    lowest = [value for series in every for t, value in present(series) if holds(spans, t)]
    return (math.fsum(means) / len(means) if means else None), min(lowest, default=None)


def _by_card(logs: Sequence[SampleLog]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Each card's name and its facts, in the order of the instants."""
    return [
        (
            f"{f'node {node} ' if len(logs) > 1 else ''}card {card.index}",
            [cards[number] for _, cards in log.facts if number < len(cards)],
        )
        for node, log in enumerate(logs)
        for number, card in enumerate(log.cards)
    ]


def _first(logs: Sequence[SampleLog]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, instants[0]) for name, instants in _by_card(logs) if instants]


def _last(logs: Sequence[SampleLog]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, instants[-1]) for name, instants in _by_card(logs) if instants]
