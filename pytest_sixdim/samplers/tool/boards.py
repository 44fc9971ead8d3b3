"""One power figure for a board of several chips: every chip gets the board's reading, and it counts once.

Their source's scope is "module", and its `sensors` say which chips share one: core.meters makes one meter of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.samplers.tool.reading import CardReading

_OPTIONS = ("chips", "by", "names", "power")
_PLACES = ("first", "last", "repeated")


@dataclass(frozen=True)
class BoardRule:
    """Which cards share a board, and on which of them the board's power is printed.

    Attributes:
        power: "first" or "last": on that chip of the board; "repeated": the same on each.
        chips: so many cards that follow each other by number are one board; 0: those of the same `board` text are.
        names: the cards that this holds for, exactly as the tool calls them; empty for all.
    """

    power: str
    chips: int = 0
    names: tuple[str, ...] = ()

    def boards(self, cards: Sequence[CardReading]) -> dict[tuple[str, ...], str]:
        """The board of each card that shares one, by the card's key. Where `chips` are known to share a board a card
        does so even if its neighbour cannot be seen from here."""
        of: dict[tuple[str, ...], str] = {}
        for card in cards:
            if self.names and card.texts.get("name") not in self.names:
                continue
            if self.chips:
                of[card.key] = str(card.index // self.chips)
            elif "board" in card.texts:
                of[card.key] = card.texts["board"]
        if self.chips:
            return of
        names = list(of.values())
        return {key: board for key, board in of.items() if names.count(board) > 1}


def board_rule(options: Mapping[str, Any]) -> BoardRule | None:
    """The rule of a profile's option `board`, None where it is empty. Raises ValueError."""
    if not options:
        return None
    for name in options:
        if name not in _OPTIONS:
            raise ValueError(f"board: {unknown_name('option', name, _OPTIONS)}")
    power = options.get("power")
    if power not in _PLACES:
        raise ValueError(f"board: power: must be one of {', '.join(_PLACES)}")
    if ("chips" in options) == ("by" in options) or options.get("by", "board") != "board":
        raise ValueError("board: give either chips (a number) or by: board (the field)")
    return BoardRule(power, int(options.get("chips", 0)), tuple(options.get("names", ())))


def shared(cards: Sequence[CardReading], boards: Mapping[tuple[str, ...], str], rule: BoardRule) -> list[CardReading]:
    """The cards, those of a board all with the board's power and cap; a board that is not whole in this answer, or
    prints no power, has none."""
    members: dict[str, list[CardReading]] = {}
    for card in sorted(cards, key=lambda card: (card.index, card.key)):
        if card.key in boards:
            members.setdefault(boards[card.key], []).append(card)
    whole = list(boards.values())
    result = []
    for card in cards:
        board = boards.get(card.key)
        if board is not None:
            sharing = members[board]
            source = sharing[-1 if rule.power == "last" else 0]
            known = source.values if len(sharing) == whole.count(board) else {}
            power = {name: known.get(name) for name in ("power", "power_limit") if name in card.values}
            card = replace(card, values={**card.values, **power})
        result.append(card)
    return result


def refusal(
    cards: Sequence[CardReading], leased: Sequence[CardReading], boards: Mapping[tuple[str, ...], str], rule: BoardRule
) -> str | None:
    """Why the boards' power is not that of the leased cards; None where it may be. `cards`: all, as printed."""
    for name in dict.fromkeys(boards[card.key] for card in leased if card.key in boards):
        watts = {card.values.get("power") for card in cards if boards.get(card.key) == name} - {None}
        if len(watts) > 1 and rule.power != "repeated":
            figures = " and ".join(sorted(f"{value:g} W" for value in watts))
            return f"board {name} has one sensor and prints {figures}"
        chips = max(rule.chips, list(boards.values()).count(name))
        if sum(boards.get(card.key) == name for card in leased) < chips:
            return "one sensor for a board of which not all cards are leased"
    return None
