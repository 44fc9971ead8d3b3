"""What events say of a run: window, end, divergence."""

from __future__ import annotations

from typing import Any

from pytest_sixdim.agent.course import Course
from pytest_sixdim.core.events import event_from

NAN = float("nan")


def course(*records: dict[str, Any], segments: int = 2) -> Course:
    taken = Course(segments)
    for seen, record in enumerate(records):
        taken.take(event_from(record, seen=float(seen), rank=record.get("rank", 0)))
    return taken


def progress(loss: float | None, **fields: Any) -> dict[str, Any]:
    return {"event": "progress", "loss": loss, **fields}


def segment(index: int, **fields: Any) -> dict[str, Any]:
    return {"event": "segment", "index": index, "samples": 1, "seconds": 1.0, "steps": 1, **fields}


def evaluation(value: float | None, **fields: Any) -> dict[str, Any]:
    return {"event": "evaluation", "value": value, **fields}


def test_training_has_begun_with_the_first_report_of_it() -> None:
    assert not course({"event": "start", "role": "full", "world_size": 1, "data": "real"}, {"event": "memory"}).trained
    for report in ({"event": "warmup_end"}, segment(1), progress(1.0), evaluation(1.0)):
        assert course(report).trained


def test_segments_are_timed_from_the_end_of_warmup_or_the_first_segment() -> None:
    assert not course({"event": "start", "role": "full", "world_size": 1, "data": "real"}).timed
    assert course({"event": "warmup_end"}).timed
    assert course(segment(1)).timed


def test_the_window_is_complete_with_its_last_segment_and_not_with_repeated_ones() -> None:
    assert course(segment(1), segment(1), segment(3)).window_complete is None
    assert course(segment(1), segment(2), segment(3)).window_complete == 1.0


def test_the_first_end_counts() -> None:
    ended = course({"event": "end", "status": "target_missed"}, {"event": "end", "status": "success"}).end
    assert ended is not None
    assert ended.status == "target_missed"


def test_three_losses_in_a_row_diverge_and_segments_count_too() -> None:
    assert course(progress(NAN), progress(NAN)).diverged is None
    assert course(progress(NAN), progress(1.0), progress(NAN), progress(NAN)).diverged is None
    assert course(progress(NAN), segment(1, loss=NAN), progress(float("inf"), step=7)).diverged == (
        "the loss was not finite in 3 reports in a row, the last at step 7"
    )


def test_skipped_steps_and_reports_without_a_loss_neither_count_nor_interrupt() -> None:
    skipped = progress(NAN, skipped=True)
    assert course(skipped, skipped, skipped).diverged is None
    assert course(progress(NAN), skipped, progress(NAN), progress(None), segment(1), progress(NAN)).diverged


def test_a_speed_that_is_not_finite_is_no_divergence() -> None:
    assert course(*[{"event": "progress", "speed": NAN}] * 5).diverged is None


def test_losses_of_different_ranks_are_not_in_a_row() -> None:
    assert course(*(progress(NAN, rank=rank) for rank in range(3))).diverged is None


def test_two_evaluations_in_a_row_diverge() -> None:
    assert course(evaluation(NAN), evaluation(1.0), evaluation(NAN)).diverged is None
    named = [evaluation(NAN, metric="top1", step=5)] * 2
    assert course(*named).diverged == "top1 was not finite in 2 evaluations in a row, the last at step 5"
    assert course(evaluation(NAN, metric="a"), evaluation(NAN, metric="b")).diverged is None


def test_the_last_evaluation_is_remembered() -> None:
    assert course(evaluation(NAN)).last_metric_lost
    assert not course(evaluation(NAN), evaluation(1.0)).last_metric_lost
    assert not course().last_metric_lost
