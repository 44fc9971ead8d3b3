"""AMD's cards, through the `amdsmi` package of ROCm (rocm.docs.amd.com/projects/amdsmi)."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler, SamplerUnavailable
from pytest_sixdim.samplers.amd_smi_facts import card_facts, described
from pytest_sixdim.samplers.amd_smi_ways import SLOWDOWNS, HeldBack, Way, ways
from pytest_sixdim.samplers.identity import locate
from pytest_sixdim.samplers.sensors import SHARED_CHANNELS, sensor_places, sensors_of
from pytest_sixdim.samplers.tool.boards import board_rule


class AmdSmiSampler(Sampler):
    """All channels. One is offered where at least one card answers it; another card's readings are then missing."""

    def __init__(self, board: Mapping[str, Any] | None = None) -> None:
        """`board`: which cards share one power sensor (samplers/tool/boards.py)."""
        self._rule = board_rule(board or {})
        self._amdsmi: Any = None
        self._handles: list[Any] = []
        self._places: list[int | None] = []  # by card: of the card that holds its power sensor
        self._chosen: dict[str, Way] = {}
        self._held: list[HeldBack] = []
        self._missing: dict[str, str] = {}
        self._errors: list[Counter[str]] = []
        self._complaints: list[str] = []
        self._calls = 0

    def cards(self) -> Sequence[Card]:
        """See Sampler.cards."""
        amdsmi = self._start()
        return [described(amdsmi, handle, index) for index, handle in enumerate(self._listed(amdsmi))]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """Find the cards and probe each channel on each of them; see Sampler.open."""
        amdsmi = self._start()
        handles = self._listed(amdsmi)
        cards = [described(amdsmi, handle, index, facts=False) for index, handle in enumerate(handles)]
        leased = locate(node.devices, cards)
        self._handles = [handles[card.index] for card in leased]
        self._places = sensor_places(self._rule, leased, cards)
        self._errors = [Counter() for _ in leased]
        self._held = [HeldBack(amdsmi, handle) for handle in self._handles]
        for channel in channels:
            if channel not in SLOWDOWNS:
                self._choose(amdsmi, channel)
        sources = {channel: self._source(channel, way) for channel, way in self._chosen.items()}
        sources |= {
            channel: Source("amd_smi", "counter") for channel in self._counted(SLOWDOWNS.keys() & set(channels))
        }
        if not sources:
            raise SamplerUnavailable("; ".join(dict.fromkeys(self._missing.values())) or "no channel was asked for")
        return sources

    def missing(self) -> Mapping[str, str]:
        """See Sampler.missing."""
        return self._missing

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """See Sampler.read."""
        wanted = [channel for channel in channels if channel in self._chosen]
        readings: dict[str, list[float | None]] = {
            channel: [self._value(card, channel) for card in range(len(self._handles))] for channel in wanted
        }
        for channel in SHARED_CHANNELS & readings.keys():
            own = readings[channel]
            readings[channel] = [None if place is None else own[place] for place in self._places]
        if SLOWDOWNS.keys() & set(channels):
            seconds = [self._seconds(card) for card in range(len(self._handles))]
            for channel in SLOWDOWNS.keys() & set(channels):
                readings[channel] = [held.get(channel) for held in seconds]
        return readings

    def complaints(self) -> Sequence[str]:
        """See Sampler.complaints."""
        complaints, self._complaints = self._complaints, []
        return complaints

    def facts(self) -> Sequence[CardFacts]:
        """See Sampler.facts."""
        amdsmi = self._start()
        return [card_facts(amdsmi, handle) for handle in self._handles]

    def summary(self) -> Mapping[str, Any]:
        """Calls of the library, errors by card, and which library it was."""
        if self._amdsmi is None:
            return {}
        return {
            "library": getattr(self._amdsmi, "__file__", None),
            "version": getattr(self._amdsmi, "__version__", None),
            "calls": self._calls,
            "errors": {f"card {card}": dict(errors) for card, errors in enumerate(self._errors) if errors},
        }

    def close(self) -> None:
        """See Sampler.close."""
        if self._amdsmi is not None:
            with contextlib.suppress(self._amdsmi.AmdSmiException):
                self._amdsmi.amdsmi_shut_down()
            self._amdsmi = None

    def _start(self) -> Any:
        if self._amdsmi is None:
            self._amdsmi = _initialised()
        return self._amdsmi

    def _listed(self, amdsmi: Any) -> Sequence[Any]:
        try:
            return list(amdsmi.amdsmi_get_processor_handles())
        except amdsmi.AmdSmiException as error:
            raise SamplerUnavailable(f"AMD SMI lists no cards: {_text(error)}") from None

    def _source(self, channel: str, way: Way) -> Source:
        shared = sensors_of(self._places) if channel in SHARED_CHANNELS else None
        return Source("amd_smi", way.method, "module" if shared else "card", sensors=shared)

    def _choose(self, amdsmi: Any, channel: str) -> None:
        """Take the first way that all cards answer, else the first that any does."""
        own = channel not in SHARED_CHANNELS
        asked = [card for card, place in enumerate(self._places) if own or place == card]
        reason, most = "" if asked else "one sensor for a board of which not all cards are leased", 0
        for way in ways(amdsmi, channel):
            answers = 0
            for card in asked:
                try:
                    answers += way.read(self._handles[card]) is not None
                except amdsmi.AmdSmiException as error:
                    reason = reason or _text(error)
            if answers > most:
                most, self._chosen[channel] = answers, way
            if answers == len(asked):
                break
        if not most:
            self._missing[channel] = reason or "N/A on every card"

    def _counted(self, channels: Collection[str]) -> set[str]:
        """Those of `channels`, ways of being held back, that any card counts."""
        found: set[str] = set()
        for held in self._held if channels else ():
            with contextlib.suppress(self._amdsmi.AmdSmiException):
                found |= held.read(time.monotonic()).keys() & set(channels)
        for channel in set(channels) - found:
            self._missing[channel] = "only cards of the MI300 series and newer count it"
        return found

    def _value(self, card: int, channel: str) -> float | None:
        if channel in SHARED_CHANNELS and self._places[card] != card:
            return None
        self._calls += 1
        try:
            return self._chosen[channel].read(self._handles[card])
        except self._amdsmi.AmdSmiException as error:
            self._note(card, error)
            return None

    def _seconds(self, card: int) -> Mapping[str, float]:
        self._calls += 1
        try:
            return self._held[card].read(time.monotonic())
        except self._amdsmi.AmdSmiException as error:
            self._note(card, error)
            return {}

    def _note(self, card: int, error: Exception) -> None:
        text = _text(error)
        if text not in self._errors[card]:
            self._complaints.append(f"card {card}: {text}")
        self._errors[card][text] += 1


def _initialised() -> Any:
    """The package, initialised. Raises SamplerUnavailable."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints where it finds no library
            amdsmi = importlib.import_module("amdsmi")
    except ModuleNotFoundError:
        raise SamplerUnavailable("the module amdsmi is missing: pip install /opt/rocm/share/amd_smi") from None
    except Exception as error:  # KeyError, where there is no library
        text = f"{type(error).__name__}: {error}"
        raise SamplerUnavailable(f"libamd_smi.so cannot be loaded ({text}): install amd-smi-lib of ROCm") from None
    try:
        amdsmi.amdsmi_init()
    except amdsmi.AmdSmiException as error:
        raise SamplerUnavailable(f"AMD SMI cannot be initialised: {_text(error)}: is amdgpu loaded?") from None
    return amdsmi


def _text(error: Exception) -> str:
    """The words of an error: "AMDSMI_STATUS_NOT_SUPPORTED - Feature not supported" without its number."""
    words = str(getattr(error, "err_info", None) or error)
    return words.rpartition(" - ")[2]
