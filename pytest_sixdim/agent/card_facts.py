"""What the samplers know of the cards besides readings, at the edges of a run: one merged answer a card."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_sixdim.samplers.process_tree import descendants, processes

#: What one sampler said, one mapping a card.
Answer = Sequence[Mapping[str, Any]]


def merged(answers: Sequence[Answer], cards: int) -> list[dict[str, Any]]:
    """One mapping a card, plain JSON types: the first answer that has a fact gives it; what is null is left out."""
    facts: list[dict[str, Any]] = [{} for _ in range(cards)]
    for answer in answers:
        for known, card in zip(facts, answer, strict=True):
            told = {name: plain(value) for name, value in card.items()}
            known.update({name: value for name, value in told.items() if value is not None and name not in known})
    return facts


class Ownership:
    """Tells the processes of this run from those of others.

    A process of the run descends from the agent. One that was seen to stays the run's: a driver may still list a
    process that has ended.
    """

    def __init__(self, list_processes: Callable[[], Mapping[int, bool]] | None = None) -> None:
        """`list_processes`: every process that can be seen from here, and whether it descends from this one."""
        self._list = list_processes or _visible
        self._own: set[int] = set()

    def mark(self, cards: Sequence[Mapping[str, Any]]) -> None:
        """Set `own` of every process on the cards: None for one that cannot be seen from here."""
        on_cards = [process for card in cards for process in _processes(card)]
        if not on_cards:
            return
        visible = self._list()
        self._own |= {pid for pid, own in visible.items() if own}
        for process in on_cards:
            pid = process.get("pid", -1)
            process["own"] = True if pid in self._own else visible.get(pid)


def _visible() -> dict[int, bool]:
    everything = processes()
    own = {process.pid for process in descendants(os.getpid(), everything)} | {os.getpid()}
    return {process.pid: process.pid in own for process in everything}


def _processes(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = card.get("processes")
    return [process for process in listed if isinstance(process, dict)] if isinstance(listed, list) else []


def plain(value: Any) -> Any:
    """As JSON has it; None for what JSON does not have."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, bool, int)) else None
