"""One process that drives several cards, and a framework that returns before it has computed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim import training
from pytest_sixdim.agent.ports import LeasedPort
from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.events import Segment, Start
from pytest_sixdim.core.window import read_window

from .conftest import events, settings
from .programs import launch, write

PROGRAM = """
    import time
    from pytest_sixdim import training

    waits = []
    run = training.start(seed=3, batch_size=4, cards={cards}, synchronize=lambda: waits.append(run.steps))
    for epoch in run.epochs(9):
        for _ in run.batches(range(20)):
            time.sleep(0.001)
            run.step(samples=4 * run.cards, loss=1 / (1 + run.steps))
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value, evaluation.samples = 50.0, 100
    run.finish()
    print("waits", *waits)
"""


@pytest.mark.parametrize("cards", [1, 2])
def test_the_window_of_one_process_is_credible_for_so_many_cards(cards: int, tmp_path: Path) -> None:
    program = write(tmp_path, PROGRAM.format(cards=cards))
    told = settings(role="window", measure={"segment_steps": 50})
    result = launch([sys.executable, program], told, tmp_path)
    assert result.returncode == 0, result.stderr
    seen = events(result.stdout)
    window = read_window(
        [event for event in seen if event.kind != "evaluation"],
        Measure(warmup_steps=4, steady=False, segment_steps=50, segment_seconds=0.0, segments=3),
        Configuration("cpu", "fp32", 4, cards),
    )
    (start,) = [event for event in seen if isinstance(event, Start)]
    assert start.world_size == cards
    assert {event.samples for event in seen if isinstance(event, Segment)} == {50 * 4 * cards}
    assert [text for text in window.suspect if "ranks" in text or "samples" in text] == []


def test_borders_wait_for_the_cards(tmp_path: Path) -> None:
    program = write(tmp_path, PROGRAM.format(cards=2))
    result = launch([sys.executable, program], settings(role="window"), tmp_path)
    assert result.returncode == 0, result.stderr
    # Borders: warm-up after 2 and 4 steps, segments of 10; an evaluation after 20 waits before it and after.
    assert result.stdout.splitlines()[-1] == "waits 2 4 14 20 20 24 34"
    assert "sixdim: 2 cards, " in result.stdout


@pytest.mark.parametrize("launcher", ["OMPI_COMM_WORLD", "PMI", "PADDLE_TRAINER", "none"])
def test_ranks_that_do_not_know_of_each_other_are_refused(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    """Each would think that it trains alone: started by mpirun and its like, or one process with all cards."""
    monkeypatch.setenv(f"{launcher}_RANK", "1")
    monkeypatch.setenv(f"{launcher}_SIZE", "2")
    told(world_size=2)
    with pytest.raises(ValueError, match=r"the run has 2 card\(s\), the program knows of 1 rank\(s\) with 1: .*cards="):
        training.start()


@pytest.mark.parametrize("joined", [True, False], ids=["a group of its own", "variables of its own"])
def test_ranks_that_any_launcher_started_meet_in_torch(tmp_path: Path, joined: bool) -> None:
    pytest.importorskip("torch")
    first = "torch.distributed.init_process_group('gloo', init_method=meet, rank=rank, world_size=2)"
    if not joined:
        first = "os.environ.update(RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='localhost', MASTER_PORT=sys.argv[2])"
    program = write(
        tmp_path,
        f"""
        import os, sys
        import torch
        from pytest_sixdim import training

        rank, meet = int(sys.argv[1]), "file://{tmp_path}/meeting"
        {first}
        run = training.start(seed=3, batch_size=4)
        print("rank", run.rank, run.local_rank, "of", run.world_size, "sum", run.total(rank + 1))
        torch.distributed.destroy_process_group()
        """,
    )
    port = LeasedPort()

    def rank(number: int) -> CompletedProcess[str]:
        own = tmp_path / str(number)
        own.mkdir()
        return launch([sys.executable, program, str(number), str(port.number)], settings(world_size=2), own)

    with ThreadPoolExecutor() as both:
        results = list(both.map(rank, range(2)))
    port.close()
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    said = [f"rank {rank} {rank} of 2 sum 3.0" for rank in range(2)]
    assert [result.stdout.splitlines()[-1] for result in results] == said
    (start,) = events(results[0].stdout)
    assert isinstance(start, Start)
    assert start.world_size == 2


def test_a_process_drives_one_card_at_least() -> None:
    with pytest.raises(ValueError, match="cards is 0: a process drives one at least"):
        training.start(cards=0)


def test_jax_without_a_way_to_wait_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(ValueError, match="JAX returns before it has computed") as raised:
        training.start()
    assert "jax.block_until_ready(jax.live_arrays())" in str(raised.value)


def test_versions_of_what_the_program_imported_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jax = ModuleType("jax")
    jax.__version__ = "0.10.2"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    training.start(synchronize=lambda: None)
    (start,) = events(capsys.readouterr().out)
    assert isinstance(start, Start)
    assert (start.versions or {})["jax"] == "0.10.2"
