"""Cards and readings from a vendor's command-line tool, wholly as a profile describes it (docs/vendors-tools.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler, SamplerUnavailable
from pytest_sixdim.samplers.identity import locate
from pytest_sixdim.samplers.tool.asking import Asking
from pytest_sixdim.samplers.tool.boards import BoardRule, board_rule, refusal, shared
from pytest_sixdim.samplers.tool.finding import completed, first_that_answers, has_pci_vendor, identified
from pytest_sixdim.samplers.tool.offering import card, facts, source, why_not
from pytest_sixdim.samplers.tool.plausible import believed
from pytest_sixdim.samplers.tool.polling import Polling
from pytest_sixdim.samplers.tool.process import Tool, ToolFailure
from pytest_sixdim.samplers.tool.query import query
from pytest_sixdim.samplers.tool.reading import CardReading

#: Seconds from one call to the next: the 60 readings that power needs come well within a window of 30 s.
INTERVAL = 0.4
#: Seconds that a call may take.
TIMEOUT = 5.0

Key = tuple[str, ...]


class CommandSampler(Sampler):
    """Runs a tool beside the training, never in its way.

    The tool runs at an interval, waited for in a thread. `read` never waits: it hands over each finished answer once,
    and leaves the channels out meanwhile. A reading is therefore stamped late, by what the tool took and up to one
    period of the sampling loop: over a window that shifts its edges by a fraction of a second, and changes nothing of
    a steady load. A call that fails gives None for every card, once.

    Options (those of a query may stand here too, for all alternatives):
        alternatives: queries; the first that answers with at least one card is used from then on.
        environment: variables for the tool; "{NAME}" in a value is the outer value.
        timeout, interval: seconds that a call may take, and from the beginning of one call to that of the next.
        requires_pci: PCI vendors, one of which must be on this host: tools of different vendors share a name.
        pci: where the kernel lists PCI devices.

    Raises ValueError for options that make no sense.
    """

    def __init__(
        self,
        alternatives: Sequence[Mapping[str, Any]],
        environment: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        interval: float = INTERVAL,
        requires_pci: Sequence[str] = (),
        pci: str = "/sys/bus/pci/devices",
        **common: Any,
    ) -> None:
        if not alternatives:
            raise ValueError("alternatives: must have a query")
        if timeout <= 0 or interval <= 0:
            raise ValueError("timeout, interval: must be more than 0 s")
        self._queries = [query({**common, **one}, f"alternatives[{place}]") for place, one in enumerate(alternatives)]
        self._rules = {id(one): board_rule(one.board) for one in self._queries}
        self._requires_pci = requires_pci
        self._pci = Path(pci)
        self._interval = interval
        self._tool = Tool(environment or {}, timeout)
        self._asking: Asking | None = None
        self._polling: Polling | None = None
        self._known: dict[Key, CardReading] = {}  # the leased cards, in order, as first seen
        self._latest: Mapping[Key, CardReading] = {}
        self._boards: dict[Key, str] = {}
        self._left_out: dict[str, str] = {}

    def cards(self) -> Sequence[Card]:
        """See Sampler.cards."""
        return [card(reading, self._boards) for reading in self._listed(self._answering())]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """See Sampler.open. A channel whose first readings cannot be is not offered; `missing` says why."""
        asking = self._answering()
        listed = self._listed(asking)
        cards = [card(reading, self._boards) for reading in listed]
        wanted = [next(i for i, one in enumerate(cards) if one is found) for found in locate(node.devices, cards)]
        everything = self._shared(asking, listed)
        leased = [everything[place] for place in wanted]
        self._known = {reading.key: reading for reading in leased}
        self._latest = self._known
        reasons = {channel: why_not(channel, asking.query.tool, leased) for channel in channels}
        rule = self._rule(asking)
        refused = refusal(listed, leased, self._boards, rule) if rule else None
        if refused is not None and "power" in reasons:
            reasons["power"] = f"{asking.query.tool}: {refused}"
        self._left_out = {channel: reason for channel, reason in reasons.items() if reason is not None}
        offered = [channel for channel in channels if channel not in self._left_out]
        if not offered:
            raise SamplerUnavailable("; ".join(f"{name}: {reason}" for name, reason in self._left_out.items()))
        self._polling = Polling(
            lambda: self._again(asking, offered),
            self._interval,
            self._readings(offered),
            {channel: [None] * len(leased) for channel in offered},
        )
        self._tool.costs.failures = 0  # those of the alternatives that are not used tell nothing of the run
        self._polling.start()
        return {channel: source(channel, asking, leased, self._boards) for channel in offered}

    def missing(self) -> Mapping[str, str]:
        """See Sampler.missing."""
        return self._left_out

    def complaints(self) -> Sequence[str]:
        """See Sampler.complaints."""
        return self._polling.complaints() if self._polling is not None else ()

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """See Sampler.read; never waits for the tool."""
        return self._polling.take(channels) if self._polling is not None else {}

    def facts(self) -> Sequence[CardFacts]:
        """See Sampler.facts; of the newest answer, the tool is not asked again."""
        latest = self._latest
        return [facts(latest.get(key)) for key in self._known]

    def summary(self) -> Mapping[str, Any]:
        """What the tool is called, its calls and failures and what they took (process.Costs), CPU seconds of the
        thread that reads it, and the first few errors with how often each came."""
        polling = self._polling
        return {
            "tool": self._asking.query.tool if self._asking else None,
            **asdict(self._tool.costs),
            "reading_cpu_seconds": polling.cpu_seconds if polling else 0.0,
            "errors": dict(polling.errors) if polling else {},
        }

    def close(self) -> None:
        """End the tool and the thread."""
        self._tool.close()
        if self._polling is not None:
            self._polling.stop()

    def give_up(self) -> None:
        """See Sampler.give_up: the call in progress is ended, no other follows."""
        self._tool.close()

    def _answering(self) -> Asking:
        """The query that is answered here, found when first needed. Raises SamplerUnavailable."""
        if self._asking is None:
            if not has_pci_vendor(self._pci, self._requires_pci):
                vendors = " or ".join(self._requires_pci)
                raise SamplerUnavailable(f"no PCI device of vendor {vendors}, whose tool is meant")
            try:
                self._asking = first_that_answers(self._tool, self._queries)
            except ToolFailure as failure:
                raise SamplerUnavailable(str(failure)) from None
        return self._asking

    def _listed(self, asking: Asking) -> list[CardReading]:
        """All cards as printed, with who they are. Raises SamplerUnavailable."""
        try:
            readings = asking.newest()
        except ToolFailure as failure:
            raise SamplerUnavailable(str(failure)) from None
        readings = identified(self._tool, asking, readings)
        rule = self._rule(asking)
        self._boards = rule.boards(readings) if rule else {}
        return readings

    def _rule(self, asking: Asking) -> BoardRule | None:
        return self._rules[id(asking.query)]

    def _shared(self, asking: Asking, readings: Sequence[CardReading]) -> list[CardReading]:
        rule = self._rule(asking)
        return shared(readings, self._boards, rule) if rule else list(readings)

    def _again(self, asking: Asking, channels: Sequence[str]) -> dict[str, list[float | None]]:
        """Ask once more; in the polling thread. Raises ToolFailure."""
        answer = {reading.key: reading for reading in self._shared(asking, asking.again())}
        self._latest = {key: completed(answer[key], before) for key, before in self._known.items() if key in answer}
        return self._readings(channels)

    def _readings(self, channels: Sequence[str]) -> dict[str, list[float | None]]:
        found = [self._latest.get(key) for key in self._known]
        return {channel: [believed(channel, one) for one in found] for channel in channels}
