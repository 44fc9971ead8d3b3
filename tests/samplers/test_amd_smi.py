"""AMD's cards through a stand-in for the package amdsmi."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.records import CHANNELS, Source
from pytest_sixdim.samplers import Device, Node, SamplerUnavailable, make_sampler
from pytest_sixdim.samplers.amd_smi import AmdSmiSampler
from pytest_sixdim.samplers.amd_smi_ways import HeldBack
from tests.stubs import amdsmi

ALL = tuple(CHANNELS)
SLOW = ("slowdown_hardware", "slowdown_thermal", "slowdown_power")
MI250 = "AMD Instinct MI250X / MI250"


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", amdsmi)
    monkeypatch.setattr(amdsmi, "CARDS", [])
    monkeypatch.setattr(amdsmi, "BROKEN", [])


def have(*cards: amdsmi.Card) -> None:
    amdsmi.CARDS.extend(cards)


def card(number: int = 0, name: str = "AMD Instinct MI300X OAM", **answers: Any) -> amdsmi.Card:
    return amdsmi.Card(name, f"0000:{5 + number:02x}:00.0", f"uuid-{number}", answers)


def node(*numbers: int) -> Node:
    return Node(tuple(Device(i, f"uuid-{n}", "x", uuid=f"uuid-{n}") for i, n in enumerate(numbers)), Path(os.devnull))


def opened(*cards: amdsmi.Card, **options: Any) -> AmdSmiSampler:
    have(*cards)
    sampler = AmdSmiSampler(**options)
    sampler.open(node(*range(len(cards))), ALL)
    return sampler


def power(**values: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("socket_power", "current_socket_power", "average_socket_power"), "N/A")
    return {**unknown, **values}


def test_every_channel_is_read_in_its_unit() -> None:
    readings = opened(card()).read(ALL)
    assert readings == {
        "energy": [pytest.approx(15_300.0)],  # 1e9 x 15.3 uJ
        "power": [132.0],
        "memory": [283 * 1024**2],
        "temperature": [41.0],
        "utilization": [97.0],
        "clock": [1900.0],
        "slowdown_hardware": [0.0],
        "slowdown_thermal": [0.0],
        "slowdown_power": [0.0],
    }


def test_sources_say_how_each_channel_is_read() -> None:
    have(card())
    found = AmdSmiSampler().open(node(0), ALL)
    assert found.keys() == CHANNELS.keys()
    assert found["energy"] == Source("amd_smi", "counter")
    assert found["power"] == Source("amd_smi", "instant")
    assert found["temperature"].method == "hotspot"
    assert {found[channel].method for channel in SLOW} == {"counter"}


@pytest.mark.parametrize(
    ("answer", "method", "watts"),
    [
        (power(current_socket_power=132, average_socket_power=65535), "instant", 132.0),
        (power(average_socket_power=91, current_socket_power=65535), "average", 91.0),
        (power(socket_power=55), "unstated", 55.0),
        (power(current_socket_power=0), "instant", 0.0),
    ],
)
def test_the_power_that_is_there_is_taken_and_named(answer: dict[str, Any], method: str, watts: float) -> None:
    have(card(power_info=answer))
    sampler = AmdSmiSampler()
    assert sampler.open(node(0), ("power",))["power"].method == method
    assert sampler.read({"power"}) == {"power": [watts]}


@pytest.mark.parametrize("nothing", ["N/A", 65535, 4294967295, None])
def test_what_stands_for_nothing_is_missing_and_never_zero(nothing: Any) -> None:
    answer = power(current_socket_power=nothing, average_socket_power=nothing, socket_power=nothing)
    have(card(0), card(1, power_info=answer, activity={"gfx_activity": nothing}, clock_info={"clk": nothing}))
    sampler = AmdSmiSampler()
    sampler.open(node(0, 1), ("power", "utilization", "clock"))
    readings = sampler.read({"power", "utilization", "clock"})
    assert readings == {"power": [132.0, None], "utilization": [97.0, None], "clock": [1900.0, None]}


def test_a_channel_that_no_card_has_is_not_offered_and_the_reason_is_told() -> None:
    have(card(energy_count=amdsmi.NOT_SUPPORTED, power_info=power()))
    sampler = AmdSmiSampler()
    assert set(sampler.open(node(0), ("energy", "power", "memory"))) == {"memory"}
    assert sampler.missing() == {"energy": "Feature not supported", "power": "N/A on every card"}


def test_an_accumulator_under_its_older_name_counts_and_one_without_resolution_does_not() -> None:
    have(
        card(0, energy_count={"power": 2_000_000, "counter_resolution": 15.5, "timestamp": 1}),
        card(1, energy_count={"energy_accumulator": 5, "counter_resolution": 0.0, "timestamp": 1}),
        card(2, energy_count={"energy_accumulator": 2**64 - 1, "counter_resolution": 15.3, "timestamp": 1}),
    )
    sampler = AmdSmiSampler()
    sampler.open(node(0, 1, 2), ("energy",))
    assert sampler.read({"energy"}) == {"energy": [pytest.approx(31.0), None, None]}


def test_temperature_is_of_the_edge_where_the_hottest_spot_is_not_told() -> None:
    have(card(temperature_HOTSPOT=amdsmi.NOT_SUPPORTED, temperature_EDGE=35))
    sampler = AmdSmiSampler()
    assert sampler.open(node(0), ("temperature",))["temperature"].method == "edge"
    assert sampler.read({"temperature"}) == {"temperature": [35.0]}


def metrics(total: int, **held: int) -> dict[str, Any]:
    keys = ("prochot", "ppt", "socket_thm", "vr_thm", "hbm_thm")
    return {"accumulation_counter": total, **{f"{key}_residency_acc": held.get(key, 0) for key in keys}}


def test_time_held_back_is_the_share_that_the_firmware_counted_of_the_time_between_two_readings() -> None:
    chip = card(metrics_info=metrics(1000, ppt=500))
    held = HeldBack(amdsmi, chip)
    assert held.read(10.0) == dict.fromkeys(SLOW, 0.0)
    chip.answers["metrics_info"] = metrics(2000, ppt=750, vr_thm=100, prochot=100, hbm_thm=500)
    assert held.read(12.0) == {
        "slowdown_hardware": pytest.approx(0.4),
        "slowdown_thermal": pytest.approx(1.0),
        "slowdown_power": pytest.approx(0.5),
    }
    chip.answers["metrics_info"] = metrics(3000, ppt=1750, vr_thm=100, prochot=100, hbm_thm=500)
    assert held.read(13.0)["slowdown_power"] == pytest.approx(1.5)


def test_a_firmware_counter_that_stands_still_or_starts_again_adds_nothing() -> None:
    chip = card(metrics_info=metrics(1000))
    held = HeldBack(amdsmi, chip)
    held.read(0.0)
    chip.answers["metrics_info"] = metrics(1000, ppt=900)
    assert held.read(1.0)["slowdown_power"] == 0.0
    chip.answers["metrics_info"] = metrics(1100, ppt=100)
    assert held.read(2.0)["slowdown_power"] == pytest.approx(2.0)
    chip.answers["metrics_info"] = metrics(10, ppt=5)
    assert held.read(3.0)["slowdown_power"] == pytest.approx(2.0)


def test_older_cards_do_not_offer_how_long_they_were_held_back() -> None:
    have(card(metrics_info=dict.fromkeys(metrics(0), "N/A")))
    sampler = AmdSmiSampler()
    assert set(sampler.open(node(0), (*SLOW, "power"))) == {"power"}
    assert set(sampler.missing()) == set(SLOW)
    assert "MI300" in sampler.missing()["slowdown_power"]


def test_both_dies_of_an_mi250_have_the_power_of_the_even_one() -> None:
    odd = {"power_info": power(), "energy_count": amdsmi.NOT_SUPPORTED}
    have(card(0, MI250), card(1, MI250, **odd), card(2), card(3))
    sampler = AmdSmiSampler(board={"chips": 2, "names": [MI250], "power": "first"})
    found = sampler.open(node(0, 1, 3), ("energy", "power", "memory"))
    assert (found["power"].scope, found["energy"].scope, found["memory"].scope) == ("module", "module", "card")
    assert sampler.read({"power"}) == {"power": [132.0, 132.0, 132.0]}
    energy = sampler.read({"energy"})["energy"]
    assert energy[0] == energy[1] == pytest.approx(15_300.0)


def test_one_die_of_an_mi250_has_no_power() -> None:
    have(card(0, MI250), card(1, MI250))
    sampler = AmdSmiSampler(board={"chips": 2, "names": [MI250], "power": "first"})
    assert set(sampler.open(node(0), ("power", "memory"))) == {"memory"}
    assert "not all cards are leased" in sampler.missing()["power"]


def test_devices_are_found_by_uuid_whatever_their_order() -> None:
    have(*(card(number, power_info=power(current_socket_power=100 + number)) for number in range(4)))
    sampler = AmdSmiSampler()
    sampler.open(node(3, 1), ("power",))
    assert sampler.read({"power"}) == {"power": [103.0, 101.0]}
    with pytest.raises(SamplerUnavailable, match="uuid-9"):
        AmdSmiSampler().open(node(9), ("power",))


def test_cards_are_listed_with_their_identity_and_facts() -> None:
    processes = [
        {"name": "python", "pid": 7, "mem": 10, "memory_usage": {"vram_mem": 4096}},
        {"name": "N/A", "pid": 8, "mem": 10, "memory_usage": {}},
    ]
    caps = {"power_cap": 500_000_000, "default_power_cap": 750}
    have(card(1, process_list=processes, power_cap_info=caps))
    (listed,) = AmdSmiSampler().cards()
    assert (listed.index, listed.name, listed.uuid) == (0, "AMD Instinct MI300X OAM", "uuid-1")
    assert (listed.pci, listed.total_bytes) == ("0000:06:00.0", 196592 * 1024**2)
    assert listed.facts == {
        "driver": "6.12.12",
        "power_limit_watts": 500.0,  # uW on a bare host
        "power_default_watts": 750.0,  # W on a virtualisation host
        "clock_mhz": 1900.0,
        "clock_max_mhz": 2100.0,
        "clocks_locked": False,
        "ecc_corrected": 2,
        "ecc_uncorrected": 0,
        "pcie_replays": 3,
        "processes": [
            {"pid": 7, "bytes": 4096, "name": "python"},
            {"pid": 8, "bytes": None, "name": None},
        ],
        "utilization_percent": 97.0,
        "memory_used_bytes": 283 * 1024**2,
        "memory_method": "VRAM",
        "temperature_celsius": 41.0,
        "mig": False,
    }


def test_facts_that_a_card_does_not_tell_are_left_out() -> None:
    silent = ("asic_info", "memory_usage", "memory_total", "activity", "clock_info", "power_cap_info", "ecc_count")
    more = ("pcie_info", "compute_partition", "driver_info", "process_list", "temperature_HOTSPOT", "temperature_EDGE")
    have(card(**dict.fromkeys(silent + more, amdsmi.NOT_SUPPORTED)))
    (listed,) = AmdSmiSampler().cards()
    assert (listed.name, listed.total_bytes, listed.facts) == ("card 0", None, {})


def test_a_card_that_disappears_midway_is_missing_told_once_and_the_others_go_on() -> None:
    first, second = card(0), card(1)
    sampler = opened(first, second)
    assert sampler.complaints() == []
    gone = amdsmi.AmdSmiLibraryException(31, "AMDSMI_STATUS_NOT_FOUND - Device Not found")
    second.answers.update(dict.fromkeys(("power_info", "energy_count", "metrics_info"), gone))
    for _ in range(3):
        readings = sampler.read({"power", "energy", *SLOW})
        assert readings["power"] == [132.0, None]
        assert readings["slowdown_power"] == [0.0, None]
    assert sampler.complaints() == ["card 1: Device Not found"]
    assert sampler.complaints() == []
    assert sampler.summary()["errors"] == {"card 1": {"Device Not found": 9}}
    sampler.close()


def test_a_host_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    with pytest.raises(SamplerUnavailable, match="pip install /opt/rocm/share/amd_smi"):
        AmdSmiSampler().cards()


def test_a_package_that_finds_no_library_says_so_and_keeps_standard_output_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "amdsmi.py").write_text("print('Unable to find libamd_smi.so')\n{}['libamd_smi.so']\n")
    monkeypatch.delitem(sys.modules, "amdsmi")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SamplerUnavailable, match=r"libamd_smi\.so cannot be loaded"):
        AmdSmiSampler().cards()
    assert capsys.readouterr().out == ""


def test_where_it_cannot_be_initialised_it_is_said_why() -> None:
    amdsmi.BROKEN.append(amdsmi.AmdSmiLibraryException(34, "AMDSMI_STATUS_DRIVER_NOT_LOADED - Driver not loaded"))
    with pytest.raises(SamplerUnavailable, match="AMD SMI cannot be initialised: Driver not loaded"):
        AmdSmiSampler().cards()


def test_it_is_made_by_name() -> None:
    assert isinstance(make_sampler("amd_smi", {}), AmdSmiSampler)
