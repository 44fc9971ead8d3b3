"""The dialect `mindspore`. The logs were printed by MindSpore 2.10 on a CPU, by the programs that their names say, or
published (MindCV); other lines are made from the printed format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.events import Evaluation, EventError, Progress, Segment, WarmupEnd
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects import make_dialect, printed_where
from tests.dialects.printed import EPOCHS, REPORTS, assert_bears, job, of, read

#: LossMonitor(10), TimeMonitor(), 22 steps an epoch.
TRAIN = """\
[WARNING] DISTRIBUTED(1234,7f,python):2026-11-22-07:40:00.123.456 [mindspore/ccsrc/cluster.cc:1] retry
epoch: 1 step: 10, loss is 2.2994649410247803
epoch: 1 step: 20, loss is 2.3166205883026123
Train epoch time: 378.699 ms, per step time: 17.214 ms
epoch: 2 step: 8, loss is 2.2915971279144287
epoch: 2 step: 18, loss is 2.279311418533325
Train epoch time: 44.032 ms, per step time: 2.001 ms
epoch: 3 step: 6, loss is 2.310781955718994
epoch: 3 step: 16, loss is 2.279143810272217
Train epoch time: 9.598 ms, per step time: 0.436 ms
""".splitlines()
#: Model.fit with the same callbacks.
FIT = """\
epoch: 1 step: 10, loss is 2.3271262645721436
epoch: 1 step: 20, loss is 2.3108227252960205
Eval epoch time: 230.880 ms, per step time: 10.495 ms
Eval result: epoch 1, metrics: {'accuracy': 0.12215909090909091, 'loss': 2.295779672535983}
Train epoch time: 231.666 ms, per step time: 10.530 ms
epoch: 2 step: 8, loss is 2.285792112350464
epoch: 2 step: 18, loss is 2.2980101108551025
Eval epoch time: 72.931 ms, per step time: 3.315 ms
Eval result: epoch 2, metrics: {'accuracy': 0.12002840909090909, 'loss': 2.2885159145702016}
Train epoch time: 73.399 ms, per step time: 3.336 ms
""".splitlines()
#: Published: one Ascend 910, 2502 batches of 64.
MINDCV = """\
[2023-11-05 07:00:48] mindcv.utils.callbacks INFO - Epoch: [348/350], batch: [2502/2502], loss: 4.418964, lr: 0.000003, time: 679.655316s
[2023-11-05 07:01:20] mindcv.utils.callbacks INFO - Validation Top_1_Accuracy: 72.1040%, Top_5_Accuracy: 90.7960%, time: 31.933918s
[2023-11-05 07:01:20] mindcv.utils.callbacks INFO - Saving model to /cache/output/ckpt/0/gmlp_Ti-348_2502.ckpt
[2023-11-05 07:01:21] mindcv.utils.callbacks INFO - Total time since last epoch: 712.945024(train: 679.709016, val: 31.933918)s, ETA: 1425.890047s
[2023-11-05 07:01:21] mindcv.utils.callbacks INFO - --------------------------------------------------------------------------------
[2023-11-05 07:12:35] mindcv.utils.callbacks INFO - Epoch: [349/350], batch: [2502/2502], loss: 2.213045, lr: 0.000002, time: 674.145375s
[2023-11-05 07:13:08] mindcv.utils.callbacks INFO - Validation Top_1_Accuracy: 72.1860%, Top_5_Accuracy: 90.8120%, time: 32.687514s
""".splitlines()  # noqa: E501


def test_whole_epochs_last_as_long_as_the_time_monitor_says() -> None:
    events = read("mindspore", TRAIN, job(EPOCHS, cards=2))
    assert [event.step for event in of(WarmupEnd, events)] == [22]
    segments = of(Segment, events)
    assert [(segment.samples, segment.steps) for segment in segments] == [(22 * 128, 22)] * 2
    assert [segment.seconds for segment in segments] == pytest.approx([0.044032, 0.009598])


def test_the_first_epoch_holds_the_compilation_and_is_warmup() -> None:
    assert of(WarmupEnd, read("mindspore", TRAIN, job(EPOCHS)))[0].seconds == pytest.approx(0.378699)


def test_steps_are_timed_by_when_they_were_printed() -> None:
    segments = of(Segment, read("mindspore", TRAIN, job(REPORTS)))
    assert [(segment.steps, segment.seconds) for segment in segments] == [
        (10, 1.0),
        (10, 2.0),
        (10, 1.0),
        (10, 2.0),
        (10, 1.0),
    ]


def test_the_step_that_restarts_with_each_epoch_is_counted_on() -> None:
    assert [event.step for event in of(Progress, read("mindspore", TRAIN, job()))] == [10, 20, 30, 40, 50, 60]


def test_the_training_time_of_an_epoch_that_was_evaluated_in_is_not_believed() -> None:
    lines = list(zip((10.0, 20.0, 31.0, 31.0, 31.0, 40.0, 50.0, 62.0, 62.0, 62.0), FIT, strict=True))
    [segment] = of(Segment, read("mindspore", lines, job(EPOCHS)))
    assert segment.seconds == pytest.approx(62.0 - 31.0 - 0.072931)
    assert segment.steps == 22


def test_in_a_recorded_log_nobody_knows_how_long_such_an_epoch_took() -> None:
    assert of(Segment, read("mindspore", FIT, job(EPOCHS, recorded=True))) == []


def test_an_evaluation_has_its_metric_epoch_and_time() -> None:
    first, second = of(Evaluation, read("mindspore", FIT, job()))
    assert (first.value, first.epoch, first.seconds) == (0.12215909090909091, 1, pytest.approx(0.23088))
    assert second.metric == "accuracy"


@pytest.mark.parametrize("unit", [None, "ms"])
def test_seconds_are_believed_where_they_are_printed(unit: str | None) -> None:
    line = "Epoch time: 2743.688s, per step time: 0.097s"
    options = {} if unit is None else {"unit": unit}
    [segment] = of(Segment, read("mindspore", [line], job(REPORTS, recorded=True), **options))
    assert segment.rated == pytest.approx(64 / (0.097 if unit is None else 0.000097))
    assert segment.rated_as == "train"


def test_seconds_that_are_labelled_ms_are_seconds_where_the_case_says_so() -> None:
    line = "epoch time: 571.750162 ms, per step time: 0.114259 ms"
    [segment] = of(Segment, read("mindspore", [line], job(REPORTS, recorded=True), unit="s"))
    assert (segment.seconds, segment.steps) == (571.750162, 5004)


def test_the_published_resnet50_line_gives_its_steps() -> None:
    line = "epoch time: 571750.162 ms, per step time: 114.259 ms"
    [segment] = of(Segment, read("mindspore", [line], job(REPORTS, cards=8, batch_size=32, recorded=True)))
    assert (segment.steps, segment.samples) == (5004, 5004 * 256)


def test_an_epoch_that_is_no_whole_number_of_steps_is_a_contradiction() -> None:
    with pytest.raises(EventError, match=r"epoch time: 100\.000 ms, per step time: 40\.000 ms.* 2\.50 x"):
        read("mindspore", ["Train epoch time: 100.000 ms, per step time: 40.000 ms"], job())


def test_more_steps_than_an_epoch_has_are_a_contradiction() -> None:
    with pytest.raises(EventError, match="these are 22 steps, but LossMonitor counted 23"):
        read("mindspore", ["epoch: 1 step: 23, loss is 2.3", TRAIN[3]], job())


def test_an_epoch_of_more_steps_than_can_be_counted_is_a_broken_line() -> None:
    with pytest.raises(EventError, match="no epoch has so many steps"):
        read("mindspore", [f"epoch time: 1e9 s, per step time: 0.{'0' * 310}1 s"], job())


def test_an_epoch_that_took_no_time_has_no_speed() -> None:
    assert of(Segment, read("mindspore", ["epoch time: 0 ms, per step time: 0 ms"] * 3, job(EPOCHS))) == []


def test_the_loaders_time_is_per_step() -> None:
    line = "Train epoch time: 449.436 ms, per step time: 20.429 ms (data time: 1.108 ms)"
    [segment] = of(Segment, read("mindspore", [line], job(REPORTS, recorded=True)))
    assert segment.loader_seconds == pytest.approx(22 * 1.108e-3)


def test_mindcv_prints_the_time_since_its_last_line() -> None:
    events = read("mindspore", MINDCV, job(EPOCHS, metric="top1", recorded=True))
    [segment] = of(Segment, events)
    assert (segment.samples, segment.steps, segment.seconds) == (2502 * 64, 2502, 674.145375)
    assert [(event.value, event.seconds) for event in of(Evaluation, events)] == [
        (72.104, 31.933918),
        (72.186, 32.687514),
    ]


def test_mindcv_saves_between_epochs_which_is_no_training() -> None:
    times = (0.0, 32.0, 32.0, 40.0, 40.0, 714.2, 746.9)
    [segment] = of(Segment, read("mindspore", zip(times, MINDCV, strict=True), job(EPOCHS, metric="top1")))
    assert segment.paused_seconds == pytest.approx(40.0 - 31.933918)


def test_mindcv_lines_within_an_epoch() -> None:
    lines = [
        f"Epoch: [1/90], batch: [{batch}/250], loss: 6.9, lr: 0.100000, time: {time}s"
        for batch, time in ((50, 9.5), (100, 3.25), (150, 1.5))
    ]
    segments = of(Segment, read("mindspore", lines, job(REPORTS, recorded=True)))
    assert [(segment.steps, segment.seconds) for segment in segments] == [(50, 9.5), (50, 3.25), (50, 1.5)]


@pytest.mark.parametrize(
    "text",
    ["{'accuracy': __import__('os')}", "{1", "{" * 5000 + "}", "{'accuracy': [[[[" + "}", "{'a': 1} {}", "{[]: 1}"],
)
def test_metrics_that_are_no_dictionary_are_broken_lines(text: str) -> None:
    with pytest.raises(EventError):
        read("mindspore", [f"Eval result: epoch 1, metrics: {text}"], job())


def test_metrics_that_are_not_finite_are_read() -> None:
    [event] = of(Evaluation, read("mindspore", ["Eval result: epoch 1, metrics: {'accuracy': nan}"], job()))
    assert event.value is None
    assert event.diverged


def test_a_loss_that_is_not_finite_has_diverged() -> None:
    assert of(Progress, read("mindspore", ["epoch: 1 step: 5, loss is nan"], job()))[0].diverged


def test_the_unit_is_ms_or_s() -> None:
    with pytest.raises(OptionError, match="'min' is not allowed; allowed: ms, s"):
        make_dialect("mindspore", {"unit": "min"})


def test_the_first_rank_is_read() -> None:
    assert printed_where("mindspore") == ("both", 0)


PIECES = st.sampled_from(
    [
        *TRAIN,
        *FIT,
        *MINDCV,
        "epoch: 1 step: 1, loss is nan",
        "epoch time: 0 ms, per step time: 0 ms",
        "Eval result: epoch 1, metrics: {1: 2}",
        "Eval result: epoch 1, metrics: {'accuracy': 1e999}",
        "epoch time: 1e999 ms, per step time: 1 ms",
        "Epoch: [0/0], batch: [0/0], loss: nan, lr: 0, time: 0s",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    for measure in (EPOCHS, REPORTS):
        assert_bears("mindspore", lines, job(measure))
