"""What holds of every log format. The lines are made from the formats that the other tests show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from pytest_sixdim.agent.course import Course
from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.events import Event, EventError, Progress, event_from, event_record
from pytest_sixdim.core.losses import divergence
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.window import read_window
from pytest_sixdim.dialects import DIALECTS, make_dialect
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import METRIC_OPTIONS
from tests.dialects.held import held_by

#: Two cards of 4 samples, 10 steps a second: every report is of 100 steps, 800 samples and 10 s.
CONFIGURATION = Configuration("cpu", "fp32", 4, cards=2)
MEASURE = Measure(warmup_steps=100, steady=False, segment_steps=100, segment_seconds=0.0)
EPOCHS = Measure(warmup_epochs=1, segment_epochs=1, steady=False)
CHANGING = "{:.4f}"


def perflog(n: int, loss: str) -> list[str]:
    value = {"loss": float(loss), "global_steps": 100 * n}
    return [f"[PerfLog] {json.dumps({'event': 'STEP_END', 'value': value, 'metadata': {'rank': 0}})}"]


def mllog(n: int, loss: str) -> list[str]:
    def line(key: str, count: int, value: float | None = None) -> str:
        return f":::MLLOG {json.dumps({'key': key, 'value': value, 'metadata': {'samples_count': count}})}"

    before, after = 800 * n - 800, 800 * n
    stop = [line("block_stop", before)] if before else []
    return [*stop, line("train_loss", before, float(loss)), line("block_start", before), line("unknown", after)]


def sixdim(n: int, loss: str) -> list[str]:
    events: list[dict[str, Any]] = [{"event": "progress", "loss": float(loss)}]
    if n == 1:
        events.append({"event": "warmup_end"})
    else:
        events.append({"event": "segment", "index": n - 1, "samples": 800, "seconds": 10.0, "steps": 100})
    return [f"[sixdim] {json.dumps(event)}" for event in events]


def internevo(n: int, loss: str) -> list[str]:
    rest = f"tgs (tokens/gpu/second)=400.0 num_consumed_tokens={8000 * n} inf_nan_skip_batches=0"
    return [f"INFO train.py:1 in record -- tflops=1.5 step={100 * n} loss={loss} {rest}"]


def megatron(n: int, loss: str) -> list[str]:
    shown = "" if loss == "nan" else f" lm loss: {loss} |"
    rest = f" elapsed time per iteration (ms): 100.0 |{shown} number of skipped iterations: 0 |"
    return [f" iteration {100 * n:8d}/ 90000 | consumed samples: {800 * n:12d} |{rest}"]


def timm(n: int, loss: str) -> list[str]:
    time = "Time: 0.100s,   80.00/s  (0.100s,   80.00/s)"
    return [f"Train: 0 [{100 * n - 1:4d}/9000 (  1%)]  Loss:  {loss} ({loss})  {time}  LR: 5.000e-07"]


REPORTS: dict[str, Callable[[int, str], list[str]]] = {
    "internevo": internevo,
    "keras": lambda n, loss: [f"Epoch {n}/99", f"100/100 - 10s - 100ms/step - accuracy: 0.1 - loss: {loss}"],
    "megatron": megatron,
    "mindspore": lambda n, loss: [
        f"epoch: {n} step: 100, loss is {loss}",
        "Train epoch time: 10000.000 ms, per step time: 100.000 ms",
    ],
    "mllog": mllog,
    "paddle-hapi": lambda n, loss: [f"Epoch {n}/99", f"step 100/100 - loss: {loss} - acc: 0.1 - 100ms/step"],
    "paddleclas": lambda n, loss: [
        f"[Train][Epoch {n}/99][Iter: 99/100]lr: 0.1, loss: {loss}, batch_cost: 0.10000s, ips: 40.0 samples/s",
        f"[Train][Epoch {n}/99][Avg]loss: {loss}",
    ],
    "pattern": lambda n, loss: [f"step {100 * n} loss {loss} img/s: 80.0"],
    "perflog": perflog,
    "sixdim": sixdim,
    "timm": timm,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "internevo": {"tokens_per_sample": 10},
    "pattern": {"speed": r"step (?P<step>\d+) loss (?P<loss>\S+) img/s: (?P<speed>\S+)", "kind": "train"},
}
IN_EPOCHS = ("keras", "mindspore", "paddle-hapi", "paddleclas")


def reported(name: str, reports: int, loss: str = CHANGING) -> tuple[Any, Iterator[Event]]:
    """The dialect, and the events of so many reports, as the agent would take them."""
    measure = EPOCHS if name in IN_EPOCHS else MEASURE
    job = Job(cards=2, batch_size=4, metric="accuracy", measure=measure)
    dialect = make_dialect(name, OPTIONS.get(name, {}), job=job)

    def events() -> Iterator[Event]:
        for n in range(1, reports + 1):
            lines = REPORTS[name](n, loss.format(9 / n))
            for text in lines:
                seen = 10.0 * n - (10.0 if text is lines[0] and text.startswith("Epoch ") else 0.0)
                for event in dialect.read(text, seen=seen, rank=0):
                    yield event_from(event_record(event), seen=seen, rank=0)

    return dialect, events()


def test_every_format_is_here() -> None:
    assert set(REPORTS) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_window_is_complete_after_its_fifth_segment_and_has_the_speed_of_the_whole_job(name: str) -> None:
    course, events = Course(5), []
    for event in reported(name, 12)[1]:
        course.take(event)
        events.append(event)
        if course.window_complete is not None:
            break
    assert course.window_complete is not None
    found = measure_speed(read_window(events, MEASURE, CONFIGURATION), cards=2)
    assert (found.value, found.suspect) == (pytest.approx(80.0), ())


@pytest.mark.parametrize("name", DIALECTS)
def test_losses_that_are_not_finite_mean_divergence(name: str) -> None:
    """Two of them are none: under fp16 loss scaling they are normal."""
    sound = list(reported(name, 5)[1])
    assert divergence(sound) is None
    assert any(isinstance(event, Progress) and event.loss for event in sound)
    job = Job(cards=2, batch_size=4, metric="accuracy", measure=MEASURE)
    dialect = make_dialect(name, OPTIONS.get(name, {}), job=job)
    course = Course(5)
    for n in range(1, 6):
        assert course.diverged is None
        for text in REPORTS[name](n, "nan" if n > 2 else "1.5"):
            for event in dialect.read(text, seen=10.0 * n, rank=0):
                course.take(event_from(event_record(event), seen=10.0 * n, rank=0))
    assert course.diverged is not None


@pytest.mark.parametrize("name", DIALECTS)
def test_of_a_long_log_no_more_is_kept_than_of_a_short_one(name: str) -> None:
    def size(reports: int) -> int:
        dialect, events = reported(name, reports)
        for _ in events:
            pass
        return held_by(dialect)

    assert size(2000) <= size(200) + 500


@pytest.mark.parametrize("name", DIALECTS)
def test_a_line_that_claims_to_be_an_event_and_is_none_is_said_to_be_broken(name: str) -> None:
    """Whatever is cut out of a line, no other exception comes of it."""
    dialect = reported(name, 1)[0]
    for text in REPORTS[name](3, "1.5"):
        for place in range(len(text)):
            try:
                list(dialect.read(text[:place] + text[place + 3 :], seen=30.0, rank=0))
            except EventError:
                continue


@pytest.mark.parametrize("name", DIALECTS)
def test_the_same_option_means_the_same_in_all(name: str) -> None:
    path, _, kind = DIALECTS[name].partition(":")
    options = getattr(__import__(path, fromlist=[kind]), kind)
    known = getattr(options, "OPTIONS", {})
    assert known.get("scale", METRIC_OPTIONS["scale"]) == METRIC_OPTIONS["scale"]


class Plain:
    """A format of somebody else's, of the time before dialects were told of the run."""

    reports_end = False

    def __init__(self, word: str = "step") -> None:
        self.word = word

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        if line == self.word:
            yield Progress(t=seen, seen=seen, rank=rank)


class Told(Plain):
    """One that is."""

    OPTIONS: ClassVar[dict[str, str]] = {"word": "what stands in its lines"}

    def __init__(self, job: Job | None = None, *, word: str = "step") -> None:
        super().__init__(word)
        self.job = job


@pytest.mark.parametrize("kind", [Plain, Told])
def test_a_format_of_somebody_elses_is_told_of_the_run_only_where_it_names_its_options(kind: type[Plain]) -> None:
    job = Job(cards=2)
    dialect = make_dialect("own", {"word": "x"}, {"own": f"{__name__}:{kind.__name__}"}, job=job)
    assert len(list(dialect.read("x", seen=1.0, rank=0))) == 1
    assert getattr(dialect, "job", job) is job
