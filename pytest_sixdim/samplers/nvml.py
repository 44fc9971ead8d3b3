"""NVIDIA's cards, and those of vendors whose library has NVML's functions (docs.nvidia.com/deploy/nvml-api)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler, SamplerUnavailable
from pytest_sixdim.samplers.identity import locate
from pytest_sixdim.samplers.nvml_facts import card_facts, described, divided
from pytest_sixdim.samplers.nvml_library import NvmlLibrary
from pytest_sixdim.samplers.nvml_reader import LOST, CardReader
from pytest_sixdim.samplers.nvml_ways import Way, ways
from pytest_sixdim.samplers.nvml_xids import XidListener
from pytest_sixdim.samplers.sensors import SHARED_CHANNELS, sensor_places, sensors_of
from pytest_sixdim.samplers.tool.boards import board_rule


class NvmlSampler(Sampler):
    """All channels. A channel is offered where at least one card answers it; another card's readings are then missing.

    A divided card (MIG) has neither power nor energy: no sensor tells its parts apart.
    """

    def __init__(self, library: str | None = None, board: Mapping[str, Any] | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            library: name or path of a library with NVML's functions; None: NVIDIA's own.
            board: which cards share one power sensor (samplers/tool/boards.py).
        """
        self._wanted = library
        self._rule = board_rule(board or {})
        self._library: NvmlLibrary | None = None
        self._handles: list[Any] = []
        self._places: list[int | None] = []  # by card: of the card that holds its power sensor
        self._chosen: dict[str, Way] = {}
        self._offered: list[frozenset[str]] = []  # by card
        self._readers: dict[frozenset[str], list[CardReader]] = {}
        self._missing: dict[str, str] = {}
        self._lost: set[int] = set()
        self._errors: list[Counter[str]] = []  # by card
        self._complaints: list[str] = []
        self._xids: XidListener | None = None

    def cards(self) -> Sequence[Card]:
        """See Sampler.cards."""
        library = self._start()
        handles = list(enumerate(library.handles()))
        self._complaints += [f"card {index} does not answer" for index, handle in handles if handle is None]
        return [described(library, handle, index) for index, handle in handles if handle is not None]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """Find the cards and probe each channel on each of them; see Sampler.open."""
        library = self._start()
        handles = library.handles()
        known = [(index, handle) for index, handle in enumerate(handles) if handle is not None]
        cards = [described(library, handle, index, facts=False) for index, handle in known]
        leased = locate(node.devices, cards)
        self._handles = [handles[card.index] for card in leased]
        self._places = sensor_places(self._rule, leased, cards)
        self._errors = [Counter() for _ in leased]
        self._offered = [frozenset() for _ in leased]
        for channel in channels:
            self._choose(library, channel)
        if not self._chosen:
            raise SamplerUnavailable("; ".join(dict.fromkeys(self._missing.values())) or "no channel was asked for")
        self._xids = XidListener(library, self._handles)
        return {channel: self._source(channel, way) for channel, way in self._chosen.items()}

    def missing(self) -> Mapping[str, str]:
        """See Sampler.missing."""
        return self._missing

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """See Sampler.read."""
        wanted = frozenset(channels)
        readers = self._readers.get(wanted)
        if readers is None:
            readers = self._readers[wanted] = self._made(wanted)
        readings: dict[str, list[float | None]] = {
            channel: [None] * len(readers) for channel in wanted if channel in self._chosen
        }
        for card, reader in enumerate(readers):
            if card in self._lost:
                continue
            for channel, value in reader.read().items():
                readings[channel][card] = value
            if reader.errors:
                self._note(card, reader.errors)
        for channel in SHARED_CHANNELS & readings.keys():
            own = readings[channel]
            readings[channel] = [None if place is None else own[place] for place in self._places]
        return readings

    def complaints(self) -> Sequence[str]:
        """See Sampler.complaints."""
        complaints, self._complaints = self._complaints, []
        return complaints

    def facts(self) -> Sequence[CardFacts]:
        """See Sampler.facts."""
        library = self._start()
        known = [card_facts(library, handle) for handle in self._handles]
        for card in self._lost:
            known[card]["lost"] = True
        if self._xids is not None:
            self._xids.drain()
            for handle, facts in zip(self._handles, known, strict=True):
                xids = self._xids.of(handle)
                if xids is not None:
                    facts["xids"] = xids
        return known

    def summary(self) -> Mapping[str, Any]:
        """Calls of the library, errors by card, and which library it was."""
        if self._library is None:
            return {}
        return {
            "library": self._library.path,
            "version": self._library.version,
            "calls": sum(reader.calls for readers in self._readers.values() for reader in readers),
            "errors": {f"card {card}": dict(errors) for card, errors in enumerate(self._errors) if errors},
        }

    def close(self) -> None:
        """See Sampler.close."""
        if self._library is None:
            return
        if self._xids is not None:
            self._xids.close()
        self._library.close()
        self._library = None

    def _start(self) -> NvmlLibrary:
        if self._library is None:
            self._library = NvmlLibrary(self._wanted)
        return self._library

    def _source(self, channel: str, way: Way) -> Source:
        shared = sensors_of(self._places) if channel in SHARED_CHANNELS else None
        return Source("nvml", way.method, "module" if shared else way.scope, sensors=shared)

    def _choose(self, library: NvmlLibrary, channel: str) -> None:
        """Take the first way that all cards answer, else the first that any does."""
        reason, asked = self._asked(library, channel)
        best: dict[int, bool] = {}
        candidates = ways(channel, library, self._handles) if asked else []
        for way in candidates:
            answered = {}
            for card in asked:
                reader = CardReader(library, self._handles[card], {channel: way})
                answered[card] = reader.read()[channel] is not None
                for code in reader.errors.values():
                    reason = reason or library.text(code)
            if sum(answered.values()) > sum(best.values()):
                best, self._chosen[channel] = answered, way
            if all(answered.values()):
                break
        if channel not in self._chosen:
            self._missing[channel] = reason or ("no answer" if candidates else "NVML has no such reading")
        self._offered = [
            offered | {channel} if best.get(card) else offered for card, offered in enumerate(self._offered)
        ]

    def _asked(self, library: NvmlLibrary, channel: str) -> tuple[str, list[int]]:
        """The cards to be asked for a channel; why others are not."""
        everybody = list(range(len(self._handles)))
        if channel not in SHARED_CHANNELS:
            return "", everybody
        holders = [card for card in everybody if self._places[card] == card]
        whole = [card for card in holders if not divided(library, self._handles[card])]
        if len(whole) < len(holders):
            return "divided (MIG): no sensor tells a card's parts apart", whole
        return "" if whole else "one sensor for a board of which not all cards are leased", whole

    def _made(self, channels: frozenset[str]) -> list[CardReader]:
        library = self._start()
        return [
            CardReader(library, handle, {channel: self._chosen[channel] for channel in sorted(channels & offered)})
            for handle, offered in zip(self._handles, self._offered, strict=True)
        ]

    def _note(self, card: int, errors: Mapping[str, int]) -> None:
        library = self._start()
        for code in set(errors.values()):
            text = library.text(code)
            if text not in self._errors[card]:
                self._complaints.append(f"card {card}: {text}")
            self._errors[card][text] += 1
            if code == LOST:
                self._lost.add(card)
