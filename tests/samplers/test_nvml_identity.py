"""Which card is which through NVML, what is known of it, and what is said where NVML cannot be used."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Device, Node, SamplerUnavailable
from pytest_sixdim.samplers.nvml import NvmlSampler
from tests.samplers.nvml_cards import Bench, leased
from tests.stubs.nvml import NvmlStub, Steady, StubCard

NOWHERE = Path(os.devnull)


def card(watts: float = 300.0, name: str = "NVIDIA H200", **words: Any) -> StubCard:
    return StubCard(Steady(watts), name=name, words=words)


def test_cards_are_listed_with_their_identity_and_facts(nvml: Bench) -> None:
    words: dict[str, Any] = {
        "memory": "1000,143771,600",
        "limit": "500,700",
        "clock": "1500,1980,1980,1980",
        "ecc": "3,1",
        "replays": 4,
        "processes": "4242,512,4243,-1",
        "temperature": 38,
        "utilization": 12,
        "persistence": 0,
    }
    nvml.play(card(), StubCard(Steady(1.0), "NVIDIA H200", "GPU-b", "00000000:3B:00.0", words), driver="580.95.05")
    first, second = nvml.sampler().cards()
    assert (first.index, second.index) == (0, 1)
    assert (second.name, second.uuid, second.pci) == ("NVIDIA H200", "GPU-b", "0000:3b:00.0")
    assert second.total_bytes == 143771 * 1024**2
    assert second.facts == {
        "driver": "580.95.05",
        "power_limit_watts": 500.0,
        "power_default_watts": 700.0,
        "clock_mhz": 1500,
        "clock_max_mhz": 1980,
        "ecc_corrected": 3,
        "ecc_uncorrected": 1,
        "pcie_replays": 4,
        "processes": [
            {"pid": 4242, "bytes": 512 * 1024**2, "name": "stub-4242"},
            {"pid": 4243, "bytes": None, "name": "stub-4243"},
        ],
        "utilization_percent": 12,
        "memory_used_bytes": 1000 * 1024**2,
        "memory_method": "NVML v2, without reserved",
        "temperature_celsius": 38,
        "mig": False,
        "persistence": False,
    }


def test_facts_that_a_card_does_not_tell_are_left_out(nvml: Bench) -> None:
    without = "ecc,limit,replays,processes,mig,persistence,temperature,utilization,clock,reasons,application_clock"
    nvml.play(card(without=without))
    assert nvml.sampler().cards()[0].facts.keys() == {"driver", "memory_used_bytes", "memory_method"}


@pytest.mark.parametrize(
    ("words", "locked"),
    [
        ({"clock": "1410,1980,1410,1980"}, True),
        ({"clock": "1980,1980,1980,1980", "reasons": 2}, True),
        ({"clock": "1980,1980,1980,1980"}, None),
        ({"without": "application_clock,reasons"}, None),
    ],
    ids=["application clock", "a setting holds it", "nothing shows it", "nothing is told"],
)
def test_locked_clocks_are_told_where_they_show_and_never_denied(
    nvml: Bench, words: dict[str, Any], locked: bool | None
) -> None:
    nvml.play(card(**words))
    assert nvml.sampler().cards()[0].facts.get("clocks_locked") is locked


def test_devices_are_found_by_uuid_whatever_their_number_and_order(nvml: Bench) -> None:
    nvml.play(card(100.0), card(200.0), card(300.0), card(400.0))
    cards = nvml.sampler().cards()
    sampler = nvml.sampler()
    sampler.open(leased([cards[3], cards[1]]), ("power",))
    assert nvml.at(sampler, 1.0, "power") == [400.0, 200.0]
    assert [fact["driver"] for fact in sampler.facts()] == ["580.95.05"] * 2


def test_devices_are_found_by_pci_address_where_they_have_no_uuid(nvml: Bench) -> None:
    nvml.play(card(100.0), card(200.0))
    sampler = nvml.sampler()
    sampler.open(Node((Device(0, "x", "x", pci="0000:11:00.0"),), NOWHERE), ("power",))
    assert nvml.at(sampler, 1.0, "power") == [200.0]


def test_a_device_that_is_not_there_is_named(nvml: Bench) -> None:
    nvml.play(card(), card())
    with pytest.raises(SamplerUnavailable, match="GPU-z: 0 of 2 cards have uuid GPU-z"):
        nvml.sampler().open(Node((Device(0, "GPU-z", "x", uuid="GPU-z"),), NOWHERE), ("power",))


def test_xids_since_the_sampler_was_opened_are_kept_by_card_and_in_order(nvml: Bench) -> None:
    sampler = nvml.opened(card(), card(xid="5,13,8,79"))
    assert [facts["xids"] for facts in sampler.facts()] == [[], []]
    nvml.playing.set_clock(6.0)
    assert [facts["xids"] for facts in sampler.facts()] == [[], [13]]
    nvml.playing.set_clock(9.0)
    assert [facts["xids"] for facts in sampler.facts()] == [[], [13, 79]]


def test_without_events_nothing_is_said_of_xids(nvml: Bench) -> None:
    assert "xids" not in nvml.opened(card(without="events")).facts()[0]
    assert "xids" not in nvml.opened(card(), without="events").facts()[0]


BOARD = {"chips": 2, "names": ["Iluvatar BI-V150"], "power": "last"}


def test_chips_of_a_board_with_one_sensor_have_the_board_s_power(nvml: Bench) -> None:
    pair = [card(1.0, "Iluvatar BI-V150"), card(180.0, "Iluvatar BI-V150")]
    nvml.play(*pair, card(99.0, "Iluvatar BI-V100"))
    sampler = nvml.sampler(board=BOARD)
    found = sampler.open(leased(sampler.cards()), ("energy", "power", "memory"))
    assert (found["power"], found["memory"].scope) == (Source("nvml", "instant", "module", sensors=(1, 1, 2)), "card")
    assert nvml.at(sampler, 1.0, "power") == [180.0, 180.0, 99.0]
    assert nvml.at(sampler, 1.0, "energy") == [100_180.0, 100_180.0, 100_099.0]


def test_one_chip_of_such_a_board_has_no_power(nvml: Bench) -> None:
    nvml.play(card(1.0, "Iluvatar BI-V150"), card(180.0, "Iluvatar BI-V150"))
    sampler = nvml.sampler(board=BOARD)
    assert set(sampler.open(leased(sampler.cards()[1:]), ("power", "memory"))) == {"memory"}
    assert sampler.missing() == {"power": "one sensor for a board of which not all cards are leased"}


def test_a_library_of_another_vendor_is_loaded_by_name_or_path(
    nvml: Bench, nvml_stub: NvmlStub, tmp_path: Path
) -> None:
    nvml.play(card(77.0, "Iluvatar BI-V100"))
    library = tmp_path / "libixml.so"
    library.write_bytes(nvml_stub.built.read_bytes())
    sampler = NvmlSampler(library=str(library))
    sampler.open(leased(sampler.cards()), ("power",))
    assert sampler.read({"power"}) == {"power": [77.0]}
    assert sampler.summary()["library"] == str(library)
    sampler.close()


def test_two_libraries_in_one_process_do_not_mix(nvml: Bench, nvml_stub: NvmlStub, tmp_path: Path) -> None:
    nvml.play(card(77.0))
    other = tmp_path / "libixml.so"
    other.write_bytes(nvml_stub.built.read_bytes())
    first, second = nvml.sampler(), NvmlSampler(library=str(other))
    for sampler in (first, second):
        sampler.open(leased(sampler.cards()), ("power",))
    first.close()
    assert second.read({"power"}) == {"power": [77.0]}
    second.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4, "no permission"),
        (9, "the driver is not loaded"),
        (18, "driver and library are of different versions"),
        (999, "is a card in a bad state"),
        (23, "NVML cannot be initialised: Unknown Error"),
    ],
)
def test_where_nvml_cannot_be_initialised_it_is_said_why(nvml: Bench, code: int, words: str) -> None:
    nvml.play(card(), init=code)
    with pytest.raises(SamplerUnavailable, match=words):
        nvml.sampler().cards()


def test_a_missing_library_is_named_with_what_to_do() -> None:
    with pytest.raises(SamplerUnavailable, match=r"libixml-missing\.so.*LD_LIBRARY_PATH"):
        NvmlSampler(library="libixml-missing.so").cards()


def test_a_host_without_nvidia_s_library_says_so() -> None:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        pass
    else:
        pytest.skip("this host has NVIDIA's library")
    with pytest.raises(SamplerUnavailable, match=r"libnvidia-ml\.so\.1 was not found: install the driver"):
        NvmlSampler().cards()


@pytest.mark.parametrize("library", [None, "libixml.so"])
def test_without_pynvml_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, library: str | None) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(SamplerUnavailable, match="pip install nvidia-ml-py"):
        NvmlSampler(library=library).cards()


def test_a_board_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="board"):
        NvmlSampler(board={"chips": 2, "power": "middle"})
