"""However many events a program prints, few are kept, and no figure changes for that."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.agent import recorder
from pytest_sixdim.agent.course import MOST_METRICS, Course
from pytest_sixdim.agent.keeping import ALL, SERIES, Keeping
from pytest_sixdim.agent.recorder import EventLog
from pytest_sixdim.core.accuracy import convergence
from pytest_sixdim.core.case import Configuration, Measure, Metric
from pytest_sixdim.core.events import End, Evaluation, Event, Progress, Segment, Start, WarmupEnd
from pytest_sixdim.core.losses import divergence, reported_losses
from pytest_sixdim.core.window import read_window

TOP1 = Metric("top1", "%", "higher", 75.9)


def kept(events: Iterable[Event]) -> list[Event]:
    keeping = Keeping()
    return [event for event in events if keeping.keeps(event)]


def progress(step: int, loss: float | None = 2.5, **fields: object) -> Progress:
    event = Progress(t=float(step), seen=float(step), step=step, loss=loss, diverged=loss is None)
    return replace(event, **fields) if fields else event  # type: ignore[arg-type]


def evaluation(step: int, value: float | None, metric: str = "top1") -> Evaluation:
    return Evaluation(t=float(step), seen=float(step), value=value, metric=metric, diverged=value is None)


def segment(index: int) -> Segment:
    return Segment(t=10.0 * index, seen=10.0 * index, index=index, samples=6400, seconds=10.0, steps=200, loss=2.0)


def test_what_a_usual_program_reports_is_all_kept() -> None:
    events = [Start(t=0.0, seen=0.0, role="full", world_size=1, data="real"), WarmupEnd(t=0.0, seen=0.0)]
    events += [progress(step) for step in range(ALL)] + [segment(index) for index in range(1, 500)]
    events += [evaluation(step, 70.0) for step in range(500)] + [End(t=9.0, seen=9.0, status="success")]
    keeping = Keeping()
    assert all(keeping.keeps(event) for event in events)
    assert keeping.left_out() == {}


def test_of_a_million_reports_so_few_are_kept_that_eight_times_as_many_add_little() -> None:
    counts = [len(kept(progress(step) for step in range(number))) for number in (40_000, 320_000)]
    assert counts[0] < 12_000
    assert counts[1] - counts[0] < 10_000


def test_runs_with_the_same_losses_keep_the_same_whatever_else_they_print() -> None:
    chance = random.Random(1)
    losses = [None if chance.random() < 0.001 else 1 / (step + 1) for step in range(30_000)]
    plain = [progress(step, loss) for step, loss in enumerate(losses)]
    mixed: list[Event] = []
    for event in plain:
        mixed.append(event)
        if chance.random() < 0.5:  # signs of life that come by time
            mixed += [progress(0, None, diverged=False, speed=1.0), evaluation(0, 1.0)]
    assert reported_losses(kept(plain)) == reported_losses(kept(mixed))
    assert 5000 < len(reported_losses(kept(plain))) < 12_000


@pytest.mark.parametrize("row", [1, 2, 3])
def test_losses_that_are_not_finite_stay_as_far_apart_as_they_were(row: int) -> None:
    events = [progress(step, None if step % 100 < row else 2.5) for step in range(2 * ALL, 50_000)]
    assert (divergence(kept(events), ended=False) is None) == (row < 3)
    assert (divergence(events, ended=False) is None) == (row < 3)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("target", [75.9, 25.0, -math.inf, math.inf])
def test_the_value_at_convergence_is_the_same(better: str, target: float) -> None:
    chance = random.Random(2)
    metric = replace(TOP1, better=better)
    events = [evaluation(step, 50 + 26 * math.sin(step / 2500) + chance.random()) for step in range(20_000)]
    whole, some = convergence(events, metric, target), convergence(kept(events), metric, target)
    assert (whole.value, whole.met) == (some.value, some.met)
    assert len(kept(events)) < 12_000


def test_the_window_is_kept_whatever_came_before() -> None:
    early = [segment(index) for index in range(1, 3 * ALL + 2)]
    start = Start(t=0.0, seen=0.0, role="full", world_size=1, data="real")
    later = [replace(each, t=each.t + 1e6, seen=each.seen + 1e6) for each in early]
    events = [start, *early, WarmupEnd(t=1e6, seen=1e6), *later]
    few = kept(events)
    assert len(few) < 2 * ALL + 3 * ALL
    windows = [read_window(some, Measure(), Configuration("cpu", "fp32", 32)) for some in (events, few)]
    assert windows[0].segments == windows[1].segments
    assert windows[0].suspect == windows[1].suspect


@pytest.mark.parametrize("number", [ALL, ALL + 1, ALL + 2, 3 * ALL])
def test_the_last_evaluation_is_kept_whichever_it_is(number: int, tmp_path: Path) -> None:
    """At a budget of samples its value is the run's."""
    log = EventLog(tmp_path / "events.jsonl")
    for step in range(number):
        log.event(evaluation(step, 70.0))
        log.event(progress(step))
    log.close()
    found = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    steps = [record["t"] for record in found if record.get("event") == "evaluation"]
    assert steps[-1] == number - 1
    assert log.left_out().get("thinned", {}).get("evaluation", 0) == number - len(steps)


def test_evaluations_beyond_measure_are_counted_as_lost() -> None:
    keeping = Keeping()
    for step in range(20 * ALL):
        keeping.keeps(evaluation(step, float(step)))  # each one the best so far
    assert keeping.lost["evaluation"] > ALL
    names = Keeping()
    assert sum(names.keeps(evaluation(0, 1.0, f"metric {number}")) for number in range(3 * SERIES)) == SERIES
    assert names.left_out() == {"lost": {"evaluation": 2 * SERIES}}


def test_a_flood_of_events_of_any_kind_takes_bounded_memory(tmp_path: Path) -> None:
    log, course = EventLog(tmp_path / "events.jsonl"), Course(5)
    tracemalloc.start()
    for number in range(30_000):
        for event in (
            Start(t=0.0, seen=0.0, role="full", world_size=1, data="x" * 200),
            WarmupEnd(t=0.0, seen=0.0),
            End(t=0.0, seen=0.0, status="success"),
            evaluation(number, None, f"metric {number}"),
        ):
            log.event(event)
            course.take(event)
        log.malformed("[sixdim] {", ValueError("x"), seen=0.0, rank=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    log.close()
    assert peak < 5_000_000
    assert (tmp_path / "events.jsonl").stat().st_size < 1_000_000
    assert log.left_out()["thinned"]["start"] == 30_000 - 100
    assert log.left_out()["thinned"]["malformed"] == 30_000 - 100
    assert course.last_metric_lost
    assert SERIES <= MOST_METRICS


def test_a_file_of_events_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_CHARACTERS", 10_000)
    log = EventLog(tmp_path / "events.jsonl")
    for index in range(1, 1001):
        log.event(segment(index))
    log.close()
    assert (tmp_path / "events.jsonl").stat().st_size < 12_000
    assert log.left_out()["lost"]["segment"] > 800
