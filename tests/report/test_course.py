"""How a run went is read from its events as far as they go."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import pytest

from pytest_sixdim.campaign.reading import json_lines
from pytest_sixdim.report.course import Course, number, read_course

from .runs import CONFIGURATION, LAUNCH, WARM, Line, event, head, segments, write_lines


def course(path: Path, *records: Line) -> Course:
    write_lines(path / "events.jsonl", [head(), *records])
    return read_course(path / "events.jsonl", "top1", CONFIGURATION, 5)


def test_the_window_is_that_of_the_counted_segments(tmp_path: Path) -> None:
    read = course(tmp_path, event("start", 12.0, role="full", world_size=8, data="real"), *segments())
    assert (read.started, read.window[0][0], read.window[-1][1]) == (12.0, WARM, pytest.approx(WARM + 50, abs=1))


def test_losses_of_progress_lines_count_before_those_of_segments(tmp_path: Path) -> None:
    assert [y for _, y in course(tmp_path, *segments()).loss[0]] == [3.8, 3.6, 3.4, 3.2, 3.0]
    read = course(tmp_path, event("progress", 70.0, loss=1.5), event("progress", 71.0, loss=1.25), *segments())
    assert read.loss == (((70.0, 1.5), (71.0, 1.25)),)


def test_of_several_ranks_the_lowest_counts(tmp_path: Path) -> None:
    ranks = [event("progress", 70.0 + rank, loss=float(rank), rank=rank) for rank in (2, 1, 3)]
    assert course(tmp_path, *ranks).loss == (((71.0, 1.0),),)


def test_a_loss_that_is_not_finite_is_marked_and_not_drawn(tmp_path: Path) -> None:
    lost = event("progress", 72.0, loss=None, diverged=True)
    skipped = event("progress", 71.0, loss=None, diverged=True, skipped=True)
    read = course(tmp_path, event("progress", 70.0, loss=2.0), skipped, lost)
    assert (read.loss, read.lost, read.lost_step) == ((((70.0, 2.0),),), 72.0, None)


def test_losses_that_were_reported_late_stand_at_their_steps(tmp_path: Path) -> None:
    reports = [event("progress", 80.0, loss=2.0 - step / 10, step=step) for step in (1, 2, 3)]
    lost = event("progress", 80.0, loss=None, diverged=True, step=4)
    read = course(tmp_path, *reports, lost)
    assert read.loss_by_step == (((1.0, 1.9), (2.0, 1.8), (3.0, 1.7)),)
    assert (read.lost, read.lost_step) == (80.0, 4)
    assert course(tmp_path, *reports, event("progress", 81.0, loss=1.0)).loss_by_step == ()


def test_the_window_has_its_steps_where_the_program_counts_them(tmp_path: Path) -> None:
    found = segments()
    counted = sum(each["steps"] for each in found[1:])
    assert course(tmp_path, *found).window_steps == ((500, 500 + counted),)
    del found[0]["step"]
    assert course(tmp_path, *found).window_steps == ()


def test_evaluations_of_another_metric_are_passed_over(tmp_path: Path) -> None:
    values = [event("evaluation", 80.0 + i, value=float(i), metric=name) for i, name in enumerate(("top5", "top1"))]
    unnamed = event("evaluation", 90.0, value=7.0)
    assert course(tmp_path, *values, unnamed).evaluations == (((81.0, 1.0), (90.0, 7.0)),)


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    lines = ["[1]", '{"event": "segm', "[" * 100_000, {"event": "progress"}, {"event": "segment", "t": "x"}]
    read = course(tmp_path, *lines, event("progress", 70.0, loss=2.0))
    assert read.loss == (((70.0, 2.0),),)


def test_a_missing_file_gives_nothing(tmp_path: Path) -> None:
    assert read_course(tmp_path / "none.jsonl", "top1", CONFIGURATION, 5) == Course({})
    assert list(json_lines(tmp_path)) == []


def test_many_events_take_little_memory(tmp_path: Path) -> None:
    reports = (event("progress", WARM + i / 100, step=i, loss=1 + 1 / (i + 1)) for i in range(8_000))
    write_lines(tmp_path / "events.jsonl", [head(), *reports])
    tracemalloc.start()
    try:
        read = read_course(tmp_path / "events.jsonl", "top1", CONFIGURATION, 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 100 < sum(map(len, read.loss)) <= 800
    assert peak < 400_000


def test_only_finite_numbers_that_fit_are_numbers() -> None:
    assert [number(value) for value in (1, 2.5, -3)] == [1.0, 2.5, -3.0]
    unfit = (None, "1", True, math.nan, math.inf, 10**400, 1e200, [1])
    assert [number(value) for value in unfit] == [None] * len(unfit)


def test_times_are_those_since_the_launch(tmp_path: Path) -> None:
    assert head()["monotonic"] == LAUNCH
    assert course(tmp_path, event("progress", 3.0, loss=1.0)).loss == (((3.0, 1.0),),)


def test_a_recorded_log_without_stamps_has_no_window_to_shade(tmp_path: Path) -> None:
    unstamped = [{**line, "t": 0.0, "seen": 0.0} for line in segments() if isinstance(line, dict)]
    write_lines(tmp_path / "events.jsonl", [{**head(), "imported": True}, *unstamped])
    assert unstamped
    assert read_course(tmp_path / "events.jsonl", "top1", CONFIGURATION, 5).window == ()
