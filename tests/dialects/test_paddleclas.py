"""The dialect `paddleclas`. Lines marked "public" stand in logs that others published, the rest are made from them."""

# ruff: noqa: E501 - lines of logs as they were printed

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Evaluation, EventError, Progress, Segment
from pytest_sixdim.dialects import printed_where
from tests.dialects.printed import EPOCHS, REPORTS, assert_bears, job, of, read

#: Public: CvT-13 on four cards, batch size 128 each.
CVT = """\
[2022/09/15 11:55:32] ppcls INFO: [Train][Epoch 260/300][Iter: 1000/2500]lr(LinearWarmup): 0.00010335, CELoss: 2.84290, loss: 2.84290, batch_cost: 0.60855s, reader_cost: 0.01440, ips: 210.33667 samples/s, eta: 17:10:17
[2022/09/15 11:56:02] ppcls INFO: [Train][Epoch 260/300][Iter: 1050/2500]lr(LinearWarmup): 0.00010335, CELoss: 2.84662, loss: 2.84662, batch_cost: 0.60854s, reader_cost: 0.01392, ips: 210.33875 samples/s, eta: 17:09:46
""".splitlines()
#: Public: the evaluation of the same model.
EVALUATION = """\
[2022/05/15 16:58:20] ppcls INFO: [Eval][Epoch 198][Iter: 50/66]CELoss: 0.83862, loss: 0.83862, top1: 0.80599, top5: 0.94531, batch_cost: 0.80748s, reader_cost: 0.36665, ips: 237.77533 images/sec
[2022/05/15 16:58:31] ppcls INFO: [Eval][Epoch 198][Avg]CELoss: 0.88762, loss: 0.88762, top1: 0.78364, top5: 0.94244
""".splitlines()
#: Public: the flowers of the quick start on one card, release 2.2.
FLOWERS = """\
[2022/04/04 17:51:09] root WARNING: The training strategy in config files provided by PaddleClas is based on 4 gpus.
[2022/04/04 17:51:12] root INFO: [Train][Epoch 1/20][Iter: 0/8]lr: 0.00031, CELoss: 4.64081, loss: 4.64081, batch_cost: 3.14893s, reader_cost: 2.57331, ips: 40.64869 images/sec, eta: 0:08:23
[2022/04/04 17:51:16] root INFO: [Train][Epoch 1/20][Avg]CELoss: 4.64772, loss: 4.64772
[2022/04/04 17:51:16] root INFO: Already save model in ./output/ResNet50_vd/latest
[2022/04/04 17:51:19] root INFO: [Train][Epoch 2/20][Iter: 0/8]lr: 0.00281, CELoss: 4.61437, loss: 4.61437, batch_cost: 1.05037s, reader_cost: 0.63829, ips: 121.86160 images/sec, eta: 0:02:39
[2022/04/04 17:51:22] root INFO: [Train][Epoch 2/20][Avg]CELoss: 4.58869, loss: 4.58869
[2022/04/04 17:51:23] root INFO: Already save model in ./output/ResNet50_vd/latest
""".splitlines()


def test_a_recorded_stretch_is_worked_out_of_the_averages_of_its_epoch() -> None:
    events = read("paddleclas", CVT, job(REPORTS, cards=4, batch_size=128, recorded=True))
    seconds = 0.60854 * 1046 - 0.60855 * 996
    assert [event.step for event in of(Progress, events)] == [259 * 2500 + 1001, 259 * 2500 + 1051]
    measure = Measure(warmup_steps=1, steady=False, segment_steps=1, segment_seconds=0.0)
    [segment] = of(Segment, read("paddleclas", CVT, job(measure, cards=4, batch_size=128, recorded=True)))
    assert (segment.steps, segment.samples) == (50, 50 * 512)
    assert segment.seconds == pytest.approx(seconds)
    assert 29.5 < seconds < 31.0  # the stamps of the lines are 30 s apart
    assert segment.loader_seconds == pytest.approx(0.01392 * 1046 - 0.01440 * 996)


def test_live_the_time_between_two_lines_is_measured() -> None:
    lines = list(zip((0.0, 30.2), CVT, strict=True))
    [segment] = of(Segment, read("paddleclas", lines, job(REPORTS, cards=4, batch_size=128)))
    assert (segment.steps, segment.seconds) == (50, pytest.approx(30.2))


def test_the_programs_own_speed_is_that_of_one_card() -> None:
    [first, _] = of(Progress, read("paddleclas", CVT, job(cards=4)))
    assert first.speed == pytest.approx(4 * 210.33667)
    assert (first.epoch, first.loss) == (260, 2.8429)


def test_an_epoch_ends_with_its_averages_and_saving_is_no_training() -> None:
    times = (0.0, 1.0, 5.0, 5.5, 8.0, 12.0, 13.0)
    segments = of(Segment, read("paddleclas", zip(times, FLOWERS, strict=True), job(EPOCHS, batch_size=128)))
    assert [(s.steps, s.samples, s.seconds, s.paused_seconds) for s in segments] == [(8, 1024, 6.5, 0.5)]


def test_the_older_unit_is_read() -> None:
    [first, second] = of(Progress, read("paddleclas", FLOWERS, job()))
    assert (first.speed, second.step) == (40.64869, 9)


def test_an_evaluation_is_a_fraction_unless_the_case_means_percent() -> None:
    for options, value in (({}, 0.78364), ({"scale": 100}, 78.364)):
        [event] = of(Evaluation, read("paddleclas", EVALUATION, job(metric="top1"), **options))
        assert (event.value, event.epoch) == (pytest.approx(value), 198)


def test_an_evaluation_lasts_from_the_end_of_its_epoch() -> None:
    lines = [*zip((0.0, 30.0), CVT, strict=True), (60.0, "[Train][Epoch 260/300][Avg]CELoss: 2.8, loss: 2.8")]
    [event] = of(Evaluation, read("paddleclas", [*lines, (86.0, EVALUATION[1])], job(metric="top5")))
    assert (event.value, event.seconds) == (0.94244, 26.0)


def test_an_evaluation_without_the_cases_metric_is_no_training_either() -> None:
    epoch = [*FLOWERS[1:3], EVALUATION[1].replace("Epoch 198", "Epoch 1"), *FLOWERS[4:6]]
    lines = list(zip((0.0, 7.0, 27.0, 28.0, 35.0), epoch, strict=True))
    for metric, broken in (("top1", 0), ("mAP", 1)):
        events = read("paddleclas", lines, job(EPOCHS, metric=metric), broken=broken)
        assert [event.seconds for event in of(Evaluation, events)] == [20.0]
        assert [segment.seconds for segment in of(Segment, events)] == [8.0]


def test_an_evaluation_within_an_epoch_has_no_known_length() -> None:
    lines = [*zip((0.0, 30.0), CVT, strict=True), (86.0, EVALUATION[1])]
    assert [event.seconds for event in of(Evaluation, read("paddleclas", lines, job(metric="top1")))] == [None]


def test_a_line_of_training_without_its_time_is_broken() -> None:
    with pytest.raises(EventError, match="no batch_cost"):
        read("paddleclas", ["[Train][Epoch 1/2][Iter: 0/8]lr: 0.1, loss: 4.6"], job())


def test_its_logger_writes_to_stdout_of_the_first_rank() -> None:
    assert printed_where("paddleclas") == ("stdout", 0)


PIECES = st.sampled_from(
    [
        *CVT,
        *EVALUATION,
        *FLOWERS,
        "[Train][Epoch 0/0][Iter: 0/0]loss: nan, batch_cost: 0s",
        "[Eval][Epoch 1][Avg]top1: nan",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    for recorded in (False, True):
        assert_bears("paddleclas", lines, job(REPORTS, recorded=recorded, metric="top1"))
