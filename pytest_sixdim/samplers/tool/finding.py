"""Which of a profile's queries the tools on this host answer, and who the cards are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_sixdim.samplers.tool.asking import Asking
from pytest_sixdim.samplers.tool.process import Tool, ToolFailure
from pytest_sixdim.samplers.tool.query import Query
from pytest_sixdim.samplers.tool.reading import CardReading


def first_that_answers(tool: Tool, queries: Sequence[Query]) -> Asking:
    """The first query that a tool answers with at least one card. Raises ToolFailure that says why none does.

    A tool that is not there or does not answer in time is not asked again in another way.
    """
    reasons: list[str] = []
    vain: set[str] = set()
    for query in queries:
        name = query.command[0][0]
        if name in vain:
            continue
        try:
            return Asking(tool, query)
        except ToolFailure as failure:
            reasons.append(str(failure))
            if failure.hopeless:
                vain.add(name)
    raise ToolFailure("; ".join(dict.fromkeys(reasons)))


def identified(tool: Tool, asking: Asking, cards: Sequence[CardReading]) -> list[CardReading]:
    """The cards, each with what the query's `identify` adds; as they are where that does not answer."""
    if asking.query.identify is None:
        return list(cards)
    try:
        known = {card.texts.get("index"): card for card in Asking(tool, asking.query.identify).newest()}
    except ToolFailure:
        return list(cards)
    return [completed(card, known.get(card.texts.get("index"))) for card in cards]


def completed(card: CardReading, before: CardReading | None) -> CardReading:
    """The card with what only `before` says of it."""
    if before is None:
        return card
    return replace(card, texts={**before.texts, **card.texts}, values={**before.values, **card.values})


def has_pci_vendor(directory: Path, vendors: Sequence[str]) -> bool:
    """Whether a PCI device of one of `vendors` is on this host; True where none is asked for."""
    if not vendors:
        return True
    for path in directory.glob("*/vendor"):
        try:
            if path.read_text().strip().removeprefix("0x") in vendors:
                return True
        except OSError:
            continue
    return False
