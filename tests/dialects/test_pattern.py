"""The dialect `pattern`: lines that a case describes by regular expressions."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import End, Evaluation, Event, EventError, Progress, Segment, event_from, event_record
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.pattern import PatternDialect

#: One segment a report, from the first one on.
EVERY = Measure(warmup_steps=0, steady=False, segment_steps=1, segment_seconds=0)
EPOCHS = Measure(steady=False, warmup_epochs=0, segment_epochs=1)
RATE = r"img/s: (?P<speed>\S+)"


def job(measure: Measure = EVERY, **fields: Any) -> Job:
    return Job(**{"cards": 8, "batch_size": 16, "metric": "top1", "measure": measure, **fields})


def read(dialect: PatternDialect, *lines: str, begin: float = 100.0, every: float = 10.0) -> list[Any]:
    """The events of lines that come `every` so many seconds, as the agent takes them."""
    events: list[Event] = []
    for index, line in enumerate(lines):
        seen = begin + every * index
        for event in dialect.read(line, seen=seen, rank=0):
            events.append(event_from(event_record(event), seen=seen, rank=0))
    return events


def segments(events: list[Any]) -> list[Segment]:
    return [event for event in events if isinstance(event, Segment)]


def refused(**options: Any) -> OptionError:
    with pytest.raises(OptionError) as raised:
        PatternDialect(**options)
    return raised.value


def test_a_line_of_speed_is_progress_and_a_segment() -> None:
    dialect = PatternDialect(job(), speed=r"step (?P<step>\d+) loss (?P<loss>\S+) " + RATE, kind="train")
    events = read(dialect, "step 50 loss 2.5 img/s: 640", "noise", "step 100 loss 2.25 img/s: 630.5")
    assert [event for event in events if isinstance(event, Progress)] == [
        Progress(t=100, seen=100, step=50, loss=2.5, speed=640),
        Progress(t=120, seen=120, step=100, loss=2.25, speed=630.5),
    ]
    (segment,) = segments(events)
    assert (segment.steps, segment.samples, segment.seconds, segment.loss) == (50, 50 * 128, 20, 2.25)
    assert (segment.rated, segment.rated_as) == (630.5, "train")


@pytest.mark.parametrize(
    ("options", "printed", "rated"),
    [
        ({}, "640", 640),
        ({}, "4,910.79", 4910.79),
        ({"scope": "card"}, "80", 640),
        ({"unit": "steps/s"}, "5", 640),
        ({"unit": "s/step"}, "0.2", 640),
        ({"unit": "ms/step"}, "200", 640),
        ({"unit": "s/epoch", "samples_per_epoch": 6400}, "10", 640),
        ({}, "inf", None),
        ({}, "nan", None),
        ({}, "0", None),
    ],
)
def test_speeds_are_samples_a_second_of_the_whole_job(
    options: dict[str, Any], printed: str, rated: float | None
) -> None:
    dialect = PatternDialect(job(), speed=RATE, kind="compute", **options)
    (progress, *_) = read(dialect, f"img/s: {printed}")
    assert progress.speed == (rated if rated is None else pytest.approx(rated))


def test_without_a_batch_size_steps_are_no_samples() -> None:
    dialect = PatternDialect(job(batch_size=None), speed=RATE, kind="train", unit="steps/s")
    assert read(dialect, "img/s: 5")[0].speed is None


def test_a_line_with_an_epoch_and_no_step_is_an_epoch() -> None:
    dialect = PatternDialect(
        job(EPOCHS), speed=r"Epoch: \[(?P<epoch>\d+)\] Avg " + RATE, kind="compute", samples_per_epoch=1281167
    )
    events = read(dialect, "Epoch: [6] Avg img/s: 4910.795658460139", "Epoch: [7] Avg img/s: 4980.222383258538")
    assert [(s.samples, s.seconds, s.rated, s.steps) for s in segments(events)] == [
        (1281167, 10, pytest.approx(4980.222383258538), None)
    ]


def test_an_evaluation_right_after_an_epoch_is_timed_and_cut_out() -> None:
    dialect = PatternDialect(
        job(EPOCHS),
        speed=r"Epoch (?P<epoch>\d+) done",
        progress=r"loss=(?P<loss>\S+)",
        accuracy=r"acc=(?P<accuracy>\S+)",
        samples_per_epoch=1000,
    )
    events = read(dialect, "Epoch 1 done", "acc=70", "loss=1", "Epoch 2 done", "acc=71")
    assert [(e.value, e.seconds, e.epoch) for e in events if isinstance(e, Evaluation)] == [(70, 10, 1), (71, 10, 2)]
    assert [(s.samples, s.seconds, s.loss) for s in segments(events)] == [(1000, 20, 1)]


def test_an_evaluation_after_further_training_has_no_known_length() -> None:
    dialect = PatternDialect(
        job(EPOCHS),
        speed=r"Epoch (?P<epoch>\d+) done",
        progress=r"loss=(?P<loss>\S+)",
        accuracy=r"acc=(?P<accuracy>\S+)",
    )
    events = read(dialect, "Epoch 1 done", "loss=1", "acc=70")
    assert [event.seconds for event in events if isinstance(event, Evaluation)] == [None]


@pytest.mark.parametrize(
    "lines",
    [
        ("epoch {} img/s: {} acc=70",),
        ("acc=70", "epoch {} img/s: {}"),
    ],
)
def test_where_every_stretch_holds_an_evaluation_of_unknown_length_the_printed_speed_counts(
    lines: tuple[str, ...],
) -> None:
    dialect = PatternDialect(
        job(EPOCHS),
        speed=r"epoch (?P<epoch>\d+) img/s: (?P<speed>\S+)",
        accuracy=r"acc=(?P<accuracy>\S+)",
        kind="train",
        samples_per_epoch=1000,
    )
    events = read(dialect, *[text.format(epoch, 600 + epoch) for epoch in range(1, 8) for text in lines])
    assert [(s.seconds, round(s.rated or 0.0, 9)) for s in segments(events)][:2] == [(None, 602.0), (None, 603.0)]
    assert len(segments(events)) >= 5
    assert {event.seconds for event in events if isinstance(event, Evaluation)} == {None}


def test_an_evaluation_that_is_printed_before_its_epoch_did_not_take_all_of_it() -> None:
    dialect = PatternDialect(
        job(EPOCHS),
        speed=r"epoch (?P<epoch>\d+) done",
        accuracy=r"epoch (?P<epoch>\d+) acc=(?P<accuracy>\S+)",
        samples_per_epoch=1000,
    )
    events = read(dialect, "epoch 1 done", "epoch 2 acc=70", "epoch 2 done", "epoch 3 done", "epoch 3 acc=70")
    assert [event.seconds for event in events if isinstance(event, Evaluation)] == [None, 10]
    assert [segment.seconds for segment in segments(events)] == [10]


def test_an_evaluation_that_says_its_length_is_cut_out() -> None:
    dialect = PatternDialect(
        job(), speed=r"step (?P<step>\d+)", accuracy=r"acc (?P<accuracy>\S+) in (?P<seconds>\S+) of (?P<samples>\d+)"
    )
    events = read(dialect, "step 10", "step 20", "acc 70 in 0:04 of 500", "step 30")
    (evaluation,) = [event for event in events if isinstance(event, Evaluation)]
    assert (evaluation.seconds, evaluation.samples, evaluation.step, evaluation.metric) == (4, 500, 20, "top1")
    assert [segment.seconds for segment in segments(events)] == [10, 16]


def test_an_evaluation_stands_at_the_last_epoch_or_step() -> None:
    steps = PatternDialect(job(), progress=r"step (?P<step>\d+)", accuracy=r"acc (?P<accuracy>\S+)")
    (_, evaluation) = read(steps, "step 20", "acc 70")
    assert (evaluation.epoch, evaluation.step) == (None, 20)
    epochs = PatternDialect(job(), progress=r"e(?P<epoch>\d+) step (?P<step>\d+)", accuracy=r"acc (?P<accuracy>\S+)")
    (_, evaluation) = read(epochs, "e3 step 20", "acc 70")
    assert (evaluation.epoch, evaluation.step) == (3, None)


def test_the_accuracy_is_multiplied_in_decimal() -> None:
    dialect = PatternDialect(job(), accuracy=r"acc (?P<accuracy>\S+)", scale=100)
    assert [event.value for event in read(dialect, "acc 0.7736", "acc 0.57")] == [77.36, 57.0]
    assert 0.57 * 100 != 57.0


def test_what_is_not_finite_has_diverged() -> None:
    dialect = PatternDialect(
        job(), speed=r"loss (?P<loss>\S+) " + RATE, kind="train", accuracy=r"acc (?P<accuracy>\S+)"
    )
    progress, *_ = read(dialect, "loss nan img/s: 640")
    assert (progress.loss, progress.diverged, progress.speed) == (None, True, 640)
    (evaluation,) = read(dialect, "acc inf")
    assert (evaluation.value, evaluation.diverged) == (None, True)


def test_the_loss_of_an_evaluation_is_a_sign_of_life() -> None:
    dialect = PatternDialect(job(), accuracy=r"acc (?P<accuracy>\S+) loss (?P<loss>\S+)")
    evaluation, progress = read(dialect, "acc 70 loss nan")
    assert isinstance(evaluation, Evaluation)
    assert isinstance(progress, Progress)
    assert progress.diverged


@pytest.mark.parametrize(
    ("line", "status", "seconds"),
    [
        ("Training time 5:06:03", "success", 18363),
        ("Training time 1 day, 5:06:03", "success", 104763),
        ("gave up", "target_missed", None),
        ("it failed", "failed", None),
    ],
)
def test_the_end_is_told_from_others(line: str, status: str, seconds: float | None) -> None:
    dialect = PatternDialect(
        job(), speed=RATE, kind="train", end="Training time (?P<seconds>.+)", missed="gave up", failed="failed"
    )
    assert read(dialect, line) == [End(t=100, seen=100, status=status, seconds=seconds)]
    assert dialect.reports_end


def test_only_a_case_with_an_end_expects_one() -> None:
    assert not PatternDialect(job(), speed=RATE, kind="train", failed="Traceback").reports_end


def test_of_several_expressions_the_first_that_is_found_counts() -> None:
    dialect = PatternDialect(job(), accuracy=[r"top1 (?P<accuracy>\S+)", r"acc (?P<accuracy>\S+)"])
    assert [event.value for event in read(dialect, "acc 1", "acc 2 top1 3")] == [1, 3]


def test_steps_that_start_anew_each_epoch_are_left_out_or_counted() -> None:
    speed = r"\[(?P<epoch>\d+)\] +\[ *(?P<step>\d+)/334\]"
    lines = ("[0] [0/334]", "[0] [10/334]", "[0] [330/334]", "[1] [0/334]", "[1] [10/334]")
    assert [s.steps for s in segments(read(PatternDialect(job(), speed=speed), *lines))] == [10, 320, 10]
    whole = PatternDialect(job(), speed=speed, steps_per_epoch=334)
    assert [s.steps for s in segments(read(whole, *lines))] == [10, 320, 14]


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        (("0 320", "1 10"), [24]),
        (("0 10", "1 20"), [344]),  # more than an epoch lies between
        (("0 10", "0 10", "0 20"), [10]),  # a line that was printed twice
        (("0 320", "0 10", "0 20"), [10]),  # a training that began anew
        (("0 10", "2 10"), [668]),
    ],
)
def test_where_the_line_names_the_epoch_too_steps_are_counted_across(lines: tuple[str, ...], steps: list[int]) -> None:
    dialect = PatternDialect(job(), speed=r"(?P<epoch>\d+) (?P<step>\d+)", steps_per_epoch=334)
    assert [segment.steps for segment in segments(read(dialect, *lines))] == steps


def test_where_it_names_none_a_smaller_step_is_one_of_the_next_epoch() -> None:
    dialect = PatternDialect(job(), speed=r"step (?P<step>\d+)", steps_per_epoch=334)
    assert [s.steps for s in segments(read(dialect, "step 334", "step 334", "step 100"))][:1] == [334]


def test_steps_that_are_not_counted_anew_are_more_than_an_epoch_has() -> None:
    dialect = PatternDialect(job(), speed=r"epoch (?P<epoch>\d+) step (?P<step>\d+)", steps_per_epoch=100)
    read(dialect, "epoch 1 step 50", "epoch 1 step 100")
    with pytest.raises(EventError, match="step 150 of an epoch of 100 steps"):
        read(dialect, "epoch 2 step 150")


def test_steps_of_a_report_that_names_none() -> None:
    dialect = PatternDialect(job(), speed=r"iteration: (?P<seconds>\S+) s", kind="train", steps_per_report=20)
    events = read(dialect, "iteration: 5 s", "iteration: 4 s")
    assert [(s.steps, s.samples, s.seconds) for s in segments(events)] == [(20, 2560, 5), (20, 2560, 4)]


def test_seconds_that_leave_the_loader_out_rate_a_compute_speed() -> None:
    dialect = PatternDialect(job(), speed=r"(?P<steps>\d+) steps in (?P<seconds>\S+) s", kind="compute")
    (segment,) = segments(read(dialect, "10 steps in 4 s", "10 steps in 5 s"))
    assert (segment.samples, segment.seconds) == (1280, 10)
    assert (segment.rated, segment.rated_as) == (256, "compute")


def test_samples_of_one_card_count_for_all() -> None:
    dialect = PatternDialect(job(), speed=r"(?P<samples>\d+) samples", scope="card")
    assert [segment.samples for segment in segments(read(dialect, "10 samples", "10 samples"))] == [80]


def test_a_recorded_log_without_stamps_has_speeds_of_the_programs_own() -> None:
    dialect = PatternDialect(job(recorded=True), speed=RATE, kind="whole", steps_per_report=1)
    (first, second) = segments(read(dialect, "img/s: 640", "img/s: 620"))
    assert (first.seconds, first.samples, first.rated, first.rated_as) == (None, 128, 640, "whole")
    assert second.seconds is None


def test_a_recorded_log_with_stamps_is_timed_by_them() -> None:
    dialect = PatternDialect(
        job(recorded=True), speed=r"^(?P<time>.{19,23}) step (?P<step>\d+)", time="%Y-%m-%d %H:%M:%S,%f"
    )
    lines = ("2022-08-29 10:00:00,000 step 10", "2022-08-29 10:00:12,500 step 20", "2022-08-29 10:00:20,000 step 30")
    events = read(dialect, *lines)
    assert [segment.seconds for segment in segments(events)] == [12.5, 7.5]
    assert events[0].t == 1661767200.0


def test_stamps_of_a_live_run_are_left_alone() -> None:
    dialect = PatternDialect(job(), speed=r"(?P<time>\S+) step (?P<step>\d+)", time="%Y-%m-%dT%H:%M:%S")
    assert read(dialect, "2022-08-29T10:00:00 step 10")[0].t == 100


@pytest.mark.parametrize(
    ("options", "line", "error"),
    [
        ({"speed": RATE, "kind": "train"}, "img/s: fast", "group 'speed' captures 'fast', which is no number"),
        ({"speed": r"step (?P<step>\S+)"}, "step 1.5", "group 'step' captures '1.5', which is no count"),
        ({"speed": r"step (?P<step>\S+)"}, "step -1", "group 'step' captures '-1', which is no count"),
        ({"speed": r"step (?P<step>\S+)"}, "step " + "9" * 400, "which is no count"),
        ({"speed": r"epoch (?P<epoch>\S+)"}, "epoch nan", "group 'epoch' captures 'nan', which is no epoch"),
        ({"accuracy": r"acc (?P<accuracy>\S+)"}, "acc 77%", "group 'accuracy' captures '77%', which is no number"),
    ],
)
def test_a_line_whose_group_holds_something_else_is_an_error(options: dict[str, Any], line: str, error: str) -> None:
    with pytest.raises(EventError, match=re.escape(error)):
        read(PatternDialect(job(), **options), line)


def test_a_stamp_of_another_format_is_an_error() -> None:
    dialect = PatternDialect(job(recorded=True), speed=r"(?P<time>\S+) step (?P<step>\d+)", time="%Y-%m-%dT%H:%M:%S")
    with pytest.raises(EventError, match="'time' is '10:00', which is not '%Y-%m-%dT%H:%M:%S'"):
        read(dialect, "10:00 step 1")


def test_a_long_line_is_cut() -> None:
    dialect = PatternDialect(job(), accuracy=r"acc (?P<accuracy>\d+)")
    assert read(dialect, "x" * 5000 + "acc 7") == []


@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        ({}, "speed", "is missing; format pattern needs 'speed' or 'accuracy', or both"),
        ({"speed": RATE}, "kind", "is missing; the group 'speed' of 'speed' needs it: compute"),
        ({"speed": r"(?P<seconds>\d+) s"}, "kind", "the group 'seconds' of 'speed' needs it"),
        ({"speed": RATE, "kind": "trian"}, "kind", "'trian' is not allowed; did you mean 'train'? allowed: compute"),
        ({"speed": RATE, "kind": ["train"]}, "kind", "is not allowed"),
        ({"speed": r"img/s: (?P<sped>\S+)"}, "speed", "unknown group 'sped'; did you mean 'speed'? allowed: speed,"),
        ({"speed": r"img/s: (\S+)"}, "speed", "lacks a group one of speed, seconds, step, steps, epoch, samples"),
        ({"accuracy": r"acc (?P<epoch>\S+)"}, "accuracy", "lacks a group (?P<accuracy>...)"),
        ({"accuracy": r"acc (?P<accuracy>\S+"}, "accuracy", "is no regular expression: missing ), unterminated"),
        ({"accuracy": r"acc (?P<accuracy>\S+"}, "accuracy", "at character 5"),
        ({"accuracy": r"(?P<accuracy>.*)"}, "accuracy", "is found in every line, even an empty one"),
        ({"accuracy": 5}, "accuracy", "must be a regular expression or a list of them"),
        ({"accuracy": [r"(?P<accuracy>\d+)", 5]}, "accuracy", "must be a regular expression or a list of them"),
        ({"accuracy": [r"(?P<accuracy>\d+)"] * 21}, "accuracy", "21 expressions; at most 20 are allowed"),
        ({"accuracy": r"(?P<accuracy>\d+)" + "x" * 1000}, "accuracy", "at most 1000 are allowed"),
        ({"speed": RATE, "kind": "train", "unit": "img/s"}, "unit", "'img/s' is not allowed"),
        ({"speed": RATE, "kind": "train", "unit": "s/epoch"}, "unit", "s/epoch needs 'samples_per_epoch'"),
        ({"speed": RATE, "kind": "train", "scope": "node"}, "scope", "allowed: job, card"),
        (
            {"speed": RATE, "kind": "train", "scope": "card", "unit": "s/step"},
            "scope",
            "every card makes all steps of the job",
        ),
        ({"speed": r"step (?P<step>\d+)", "kind": "train"}, "kind", "has no use where no expression has a group speed"),
        ({"speed": r"step (?P<step>\d+)", "scale": 100}, "scale", "has no use"),
        ({"speed": r"step (?P<step>\d+)", "steps_per_epoch": 0}, "steps_per_epoch", "must be a whole number above 0"),
        ({"speed": r"step (?P<step>\d+)", "steps_per_report": True}, "steps_per_report", "not True"),
        ({"accuracy": r"(?P<accuracy>\d+)", "scale": "100"}, "scale", "a number above 0 such as 100, not '100'"),
        ({"accuracy": r"(?P<time>\S+) (?P<accuracy>\d+)"}, "time", "is missing; the group 'time' needs it"),
        ({"accuracy": r"(?P<time>\S+) (?P<accuracy>\d+)", "time": "%H:%M"}, "time", "does not say day and time"),
        ({"accuracy": r"(?P<time>\S+) (?P<accuracy>\d+)", "time": 5}, "time", "does not say day and time"),
        ({"accuracy": r"(?P<accuracy>\d+)", "time": "%c"}, "time", "has no use where no expression has a group time"),
    ],
)
def test_a_mistake_in_an_option_is_named(options: dict[str, Any], option: str, message: str) -> None:
    error = refused(**options)
    assert (error.option, message in error.message) == (option, True), error.message


def test_of_several_expressions_the_broken_one_is_shown_as_it_was_written() -> None:
    error = refused(accuracy=[r"a (?P<accuracy>\d+)", r"b (?P<accuracy>[\d+)"])
    assert error.message.startswith(r"'b (?P<accuracy>[\d+)' is no regular expression: unterminated character set at")


@given(st.text(max_size=40))
def test_any_line_is_read_or_refused(text: str) -> None:
    dialect = PatternDialect(
        job(),
        speed=r"e(?P<epoch>.+) s(?P<step>.+) v(?P<speed>.+) t(?P<seconds>.+) n(?P<samples>.+)",
        kind="whole",
        accuracy=r"a(?P<accuracy>.+)",
        scale=100,
        end=r"end(?P<seconds>.+)",
    )
    for line in (text, f"e{text} s1 v2 t3 n4", f"e1 s{text} v{text} t{text} n{text}", f"a{text}", f"end{text}"):
        try:
            assert all(event.kind for event in read(dialect, line))
        except EventError:
            continue


@given(st.lists(st.integers(0, 10**6), max_size=30), st.integers(1, 1000))
def test_whatever_is_counted_segments_are_sound(steps: list[int], epoch: int) -> None:
    dialect = PatternDialect(job(), speed=r"step (?P<step>\d+)", steps_per_epoch=epoch)
    found = segments(read(dialect, *(f"step {step % (epoch + 1)}" for step in steps)))
    assert [segment.index for segment in found] == list(range(1, len(found) + 1))
    assert all(s.steps and s.seconds and s.samples == 128 * s.steps and math.isfinite(s.seconds) for s in found)
