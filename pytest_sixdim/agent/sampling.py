"""Samples the cards in a thread of its own, so that a sampler that fails or hangs never stops supervision."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pytest_sixdim.agent.card_facts import Ownership
from pytest_sixdim.agent.instruments import Instruments
from pytest_sixdim.agent.launches import ONE_PROCESS
from pytest_sixdim.agent.order import Order
from pytest_sixdim.agent.pace import FAST, SLOW, Pace, Schedule
from pytest_sixdim.agent.recorder import JsonLines
from pytest_sixdim.agent.warming import Warming
from pytest_sixdim.core.records import CHANNELS, CardInfo, Source
from pytest_sixdim.samplers import Node

#: Read at the fast pace while segments are timed; the other channels always at the slow one.
FAST_CHANNELS = frozenset({"energy", "power"})
SLOW_CHANNELS = frozenset(CHANNELS) - FAST_CHANNELS
#: Errors that are recorded; more are only counted.
RECORDED_ERRORS = 100
#: Seconds that the samplers have to return from their last reading and to tell what they know of the cards.
PATIENCE = 5.0
#: How often what was read at the window's beginning is read again, because an evaluation went on meanwhile.
AGAIN = 3
#: Seconds after the window for which the fast pace is kept, so that the window's end lies between two such readings.
AFTER_WINDOW = 2.0


class Sampling:
    """Readings of this node's cards, from `start` to `stop`, in samples.jsonl.

    What else is known of the cards is written at three instants: before the ranks use them (they take longer to load
    than the samplers), when segments begin to be timed, and at the end.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._instruments = Instruments()
        self._file = order.node / "samples.jsonl"
        self._lines: JsonLines | None = None
        self._pace = Pace()
        self._ownership = Ownership()
        self._warming: Warming | None = Warming(order.node / "thermal.json")
        self._missing: Counter[str] = Counter()
        self._summaries: dict[str, Any] | None = None  # before the samplers were closed
        self._readings = self._errors = 0
        self._ended: str | None = None
        self._cpu_seconds = 0.0
        self._fast_until = math.inf
        self._first: float | None = None  # when the window's first reading of everything was taken
        self._evaluated = (math.inf, math.inf)
        self._left = AGAIN
        self._fast = self._slow_now = self._stopping = self._left_behind = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        """Begin to sample, at the slow pace."""
        self._thread.start()

    def hurry(self) -> None:
        """Read everything at once, and power and energy at the fast pace from now on.

        So that even a window shorter than the slow pace has a reading of every channel at its beginning.
        """
        if not self._fast:
            self._fast = self._slow_now = True
            self._wake.set()

    def evaluated(self, began: float, ended: float) -> None:
        """There was an evaluation: what was read meanwhile says nothing of the training."""
        self._evaluated = began, ended
        self._read_again()

    def relax(self) -> None:
        """Go back to the slow pace, which is enough for what comes after the window, soon from now.

        A training may go on for days.
        """
        self._fast_until = min(self._fast_until, time.monotonic() + AFTER_WINDOW)

    def stop(self) -> dict[str, Any]:
        """End sampling; returns what it cost (`sampler` of result.json).

        A sampler that does not return within PATIENCE is left behind. `ended` is there where sampling ended before it
        was told to, as when the disk is full: no reading of the run may then be judged.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(PATIENCE)
        self._left_behind = self._thread.is_alive()
        asked = self._instruments.asked
        if self._left_behind:
            self._instruments.give_up()
        try:
            lines = self._lines or self._head({}, {**dict.fromkeys(CHANNELS, "no answer"), **self._order.unavailable})
            if self._left_behind and asked is not None:
                self._errors += 1
                lines.write(_error(f"{asked[0]}: no answer for {time.monotonic() - asked[1]:.1f} s"))
            lines.close()
        except OSError as error:
            self._end(error)
        ended = {} if self._ended is None else {"ended": self._ended}
        return {
            **ended,
            "cpu_seconds": self._cpu_seconds,
            "readings": self._readings,
            "readings_missing": dict(self._missing),
            **self._pace.summary(),
            "errors": self._errors,
            **(self._summaries if self._summaries is not None else self._instruments.summaries()),
        }

    def _run(self) -> None:
        """The thread."""
        one_process = self._order.launch in ONE_PROCESS
        node = Node(self._order.devices, self._order.node, one_process=one_process)
        try:
            self._instruments.open(self._order.samplers, node, self._order.unavailable)
            if not self._stopping:
                self._lines = self._head(self._instruments.sources, self._instruments.unavailable)
                self._tell(self._lines)
                self._sample(self._lines)
                self._tell(self._lines)
                self._cpu_seconds = time.thread_time()
                self._summaries = self._instruments.summaries()
                self._record(self._lines, self._instruments.close())
        except BaseException as error:  # the disk is full, or a sampler raised what none should
            self._errors += 1
            self._end(error)

    def _end(self, error: BaseException) -> None:
        """Note that readings are missing which should be there."""
        print(f"sampling ended: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        if self._ended is None and (isinstance(error, OSError) or not self._stopping):
            why = (
                f"{self._file}: {error.strerror}" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            )
            self._ended = f"sampling ended early: {why}"

    def _sample(self, lines: JsonLines) -> None:
        started = slow_due = time.monotonic()
        while not self._stopping:
            self._wake.clear()
            began = time.monotonic()
            fast = self._fast and began < self._fast_until and FAST_CHANNELS & self._instruments.sources.keys()
            period = FAST if fast else SLOW
            slow = self._slow_now or began >= slow_due - FAST / 2
            at_once = self._slow_now
            if at_once:
                self._slow_now = False
                self._instruments.due_now()
            if slow:
                slow_due = Schedule(started, SLOW).following(began, began)
            self._pace.began(began, period)
            read = self._tick(lines, slow)
            if at_once:
                self._first = read
                self._read_again()
            if self._fast and self._warming is not None:  # segments have begun to be timed: warm-up is over
                self._warming = None
                self._tell(lines, quick=True)
            self._cpu_seconds = time.thread_time()
            now = time.monotonic()
            self._wake.wait(Schedule(started, period).following(began, now) - now)

    def _read_again(self) -> None:
        """Read everything at once where the window's first reading fell into the last evaluation."""
        first, (began, ended) = self._first, self._evaluated
        if first is not None and began <= first <= ended and self._left > 0:
            self._left -= 1
            self._first = None
            self._slow_now = True
            self._wake.set()

    def _tick(self, lines: JsonLines, slow: bool) -> float:
        """One line; its time, which is returned, is the middle of reading energy and power, whose time matters most."""
        before = time.monotonic()
        readings, errors = self._instruments.read(FAST_CHANNELS)
        after = time.monotonic()
        if slow:
            others, other_errors = self._instruments.read(SLOW_CHANNELS)
            after = after if readings else time.monotonic()
            readings.update(others)
            errors += other_errors
        read = round((before + after) / 2, 6)
        if self._left_behind:
            return read  # the file is closed already
        if readings:
            self._readings += 1
            self._missing.update({channel: values.count(None) for channel, values in readings.items()})
            lines.write({"t": read, **readings})
            if self._warming is not None and "temperature" in readings:
                self._warming.take(after, readings["temperature"])
        self._record(lines, errors)
        return read

    def _tell(self, lines: JsonLines, *, quick: bool = False) -> None:
        """One line with what is known of the cards besides readings, where anything is."""
        facts, errors = self._instruments.facts(quick=quick)
        if self._left_behind:
            return
        if any(facts):
            self._ownership.mark(facts)
            lines.write({"t": round(time.monotonic(), 6), "facts": facts})
        self._record(lines, errors)

    def _record(self, lines: JsonLines, errors: list[str]) -> None:
        for error in errors:
            self._errors += 1
            if self._errors <= RECORDED_ERRORS:
                lines.write(_error(error))

    def _head(self, sources: Mapping[str, Source], unavailable: Mapping[str, str]) -> JsonLines:
        cards = [
            asdict(CardInfo(card.index, card.id, card.name, card.total_bytes, card.uuid, card.pci))
            for card in self._order.devices
        ]
        texts = {channel: reason for channel, reason in unavailable.items() if channel in CHANNELS}
        head = {"cards": cards, "sources": {k: asdict(v) for k, v in sources.items()}, "unavailable": texts}
        return JsonLines(self._file, head)


def _error(text: str) -> dict[str, Any]:
    return {"t": time.monotonic(), "error": text}
