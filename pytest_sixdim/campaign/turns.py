"""Whose turn it is to take cards: first come, first served, however many cards each needs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.locks import remove, take, write_note

_NAME = re.compile(r"(\d{12})\.ticket")


def tickets(directory: Path) -> list[Path]:
    """The tickets of all who wait, and of some who died waiting; first come, first.

    directory: of the locks.
    """
    queue = directory / "queue"
    try:
        return sorted(ticket for ticket in queue.iterdir() if _NAME.fullmatch(ticket.name))
    except OSError:
        return []


@contextmanager
def turn(directory: Path, note: Mapping[str, Any], behind: Callable[[], None]) -> Iterator[None]:
    """Wait until all who came before have had their turn; the own one lasts until the block ends.

    directory: of the locks. note: who waits, for others. behind: called before every wait.
    Each waits for the one before, blocked on the lock of that one's ticket, so that waiting costs nothing and the
    ticket of a process that was killed is passed at once.
    """
    queue = directory / "queue"
    queue.mkdir(mode=0o700, exist_ok=True)
    with _queue_locked(directory):
        last = max((int(ticket.stem) for ticket in tickets(directory)), default=0)
        mine = queue / f"{last + 1:012d}.ticket"
        descriptor = take(mine, wait=True)  # for one who only looks
    assert descriptor is not None
    try:
        write_note(descriptor, note)
        while (before := _before(directory, mine)) is not None:
            behind()
            _wait_for(before)
        yield
    finally:
        mine.unlink(missing_ok=True)
        os.close(descriptor)


def _before(directory: Path, mine: Path) -> Path | None:
    """The last ticket before one's own; those of the dead are removed."""
    with _queue_locked(directory):
        for ticket in tickets(directory):
            remove(ticket)
        return max((ticket for ticket in tickets(directory) if ticket.name < mine.name), default=None)


def _wait_for(ticket: Path) -> None:
    """Until its holder has gone."""
    descriptor = take(ticket, shared=True, wait=True, create=False)
    if descriptor is not None:
        os.close(descriptor)


@contextmanager
def _queue_locked(directory: Path) -> Iterator[None]:
    """Held for moments only, while tickets are drawn or looked through."""
    descriptor = take(directory / "queue.lock", wait=True)
    assert descriptor is not None
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
