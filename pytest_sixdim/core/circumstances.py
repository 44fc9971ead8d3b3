"""What lay around a run and bears on its figures: other users, errors and caps of the cards, and which they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pytest_sixdim.core.card_mapping import CardMapping, map_cards
from pytest_sixdim.core.contention import foreign
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Event, Start
from pytest_sixdim.core.facts_of_run import RunFacts, read_facts
from pytest_sixdim.core.records import SampleLog
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.window import Window

Contention = Literal["warn", "error"]
#: Read from the cards' sensors.
_SAMPLED: tuple[Dimension, ...] = ("power", "memory")
#: What clocks and caps stand beside.
_CLOCKED: tuple[Dimension, ...] = ("speed", "power")


@dataclass(frozen=True)
class Circumstances:
    """`foreign`: who else used the cards, one sentence each."""

    foreign: tuple[str, ...] = ()
    facts: RunFacts = field(default_factory=RunFacts)
    mapping: CardMapping = field(default_factory=CardMapping)


def read_circumstances(
    window: Window, events: Sequence[Event], logs: Sequence[SampleLog], *, identified: bool = True
) -> Circumstances:
    """Of a run; the logs' times are on the clock of the window.

    `identified`: its cards are devices that a framework could name, not the host's own processor.
    """
    start = next((event for event in events if isinstance(event, Start)), None)
    mapping = map_cards(start, logs) if identified else CardMapping()
    return Circumstances(foreign(logs), read_facts(window.spans, logs), mapping)


def under(measured: Measured, dimension: Dimension, around: Circumstances, contention: Contention) -> Measured:
    """A figure of a run's window with what lay around the run.

    contention: "warn" flags what others did; under "error" it fails the dimension. Readings of cards that were not
    trained on are unknown; where ranks shared a card, the speed is not that of the configuration's cards.
    """
    by_number = ("cards matched by number",) if dimension in _SAMPLED and around.mapping.by_number else ()
    fewer = (around.mapping.problem,) if around.mapping.idle and around.mapping.problem is not None else ()
    measured = replace(
        measured,
        suspect=(*measured.suspect, *fewer, *around.facts.suspect),
        flags=(*measured.flags, *around.foreign, *around.facts.flags, *by_number),
        detail={**measured.detail, **around.facts.detail} if dimension in _CLOCKED else measured.detail,
    )
    if measured.failed is not None or measured.value is None:
        return measured
    if around.foreign and contention == "error":
        return replace(measured, failed=f"the cards were shared (--sixdim-contention error): {around.foreign[0]}")
    if dimension in _SAMPLED and around.mapping.problem is not None:
        return replace(measured, value=None, unknown=around.mapping.problem)
    return measured
