"""A power cap that a run found on its cards decides which baseline the run is compared with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_sixdim.campaign.campaign import Campaign
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.plan import Plan, RunKey, Wanted
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.events import event_record
from pytest_sixdim.core.records import RunResult
from pytest_sixdim.core.vendor import CardModel, VendorProfile
from pytest_sixdim.launchers import Launcher
from pytest_sixdim.samplers import Device
from tests.core.builders import CONFIGURATION, baseline, case, events

HEAD = {"schema": 1, "monotonic": 90.0, "unix": 1.0, "boot_id": "b"}
PROFILE = VendorProfile(
    "nvidia", "NVIDIA", "英伟达", "device_nodes", "cuda", "nccl", cards=(CardModel("h200", ("A Card",)),)
)
CASE = case()


def stored(store: Store, limit: float | None, default: float = 700.0) -> None:
    """A finished window run whose eight cards had this power limit when it began."""
    key = RunKey(CASE.name, CONFIGURATION.id, "window", 1)
    directory = store.run_directory(key)
    (directory / "node-0").mkdir(parents=True)
    order = {"configuration": CONFIGURATION.id, "role": "window", "index": 1, "seed": 1, "nodes": 1, "cards": 8}
    facts = [{} if limit is None else {"power_limit_watts": limit, "power_default_watts": default}] * 8
    cards = [{"index": index, "id": f"GPU-{index}", "name": "A Card"} for index in range(8)]
    samples = [{**HEAD, "cards": cards, "sources": {}, "unavailable": {}}, {"t": 95.0, "facts": facts}]
    reported = [HEAD, *(event_record(event) for event in events())]
    (directory / "order.json").write_text(json.dumps(order))
    (directory / "result.json").write_text(json.dumps(asdict(RunResult("completed", "program"))))
    for name, lines in (("samples", samples), ("events", reported)):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (directory / "node-0" / f"{name}.jsonl").write_text(text)


def campaign(store: Store, *entries: Baseline) -> Campaign:
    """One whose only run is there already: nothing is launched."""
    host = Host("nvidia", "test", tuple(Device(index, f"nvidia:{index}", "A Card") for index in range(8)))
    bench = Bench(Settings("nvidia", sys.executable, store.directory), host, PROFILE, {}, {})
    plan = Plan([Wanted(CASE, CONFIGURATION, ("speed",), "test")])

    def silent(told: Any) -> None:
        raise AssertionError(told)

    return Campaign(
        bench,
        store,
        plan,
        cast("Launcher", None),
        {CASE.path: entries},
        say=silent,
        waiting=silent,
        reused=silent,
        started=silent,
        finished=silent,
    )


@pytest.mark.parametrize(
    ("limit", "cap", "matched"), [(500.0, 500.0, "capped"), (700.0, None, "as it came"), (None, None, "as it came")]
)
def test_a_run_is_compared_with_a_baseline_of_the_same_cap(
    tmp_path: Path, limit: float | None, cap: float | None, matched: str
) -> None:
    store = Store.create(tmp_path)
    stored(store, limit)
    of = campaign(store, baseline(source="as it came"), baseline(source="capped", power_cap=500.0))
    measurements = of.measure(CASE, CONFIGURATION, ["speed"])
    assert measurements.power_cap == cap
    found = of.baseline(CASE, CONFIGURATION, measurements, "speed")
    assert found is not None
    assert found.source == matched


def test_a_cap_that_no_baseline_has_is_named_as_the_difference(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    stored(store, 400.0)
    measurements = campaign(store, baseline()).measure(CASE, CONFIGURATION, ["speed"])
    assert measurements.nearest == "baseline exists for no power cap, this run used a power cap of 400 W"
    assert measurements.dimensions["speed"].flags == ("power cap of 400 W",)
