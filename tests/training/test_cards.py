"""One process that drives several cards, and a framework that returns before it has computed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pytest_sixdim import training
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
