from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.matching import match, stands_for

from .builders import CONFIGURATION, baseline, figure, measurements


def test_an_entry_that_equals_the_run_matches() -> None:
    entry = baseline()
    found = match([baseline(batch_size=512), entry], CONFIGURATION, measurements())
    assert found.baseline is entry
    assert found.nearest is None


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, True),
        ({"card": "another"}, True),
        ({"data": "generated", "generator": "noise"}, True),
        ({"power_cap": 300.0}, True),
        ({"batch_size": 128, "batch_scope": "job"}, True),
        ({"data": "generated", "generator": None}, False),
        ({"batch_size": 8}, False),
        ({"precision": "amp"}, False),
        ({"cards": 1}, False),
        ({"nodes": 2}, False),
        ({"vendor": "iluvatar"}, False),
        ({"adapter": "ditorch"}, False),
    ],
)
def test_an_entry_is_of_a_configuration_on_whatever_card_and_data_it_was_measured(
    changes: dict[str, Any], stands: bool
) -> None:
    assert stands_for(baseline(**changes), CONFIGURATION) is stands


def test_the_nearest_entrys_difference_is_named() -> None:
    configuration = replace(CONFIGURATION, batch_size=256)
    found = match([baseline(batch_size=512, cards=1), baseline(batch_size=512)], configuration, measurements())
    assert found.baseline is None
    assert found.nearest == "baseline exists for batch size 512, this run used 256"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"vendor": "iluvatar"}, "vendor iluvatar, this run used nvidia"),
        ({"card": "bi_v100"}, "card bi_v100, this run used h200"),
        ({"precision": "fp32"}, "precision fp32, this run used amp-bf16"),
        ({"precision": "amp"}, "precision amp, this run used amp-bf16"),
        ({"batch_size": 8}, "batch size 8, this run used 16"),
        ({"batch_size": 100, "batch_scope": "job"}, "batch size 12.5, this run used 16"),
        ({"nodes": 2}, "2 nodes, this run used 1"),
        ({"cards": 1}, "1 card, this run used 8"),
        ({"data": "generated", "generator": "noise"}, "generated data, this run used real data"),
        ({"quick": True}, "quick settings, this run used full settings"),
        ({"adapter": "ditorch"}, "adapter ditorch, this run used no adapter"),
        ({"power_cap": 350.0}, "a power cap of 350 W, this run used no power cap"),
        ({"cards": 4, "quick": True}, "4 cards and quick settings, this run used 8 and full settings"),
    ],
)
def test_nothing_is_matched_nearly(entry: dict[str, Any], said: str) -> None:
    found = match([baseline(**entry)], CONFIGURATION, measurements())
    assert found.baseline is None
    assert found.nearest == f"baseline exists for {said}"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"card": None}, "card h200, this run used cards that differ or have no name"),
        ({"quick": True}, "full settings, this run used quick settings"),
        ({"power_cap": 350.0}, "no power cap, this run used a power cap of 350 W"),
        ({"data": "generated", "generator": "noise"}, "real data, this run used generated data"),
    ],
)
def test_what_the_run_is_decides_too(run: dict[str, Any], said: str) -> None:
    assert match([baseline()], CONFIGURATION, measurements(**run)).nearest == f"baseline exists for {said}"


def test_a_batch_size_of_the_job_is_divided_among_its_cards() -> None:
    assert match([baseline(batch_size=128, batch_scope="job")], CONFIGURATION, measurements()).baseline is not None


def test_an_equal_power_cap_matches() -> None:
    assert match([baseline(power_cap=350.0)], CONFIGURATION, measurements(power_cap=350.0)).baseline is not None


@pytest.mark.parametrize(("theirs", "ours", "equal"), [("a", "a", True), ("a", "b", False), (None, None, False)])
def test_generated_data_matches_the_same_generator_only(theirs: str | None, ours: str | None, equal: bool) -> None:
    entry, run = baseline(data="generated", generator=theirs), measurements(data="generated", generator=ours)
    found = match([entry], CONFIGURATION, run)
    assert (found.baseline is not None) is equal
    if (theirs, ours) == ("a", "b"):
        assert found.nearest == "baseline exists for data of a, this run used b"


def test_an_unknown_card_matches_nothing() -> None:
    assert match([baseline()], CONFIGURATION, measurements(card=None)).baseline is None


def test_an_entry_of_the_same_vendor_is_nearer() -> None:
    other = baseline(vendor="iluvatar")
    same = baseline(cards=1, batch_size=8)
    nearest = match([other, same], CONFIGURATION, measurements()).nearest
    assert nearest == "baseline exists for batch size 8 and 1 card, this run used 16 and 8"


def test_no_entries_have_no_nearest() -> None:
    found = match([], CONFIGURATION, measurements())
    assert (found.baseline, found.nearest) == (None, None)


def test_of_several_that_match_one_with_the_figure_then_published_then_the_newest() -> None:
    speed_only = baseline(figures={"speed": figure("1000.0")}, date="2025")
    old, new = baseline(date="2023"), baseline(date="2024-06")
    recorded = baseline(origin="recorded", date="2026-01-01")
    disputed = baseline(disputed={"power": "why"}, date="2026")
    entries = [old, speed_only, recorded, disputed, new]
    assert match(entries, CONFIGURATION, measurements(), "power").baseline is new
    assert match(entries, CONFIGURATION, measurements(), "speed").baseline is disputed
    assert match([speed_only, recorded], CONFIGURATION, measurements(), "power").baseline is recorded
    assert match([speed_only, recorded], CONFIGURATION, measurements()).baseline is speed_only
