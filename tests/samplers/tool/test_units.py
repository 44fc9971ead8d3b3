"""Numbers and units as tools print them."""

from __future__ import annotations

import pytest

from pytest_sixdim.samplers.tool.units import Cell, is_missing, label_and_unit, number


@pytest.mark.parametrize(
    ("text", "quantity", "value"),
    [
        ("226 W", "power", 226.0),
        ("96.66W", "power", 96.66),
        ("61500 mW", "power", 61.5),
        ("116MiB", "memory", 116 * 2**20),
        ("80GiB", "memory", 80 * 2**30),
        ("512 KiB", "memory", 512 * 1024),
        ("1 MB", "memory", 1e6),
        ("7 B", "memory", 7.0),
        ("3 %", "utilization", 3.0),
        ("35 ℃", "temperature", 35.0),
        ("35 'C", "temperature", 35.0),
        ("-5C", "temperature", -5.0),
        ("2750 cC", "temperature", 27.5),
        ("1.5 kJ", "energy", 1500.0),
        ("12 mJ", "energy", 0.012),
        ("1.5 GHz", "clock", 1500.0),
        ("[12.5 W]", "power", None),
        ("12 V", "power", None),
        ("12 W", "memory", None),
        ("12", "power", None),
        ("nonsense", "power", None),
        ("9" * 400 + " W", "power", None),
    ],
)
def test_printed_unit(text: str, quantity: str, value: float | None) -> None:
    assert number(Cell(text), quantity) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    "text",
    ["", "-", "N/A", "n/a", "NA", "[N/A]", "[Not Supported]", "Not Supported", "[Unknown Error]", "None", " N/A "],
)
def test_what_says_that_there_is_no_value_is_none_and_not_zero(text: str) -> None:
    assert is_missing(Cell(text))
    assert number(Cell(text, "W"), "power", "W") is None


def test_zero_is_a_value() -> None:
    assert not is_missing(Cell("0"))
    assert number(Cell("0 W"), "power") == 0.0


def test_sentinel_only_where_the_profile_says_so() -> None:
    assert number(Cell("65535", "W"), "power") == 65535.0
    assert number(Cell("65535", "W"), "power", more={"65535"}) is None
    assert number(Cell("65535 W"), "power", more={"65535"}) is None
    assert number(Cell("165535 W"), "power", more={"65535"}) == 165535.0


def test_unit_of_the_cell_wins_over_the_headers_and_that_over_the_profiles() -> None:
    assert number(Cell("5 W", "mW"), "power", "kW") == 5.0
    assert number(Cell("5", "mW"), "power", "kW") == 0.005
    assert number(Cell("5"), "power", "kW") == 5000.0


def test_unit_that_means_another() -> None:
    assert number(Cell("2 MB"), "memory", same={"MB": "MiB"}) == 2 * 2**20
    assert number(Cell("2", "MB"), "memory", same={"MB": "MiB"}) == 2 * 2**20


@pytest.mark.parametrize(
    ("text", "label", "unit"),
    [
        ("memory.used [MiB]", "memory.used", "MiB"),
        ("GPU Power (W)", "gpu power", "W"),
        ("Power(W)", "power", "W"),
        ("Power Draw ", "power draw", None),
        ("Temperature (Sensor junction) (C)", "temperature (sensor junction)", "C"),
        ("Temperature (Sensor junction)", "temperature (sensor junction)", None),
        ("GPU Core Temperature (Celsius Degree)", "gpu core temperature", "Celsius Degree"),
        ("HCU  use (%)", "hcu use", "%"),
        ("HCU%", "hcu%", None),
    ],
)
def test_label_and_its_unit(text: str, label: str, unit: str | None) -> None:
    assert label_and_unit(text) == (label, unit)
