"""What a run reports and when it ends; one process, no torch, a clock set by hand."""

from __future__ import annotations

import json
import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_sixdim import training

from .conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")
Told = Callable[..., dict[str, Any]]
Reported = Callable[..., list[Any]]
Train = Callable[..., None]


def evaluate(run: training.Run, value: float, **about: Any) -> None:
    with run.evaluation(**about) as evaluation:
        evaluation.value, evaluation.samples = value, 100


def test_a_segment_reports_samples_steps_and_seconds(told: Told, reported: Reported, train: Train) -> None:
    told()
    run = training.start()
    train(run, 4 + 10, seconds=0.5, samples=7)
    (segment,) = reported("segment")
    assert (segment.index, segment.samples, segment.steps, segment.seconds) == (1, 70, 10, 5.0)


def test_warm_up_ends_where_the_first_segment_begins(
    told: Told, reported: Reported, train: Train, clock: Clock
) -> None:
    told(measure={"warmup_steps": 4})
    run = training.start()
    train(run, 4)
    (end,) = reported("warmup_end")
    assert (end.step, end.steady, end.seconds, end.t) == (4, None, 4.0, clock.now)
    train(run, 10)
    (segment,) = reported("segment")
    assert segment.t - end.t == segment.seconds == 10.0


def test_segments_have_the_steps_that_warm_up_fixed(told: Told, reported: Reported, train: Train) -> None:
    told(measure={"segment_seconds": 20.0})
    run = training.start()
    train(run, 4, seconds=1.0)
    train(run, 21, seconds=0.25)
    train(run, 21, seconds=9.0)
    assert [segment.steps for segment in reported("segment")] == [21, 21]


def test_steady_warm_up_reports_that_it_was(told: Told, reported: Reported, train: Train) -> None:
    told(measure={"steady": True})
    run = training.start()
    train(run, 4 + 30)
    (end,) = reported("warmup_end")
    assert (end.step, end.steady) == (34, True)


def test_the_time_of_an_evaluation_is_not_the_segments(
    told: Told, reported: Reported, train: Train, clock: Clock
) -> None:
    told()
    run = training.start()
    train(run, 4 + 5)
    with run.evaluation(epoch=1.5) as evaluation:
        clock.advance(100.0)
        evaluation.value, evaluation.samples = 12.5, 100
    train(run, 5)
    (segment,) = reported("segment")
    (seen,) = reported("evaluation")
    assert segment.seconds == 10.0
    assert segment.paused_seconds == 0.0
    assert (seen.value, seen.metric, seen.samples, seen.epoch, seen.step) == (12.5, "top1", 100, 1.5, 9)
    assert (seen.seconds, seen.trained_samples) == (100.0, 36)


def test_a_pause_is_not_the_segments_time_and_is_reported(
    told: Told, reported: Reported, train: Train, clock: Clock
) -> None:
    told()
    run = training.start()
    train(run, 4 + 9)
    with run.pause():
        clock.advance(7.0)
    train(run, 1 + 10)
    assert [(s.seconds, s.paused_seconds) for s in reported("segment")] == [(10.0, 7.0), (10.0, 0.0)]


def test_waiting_for_the_loader_is_measured_and_part_of_the_segment(
    told: Told, reported: Reported, train: Train, clock: Clock
) -> None:
    told()
    run = training.start()

    def loader() -> Iterator[int]:
        for _ in range(14):
            clock.advance(0.25)
            yield 4
        clock.advance(2.0)  # the end of an epoch may take time too

    for samples in run.batches(loader()):
        train(run, 1, seconds=0.75, samples=samples)
    train(run, 10)
    first, second = reported("segment")
    assert (first.seconds, first.loader_seconds) == (10.0, 2.5)
    assert (second.seconds, second.loader_seconds) == (12.0, 2.0)


def test_building_the_model_is_not_warm_up_time(told: Told, reported: Reported, train: Train, clock: Clock) -> None:
    told()
    run = training.start()
    clock.advance(1000.0)
    for _ in run.batches(range(4)):
        train(run, 1)
    assert reported("warmup_end")[0].seconds == 4.0


def test_a_window_run_stops_after_its_last_segment_in_the_middle_of_an_epoch(
    told: Told, reported: Reported, train: Train
) -> None:
    told(role="window")
    run = training.start()
    epochs = 0
    for _ in run.epochs(100):
        epochs += 1
        for _ in run.batches(range(20)):
            train(run, 1)
        if run.done:
            break
        evaluate(run, 99.0)
    run.finish()
    assert run.steps == 4 + 3 * 10
    assert epochs == 2
    assert reported("end")[0].status == "success"
    assert reported("end")[0].samples == 34 * 4


def test_a_full_run_that_meets_its_target_early_trains_on_until_its_segments_are_complete(
    told: Told, reported: Reported, train: Train
) -> None:
    told()
    run = training.start()
    for _ in run.epochs(1):
        for _ in run.batches(range(10)):
            train(run, 1)
        if run.done:
            break
        evaluate(run, 95.0 if run.epoch == 1 else 0.0)
    run.finish()
    assert run.steps == 34
    assert [segment.index for segment in reported("segment")] == [1, 2, 3]
    assert [event.epoch for event in reported("evaluation")] == [1, 2, 3]
    assert reported("end")[0].status == "success"


def test_a_full_run_trains_on_after_its_segments_until_the_target_is_met(
    told: Told, reported: Reported, train: Train
) -> None:
    told()
    run = training.start()
    for epoch in run.epochs(10):
        for _ in run.batches(range(10)):
            train(run, 1)
        evaluate(run, 50.0 + 10 * epoch)
    run.finish()
    assert [segment.index for segment in reported("segment")] == [1, 2, 3, 4]
    assert [event.value for event in reported("evaluation")] == [50.0, 60.0, 70.0, 80.0, 90.0]
    assert reported("end")[0].status == "success"


def test_a_full_run_that_never_meets_its_target_misses_it(told: Told, reported: Reported, train: Train) -> None:
    told()
    run = training.start()
    for _ in run.epochs(5):
        train(run, 10)
        evaluate(run, 89.9)
    run.finish()
    assert run.epoch == 5
    assert reported("end")[0].status == "target_missed"


def test_the_target_stays_met_when_a_later_evaluation_is_worse(told: Told, reported: Reported, train: Train) -> None:
    told()
    run = training.start()
    train(run, 34)
    evaluate(run, 90.0)
    evaluate(run, 10.0)
    assert run.done
    run.finish()
    assert reported("end")[0].status == "success"


@pytest.mark.parametrize(("value", "met"), [(7.0, True), (6.9, True), (7.1, False), (math.nan, False)])
def test_a_metric_of_which_lower_is_better(told: Told, train: Train, value: float, met: bool) -> None:
    told(metric={"name": "wer", "better": "lower", "target": 7.0})
    run = training.start()
    train(run, 34)
    evaluate(run, value)
    assert run.done is met


def test_a_run_with_a_budget_goes_on_until_an_evaluation_after_it(told: Told, train: Train) -> None:
    told(budget=200)
    run = training.start()
    train(run, 40)
    evaluate(run, 95.0)
    assert not run.done
    train(run, 10)
    assert not run.done
    evaluate(run, 80.0)
    assert run.done


def test_segments_after_the_counted_ones_are_reported_too(told: Told, reported: Reported, train: Train) -> None:
    told()
    run = training.start()
    train(run, 4 + 55)
    assert [segment.index for segment in reported("segment")] == [1, 2, 3, 4, 5]


def test_a_window_run_that_ends_without_its_segments_failed(told: Told, reported: Reported, train: Train) -> None:
    told(role="window")
    run = training.start()
    train(run, 30)
    run.finish()
    assert reported("end")[0].status == "failed"


def test_a_run_without_a_target_succeeds_at_its_end(told: Told, reported: Reported, train: Train) -> None:
    told(metric={"target": None})
    run = training.start()
    for _ in run.epochs(6):
        train(run, 10)
        evaluate(run, 1.0)
    run.finish()
    assert run.epoch == 6
    assert reported("end")[0].status == "success"


def test_losses_are_read_at_borders_only_a_handful_a_segment(told: Told, reported: Reported, train: Train) -> None:
    class Tensor:
        read = 0

        def __init__(self, value: float) -> None:
            self.value = value

        def detach(self) -> Tensor:
            return self

        def clone(self) -> Tensor:
            return Tensor(self.value)

        def __float__(self) -> float:
            Tensor.read += 1
            return self.value

    told(measure={"segment_steps": 100})
    run = training.start()
    train(run, 4)
    train(run, 99, losses=[Tensor(float(index)) for index in range(99)])
    assert Tensor.read == 0
    assert not reported("progress")
    train(run, 1, losses=[Tensor(99.0)])
    losses = [(event.step, event.loss) for event in reported("progress")]
    assert losses == [(24, 19.0), (44, 39.0), (64, 59.0), (84, 79.0), (104, 99.0)]
    assert reported("segment")[0].loss == 99.0


def test_a_loss_that_is_not_a_number_is_printed_as_such_and_read_as_diverged(
    told: Told, train: Train, capsys: pytest.CaptureFixture[str], reported: Reported
) -> None:
    told()
    run = training.start()
    train(run, 14, losses=[math.nan] * 14)
    evaluate(run, math.nan)
    out = capsys.readouterr().out
    print(out)
    assert '"loss": NaN' in out
    assert '"value": NaN' in out
    assert len(reported("progress")) >= 3
    assert all(event.diverged and event.loss is None for event in reported("progress"))
    assert reported("segment")[0].diverged
    assert reported("evaluation")[0].diverged
    assert reported("evaluation")[0].value is None


def test_losses_since_the_last_border_are_reported_at_an_evaluation_and_at_the_end(
    told: Told, reported: Reported, train: Train
) -> None:
    told(measure={"warmup_steps": 1000})
    run = training.start()
    train(run, 200, losses=range(200))
    evaluate(run, 1.0)
    assert len(reported("progress")) == 2
    train(run, 100, losses=range(100))
    run.finish()
    assert [event.step for event in reported("progress")] == [100, 200, 300]


def test_a_value_that_was_not_set_is_an_error(told: Told) -> None:
    told()
    run = training.start()
    with pytest.raises(ValueError, match=r"evaluation\.value was not set"), run.evaluation():
        pass


def test_an_empty_loader_is_an_error_instead_of_an_endless_run(told: Told) -> None:
    told()
    run = training.start()
    epochs = run.epochs(3)
    next(epochs)
    assert list(run.batches([])) == []
    with pytest.raises(RuntimeError, match="is the loader empty"):
        next(epochs)


def test_the_start_says_what_runs(told: Told, reported: Reported) -> None:
    told(role="window", data={"kind": "generated", "path": None})
    training.start()
    (start,) = reported("start")
    assert (start.role, start.world_size, start.data) == ("window", 1, "generated")
    assert set(start.versions) == {"python"}
    assert start.precision_probe is None


def test_a_program_that_generates_its_data_says_so(told: Told, reported: Reported) -> None:
    told()
    training.start(data="generated")
    assert reported("start")[0].data == "generated"


@pytest.mark.parametrize("given", [None, 3])
def test_the_seed_is_the_one_asked_for(told: Told, given: int | None) -> None:
    told(seed=3)
    run = training.start(seed=given)
    drawn = random.random()
    random.seed(3)
    assert run.seed == 3
    assert drawn == random.random()


def test_numpy_is_seeded_where_the_program_uses_it(told: Told) -> None:
    numpy = pytest.importorskip("numpy")
    told(seed=3)
    training.start()
    drawn = numpy.random.rand()
    numpy.random.seed(3)
    assert drawn == numpy.random.rand()


@pytest.mark.parametrize(("name", "value"), [("seed", 4), ("batch_size", 8)])
def test_a_program_that_does_not_do_what_it_was_asked_for_is_refused(told: Told, name: str, value: int) -> None:
    told()
    with pytest.raises(ValueError, match=f"the program's {name} is {value}, the run was asked for"):
        training.start(**{name: value})


def test_by_hand_a_run_goes_through_its_epochs_and_sums_up_in_one_line(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = training.start()
    for _ in run.epochs(40):
        train(run, 10, seconds=0.5)
        evaluate(run, 75.0)
    run.finish()
    lines = capsys.readouterr().out.splitlines()
    kinds = [json.loads(line[len("[sixdim] ") :])["event"] for line in lines if line.startswith("[sixdim] ")]
    assert run.epoch == 40
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert kinds.count("segment") == 7
    assert kinds.count("evaluation") == 40
    assert lines[-2] == "sixdim: 1 rank(s), 8.0 samples/s over 5 segments, value 75: success"


def test_by_hand_a_run_too_short_for_a_segment_still_ends(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = training.start()
    for _ in run.epochs(1):
        train(run, 3)
    run.finish()
    assert "sixdim: 1 rank(s), no segment: success\n" in capsys.readouterr().out


def test_a_run_without_finish_prints_no_end(told: Told, reported: Reported, train: Train) -> None:
    told()
    run = training.start()
    train(run, 34)
    evaluate(run, 95.0)
    assert run.done
    assert not reported("end")


def test_every_event_is_one_write_of_one_line(told: Told, train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Stream:
        write = staticmethod(written.append)

        @staticmethod
        def flush() -> None:
            written.append("flushed")

    told()
    monkeypatch.setattr(sys, "stdout", Stream)
    run = training.start()
    train(run, 34, losses=range(34))
    assert len(written) > 10
    assert all(line.count("\n") == 1 and line.endswith("\n") for line in written[::2])
    assert set(written[1::2]) == {"flushed"}


def test_only_rank_0_prints(told: Told, train: Train, reported: Reported) -> None:
    told()
    run = training.start()
    assert len(reported()) == 1
    run.rank = 1
    train(run, 34)
    assert len(reported()) == 1


def test_total_of_one_rank(told: Told) -> None:
    told()
    assert training.start().total(2.5) == 2.5


def test_nothing_of_the_environment_is_needed(monkeypatch: pytest.MonkeyPatch, reported: Reported) -> None:
    assert "SIXDIM_RUN" not in os.environ
    run = training.start()
    assert (run.rank, run.local_rank, run.world_size, run.device, run.seed, run.settings) == (0, 0, 1, None, 1, {})
    assert reported("start")[0].role == "full"
