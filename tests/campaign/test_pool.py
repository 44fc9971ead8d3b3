"""Which of the vendor's cards a session may use, and how a rank is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_sixdim.campaign.pool import from_cards, limited, names_cards, visible_value
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Card, Device

BY_INDEX = VendorProfile(
    id="acme",
    name="Acme",
    name_zh="顶点",
    enumerate="device_nodes",
    device="cuda",
    backend="nccl",
    visible=("ACME_VISIBLE", "CUDA_VISIBLE"),
)
BY_UUID = replace(BY_INDEX, visible_by="uuid")
CARDS = [
    Card(0, "Acme A1", "GPU-1111", "0000:03:00.0", 80 * 2**30),
    Card(1, "Acme A1", "GPU-1122", "0000:04:00.0", 80 * 2**30),
    Card(2, "Acme A2", "GPU-3333", "0000:05:00.0", 40 * 2**30),
]
DEVICES = from_cards(BY_UUID, CARDS)


def left(profile: VendorProfile, **variables: str) -> tuple[list[int], str | None]:
    devices, variable = limited(profile, DEVICES, variables)
    return [device.index for device in devices], variable


def test_a_card_is_called_by_its_uuid_else_its_address_else_its_number() -> None:
    listed = [CARDS[0], replace(CARDS[1], uuid=None), replace(CARDS[2], uuid=None, pci=None)]
    devices = from_cards(BY_UUID, listed)
    assert [device.id for device in devices] == ["GPU-1111", "0000:04:00.0", "acme:2"]
    assert devices[0] == Device(0, "GPU-1111", "Acme A1", total_bytes=80 * 2**30, uuid="GPU-1111", pci="0000:03:00.0")


def test_without_a_variable_all_cards_are_left() -> None:
    assert left(BY_UUID, OTHER_VISIBLE="1") == ([0, 1, 2], None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2,0", [2, 0]),
        ("GPU-3333,GPU-1111", [2, 0]),
        (" GPU-33 , 0 ", [2, 0]),
        ("", []),
        ("-1", []),
    ],
)
def test_a_variable_leaves_cards_by_number_or_uuid_in_its_order(value: str, expected: list[int]) -> None:
    assert left(BY_UUID, ACME_VISIBLE=value) == (expected, "ACME_VISIBLE")


def test_two_variables_leave_what_both_leave() -> None:
    assert left(BY_UUID, ACME_VISIBLE="0,1", CUDA_VISIBLE="2,1") == ([1], "ACME_VISIBLE and CUDA_VISIBLE")


@pytest.mark.parametrize(
    ("profile", "value", "expected"),
    [
        (BY_UUID, "0,3", "ACME_VISIBLE: no card '3' here; known: 0, GPU-1111, 1, GPU-1122, 2, GPU-3333"),
        (BY_UUID, "GPU-4", "ACME_VISIBLE: no card 'GPU-4' here; known"),
        (BY_UUID, "GPU-11", "ACME_VISIBLE: 'GPU-11' begins the name of GPU-1111 and GPU-1122"),
        (BY_INDEX, "GPU-33", "ACME_VISIBLE: no card 'GPU-33' here; known"),
        (BY_UUID, "MIG-3333", "ACME_VISIBLE: no card 'MIG-3333' here; known"),
        (BY_UUID, "0,GPU-1111", "ACME_VISIBLE=0,GPU-1111: card 0 is named twice"),
        (BY_UUID, "0,-1", "ACME_VISIBLE: no card '-1' here; known"),
    ],
)
def test_a_name_that_is_not_one_card_is_refused(profile: VendorProfile, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        left(profile, ACME_VISIBLE=value)
    assert str(error.value).startswith(expected)


def test_a_variable_that_names_cards_otherwise_than_by_number_is_noticed() -> None:
    assert names_cards(BY_UUID, {"CUDA_VISIBLE": "0,GPU-1111"})
    assert not names_cards(BY_UUID, {"CUDA_VISIBLE": "0,1", "ACME_VISIBLE": "-1", "OTHER": "GPU-1111"})


def test_a_rank_is_told_its_cards_as_the_profile_says() -> None:
    assert visible_value(BY_UUID, DEVICES[1:]) == "GPU-1122,GPU-3333"
    assert visible_value(BY_INDEX, DEVICES[1:]) == "1,2"


def test_a_rank_is_told_numbers_where_a_uuid_is_not_known() -> None:
    assert visible_value(BY_UUID, [DEVICES[0], replace(DEVICES[2], uuid=None)]) == "0,2"
