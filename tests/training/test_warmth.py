"""A steady warm-up waits until the cards are warm, as far as somebody says how warm they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim import training
from pytest_sixdim.training import place

from .conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")
Told = Callable[..., dict[str, Any]]
Reported = Callable[..., list[Any]]
Train = Callable[..., None]
#: Steps after which segments of an even speed agree; then one segment.
AGREED, SEGMENT = 34, 10


@pytest.fixture
def say(tmp_path: Path, clock: Clock) -> Callable[..., None]:
    """Writes what the agent says of the cards, `age` seconds ago."""

    def write(rise: float | None, age: float = 0.0) -> None:
        (tmp_path / "thermal.json").write_text(json.dumps({"t": clock.now - age, "rise": rise}))

    return write


@pytest.fixture
def run(told: Told, tmp_path: Path, clock: Clock) -> training.Run:
    told(measure={"steady": True}, paths={"run_dir": "/", "thermal": str(tmp_path / "thermal.json")})
    return training.start()


def test_it_waits_while_a_card_grows_warmer(
    run: training.Run, say: Callable[..., None], reported: Reported, train: Train
) -> None:
    for rise in (None, 3.0, 1.0):
        train(run, (AGREED if rise is None else SEGMENT) - 1)
        say(rise)
        train(run, 1)
        assert reported("warmup_end") == []
    train(run, SEGMENT - 1)
    say(0.9)
    train(run, 1)
    (end,) = reported("warmup_end")
    assert (end.step, end.steady, end.rise) == (AGREED + 3 * SEGMENT, True, 0.9)


def test_cards_that_cool_down_are_warm(
    run: training.Run, say: Callable[..., None], reported: Reported, train: Train
) -> None:
    train(run, AGREED - 1)
    say(-4.0)
    train(run, 1)
    assert reported("warmup_end")[0].rise == -4.0


@pytest.mark.parametrize(("age", "waits"), [(4.9, True), (5.1, False)])
def test_what_nobody_keeps_up_to_date_is_not_believed(
    run: training.Run, say: Callable[..., None], reported: Reported, train: Train, age: float, waits: bool
) -> None:
    train(run, AGREED - 1)
    say(3.0, age - 1.0)
    train(run, 1)
    assert (reported("warmup_end") == []) is waits


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"t": 1000.0}', '{"rise": 3.0}', '{"t": "now", "rise": 3.0}'])
def test_without_a_thermometer_only_the_speeds_decide(
    run: training.Run, tmp_path: Path, reported: Reported, train: Train, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "thermal.json").write_text(text)
    train(run, AGREED)
    (end,) = reported("warmup_end")
    assert (end.steady, end.rise) == (True, None)


def test_an_agent_that_names_no_file_is_no_thermometer(told: Told, reported: Reported, train: Train) -> None:
    told(measure={"steady": True})
    train(training.start(), AGREED)
    assert reported("warmup_end")[0].rise is None


def test_after_ten_minutes_it_ends_anyway_and_says_how_far_the_card_rose(
    run: training.Run, say: Callable[..., None], reported: Reported, train: Train, clock: Clock
) -> None:
    while not reported("warmup_end"):
        assert clock.now < 1000.0 + 700.0
        say(2.5)
        train(run, 1)
    (end,) = reported("warmup_end")
    assert (end.steady, end.rise) == (True, 2.5)
    assert end.seconds >= 600.0


def test_a_fixed_warm_up_does_not_wait(
    told: Told, tmp_path: Path, say: Callable[..., None], reported: Reported, train: Train
) -> None:
    told(paths={"run_dir": "/", "thermal": str(tmp_path / "thermal.json")})
    run = training.start()
    say(9.0)
    train(run, 4)
    (end,) = reported("warmup_end")
    assert (end.steady, end.rise) == (None, None)


@pytest.mark.parametrize(("theirs", "ends"), [(0.5, True), (3.0, False), (float("inf"), False), (-float("inf"), True)])
def test_the_card_of_any_rank_that_rose_most_counts_for_all(
    run: training.Run,
    say: Callable[..., None],
    reported: Reported,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    theirs: float,
    ends: bool,
) -> None:
    """Another node has another file."""

    def gather(self: place.Place, *values: float) -> list[tuple[float, ...]]:
        return [values, (*values[:-1], theirs)]

    monkeypatch.setattr(place.Place, "gather", gather)
    train(run, AGREED - 1)
    say(0.25)
    train(run, 1)
    ended = reported("warmup_end")
    assert bool(ended) is ends
    if ends:
        assert ended[0].rise == max(0.25, theirs)
