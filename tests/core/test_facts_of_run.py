"""Power caps, clocks and errors of the cards over a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.facts_of_run import power_cap, read_facts
from pytest_sixdim.core.records import SampleLog, Series

from .builders import BORDER, log, series, window

SPANS = window().spans


def told(*instants: Sequence[dict[str, Any]], **channels: Sequence[Series]) -> SampleLog:
    facts = tuple((100.0 * number, tuple(cards)) for number, cards in enumerate(instants))
    return replace(log(len(instants[0]) if instants else 1, **channels), facts=facts)


def limit(watts: float | None, default: float | None = 700.0) -> dict[str, Any]:
    known = {"power_limit_watts": watts, "power_default_watts": default}
    return {name: value for name, value in known.items() if value is not None}


@pytest.mark.parametrize(
    ("cards", "cap"),
    [
        ([limit(700.0), limit(700.0)], None),
        ([limit(500.0), limit(500.0)], 500.0),
        ([limit(700.0), limit(500.0), limit(600.0)], 500.0),
        ([limit(750.0)], 750.0),
        ([limit(699.9)], None),
        ([limit(499.98)], 500.0),
        ([limit(500.0, None)], None),
        ([limit(None)], None),
        ([{}], None),
    ],
    ids=["as it came", "lower", "lowest", "higher", "rounding", "rounded", "no default", "no limit", "nothing"],
)
def test_a_limit_that_the_card_did_not_come_with_is_a_cap(cards: list[dict[str, Any]], cap: float | None) -> None:
    assert power_cap([told(cards, [limit(123.0)] * len(cards))]) == cap


def test_without_facts_there_is_no_cap() -> None:
    assert power_cap([log()]) is None
    assert power_cap([]) is None


def test_cap_limit_and_locks_are_shown_and_flagged() -> None:
    found = read_facts(
        SPANS, [told([{**limit(500.0), "clocks_locked": True}, {**limit(600.0), "clocks_locked": False}])]
    )
    assert found.detail["power_cap_watts"] == found.detail["power_limit_watts"] == 500.0
    assert found.detail["clocks_locked"] is True
    assert found.flags == ("power cap of 500 W", "the cards' power limits differ: 500 to 600 W", "clocks locked")
    assert found.suspect == ()


def test_the_clock_is_that_of_the_window() -> None:
    slow = series(lambda t: 300.0 if t < BORDER - 1 else 1500.0, 60, 280, 1.0)
    dips = series(lambda t: 1200.0 if BORDER + 10 <= t < BORDER + 20 else 1700.0, 60, 280, 1.0)
    detail = read_facts(SPANS, [log(2, clock=[slow, dips])]).detail
    assert detail["clock_mhz"] == pytest.approx((1500 + 1600) / 2)
    assert detail["clock_min_mhz"] == 1200.0


def test_what_nobody_told_is_unknown() -> None:
    detail = read_facts(SPANS, [log()]).detail
    assert set(detail.values()) == {None}


def test_uncorrected_memory_errors_during_the_run_are_suspect() -> None:
    found = read_facts(
        SPANS, [told([{"ecc_uncorrected": 3}] * 2, [{}] * 2, [{"ecc_uncorrected": 3}, {"ecc_uncorrected": 5}])]
    )
    assert found.suspect == ("card 1: 2 uncorrected memory errors",)
    assert found.detail["ecc_uncorrected"] == 2


def test_errors_from_before_the_run_are_none_of_its_own() -> None:
    found = read_facts(
        SPANS, [told([{"ecc_uncorrected": 3, "ecc_corrected": 9}], [{"ecc_uncorrected": 3, "ecc_corrected": 9}])]
    )
    assert (found.suspect, found.flags) == ((), ())
    assert found.detail["ecc_corrected"] == 0


def test_a_counter_that_was_read_once_says_nothing() -> None:
    found = read_facts(SPANS, [told([{"ecc_uncorrected": 3}], [{}])])
    assert (found.suspect, found.detail["ecc_uncorrected"]) == ((), None)


def test_corrected_errors_and_replays_are_flagged() -> None:
    found = read_facts(
        SPANS, [told([{"ecc_corrected": 3, "pcie_replays": 0}], [{"ecc_corrected": 4, "pcie_replays": 7}])]
    )
    assert found.suspect == ()
    assert found.flags == ("card 0: 1 corrected memory error", "card 0: 7 PCIe replays")
    assert (found.detail["ecc_corrected"], found.detail["pcie_replays"]) == (1, 7)


def test_errors_that_the_driver_reported_are_suspect() -> None:
    found = read_facts(SPANS, [told([{"xids": []}], [{"xids": [31]}], [{"xids": [31, 79]}]), told([{"xids": []}])])
    assert found.suspect == ("node 0 card 0: the driver reported error 31, 79",)


def test_a_lost_card_is_suspect() -> None:
    found = read_facts(SPANS, [told([{}, {}], [{}, {"lost": True}])])
    assert found.suspect == ("card 1: the card was lost",)
