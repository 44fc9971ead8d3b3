"""What a program cannot say of its segments without being contradicted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Segment

from .builders import BORDER, CONFIGURATION, at, evaluation, events, progress, segment, start, warmup_end, window


def suspects(*segments: Segment, **more: Any) -> tuple[str, ...]:
    return window(events(*segments, **more)).suspect


def changed(index: int, **fields: Any) -> list[Segment]:
    """Five clean segments, one of them changed."""
    return [segment(i, **(fields if i == index else {})) for i in range(1, 6)]


def test_a_clean_run_is_not_contradicted() -> None:
    assert suspects() == ()


def test_fewer_seconds_than_passed_are_contradicted() -> None:
    assert suspects(*changed(3, seconds=9.0)) == ("segment 3 claims 9 s of training where 10 s passed",)


def test_more_seconds_than_passed_overlap() -> None:
    (sentence,) = suspects(*changed(3, seconds=10.5))
    assert sentence.startswith("segment 3 claims 10.5 s of training where 10 s passed: it overlaps segment 2")


@pytest.mark.parametrize(("seconds", "credible"), [(9.91, True), (10.09, True), (9.89, False), (10.11, False)])
def test_a_segment_may_be_off_by_a_tenth_of_a_second(seconds: float, credible: bool) -> None:
    assert (suspects(*changed(2, seconds=seconds)) == ()) is credible


@pytest.mark.parametrize(("seconds", "credible"), [(99.1, True), (98.9, False)])
def test_a_long_segment_may_be_off_by_one_percent(seconds: float, credible: bool) -> None:
    assert (suspects(segment(1, **at(BORDER + 100), seconds=seconds)) == ()) is credible


def test_what_each_segment_may_be_off_does_not_add_up() -> None:
    sentences = suspects(*(segment(index, seconds=9.88) for index in range(1, 6)))
    assert len(sentences) == 5
    assert suspects(*(segment(index, seconds=9.905) for index in range(1, 6))) == ()
    short = [segment(i, **at(BORDER + 2.0 * i), seconds=1.91) for i in range(1, 6)]
    assert suspects(*short) == ("the segments claim 9.55 s of training where 10 s passed",)


def test_an_evaluation_explains_the_time_that_passed() -> None:
    late = [segment(1), *(segment(index, **at(BORDER + 10 * index + 4)) for index in range(2, 6))]
    assert suspects(*late) == ("segment 2 claims 10 s of training where 14 s passed",)
    assert suspects(*late, more=[evaluation(BORDER + 14, 1.0, seconds=4.0)]) == ()
    assert suspects(*late, more=[evaluation(BORDER + 14, 1.0, seconds=None)]) == ()


def test_an_evaluation_of_unknown_length_explains_only_the_segment_that_it_lies_in() -> None:
    late = [segment(1), *(segment(index, **at(BORDER + 10 * index + 4)) for index in range(2, 6))]
    for t in (BORDER + 10, BORDER + 30):
        assert len(suspects(*late, more=[evaluation(t, 1.0, seconds=None)])) == 1


def test_an_evaluation_of_unknown_length_does_not_hide_an_overlap() -> None:
    sentences = suspects(*changed(2, seconds=12.0), more=[evaluation(BORDER + 14, 1.0, seconds=None)])
    assert len(sentences) == 1


def test_stamps_that_disagree_with_the_agents_are_contradicted() -> None:
    sentences = suspects(segment(1), segment(2, seen=BORDER + 20.5), segment(3, seen=BORDER + 30.5))
    assert "segment 2 took 10 s by the program's stamps and 10.5 s by the agent's" in sentences


def test_another_clock_is_contradicted() -> None:
    (sentence,) = suspects(*(segment(i, t=BORDER + 10 * i, seen=BORDER + 10 * i + 2) for i in range(1, 6)))[:1]
    assert sentence == "the program's clock is 2 s away from the agent's"


def test_a_stamp_that_does_not_advance_is_contradicted() -> None:
    sentences = suspects(segment(1), segment(2, **at(BORDER + 10)))
    assert "segment 2 does not end after segment 1" in sentences


def test_more_samples_than_steps_make_are_contradicted() -> None:
    assert suspects(*changed(4, samples=12801)) == ("segment 4 counts 12801 samples, 100 steps of 128 make 12800",)


@pytest.mark.parametrize(("samples", "credible"), [(12799, True), (12800 - 10 * 128, True), (12799 - 10 * 128, False)])
def test_ragged_batches_may_be_missing_one_for_every_ten_steps(samples: int, credible: bool) -> None:
    assert (suspects(*changed(4, samples=samples)) == ()) is credible


def test_the_same_smaller_batch_in_every_segment_is_another_batch_size() -> None:
    smaller = [segment(index, samples=15 * 8 * 100) for index in range(1, 6)]
    assert suspects(*smaller) == ("the segments count 15 samples a step and card, the configuration 16",)


def test_samples_of_one_rank_only_are_contradicted() -> None:
    assert len(suspects(*(segment(index, samples=1600) for index in range(1, 6)))) == 5


def test_another_number_of_ranks_is_contradicted() -> None:
    found = window((start(world_size=1), warmup_end(), *(segment(index) for index in range(1, 6))))
    assert found.suspect == ("the program trained on 1 ranks, the configuration has 8",)


@pytest.mark.parametrize(
    ("precision", "bits"), [("fp32", 24), ("tf32", 11), ("fp16", 11), ("amp-fp16", 11), ("bf16", 8), ("amp-bf16", 8)]
)
def test_fewer_significand_bits_than_declared_are_contradicted(precision: Any, bits: int) -> None:
    def probed(kept: int) -> tuple[str, ...]:
        reported = (start(precision_probe={"matmul": kept}), *events()[1:])
        return window(reported, configuration=replace(CONFIGURATION, precision=precision)).suspect

    assert probed(bits) == ()
    assert probed(bits - 1) == (f"a matmul keeps {bits - 1} significand bits, {precision} declares {bits}",)


def test_no_time_no_steps_or_no_samples_are_contradicted() -> None:
    for field in ("seconds", "steps", "samples"):
        assert any("segment 2 reports" in sentence for sentence in suspects(*changed(2, **{field: 0})))


def test_a_loss_that_is_not_finite_is_contradicted() -> None:
    assert suspects(*changed(5, loss=None, diverged=True)) == ("the loss of segment 5 is not finite",)


def test_a_loss_that_never_changes_is_contradicted() -> None:
    (sentence,) = suspects(*(segment(index, loss=2.3026) for index in range(1, 6)))
    assert sentence == "the loss does not change: 2.3026 in every report of the window"
    moving = [progress(BORDER + 5, loss=2.4), progress(BORDER + 6, loss=2.3)]
    assert suspects(*(segment(index, loss=2.3026) for index in range(1, 6)), more=moving) == ()


def test_a_missing_loss_is_flagged_not_contradicted() -> None:
    found = window(events(*(segment(index, loss=None) for index in range(1, 6))))
    assert found.suspect == ()
    assert found.flags == ("no loss reported with the segments",)


@pytest.mark.parametrize(
    ("usual", "steps", "equal"),
    [(100, 101, True), (100, 99, True), (100, 102, False), (100, 98, False), (1000, 1010, True), (1000, 1012, False)],
)
def test_segments_have_equal_steps(usual: int, steps: int, equal: bool) -> None:
    sentences = suspects(
        *(segment(i, steps=count, samples=128 * count) for i, count in enumerate((usual, steps, usual), 1))
    )
    assert (not sentences) is equal
    assert all("not equal" in sentence for sentence in sentences)


def test_segments_are_numbered_one_after_the_other() -> None:
    assert suspects(segment(1), segment(3, **at(BORDER + 20))) == ("the segments are numbered 1, 3",)


@given(scale=st.floats(0.5, 2.0))
def test_scaling_all_claims_is_noticed_beyond_one_percent(scale: float) -> None:
    sentences = window(events(*(segment(i, seconds=10 * scale) for i in range(1, 6))), Measure()).suspect
    if abs(scale - 1) > 0.0101:
        assert sentences
    elif abs(scale - 1) < 0.0099:
        assert not sentences
