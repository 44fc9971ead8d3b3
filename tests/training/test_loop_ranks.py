"""Two real ranks under torchrun whose program uses the shared loop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import settings
from .programs import TORCHRUN, launch, write

pytest.importorskip("torch")

PROGRAM = """
    import json
    import torch
    from pytest_sixdim.training import loop
    from pytest_sixdim.training.batches import Generated

    class Sums(Generated):
        name = "sums-1"
        evaluated_at_once = 2

        def made(self, count, generator):
            numbers = torch.rand(count, 3, generator=generator)
            return numbers, numbers.sum(1, keepdim=True)

    run = loop.begin(loop.arguments("Sums.", batch_size=4).parse_args([]), generator=Sums.name)
    source = Sums(run, batch_size=4, training_samples=16, evaluation_samples=5)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    parallel = loop.distributed(model, run)
    means = []

    def evaluate():
        own = torch.cat([numbers for numbers, _ in source.evaluation()])
        rows = loop.gathered(own, run)
        means.append(model[0].running_mean.tolist())
        found.update(own=len(own), rows=rows.tolist())
        return float(len(rows)), len(rows)

    def after_step():
        means.append(model[0].running_mean.tolist())
        found["drawn"] = torch.rand(1).item()

    found = {}
    loop.train(
        run,
        source,
        model=model,
        loss=lambda batch: (parallel(batch[0]) - batch[1]).square().mean(),
        optimizer=loop.fused(torch.optim.SGD, loop.decaying(model, 0.0), lr=0.1),
        epochs=2,
        evaluate=evaluate,
        after_step=after_step,
    )
    found.update(means=means, weights=[weight.tolist() for weight in model.parameters()])
    json.dump(found, open("rank-%d.json" % run.rank, "w"))
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks saw; an epoch has two steps."""
    directory = tmp_path_factory.mktemp("ranks")
    measure = {"warmup_steps": 1, "segment_steps": 1}
    told = settings(seed=1, measure=measure, metric={"target": 6.0}, data={"kind": "generated", "path": None})
    result = launch([*TORCHRUN, "--nproc-per-node=2", write(directory, PROGRAM)], told, directory)
    assert result.returncode == 0, result.stderr
    return [json.loads((directory / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


def test_ranks_keep_the_same_weights(ranks: list[dict[str, Any]]) -> None:
    assert ranks[0]["weights"] == ranks[1]["weights"]


def test_ranks_draw_each_its_own(ranks: list[dict[str, Any]]) -> None:
    """Such as what is dropped out."""
    assert ranks[0]["drawn"] != ranks[1]["drawn"]


def test_rows_of_unequal_number_are_gathered_rank_by_rank(ranks: list[dict[str, Any]]) -> None:
    first, second = ranks
    assert (first["own"], second["own"]) == (3, 2)
    assert first["rows"] == second["rows"]
    assert len({tuple(row) for row in first["rows"]}) == 5


def test_running_means_become_one_in_an_evaluation_and_not_in_a_step(ranks: list[dict[str, Any]]) -> None:
    """An epoch has two steps, and then an evaluation."""
    (_, mine, together, *_), (_, other, same, *_) = (found["means"] for found in ranks)
    assert mine != other
    assert together == same == pytest.approx([sum(pair) / 2 for pair in zip(mine, other, strict=True)])
