"""Who has this host's cards: one lock a card, all or nothing, in turn (docs/sharing.md)."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.processes import namespace
from pytest_sixdim.campaign.holders import HOST, Holder, card_lock, read_holder, who_holds
from pytest_sixdim.campaign.locks import lock_directory, read_note, remove, take, write_note
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.turns import turn
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.samplers import Device

#: Seconds between two attempts of the one whose turn it is.
PAUSE = 0.1
#: Attempts at a card that others look at just then.
LOOKS = 20
#: Seconds after which a lock's file is touched, so that nobody takes it for forgotten and tidies it away.
FRESH = 3600.0
#: Seconds in which whoever waits for one run is told at most one thing more.
QUIET = 30.0


@dataclass(frozen=True)
class Lease:
    """Cards that a run holds. `descriptors` hold the locks: whoever has them open holds the cards.

    `waited_seconds`: how long it took to get them.
    """

    devices: tuple[Device, ...]
    shared: bool
    descriptors: tuple[int, ...]
    since_unix: float
    directory: Path
    waited_seconds: float = 0.0
    _neighbours: dict[tuple[int | None, str | None], Holder] = field(default_factory=dict)

    def look(self) -> None:
        """Note who else holds cards of this host just now; to be called now and then while the run goes on."""
        with suppress(OSError):  # what goes wrong here is no fault of the run
            for descriptor in self.descriptors:
                if time.time() - os.fstat(descriptor).st_mtime > FRESH:
                    os.utime(descriptor)
            if self.shared:
                self._note_neighbours()

    def _note_neighbours(self) -> None:
        own = {device.id for device in self.devices}
        for holder in who_holds(self.directory).holders:
            cards = [card for card in holder.cards if card not in own]
            if cards:
                who = (holder.process, holder.run)
                before = self._neighbours[who].cards if who in self._neighbours else ()
                both = tuple(dict.fromkeys((*before, *cards)))
                self._neighbours[who] = Holder(holder.run, holder.process, holder.since_unix, both)

    def record(self) -> dict[str, Any]:
        """lease.json: plain types."""
        self.look()
        return {
            "shared": self.shared,
            "cards": [device.id for device in self.devices],
            "since_unix": self.since_unix,
            "until_unix": time.time(),
            "process": os.getpid(),
            "waited_seconds": self.waited_seconds,
            "neighbours": [
                {"run": other.run, "process": other.process, "cards": list(other.cards), "since_unix": other.since_unix}
                for other in self._neighbours.values()
            ],
        }


@contextmanager
def lease(
    run: Path, label: str, pool: Sequence[Device], count: int, *, share: bool, waiting: Callable[[str], None]
) -> Iterator[Lease]:
    """Hold `count` cards of `pool` for the run kept in folder `run` until the block ends and the agent has ended.

    Waits for its turn, after `waiting` was told who of other sessions has what, and again now and then when that
    changes: the own session says itself what it is at. label: names the run for others who wait. share: whether others
    may have the host's other cards meanwhile; without, the host is held as a whole. Raises SettingsError where the pool
    has too few cards and where nothing can be locked.
    """
    if not 0 < count <= len(pool):
        raise SettingsError(f"run {label} needs {count} cards, {len(pool)} are there")
    began = time.monotonic()
    directory = lock_directory()
    note = {"pid": os.getpid(), "namespace": namespace(), "run": label, "since_unix": time.time(), "cards": count}
    note["session"] = _hashed(run.resolve().parents[2])
    tell = _now_and_then(waiting)
    with _run_locked(directory, run, note, tell) as run_lock:
        with turn(directory, note, lambda: tell(_queued(directory, note))):
            while (taken := _take(directory, note, pool, count, share)) is None:
                tell(_wanted(directory, note, pool, share))
                time.sleep(PAUSE)
        devices, descriptors = taken
        waited = time.monotonic() - began
        try:
            yield Lease(devices, share, (run_lock, *descriptors), time.time(), directory, waited)
        finally:
            _close(descriptors)


def _take(
    directory: Path, note: Mapping[str, Any], pool: Sequence[Device], count: int, share: bool
) -> tuple[tuple[Device, ...], list[int]] | None:
    """Host and cards, or nothing.

    Without sharing, and where the cards differ, always the first of the pool, so that figures can be compared.
    """
    any_will_do = share and len({device.name for device in pool}) == 1
    held = {**note, "since_unix": time.time()}
    devices: list[Device] = []
    descriptors: list[int] = []
    complete = False
    try:
        host = take(directory / HOST, shared=share)
        if host is None:
            return None
        descriptors.append(host)
        if not share:  # else others may have part in it
            write_note(host, held)
        for device in pool if any_will_do else pool[:count]:
            descriptor = _take_card(card_lock(directory, device.id))
            if descriptor is not None:
                descriptors.append(descriptor)
                devices.append(device)
            if len(devices) == count:
                complete = True
                for each, own in zip(devices, descriptors[1:], strict=True):
                    write_note(own, {**held, "card": each.id})
                return tuple(devices), descriptors
        return None
    finally:
        if not complete:
            _close(descriptors)


def _take_card(path: Path) -> int | None:
    """A card's lock unless somebody has it; one who only looks has it for a moment, and does not count."""
    for _ in range(LOOKS):
        descriptor = take(path)
        if descriptor is not None or read_note(path) is not None:
            return descriptor
        time.sleep(PAUSE / LOOKS)
    return None


@contextmanager
def _run_locked(directory: Path, run: Path, note: Mapping[str, Any], tell: Callable[[str], None]) -> Iterator[int]:
    """Hold a run's folder, so that two processes that ask for the same run wait for one another."""
    _sweep(directory)
    path = directory / f"run-{_hashed(run.resolve())}.lock"
    descriptor = take(path)
    if descriptor is None:
        held = read_note(path)
        if held is not None:
            tell(f"run {note['run']}: {read_holder(held).name} is at it")
        descriptor = take(path, wait=True)
    assert descriptor is not None
    write_note(descriptor, note)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        remove(path)  # not while the agent still has it


def _sweep(directory: Path) -> None:
    """Remove the locks of runs that nobody is at: killed processes leave them."""
    for path in directory.glob("run-*.lock"):
        remove(path)


def _queued(directory: Path, note: Mapping[str, Any]) -> str:
    """Who of other sessions comes before: those that wait longer, and those that have cards; empty for nobody."""
    now, own = who_holds(directory), read_holder(note)
    longer = takewhile(lambda waiter: (waiter.process, waiter.run) != (own.process, own.run), now.waiting)
    before = [waiter for waiter in longer if waiter.session != own.session]
    others = f" and {count_of(len(before) - 1, 'other')}" if len(before) > 1 else ""
    came = [f"{before[0].name}{others} came before"] if before else []
    sentences = [*came, *(holder.sentence for holder in now.holders if holder.session != own.session)]
    return f"its turn: {'; '.join(sentences)}" if sentences else ""


def _wanted(directory: Path, note: Mapping[str, Any], pool: Sequence[Device], share: bool) -> str:
    """Who of other sessions has what the one is waiting for whose turn it is; empty for nobody."""
    holders = [holder for holder in who_holds(directory).holders if holder.session != note["session"]]
    what = f"{note['cards']} of {len(pool)} cards" if share else "the host"
    return f"{what}: {'; '.join(holder.sentence for holder in holders)}" if holders else ""


def _now_and_then(waiting: Callable[[str], None]) -> Callable[[str], None]:
    """Tells the first word at once, and then, every QUIET seconds at most, what was not told just before."""
    last, told = "", -math.inf

    def tell(text: str) -> None:
        nonlocal last, told
        now = time.monotonic()
        if text and text != last and now - told >= QUIET:
            last, told = text, now
            waiting(text)

    return tell


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _hashed(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
