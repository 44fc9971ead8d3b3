"""FlagPerf's and DeepSparkHub's [PerfLog] lines.

Lines marked verbatim are from DeepSparkHub's bert_sample/pytorch/iluvatar/results or FlagPerf's training/README.md,
with the metadata shortened; all others are made from the format that FlagPerf's logger prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
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
from pytest_sixdim.dialects.perflog import PerfLogDialect
from tests.dialects.held import held_by

#: Milliseconds since 1970.
START = 1_600_000_000_000
EVERY_REPORT = Measure(warmup_steps=0, steady=False, segment_steps=1, segment_seconds=0.001)

#: The end of stage 3 of bert_sample on 8 cards of batch size 27, which went on at step 5000 (verbatim).
BERT = """\
1 warning generated when compiling for ivcore10.
[PerfLog] {"event": "INIT_EVALUATION", "value": {"eval_loss": 1.3648749589920044, "eval_mlm_accuracy": \
0.7087059020996094, "time": 25.958272695541382}, "metadata": {"time_ms": 1646382091122, "rank": 0}}
[PerfLog] {"event": "INIT_END", "value": {"other": "Finish initialization"}, "metadata": {"time_ms": 1646382091124}}
[PerfLog] {"event": "TRAIN_BEGIN", "value": null, "metadata": {"time_ms": 1646382091127, "rank": 0}}
[PerfLog] {"event": "EPOCH_BEGIN", "value": {"epoch": 0}, "metadata": {"time_ms": 1646382091128, "rank": 0}}
[PerfLog] {"event": "STEP_END", "value": {"loss": 1.474609375, "mlm_acc": 0.6867470145225525, "epoch": 0, \
"end_training": false, "global_steps": 5200, "num_trained_samples": 1122984, "iter_dataloader_idx": 3, \
"learning_rate": 0.00022178571428571427, "seq/s": 181.2351094168595, "step": 5200}, \
"metadata": {"time_ms": 1646382381181, "rank": 0}}
[PerfLog] {"event": "EVALUATION", "value": {"global_steps": 5200, "eval_loss": 1.364203691482544, \
"eval_mlm_accuracy": 0.7095025777816772, "time": 16.115475177764893}, \
"metadata": {"time_ms": 1646382381182, "rank": 0}}
[PerfLog] {"event": "STEP_END", "value": {"loss": 1.4326171875, "mlm_acc": 0.7285023927688599, "epoch": 0, \
"end_training": true, "global_steps": 5400, "num_trained_samples": 1166184, "iter_dataloader_idx": 3, \
"learning_rate": 0.00021857142857142854, "seq/s": 179.96466615138635, "step": 5400}, \
"metadata": {"time_ms": 1646382636983, "rank": 0}}
[PerfLog] {"event": "EVALUATION", "value": {"global_steps": 5400, "eval_loss": 1.3631609678268433, \
"eval_mlm_accuracy": 0.7100414037704468, "time": 16.11443781852722}, \
"metadata": {"time_ms": 1646382636983, "rank": 0}}
[PerfLog] {"event": "EPOCH_END", "value": {"epoch": 0}, "metadata": {"time_ms": 1646382637068, "rank": 0}}
[PerfLog] {"event": "TRAIN_END", "value": null, "metadata": {"time_ms": 1646382637068, "rank": 0}}
[PerfLog] {"event": "FINISHED", "value": {"e2e_time": 581.9371633529663, "training_sequences_per_second": \
2136.4946028966497, "converged": true, "final_loss": 1.3631609678268433, "final_mlm_accuracy": 0.7100414037704468, \
"raw_train_time": 545.941, "init_time": 34.593}, "metadata": {"time_ms": 1646382637095, "rank": 0}}
+ echo 'eval result: pass.'
"""


def dialect(metric: str = "accuracy", *, options: dict[str, Any] | None = None, **job: Any) -> PerfLogDialect:
    given = {"cards": 2, "batch_size": 16, "recorded": True, "measure": EVERY_REPORT, **job}
    return PerfLogDialect(Job(metric=metric, **given), **(options or {}))


def line(event: str, at: float | None = None, *, rank: int | None = 0, step: int | None = None, **value: Any) -> str:
    """An event `at` so many seconds after START."""
    metadata: dict[str, Any] = {"file": "run_pretraining.py", "lineno": 1}
    if at is not None:
        metadata["time_ms"] = START + round(at * 1000)
    if rank is not None:
        metadata["rank"] = rank
    top = {"step": step} if step is not None else {}
    return f"[PerfLog] {json.dumps({'event': event, 'value': value, **top, 'metadata': metadata})}"


def step(n: int, at: float, samples: int | None = None, **more: Any) -> str:
    counted = {} if samples is None else {"num_trained_samples": samples}
    return line("STEP_END", at, loss=2.0 - n / 1000, global_steps=n, **counted, **more)


def events(reader: PerfLogDialect, lines: Iterable[str]) -> list[Event]:
    """All events, each as the agent would take it."""
    found = [(event, float(n)) for n, each in enumerate(lines) for event in reader.read(each, seen=float(n), rank=0)]
    return [event_from(event_record(event), seen=seen, rank=0) for event, seen in found]


def segments(found: Iterable[Event]) -> list[tuple[int | None, float | None]]:
    each = [event for event in found if isinstance(event, Segment)]
    return [(event.samples, None if event.seconds is None else round(event.seconds, 6)) for event in each]


def evaluations(found: Iterable[Event]) -> list[tuple[str | None, float | None]]:
    return [(event.metric, event.value) for event in found if isinstance(event, Evaluation)]


def ends(found: Iterable[Event]) -> list[str]:
    return [event.status for event in found if isinstance(event, End)]


def test_a_real_log_gives_the_rate_between_its_steps_and_not_that_of_its_end() -> None:
    found = events(dialect("mlm_accuracy", cards=8, batch_size=27), BERT.splitlines())
    # 43200 samples within 255.802 s, of which the evaluation at step 5400 took 16.114 s; FINISHED claims 2136 seq/s.
    assert segments(found) == [(43200, 239.686562)]
    assert [event.speed for event in found if isinstance(event, Progress)] == [181.2351094168595, 179.96466615138635]
    assert evaluations(found) == [("mlm_accuracy", 0.7095025777816772), ("mlm_accuracy", 0.7100414037704468)]
    assert ends(found) == ["success"]


def test_an_evaluation_says_where_it_stood_and_how_long_it_took() -> None:
    found = events(dialect("mlm_accuracy", cards=8, batch_size=27), BERT.splitlines())
    last = [event for event in found if isinstance(event, Evaluation)][-1]
    assert (last.t, last.step, last.seconds) == (1646382636.983, 5400, 16.11443781852722)
    assert last.trained_samples == 1166184


def test_flagperfs_own_lines_are_read() -> None:
    # Verbatim from FlagPerf's README, an older build: EVALUATE is empty, and all come after the last step.
    tail = (
        '[PerfLog] {"event": "STEP_END", "value": {"loss": 2.679504871368408, "embedding_average": 0.916015625, '
        '"epoch": 1, "end_training": true, "global_steps": 3397, "num_trained_samples": 869632, "learning_rate": '
        '0.000175375, "seq/s": 822.455385237589}, "metadata": {"lineno": 127, "time_ms": 1669034171032, "rank": 0}}',
        '[PerfLog] {"event": "EVALUATE", "metadata": {"lineno": 127, "time_ms": 1669034171032, "rank": 0}}',
        '[PerfLog] {"event": "TRAIN_END", "metadata": {"lineno": 136, "time_ms": 1669034171159, "rank": 0}}',
        '[PerfLog] {"event": "FINISHED", "value": {"e2e_time": 1661.6114165782928, "training_sequences_per_second": '
        '579.0933420700227, "converged": true, "final_loss": 3.066718101501465, "final_mlm_accuracy": '
        '0.920166015625, "raw_train_time": 1501.713, "init_time": 148.937}, "metadata": {"time_ms": 1669034171646}}',
    )
    found = events(dialect("mlm_accuracy", cards=8, batch_size=32), tail)
    assert [type(event) for event in found] == [Progress, Evaluation, End]
    assert evaluations(found) == [("mlm_accuracy", 0.920166015625)]


def test_stamps_are_on_the_clock_of_the_events() -> None:
    reader = dialect(recorded=False, unix=START / 1000 - 100.0)
    (progress,) = reader.read(step(1, 2.5), seen=102.6, rank=0)
    assert progress.t == pytest.approx(102.5)
    assert progress.seen == 102.6


def test_a_live_line_without_a_stamp_counts_as_printed_when_it_was_seen() -> None:
    reader = dialect(recorded=False)
    lines = [line("STEP_END", global_steps=n) for n in (10, 20)] + [line("TRAIN_END")]
    found = [event for n, each in enumerate(lines) for event in reader.read(each, seen=4.0 * n, rank=0)]
    assert segments(found) == [(320, 4.0)]


def test_a_recorded_line_without_a_stamp_has_no_time_and_so_no_speed() -> None:
    lines = [line("STEP_END", global_steps=n, loss=1.0) for n in (10, 20, 30)] + [line("FINISHED", converged=True)]
    found = events(dialect(), lines)
    assert segments(found) == []
    assert ends(found) == ["success"]


def test_the_first_report_of_a_resumed_run_is_only_a_starting_point() -> None:
    found = events(dialect(), [step(5000, 0.0, 160000), step(5010, 4.0, 160320), line("TRAIN_END", 4.1)])
    assert segments(found) == [(320, 4.0)]


@pytest.mark.parametrize("name", ["TRAIN_START", "TRAIN_BEGIN"])
def test_training_that_begins_anew_counts_anew(name: str) -> None:
    lines = [step(10, 0.0), step(20, 4.0), line(name, 50.0), step(10, 60.0), step(20, 65.0), line("TRAIN_END", 66.0)]
    assert segments(events(dialect(), lines)) == [(320, 4.0), (320, 5.0)]


class TestSamples:
    def test_of_the_whole_job_are_taken_as_they_are(self) -> None:
        lines = [step(10, 0.0, 320), step(20, 4.0, 640), line("TRAIN_END", 5.0)]
        assert segments(events(dialect(), lines)) == [(320, 4.0)]

    def test_of_the_first_rank_only_are_multiplied(self) -> None:
        lines = [step(10, 0.0, 160), step(20, 4.0, 320), line("EVALUATE", 4.0, global_steps=20, eval_accuracy=0.5)]
        found = events(dialect(), lines)
        assert evaluations(found) == [("accuracy", 0.5)]
        assert [event.trained_samples for event in found if isinstance(event, Evaluation)] == [640]

    def test_of_the_first_rank_only_give_the_speed_of_all(self) -> None:
        lines = [step(10, 0.0, 160), step(20, 4.0, 320), line("TRAIN_END", 5.0)]
        assert segments(events(dialect(), lines)) == [(320, 4.0)]

    def test_of_a_ragged_epoch_are_still_recognised(self) -> None:
        lines = [step(10, 0.0, 160), step(20, 4.0, 313), line("TRAIN_END", 5.0)]
        assert segments(events(dialect(), lines)) == [(306, 4.0)]

    def test_that_contradict_the_batch_size_are_left_to_be_judged(self) -> None:
        lines = [step(10, 0.0, 1000), step(20, 4.0, 2000), line("TRAIN_END", 5.0)]
        assert segments(events(dialect(), lines)) == [(1000, 4.0)]

    def test_that_are_not_printed_are_steps_times_batch(self) -> None:
        assert segments(events(dialect(), [step(10, 0.0), step(20, 4.0), line("TRAIN_END", 5.0)])) == [(320, 4.0)]

    def test_of_nobody_knows_whom_give_no_speed(self) -> None:
        lines = [step(10, 0.0, 160), step(20, 4.0, 320), step(30, 8.0, 480), line("TRAIN_END", 9.0)]
        assert segments(events(dialect(batch_size=None), lines)) == []

    def test_of_one_card_need_no_batch_size(self) -> None:
        lines = [step(10, 0.0, 160), step(20, 4.0, 320), line("TRAIN_END", 9.0)]
        assert segments(events(dialect(batch_size=None, cards=1), lines)) == [(160, 4.0)]

    def test_count_where_steps_begin_anew_each_epoch(self) -> None:
        lines = [
            step(90, 0.0, 2880, epoch=0),
            step(100, 4.0, 3200, epoch=0),
            line("EPOCH_END", 4.5),
            step(10, 8.0, 3520, epoch=1),
            step(20, 12.0, 3840, epoch=1),
            line("TRAIN_END", 12.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0), (320, 4.0), (320, 4.0)]


@pytest.mark.parametrize("marked", [True, False])
def test_epochs_are_counted_by_their_lines_or_by_what_steps_say(marked: bool) -> None:
    measure = Measure(warmup_epochs=1, segment_epochs=1, steady=False)
    lines = []
    for n in range(1, 13):
        if marked and n % 3 == 1:
            lines.append(line("EPOCH_END", n * 4.0 - 0.5))
        lines.append(step(n * 10, n * 4.0, epoch=(n - 1) // 3))
    found = events(dialect(measure=measure), [*lines, line("TRAIN_END", 50.0)])
    assert segments(found)[:2] == [(960, 12.0), (960, 12.0)]


class TestEvaluations:
    def test_at_a_step_are_taken_from_the_time_before_it(self) -> None:
        lines = [
            step(10, 0.0),
            step(20, 10.0),
            line("EVALUATE", 10.001, global_steps=20, eval_accuracy=0.5, time=6.0),
            step(30, 14.0),
            line("TRAIN_END", 14.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.001), (320, 3.999)]

    def test_after_a_step_are_taken_from_the_time_after_it(self) -> None:
        lines = [
            step(10, 0.0),
            step(20, 4.0),
            line("EVALUATE", 10.0, global_steps=20, eval_accuracy=0.5, time=6.0),
            step(30, 14.0),
            line("TRAIN_END", 14.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0), (320, 4.0)]

    def test_between_two_reports_are_taken_out(self) -> None:
        lines = [
            step(10, 0.0),
            line("EVALUATE", 9.0, global_steps=15, eval_accuracy=0.5, time=6.0),
            step(20, 10.0),
            line("TRAIN_END", 10.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0)]

    def test_at_the_first_step_take_nothing_from_the_next(self) -> None:
        lines = [
            step(1, 10.0),
            line("EVALUATE", 10.0, global_steps=1, eval_accuracy=0.5, time=6.0),
            step(11, 14.0),
            line("TRAIN_END", 14.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0)]

    @pytest.mark.parametrize("value", [{"global_steps": 20, "eval_accuracy": 0.5}, {}])
    def test_of_unknown_length_at_a_step_leave_its_time_out(self, value: dict[str, Any]) -> None:
        lines = [
            step(10, 0.0),
            step(20, 10.0),
            line("EVALUATE", 10.0, **value),
            step(30, 14.0),
            line("TRAIN_END", 14.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0)]

    @pytest.mark.parametrize(("at", "pause"), [(14.0, 10.0), (16.0, 4.0)])
    def test_that_say_nothing_make_a_pause_of_the_time_around_them(self, at: float, pause: float) -> None:
        lines = [step(10, 0.0), step(20, 4.0), step(30, 14.0), line("EVALUATE", at), step(40, 18.0), step(50, 22.0)]
        found = [event for event in events(dialect(), [*lines, line("TRAIN_END", 22.0)]) if isinstance(event, Segment)]
        assert [event.paused_seconds for event in found if event.paused_seconds] == [pytest.approx(pause)]
        assert [event.samples for event in found] == [320, 320, 320]

    def test_of_unknown_length_after_their_step_took_the_time_since(self) -> None:
        lines = [
            step(10, 0.0),
            step(20, 4.0),
            line("EVALUATE", 10.0, global_steps=20, eval_accuracy=0.5),
            step(30, 14.0),
            line("TRAIN_END", 14.0),
        ]
        found = events(dialect(), lines)
        assert segments(found) == [(320, 4.0), (320, 4.0)]
        assert [event.seconds for event in found if isinstance(event, Evaluation)] == [6.0]

    def test_of_unknown_length_somewhere_leave_the_time_around_them_out(self) -> None:
        lines = [
            step(10, 0.0),
            step(20, 4.0),
            line("EVALUATE", 9.0, global_steps=25, eval_accuracy=0.5),
            step(30, 14.0),
            step(40, 18.0),
            line("TRAIN_END", 18.0),
        ]
        assert segments(events(dialect(), lines)) == [(320, 4.0), (320, 4.0)]

    def test_before_training_are_no_result(self) -> None:
        assert evaluations(events(dialect(), [line("INIT_EVALUATION", 0.0, eval_accuracy=0.9, time=1.0)])) == []

    def test_that_diverge_are_marked(self) -> None:
        (evaluation,) = events(dialect(), [line("EVALUATE", 1.0, eval_accuracy=float("nan"), time=1.0)])
        assert isinstance(evaluation, Evaluation)
        assert (evaluation.value, evaluation.diverged) == (None, True)

    def test_of_another_metric_keep_their_names(self) -> None:
        found = events(dialect("mAP"), [line("EVALUATE", 1.0, global_steps=1, eval_acc1=0.5, eval_loss=2.0, time=1.0)])
        assert evaluations(found) == [("eval_acc1", 0.5), ("eval_loss", 2.0)]


class TestMetric:
    @pytest.mark.parametrize(
        ("metric", "key"),
        [
            ("mlm_accuracy", "eval_mlm_accuracy"),
            ("MLM accuracy", "eval_mlm_accuracy"),
            ("eval_mlm_accuracy", "eval_mlm_accuracy"),
            ("acc1", "eval_acc1"),
            ("mAP", "eval_mAP"),
            ("val_loss", "val_loss"),
            ("rouge1", "rouge1"),
        ],
    )
    def test_is_found_under_its_name_or_with_a_prefix(self, metric: str, key: str) -> None:
        found = events(dialect(metric), [line("EVALUATION", 1.0, eval_loss=3.0, **{key: 0.5}, time=1.0)])
        assert evaluations(found) == [(metric, 0.5)]

    def test_is_never_guessed(self) -> None:
        assert evaluations(events(dialect("top-1"), [line("EVALUATE", 1.0, eval_acc1=0.5)])) == [("eval_acc1", 0.5)]

    def test_has_the_key_that_the_case_gives(self) -> None:
        reader = dialect("top-1", options={"metric": "eval_acc1", "scale": 100})
        assert evaluations(events(reader, [line("EVALUATE", 1.0, eval_acc1=0.75, eval_acc5=0.9)])) == [("top-1", 75.0)]

    def test_is_multiplied_in_decimal(self) -> None:
        reader = dialect(options={"scale": 100})
        assert evaluations(events(reader, [line("EVALUATE", 1.0, accuracy=0.57)])) == [("accuracy", 57.0)]

    def test_is_never_the_one_of_the_cases_name_where_the_case_gives_another(self) -> None:
        reader = dialect(options={"metric": "eval_mlm_accuracy"})
        told = events(reader, [line("EVALUATE", 1.0, accuracy=0.99, eval_loss=2.0)])
        assert evaluations(told) == [("eval_loss", 2.0)]

    def test_is_not_scaled_unasked(self) -> None:
        assert evaluations(events(dialect(), [line("EVALUATE", 1.0, accuracy=76.5)])) == [("accuracy", 76.5)]

    @pytest.mark.parametrize("key", ["final_accuracy", "accuracy", "best_accuracy"])
    def test_comes_from_the_end_where_no_evaluation_gave_it(self, key: str) -> None:
        found = events(dialect(), [line("EVALUATE", 1.0), line("FINISHED", 2.0, **{key: 0.5}, converged=False)])
        assert evaluations(found) == [("accuracy", 0.5)]

    def test_does_not_come_twice(self) -> None:
        lines = [line("EVALUATE", 1.0, eval_accuracy=0.5), line("FINISHED", 2.0, final_accuracy=0.5, converged=True)]
        assert evaluations(events(dialect(), lines)) == [("accuracy", 0.5)]

    def test_that_is_still_the_untrained_models_is_no_result(self) -> None:
        lines = [line("INIT_EVALUATION", 0.0, eval_accuracy=0.9), line("FINISHED", 9.0, final_accuracy=0.9)]
        assert evaluations(events(dialect(), lines)) == []


class TestEnd:
    @pytest.mark.parametrize(
        ("value", "status"),
        [({"converged": True}, "success"), ({"converged": False}, "target_missed"), ({"e2e_time": 9.0}, "success")],
    )
    def test_says_whether_the_target_was_reached(self, value: dict[str, Any], status: str) -> None:
        assert ends(events(dialect(), [line("FINISHED", 1.0, **value)])) == [status]

    def test_comes_once_though_every_node_prints_it(self) -> None:
        assert ends(events(dialect(), [line("FINISHED", 1.0, converged=True)] * 3)) == ["success"]

    @pytest.mark.parametrize("key", ["throughput(ips)_no_eval", "throughput(sps)_no_eval", "throuhgput(ips)_no_eval"])
    def test_names_the_programs_own_speed_without_counting_it(self, key: str) -> None:
        value = {key: 100.0, key.replace("no_eval", "raw"): 90.0, key.replace("no_eval", "pure_compute"): 120.0}
        found = events(dialect(), [line("FINISHED", 1.0, converged=True, **value)])
        assert [event.speed for event in found if isinstance(event, Progress)] == [100.0]
        assert segments(found) == []

    def test_gives_what_was_held_back(self) -> None:
        lines = [step(10, 0.0), step(20, 4.0), line("FINISHED", 4.5, converged=True)]
        found = events(dialect(), lines)
        assert [type(event) for event in found[-3:]] == [WarmupEnd, Segment, End]


class TestSeveralRanks:
    def test_in_one_log_count_once(self) -> None:
        lines = []
        for n in (10, 20, 30):
            lines += [line("STEP_END", n * 0.4 + rank * 0.01, rank=rank, global_steps=n) for rank in (1, 0)]
        found = events(dialect(), [*lines, line("FINISHED", 13.0, converged=True)])
        assert segments(found) == [(320, 4.0), (320, 4.0)]
        assert ends(found) == ["success"]

    def test_that_are_ahead_of_the_first_are_left_out(self) -> None:
        reports = [(0, 10, 0.0), (1, 10, 0.5), (1, 20, 3.0), (0, 20, 4.0), (1, 30, 7.0), (0, 30, 8.0)]
        lines = [line("STEP_END", at, rank=rank, global_steps=n) for rank, n, at in reports]
        assert segments(events(dialect(), [*lines, line("TRAIN_END", 8.0)])) == [(320, 4.0), (320, 4.0)]

    @pytest.mark.parametrize("rank", [-1, None])
    def test_that_do_not_say_which_they_are_count_once(self, rank: int | None) -> None:
        lines = [
            line(event, at, rank=rank, global_steps=n, **value)
            for n, at in ((10, 0.0), (20, 4.0), (30, 8.0))
            for event, value in (("STEP_END", {}), ("EVALUATE", {"eval_accuracy": n / 100, "time": 0.0}))
            for _ in range(2)
        ]
        found = events(dialect(), lines)
        assert segments(found) == [(320, 4.0), (320, 4.0)]
        assert evaluations(found) == [("accuracy", 0.1), ("accuracy", 0.2), ("accuracy", 0.3)]

    def test_whose_lines_are_glued_are_told_apart(self) -> None:
        reader = dialect()
        glued = f"50%|##  | {step(10, 0.0)}{step(20, 4.0)} {line('TRAIN_END', 5.0)}tail"
        assert segments(events(reader, [glued])) == [(320, 4.0)]

    def test_that_cut_into_each_others_lines_lose_only_those(self) -> None:
        reader = dialect()
        events(reader, [step(10, 0.0)])
        found: list[Event] = []
        with pytest.raises(EventError, match="no JSON object"):
            found.extend(reader.read('[PerfLog] {"event": "STE' + step(20, 4.0), seen=1.0, rank=0))
        assert [event.step for event in found if isinstance(event, Progress)] == [20]
        assert segments(events(reader, [line("TRAIN_END", 5.0)])) == [(320, 4.0)]


def reader_progress(reader: PerfLogDialect, text: str) -> list[Progress]:
    return [event for event in reader.read(text, seen=0.0, rank=0) if isinstance(event, Progress)]


class TestProgress:
    @pytest.mark.parametrize("key", ["seq/s", "img/s", "images/s", "samples/s", "throughput(ips)", "throuhgput(ips)"])
    def test_has_the_programs_own_speed(self, key: str) -> None:
        (progress,) = reader_progress(dialect(), step(10, 0.0, **{key: 12.5}))
        assert progress.speed == 12.5

    @pytest.mark.parametrize("key", ["tokens/s", "learning_rate", "lr/s"])
    def test_has_no_other_figure_for_a_speed(self, key: str) -> None:
        (progress,) = reader_progress(dialect(), step(10, 0.0, **{key: 12.5}))
        assert progress.speed is None

    @pytest.mark.parametrize("loss", ["NaN", "Infinity", "1e999"])
    def test_marks_a_loss_that_is_not_finite(self, loss: str) -> None:
        (progress,) = reader_progress(dialect(), '[PerfLog] {"event": "STEP_END", "value": {"loss": ' + loss + "}}")
        assert (progress.loss, progress.diverged) == (None, True)

    def test_takes_the_step_from_wherever_it_stands(self) -> None:
        inside = '[PerfLog] {"event": "STEP_END", "value": {"step": 7}}'
        texts = [line("STEP_END", 0.0, step=7), line("STEP_END", 0.0, global_steps=7), inside]
        assert [reader_progress(dialect(), text)[0].step for text in texts] == [7, 7, 7]


def test_segments_are_whole_epochs_where_the_case_asks() -> None:
    measure = Measure(steady=False, warmup_epochs=1, segment_epochs=1, segments=2)
    lines = []
    for n in range(1, 9):
        lines.append(step(n * 10, n * 4.0))
        if n % 2 == 0:
            lines.append(line("EPOCH_END", n * 4.0))
    assert segments(events(dialect(measure=measure), [*lines, line("TRAIN_END", 40.0)])) == [(640, 8.0), (640, 8.0)]


@pytest.mark.parametrize(
    "text", ["", "step 5", "[PerfLog]", "[PerfLog] hello", '{"event": "FINISHED"}', '[PerfLog] {"event": "BACKWARD"}']
)
def test_other_lines_say_nothing(text: str) -> None:
    assert events(dialect(), [text]) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[PerfLog] {"event": "STEP_END"', "no JSON object"),
        ('[PerfLog] {"value": 1}', "an event without a name: None"),
        ('[PerfLog] {"event": ["FINISHED"]}', "an event without a name"),
        ("[PerfLog] " + '{"x": ' * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_line_is_an_error(text: str, error: str) -> None:
    with pytest.raises(EventError, match=error):
        events(dialect(), [text])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": 5}, "metric: must be the name of a figure in the log, not 5"),
        ({"metric": ""}, "metric: must be the name of a figure in the log, not ''"),
        ({"scale": 0}, "scale: must be a number above 0 such as 100, not 0"),
        ({"scale": "100"}, "scale: must be a number above 0 such as 100, not '100'"),
        ({"scale": float("nan")}, "scale: must be a number above 0"),
    ],
)
def test_an_option_that_cannot_be_honoured_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        PerfLogDialect(**options)
    assert str(raised.value).startswith(message)


def test_it_is_made_by_name_and_read_from_both_streams_of_the_first_rank() -> None:
    assert isinstance(make_dialect("perflog", {"metric": "eval_acc1"}, job=Job()), PerfLogDialect)
    assert printed_where("perflog") == ("both", 0)


def test_it_keeps_no_more_of_a_long_log_than_of_a_short_one() -> None:
    def size(reports: int) -> int:
        reader = dialect(measure=Measure(segment_steps=10**6))
        for n in range(1, reports):
            for text in (step(n, n * 0.5), line("EVALUATE", n * 0.5, global_steps=n, eval_accuracy=0.5, time=0.1)):
                list(reader.read(text, seen=n * 0.5, rank=0))
        return held_by(reader)

    assert size(3000) <= size(300) + 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
KEYS = ["global_steps", "step", "num_trained_samples", "time", "epoch", "loss", "seq/s", "eval_accuracy", "converged"]
NAMES = ["STEP_END", "EVALUATE", "EVALUATION", "FINISHED", "INIT_EVALUATION", "TRAIN_START", "TRAIN_END", "EPOCH_END"]
RECORDS = st.fixed_dictionaries(
    {"event": st.sampled_from(NAMES) | VALUES},
    optional={
        "value": st.dictionaries(st.sampled_from(KEYS), st.integers(0, 50) | VALUES) | VALUES,
        "step": VALUES,
        "metadata": st.fixed_dictionaries(
            {}, optional={"time_ms": st.integers(START, START + 10**5) | VALUES, "rank": VALUES}
        )
        | VALUES,
    },
)


@settings(deadline=None, max_examples=200)
@given(st.lists(RECORDS.map(lambda record: f"[PerfLog] {json.dumps(record)}") | st.text(max_size=20), max_size=12))
def test_any_lines_in_any_order_are_read_or_refused(lines: list[str]) -> None:
    for recorded in (True, False):
        reader = dialect(recorded=recorded)
        for n, each in enumerate(lines):
            try:
                for event in reader.read(each, seen=float(n), rank=0):
                    event_from(event_record(event), seen=float(n), rank=0)
            except EventError:
                continue


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["STEP_END", "STEP_END", "EVALUATE", "EPOCH_END", "TRAIN_START"]),
            st.integers(0, 500),
            st.none() | st.floats(0, 3),
        ),
        max_size=25,
    )
)
def test_no_more_time_is_trained_than_has_passed(reports: list[tuple[str, int, float | None]]) -> None:
    lines, at = [], 0.0
    for n, (name, passed, took) in enumerate(reports):
        at += passed / 100
        timed = {} if took is None else {"time": took}
        lines.append(line(name, at, global_steps=n, eval_accuracy=0.5, **timed))
    found = events(dialect(), [*lines, line("TRAIN_END", at)])
    assert sum(seconds or 0.0 for _, seconds in segments(found)) <= at + 1e-3
    stamps = [event.t for event in found if isinstance(event, Segment)]
    assert stamps == sorted(stamps)
