"""Which card's power sensor a card's reading comes from, where a library knows of boards with one sensor for several.

A profile says so by the option `board`, as for vendors' tools (samplers/tool/boards.py). All cards of such a board get
the same reading, of scope "module".
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_sixdim.samplers import Card
from pytest_sixdim.samplers.tool.boards import BoardRule

#: What a board's one sensor measures.
SHARED_CHANNELS = frozenset({"energy", "power"})


def sensor_places(rule: BoardRule | None, leased: Sequence[Card], cards: Sequence[Card]) -> list[int | None]:
    """For each leased card the place, among the leased, of the card that holds its sensor.

    Its own where it shares none; None where not all of its board's cards are leased, for then nobody knows whose power
    it is.
    """
    places: list[int | None] = []
    for place, card in enumerate(leased):
        members = [] if rule is None else _board(rule, card, cards)
        if len(members) < 2:
            places.append(place)
        elif all(member in leased for member in members):
            holder = members[-1 if rule is not None and rule.power == "last" else 0]
            places.append(list(leased).index(holder))
        else:
            places.append(None)
    return places


def sensors_of(places: Sequence[int | None]) -> tuple[int, ...] | None:
    """`Source.sensors` of what `sensor_places` found: None where every card has its own; a card whose sensor is not
    to be read is a sensor of its own, which says nothing."""
    if all(place == card for card, place in enumerate(places)):
        return None
    return tuple(card if place is None else place for card, place in enumerate(places))


def _board(rule: BoardRule, card: Card, cards: Sequence[Card]) -> list[Card]:
    """The cards that share a board with this one, itself included, by number; empty for one that shares none."""
    if not _belongs(rule, card):
        return []
    same = [other for other in cards if _belongs(rule, other) and _name(rule, other) == _name(rule, card)]
    return sorted(same, key=lambda other: other.index)


def _belongs(rule: BoardRule, card: Card) -> bool:
    return (not rule.names or card.name in rule.names) and (bool(rule.chips) or card.board is not None)


def _name(rule: BoardRule, card: Card) -> str | None:
    return str(card.index // rule.chips) if rule.chips else card.board
