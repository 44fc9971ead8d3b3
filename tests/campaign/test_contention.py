"""Who else is on the cards before a run, as far as their samplers can tell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.contention import Contention, Foreign
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.campaign.survey import SourceAnswer, Survey
from pytest_sixdim.core.vendor import SamplerChoice, VendorProfile
from pytest_sixdim.samplers import Device

PROFILE = VendorProfile(
    id="cards",
    name="Cards",
    name_zh="卡",
    enumerate="device_nodes",
    device="cuda",
    backend="nccl",
    samplers=(SamplerChoice("nvml", ("memory",)),),
)
DEVICES = [Device(index, f"GPU-{index}", "Card", 80 * 2**30) for index in range(2)]
GIB = 2**30


def bench(profile: VendorProfile = PROFILE) -> Bench:
    settings = Settings(vendor="cards", python=sys.executable, results=Path("results"))
    return Bench(settings, Host("cards", "test", tuple(DEVICES)), profile, {}, {})


class Asked:
    """Answers in turn; the last one from then on."""

    def __init__(self, *answers: Survey) -> None:
        self.answers = list(answers)
        self.times = 0
        self.waits: list[float] = []

    def __call__(self, devices: Sequence[Device]) -> Survey:
        self.times += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def facts(*cards: dict[str, Any], **fields: Any) -> Survey:
    return Survey((SourceAnswer("nvml", facts=cards, **fields),))  # type: ignore[arg-type]


def look(*answers: Survey) -> list[str]:
    asked = Asked(*answers)
    return [each.sentence for each in Contention(bench(), asked, asked.waits.append).look(DEVICES)]


@pytest.mark.parametrize(
    ("process", "says"),
    [
        ({"pid": 7, "bytes": 5583457485, "name": "python"}, "process 7 (python, 5.2 GiB)"),
        ({"pid": 7, "bytes": None, "name": "python"}, "process 7 (python)"),
        ({"pid": 7, "bytes": GIB, "name": None}, "process 7 (1.0 GiB)"),
        ({"pid": 7}, "process 7"),
    ],
)
def test_a_process_is_named_with_what_is_known_of_it(process: dict[str, Any], says: str) -> None:
    assert look(facts({}, {"processes": [process]})) == [f"card GPU-1 is used by {says}"]


def test_every_process_of_every_card_is_named() -> None:
    both = {"processes": [{"pid": 1}, {"pid": 2}]}
    assert len(look(facts(both, both))) == 4


def test_utilisation_without_a_process_is_somebody_unseen() -> None:
    busy = facts({"utilization_percent": 37.0, "processes": []}, {"utilization_percent": 5.0})
    assert look(busy) == ["card GPU-0 is 37 % busy, by nobody who can be seen from here"]


def test_utilisation_that_a_run_has_just_left_behind_is_not_believed() -> None:
    asked = Asked(facts({"utilization_percent": 90.0}, {}), facts({"utilization_percent": 0.0}, {}))
    assert Contention(bench(), asked, asked.waits.append).look(DEVICES) == []
    assert len(asked.waits) == 1


def test_a_process_is_believed_at_once() -> None:
    asked = Asked(facts({"processes": [{"pid": 1}]}, {}))
    assert Contention(bench(), asked, asked.waits.append).look(DEVICES) == [
        Foreign(("process", "GPU-0", "1"), "card GPU-0 is used by process 1")
    ]
    assert (asked.times, asked.waits) == (1, [])


@pytest.mark.parametrize(("used", "found"), [(7.9 * GIB, False), (8.1 * GIB, True)])
def test_memory_beyond_what_a_driver_holds_is_somebody_unseen(used: float, found: bool) -> None:
    assert bool(look(facts({"memory_used_bytes": used}, {}))) is found


def test_a_small_cards_driver_may_hold_two_gib() -> None:
    small = [replace(device, total_bytes=16 * GIB) for device in DEVICES]
    for used, count in ((1.9 * GIB, 0), (2.1 * GIB, 1)):
        asked = Asked(facts({"memory_used_bytes": used}, {}))
        assert len(Contention(bench(), asked, asked.waits.append).look(small)) == count


def test_readings_tell_where_facts_do_not_and_the_first_source_counts() -> None:
    first = SourceAnswer("nvml", facts=({"utilization_percent": 0.0}, {"driver": "1"}))
    second = SourceAnswer("tool", readings={"utilization": (50.0, None), "memory": (0.0, 9.0 * GIB)})
    assert look(Survey((first, second))) == [
        "card GPU-1: 9.0 GiB of its memory are held by nobody who can be seen from here"
    ]


def test_where_no_sampler_can_tell_nobody_asks_twice() -> None:
    asked = Asked(Survey((SourceAnswer("nvml", reason="no library"),)))
    contention = Contention(bench(), asked, asked.waits.append)
    assert (contention.look(DEVICES), contention.look(DEVICES)) == ([], [])
    assert asked.times == 1


@pytest.mark.parametrize("profile", [replace(PROFILE, enumerate="cores"), replace(PROFILE, samplers=())])
def test_cores_and_cards_without_samplers_are_not_asked(profile: VendorProfile) -> None:
    asked = Asked(facts({"processes": [{"pid": 1}]}, {}))
    assert Contention(bench(profile), asked, asked.waits.append).look(DEVICES) == []
    assert asked.times == 0


def test_facts_that_tell_nothing_of_others_leave_it_open_and_say_so() -> None:
    asked = Asked(facts({"driver": "1"}, {"driver": "1"}))
    contention = Contention(bench(), asked, asked.waits.append)
    assert contention.look(DEVICES) == []
    assert contention.blind == "no sampler reads processes, utilisation or memory of all of them"
    one = Asked(facts({"processes": []}, {"driver": "1"}))
    contention = Contention(bench(), one, one.waits.append)
    contention.look(DEVICES)
    assert contention.blind is not None


def test_a_sampler_that_was_late_once_is_asked_before_the_next_run() -> None:
    late = Survey((SourceAnswer("nvml", reason="no answer within 10 s", asked_seconds=10.0),))
    asked = Asked(late, facts({"processes": [{"pid": 7}]}, {"processes": []}))
    contention = Contention(bench(), asked, asked.waits.append)
    assert contention.look(DEVICES) == []
    assert contention.blind == "nvml: no answer within 10 s"
    assert [each.sentence for each in contention.look(DEVICES)] == ["card GPU-0 is used by process 7"]
    assert contention.blind is None


def test_a_busy_card_that_does_not_answer_again_stays_busy() -> None:
    busy = facts({"utilization_percent": 90.0}, {"utilization_percent": 0.0})
    assert len(look(busy, Survey((SourceAnswer("nvml", reason="no answer within 10 s"),)))) == 1
