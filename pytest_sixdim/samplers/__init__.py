"""Sources of card readings. One file a source, one class each; `CHANNELS` in core.records lists what can be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.core.registry import class_path, load_class


class SamplerUnavailable(Exception):
    """The source cannot be read on this host; the message says why, in a few words."""


@dataclass(frozen=True)
class Device:
    """A card as the order lists it.

    Attributes:
        index: the vendor's number of it.
        id: what leases and messages call it: its UUID, its PCI address, or vendor:index.
        cores: the CPU numbers that its rank is pinned to, None for no pinning.
        uuid: as the vendor's tools print it.
        pci: its address, "0000:3b:00.0".
    """

    index: int
    id: str
    name: str
    total_bytes: int | None = None
    cores: tuple[int, ...] | None = None
    uuid: str | None = None
    pci: str | None = None


@dataclass(frozen=True)
class Card:
    """A card as a source lists it. `index`: the source's own number; `board`: cards with the same one share a board
    (and perhaps its power sensor)."""

    index: int
    name: str
    uuid: str | None = None
    pci: str | None = None
    total_bytes: int | None = None
    board: str | None = None
    facts: CardFacts = field(default_factory=CardFacts)


@dataclass(frozen=True)
class Node:
    """What a sampler may know of the run on its node.

    Attributes:
        devices: the leased cards; the n-th is that of local rank n.
        directory: the run's directory of this node, where `ranks/rank-<r>.json` names each rank's process.
        first_rank: the global rank of local rank 0.
        one_process: whether a single process, rank 0, has all devices.
    """

    devices: tuple[Device, ...]
    directory: Path
    first_rank: int = 0
    one_process: bool = False


class Sampler(ABC):
    """Reads the cards of one node. Made with the order's options as keywords; used from one thread."""

    def cards(self) -> Sequence[Card]:
        """All cards that the source lists on this host, whoever uses them; may be called before or without `open`.

        Empty where the source lists none (it meters packages or processes). Raises SamplerUnavailable where it does
        not answer.
        """
        return ()

    @abstractmethod
    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """Get ready to read; returns those of `channels` that can be read, with where their readings come from.

        Raises SamplerUnavailable where none can.
        """

    @abstractmethod
    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """One reading a card, in the order of the node's devices and in the channel's unit, of each of `channels`.

        A card that did not answer is None. A channel that is not due yet is left out.
        """

    def due_now(self) -> None:
        """The window begins: the next `read` gives a reading, however dear the last one was.

        A sampler that reads whenever it is asked has nothing to do here.
        """
        return

    def missing(self) -> Mapping[str, str]:
        """Why channels that `open` was asked for and does not offer cannot be read, where that is known."""
        return {}

    def complaints(self) -> Sequence[str]:
        """What went wrong since this was last asked; what goes wrong again and again is told once."""
        return ()

    def facts(self) -> Sequence[CardFacts]:
        """What is known of each of the node's devices besides readings, after `open`; empty where nothing is.

        It may cost milliseconds a card: called at the edges of a run.
        """
        return ()

    def summary(self) -> Mapping[str, Any]:
        """What the run's result should say of the sampling, plain JSON types."""
        return {}

    def close(self) -> None:  # noqa: B027 - nothing to release is the usual case
        """Release what `open` took."""

    def give_up(self) -> None:  # noqa: B027 - most start no process
        """This process is about to end though a call of this sampler or another has not returned: start nothing more.

        Called from another thread; must not wait for anything.
        """


#: Registered name -> "package.module:Class".
SAMPLERS: dict[str, str] = {
    "command": "pytest_sixdim.samplers.command:CommandSampler",
    "amd_smi": "pytest_sixdim.samplers.amd_smi:AmdSmiSampler",
    "nvml": "pytest_sixdim.samplers.nvml:NvmlSampler",
    "process_memory": "pytest_sixdim.samplers.process_memory:ProcessMemorySampler",
    "rapl": "pytest_sixdim.samplers.rapl:RaplSampler",
}


def make_sampler(name: str, options: Mapping[str, Any], known: Mapping[str, str] = SAMPLERS) -> Sampler:
    """The sampler called `name`.

    Raises RegistryError where it is unknown or cannot be imported, TypeError or ValueError where it does not take
    the options.
    """
    sampler: Sampler = load_class(class_path("sampler", name, known))(**options)
    return sampler
