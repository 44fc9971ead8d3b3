"""What the agent and the training program are told, and what makes two runs the same."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.identity import identity as identity_of
from pytest_sixdim.campaign.identity import identity_parts
from pytest_sixdim.campaign.orders import Bench, make_order
from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.campaign.sources import sources
from pytest_sixdim.campaign.survey import Calibration
from pytest_sixdim.core.case import Band, Case, Configuration, DataSet, Limit, Metric, StabilityRule, Train
from pytest_sixdim.core.vendor import SamplerChoice, VendorProfile
from pytest_sixdim.samplers import Device

FORMATS = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
PROFILE = VendorProfile(
    id="cards",
    name="Cards",
    name_zh="卡",
    enumerate="device_nodes",
    device="cuda",
    backend="nccl",
    visible=("CARDS_VISIBLE",),
    samplers=(SamplerChoice("process_memory", ("memory",)),),
)


@pytest.fixture
def bench() -> Bench:
    settings = Settings(vendor="cards", python=sys.executable, results=Path("results"))
    host = Host("cards", "test", tuple(Device(index, f"cards:{index}", "Card") for index in (2, 3)))
    return Bench(settings, host, PROFILE, {"cpu": "x", "cpus": 2}, {"torch": "2.0"})


@pytest.fixture
def planned(tmp_path: Path) -> PlannedRun:
    (tmp_path / "train.py").write_text("print('hello')\n")
    configuration = Configuration("cards", "fp32", 32, cards=2, tag="long", args=("--epochs", "9"))
    case = Case(
        name="tiny",
        title="Tiny",
        task="test",
        path=tmp_path / "tiny.case.yaml",
        metric=Metric("top1", "%", "higher", 97.0, generated_target=80.0),
        train=Train(tmp_path / "train.py", args=("--size", "{batch_size}/{global_batch_size}", "{{seed}}={seed}")),
        configurations=(configuration,),
    )
    return PlannedRun(RunKey("tiny", configuration.id, "full", 3), case, configuration)


def identity(bench: Bench, planned: PlannedRun) -> str:
    """Of a run on the first cards of the bench."""
    devices = bench.host.devices[: planned.configuration.cards]
    return identity_of(identity_parts(bench, planned, devices, sources(planned.case, None)))


def ordered(bench: Bench, planned: PlannedRun, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order and run.json of a run on the first cards of the bench."""
    return make_order(bench, planned, directory, bench.host.devices[: planned.configuration.cards])


def test_placeholders_are_filled_and_braces_escaped(bench: Bench, planned: PlannedRun) -> None:
    order, _ = ordered(bench, planned, Path("/run"))
    assert order["args"] == ["--size", "32/64", "{seed}=3", "--epochs", "9"]


def test_only_the_leased_cards_are_visible(bench: Bench, planned: PlannedRun) -> None:
    order, _ = ordered(bench, planned, Path("/run"))
    assert order["environment"] == {"CARDS_VISIBLE": "2,3"}
    assert [device["index"] for device in order["devices"]] == [2, 3]
    single = replace(planned, configuration=replace(planned.configuration, cards=1))
    assert ordered(bench, single, Path("/run"))[0]["environment"] == {"CARDS_VISIBLE": "2"}


def test_an_order_says_what_tells_whether_memory_is_taken_in_advance(
    bench: Bench, planned: PlannedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_ALLOCATOR", raising=False)
    train = replace(planned.case.train, requires=("jax",), environment={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"})
    case = replace(planned.case, train=train)
    order, _ = ordered(bench, replace(planned, case=case), Path("/run"))
    assert order["allocator"] == {
        "requires": ["jax"],
        "variables": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    }


def test_a_rank_finds_what_the_profile_sets_and_its_cards_by_uuid(bench: Bench, planned: PlannedRun) -> None:
    profile = replace(PROFILE, visible_by="uuid", autoload=False, environment={"ORDER": "PCI"}, amp="acme.amp")
    devices = tuple(replace(device, uuid=f"GPU-{device.index}") for device in bench.host.devices)
    order, run = ordered(
        replace(bench, profile=profile, host=replace(bench.host, devices=devices)), planned, Path("/run")
    )
    assert order["environment"] == {
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
        "ORDER": "PCI",
        "CARDS_VISIBLE": "GPU-2,GPU-3",
    }
    assert [device["uuid"] for device in order["devices"]] == ["GPU-2", "GPU-3"]
    assert run["amp"] == "acme.amp"


def test_channels_without_a_sampler_say_so(bench: Bench, planned: PlannedRun) -> None:
    order, _ = ordered(bench, planned, Path("/run"))
    assert set(order["unavailable"]) == {"energy", "power"}
    assert [sampler["class"] for sampler in order["samplers"]] == [
        "pytest_sixdim.samplers.process_memory:ProcessMemorySampler"
    ]


def test_the_program_is_told_where_the_cards_warmth_stands_where_anybody_reads_it(
    bench: Bench, planned: PlannedRun
) -> None:
    assert ordered(bench, planned, Path("/run"))[1]["paths"] == {"run_dir": "/run"}
    warm = replace(bench, profile=replace(PROFILE, samplers=(SamplerChoice("process_memory", ("temperature",)),)))
    thermal = ordered(warm, planned, Path("/run"))[1]["paths"]["thermal"]
    assert thermal == "/run/node-0/thermal.json"


def test_generated_data_has_its_own_target(bench: Bench, planned: PlannedRun) -> None:
    assert ordered(bench, planned, Path("/run"))[1]["metric"]["target"] == 97.0
    generated = replace(planned, case=replace(planned.case, data=DataSet("imagenet")))
    _, run = ordered(bench, generated, Path("/run"))
    assert (run["metric"]["target"], run["data"]) == (80.0, {"kind": "generated", "path": None})


def with_data(bench: Bench, directory: str) -> Bench:
    return replace(bench, settings=replace(bench.settings, data=Path(directory)))


def test_real_data_is_told_with_its_path_and_the_cases_target(bench: Bench, planned: PlannedRun) -> None:
    train = replace(planned.case.train, args=("--data", "{data}"))
    real = replace(planned, case=replace(planned.case, data=DataSet("imagenet"), train=train))
    order, run = ordered(with_data(bench, "/sets"), real, Path("/run"))
    assert (run["metric"]["target"], run["data"]) == (97.0, {"kind": "real", "path": "/sets/imagenet"})
    assert order["args"][:2] == ["--data", "/sets/imagenet"]
    assert ordered(bench, real, Path("/run"))[0]["args"][:2] == ["--data", "generated"]


def test_identity_is_of_which_data_and_not_of_where_it_lies(bench: Bench, planned: PlannedRun) -> None:
    real = replace(planned, case=replace(planned.case, data=DataSet("imagenet")))
    other = replace(planned, case=replace(planned.case, data=DataSet("places")))
    here, there = (identity(with_data(bench, directory), real) for directory in ("/sets", "/elsewhere"))
    assert here == there
    assert len({here, identity(bench, real), identity(with_data(bench, "/sets"), other)}) == 3


def test_the_vendors_entry_to_automatic_precision_is_told(bench: Bench, planned: PlannedRun) -> None:
    named = replace(bench, profile=replace(PROFILE, amp="torch_cards.amp"))
    assert ordered(named, planned, Path("/run"))[1]["amp"] == "torch_cards.amp"


def test_a_budget_is_told_only_where_stability_asks_for_it(bench: Bench, planned: PlannedRun) -> None:
    assert ordered(bench, planned, Path("/run"))[1]["budget"] is None
    case = replace(planned.case, stability=StabilityRule(at="budget", budget=5000))
    assert ordered(bench, replace(planned, case=case), Path("/run"))[1]["budget"] == 5000


def test_every_key_is_documented(bench: Bench, planned: PlannedRun) -> None:
    order, run = ordered(bench, planned, Path("/run"))
    for title, record in (("order.json", order), ("run.json", run)):
        section = re.split(r"^## ", FORMATS.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]
        documented = set(re.findall(r"`(\w+)`", section))
        assert set(record) <= documented, title
        json.dumps(record, allow_nan=False)


def test_identity_is_of_no_path_and_no_time(bench: Bench, planned: PlannedRun, tmp_path: Path) -> None:
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    shutil.copytree(tmp_path, moved)
    train = replace(planned.case.train, program=moved / "train.py")
    elsewhere = replace(planned, case=replace(planned.case, path=moved / "tiny.case.yaml", train=train))
    assert identity(bench, elsewhere) == identity(bench, planned)
    first, _ = ordered(bench, planned, Path("/one"))
    second, _ = ordered(bench, elsewhere, Path("/two"))
    assert first["identity"] == second["identity"]


def test_identity_changes_with_all_that_decides_a_run(bench: Bench, planned: PlannedRun, tmp_path: Path) -> None:
    case, train, settings = planned.case, planned.case.train, bench.settings
    others = [
        replace(planned, case=replace(case, train=replace(train, args=("--size", "1")))),
        replace(planned, case=replace(case, train=replace(train, program=None, command=("run", "it")))),
        replace(planned, case=replace(case, metric=replace(case.metric, target=96.0))),
        replace(planned, case=replace(case, measure=replace(case.measure, segment_steps=51))),
        replace(planned, case=replace(case, log=replace(case.log, rank="last"))),
        replace(planned, case=replace(case, stability=StabilityRule(at="budget", budget=5000))),
        replace(planned, case=replace(case, is_quick=True)),
        replace(planned, key=replace(planned.key, index=4)),
        replace(planned, key=replace(planned.key, role="window")),
        replace(planned, configuration=replace(planned.configuration, batch_size=64)),
    ]
    samplers = (SamplerChoice("process_memory", ("memory", "power")),)
    benches = [
        replace(bench, software={"torch": "2.1"}),
        replace(bench, machine={"driver": "2"}),
        replace(bench, profile=replace(PROFILE, environment={"ORDER": "PCI"})),
        replace(bench, profile=replace(PROFILE, backend="gloo")),
        replace(bench, profile=replace(PROFILE, samplers=samplers)),
        replace(bench, settings=replace(settings, share=True)),
        replace(bench, settings=replace(settings, launcher="other")),
        replace(bench, host=replace(bench.host, devices=(Device(0, "cards:0", "Other card"),) * 2)),
    ]
    seen = [identity(bench, planned), *(identity(bench, other) for other in others)]
    seen += [identity(other, planned) for other in benches]
    for name in (
        "neighbour.py",
        "package/__init__.py",
        "package/deep/layers.py",
        "plain/module.py",
        "kernel.cu",
        "a.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("LAYERS = 3\n")
        seen.append(identity(bench, planned))
    assert len(set(seen)) == len(seen)


def test_identity_is_of_the_files_that_a_command_and_its_arguments_name(
    bench: Bench, planned: PlannedRun, tmp_path: Path
) -> None:
    train = replace(planned.case.train, program=None, command=("sh", "start.sh"), args=("--vocabulary", "words.txt"))
    commanded = replace(planned, case=replace(planned.case, train=train))
    seen = [identity(bench, commanded)]
    for name, text in (("start.sh", "one"), ("words.txt", "one"), ("start.sh", "two"), ("words.txt", "two")):
        (tmp_path / name).write_text(text)
        seen.append(identity(bench, commanded))
    assert len(set(seen)) == len(seen)


def test_identity_is_of_a_binary_beside_the_case_and_of_one_where_it_is_started(
    bench: Bench, planned: PlannedRun, tmp_path: Path
) -> None:
    (tmp_path / "build").mkdir()
    for command, directory, binary in (
        ("{case_dir}/digits", None, "digits"),
        ("./digits", Path("build"), "build/digits"),
    ):
        train = replace(planned.case.train, program=None, command=(command,), directory=directory)
        compiled = replace(planned, case=replace(planned.case, train=train))
        seen = [identity(bench, compiled)]
        for content in (b"\x7fELF one", b"\x7fELF two"):
            (tmp_path / binary).write_bytes(content)
            seen.append(identity(bench, compiled))
        assert len(set(seen)) == 3


def test_identity_is_of_the_cases_variables_and_working_directory(bench: Bench, planned: PlannedRun) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"environment": {"A": "1"}},
        {"environment": {"A": "2"}},
        {"environment": {"B": "1"}},
        {"directory": Path("inside")},
        {"launch": "command"},
    ]
    found = [
        identity(bench, replace(planned, case=replace(planned.case, train=replace(planned.case.train, **change))))
        for change in (*changes, *changes)
    ]
    assert found[: len(changes)] == found[len(changes) :]
    assert len(set(found)) == len(changes)


def test_the_vendors_variables_go_before_the_cases(bench: Bench, planned: PlannedRun) -> None:
    train = replace(planned.case.train, environment={"CARDS_VISIBLE": "0,1", "SIZE": "{batch_size}"})
    order, _ = ordered(bench, replace(planned, case=replace(planned.case, train=train)), Path("/run"))
    assert order["environment"] == {"CARDS_VISIBLE": "2,3", "SIZE": "32"}


def test_the_program_is_told_how_many_cards_the_whole_job_has(bench: Bench, planned: PlannedRun) -> None:
    assert ordered(bench, planned, Path("/run"))[1]["world_size"] == 2


def test_a_samplers_or_dialects_own_code_is_part_of_the_identity(
    bench: Bench, planned: PlannedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "plugins")
    own = replace(bench, dialects={**bench.dialects, "sixdim": "own_dialect_of_this_test:Dialect"})
    (tmp_path / "plugins").mkdir()
    module = tmp_path / "plugins" / "own_dialect_of_this_test.py"
    seen = [identity(own, planned)]
    for text in ("", "CHANGED = True\n"):
        module.write_text(text)
        importlib.invalidate_caches()
        seen.append(identity(own, planned))
    assert len(set(seen)) == 3


def test_identity_is_not_of_what_judges_a_run_or_may_end_it(bench: Bench, planned: PlannedRun, tmp_path: Path) -> None:
    case, settings = planned.case, bench.settings
    before = identity(bench, planned)
    changed = replace(
        case,
        title="Other",
        limits={"speed": Limit("relative", -0.5)},
        stability=StabilityRule(runs=3, band=Band(0.5)),
        flops_per_sample=1e9,
        train=replace(case.train, timeout=1.0, stall=1.0),
    )
    assert identity(bench, replace(planned, case=changed)) == before
    for name in ("tiny.case.yaml", "other.case.yaml", "tiny.baselines.yaml", "conftest.py", "test_own.py", "out.log"):
        (tmp_path / name).write_text("x")
    assert identity(bench, planned) == before
    retried = replace(settings, retries=3, strict=True, results=Path("elsewhere"), python="/other/python", runs=2)
    assert identity(replace(bench, settings=retried), planned) == before


def test_like_cards_have_one_identity(bench: Bench, planned: PlannedRun) -> None:
    others = tuple(replace(device, id=f"x{device.id}", index=7, uuid="GPU-7") for device in bench.host.devices)
    assert identity(replace(bench, host=replace(bench.host, devices=others)), planned) == identity(bench, planned)


def test_identity_leaves_out_what_the_program_cannot_import(bench: Bench, planned: PlannedRun, tmp_path: Path) -> None:
    before = identity(bench, planned)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "module.py").write_text("")
    (tmp_path / "notes.md").write_text("")
    assert identity(bench, planned) == before


def test_a_counter_that_stood_still_at_the_sessions_start_is_not_asked_for(bench: Bench, planned: PlannedRun) -> None:
    samplers = (SamplerChoice("rapl", ("energy",)), SamplerChoice("process_memory", ("power", "memory")))
    counted = replace(bench, profile=replace(PROFILE, samplers=samplers))
    order, _ = ordered(counted, planned, Path("/run"))
    assert [sampler["channels"] for sampler in order["samplers"]] == [["energy"], ["power", "memory"]]
    still = replace(counted, calibration=(Calibration("cards:3", "rapl", moves=False),))
    order, _ = ordered(still, planned, Path("/run"))
    assert [sampler["channels"] for sampler in order["samplers"]] == [["power", "memory"]]
    assert order["unavailable"] == {"energy": "the energy counter of cards:3 (rapl) did not move in 2 s"}
