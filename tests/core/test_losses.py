"""When a run counts as diverged, and what went wrong with one that did not end well."""

from __future__ import annotations

import pytest

from pytest_sixdim.core.health import cancelled, failure
from pytest_sixdim.core.losses import divergence, reported_losses
from pytest_sixdim.core.records import STATUSES

from .builders import evaluation, progress, run, segment


def losses(*values: float | None, **fields: object):
    return [progress(float(t), loss=value, diverged=value is None, **fields) for t, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "diverged"),
    [
        ((1.0, None, None, None), True),
        ((None, None, 1.0, None, None), False),
        ((None, 1.0), False),
        ((1.0, None, None, None, 1.0), True),
    ],
)
def test_three_losses_in_a_row_that_are_not_finite(values: tuple[float | None, ...], diverged: bool) -> None:
    assert (divergence(losses(*values)) == "the loss was not finite in 3 consecutive reports") is diverged


def test_skipped_steps_do_not_count() -> None:
    assert divergence(losses(None, None, None, None, skipped=True)) is None
    mixed = losses(None, None) + losses(None, skipped=True) + losses(None)
    assert divergence(mixed) is not None


def test_a_report_without_a_loss_is_no_report() -> None:
    assert divergence([progress(float(t), step=t) for t in range(9)]) is None


def test_a_segment_repeats_what_progress_said() -> None:
    both = [*losses(1.0, None), segment(1, loss=None, diverged=True), *losses(None)]
    assert divergence(both) is None
    assert divergence([segment(index, loss=None, diverged=True) for index in range(1, 4)]) is not None


def test_the_lowest_rank_counts() -> None:
    others = [progress(float(t), loss=9.0, rank=1) for t in range(3)]
    assert reported_losses([*others, *losses(1.0, 2.0)]) == (1.0, 2.0)
    assert divergence([x for pair in zip(others, losses(None, None, None), strict=True) for x in pair]) is not None


@pytest.mark.parametrize(
    ("values", "ended", "diverged"),
    [
        ((50.0, None, None, 60.0), True, True),
        ((None, 50.0, None, 60.0), True, False),
        ((50.0, None), True, True),
        ((50.0, None), False, False),
        ((None, None), False, True),
    ],
)
def test_two_evaluations_in_a_row_or_the_last(values: tuple[float | None, ...], ended: bool, diverged: bool) -> None:
    reported = [evaluation(float(t), value) for t, value in enumerate(values)]
    assert (divergence(reported, ended=ended) is not None) is diverged


def test_metrics_and_ranks_diverge_on_their_own() -> None:
    reported = [evaluation(1.0, None), evaluation(1.0, None, metric="top5"), evaluation(2.0, 50.0)]
    assert divergence(reported, ended=False) is None
    assert divergence(reported) == "top5 was not finite in the last evaluation"
    assert divergence([evaluation(1.0, None), evaluation(1.0, None, rank=1)], ended=False) is None


def test_a_run_that_came_to_its_end_did_not_fail() -> None:
    assert failure(run()) is None
    assert failure(run(status="target_missed")) is None
    assert cancelled(run()) is None


@pytest.mark.parametrize("status", [s for s in STATUSES if s not in ("completed", "target_missed", "cancelled")])
def test_every_other_end_is_a_failure_in_words(status: str) -> None:
    found = failure(run(status=status, message="rank 3 ended by SIGSEGV"))
    assert found is not None
    assert found.startswith("full-1 ")
    assert found.endswith(": rank 3 ended by SIGSEGV")
    assert "_" not in found


def test_a_cancelled_run_did_not_fail() -> None:
    assert failure(run(status="cancelled")) is None
    assert cancelled(run(status="cancelled")) == "full-1 was cancelled"


def test_a_run_that_ends_well_after_diverging_has_diverged() -> None:
    assert failure(run(losses=(None, None, None))) == (
        "full-1 diverged: the loss was not finite in 3 consecutive reports"
    )
    assert failure(run(values=(76.0, None))) == "full-1 diverged: top1 was not finite in the last evaluation"
