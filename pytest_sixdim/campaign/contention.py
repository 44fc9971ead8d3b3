"""Who else is on the cards before a run: the cards' own samplers are asked, where they can tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.survey import Survey, survey
from pytest_sixdim.core.contention import BUSY_PERCENT, held
from pytest_sixdim.core.facts import ProcessOnCard
from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.samplers import Device

#: Seconds after which a card is looked at again: tools average over the last second, and a run may just have ended.
AGAIN = 1.5
#: Facts that tell of somebody else.
TELLING = ("processes", "utilization_percent", "memory_used_bytes")
#: Seconds that the samplers have to answer before a run.
TIMEOUT = 10.0

Ask = Callable[[Sequence[Device]], Survey]


@dataclass(frozen=True)
class Foreign:
    """Somebody else on a card. `who`: the same for as long as the situation is the same; `sentence`: for people."""

    who: tuple[str, ...]
    sentence: str


class Contention:
    """Looks at the cards of a session before each of its runs."""

    def __init__(self, bench: Bench, ask: Ask | None = None, wait: Callable[[float], None] = time.sleep) -> None:
        """`ask`: by default the survey of the profile's samplers; `wait`: seconds."""
        self._ask: Ask = ask or (
            lambda devices: survey(bench.profile, bench.samplers, devices, timeout=TIMEOUT)  # in its own process
        )
        self._wait = wait
        #: Cards that are cores have no sampler that knows who uses them.
        self._can_tell = bench.profile.enumerate != "cores" and bool(bench.profile.samplers)
        #: Why nobody could tell who is on the cards when they were last looked at; None where somebody could.
        self.blind: str | None = None if self._can_tell else "no sampler of this vendor's cards knows who uses them"

    def look(self, devices: Sequence[Device]) -> list[Foreign]:
        """Who else is on these cards now; nobody where no sampler can tell.

        What only a moving average says is believed when it says so again a little later.
        """
        if not self._can_tell or not devices:
            return []
        answer = self._ask(devices)
        known = known_of(answer, len(devices))
        told = _told(known)
        self.blind = None if all(told) else _silence(answer)
        if not any(told):
            # who was late may answer before the next run
            self._can_tell = any((source.asked_seconds or 0.0) >= TIMEOUT for source in answer.sources)
            return []
        found = list(foreign(devices, known))
        if found and not any(each.who[0] == "process" for each in found):
            self._wait(AGAIN)
            again = known_of(self._ask(devices), len(devices))
            found = list(foreign(devices, again)) if any(_told(again)) else found
        return found


def _told(known: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Of which cards anything is known that tells of somebody else."""
    return [any(card.get(name) is not None for name in TELLING) for card in known]


def _silence(answer: Survey) -> str:
    """Why nobody could tell."""
    reasons = [f"{source.sampler}: {source.reason}" for source in answer.sources if source.reason is not None]
    return "; ".join(reasons) or "no sampler reads processes, utilisation or memory of all of them"


def known_of(answer: Survey, count: int) -> list[dict[str, Any]]:
    """What is known of each of `count` cards: of each fact, what the first sampler says that knows it."""
    known: list[dict[str, Any]] = [{} for _ in range(count)]
    for source in answer.sources:
        for card, facts in zip(known, source.facts, strict=False):
            card.update({name: value for name, value in facts.items() if card.get(name) is None})
    for source in answer.sources:
        for name, channel in (("utilization_percent", "utilization"), ("memory_used_bytes", "memory")):
            for card, value in zip(known, source.readings.get(channel, ()), strict=False):
                if value is not None and card.get(name) is None:
                    card[name] = value
    return known


def foreign(devices: Sequence[Device], known: Sequence[Mapping[str, Any]]) -> Iterator[Foreign]:
    """Who is on each card. No run of this session is under way, so that everybody is somebody else."""
    for device, card in zip(devices, known, strict=True):
        processes: Sequence[ProcessOnCard] = card.get("processes") or ()
        for process in processes:
            pid = str(process.get("pid", "?"))
            yield Foreign(("process", device.id, pid), f"card {device.id} is used by process {pid}{_what(process)}")
        if not processes:
            yield from _unseen(device, card)


def _what(process: ProcessOnCard) -> str:
    """As in " (python, 5.2 GiB)"."""
    size = process.get("bytes")
    parts = [str(process.get("name") or ""), "" if size is None else f"{size / GIB:.1f} GiB"]
    known = ", ".join(part for part in parts if part)
    return f" ({known})" if known else ""


def _unseen(device: Device, card: Mapping[str, Any]) -> Iterator[Foreign]:
    """Somebody whom no tool names: a process of another container, say."""
    busy, used = card.get("utilization_percent"), card.get("memory_used_bytes")
    if busy is not None and busy > BUSY_PERCENT:
        yield Foreign(
            ("busy", device.id), f"card {device.id} is {busy:.0f} % busy, by nobody who can be seen from here"
        )
    elif used is not None and held(used, device.total_bytes):
        text = f"card {device.id}: {used / GIB:.1f} GiB of its memory are held by nobody who can be seen from here"
        yield Foreign(("memory", device.id), text)
