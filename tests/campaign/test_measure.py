"""From the records of runs to figures: what lay around a run, peaks by precision, and what stands beside."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.measure import Taken, card_id, measure, run_summary
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.records import RunRecord, RunResult, SampleLog
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.vendor import CardModel, VendorProfile
from pytest_sixdim.samplers import Device
from tests.core.builders import CONFIGURATION, case, events, log, run, segment, series, start

PEAKS = {"fp32": 67e12, "tf32": 495e12, "fp16": 989e12, "bf16": 990e12}
OTHER = {"pid": 77, "own": False, "name": "python3"}
#: One card of 16 samples a step; 100 steps a segment.
SINGLE = Configuration("nvidia", "amp-bf16", 16)


def bench(**settings: Any) -> Bench:
    profile = VendorProfile(
        "nvidia",
        "NVIDIA",
        "英伟达",
        "device_nodes",
        "cuda",
        "nccl",
        cards=(CardModel("h200", ("A Card",), peaks=PEAKS),),
    )
    host = Host("nvidia", "test", tuple(Device(index, f"nvidia:{index}", "A Card") for index in range(8)))
    return Bench(Settings("nvidia", sys.executable, Path("results"), **settings), host, profile, {}, {})


def sampled(*facts: dict[str, Any]) -> SampleLog:
    """A card that draws 500 W and holds 40 GiB, with what was known of it at several instants."""
    readings = {
        "energy": [series(lambda t: 500 * t, 60)],
        "memory": [series(lambda t: 40 * 2**30, 60, 260, 1.0)],
    }
    return replace(log(**readings), facts=tuple((100.0 * number, (card,)) for number, card in enumerate(facts)))


def record(*facts: dict[str, Any], index: int = 1, **fields: Any) -> RunRecord:
    """A run of one card whose window is complete."""
    own = [replace(event, world_size=1) if event.kind == "start" else event for event in events(*segments())]  # type: ignore[call-arg]
    given = {"events": tuple(own), "samples": (sampled(*facts),), "order": {"configuration": SINGLE.id}}
    return replace(run(index), **{**given, **fields})


def segments(samples: int = 1600) -> list[Any]:
    return [segment(number, samples=samples) for number in range(1, 6)]


def figure(dimension: Any, taken: RunRecord, *more: RunRecord, at: Bench | None = None, **fields: Any) -> Measured:
    given: Case = case(configurations=(SINGLE,), **fields)
    return measure(at or bench(), dimension, Taken(given, SINGLE, (taken,), (), 1, other_runs=(taken, *more)), nobody)


def nobody(case: Case, configuration: Configuration) -> Baseline | None:
    return None


@pytest.mark.parametrize("dimension", ["speed", "power", "memory"])
def test_what_others_do_on_the_cards_is_flagged_and_fails_where_that_is_asked_for(dimension: str) -> None:
    shared = record({"processes": [OTHER]})
    assert figure(dimension, record({"processes": []})).value is not None
    sentence = "card 0: process 77 (python3) of somebody else before the run"
    assert sentence in figure(dimension, shared).flags
    strict = bench(contention="error")
    assert sentence in str(figure(dimension, shared, at=strict).failed)
    assert figure(dimension, record({"processes": []}), at=strict).failed is None


@pytest.mark.parametrize(("contention", "failed"), [("warn", False), ("error", True)])
def test_linearity_is_of_two_runs_that_may_have_been_disturbed(contention: Any, failed: bool) -> None:
    whole = replace(run(), events=events(), samples=(log(8),), order={"configuration": CONFIGURATION.id})
    taken = Taken(case(), CONFIGURATION, (whole,), (record({"processes": [OTHER]}),), 1)
    found = measure(bench(contention=contention), "linearity", taken, nobody)
    if failed:
        assert str(found.failed).startswith("speed on 1 card: the cards were shared")
    else:
        assert found.flags == ("speed on 1 card: card 0: process 77 (python3) of somebody else before the run",)


def test_readings_of_a_card_that_was_not_trained_on_are_unknown() -> None:
    there = replace(sampled(), cards=(replace(sampled().cards[0], pci="0000:3b:00.0"),))
    told = (start(world_size=1, devices=[{"pci": "0000:5e:00.0"}]), *record().events[1:])
    elsewhere = record(samples=(there,), events=told)
    expected = "rank 0 trained on card 0000:5e:00.0, sampled was card 0 (0000:3b:00.0)"
    assert figure("power", elsewhere).unknown == figure("memory", elsewhere).unknown == expected
    assert figure("speed", elsewhere).value == pytest.approx(160.0)


def test_cores_are_no_cards_to_be_matched() -> None:
    unmatched = "cards matched by number"
    assert unmatched in figure("power", record()).flags
    cores = bench()
    cores = replace(cores, profile=replace(cores.profile, enumerate="cores"))
    assert unmatched not in figure("power", record(), at=cores).flags


@pytest.mark.parametrize(
    ("precision", "peak"),
    [("fp32", 67e12), ("tf32", 495e12), ("fp16", 989e12), ("amp-fp16", 989e12), ("bf16", 990e12), ("amp-bf16", 990e12)],
)
def test_the_peak_is_that_of_the_precision_that_computes(precision: str, peak: float) -> None:
    configuration = replace(SINGLE, precision=precision)
    given = case(configurations=(configuration,), flops_per_sample=24.6e9)
    found = measure(bench(), "speed", Taken(given, configuration, (record(),), (), 1), nobody)
    assert found.detail["mfu"] == pytest.approx(160.0 * 24.6e9 / peak)


def test_cards_that_differ_are_no_card_and_have_no_peak() -> None:
    alike = bench()
    first = replace(alike.host.devices[0], name="Another Card")
    mixed = replace(alike, host=replace(alike.host, devices=(first, *alike.host.devices[1:])))
    pair = replace(SINGLE, cards=2)
    assert (card_id(alike, pair), card_id(mixed, SINGLE), card_id(mixed, pair)) == ("h200", "Another Card", None)
    assert figure("speed", record(), flops_per_sample=1e9).detail["mfu"] is not None
    assert figure("speed", record(), at=mixed, flops_per_sample=1e9).detail["mfu"] is None


def test_a_precision_without_a_known_peak_has_no_mfu() -> None:
    configuration = replace(SINGLE, precision="fp8")
    given = case(configurations=(configuration,), flops_per_sample=24.6e9)
    assert measure(bench(), "speed", Taken(given, configuration, (record(),), (), 1), nobody).detail["mfu"] is None


def test_the_speeds_of_the_other_runs_stand_beside() -> None:
    slower = record(index=2, events=(*record().events[:2], *segments(800)))
    unfinished = record(index=3, events=record().events[:4])
    found = figure("speed", record(), slower, unfinished)
    assert found.detail["other_runs"] == {"full-2": pytest.approx(80.0)}


def test_a_run_lists_what_sampling_it_cost(tmp_path: Path) -> None:
    cost = {"cpu_seconds": 0.5, "readings": 900, "period_p50": 0.1, "period_p99": 0.12, "period_max": 0.4, "gaps": 1}
    tool = {"tool": "npu-smi", "cpu_seconds": 1.0, "reading_cpu_seconds": 0.5, "errors": {}}
    result = RunResult("completed", "program", seconds=200.0, sampler={**cost, "errors": 2, "command": tool})
    summary: Callable[..., dict[str, Any]] = run_summary
    listed = summary(case(), SINGLE, record(result=result, directory=tmp_path / "full-1"), tmp_path, "real")
    assert listed["sampler"] == {
        "cpu_share": 0.01,
        "period_p50": 0.1,
        "period_p99": 0.12,
        "period_max": 0.4,
        "gaps": 1,
        "errors": 2,
    }
    lost = record(result=RunResult("agent_lost", "runner"), directory=tmp_path / "full-1")
    assert set(summary(case(), SINGLE, lost, tmp_path, "real")["sampler"].values()) == {None}


@pytest.mark.parametrize(
    ("allocator", "reserved"),
    [
        (None, False),
        ({"requires": [], "variables": {}}, False),
        ({"requires": ["jax"], "variables": {}}, True),
        ({"requires": ["jax"], "variables": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}}, False),
        ({"requires": ["tensorflow"], "variables": {}}, True),
    ],
)
def test_memory_that_is_taken_in_advance_is_not_judged(allocator: Any, reserved: bool) -> None:
    order = {"configuration": SINGLE.id, "allocator": allocator}
    found = figure("memory", record(order=order))
    assert found.value == pytest.approx(40.0)
    assert (found.unjudged is not None) is reserved
    on_cores = bench()
    on_cores = replace(on_cores, profile=replace(on_cores.profile, enumerate="cores"))
    assert figure("memory", record(order=order), at=on_cores).unjudged is None


def test_a_recorded_log_is_not_held_against_a_clock_that_nobody_watched() -> None:
    own = [replace(event, seen=0.0) for event in record().events]
    watched = record(events=tuple(own))
    assert figure("speed", watched).suspect != ()
    recorded = record(events=tuple(own), order={"configuration": SINGLE.id, "job": {"recorded": True}})
    assert figure("speed", recorded).suspect == ()
    assert figure("speed", recorded).value == pytest.approx(160.0)
