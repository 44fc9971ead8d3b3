"""The built-in case: its data, its shards, and one real run."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.campaign.orders import given
from pytest_sixdim.core.accuracy import convergence
from pytest_sixdim.core.case import Case
from pytest_sixdim.core.events import event_from
from pytest_sixdim.core.window import read_window
from pytest_sixdim.schema.case import load_case
from tests.cases.programs import needs

torch = pytest.importorskip("torch")
needs("sklearn")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cases" / "image_classification"
TRAINED, HELD_OUT = 1437, 360


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits", FOLDER / "digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(FOLDER / "digits.case.yaml", ["cpu"])


def shards(digits: ModuleType, seed: int, epoch: int, cards: int, batch_size: int = 64) -> list[list[Any]]:
    ranks = [SimpleNamespace(seed=seed, rank=rank, world_size=cards) for rank in range(cards)]
    return [digits.shard(TRAINED, epoch, rank, batch_size) for rank in ranks]


def test_a_fixed_fifth_of_every_digit_is_held_out(digits: ModuleType, case: Case) -> None:
    torch.manual_seed(1)
    images, labels, held_out = digits.digits(torch.device("cpu"))
    torch.manual_seed(2)
    assert torch.equal(held_out, digits.digits(torch.device("cpu"))[2])
    assert (len(images), int(held_out.sum())) == (TRAINED + HELD_OUT, HELD_OUT)
    assert case.metric.samples == HELD_OUT
    for digit in range(10):
        share = held_out[labels == digit].float().mean()
        assert 0.19 < share < 0.21


def test_images_are_upsampled_and_between_0_and_1(digits: ModuleType) -> None:
    images = digits.digits(torch.device("cpu"))[0]
    assert images.shape == (TRAINED + HELD_OUT, 1, 16, 16)
    assert images.min() == 0
    assert 0.9 < images.max() <= 1


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_ranks_share_an_epoch_evenly_and_leave_out_less_than_one_step(digits: ModuleType, cards: int) -> None:
    batches = shards(digits, seed=1, epoch=0, cards=cards)
    assert {len(mine) for mine in batches} == {TRAINED // (64 * cards)}
    assert {len(batch) for mine in batches for batch in mine} == {64}
    used = torch.cat([batch for mine in batches for batch in mine]).tolist()
    assert len(used) == len(set(used))
    assert set(used) <= set(range(TRAINED))
    assert TRAINED - len(used) < 64 * cards


def test_every_image_is_trained_on_within_a_few_epochs(digits: ModuleType) -> None:
    used = {int(i) for epoch in range(4) for mine in shards(digits, 1, epoch, 2) for batch in mine for i in batch}
    assert used == set(range(TRAINED))


def test_the_order_changes_with_epoch_and_seed_and_with_nothing_else(digits: ModuleType) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return torch.cat(shards(digits, seed, epoch, 1)[0]).tolist()  # type: ignore[no-any-return]

    torch.manual_seed(5)
    first = order(1, 0)
    torch.manual_seed(6)
    assert first == order(1, 0)
    assert first != order(1, 1)
    assert first != order(2, 0)


def test_shifted_images_keep_their_size_and_content(digits: ModuleType) -> None:
    torch.manual_seed(0)
    images = torch.zeros(2, 1, 16, 16)
    images[:, :, 8, 8] = 1
    places = set()
    for _ in range(60):
        moved = digits.shifted(images)
        assert moved.shape == images.shape
        assert moved.sum() == 2
        places.add(tuple(moved[0, 0].nonzero()[0].tolist()))
    assert places == {(y, x) for y in (7, 8, 9) for x in (7, 8, 9)}


def test_the_learning_rate_rises_then_falls_and_then_holds(digits: ModuleType) -> None:
    rates = [digits.learning_rate(epoch / 4) for epoch in range(200)]
    assert rates.index(max(rates)) == 4
    assert all(later <= earlier for earlier, later in pairwise(rates[4:]))
    assert rates[-1] == rates[4 * digits.SCHEDULE] == 0.2


def test_the_case_is_measured_on_one_core_and_on_two(case: Case) -> None:
    assert [configuration.id for configuration in case.configurations] == ["cpu-fp32-bs128-1x1", "cpu-fp32-bs128-1x2"]
    assert (case.metric.target, case.metric.better, case.metric.unit) == (97.0, "higher", "%")


def test_a_quick_run_on_two_cards_meets_the_target_and_completes_its_window(case: Case, tmp_path: Path) -> None:
    quick = case.quickened("cpu")
    configuration = quick.configurations[1]
    told = {
        "schema": 1,
        "case": quick.name,
        "configuration": configuration.id,
        "role": "full",
        "index": 1,
        "seed": 1,
        "measure": given(quick.measure),
        "metric": asdict(quick.metric),
        "data": {"kind": "real", "path": None},
        "device": "cpu",
        "imports": [],
        "backend": "gloo",
        "precision": configuration.precision,
        "batch_size": configuration.batch_size,
        "paths": {"run_dir": str(tmp_path)},
    }
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert quick.train.program is not None
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(quick.train.program), "--batch-size", "128", "--seed", "1"]
    environment = {**os.environ, "SIXDIM_RUN": str(tmp_path / "run.json"), "PYTHONPATH": str(ROOT)}
    environment["OMP_NUM_THREADS"] = "1"
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    lines = [line[len("[sixdim] ") :] for line in result.stdout.splitlines() if line.startswith("[sixdim] ")]
    events = [event_from(record := json.loads(line), seen=record["t"], rank=0) for line in lines]
    window = read_window(events, quick.measure, configuration)
    reached = convergence(events, quick.metric, quick.metric.target).value
    assert window.complete
    assert window.suspect == ()
    assert reached is not None
    assert quick.metric.target is not None
    assert reached >= quick.metric.target
