"""The dialect `keras`. The logs of Keras 3 were printed by Keras 3 with TensorFlow 2.21; lines of Keras 2 are made from
its format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Evaluation, EventError, Progress, Segment, WarmupEnd
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects import make_dialect
from tests.dialects.printed import EPOCHS, REPORTS, assert_bears, job, of, read

#: verbose=2: fit of three epochs of 23 steps, and evaluate.
PLAIN = """\
Epoch 1/3
23/23 - 0s - 10ms/step - accuracy: 0.1002 - loss: 2.5589
Epoch 2/3
23/23 - 0s - 6ms/step - accuracy: 0.0926 - loss: 2.4039
Epoch 3/3
23/23 - 0s - 6ms/step - accuracy: 0.0912 - loss: 2.3605
12/12 - 0s - 11ms/step - accuracy: 0.1111 - loss: 2.3278
""".splitlines()
#: The same with validation_data.
VALIDATED = """\
Epoch 1/3
23/23 - 0s - 18ms/step - accuracy: 0.1100 - loss: 2.3852 - val_accuracy: 0.1139 - val_loss: 2.3424
Epoch 2/3
23/23 - 0s - 7ms/step - accuracy: 0.1023 - loss: 2.3484 - val_accuracy: 0.1028 - val_loss: 2.3240
Epoch 3/3
23/23 - 0s - 5ms/step - accuracy: 0.1016 - loss: 2.3345 - val_accuracy: 0.1083 - val_loss: 2.3157
12/12 - 0s - 4ms/step - accuracy: 0.1083 - loss: 2.3157
""".splitlines()
#: verbose=1, the bytes of an epoch as they were written to a pipe, but for shorter bars.
BARS = (
    b"Epoch 1/3\n\r\x1b[1m 1/23\x1b[0m \x1b[37m\xe2\x94\x81\xe2\x94\x81\x1b[0m \x1b[1m4s\x1b[0m 200ms/step - accuracy: "
    b"0.0781 - loss: 2.4497\x08\x08\x08\x08\r\x1b[1m23/23\x1b[0m \x1b[32m\xe2\x94\x81\xe2\x94\x81\x1b[0m\x1b[37m\x1b[0m"
    b" \x1b[1m0s\x1b[0m 6ms/step - accuracy: 0.0912 - loss: 2.4082 - val_accuracy: 0.0917 - val_loss: 2.3756\n"
)


def bars(epoch: int, steps: dict[int, float], *, validated: str = "") -> list[tuple[float, str]]:
    """The lines of an epoch of 100 steps with verbose=1, as the agent reads them: when, by step (0: its first line)."""
    texts = {
        step: f"{step:3}/100 ━━━━━━━━━━━━━━━━━━━━ 0s 6ms/step - accuracy: 0.9000 - loss: 0.{step:03}" for step in steps
    }
    texts[0] = f"Epoch {epoch}/9"
    texts[100] = texts.get(100, "").replace(" 0s ", " 9s ") + validated
    return [(seen, texts[step]) for step, seen in steps.items()]


def test_an_epoch_without_validation_lasts_from_its_first_line_to_its_last() -> None:
    lines = list(zip((0.0, 9.0, 9.0, 15.0, 15.0, 22.0, 24.0), PLAIN, strict=True))
    events = read("keras", lines, job(EPOCHS))
    assert [event.seconds for event in of(WarmupEnd, events)] == [9.0]
    assert [(s.samples, s.seconds, s.steps, s.loss) for s in of(Segment, events)] == [
        (1472, 6.0, 23, 2.4039),
        (1472, 7.0, 23, 2.3605),
    ]


def test_what_comes_after_the_last_epoch_is_an_evaluation() -> None:
    [event] = of(Evaluation, read("keras", PLAIN, job(EPOCHS)))
    assert (event.value, event.epoch, event.seconds) == (0.1111, 3, 1.0)


def test_the_last_batch_of_an_epoch_has_what_is_left() -> None:
    segments = of(Segment, read("keras", PLAIN, job(EPOCHS), samples_per_epoch=1437))
    assert [segment.samples for segment in segments] == [1437, 1437]


def test_with_validation_the_speed_of_an_epochs_line_is_that_of_all_of_it() -> None:
    events = read("keras", [(0.0, VALIDATED[0]), (9.0, VALIDATED[1]), (9.0, VALIDATED[2]), (19.0, VALIDATED[3])], job())
    [segment] = of(Segment, events)
    assert (segment.seconds, segment.rated, segment.rated_as) == (None, pytest.approx(147.2), "whole")


def test_the_validation_of_an_epoch_is_an_evaluation_and_a_later_test_is_none() -> None:
    found = of(Evaluation, read("keras", VALIDATED, job()))
    assert [(event.value, event.epoch, event.seconds) for event in found] == [
        (0.1139, 1, None),
        (0.1028, 2, None),
        (0.1083, 3, None),
    ]


def test_another_metric_of_the_validation_can_be_named() -> None:
    for run, options in ((job(metric="loss"), {}), (job(), {"metric": "val_loss"})):
        assert of(Evaluation, read("keras", VALIDATED, run, **options))[0].value == 2.3424


def test_a_validation_without_the_metric_is_a_broken_line() -> None:
    with pytest.raises(EventError, match="no figure of 'f1' in this evaluation, only val_accuracy, val_loss"):
        read("keras", VALIDATED, job(metric="f1"))


def test_figures_before_any_epoch_are_no_evaluation() -> None:
    """A fit of one epoch prints no line of its own: its line looks as that of an evaluation does."""
    with pytest.raises(EventError, match="figures before any 'Epoch k/n'"):
        read("keras", [PLAIN[1]], job())
    [event] = of(Evaluation, read("keras", [VALIDATED[1]], job()))
    assert event.value == 0.1139


def test_the_bytes_of_a_bar_become_its_line() -> None:
    splitter = LineSplitter()
    lines = [*splitter.feed(BARS), *splitter.finish()]
    assert [event.value for event in of(Evaluation, read("keras", lines, job()))] == [0.0917]


def test_a_bar_was_printed_when_the_line_before_it_was_read() -> None:
    """The carriage return that ends a bar's line comes with the next bar: the last one is read after the validation."""
    value = " - val_accuracy: 0.9"
    first = bars(1, {0: 0.0, 10: 1.0, 40: 2.0, 90: 9.0, 100: 9.0}, validated=value)
    second = bars(2, {0: 9.0, 10: 10.0, 40: 11.0, 70: 12.0, 95: 19.0, 100: 19.0}, validated=value)
    events = read("keras", [*first, *second], job())
    assert [event.seconds for event in of(WarmupEnd, events)] == [2.0]
    assert [(s.steps, s.samples, s.seconds, s.t, s.seen) for s in of(Segment, events)] == [(95, 6080, 3.0, 12.0, 12.0)]
    assert [(event.t, event.seconds) for event in of(Evaluation, events)] == [(9.0, 7.0), (19.0, 7.0)]


@pytest.mark.parametrize("end", [" - val_accuracy: 0.9", ""])
def test_the_bar_of_the_last_step_does_not_end_the_epoch_before_its_validation(end: str) -> None:
    """It says 0 s, which are still to go: the line that ends the epoch says how long it took."""
    lines: list[tuple[float, str]] = []
    for began in (0.0, 20.0):
        *epoch, last = bars(1, {0: began, 10: began + 1.0, 50: began + 5.0, 100: began + 19.0})
        lines += [*epoch, (last[0], last[1].replace(" 9s ", " 0s ")), (last[0], last[1] + end)]
    events = read("keras", lines, job())
    [segment] = of(Segment, events)
    assert segment.steps == 100
    assert segment.seconds == (5.0 if end else 19.0)
    assert [event.seconds for event in of(Evaluation, events)] == ([14.0, 14.0] if end else [])


def test_an_epoch_whose_last_line_came_late_ends_with_the_next_one() -> None:
    late = [(seen, text.replace(" 9s ", " 0s ")) for seen, text in bars(1, {0: 0.0, 10: 0.1, 50: 0.2, 100: 5.0})]
    for after in ("Epoch 2/9", " 1/12 ━━━━ 0s 6ms/step - accuracy: 0.9000 - loss: 0.1"):
        events = read("keras", [*late, (6.0, after)], job())
        assert [event.step for event in of(WarmupEnd, events)] == [100]


def test_without_validation_the_steps_after_the_last_bar_count() -> None:
    lines = [*bars(1, {0: 0.0, 10: 1.0, 40: 2.0, 100: 3.0}), *bars(2, {0: 3.0, 10: 4.0, 60: 6.0, 100: 7.0})]
    [segment] = of(Segment, read("keras", lines, job()))
    assert (segment.steps, segment.seconds) == (100, 4.0)


def test_bars_make_segments_of_steps() -> None:
    lines = bars(1, {0: 0.0, 20: 1.0, 40: 2.0, 60: 3.0, 80: 4.0, 100: 5.0})
    measure = Measure(warmup_steps=10, steady=False, segment_steps=20, segment_seconds=0.0)
    assert [segment.steps for segment in of(Segment, read("keras", lines, job(measure)))] == [20, 20, 20]


def test_a_bar_that_is_printed_once_more_when_its_epoch_ends_counts_once() -> None:
    epoch = bars(1, {0: 0.0, 10: 1.0, 40: 2.0, 100: 3.0})
    lines = [*epoch, epoch[-1], *bars(1, {1: 5.0, 100: 6.0})]
    events = read("keras", lines, job(REPORTS))
    assert sum(segment.steps or 0 for segment in of(Segment, events)) == 100
    assert len(of(Evaluation, events)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "625/625 [==============================] - 3s 5ms/step - loss: 0.5000 - accuracy: 0.8200",
        "625/625 - 3s - loss: 0.5000 - accuracy: 0.8200 - 3s/epoch - 5ms/step",
    ],
)
def test_lines_of_keras_2_are_read(line: str) -> None:
    lines = [(0.0, "Epoch 1/2"), (5.0, line), (5.0, "Epoch 2/2"), (8.0, line)]
    events = read("keras", lines, job())
    assert [(s.steps, s.seconds, s.loss) for s in of(Segment, events)] == [(625, 3.0, 0.5)]
    assert [event.step for event in of(Progress, events)] == [625, 1250]


def test_a_partial_bar_of_keras_2_has_no_metric_called_eta() -> None:
    lines = ["Epoch 1/2", " 32/625 [>.............................] - ETA: 2s - loss: 0.6900 - accuracy: 0.5000"]
    assert [event.loss for event in of(Progress, read("keras", lines, job()))] == [0.69]


def test_a_recorded_log_has_the_speed_that_is_printed_exactly_enough() -> None:
    lines = ["Epoch 1/2", "23/23 - 3s - 120ms/step - loss: 2.5", "Epoch 2/2", "23/23 - 3s - 110ms/step - loss: 2.4"]
    [segment] = of(Segment, read("keras", lines, job(recorded=True)))
    assert segment.seconds == pytest.approx(23 * 0.11)
    assert of(Segment, read("keras", PLAIN, job(recorded=True))) == []


@pytest.mark.parametrize("line", ["10/24 files", "3/4 - of the work", "1/2", "I0000 00:00:17 port.cc:153] oneDNN", ""])
def test_other_lines_say_nothing(line: str) -> None:
    assert of(Segment, read("keras", ["Epoch 1/2", line], job(REPORTS))) == []


@pytest.mark.parametrize("given", [0, -1, "many", True, 1.5])
def test_samples_of_an_epoch_are_counted(given: object) -> None:
    with pytest.raises(OptionError, match="must be a whole number above 0"):
        make_dialect("keras", {"samples_per_epoch": given})


PIECES = st.sampled_from(
    [
        *PLAIN,
        *VALIDATED,
        *(text for _, text in bars(1, {0: 0.0, 1: 1.0, 100: 2.0})),
        "0/0 - 0s - 0s/step - loss: nan",
        "1/1 - loss: inf",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    for measure in (EPOCHS, REPORTS):
        assert_bears("keras", lines, job(measure), samples_per_epoch=100)
