"""Options that name numbers: what is allowed, and what the messages say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_sixdim.campaign.settings import Settings, SettingsError, parse_counts, parse_seeds


def test_counts_are_read_in_order() -> None:
    assert parse_counts("--sixdim-cards", "8,1") == (8, 1)
    assert parse_counts("--sixdim-cards", None) is None


@pytest.mark.parametrize("text", ["0", "-1", "two", "1,,2", "", "1.5"])
def test_bad_counts_name_the_option(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--sixdim-cards .*positive whole numbers"):
        parse_counts("--sixdim-cards", text)


def test_default_seeds_count_from_one() -> None:
    settings = Settings(vendor="cpu", python="python3", results=Path("results"))
    assert [settings.seed(index) for index in (1, 2, 5)] == [1, 2, 5]


def test_given_seeds_are_used_in_order() -> None:
    settings = Settings(vendor="cpu", python="python3", results=Path("results"), seeds=parse_seeds("7,3,9", 3))
    assert [settings.seed(index) for index in (1, 2, 3)] == [7, 3, 9]


def test_fresh_seeds_differ_from_each_other_and_between_sessions() -> None:
    first, second = parse_seeds("fresh", 5), parse_seeds("fresh", 5)
    assert first is not None
    assert len(set(first)) == 5
    assert first != second


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2", "5 runs need 5 seeds, 2 given"),
        ("1,1,2,3,4", "a seed of its own"),
        ("a,b", "give fresh, or whole numbers"),
        ("-1,2,3,4,5", "give fresh, or whole numbers"),
        ("4294967296,1,2,3,4", "below 2\\^32"),
    ],
)
def test_bad_seeds_say_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--sixdim-seeds .*{says}"):
        parse_seeds(text, 5)


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = Settings(vendor="cpu", python="python3", results=Path("/r"), cards=(1, 2), seeds=(5, 6), quick=True)
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
