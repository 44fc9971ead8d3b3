"""MLPerf's :::MLLOG lines.

All are made from the format that mlperf_logging prints; the order of the borders and the meaning of their counts are
those of published logs: gpt-oss-20b, DeepSeek-V3 and GRPO of mlcommons/training, ResNet-50 (MXNet) of MLPerf v0.7.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import End, Evaluation, Event, EventError, Progress, Segment, event_from, event_record
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects import make_dialect, printed_where
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.mllog import MllogDialect
from tests.dialects.held import held_by

#: Milliseconds since 1970.
START = 1_600_000_000_000
EVERY_REPORT = Measure(warmup_steps=0, steady=False, segment_steps=1, segment_seconds=0.001)


def dialect(metric: str = "accuracy", *, options: dict[str, Any] | None = None, **job: Any) -> MllogDialect:
    given = {"cards": 8, "batch_size": 8, "recorded": True, "measure": EVERY_REPORT, **job}
    return MllogDialect(Job(metric=metric, **given), **(options or {}))


def line(key: str, at: float | None = None, value: Any = None, **metadata: Any) -> str:
    """A line printed so many seconds after START."""
    kind = "INTERVAL_START" if key.endswith("start") else "INTERVAL_END" if key.endswith("stop") else "POINT_IN_TIME"
    stamp = {} if at is None else {"time_ms": START + round(at * 1000)}
    record = {"namespace": "", **stamp, "event_type": kind, "key": key, "value": value}
    return f":::MLLOG {json.dumps({**record, 'metadata': {'file': 'train.py', 'lineno': 1, **metadata}})}"


def events(reader: MllogDialect, lines: Iterable[str]) -> list[Event]:
    """All events, each as the agent would take it."""
    found = [(event, float(n)) for n, each in enumerate(lines) for event in reader.read(each, seen=float(n), rank=0)]
    return [event_from(event_record(event), seen=seen, rank=0) for event, seen in found]


def segments(found: Iterable[Event]) -> list[tuple[int | None, float | None]]:
    each = [event for event in found if isinstance(event, Segment)]
    return [(event.samples, None if event.seconds is None else round(event.seconds, 6)) for event in each]


def evaluations(found: Iterable[Event]) -> list[tuple[str | None, float | None, float | None]]:
    each = [event for event in found if isinstance(event, Evaluation)]
    return [(event.metric, event.value, None if event.seconds is None else round(event.seconds, 6)) for event in each]


def ends(found: Iterable[Event]) -> list[str]:
    return [event.status for event in found if isinstance(event, End)]


#: One block of two steps, counted from the start; the epoch is around all blocks, `train_loss` comes before its step's
#: samples are counted, and what the program calls its throughput holds the evaluations.
GPT_OSS = [
    *[line("cache_clear", 0.0, True)] * 8,
    *[line("init_start", 0.0)] * 8,
    line("global_batch_size", 1.0, 64),
    line("eval_samples", 1.0, 4096),
    line("init_stop", 10.0),
    line("run_start", 10.0),
    line("epoch_start", 10.0, samples_count=0),
    line("block_start", 10.001, samples_count=0),
    line("train_loss", 20.0, 11.5, samples_count=0, lr=1e-5),
    line("train_loss", 26.0, 11.25, samples_count=64, lr=1e-5),
    line("tracked_stats", 26.015, {"throughput": 8.0}, step=128),
    line("block_stop", 26.015, samples_count=128),
    line("eval_start", 26.015, samples_count=128),
    line("eval_accuracy", 40.0, 5.99, samples_count=128),
    line("eval_stop", 40.0, samples_count=128),
    line("block_start", 40.0, samples_count=128),
    line("train_loss", 47.0, 11.0, samples_count=128, lr=1e-5),
    line("train_loss", 53.0, 10.75, samples_count=192, lr=1e-5),
    line("tracked_stats", 53.015, {"throughput": 4.7}, step=256),
    line("block_stop", 53.015, samples_count=256),
    line("eval_start", 53.015, samples_count=256),
    line("eval_accuracy", 67.0, 3.5, samples_count=256),
    line("eval_stop", 67.0, samples_count=256),
    line("epoch_stop", 67.001, samples_count=256),
    line("run_stop", 67.001, samples_count=256, status="success"),
]

#: Four epochs a block, each with its number only; the accuracy comes after its evaluation has stopped.
RESNET = [
    line("global_batch_size", 0.0, 64),
    line("train_samples", 0.0, 1000),
    line("run_start", 1.0),
    line("block_start", 1.0, first_epoch_num=1, epoch_count=2),
    line("epoch_start", 1.0, epoch_num=1),
    "2020-07-14 23:11:41,481 Node[0] Epoch[28] Batch [400-420]\tSpeed: 11192.37 samples/sec\taccuracy=0.001202",
    line("epoch_stop", 11.0, epoch_num=1),
    line("epoch_start", 11.0, epoch_num=2),
    line("epoch_stop", 20.0, epoch_num=2),
    "2020-07-14 23:12:30,551 Node[0] Epoch[28] Time cost=114.836",
    line("eval_start", 20.001, epoch_num=2),
    line("eval_stop", 24.0, epoch_num=2),
    line("eval_accuracy", 24.0, 0.74, epoch_num=2),
    line("block_stop", 24.0, first_epoch_num=1),
    line("block_start", 24.0, first_epoch_num=3, epoch_count=2),
    line("epoch_start", 24.0, epoch_num=3),
    line("epoch_stop", 32.0, epoch_num=3),
    line("epoch_start", 32.0, epoch_num=4),
    line("epoch_stop", 40.0, epoch_num=4),
    line("eval_start", 40.001, epoch_num=4),
    line("eval_stop", 44.0, epoch_num=4),
    line("eval_accuracy", 44.0, 0.75886, epoch_num=4),
    line("block_stop", 44.0, first_epoch_num=3),
    line("run_stop", 44.0, status="aborted"),
    "ENDING TIMING RUN AT 2020-07-14 11:28:20 PM",
]

#: One block whose size stands on its start and its stop, steps in tracked_stats, none for the last step.
GRPO = [
    line("global_batch_size", 0.0, 64),
    line("run_start", 10.0),
    line("block_start", 10.0, samples_count=192, step=0),
    line("tracked_stats", 30.0, {"reduced_train_loss": -0.05, "reward": 0.25}, samples_count=64, step=1),
    line("tracked_stats", 30.3, {"train_step_time": 20.0}, samples_count=64, step=1),
    line("tracked_stats", 40.0, {"reduced_train_loss": -0.06, "reward": 0.25}, samples_count=128, step=2),
    line("tracked_stats", 40.3, {"train_step_time": 9.0}, samples_count=128, step=2),
    line("block_stop", 52.0, samples_count=192, step=3),
    line("eval_start", 52.003, samples_count=192, step=3),
    line("tracked_stats", 60.0, {"validation_time": 8.0}, step=3),
    line("eval_accuracy", 60.002, 0.70703125, samples_count=192),
    line("eval_stop", 60.002, samples_count=192, step=3),
    line("run_stop", 60.002, samples_count=192, status="success"),
]


def deepseek() -> list[str]:
    """Every block says its own size; no line has a time."""
    lines = [line("global_batch_size", value=64), line("run_start")]
    for n in range(3):
        lines += [
            line("block_start", samples_count=64, step=n),
            line("tracked_stats", value={"reduced_train_loss": 5.0 - n}, samples_count=64 * (n + 1)),
            line("block_stop", samples_count=64, step=n + 1),
            line("eval_start", samples_count=64 * (n + 1), step=n + 1),
            line("eval_accuracy", value=4.0 - n / 4, samples_count=64 * (n + 1)),
            line("eval_stop", samples_count=64 * (n + 1), step=n + 1),
        ]
    return [*lines, line("run_stop", samples_count=192, status="success")]


class TestBlocks:
    def test_give_their_samples_over_the_time_between_their_borders(self) -> None:
        assert segments(events(dialect(), GPT_OSS)) == [(128, 16.014), (128, 13.015)]

    def test_of_which_other_lines_count_more_are_themselves_counted_rightly(self) -> None:
        assert segments(events(dialect(), GRPO)) == [(192, 42.0)]

    def test_are_read_from_each_lines_start_or_from_noise(self) -> None:
        noisy = [f" 0: \x84\xff ray-training | [0] {text}" for text in GPT_OSS]
        assert segments(events(dialect(), noisy)) == [(128, 16.014), (128, 13.015)]

    def test_that_count_less_than_their_steps_have_their_own_size(self) -> None:
        lines = []
        for n, size in enumerate((64, 128, 192)):
            lines += [line("block_start", 10.0 * n), line("train_loss", 10.0 * n + 7, 1.0, samples_count=640 * (n + 1))]
            lines += [line("block_stop", 10.0 * n + 8, samples_count=size)]
        assert segments(events(dialect(), lines)) == [(64, 8.0), (128, 8.0), (192, 8.0)]

    def test_without_times_have_no_speed_but_accuracies(self) -> None:
        found = events(dialect(), deepseek())
        assert segments(found) == []
        assert evaluations(found) == [("accuracy", value, None) for value in (4.0, 3.75, 3.5)]
        assert ends(found) == ["success"]

    def test_without_times_are_timed_where_they_are_watched(self) -> None:
        reader = dialect(recorded=False)
        found = [event for n, text in enumerate(deepseek()) for event in reader.read(text, seen=2.0 * n, rank=0)]
        assert segments(found) == [(64, 4.0), (64, 4.0), (64, 4.0)]

    def test_without_counts_are_so_many_epochs_of_the_data_set(self) -> None:
        lines = [
            line("train_samples", 0.0, 1000),
            line("block_start", 1.0, first_epoch_num=1, epoch_count=4),
            line("block_stop", 21.0, first_epoch_num=1),
        ]
        assert segments(events(dialect(), lines)) == [(4000, 20.0)]

    def test_of_unknown_size_have_no_speed_and_spoil_no_other(self) -> None:
        lines = [
            line("block_start", 0.0),
            line("block_stop", 10.0),
            line("block_start", 10.0, samples_count=0),
            line("block_stop", 18.0, samples_count=128),
        ]
        assert segments(events(dialect(), lines)) == [(128, 8.0)]

    def test_with_a_long_gap_between_them_leave_it_out_as_a_pause(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("block_stop", 10.0, samples_count=128),
            line("block_start", 40.0, samples_count=128),
            line("block_stop", 48.0, samples_count=256),
        ]
        found = events(dialect(), lines)
        assert segments(found) == [(128, 10.0), (128, 8.0)]
        assert [event.paused_seconds for event in found if isinstance(event, Segment)] == [None, 30.0]

    def test_are_joined_where_the_case_wants_longer_segments(self) -> None:
        measure = Measure(warmup_steps=0, steady=False, segment_steps=4, segment_seconds=0.001)
        assert segments(events(dialect(measure=measure), GPT_OSS)) == [(256, 29.029)]

    def test_printed_by_several_ranks_count_once(self) -> None:
        twice = [text for text in GPT_OSS for _ in range(2)]
        found = events(dialect(), twice)
        assert segments(found) == [(128, 16.014), (128, 13.015)]
        assert len(evaluations(found)) == 2
        assert ends(found) == ["success"]

    def test_whose_end_another_rank_prints_late_count_once(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("block_stop", 10.0, samples_count=128),
            line("block_start", 10.001, samples_count=128),
            line("block_stop", 10.02, samples_count=128),
            line("block_start", 10.021, samples_count=128),
            line("block_stop", 18.001, samples_count=256),
        ]
        assert segments(events(dialect(), lines)) == [(128, 10.0), (128, 8.0)]

    def test_are_on_the_clock_of_the_events(self) -> None:
        reader = dialect(recorded=False, unix=START / 1000 - 100.0)
        lines = [line("block_start", 0.0, samples_count=0), line("block_stop", 10.0, samples_count=128)]
        found = [event for text in lines for event in reader.read(text, seen=110.2, rank=3)]
        (segment,) = [event for event in found if isinstance(event, Segment)]
        assert (segment.t, segment.seen, segment.rank) == (pytest.approx(110.0), 110.2, 3)


class TestEpochs:
    def test_within_blocks_are_the_stretches(self) -> None:
        assert segments(events(dialect(), RESNET)) == [(1000, 10.0), (1000, 9.0), (1000, 8.0), (1000, 8.0)]

    def test_are_what_a_case_may_count(self) -> None:
        measure = Measure(steady=False, warmup_epochs=1, segment_epochs=1)
        assert segments(events(dialect(measure=measure), RESNET)) == [(1000, 9.0), (1000, 8.0), (1000, 8.0)]

    def test_that_hold_several_evaluations_may_have_ended_early(self) -> None:
        lines = [line("train_samples", 0.0, 1000), line("epoch_start", 0.0, epoch_num=1)]
        for n, place in enumerate((0.5, 0.75)):
            at = 10.0 * n
            lines += [line("eval_start", at + 8, epoch_num=place), line("eval_stop", at + 9, epoch_num=place)]
            lines += [line("eval_accuracy", at + 9, place, epoch_num=place)]
        found = events(dialect(), [*lines, line("epoch_stop", 19.0, epoch_num=1)])
        assert segments(found) == []
        assert evaluations(found) == [("accuracy", 0.5, 1.0), ("accuracy", 0.75, 1.0)]

    def test_that_hold_two_evaluations_at_whole_epochs_may_have_ended_early_too(self) -> None:
        lines = [line("train_samples", 0.0, 1000), line("epoch_start", 0.0, epoch_num=1)]
        for at in (8.0, 16.0):
            lines += [line("eval_start", at), line("eval_accuracy", at + 1, at), line("eval_stop", at + 1)]
        assert segments(events(dialect(), [*lines, line("epoch_stop", 20.0, epoch_num=1)])) == []

    def test_that_end_with_their_evaluation_are_whole(self) -> None:
        lines = [
            line("train_samples", 0.0, 1000),
            line("epoch_start", 0.0, epoch_num=1),
            line("eval_start", 10.0, epoch_num=1.0000076),
            line("eval_accuracy", 12.0, 0.79, epoch_num=1.0000076),
            line("eval_stop", 12.0, epoch_num=1.0000076),
            line("epoch_stop", 12.0, epoch_num=1),
        ]
        assert segments(events(dialect(), lines)) == [(1000, 10.0)]

    def test_of_unknown_size_leave_the_block_around_them_its_own(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("epoch_start", 0.0, epoch_num=1),
            line("epoch_stop", 9.0, epoch_num=1),
            line("epoch_start", 9.0, epoch_num=2),
            line("epoch_stop", 20.0, epoch_num=2),
            line("block_stop", 20.0, samples_count=512),
        ]
        assert segments(events(dialect(), lines)) == [(512, 20.0)]


#: BERT: one block around all evaluations, whose epoch_num is a count of samples.
BERT = [
    line("run_start", 0.0),
    line("block_start", 0.0, first_epoch_num=1),
    line("epoch_start", 0.0, epoch_num=1),
    *[
        line(key, at + late, value, epoch_num=count)
        for at, count in ((10.0, 640), (18.0, 1280), (26.0, 1920))
        for key, late, value in (("eval_start", 0.0, count), ("eval_stop", 1.0, count), ("eval_accuracy", 1.0, 0.7))
    ],
    line("block_stop", 30.0, first_epoch_num=1),
    line("epoch_stop", 30.0, epoch_num=1920),
    line("train_samples", 30.0, 1920),
    line("run_stop", 30.0, status="aborted"),
]


class TestSamplesCalledEpochs:
    def test_say_nothing_of_speed_unasked(self) -> None:
        assert segments(events(dialect(), BERT)) == []

    def test_count_between_evaluations_where_the_case_says_so(self) -> None:
        found = events(dialect(options={"epochs": "samples"}), BERT)
        assert segments(found) == [(640, 7.0), (640, 7.0)]
        assert [event.trained_samples for event in found if isinstance(event, Evaluation)] == [640, 1280, 1920]

    def test_in_blocks_are_the_blocks_own_size(self) -> None:
        lines = []
        for n in range(2):
            lines += [line("block_start", n * 10.0, first_epoch_num=n * 384, epoch_count=384)]
            lines += [line("block_stop", n * 10.0 + 8.0, first_epoch_num=n * 384)]
        found = events(dialect(options={"epochs": "samples"}), lines)
        assert segments(found) == [(384, 8.0), (384, 8.0)]


class TestSteps:
    def test_counted_before_their_samples_are_segments(self) -> None:
        found = events(dialect(options={"step": "train_loss"}), GPT_OSS)
        # The first of the second block comes 7 s after it began, the evaluation is cut out.
        assert segments(found) == [(64, 9.999), (64, 6.0), (64, 7.0), (64, 6.0)]
        assert [event.loss for event in found if isinstance(event, Segment)] == [11.5, 11.25, 11.0, 10.75]

    def test_in_a_field_are_segments_and_the_blocks_end_is_its_last_step(self) -> None:
        found = events(dialect(options={"step": "tracked_stats.reduced_train_loss"}), GRPO)
        assert segments(found) == [(64, 20.0), (64, 10.0), (64, 12.0)]

    def test_that_are_not_printed_each_count_for_several(self) -> None:
        lines = [line("block_start", 0.0, samples_count=0)]
        lines += [line("train_loss", 10.0 * n, 3.0 - n, samples_count=640 * n) for n in (1, 2, 3)]
        found = events(dialect(options={"step": "train_loss"}), lines)
        assert [event.steps for event in found if isinstance(event, Segment)] == [1, 10, 10]

    def test_printed_by_several_ranks_count_once(self) -> None:
        twice = [text for text in GPT_OSS for _ in range(2)]
        assert len(segments(events(dialect(options={"step": "train_loss"}), twice))) == 4

    def test_that_another_rank_prints_later_count_once(self) -> None:
        lines = [line("block_start", 0.0, samples_count=0)]
        lines += [
            line("train_loss", 5.0 * n + late, 3.0 - n, samples_count=64 * n) for n in (1, 2) for late in (0, 0.5)
        ]
        assert segments(events(dialect(options={"step": "train_loss"}), lines)) == [(64, 5.0), (64, 5.0)]

    def test_leave_no_samples_over_where_an_epochs_last_batch_is_dropped(self) -> None:
        lines = [line("train_samples", 0.0, 150), line("epoch_start", 0.0, epoch_num=1)]
        lines += [line("train_loss", 5.0 * n, 3.0 - n) for n in (1, 2)]
        found = events(dialect(options={"step": "train_loss"}), [*lines, line("epoch_stop", 10.2, epoch_num=1)])
        assert segments(found) == [(64, 5.0), (64, 5.0)]

    def test_need_no_blocks(self) -> None:
        lines = [line("train_loss", 5.0 * n, 3.0 - n / 10) for n in range(4)]
        assert segments(events(dialect(options={"step": "train_loss"}), lines)) == [(64, 5.0)] * 3

    def test_need_a_batch_size(self) -> None:
        lines = [line("block_start", 0.0), *[line("train_loss", 5.0 * n, 3.0 - n / 10) for n in range(1, 4)]]
        assert segments(events(dialect(options={"step": "train_loss"}, batch_size=None), lines)) == []

    def test_without_the_option_are_progress_only(self) -> None:
        found = events(dialect(), GPT_OSS)
        assert [event.loss for event in found if isinstance(event, Progress) and event.loss] == [
            11.5,
            11.25,
            11.0,
            10.75,
        ]


class TestEvaluations:
    def test_have_their_value_before_or_after_their_stop(self) -> None:
        assert evaluations(events(dialect(), GPT_OSS)) == [("accuracy", 5.99, 13.985), ("accuracy", 3.5, 13.985)]
        assert evaluations(events(dialect(), RESNET)) == [("accuracy", 0.74, 3.999), ("accuracy", 0.75886, 3.999)]

    def test_say_where_they_stood_and_on_how_many_samples(self) -> None:
        found = [event for event in events(dialect(), GPT_OSS) if isinstance(event, Evaluation)]
        assert [(event.trained_samples, event.step, event.samples) for event in found] == [
            (128, 2, 4096),
            (256, 4, 4096),
        ]
        assert [event.t for event in found] == [START / 1000 + 40.0, START / 1000 + 67.0]

    def test_that_never_stop_have_no_length(self) -> None:
        lines = [line("eval_start", 1.0), line("eval_accuracy", 2.0, 0.5), line("run_stop", 3.0, status="aborted")]
        found = events(dialect(), lines)
        assert evaluations(found) == [("accuracy", 0.5, None)]
        assert ends(found) == ["target_missed"]

    def test_without_borders_have_no_length_and_spoil_the_block(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("eval_accuracy", 5.0, 0.5, samples_count=64),
            line("block_stop", 10.0, samples_count=128),
            line("block_start", 10.0, samples_count=128),
            line("block_stop", 18.0, samples_count=256),
        ]
        found = events(dialect(), lines)
        assert segments(found) == [(128, 8.0)]
        assert evaluations(found) == [("accuracy", 0.5, None)]

    def test_within_a_block_are_cut_out(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("eval_start", 4.0),
            line("eval_accuracy", 6.0, 0.5),
            line("eval_stop", 6.0),
            line("block_stop", 10.0, samples_count=128),
        ]
        assert segments(events(dialect(), lines)) == [(128, 8.0)]

    def test_with_counts_within_a_block_divide_it(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=0),
            line("eval_start", 4.0, samples_count=64),
            line("eval_stop", 6.0, samples_count=64),
            line("eval_start", 9.0, samples_count=128),
            line("eval_stop", 11.0, samples_count=128),
            line("block_stop", 16.0, samples_count=192),
        ]
        assert segments(events(dialect(), lines)) == [(64, 4.0), (64, 3.0), (64, 5.0)]

    def test_with_counts_of_which_nobody_knows_the_start_leave_what_came_before_out(self) -> None:
        lines = [
            line("block_start", 0.0, samples_count=6400),
            line("eval_start", 4.0, samples_count=64),
            line("eval_stop", 6.0, samples_count=64),
            line("eval_start", 9.0, samples_count=128),
            line("eval_stop", 11.0, samples_count=128),
            line("block_stop", 16.0, samples_count=6400),
        ]
        assert segments(events(dialect(), lines)) == [(64, 3.0)]

    def test_of_many_values_give_the_last_few(self) -> None:
        lines = [line("eval_start", 0.0), *[line("eval_accuracy", 1.0, n) for n in range(100)], line("eval_stop", 2.0)]
        assert [value for _, value, _ in evaluations(events(dialect(), lines))] == list(range(92, 100))

    def test_before_training_are_no_result(self) -> None:
        lines = [
            line("eval_start", 0.0, samples_count=0),
            line("eval_accuracy", 1.0, 0.9, samples_count=0),
            line("eval_stop", 1.0, samples_count=0),
        ]
        assert evaluations(events(dialect(), lines)) == []

    def test_that_diverge_are_marked(self) -> None:
        (evaluation,) = events(dialect(), [line("eval_accuracy", 1.0, float("nan"))])
        assert isinstance(evaluation, Evaluation)
        assert (evaluation.value, evaluation.diverged) == (None, True)

    def test_of_one_value_twice_count_twice_at_different_places(self) -> None:
        lines = [line("eval_accuracy", 10.0 * n, 0.5, epoch_num=n) for n in (1, 2)]
        lines += [line("eval_accuracy", 10.0 * n, 0.5) for n in (3, 4)]
        assert len(evaluations(events(dialect(), lines))) == 4


class TestMetric:
    def test_is_eval_accuracy_whatever_the_case_calls_it(self) -> None:
        found = events(dialect("log perplexity", higher=False), [line("eval_accuracy", 1.0, 3.29)])
        assert evaluations(found) == [("log perplexity", 3.29, None)]

    def test_is_eval_error_where_the_cases_is_an_error(self) -> None:
        found = events(dialect("mean absolute error", higher=False), [line("eval_error", 1.0, 0.124)])
        assert evaluations(found) == [("mean absolute error", 0.124, None)]

    def test_is_never_made_of_an_error_unasked(self) -> None:
        assert evaluations(events(dialect(), [line("eval_error", 1.0, 0.25)])) == [("eval_error", 0.25, None)]

    def test_is_made_of_an_error_where_the_case_says_so(self) -> None:
        reader = dialect(options={"metric": "1 - eval_error", "scale": 100})
        assert evaluations(events(reader, [line("eval_error", 1.0, 0.25)])) == [("accuracy", 75.0, None)]

    @pytest.mark.parametrize(("error", "accuracy"), [(0.43, 57.0), (0.1, 90.0)])
    def test_is_worked_out_in_decimal(self, error: float, accuracy: float) -> None:
        reader = dialect(options={"metric": "1 - eval_error", "scale": 100})
        assert evaluations(events(reader, [line("eval_error", 1.0, error)])) == [("accuracy", accuracy, None)]

    def test_is_never_the_one_of_the_cases_name_where_the_case_gives_another(self) -> None:
        reader = dialect("eval_accuracy", options={"metric": "eval_accuracy.BBOX"})
        assert evaluations(events(reader, [line("eval_accuracy", 1.0, 0.99)])) == []

    def test_may_stand_in_a_field(self) -> None:
        reader = dialect("mAP", options={"metric": "eval_accuracy.BBOX"})
        lines = [line("eval_accuracy", 1.0, {"BBOX": 0.377, "SEGM": 0.339}, epoch_num=12)]
        assert evaluations(events(reader, lines)) == [("mAP", 0.377, None)]


class TestEnd:
    @pytest.mark.parametrize(("status", "expected"), [("success", "success"), ("aborted", "target_missed")])
    def test_is_what_the_run_says(self, status: str, expected: str) -> None:
        lines = [line("run_start", 1.0), line("run_stop", 5.0, status=status, samples_count=64)]
        (end,) = events(dialect(), lines)
        assert isinstance(end, End)
        assert (end.status, end.seconds, end.samples) == (expected, 4.0, 64)

    @pytest.mark.parametrize("metadata", [{}, {"status": "done"}, {"status": ["success"]}])
    def test_needs_a_status_that_is_known(self, metadata: dict[str, Any]) -> None:
        with pytest.raises(EventError, match=r"run_stop with the status .*; known: success, aborted"):
            events(dialect(), [line("run_stop", 5.0, **metadata)])


class TestOwnSpeed:
    @pytest.mark.parametrize(
        ("key", "value"),
        [("tracked_stats", {"throughput": 9.5}), ("tracked_stats", {"imgs_sec": 9.5}), ("throughput", 9.5)],
    )
    def test_is_a_cross_check_only(self, key: str, value: Any) -> None:
        found = events(dialect(), [line(key, 1.0, value)])
        assert [event.speed for event in found if isinstance(event, Progress)] == [9.5]
        assert segments(found) == []


def test_the_logs_batch_size_makes_the_steps_that_the_configuration_is_compared_with() -> None:
    found = events(dialect(batch_size=4), GPT_OSS)
    assert [(event.samples, event.steps) for event in found if isinstance(event, Segment)] == [(128, 2), (128, 2)]


def test_without_the_logs_batch_size_the_configurations_counts() -> None:
    lines = [text for text in GPT_OSS if "global_batch_size" not in text]
    assert [event.steps for event in events(dialect(batch_size=4), lines) if isinstance(event, Segment)] == [4, 4]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_marked(loss: float) -> None:
    (progress,) = events(dialect(), [line("train_loss", 1.0, loss)])
    assert isinstance(progress, Progress)
    assert (progress.loss, progress.diverged) == (None, True)


@pytest.mark.parametrize("text", ["", "step", ":::MLLOG", ":::MLLOG hello", '{"key": "run_stop"}', ":::ML"])
def test_other_lines_say_nothing(text: str) -> None:
    assert events(dialect(), [text]) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (':::MLLOG {"key": "run_start"', "no JSON object"),
        (':::MLLOG {"value": 1}', "a line without a key: None"),
        (":::MLLOG " + '{"x": ' * 100_000, "nested too deeply"),
        # The forms of MLPerf v0.5 and v0.6.
        (":::MLPv0.5.0 resnet 1541635720.85 (train.py:251) run_start", "MLPerf v0.5 or v0.6 (:::MLPv), which is not"),
        (
            ':::MLL 1571444841.158 run_start: {"value": null, "metadata": {}}',
            "v0.6 (:::MLL), which is not read; :::MLLOG is",
        ),
    ],
)
def test_a_broken_or_old_line_is_an_error(text: str, error: str) -> None:
    with pytest.raises(EventError) as raised:
        events(dialect(), [text])
    assert error in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": ["eval_accuracy"]}, "metric: must be the name of a figure in the log, not ['eval_accuracy']"),
        ({"step": " "}, "step: must be the name of a figure in the log, not ' '"),
        ({"epochs": "tokens"}, "epochs: 'tokens' is not allowed; allowed: epochs, samples"),
        ({"scale": True}, "scale: must be a number above 0 such as 100, not True"),
    ],
)
def test_an_option_that_cannot_be_honoured_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        MllogDialect(**options)
    assert str(raised.value) == message


def test_it_is_made_by_name_and_read_from_both_streams_of_the_first_rank() -> None:
    assert isinstance(make_dialect("mllog", {"step": "train_loss"}, job=Job()), MllogDialect)
    assert printed_where("mllog") == ("both", 0)


def test_it_keeps_no_more_of_a_long_log_than_of_a_short_one() -> None:
    def size(blocks: int) -> int:
        reader = dialect(options={"step": "train_loss"}, measure=Measure(segment_steps=10**6))
        for n in range(blocks):
            at, count = 10.0 * n, 64 * n
            for text in (
                line("block_start", at, samples_count=count),
                line("train_loss", at + 1, 1.0, samples_count=count),
                line("block_stop", at + 2, samples_count=count + 64),
                line("eval_start", at + 2, samples_count=count + 64),
                *[line("eval_accuracy", at + 3, 0.5 + place / 100, samples_count=count + 64) for place in range(20)],
                line("eval_stop", at + 4, samples_count=count + 64),
            ):
                list(reader.read(text, seen=at, rank=0))
        return held_by(reader)

    assert size(1000) <= size(100) + 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        *("run_start", "run_stop", "block_start", "block_stop", "epoch_start", "epoch_stop", "eval_start", "eval_stop"),
        *("eval_accuracy", "eval_error", "train_loss", "tracked_stats", "throughput"),
        *("global_batch_size", "train_samples", "eval_samples"),
    ]
)
COUNTS = st.integers(0, 300)
METADATA = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("samples_count", "step", "epoch_num", "epoch_count"), COUNTS | VALUES)
    | {"status": st.sampled_from(["success", "aborted"]) | VALUES},
)
RECORDS = st.fixed_dictionaries(
    {"key": KEYS | VALUES},
    optional={
        "time_ms": st.integers(START, START + 10**5) | VALUES,
        "value": COUNTS | VALUES | st.just({"reduced_train_loss": 1.0, "throughput": 5}),
        "metadata": METADATA | VALUES,
    },
)
OPTIONS: list[dict[str, Any]] = [{}, {"step": "train_loss"}, {"epochs": "samples"}, {"metric": "1 - eval_error"}]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(RECORDS.map(lambda record: f":::MLLOG {json.dumps(record)}") | st.text(max_size=20), max_size=15),
    st.sampled_from(OPTIONS),
)
def test_any_lines_in_any_order_are_read_or_refused(lines: list[str], options: dict[str, Any]) -> None:
    for recorded in (True, False):
        reader = dialect(options=options, recorded=recorded)
        for n, each in enumerate(lines):
            try:
                for event in reader.read(each, seen=float(n), rank=0):
                    event_from(event_record(event), seen=float(n), rank=0)
            except EventError:
                continue


BORDERS = st.sampled_from(
    [
        ("block_start", {}),
        ("block_stop", {}),
        ("epoch_start", {"epoch_num": 1}),
        ("epoch_stop", {"epoch_num": 1}),
        ("eval_start", {}),
        ("eval_stop", {}),
        ("eval_accuracy", {}),
        ("train_loss", {}),
    ]
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(BORDERS, st.integers(1, 500), st.none() | st.integers(0, 4)), max_size=25),
    st.sampled_from([None, "train_loss"]),
)
def test_no_more_time_is_trained_than_has_passed(
    steps: list[tuple[tuple[str, dict[str, Any]], int, int | None]], step: str | None
) -> None:
    lines, at = [line("train_samples", 0.0, 256)], 0.0
    for (key, metadata), passed, batches in steps:
        at += passed / 100
        counted = metadata if batches is None else {**metadata, "samples_count": 64 * batches}
        lines.append(line(key, at, at, **counted))
    found = events(dialect(options={"step": step}), lines)
    assert sum(seconds or 0.0 for _, seconds in segments(found)) <= at + 1e-3
    stamps = [event.t for event in found if isinstance(event, Segment)]
    assert stamps == sorted(stamps)
