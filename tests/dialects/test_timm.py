"""The dialect `timm`. Lines marked "public" stand in logs that others published, the rest are made from the formats."""

# ruff: noqa: E501 - lines of logs as they were printed

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import (
    End,
    Evaluation,
    Event,
    EventError,
    Progress,
    Segment,
    WarmupEnd,
    event_from,
    event_record,
)
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects import make_dialect, printed_where
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.timm import TimmDialect

#: Public: swin_tiny on two cards, batch size 64 each (timm 0.4).
SWIN = """\
Train: 0 [   0/10009 (  0%)]  Loss:  7.010710 (7.0107)  Time: 1.820s,   70.32/s  (1.820s,   70.32/s)  LR: 5.000e-07  Data: 1.382 (1.382)
Train: 0 [  50/10009 (  0%)]  Loss:  6.973588 (6.9921)  Time: 0.316s,  405.65/s  (0.344s,  371.84/s)  LR: 5.000e-07  Data: 0.006 (0.033)
Train: 0 [ 100/10009 (  1%)]  Loss:  6.969796 (6.9847)  Time: 0.326s,  392.81/s  (0.330s,  387.68/s)  LR: 5.000e-07  Data: 0.006 (0.019)
Train: 0 [ 150/10009 (  1%)]  Loss:  6.984760 (6.9847)  Time: 0.319s,  401.74/s  (0.325s,  393.80/s)  LR: 5.000e-07  Data: 0.006 (0.015)
/usr/local/lib/python3.6/dist-packages/PIL/TiffImagePlugin.py:788: UserWarning: Corrupt EXIF data.  Expecting to read 4 bytes but only got 0.
  warnings.warn(str(msg))
Train: 0 [ 200/10009 (  2%)]  Loss:  6.945073 (6.9768)  Time: 0.327s,  391.28/s  (0.323s,  396.50/s)  LR: 5.000e-07  Data: 0.005 (0.012)
""".splitlines()
#: Public: a small data set on one card, batch size 16, whose last batch of an epoch has 8 samples (timm 0.5).
TOY = """\
Model resnet50 created, param count:25557032
Train: 0 [   0/33 (  0%)]  Loss: 8.863 (8.86)  Time: 1.663s,    9.62/s  (1.663s,    9.62/s)  LR: 5.000e-04  Data: 0.460 (0.460)
Train: 0 [  32/33 (100%)]  Loss: 1.336 (4.00)  Time: 0.934s,    8.57/s  (0.218s,   36.68/s)  LR: 5.000e-04  Data: 0.000 (0.014)
Test: [   0/29]  Time: 0.560 (0.560)  Loss:  0.6912 (0.6912)  Acc@1: 87.5000 (87.5000)  Acc@5: 100.0000 (100.0000)
Test: [  29/29]  Time: 0.041 (0.064)  Loss:  0.5951 (0.5882)  Acc@1: 81.2500 (87.5000)  Acc@5: 100.0000 (99.3750)
Train: 1 [   0/33 (  0%)]  Loss: 0.5741 (0.574)  Time: 0.645s,   24.82/s  (0.645s,   24.82/s)  LR: 5.000e-04  Data: 0.477 (0.477)
Train: 1 [  32/33 (100%)]  Loss: 0.5411 (0.313)  Time: 0.089s,   90.32/s  (0.166s,   48.17/s)  LR: 5.000e-04  Data: 0.000 (0.016)
""".splitlines()
#: Public: resnet50.a1_in1k on one Gaudi, batch size 128 (timm 1.0).
GAUDI = """\
Train: 0 [   0/73 (  1%)]  Loss: 6.86 (6.86)  Time: 9.575s,   13.37/s  (9.575s,   13.37/s)  LR: 1.000e-05  Data: 0.844 (0.844)
Train: 0 [  50/73 ( 70%)]  Loss: 6.77 (6.83)  Time: 0.320s,  400.32/s  (0.470s,  272.39/s)  LR: 1.000e-05  Data: 0.217 (0.047)
Test: [   0/30]  Time: 6.593 (6.593)  Loss:   6.723 ( 6.723)  Acc@1:   0.000 (  0.000)  Acc@5:   0.000 (  0.000)
Test: [  30/30]  Time: 3.856 (0.732)  Loss:   6.615 ( 6.691)  Acc@1:   0.000 (  0.076)  Acc@5:   1.176 (  3.287)
Current checkpoints:
 ('./output/train/20241016-034927-resnet50_a1_in1k-224/checkpoint-0.pth.tar', 0.07643312101910828)
Train: 1 [   0/73 (  1%)]  Loss: 6.69 (6.69)  Time: 0.796s,  160.74/s  (0.796s,  160.74/s)  LR: 1.001e-02  Data: 0.685 (0.685)
Train: 1 [  50/73 ( 70%)]  Loss: 3.23 (3.76)  Time: 0.160s,  798.85/s  (0.148s,  863.22/s)  LR: 1.001e-02  Data: 0.053 (0.051)
""".splitlines()
EMA = "Test (EMA): [  48/48]  Time: 0.210 (0.415)  Loss:  0.9012 (0.8921)  Acc@1: 80.1230 (80.1000)  Acc@5: 95.0123 (95.0210)"
EVERY = Measure(warmup_steps=0, steady=False, segment_steps=1, segment_seconds=0)


def job(cards: int, batch_size: int | None, measure: Measure = EVERY, **fields: Any) -> Job:
    return Job(**{"cards": cards, "batch_size": batch_size, "metric": "top1", "measure": measure, **fields})


def read(dialect: TimmDialect, lines: list[str], every: float = 10.0) -> list[Any]:
    found: list[Event] = []
    for index, line in enumerate(lines):
        found += dialect.read(line, seen=1000.0 + every * index, rank=0)
    return found


def of(kind: type[Any], events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_the_programs_own_times_are_differences_of_its_means() -> None:
    """51 steps took 51 x 128 / 371.84 s, 101 took 101 x 128 / 387.68 s, and so on."""
    segments = of(Segment, read(TimmDialect(job(2, 64, recorded=True)), SWIN))
    marks = [128 / 70.32, 51 * 128 / 371.84, 101 * 128 / 387.68, 151 * 128 / 393.80, 201 * 128 / 396.50]
    between = [b - a for a, b in pairwise(marks)]
    assert [segment.seconds for segment in segments] == pytest.approx([marks[0], *between])
    assert [segment.steps for segment in segments] == [1, 50, 50, 50, 50]
    assert [segment.samples for segment in segments] == [128, 6400, 6400, 6400, 6400]
    assert [segment.rated for segment in segments[1:]] == pytest.approx([6400 / seconds for seconds in between])
    assert {segment.rated_as for segment in segments} == {"train"}


def test_a_live_run_is_timed_by_its_lines() -> None:
    events = read(TimmDialect(job(2, 64)), SWIN)
    segments = of(Segment, events)
    assert [segment.seconds for segment in segments] == [pytest.approx(128 / 70.32), 10, 10, 10, 30]
    assert segments[1].rated == pytest.approx(6400 / (51 * 128 / 371.84 - 128 / 70.32))
    assert of(Progress, events)[1] == Progress(t=1010, seen=1010, rank=0, step=51, epoch=0, loss=6.973588, speed=405.65)


def test_a_ragged_last_batch_does_not_spoil_the_epoch() -> None:
    events = read(TimmDialect(job(1, 16, Measure(warmup_epochs=0, segment_epochs=1, steady=False), recorded=True)), TOY)
    segments = of(Segment, events)
    assert [segment.steps for segment in segments] == [33, 33]
    assert [segment.seconds for segment in segments] == pytest.approx([33 * 0.218, 33 * 0.166], abs=0.02)
    assert [segment.samples for segment in segments] == [528, 528]


def test_an_evaluation_is_its_last_line() -> None:
    (evaluation,) = of(Evaluation, read(TimmDialect(job(1, 16)), TOY))
    assert (evaluation.value, evaluation.metric, evaluation.epoch) == (87.5, "top1", 0)
    assert evaluation.seconds == pytest.approx(30 * 0.064)


def test_between_epochs_lie_an_evaluation_and_a_pause() -> None:
    """The first line of the next epoch is seen 10 s after an evaluation of 1.92 s; 0.645 s of that were training."""
    measure = Measure(warmup_epochs=1, segment_epochs=1, steady=False)
    (segment,) = of(Segment, read(TimmDialect(job(1, 16, measure)), TOY))
    assert segment.seconds == pytest.approx(0.645 + 10, abs=0.001)
    assert segment.paused_seconds == pytest.approx(30 - 1.92 - 0.645, abs=0.001)


def test_an_epoch_that_does_not_say_its_end_is_left_out_up_to_the_next() -> None:
    segments = of(Segment, read(TimmDialect(job(1, 128, recorded=True)), GAUDI))
    assert [segment.steps for segment in segments] == [1, 50, 50]
    assert segments[2].seconds == pytest.approx(51 * 128 / 863.22 - 128 / 160.74, rel=0.001)


@pytest.mark.parametrize(("metric", "value"), [("top1", 87.5), ("top5", 99.375), ("loss", 0.5882)])
def test_the_metric_is_the_cases_or_named(metric: str, value: float) -> None:
    assert of(Evaluation, read(TimmDialect(job(1, 16, metric=metric)), TOY))[0].value == value
    named = TimmDialect(job(1, 16, metric="accuracy of mine"), metric=metric)
    assert of(Evaluation, read(named, TOY))[0].value == value


def test_the_evaluation_of_averaged_weights_counts_only_if_asked_for() -> None:
    plain = EMA.replace(" (EMA)", "").replace("80.1000", "79.0000")
    events = of(Evaluation, read(TimmDialect(job(1, 16)), [plain, EMA]))
    assert [(event.metric, event.value) for event in events] == [("top1", 79), ("top1 of the ema weights", 80.1)]
    events = of(Evaluation, read(TimmDialect(job(1, 16), weights="ema"), [plain, EMA]))
    assert [(event.metric, event.value) for event in events] == [("top1 of the plain weights", 79), ("top1", 80.1)]


def test_the_best_metric_is_the_end() -> None:
    assert read(TimmDialect(job(1, 16)), ["*** Best metric: 80.1 (epoch 298)"]) == [
        End(t=1000, seen=1000, rank=0, status="success")
    ]


def test_a_loss_that_is_not_finite_has_diverged() -> None:
    progress, *_ = read(TimmDialect(job(2, 64)), [SWIN[0].replace("7.010710", "nan")])
    assert (progress.loss, progress.diverged) == (None, True)


def test_another_batch_size_than_the_cases_is_told_as_it_is() -> None:
    segments = of(Segment, read(TimmDialect(job(2, 32)), SWIN))
    assert [round(segment.samples / segment.steps) for segment in segments] == [128] * 5


def test_without_a_batch_size_the_program_rates_itself() -> None:
    segments = of(Segment, read(TimmDialect(job(2, None, recorded=True)), SWIN))
    assert [segment.samples for segment in segments] == [None] * 5
    assert segments[2].rated == pytest.approx(6400 / (101 * 128 / 387.68 - 51 * 128 / 371.84), rel=0.02)


def test_stamps_of_a_log_file_are_its_time() -> None:
    """As timm.utils.setup_default_logging writes them to a file."""
    stamped = [
        f"2026-08-08 07:44:{second:02d},500 -                train: [    INFO] - {line}"
        for second, line in zip((10, 26, 42), SWIN, strict=False)
    ]
    segments = of(Segment, read(TimmDialect(job(2, 64, recorded=True)), stamped))
    assert [segment.seconds for segment in segments[1:]] == [16, 16]


def test_warm_up_ends_where_the_case_says() -> None:
    events = read(TimmDialect(job(2, 64, Measure(warmup_steps=51, steady=False, segment_seconds=0))), SWIN)
    (warm,) = of(WarmupEnd, events)
    assert (warm.t, warm.step) == (1010, 51)
    assert [segment.steps for segment in of(Segment, events)] == [50, 50, 50]


def test_impossible_times_are_errors() -> None:
    with pytest.raises(EventError, match="times and rates must be above 0"):
        read(TimmDialect(job(2, 64)), [SWIN[1].replace("405.65/s", "0.00/s")])


@given(st.sampled_from([*SWIN, *TOY, EMA]), st.integers(0, 150), st.text("0123456789.e-+/ ([])nai", max_size=4))
def test_a_damaged_line_is_read_or_refused(line: str, place: int, text: str) -> None:
    dialect = TimmDialect(job(2, 64))
    try:
        for event in read(dialect, [SWIN[0], line[:place] + text + line[place + 1 :], SWIN[2]]):
            assert event_from(event_record(event), seen=event.seen, rank=0).kind == event.kind
    except EventError:
        pass


@pytest.mark.parametrize("line", ["", "Train: 0 [", "Test: [ 0/30]", "Train: x [ 0/3 (0%)]", "Best metric: 3"])
def test_other_lines_say_nothing(line: str) -> None:
    assert read(TimmDialect(job(1, 1)), [line]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "top3"}, r"^metric: 'top3' is not allowed; did you mean 'top1'\?|^metric: 'top3' is not allowed"),
        ({"weights": "averaged"}, "^weights: 'averaged' is not allowed; allowed: plain, ema"),
    ],
)
def test_a_mistake_in_an_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make_dialect("timm", options)


def test_it_prints_on_stderr_of_rank_0() -> None:
    assert printed_where("timm") == ("stderr", 0)
