"""What is made of how the energy counters moved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_sixdim.campaign.calibration import calibrated, doubts, first_look, headline, out_of_use, ticks
from pytest_sixdim.campaign.survey import Calibration
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.vendor import SamplerChoice, VendorProfile
from pytest_sixdim.samplers import Device

PROFILE = VendorProfile(
    id="cards",
    name="Cards",
    name_zh="卡",
    enumerate="device_nodes",
    device="cuda",
    backend="nccl",
    samplers=(SamplerChoice("nvml", ("energy", "power")), SamplerChoice("tool", ("power",))),
)
DEVICES = [Device(index, f"GPU-{index}", "Card") for index in range(2)]
GOOD = Calibration("GPU-0", "nvml", True, 0.1, 7.0, 70.0, 72.0)
SLOWER = replace(GOOD, card="GPU-1", tick_seconds=0.102, step_joules=6.0)
STILL = Calibration("GPU-1", "nvml", False, polled_watts=70.0)


def test_the_header_names_the_longest_tick_and_the_number_of_cards() -> None:
    assert headline([GOOD, SLOWER], PROFILE, DEVICES) == "energy counter: tick 102 ms, 2 cards"
    assert headline([GOOD], PROFILE, DEVICES) == "energy counter: tick 100 ms, 1 card"
    assert headline([Calibration("GPU-0", "nvml", True)], PROFILE, DEVICES) == "energy counter: moves, 1 card"
    assert headline([], PROFILE, DEVICES) is None


def test_a_counter_that_stands_still_is_out_of_use_on_its_cards_alone() -> None:
    why = "the energy counter of GPU-1 (nvml) did not move in 2 s"
    assert out_of_use([GOOD, STILL], PROFILE, DEVICES) == {"nvml": why}
    assert out_of_use([GOOD, STILL], PROFILE, DEVICES[:1]) == {}
    assert headline([GOOD, STILL], PROFILE, DEVICES) == f"{why}: polled power is used instead"


def test_a_source_with_a_name_of_its_own_means_every_counter_of_the_profile() -> None:
    named = replace(STILL, sampler="vendor-smi")
    assert list(out_of_use([named], PROFILE, DEVICES)) == ["nvml"]


@pytest.mark.parametrize(
    ("watts", "apart"), [(70.0, False), (104.0, False), (106.0, True), (34.0, True), (None, False)]
)
def test_only_counters_far_from_polled_power_raise_a_doubt(watts: float | None, apart: bool) -> None:
    assert bool(doubts([replace(GOOD, watts=watts, polled_watts=70.0)], DEVICES)) is apart


def test_without_polled_power_there_is_no_doubt() -> None:
    assert doubts([replace(GOOD, polled_watts=None)], DEVICES) == []


def test_power_from_a_counter_carries_its_tick_and_step() -> None:
    power = calibrated(Measured("W", 70.0, detail={"method": "counter"}), [GOOD, SLOWER], PROFILE, DEVICES)
    assert power.detail == {"method": "counter", "calibration": {"tick_seconds": 0.102, "step_joules": 7.0}}
    assert power.flags == ()
    assert ticks([STILL], DEVICES) == {}


def test_polled_power_says_why_no_counter_was_used() -> None:
    power = calibrated(Measured("W", 70.0, detail={"method": "instant"}), [GOOD, STILL], PROFILE, DEVICES)
    assert power.flags == ("the energy counter of GPU-1 (nvml) did not move in 2 s",)
    assert power.detail == {"method": "instant"}


def test_power_is_left_alone_where_nothing_was_calibrated() -> None:
    power = Measured("W", None, unknown="no sensor")
    assert calibrated(power, [], PROFILE, DEVICES) == power


def test_nobody_is_asked_while_a_run_has_the_host_and_the_cards_are_cores() -> None:
    cores = replace(PROFILE, enumerate="cores", samplers=(SamplerChoice("no_such", ("energy",)),))
    look = first_look(cores, {}, DEVICES, busy=True)
    assert (look.calibration, look.versions) == ((), {})
