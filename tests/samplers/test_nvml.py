"""Readings of cards through the real pynvml, from the stub of NVML that plays known traces."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from pytest_sixdim.core.records import CHANNELS, Source
from pytest_sixdim.samplers import SamplerUnavailable, make_sampler
from tests.samplers.nvml_cards import ALL, Bench, leased
from tests.stubs.nvml import NvmlStub, Ramp, Square, Steady, StubCard

MIB = 1024**2
OLD = {"driver": "470.57.02"}
#: A driver of before fields 185, 186 and the event reasons' counters.
WITHOUT_FIELDS = "instant,average,reason_counters"


def card(watts: float = 300.0, **words: Any) -> StubCard:
    return StubCard(Steady(watts), words=words)


def sources(nvml: Bench, *cards: StubCard, channels: tuple[str, ...] = ALL, **node: Any) -> dict[str, Source]:
    nvml.play(*cards, **node)
    sampler = nvml.sampler()
    return dict(sampler.open(leased(sampler.cards()), channels))


def test_every_channel_is_read_in_its_unit(nvml: Bench) -> None:
    sampler = nvml.opened(
        card(energy_start=500, memory="30671,81559,600", temperature="40,60,10", utilization=97, clock=1755),
        card(100.0, slow_hardware="2,0.5", slow_brake="2,0.25", slow_thermal="3,1", slow_power="0,0.9"),
    )
    nvml.playing.set_clock(10.0)
    readings = sampler.read(ALL)
    assert readings.keys() == CHANNELS.keys()
    assert readings["energy"] == [pytest.approx(500 + 3000), pytest.approx(100_000 + 1000)]  # J
    assert readings["power"] == [300.0, 100.0]  # W
    assert readings["memory"][0] == 30671 * MIB  # without the 600 MiB that the driver reserves
    assert (readings["temperature"][0], readings["utilization"][0], readings["clock"][0]) == (60.0, 97.0, 1755.0)
    assert readings["slowdown_hardware"] == [0.0, pytest.approx(8 * 0.75)]  # s
    assert readings["slowdown_thermal"] == [0.0, pytest.approx(7.0)]
    assert readings["slowdown_power"] == [0.0, pytest.approx(9.0)]


def test_sources_say_how_each_channel_is_read(nvml: Bench) -> None:
    assert sources(nvml, card()) == {
        "energy": Source("nvml", "counter"),
        "power": Source("nvml", "instant"),
        "memory": Source("nvml", "NVML v2, without reserved"),
        "temperature": Source("nvml", "GPU"),
        "utilization": Source("nvml", "GPU"),
        "clock": Source("nvml", "SM"),
        "slowdown_hardware": Source("nvml", "counter"),
        "slowdown_thermal": Source("nvml", "counter"),
        "slowdown_power": Source("nvml", "counter"),
    }


def test_instant_power_is_preferred_to_the_average(nvml: Bench) -> None:
    sampler = nvml.opened(StubCard(Square(100.0, 300.0, period=2.0)))
    assert nvml.at(sampler, 1.95, "power") == [100.0]
    average = nvml.opened(StubCard(Square(100.0, 300.0, period=2.0), words={"without": "instant"}))
    assert nvml.at(average, 1.5, "power") == [200.0]


@pytest.mark.parametrize(
    ("capability", "method"),
    [("7,0", "instant"), ("8,0", "instant"), ("8,6", "average"), ("9,0", "average")],
    ids=["V100", "A100", "A10", "H100"],
)
def test_what_the_plain_power_usage_is_depends_on_the_architecture(nvml: Bench, capability: str, method: str) -> None:
    found = sources(nvml, card(without=WITHOUT_FIELDS, capability=capability), **OLD)
    assert found["power"] == Source("nvml", method)


def test_power_usage_of_an_unknown_architecture_is_said_to_be_unstated(nvml: Bench) -> None:
    assert sources(nvml, card(without="instant,average,capability"))["power"].method == "unstated"
    mixed = sources(nvml, card(without=WITHOUT_FIELDS, capability="8,0"), card(without=WITHOUT_FIELDS))
    assert mixed["power"].method == "unstated"


def test_a_superchip_without_power_of_the_gpu_alone_gives_that_of_the_module(nvml: Bench) -> None:
    assert sources(nvml, card(scope="module"))["power"] == Source("nvml", "instant", "module")
    assert nvml.at(nvml.opened(card(431.5, scope="module")), 1.0, "power") == [431.5]


def test_an_old_driver_tells_slowdowns_by_violation_status(nvml: Bench) -> None:
    words = {"without": WITHOUT_FIELDS + ",power_counter", "slow_power": "0,0.5", "slow_thermal": "2,0.25"}
    found = sources(nvml, card(**words), **OLD)
    assert (found["slowdown_power"].method, found["slowdown_thermal"].method) == ("counter", "counter")
    assert found["slowdown_hardware"].method == "instant"
    sampler = nvml.opened(card(**words, slow_hardware="5,1"), **OLD)
    assert nvml.at(sampler, 4.0, "slowdown_power") == [pytest.approx(2.0)]
    assert nvml.at(sampler, 4.0, "slowdown_thermal") == [pytest.approx(0.5)]
    assert nvml.at(sampler, 4.0, "slowdown_hardware") == [0.0]
    assert nvml.at(sampler, 6.0, "slowdown_hardware") == [1.0]


@pytest.mark.parametrize("driver", ["575.51.03", "580.65.06"])
def test_fields_that_meant_something_else_in_these_drivers_are_not_asked(nvml: Bench, driver: str) -> None:
    found = sources(nvml, card(slow_hardware="0,1"), driver=driver)
    assert found["slowdown_hardware"].method == "instant"


def test_where_nothing_counts_slowdowns_the_bits_of_the_moment_tell(nvml: Bench) -> None:
    words = {"without": "reason_counters,power_counter,violations", "slow_power": "3,1"}
    sampler = nvml.opened(card(**words))
    assert sources(nvml, card(**words))["slowdown_power"].method == "instant"
    assert nvml.at(sampler, 2.0, "slowdown_power") == [0.0]
    assert nvml.at(sampler, 3.5, "slowdown_power") == [1.0]
    assert nvml.at(sampler, 3.5, "slowdown_thermal") == [0.0]


def test_the_first_version_of_memory_includes_what_the_driver_reserves_and_says_so(nvml: Bench) -> None:
    words = {"without": "memory_v2", "memory": "100,81559,512"}
    assert sources(nvml, card(**words))["memory"].method == "NVML v1, with reserved"
    sampler = nvml.opened(card(**words))
    assert nvml.at(sampler, 0.0, "memory") == [612 * MIB]
    assert sampler.facts()[0]["memory_method"] == "NVML v1, with reserved"


def test_a_library_without_the_second_version_has_the_first(nvml: Bench) -> None:
    found = sources(nvml, card(), without="memory_v2")
    assert found["memory"].method == "NVML v1, with reserved"


def test_a_card_without_memory_of_its_own_has_no_reading(nvml: Bench) -> None:
    nvml.play(card(memory="0,0,0"))
    sampler = nvml.sampler()
    assert "memory" not in sampler.open(leased(sampler.cards()), ("memory", "power"))
    assert sampler.missing() == {"memory": "no answer"}
    assert sampler.cards()[0].total_bytes is None


def test_what_a_card_does_not_support_is_missing_and_never_zero(nvml: Bench) -> None:
    every = "energy,instant,average,power_usage,temperature,temperature_v,utilization"
    sampler = nvml.opened(card(), card(without=every))
    nvml.playing.set_clock(1.0)
    for channel in ("energy", "power", "temperature", "utilization"):
        first, second = sampler.read({channel})[channel]
        assert first is not None
        assert second is None
    assert sampler.complaints() == []


def test_a_channel_that_no_card_supports_is_not_offered_and_the_reason_is_told(nvml: Bench) -> None:
    nvml.play(card(without="energy"), card(without="energy"))
    sampler = nvml.sampler()
    assert set(sampler.open(leased(sampler.cards()), ("energy", "power"))) == {"power"}
    assert sampler.missing() == {"energy": "Not Supported"}


def test_a_way_that_all_cards_have_is_preferred_to_a_better_one_of_some(nvml: Bench) -> None:
    assert sources(nvml, card(), card(without="instant"))["power"].method == "average"


def test_a_divided_card_has_no_power_and_the_reason_is_told(nvml: Bench) -> None:
    nvml.play(card(mig=1))
    sampler = nvml.sampler()
    assert set(sampler.open(leased(sampler.cards()), ("energy", "power", "memory"))) == {"memory"}
    assert set(sampler.missing().values()) == {"divided (MIG): no sensor tells a card's parts apart"}
    assert sampler.facts()[0]["mig"] is True
    with pytest.raises(SamplerUnavailable, match="divided"):
        nvml.sampler().open(leased(sampler.cards()), ("energy", "power"))


def test_one_divided_card_among_others_has_no_reading(nvml: Bench) -> None:
    sampler = nvml.opened(card(200.0), card(mig=1))
    assert nvml.at(sampler, 1.0, "power") == [200.0, None]
    assert nvml.at(sampler, 1.0, "energy") == [100_200.0, None]


def test_a_card_that_is_lost_midway_is_missing_told_once_and_the_others_go_on(nvml: Bench) -> None:
    sampler = nvml.opened(card(200.0), card(lost=5.0), card(400.0))
    assert nvml.at(sampler, 4.0, "power") == [200.0, 300.0, 400.0]
    assert sampler.complaints() == []
    assert nvml.at(sampler, 6.0, "power") == [200.0, None, 400.0]
    assert nvml.at(sampler, 7.0, "energy") == [101_400.0, None, 102_800.0]
    assert sampler.complaints() == ["card 1: GPU is lost"]
    assert sampler.complaints() == []
    assert sampler.summary()["errors"] == {"card 1": {"GPU is lost": 1}}
    assert [facts.get("lost") for facts in sampler.facts()] == [None, True, None]
    facts = sampler.facts()
    assert facts[0]["power_limit_watts"] == 700.0
    assert "power_limit_watts" not in facts[1]


def test_a_card_that_is_lost_from_the_start_is_told_and_not_listed(nvml: Bench) -> None:
    nvml.play(card(), card(lost=-1.0))
    sampler = nvml.sampler()
    assert [found.index for found in sampler.cards()] == [0]
    assert sampler.complaints() == ["card 1 does not answer"]


def test_readings_that_fail_for_a_while_are_missing_and_come_back(nvml: Bench) -> None:
    sampler = nvml.opened(card(gap="5,2"))
    values = [nvml.at(sampler, t, "energy")[0] for t in (4.0, 5.5, 6.5, 8.0)]
    assert values == [pytest.approx(101_200), None, None, pytest.approx(102_400)]
    assert sampler.complaints() == ["card 0: Unknown Error"]
    assert sampler.summary()["errors"] == {"card 0": {"Unknown Error": 2}}


def test_a_counter_is_handed_on_as_it_is_also_where_it_falls(nvml: Bench) -> None:
    sampler = nvml.opened(card(energy_start=990, wrap=1000), card(energy_start=500, backwards="3,200"))
    assert nvml.at(sampler, 0.0, "energy") == [990.0, 500.0]
    assert nvml.at(sampler, 4.0, "energy") == [pytest.approx(190.0), pytest.approx(1500.0)]


def test_a_ramp_is_followed(nvml: Bench) -> None:
    sampler = nvml.opened(StubCard(Ramp(100.0, 300.0, 10.0), words={"tick": "0.001"}))
    assert nvml.at(sampler, 5.0, "power")[0] == pytest.approx(200.0, abs=0.5)
    assert nvml.at(sampler, 20.0, "energy")[0] == pytest.approx(100_000 + 2000 + 3000, abs=1)


def test_fast_readings_cost_one_call_a_card(nvml: Bench) -> None:
    sampler = nvml.opened(card(), card(), card())
    sampler.read({"energy", "power"})
    before = sampler.summary()["calls"]
    sampler.read({"energy", "power"})
    assert sampler.summary()["calls"] - before == 3


def test_the_summary_names_the_library(nvml: Bench, nvml_stub: NvmlStub) -> None:
    summary = nvml.opened(card(), nvml="13.1").summary()
    assert (summary["library"], summary["version"]) == (str(nvml_stub.built), "13.1")


PROGRAM = """
    import sys
    from pathlib import Path
    from pytest_sixdim.samplers import Device, Node, make_sampler
    sampler = make_sampler("nvml", {})
    card = sampler.cards()[0]
    sampler.open(Node((Device(0, "x", card.name, uuid=card.uuid),), Path(".")), ("energy",))
    print(card.uuid, sampler.read({"energy"})["energy"], sampler.summary()["library"])
    sampler.close()
"""


def test_nvidia_s_own_library_is_found_as_pynvml_finds_it(nvml_stub: NvmlStub) -> None:
    playing = nvml_stub.play([card(energy_start=7)], manual=True)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env={**os.environ, **playing.environment},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"GPU-00000000-0000-0000-0000-000000000000 [7.0] {nvml_stub.built}\n", done.stderr


def test_it_is_made_by_name() -> None:
    assert type(make_sampler("nvml", {"library": "libixml.so"})).__name__ == "NvmlSampler"
