"""The samplers of a node: which of them answer, and what they read."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pytest_sixdim.agent.card_facts import Answer, merged, plain
from pytest_sixdim.agent.order import Plugin
from pytest_sixdim.core.records import CHANNELS, Source
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.samplers import Node, Sampler, SamplerUnavailable, make_sampler

#: Decimals that are kept of a reading: mJ, mW, bytes, us of a slowdown counter; else a thousandth of the unit.
DIGITS = {"memory": 0, "slowdown_hardware": 6, "slowdown_thermal": 6, "slowdown_power": 6}
#: A sampler that took longer than this (s) to tell what it knows is not asked again while segments are timed.
QUICK = 0.2
#: A vendor's library may raise anything, and may want to end the process.
FAILURES = (Exception, SystemExit)


class Instruments:
    """Each channel is served by the first sampler that answers it.

    Attributes:
        sources: of the channels that are served.
        unavailable: channel -> why nobody serves it.
        asked: the sampler that is being asked just now, and since when (monotonic s).
    """

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.unavailable: dict[str, str] = dict.fromkeys(CHANNELS, "no sampler was asked for it")
        self.asked: tuple[str, float] | None = None
        self._cards = 0
        self._made: list[Sampler] = []
        self._open: list[tuple[str, Sampler, frozenset[str]]] = []
        self._slow_to_tell: set[str] = set()
        self._summing: str | None = None

    def open(self, choices: Sequence[Plugin], node: Node, unavailable: Mapping[str, str]) -> None:
        """Ask the samplers in order of preference. `unavailable`: what is known beforehand."""
        self._cards = len(node.devices)
        self.unavailable.update(unavailable)
        reasons: dict[str, list[str]] = {}
        for choice in choices:
            wanted = [channel for channel in choice.channels if channel not in self.sources]
            served, missing = self._try(choice, node, wanted) if wanted else ({}, {})
            self.sources.update(served)
            for channel in wanted:
                if channel not in served:
                    reasons.setdefault(channel, []).append(f"{choice.name}: {missing[channel]}")
        self.unavailable.update({channel: "; ".join(texts) for channel, texts in reasons.items()})
        for channel in self.sources:
            self.unavailable.pop(channel, None)

    def read(self, channels: Collection[str]) -> tuple[dict[str, list[float | None]], list[str]]:
        """Readings of those of `channels` that are served and due, and what went wrong."""
        readings: dict[str, list[float | None]] = {}
        errors: list[str] = []
        for name, sampler, serves in self._open:
            wanted = serves.intersection(channels)
            if not wanted:
                continue
            self.asked = (name, time.monotonic())
            try:
                answer = sampler.read(wanted)
                for channel in wanted & answer.keys():
                    if len(answer[channel]) == self._cards:
                        readings[channel] = _finite(channel, answer[channel])
                    else:
                        errors.append(f"{name}: {len(answer[channel])} readings of {channel} for {self._cards} cards")
                errors += [f"{name}: {text}" for text in sampler.complaints()]
            except FAILURES as error:
                errors.append(f"{name}: {type(error).__name__}: {error}")
            self.asked = None
        return readings, errors

    def due_now(self) -> None:
        """See Sampler.due_now."""
        for _, sampler, _ in self._open:
            with suppress(*FAILURES):
                sampler.due_now()

    def facts(self, *, quick: bool = False) -> tuple[list[dict[str, Any]], list[str]]:
        """What the samplers know of each card besides readings, the preferred sampler first, and what went wrong.

        `quick`: leave out a sampler that took long the last time.
        """
        answers: list[Answer] = []
        errors: list[str] = []
        for name, sampler, _ in self._open:
            if quick and name in self._slow_to_tell:
                continue
            began = time.monotonic()
            self.asked = (name, began)
            try:
                answer = sampler.facts()
                if answer and len(answer) != self._cards:
                    raise ValueError(f"facts of {len(answer)} cards, there are {self._cards}")
                answers += [[dict(card) for card in answer]] if answer else []
            except FAILURES as error:
                errors.append(f"{name}: facts: {type(error).__name__}: {error}")
            if time.monotonic() - began > QUICK:
                self._slow_to_tell.add(name)
            self.asked = None
        return merged(answers, self._cards), errors

    def summaries(self) -> dict[str, Any]:
        """What the samplers say of their own work, by name; of one that fails to tell, how."""
        summaries: dict[str, Any] = {}
        for name, sampler, _ in self._open:
            if name == self._summing:
                continue  # it has not told another thread yet
            self._summing = name
            try:
                summary = plain(dict(sampler.summary()))
            except FAILURES as error:
                summary = {"error": f"{type(error).__name__}: {error}"}
            self._summing = None
            if summary:
                summaries[name] = summary
        return summaries

    def close(self) -> list[str]:
        """Release all samplers; returns what went wrong."""
        errors = []
        for name, sampler, _ in self._open:
            self.asked = (name, time.monotonic())
            try:
                sampler.close()
            except FAILURES as error:
                errors.append(f"{name}: close: {type(error).__name__}: {error}")
            self.asked = None
        return errors

    def give_up(self) -> None:
        """Nobody waits for the samplers any more; called from another thread."""
        for sampler in list(self._made):
            with suppress(Exception):
                sampler.give_up()

    def _try(self, choice: Plugin, node: Node, channels: list[str]) -> tuple[dict[str, Source], dict[str, str]]:
        """What a sampler serves of `channels`, and why it does not serve the others."""
        self.asked = (choice.name, time.monotonic())
        try:
            sampler = make_sampler(choice.name, choice.options, {choice.name: choice.path})
            self._made.append(sampler)
            offered = sampler.open(node, channels)
            served = {channel: offered[channel] for channel in channels if channel in offered}
            missing = {**dict.fromkeys(channels, "does not offer it here"), **sampler.missing()}
        except (SamplerUnavailable, RegistryError) as error:
            return {}, dict.fromkeys(channels, str(error))
        except FAILURES as error:
            return {}, dict.fromkeys(channels, f"{type(error).__name__}: {error}")
        finally:
            self.asked = None
        self._open.append((choice.name, sampler, frozenset(served)))
        return served, missing


def _finite(channel: str, values: Sequence[float | None]) -> list[float | None]:
    """What is no finite number is missing; decimals beyond what is meaningful are cut off."""
    digits = DIGITS.get(channel, 3)
    return [None if value is None or not math.isfinite(value) else round(float(value), digits) for value in values]
