"""What lay around a run and bears on its figures: other users, errors and caps of the cards, and which they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_sixdim.core.card_mapping import CardMapping, map_cards
from pytest_sixdim.core.contention import foreign
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Event, Start
from pytest_sixdim.core.facts_of_run import RunFacts, read_facts
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.records import SampleLog
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.window import Window

Contention = Literal["warn", "error"]
#: Read from the cards' sensors.
_SAMPLED: tuple[Dimension, ...] = ("power", "memory")
#: What clocks and caps stand beside.
_CLOCKED: tuple[Dimension, ...] = ("speed", "power")
#: Neighbours that a flag names.
NAMED = 2


@dataclass(frozen=True)
class Circumstances:
    """`foreign`: who else used the cards, one sentence each; `neighbours`: runs that had other cards of the host."""

    foreign: tuple[str, ...] = ()
    facts: RunFacts = field(default_factory=RunFacts)
    mapping: CardMapping = field(default_factory=CardMapping)
    neighbours: tuple[str, ...] = ()


def neighbours_of(lease: Mapping[str, Any]) -> tuple[str, ...]:
    """The runs that had other cards of the host during a run, as its lease.json names them."""
    told = lease.get("neighbours")
    others = [other for other in told if isinstance(other, Mapping)] if isinstance(told, (list, tuple)) else []
    return tuple(str(other.get("run") or "another run") for other in others)


def read_circumstances(
    window: Window,
    events: Sequence[Event],
    logs: Sequence[SampleLog],
    *,
    identified: bool = True,
    neighbours: Sequence[str] = (),
) -> Circumstances:
    """Of a run; the logs' times are on the clock of the window.

    `identified`: its cards are devices that a framework could name, not the host's own processor. `neighbours`: of its
    lease.
    """
    start = next((event for event in events if isinstance(event, Start)), None)
    mapping = map_cards(start, logs) if identified else CardMapping()
    return Circumstances(foreign(logs), read_facts(window.spans, logs), mapping, tuple(neighbours))


def under(measured: Measured, dimension: Dimension, around: Circumstances, contention: Contention) -> Measured:
    """A figure of a run's window with what lay around the run.

    contention: "warn" flags what others did; under "error" it fails the dimension. Readings of cards that were not
    trained on are unknown; where ranks shared a card, the speed is not that of the configuration's cards.
    """
    by_number = ("cards matched by number",) if dimension in _SAMPLED and around.mapping.by_number else ()
    fewer = (around.mapping.problem,) if around.mapping.idle and around.mapping.problem is not None else ()
    beside = around.neighbours if dimension in _CLOCKED else ()
    detail = {**around.facts.detail, **({"neighbours": list(beside)} if beside else {})}
    measured = replace(
        measured,
        suspect=(*measured.suspect, *fewer, *around.facts.suspect),
        flags=(*measured.flags, *around.foreign, *_shared(beside), *around.facts.flags, *by_number),
        detail={**measured.detail, **detail} if dimension in _CLOCKED else measured.detail,
    )
    if measured.failed is not None or measured.value is None:
        return measured
    if around.foreign and contention == "error":
        return replace(measured, failed=f"the cards were shared (--sixdim-contention error): {around.foreign[0]}")
    if dimension in _SAMPLED and around.mapping.problem is not None:
        return replace(measured, value=None, unknown=around.mapping.problem)
    return measured


def _shared(neighbours: Sequence[str]) -> Iterator[str]:
    """Runs on other cards take memory bandwidth, power and cooling of the host, if nothing of the card."""
    if neighbours:
        named = ", ".join(neighbours[:NAMED]) + (", ..." if len(neighbours) > NAMED else "")
        yield f"shared the host with {count_of(len(neighbours), 'other run')} ({named})"
