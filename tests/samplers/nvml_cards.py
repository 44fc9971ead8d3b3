"""What the tests of NVML share: a sampler of the stub in this process, and devices as the order lists them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.records import CHANNELS
from pytest_sixdim.samplers import Card, Device, Node
from pytest_sixdim.samplers.nvml import NvmlSampler
from tests.stubs.nvml import NvmlStub, Playing, StubCard

ALL = tuple(CHANNELS)


class Bench:
    """Cards that the stub plays on a manual clock, read by samplers of this process."""

    def __init__(self, stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stub = stub
        self._monkeypatch = monkeypatch
        self._open: list[NvmlSampler] = []
        self.playing: Playing

    def play(self, *cards: StubCard, **node: Any) -> None:
        """Have these cards; it is 0 s."""
        self.playing = self._stub.play(cards, manual=True, **node)
        for name, value in self.playing.environment.items():
            self._monkeypatch.setenv(name, value)

    def sampler(self, **options: Any) -> NvmlSampler:
        """A sampler that loads the stub by its path."""
        sampler = NvmlSampler(library=str(self._stub.built), **options)
        self._open.append(sampler)
        return sampler

    def opened(self, *cards: StubCard, channels: Iterable[str] = ALL, **node: Any) -> NvmlSampler:
        """A sampler of all these cards, open."""
        self.play(*cards, **node)
        sampler = self.sampler()
        sampler.open(leased(sampler.cards()), tuple(channels))
        return sampler

    def at(self, sampler: NvmlSampler, t: float, channel: str) -> list[float | None]:
        """What it reads when it is t."""
        self.playing.set_clock(t)
        return sampler.read({channel})[channel]

    def close(self) -> None:
        for sampler in self._open:
            sampler.close()


def leased(cards: Sequence[Card]) -> Node:
    """A node whose devices are these cards, in this order."""
    devices = tuple(
        Device(place, card.uuid or str(place), card.name, card.total_bytes, uuid=card.uuid, pci=card.pci)
        for place, card in enumerate(cards)
    )
    return Node(devices, Path(os.devnull))
