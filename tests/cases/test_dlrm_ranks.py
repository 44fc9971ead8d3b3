"""The DLRM case on two real ranks, which share its tables."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.cases.programs import CASES, alone, imported, needs, told
from tests.training.programs import TORCHRUN, launch, write

torch = pytest.importorskip("torch")
needs("sklearn")

FOLDER = "recommendation"
ROWS = [7, 3, 50, 11, 2]
SMALL = ["--narrower", "16", "--most-rows", "20", "--batch-size", "2", "--evaluation-samples", "2500", "--workers", "0"]
METRIC = {"name": "roc_auc", "better": "higher", "target": 2.0}

#: Runs the program. Before it trains, each rank compares its part of some tables with the whole of them.
PROGRAM = """
import json, sys
sys.path.insert(0, {folder!r})
import torch
from dlrm import Tables
from pytest_sixdim.training import loop

def exchange(rank, rows):
    drawn = torch.Generator().manual_seed(1)
    categories = torch.stack([torch.randint(0, count, (2, 6), generator=drawn) for count in rows], dim=2)
    weights = torch.randn(2, 6, len(rows), 4, generator=drawn)
    shared, whole = Tables(rows, 4, seed=5, rank=rank, world_size=2), Tables(rows, 4, seed=5)
    looked_up = shared(categories[rank])
    assert torch.equal(looked_up, whole(categories[rank]))
    (looked_up * weights[rank]).sum().backward()
    ((whole(categories[0]) * weights[0]).sum() / 2 + (whole(categories[1]) * weights[1]).sum() / 2).backward()
    parts = whole.vectors.weight.grad.to_dense().split(rows)
    mine = [parts[table] for table in shared.order.split(shared.counts)[rank].tolist()]
    assert torch.allclose(shared.vectors.weight.grad.to_dense(), torch.cat(mine))

def overflow(rank, rows):
    tables = Tables(rows, 4, seed=5, rank=rank, world_size=2)
    vectors = tables(torch.zeros(1, len(rows), dtype=torch.long))
    factors = torch.ones(len(rows), 4)
    factors[0, 0] = float("inf") if rank == 1 else 1
    (vectors * factors).sum().backward()
    return tables.vectors.weight.grad.to_dense().isfinite().all().item()

def train(run, source, *, model, evaluate, given=loop.train, **options):
    exchange(run.rank, {rows!r})
    found = dict(finite=overflow(run.rank, {rows!r}))
    with loop.evaluating(model, run):
        found["value"], found["samples"] = evaluate()
    given(run, source, model=model, evaluate=evaluate, **options)
    found["networks"] = [weight.sum().item() for weight in model.networks.parameters()]
    json.dump(found, open("rank-%d.json" % run.rank, "w"))

loop.train = train
sys.argv[1:] = {arguments!r}
import train as program
program.main()
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks found."""
    directory = tmp_path_factory.mktemp("two")
    arguments = [*SMALL, "--epoch-samples", "40", "--epochs", "1", "--evaluations", "1"]
    program = write(directory, PROGRAM.format(folder=str(CASES / FOLDER), rows=ROWS, arguments=arguments))
    result = launch([*TORCHRUN, "--nproc-per-node=2", program], told(METRIC), directory)
    assert result.returncode == 0, result.stderr  # vectors and gradients are those of whole tables
    return [json.loads((directory / f"rank-{rank}.json").read_text()) for rank in range(2)]


def test_two_ranks_evaluate_as_one_does(two: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before training, when both know the same: from the same seed, over 1000, 1000 and 500 samples."""
    monkeypatch.setattr(sys, "argv", ["train.py", *SMALL])
    run = alone()
    torch.manual_seed(run.seed)
    with imported(FOLDER, "train") as (program,), torch.no_grad():
        clicks, model = program.begun(program.arguments(), run)
        value, samples = program.evaluate(model, clicks, run)
    assert [(rank["samples"], rank["value"]) for rank in two] == [(2500, pytest.approx(value, abs=1e-6))] * 2
    assert samples == 2500


def test_two_ranks_look_up_and_learn_what_one_would_and_keep_the_same_networks(two: list[dict[str, Any]]) -> None:
    assert two[0]["networks"] == two[1]["networks"]


def test_a_gradient_of_a_vector_that_overflows_is_seen_by_every_rank(two: list[dict[str, Any]]) -> None:
    """The second rank's sample overflows in a table of the first or of the second: both have to skip the step."""
    assert [rank["finite"] for rank in two] == [False, False]
