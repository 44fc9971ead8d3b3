"""Two real ranks under torchrun, joined by gloo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.events import Event

from .conftest import events, settings
from .programs import TORCHRUN, launch, write

pytest.importorskip("torch")

UNEQUAL = """
    import json, math, pathlib, random, time
    import torch
    from pytest_sixdim import training

    def loader(rank):
        for _ in range(8):
            time.sleep(0.01 * rank)
            yield 3 + 2 * rank

    run = training.start(seed=7, batch_size=4)
    drawn = [random.random(), torch.rand(1).item()]
    for epoch in run.epochs(3):
        for samples in run.batches(loader(run.rank)):
            time.sleep(0.02 * run.rank)
            run.step(samples=samples, loss=torch.tensor(math.nan if run.steps == 20 else 1.5))
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value = [20.0, 95.0][epoch > 0] if run.rank == 0 else -1.0
            evaluation.samples = 100
        with run.pause():
            entered = pathlib.Path("paused-%g" % epoch)
            if run.rank == 0:
                entered.touch()
            else:
                while not entered.exists():
                    time.sleep(0.001)
                time.sleep(0.03)
    total = run.total(run.rank + 0.5)
    run.finish()
    seen = {"done": run.done, "total": total, "steps": run.steps, "drawn": drawn, "device": str(run.device)}
    seen["joined"] = torch.distributed.is_initialized()
    json.dump(seen, open("rank-%d.json" % run.rank, "w"))
"""


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], list[dict[str, Any]]]:
    """Events and what each rank saw of a run whose rank 1 has more samples and takes longer at everything."""
    directory = tmp_path_factory.mktemp("unequal")
    told = settings(seed=7, measure={"segment_steps": 6})
    result = launch([*TORCHRUN, "--nproc-per-node=2", write(directory, UNEQUAL)], told, directory)
    assert result.returncode == 0, result.stderr
    return events(result.stdout), [json.loads((directory / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


def of_kind(unequal: tuple[list[Event], Any], kind: str) -> list[Any]:
    return [event for event in unequal[0] if event.kind == kind]


def test_samples_are_summed_over_ranks(unequal: tuple[list[Event], Any]) -> None:
    assert [segment.samples for segment in of_kind(unequal, "segment")] == [6 * (3 + 5)] * 3
    assert [event.trained_samples for event in of_kind(unequal, "evaluation")] == [8 * 8, 16 * 8]
    assert of_kind(unequal, "end")[0].samples == 22 * 8


def test_seconds_are_those_of_the_slowest_rank(unequal: tuple[list[Event], Any]) -> None:
    """Rank 0 does not sleep in a step."""
    assert all(segment.seconds >= 6 * 0.03 for segment in of_kind(unequal, "segment"))


def test_the_loader_is_that_of_the_rank_which_waits_longest(unequal: tuple[list[Event], Any]) -> None:
    """Rank 0's loader does not sleep."""
    assert all(segment.loader_seconds >= 6 * 0.01 for segment in of_kind(unequal, "segment"))


def test_a_pause_lasts_until_the_slowest_rank_is_through(unequal: tuple[list[Event], Any]) -> None:
    """Rank 0 does not sleep in the pause, which it has entered before rank 1 begins to sleep."""
    assert sum(segment.paused_seconds for segment in of_kind(unequal, "segment")) >= 2 * 0.03


def test_rank_0_decides_what_an_evaluation_found(unequal: tuple[list[Event], Any]) -> None:
    assert [event.value for event in of_kind(unequal, "evaluation")] == [20.0, 95.0]


def test_all_ranks_agree_on_what_happened(unequal: tuple[list[Event], list[dict[str, Any]]]) -> None:
    seen = unequal[1]
    assert seen[0] == seen[1]
    assert (seen[0]["done"], seen[0]["steps"], seen[0]["total"]) == (True, 22, 2.0)


def test_the_process_group_is_left_at_the_end(unequal: tuple[list[Event], list[dict[str, Any]]]) -> None:
    assert [rank["joined"] for rank in unequal[1]] == [False, False]


def test_only_rank_0_reports(unequal: tuple[list[Event], Any]) -> None:
    assert len(of_kind(unequal, "start")) == len(of_kind(unequal, "end")) == 1
    assert [segment.index for segment in of_kind(unequal, "segment")] == [1, 2, 3]


def test_the_start_names_versions_and_the_probed_precision(unequal: tuple[list[Event], Any]) -> None:
    (start,) = of_kind(unequal, "start")
    assert start.world_size == 2
    assert start.versions["num_threads"] == 1
    assert {"python", "torch"} <= set(start.versions)
    assert start.precision_probe == {"matmul": 24, "convolution": 24}


def test_a_tensor_that_is_not_a_number_is_reported_as_a_lost_loss(unequal: tuple[list[Event], Any]) -> None:
    lost = [event.step for event in of_kind(unequal, "progress") if event.diverged]
    assert lost == [21]


def test_a_cpu_reports_no_peaks_of_memory(unequal: tuple[list[Event], Any]) -> None:
    assert not of_kind(unequal, "memory")


def test_by_hand_under_plain_torchrun(tmp_path: Path) -> None:
    program = """
        import torch
        from pytest_sixdim import training

        run = training.start()
        for epoch in run.epochs(2):
            for _ in run.batches(range(30)):
                run.step(samples=4, loss=torch.ones(()))
            with run.evaluation() as evaluation:
                evaluation.value = run.total(1.0)
        run.finish()
    """
    result = launch([*TORCHRUN, "--nproc-per-node=2", write(tmp_path, program)], None, tmp_path)
    assert result.returncode == 0, result.stderr
    kinds = [event.kind for event in events(result.stdout)]
    assert (kinds[0], kinds.count("evaluation"), kinds[-1]) == ("start", 2, "end")
    assert "sixdim: 2 rank(s), no segment, value 2: success" in result.stdout


def test_a_rank_that_raises_ends_the_run_with_its_traceback_and_without_an_end(tmp_path: Path) -> None:
    program = """
        from pytest_sixdim import training

        run = training.start()
        for _ in range(40):
            run.step(samples=4)
            if run.rank == 1 and run.steps == 17:
                raise OverflowError("the loss is odd")
        run.finish()
    """
    told = settings(role="window")
    result = launch([*TORCHRUN, "--nproc-per-node=2", write(tmp_path, program)], told, tmp_path)
    kinds = [event.kind for event in events(result.stdout)]
    assert result.returncode != 0
    assert "OverflowError: the loss is odd" in result.stderr
    assert kinds[:3] == ["start", "warmup_end", "segment"]
    assert "end" not in kinds
