"""Who else used the cards of a run, before it and meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_sixdim.core.quantities import GIB, shown
from pytest_sixdim.core.readings import present
from pytest_sixdim.core.records import SampleLog

#: A card that is busier than this (%) though nothing of the run uses it is used by somebody else.
BUSY_PERCENT = 5.0

#: Memory in use that no driver holds by itself: more than this (bytes) and this share of the card.
HELD_BYTES, HELD_SHARE = 2 * GIB, 0.10

#: So long after the first facts (s) the ranks are still loading: a card that rests meanwhile was only resting late.
LOADING_SECONDS = 3.0

#: What was read of the cards at one instant, one mapping a card (core.facts).
Instant = Sequence[Mapping[str, Any]]


def foreign(logs: Sequence[SampleLog]) -> tuple[str, ...]:
    """One sentence for each process of somebody else on the cards of a run, and for each sign of one.

    The first facts of a log are those before the run.
    """
    found: list[str] = []
    for node, log in enumerate(logs):
        names = [f"{f'node {node} ' if len(logs) > 1 else ''}card {card.index}" for card in log.cards]
        instants = [cards for _, cards in log.facts]
        found += _named(names, instants)
        found += _busy(names, log)
        found += _unnamed(f"on node {node}: " if len(logs) > 1 else "", len(log.cards), instants)
    return tuple(found)


def held(used_bytes: float, total_bytes: float | None) -> bool:
    """Whether so much memory of a card on which nothing is known to run is held by somebody, and not by its driver."""
    return used_bytes > max(HELD_BYTES, HELD_SHARE * (total_bytes or 0))


def processes(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The processes that were listed on a card; none where the source lists none."""
    listed = card.get("processes")
    return [process for process in listed if isinstance(process, Mapping)] if isinstance(listed, (list, tuple)) else []


def _named(names: Sequence[str], instants: Sequence[Instant]) -> Iterator[str]:
    """Processes that are somebody else's for certain."""
    seen: dict[tuple[int, Any], tuple[Mapping[str, Any], set[str]]] = {}
    for number, cards in enumerate(instants):
        for card, facts in enumerate(cards):
            for process in processes(facts):
                if process.get("own") is False:
                    _, when = seen.setdefault((card, process.get("pid")), (process, set()))
                    when.add("during" if number else "before")
    for (card, pid), (process, when) in seen.items():
        size = process.get("bytes")
        about = [str(process["name"])] if process.get("name") else []
        about += [f"{shown(size / GIB)} GiB"] if isinstance(size, (int, float)) else []
        beside = f" ({', '.join(about)})" if about else ""
        yield f"{names[card]}: process {pid}{beside} of somebody else {' and '.join(sorted(when))} the run"


def _busy(names: Sequence[str], log: SampleLog) -> Iterator[str]:
    """Cards that were busy before any process of the run was on them, and nobody is named.

    Tools average over the last second: the lowest of the first readings counts.
    """
    if not log.facts:
        return
    began, cards = log.facts[0]
    readings = log.series.get("utilization", ())
    for number, (name, facts) in enumerate(zip(names, cards, strict=False)):
        told = facts.get("utilization_percent")
        seen = [float(told)] if isinstance(told, (int, float)) else []
        series = present(readings[number]) if number < len(readings) else []
        seen += [value for t, value in series if t - began <= LOADING_SECONDS]
        mentioned = any(process.get("own") is not None for process in processes(facts))
        if seen and min(seen) > BUSY_PERCENT and not mentioned:
            yield f"{name}: {shown(min(seen))} % busy before the run"


def _unnamed(where: str, ranks: int, instants: Sequence[Instant]) -> Iterator[str]:
    """Processes that cannot be seen from the run's node, of another container or its own: more than it has ranks."""
    most = 0
    for cards in instants:
        listed = [process for facts in cards for process in processes(facts)]
        unnamed = {process.get("pid") for process in listed if process.get("own") is None}
        own = {process.get("pid") for process in listed if process.get("own")}
        most = max(most, len(unnamed) - max(0, ranks - len(own)))
    if most:
        yield f"{where}{most} more process{'es' if most > 1 else ''} on the cards than the run has ranks"
