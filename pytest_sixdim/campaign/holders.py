"""Who holds which cards of this host, and who waits for some: read from the locks, taking none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.processes import namespace
from pytest_sixdim.campaign.locks import lock_directory, read_note
from pytest_sixdim.campaign.turns import tickets

HOST = "host.lock"
#: Characters of a run's and of a card's name that are shown.
LONGEST = 200
#: Above every process number that Linux gives (proc(5), pid_max).
_PIDS = 2**22
#: Above every time (unix s) that is worth showing.
_LATEST = 2.0**33


@dataclass(frozen=True)
class Holder:
    """A run that holds cards, or waits for some.

    Attributes:
        run: its name; None where its note says nothing.
        process: of the pytest that asked for it, which may be gone while its agent still ends the run.
        since_unix: held, or waited, since when.
        cards: their ids; of who waits: none.
        host: whether it holds the host as a whole, so that nobody has its other cards.
        gone: whether the process has ended, so that the locks are held by its agent alone.
        session: the same for all runs of a session; None where its note says nothing.
    """

    run: str | None
    process: int | None
    since_unix: float | None
    cards: tuple[str, ...] = ()
    host: bool = False
    gone: bool = False
    session: str | None = None

    @property
    def name(self) -> str:
        """As in "run digits/.../full-1 of process 123"."""
        run = "another run" if self.run is None else f"run {self.run}"
        if self.process is None:
            return run
        gone = " (which is gone; its agent ends the run)" if self.gone else ""
        return f"{run} of process {self.process}{gone}"

    @property
    def sentence(self) -> str:
        """As in "run digits/.../full-1 of process 123 has core:0, core:1"."""
        return f"{self.name} has {'it' if self.host else ', '.join(self.cards)}"


@dataclass(frozen=True)
class Holding:
    """Who has what of this host: `holders` of cards, and those `waiting`, in their turn."""

    holders: tuple[Holder, ...] = ()
    waiting: tuple[Holder, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As docs/formats.md describes it."""
        names = ("run", "process", "since_unix", "gone")
        return {
            "holders": [_told(holder, *names, "cards", "host") for holder in self.holders],
            "waiting": [_told(waiter, *names) for waiter in self.waiting],
        }


def _told(holder: Holder, *names: str) -> dict[str, Any]:
    return {name: getattr(holder, name) for name in names}


def card_lock(directory: Path, card: str) -> Path:
    """The lock of the card with this id, readable and different for every id."""
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", card)[:80]
    return directory / f"card-{readable}-{hashlib.sha256(card.encode()).hexdigest()[:12]}.lock"


def who_holds(directory: Path | None = None) -> Holding:
    """Who has which cards now, and who waits; takes nothing.

    directory: of the locks; by default lock_directory(), which may raise SettingsError.
    """
    directory = lock_directory() if directory is None else directory
    whole = read_note(directory / HOST)
    holders: dict[tuple[int | None, str | None], Holder] = {}
    if whole is not None:
        holder = read_holder(whole)
        holders[holder.process, holder.run] = replace(holder, host=True)
    for path in sorted(directory.glob("card-*.lock")):
        note = read_note(path)
        if note is not None:
            holder = read_holder(note)
            known = holders.setdefault((holder.process, holder.run), holder)
            holders[holder.process, holder.run] = replace(known, cards=(*known.cards, _card(directory, path, note)))
    waiting = [read_holder(note) for ticket in tickets(directory) if (note := read_note(ticket)) is not None]
    return Holding(tuple(holders.values()), tuple(waiting))


def read_holder(note: Mapping[str, Any]) -> Holder:
    """What a note says, as far as it makes sense."""
    run, process, since, session = (note.get(name) for name in ("run", "pid", "since_unix", "session"))
    number = process if isinstance(process, int) and 0 < process <= _PIDS else None
    here = note.get("namespace") == namespace()  # else the number may be that of a process of another container
    return Holder(
        run=_printable(run) if isinstance(run, str) and run else None,
        process=number,
        since_unix=float(since) if isinstance(since, (int, float)) and 0 < since < _LATEST else None,
        gone=here and number is not None and not Path(f"/proc/{number}").exists(),
        session=session if isinstance(session, str) else None,
    )


def _card(directory: Path, path: Path, note: Mapping[str, Any]) -> str:
    """The card whose lock this is: as its note says, where that is the name of such a lock, else by the file's name."""
    card = note.get("card")
    if isinstance(card, str) and card_lock(directory, card) == path:
        return _printable(card)
    return path.stem.removeprefix("card-").rpartition("-")[0] or path.stem


def _printable(text: str) -> str:
    """Without what could act on a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST])
