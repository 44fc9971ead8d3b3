"""Whether the sampled cards are those that the program trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.card_mapping import CardMapping, map_cards, same_card
from pytest_sixdim.core.records import CardInfo, SampleLog

from .builders import log, start

#: As torch prints the UUID of NVIDIA's "GPU-...".
UUIDS = ["6b1f5a8e-0d2c-4f7a-9c3e-1a2b3c4d5e6f", "0e9d8c7b-6a5f-4e3d-2c1b-0a9f8e7d6c5b"]


def card(number: int, **fields: Any) -> CardInfo:
    return CardInfo(number, f"GPU-{number}", "a card", None, **fields)


def sampled(*cards: CardInfo) -> SampleLog:
    return replace(log(), cards=cards)


BOTH = [
    sampled(card(4, uuid=f"GPU-{UUIDS[0]}", pci="0000:3b:00.0"), card(5, uuid=f"GPU-{UUIDS[1]}", pci="0000:5e:00.0"))
]


def test_cards_are_recognised_by_uuid() -> None:
    assert map_cards(start(devices=[{"uuid": uuid} for uuid in UUIDS]), BOTH) == CardMapping()


def test_cards_are_recognised_by_pci_address() -> None:
    devices = [{"pci": "0000:3b:00.0"}, {"pci": "00000000:5E:00.0"}]
    assert map_cards(start(devices=devices), BOTH) == CardMapping()


def test_ranks_may_take_the_cards_in_another_order() -> None:
    assert map_cards(start(devices=[{"uuid": uuid} for uuid in reversed(UUIDS)]), BOTH) == CardMapping()


def test_cards_of_all_nodes_are_looked_at() -> None:
    nodes = [sampled(each) for each in BOTH[0].cards]
    assert map_cards(start(devices=[{"uuid": uuid} for uuid in UUIDS]), nodes) == CardMapping()


def test_a_card_that_was_not_sampled_is_a_problem() -> None:
    devices = [{"uuid": UUIDS[0]}, {"pci": "0000:86:00.0", "uuid": "11111111-2222-3333-4444-555555555555"}]
    assert map_cards(start(devices=devices), BOTH) == CardMapping(
        "rank 1 trained on card 0000:86:00.0, sampled was card 5 (0000:5e:00.0)"
    )


def test_a_card_that_no_rank_took_is_a_problem() -> None:
    devices = [{"uuid": UUIDS[0]}] * 2
    assert map_cards(start(devices=devices), BOTH) == CardMapping(
        "card 5 (0000:5e:00.0) was sampled, no rank trained on it", idle=True
    )


@pytest.mark.parametrize(
    "devices",
    [None, [], [{"uuid": UUIDS[0]}], [{}, {}], [{"name": "a card"}, {"uuid": UUIDS[1]}]],
    ids=["not told", "none", "too few", "no marks", "one without"],
)
def test_what_the_framework_does_not_tell_is_matched_by_number(devices: Any) -> None:
    assert map_cards(start(devices=devices), BOTH) == CardMapping(by_number=True)
    assert map_cards(None, BOTH) == CardMapping(by_number=True)


def test_cards_without_marks_are_matched_by_number() -> None:
    assert map_cards(start(devices=[{"uuid": UUIDS[0]}]), [sampled(card(0))]) == CardMapping(by_number=True)


def test_uuids_of_different_kinds_tell_nothing() -> None:
    """HIP fills its UUID with the letters of a number ("6b1f5a8e0d2c4f7a"); AMD's own tool prints a UUID."""
    hip = {"uuid": "36623166-3561-3865-3064-326334663761"}
    assert same_card(hip, card(0, uuid="6bff74a1-0000-1000-801f-5a8e0d2c4f7a")) is None
    assert same_card(hip, card(0, uuid="0x6B1F5A8E0D2C4F7A")) is True
    assert same_card(hip, card(0, uuid="GPU-6b1f5a8e0d2c4f7b")) is False


def test_one_mark_that_agrees_is_enough() -> None:
    """An instance of a divided card has a UUID of its own at the card's address."""
    instance = {"uuid": "MIG-11111111-2222-3333-4444-555555555555", "pci": "0000:3b:00.0"}
    assert same_card(instance, BOTH[0].cards[0]) is True


def test_a_uuid_may_be_printed_from_its_last_byte_to_its_first() -> None:
    printed = card(0, uuid="00000000-0000-0029-0000-002f0bd58086")
    assert same_card({"uuid": "8680d50b-2f00-0000-2900-000000000000"}, printed) is True
    assert same_card({"uuid": "8680d50b-2f00-0000-3a00-000000000000"}, printed) is False


def test_marks_that_are_no_marks_tell_nothing() -> None:
    assert same_card({"uuid": "", "pci": "card0"}, BOTH[0].cards[0]) is None
    assert same_card({"uuid": 7, "pci": None}, BOTH[0].cards[0]) is None
    zeros = {"uuid": "00000000-0000-0000-0000-000000000000", "pci": "0000:00:00.0"}
    assert same_card(zeros, BOTH[0].cards[0]) is None
