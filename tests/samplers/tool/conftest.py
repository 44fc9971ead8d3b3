"""Vendors' tools as small scripts that print what was captured of the real ones, first on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Device, Node, Sampler, make_sampler
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

#: All that the vendors' tools know.
CHANNELS = ("power", "memory", "utilization", "temperature", "clock")


class Tools:
    """Scripts in a directory of their own, and the PCI devices that this host seems to have."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.pci = directory / "pci"
        self.calls = directory / "calls"
        self.bin.mkdir()
        self.calls.touch()

    def script(self, name: str, body: str) -> Path:
        """A tool that runs `body` in sh."""
        path = self.bin / name
        new = path.with_name(name + ".new")
        new.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.calls}"\n{body}\n')
        new.chmod(0o755)
        new.replace(path)
        return path

    def prints(self, name: str, answers: Mapping[str, str] | str) -> Path:
        """A tool that prints the text of the first pattern that its arguments match, and refuses all others."""
        cases = []
        for number, (pattern, text) in enumerate(({"*": answers} if isinstance(answers, str) else answers).items()):
            answer = self.bin / f"{name}.{number}.txt"
            answer.write_text(text, encoding="utf-8")
            quoted = pattern.replace(" ", "\\ ")
            cases.append(f'{quoted}) cat "{answer}";;')
        body = "\n".join(cases)
        return self.script(name, f'case "$*" in\n{body}\n*) echo "{name}: unknown argument" >&2; exit 2;;\nesac')

    def pci_device(self, vendor: str, address: str = "0000:03:00.0") -> None:
        """A PCI device of a vendor ("1d22")."""
        device = self.pci / address
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"0x{vendor}\n")

    def called(self) -> list[str]:
        """What was called so far."""
        return self.calls.read_text().splitlines()


@dataclass
class Answer:
    """What the command sampler made of a tool's first answer."""

    cards: list[Card]
    sources: Mapping[str, Source]
    readings: Mapping[str, list[float | None]]
    facts: list[CardFacts]
    missing: Mapping[str, str]
    summary: Mapping[str, Any]

    def of(self, channel: str) -> list[float | None]:
        return self.readings[channel]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    tools = Tools(tmp_path)
    monkeypatch.setenv("PATH", f"{tools.bin}{os.pathsep}{os.environ['PATH']}")
    return tools


@pytest.fixture
def command(tools: Tools) -> Iterator[Callable[..., Sampler]]:
    """Makes command samplers, and closes them at the end. The tool is not asked again unless `interval` says so."""
    made: list[Sampler] = []

    def make(**options: Any) -> Sampler:
        made.append(make_sampler("command", {"pci": str(tools.pci), "interval": 1000, **options}))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


@pytest.fixture
def sampler_of(command: Callable[..., Sampler]) -> Callable[..., Sampler]:
    """Makes the command sampler of a built-in profile; further options replace the profile's."""

    def make(vendor: str, **options: Any) -> Sampler:
        profile = load_vendor(builtin_vendors()[vendor])
        choice = next(choice for choice in profile.samplers if choice.sampler == "command")
        return command(**{**choice.options, **options})

    return make


@pytest.fixture
def ask(sampler_of: Callable[..., Sampler], node: Callable[[list[Card]], Node]) -> Callable[..., Answer]:
    """The first answer of a built-in profile's tool, all cards that it lists leased."""

    def asked(vendor: str, **options: Any) -> Answer:
        sampler = sampler_of(vendor, **options)
        cards = list(sampler.cards())
        sources = sampler.open(node(cards), CHANNELS)
        readings = sampler.read(CHANNELS)
        facts = list(sampler.facts())
        return Answer(cards, sources, readings, facts, sampler.missing(), sampler.summary())

    return asked


@pytest.fixture
def node() -> Callable[[list[Card]], Node]:
    """All of the cards leased, in their order."""

    def make(cards: list[Card]) -> Node:
        devices = [Device(card.index, str(card.index), card.name, uuid=card.uuid, pci=card.pci) for card in cards]
        return Node(tuple(devices), Path("/nowhere"))

    return make
