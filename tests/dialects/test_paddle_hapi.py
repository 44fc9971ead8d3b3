"""The dialect `paddle-hapi`. The logs were printed by PaddlePaddle 3.3 on a CPU; other lines are made from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Evaluation, Progress, Segment, WarmupEnd
from pytest_sixdim.dialects import printed_where
from tests.dialects.printed import EPOCHS, REPORTS, assert_bears, job, of, read

#: fit(train, eval, verbose=2, log_freq=10, save_dir=...)
FIT = """\
The loss value printed in the log is the current step, and the metric is the average value of previous steps.
Epoch 1/2
step 10/23 - loss: 2.3109 - acc: 0.1125 - 22ms/step
step 20/23 - loss: 2.3404 - acc: 0.1062 - 12ms/step
step 23/23 - loss: 2.3302 - acc: 0.1009 - 10ms/step
save checkpoint at /checkpoints/0
Eval begin...
step 6/6 - loss: 2.2419 - acc: 0.1083 - 1ms/step
Eval samples: 360
Epoch 2/2
step 10/23 - loss: 2.3285 - acc: 0.1047 - 2ms/step
step 20/23 - loss: 2.3186 - acc: 0.1055 - 1ms/step
step 23/23 - loss: 2.2637 - acc: 0.1058 - 1ms/step
save checkpoint at /checkpoints/1
Eval begin...
step 6/6 - loss: 2.2419 - acc: 0.0944 - 1ms/step
Eval samples: 360
save checkpoint at /checkpoints/final
""".splitlines()
TIMES = (0.0, 1.0, 4.0, 7.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.5, 15.0, 18.0, 19.0, 20.0, 20.0, 22.0, 23.0, 24.0)
#: verbose=1, as it was written to a pipe.
BARS = (
    b"Epoch 1/2\n\rstep 10/23 [============>.................] - loss: 2.3208 - acc: 0.1031 - ETA: 0s - 3ms/step"
    + b"\x08" * 90
    + b"\rstep 20/23 [=========================>....] - loss: 2.3038 - acc: 0.1000 - ETA: 0s - 2ms/step"
    + b"\x08" * 90
    + b"\rstep 23/23 [==============================] - loss: 2.3071 - acc: 0.0974 - 2ms/step          \n"
)


def test_epochs_are_timed_without_saving_and_evaluation() -> None:
    events = read("paddle-hapi", zip(TIMES, FIT, strict=True), job(EPOCHS))
    assert [(event.step, event.seconds) for event in of(WarmupEnd, events)] == [(23, 7.0)]
    [segment] = of(Segment, events)
    assert (segment.samples, segment.steps, segment.seconds, segment.loss) == (23 * 64, 23, 6.5, 2.2637)
    assert segment.paused_seconds == pytest.approx(2.5)  # a checkpoint, and before the epoch began


def test_an_evaluation_is_what_stands_between_its_lines() -> None:
    found = of(Evaluation, read("paddle-hapi", zip(TIMES, FIT, strict=True), job()))
    assert [(event.value, event.epoch, event.samples, event.seconds) for event in found] == [
        (0.1083, 1, 360, 2.0),
        (0.0944, 2, 360, 3.0),
    ]


def test_steps_of_an_evaluation_are_not_trained() -> None:
    assert [event.step for event in of(Progress, read("paddle-hapi", FIT, job()))] == [10, 20, 23, 33, 43, 46]


def test_segments_of_steps() -> None:
    measure = Measure(warmup_steps=10, steady=False, segment_steps=10, segment_seconds=0.0)
    segments = of(Segment, read("paddle-hapi", zip(TIMES, FIT, strict=True), job(measure)))
    assert [(s.steps, s.seconds) for s in segments] == [(10, 3.0), (13, 3.5), (10, 3.0)]


def test_the_last_batch_of_an_epoch_has_what_is_left() -> None:
    [segment] = of(Segment, read("paddle-hapi", FIT, job(EPOCHS), samples_per_epoch=1437))
    assert segment.samples == 1437


def test_the_line_that_ends_an_epoch_may_come_twice() -> None:
    line = "step 20/20 - loss: 2.3 - acc: 0.1 - 2ms/step"
    events = read("paddle-hapi", ["Epoch 1/2", line, line, "Epoch 2/2", line, line], job(EPOCHS))
    assert len(of(Segment, events)) == 1


def test_a_bar_was_printed_when_the_line_before_it_was_read() -> None:
    splitter = LineSplitter()
    lines = [*splitter.feed(BARS), *splitter.finish()]
    assert len(lines) == 4
    run = job(Measure(warmup_steps=20, steady=False, segment_steps=1, segment_seconds=0.0))
    events = read("paddle-hapi", zip((0.0, 8.0, 9.0, 9.0), lines, strict=True), run)
    assert [(event.step, event.t) for event in of(WarmupEnd, events)] == [(20, 8.0)]
    assert [(segment.steps, segment.seconds) for segment in of(Segment, events)] == [(3, 1.0)]


def test_a_recorded_log_has_the_speed_that_is_printed_exactly_enough() -> None:
    exact = [line.replace(" 1ms/step", " 110ms/step") for line in FIT]
    [segment] = of(Segment, read("paddle-hapi", exact, job(EPOCHS, recorded=True)))
    assert segment.seconds == pytest.approx(23 * 0.11)
    assert of(Segment, read("paddle-hapi", FIT, job(EPOCHS, recorded=True))) == []


def test_predicting_is_no_evaluation() -> None:
    lines = ["Epoch 1/1", FIT[4], "Predict begin...", "step 6/6 - 1ms/step", "Predict samples: 360"]
    assert of(Evaluation, read("paddle-hapi", lines, job())) == []


def test_the_first_rank_prints_to_stdout() -> None:
    assert printed_where("paddle-hapi") == ("stdout", 0)


PIECES = st.sampled_from([*FIT, "step 0/0 - loss: nan", "step   5 - loss: inf - 1s/step", "Eval samples: 0"])


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    for recorded in (False, True):
        assert_bears("paddle-hapi", lines, job(REPORTS, recorded=recorded), samples_per_epoch=100)
