"""One sensor for a board of several chips: each chip has the board's reading, and it is counted once."""

from __future__ import annotations

import pytest

from pytest_sixdim.core.meters import meters
from pytest_sixdim.core.records import CardInfo, SampleLog, Series, Source
from pytest_sixdim.samplers.tool.boards import BoardRule, refusal, shared
from pytest_sixdim.samplers.tool.reading import CardReading

LAST = BoardRule("last", chips=2, names=("Twin",))


def card(index: int, watts: float | None, name: str = "Twin", board: str | None = None) -> CardReading:
    texts = {"index": str(index), "name": name, **({"board": board} if board else {})}
    return CardReading(("number", str(index), ""), texts, {"power": watts})


def powers(rule: BoardRule, *cards: CardReading) -> list[float | None]:
    return [reading.values["power"] for reading in shared(cards, rule.boards(cards), rule)]


@pytest.mark.parametrize(
    ("place", "printed", "expected"),
    [
        ("last", [None, 93.0, None, 80.0], [93.0, 93.0, 80.0, 80.0]),
        ("first", [93.0, None, 80.0, None], [93.0, 93.0, 80.0, 80.0]),
        ("repeated", [93.0, 93.0, 80.0, 80.0], [93.0, 93.0, 80.0, 80.0]),
        ("last", [93.0, None, None, 80.0], [None, None, 80.0, 80.0]),
    ],
)
def test_every_chip_of_a_board_has_its_reading(
    place: str, printed: list[float | None], expected: list[float | None]
) -> None:
    cards = [card(index, watts) for index, watts in enumerate(printed)]
    assert powers(BoardRule(place, chips=2), *cards) == expected


def test_other_models_on_the_host_keep_their_own_reading() -> None:
    assert powers(LAST, card(0, None), card(1, 93.0), card(2, 50.0, "Single"), card(3, 60.0, "Single")) == [
        93.0,
        93.0,
        50.0,
        60.0,
    ]


def test_board_of_which_a_chip_is_missing_just_now_has_no_power() -> None:
    boards = LAST.boards([card(0, None), card(1, 93.0)])
    assert [one.values["power"] for one in shared([card(1, 93.0)], boards, LAST)] == [None]


def test_boards_by_what_the_tool_says_they_have_in_common() -> None:
    rule = BoardRule("first")
    cards = [card(0, 93.0, board="a"), card(1, None, board="a"), card(2, 80.0, board="b")]
    assert set(rule.boards(cards).values()) == {"a"}
    assert powers(rule, *cards) == [93.0, 93.0, 80.0]


def test_chips_that_print_different_watts_have_sensors_of_their_own() -> None:
    cards = [card(0, 61.0), card(1, 93.0)]
    assert refusal(cards, cards, LAST.boards(cards), LAST) == "board 0 has one sensor and prints 61 W and 93 W"
    same = [card(0, 93.0), card(1, 93.0)]
    assert refusal(same, same, LAST.boards(same), LAST) is None


@pytest.mark.parametrize("leased", [[0], [1], [0, 1, 2]])
def test_board_of_which_not_all_chips_are_leased_has_no_power_of_ours(leased: list[int]) -> None:
    cards = [card(index, 93.0 if index % 2 else None) for index in range(4)]
    mine = [cards[index] for index in leased]
    reason = "one sensor for a board of which not all cards are leased"
    assert refusal(cards, mine, LAST.boards(cards), LAST) == reason
    assert refusal(cards, cards[2:], LAST.boards(cards), LAST) is None


def test_board_of_which_the_other_chip_cannot_be_seen_has_no_power_of_ours() -> None:
    alone = [card(1, 93.0)]
    assert refusal(alone, alone, LAST.boards(alone), LAST) is not None


def test_one_board_is_one_meter() -> None:
    power = [Series((0.0, 1.0), (93.0, 95.0))] * 2 + [Series((0.0, 1.0), (80.0, 81.0))] * 2
    log = SampleLog(
        tuple(CardInfo(index, str(index), "Twin") for index in range(4)),
        {"power": Source("ixsmi", "instant", "module", sensors=(0, 0, 2, 2))},
        {"power": tuple(power)},
    )
    assert [meter.name for meter in meters([log])] == ["card 0, 1", "card 2, 3"]
