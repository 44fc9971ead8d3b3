"""From reports to segments: what is trained is counted once, and an honest program is believed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.events import Evaluation, Event, Segment, WarmupEnd, event_from, event_record
from pytest_sixdim.core.window import Window, read_window
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.stretches import Stretch, Stretches
from tests.dialects.held import held_by

#: 2 cards of 4 samples: 8 samples a step.
CONFIGURATION = Configuration("cpu", "fp32", 4, cards=2)
BATCH = 8
FIXED = Measure(warmup_steps=10, steady=False, segment_steps=50, segment_seconds=0.0)


@dataclass
class Program:
    """Trains on a clock of its own and reports; `events` is what comes of it."""

    measure: Measure = FIXED
    job: dict[str, Any] = field(default_factory=dict)
    t: float = 100.0

    def __post_init__(self) -> None:
        job = {"cards": 2, "batch_size": 4, "measure": self.measure, **self.job}
        self.stretches = Stretches(Job(**job), rated_as="compute")
        self.events: list[Event] = []
        self.reports = 0

    def trains(self, lasting: float, steps: int | None = 10, **said: Any) -> Program:
        """A stretch that takes so long, and its report."""
        self.t += lasting
        self.reports += 1
        told: dict[str, Any] = {"t": self.t, "seen": self.t, "steps": steps, "loss": 1 / self.reports, **said}
        self.events += self.stretches.trained(Stretch(**told))
        return self

    def evaluates(self, seconds: float, *, timed: bool, alone: bool) -> Program:
        """An evaluation that takes so long; `timed`: the program says how long."""
        self.t += seconds
        took = self.stretches.evaluated(self.t, seconds if timed else None, alone=alone)
        self.events.append(Evaluation(t=self.t, seen=self.t, value=0.5, seconds=took))
        return self

    def saves(self, seconds: float, *, timed: bool) -> Program:
        self.t += seconds
        if timed:
            self.stretches.broke(seconds)
        else:
            self.stretches.paused(self.t)
        return self

    @property
    def segments(self) -> list[Segment]:
        return [event for event in self.events if isinstance(event, Segment)]

    @property
    def warmup(self) -> WarmupEnd:
        (warmup,) = (event for event in self.events if isinstance(event, WarmupEnd))
        return warmup

    def window(self) -> Window:
        recorded = bool(self.job.get("recorded"))
        return read_window(self.events, self.measure, CONFIGURATION, recorded=recorded)


def fixed(**fields: Any) -> Measure:
    return Measure(**{**{"warmup_steps": 10, "steady": False, "segment_steps": 50, "segment_seconds": 0.0}, **fields})


def repeated(count: int, program: Program, lasting: float = 1.0, **said: Any) -> Program:
    for _ in range(count):
        program.trains(lasting, **said)
    return program


def test_reports_are_joined_into_segments_after_the_warm_up_steps() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(26, program)
    assert (program.warmup.t, program.warmup.step, program.warmup.steady) == (101.0, 10, None)
    assert [(s.index, s.t, s.steps, s.samples, s.seconds) for s in program.segments] == [
        (1, 106.0, 50, 400, 5.0), (2, 111.0, 50, 400, 5.0), (3, 116.0, 50, 400, 5.0),
        (4, 121.0, 50, 400, 5.0), (5, 126.0, 50, 400, 5.0),
    ]  # fmt: skip
    assert program.window().complete
    assert program.window().suspect == ()


def test_the_first_report_only_starts_the_clock_where_nobody_said_when_training_began() -> None:
    program = repeated(2, Program(fixed(warmup_steps=0)))
    assert program.warmup.t == 101.0
    repeated(4, program)
    assert [(s.seconds, s.steps) for s in program.segments] == [(5.0, 50)]


def test_without_warm_up_the_first_segment_begins_where_training_did() -> None:
    program = Program(fixed(warmup_steps=0))
    program.stretches.began(100.0)
    repeated(25, program)
    assert (program.warmup.t, program.warmup.seen) == (100.0, 100.0)
    assert len(program.segments) == 5
    assert program.window().suspect == ()


def test_without_warm_up_the_first_segment_begins_where_its_own_seconds_say() -> None:
    program = Program(fixed(warmup_steps=0))
    repeated(25, program, 1.0, seconds=1.0)
    assert (program.warmup.t, program.warmup.seen) == (100.0, 100.0)
    assert program.window().suspect == ()


def test_warm_up_by_epochs_and_segments_of_epochs() -> None:
    program = Program(fixed(warmup_epochs=2, segment_epochs=1))
    program.stretches.began(program.t)
    for _ in range(7):
        program.trains(3.0, 15)
        program.trains(1.0, 5, epochs=1)
    assert program.warmup.t == 108.0
    assert [(s.steps, s.seconds, s.reports) for s in program.segments] == [(20, 4.0, 2)] * 5
    assert program.window().suspect == ()


def test_where_neither_steps_nor_epochs_are_counted_one_report_is_warm_up_and_each_is_a_segment() -> None:
    program = repeated(7, Program(job={"batch_size": None}), steps=None, rated=70.0)
    assert program.warmup.step is None
    assert [(s.steps, s.samples, s.seconds, s.rated, s.rated_as) for s in program.segments] == [
        (None, None, 1.0, 70.0, "compute")
    ] * 6


def test_a_program_that_counts_no_steps_is_cut_by_time() -> None:
    program = repeated(40, Program(fixed(segment_seconds=6.0)), 0.5, steps=None, samples=40)
    assert [(s.seconds, s.samples) for s in program.segments[:2]] == [(6.5, 520)] * 2


def test_the_first_segment_fixes_the_steps_of_all_though_later_ones_are_a_little_faster() -> None:
    program = Program(fixed(segment_seconds=6.0))
    program.stretches.began(program.t)
    repeated(71, program, 0.1)
    repeated(400, program, 0.098)
    counted = program.segments[:5]
    assert {s.steps for s in counted} == {640}
    assert all(s.seconds is not None and s.seconds >= 6.0 for s in counted)
    assert not any(s.short for s in program.window().segments)


def test_steps_of_more_than_two_seconds_make_segments_of_two_minutes() -> None:
    program = Program(fixed(segment_steps=50, segment_seconds=6.0))
    program.stretches.began(program.t)
    repeated(60, program, 5.0, steps=2)
    assert [s.steps for s in program.segments] == [50, 50]
    long = Program(fixed(segment_steps=50, segment_seconds=6.0))
    long.stretches.began(long.t)
    repeated(66, long, 30.0, steps=1)
    assert {(s.steps, s.seconds) for s in long.segments} == {(10, 300.0)}
    assert not any(s.short for s in long.window().segments)


def test_steady_warm_up_ends_when_three_segments_agree() -> None:
    program = Program(fixed(steady=True))
    program.stretches.began(program.t)
    for seconds in (9.0, 2.0, 2.0, 2.0, 1.5, 1.01, 1.0, 1.0):
        repeated(1 if seconds == 9.0 else 5, program, seconds)
    assert program.warmup.steady is True
    assert program.warmup.step == 10 + 3 * 50
    slow = Program(fixed(steady=True))
    slow.stretches.began(slow.t)
    for seconds in (9.0, 2.0, 1.5, 1.02, 1.0, 0.99, 1.0):
        repeated(1 if seconds == 9.0 else 5, slow, seconds)
    assert slow.events == []


def test_warm_up_that_never_gets_steady_ends_after_ten_minutes() -> None:
    program = Program(fixed(steady=True))
    program.stretches.began(program.t)
    for number in range(40):
        repeated(5, program, 5.0 if number % 2 else 4.0)
        if program.events:
            break
    assert program.warmup.steady is False
    assert program.warmup.seconds is not None
    assert 600 <= program.warmup.seconds < 630


def test_warm_up_of_unknown_time_is_not_endless_either() -> None:
    program = Program(fixed(steady=True), {"recorded": True})
    for number in range(200):
        program.trains(0.0, t=None, rated=100.0 + 50 * (number % 2), seen=0.0)
    assert program.warmup.steady is False


def test_a_card_that_grows_warmer_keeps_a_steady_warm_up_going(tmp_path: Path) -> None:
    path = tmp_path / "thermal.json"

    def told(rise: float | None, age: float = 0.0) -> WarmupEnd | None:
        path.write_text(json.dumps({"t": time.monotonic() - age, "rise": rise}))
        program = Program(fixed(steady=True), {"thermal": str(path)})
        program.stretches.began(program.t)
        repeated(16, program)
        return next((event for event in program.events if isinstance(event, WarmupEnd)), None)

    ended = told(0.4)
    assert ended is not None
    assert (ended.steady, ended.rise) == (True, 0.4)
    assert told(1.0) is None
    assert told(None) is None
    old = told(5.0, age=3600.0)
    assert old is not None
    assert old.rise is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"t": "x"}', '{"t": 1, "rise": "hot"}'])
def test_a_broken_file_of_temperatures_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "thermal.json"
    path.write_text(content)
    program = Program(fixed(steady=True), {"thermal": str(path)})
    program.stretches.began(program.t)
    assert repeated(16, program).warmup.steady is True


@pytest.mark.parametrize("timed", [True, False])
def test_an_evaluation_between_reports_is_no_training(timed: bool) -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(3, program).evaluates(4.0, timed=timed, alone=True)
    repeated(23, program)
    assert program.segments[0].seconds == 5.0
    assert program.segments[0].paused_seconds is None
    assert [e.seconds for e in program.events if isinstance(e, Evaluation)] == [4.0]
    assert program.window().suspect == ()
    assert program.window().spans[0] == (101.0, 103.0)


def test_of_an_untimed_evaluation_amid_training_the_stretch_is_left_out_and_the_segment_goes_on() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(3, program)
    program.t += 0.5
    program.evaluates(4.0, timed=False, alone=False).trains(0.5)
    repeated(23, program)
    first = program.segments[0]
    assert (first.steps, first.seconds, first.t) == (50, 5.0, 111.0)
    assert program.window().suspect == ()


def test_an_untimed_evaluation_in_every_segment_does_not_keep_segments_from_filling() -> None:
    program = Program(fixed(segment_steps=50))
    program.stretches.began(program.t)
    for _ in range(20):
        repeated(2, program).evaluates(3.0, timed=False, alone=False).trains(1.0)
    assert len(program.segments) >= 5
    assert program.window().suspect == ()


def test_where_an_evaluation_of_unknown_length_lies_in_every_stretch_the_printed_speed_counts() -> None:
    program = Program()
    program.stretches.began(program.t)
    for _ in range(40):
        program.evaluates(3.0, timed=False, alone=False).trains(1.0, rated=80.0)
    assert {(s.seconds, s.rated, s.steps) for s in program.segments} == {(None, 80.0, 50)}


def test_once_a_stretch_was_timed_those_of_unknown_length_are_left_out() -> None:
    program = Program()
    program.stretches.began(program.t)
    program.trains(1.0, rated=80.0)
    for _ in range(40):
        program.evaluates(3.0, timed=False, alone=False).trains(1.0, rated=80.0)
    assert program.segments == []


def test_of_a_long_log_no_more_is_kept_than_of_a_short_one() -> None:
    """Epochs that never end are no reason to keep what was reported."""

    def size(reports: int) -> int:
        program = Program(fixed(warmup_epochs=1, segment_epochs=1))
        repeated(reports, program, rated=80.0)
        return held_by(program.stretches)

    assert size(3000) <= size(300) + 200


@pytest.mark.parametrize("timed", [True, False])
def test_saving_is_a_pause(timed: bool) -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(3, program).saves(2.0, timed=timed)
    repeated(23, program)
    assert (program.segments[0].seconds, program.segments[0].paused_seconds) == (5.0, 2.0)
    assert program.window().suspect == ()


def test_what_passed_before_training_goes_on_is_a_pause() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(3, program)
    program.t += 7.0
    program.stretches.began(program.t)
    repeated(23, program)
    assert (program.segments[0].seconds, program.segments[0].paused_seconds) == (5.0, 7.0)
    assert program.window().suspect == ()


def test_reports_that_are_read_at_once_count_together() -> None:
    program = Program()
    program.stretches.began(program.t)
    for _ in range(30):
        program.trains(2.0)
        program.trains(0.0)
    counted = [(s.steps, s.seconds) for s in program.segments]
    assert sum(steps or 0 for steps, _ in counted) == pytest.approx(10 * sum(s or 0 for _, s in counted), rel=0.05)
    assert program.window().suspect == ()


def test_a_program_that_prints_in_large_blocks_is_timed_from_block_to_block() -> None:
    """As one does that does not flush: a hundred reports come at once, every 30 s."""
    program = Program(fixed(segment_seconds=6.0))
    program.stretches.began(program.t)
    for _ in range(8):
        program.trains(30.0)
        repeated(100, program, 0.0)
    assert [(s.steps, s.seconds) for s in program.segments] == [(1010, 30.0)] * 7
    assert program.window().suspect == ()


def test_a_stamp_that_goes_back_is_left_out() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(2, program)
    assert list(program.stretches.trained(Stretch(t=50.0, seen=102.0, steps=10))) == []
    program.stretches.began(102.0)
    repeated(24, program)
    assert program.segments[0].steps == 50


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_seconds_that_cannot_be_are_unknown(seconds: float) -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(1, program).trains(1.0, seconds=seconds)
    repeated(25, program)
    assert (program.segments[0].seconds, program.segments[0].paused_seconds) == (5.0, 1.0)


def test_a_loss_that_is_not_finite_marks_its_segment() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(6, program, loss=math.nan)
    assert (program.segments[0].loss, program.segments[0].diverged) == (None, True)


def test_its_own_seconds_count_and_the_loaders_with_them() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(26, program, 1.0, seconds=0.995, loader_seconds=0.1)
    assert program.segments[0].seconds == pytest.approx(4.975)
    assert program.segments[0].loader_seconds == pytest.approx(0.5)
    assert program.window().suspect == ()


def test_a_program_that_shortens_its_seconds_is_suspect() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(26, program, 1.0, seconds=0.5)
    assert "segment 1 claims 2.5 s of training where 5 s passed" in program.window().suspect


def test_a_recorded_log_without_stamps_has_the_programs_own_speeds() -> None:
    program = Program(fixed(warmup_epochs=5, segment_epochs=1), {"recorded": True})
    for rated in (4465.0, 4700.0, 4800.0, 4850.0, 4900.0, 4910.795658460139, 4980.222383258538):
        program.trains(0.0, None, t=None, seen=0.0, epochs=1, samples=1281167, rated=rated)
    assert [(s.rated, s.rated_as, s.seconds, s.samples) for s in program.segments] == [
        (pytest.approx(4910.795658460139, rel=1e-15), "compute", None, 1281167),
        (pytest.approx(4980.222383258538, rel=1e-15), "compute", None, 1281167),
    ]
    assert program.window().suspect == ()
    assert program.window().spans == ()


def test_a_program_that_says_nothing_of_samples_or_speed_still_has_a_window() -> None:
    """Power and memory need no more."""
    program = repeated(12, Program(job={"batch_size": None}))
    assert [(s.samples, s.seconds, s.rated) for s in program.segments] == [(None, 5.0, None)] * 2
    for segment in program.segments:
        assert event_from(event_record(segment), seen=segment.seen, rank=0) == segment


def test_without_time_and_speed_there_is_nothing_to_count() -> None:
    program = Program(job={"recorded": True})
    for _ in range(100):
        program.trains(0.0, t=None, seen=0.0)
    assert program.segments == []


@pytest.mark.parametrize(
    ("stretches", "rated"),
    [
        ([(100.0, 10, 1.0), (50.0, 10, 1.0)], 2 / (1 / 100 + 1 / 50)),  # equal samples
        ([(100.0, None, 3.0), (50.0, None, 1.0)], (100 * 3 + 50) / 4),  # known times
    ],
)
def test_a_segments_own_speed_is_weighed_by_how_long_it_held(
    stretches: Sequence[tuple[float, int | None, float]], rated: float
) -> None:
    program = Program(fixed(warmup_steps=0, segment_epochs=1), {"batch_size": None})
    program.stretches.began(program.t)
    for number, (speed, samples, seconds) in enumerate(stretches):
        program.trains(seconds, None, samples=samples, rated=speed, epochs=number)
    assert program.segments[0].rated == pytest.approx(rated)


def test_one_report_without_its_own_speed_leaves_the_segment_without() -> None:
    program = Program()
    program.stretches.began(program.t)
    repeated(5, program, rated=80.0)
    program.trains(1.0, rated=None)
    assert program.segments[0].rated is None
    assert program.segments[0].rated_as is None


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("train"), st.sampled_from([1, 3, 10, 10, 10]), st.floats(0.05, 3.0)),
        st.tuples(st.just("evaluate"), st.booleans(), st.floats(0.0, 20.0)),
        st.tuples(st.just("save"), st.booleans(), st.floats(0.0, 5.0)),
    ),
    min_size=30,
    max_size=120,
)


def played(program: Program, actions: Iterable[tuple[str, Any, float]]) -> None:
    program.stretches.began(program.t)
    for name, how, seconds in actions:
        if name == "train":
            program.trains(seconds, how)
        elif name == "evaluate":
            program.evaluates(seconds, timed=how, alone=True)
        else:
            program.saves(seconds, timed=how)


@given(actions=ACTIONS, steady=st.booleans(), least=st.sampled_from([0.0, 6.0]))
def test_what_is_trained_is_counted_once(actions: list[tuple[str, Any, float]], steady: bool, least: float) -> None:
    program = Program(fixed(steady=steady, segment_seconds=least))
    played(program, actions)
    warmup = next((event for event in program.events if isinstance(event, WarmupEnd)), None)
    if warmup is None:
        assert program.segments == []
        return
    border = warmup.t
    trained = trained_by(actions)
    for segment in program.segments:
        steps, seconds = (sum(each[i] for each in trained if border < each[2] <= segment.t) for i in (0, 1))
        assert (segment.steps, segment.samples) == (steps, steps * BATCH)
        assert segment.seconds == pytest.approx(seconds)
        border = segment.t


def trained_by(actions: Iterable[tuple[str, Any, float]]) -> list[tuple[int, float, float]]:
    """Steps, seconds and end of each stretch."""
    t, found = 100.0, []
    for name, how, seconds in actions:
        t += seconds
        if name == "train":
            found.append((how, seconds, t))
    return found


@given(actions=ACTIONS, least=st.sampled_from([0.0, 6.0]))
def test_an_honest_program_is_believed(actions: list[tuple[str, Any, float]], least: float) -> None:
    program = Program(fixed(segment_seconds=least))
    played(program, actions)
    window = program.window()
    assert window.suspect == ()
    assert all(end <= begin for (_, end), (begin, _) in zip(window.spans, window.spans[1:], strict=False))
    assert sum(end - begin for begin, end in window.spans) == pytest.approx(window.seconds or 0.0)


@given(share=st.one_of(st.floats(0.1, 0.97), st.floats(1.03, 3.0)))
def test_a_program_that_counts_other_seconds_than_passed_is_suspect(share: float) -> None:
    program = Program(fixed(segment_seconds=6.0))
    program.stretches.began(program.t)
    repeated(120, program, 3.0, seconds=3.0 * share)
    assert program.window().complete
    assert program.window().suspect
