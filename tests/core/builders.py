"""Small whole values to test the arithmetic on: a clean run of five segments, its cards, a case and a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.core.baseline import Baseline, Figure
from pytest_sixdim.core.case import Case, Configuration, Measure, Metric, Train
from pytest_sixdim.core.events import End, Evaluation, Event, Progress, Segment, Start, WarmupEnd
from pytest_sixdim.core.records import CardInfo, RunRecord, RunResult, SampleLog, Series, Source
from pytest_sixdim.core.results import Measured, Measurements
from pytest_sixdim.core.window import Window, read_window

#: 8 cards of 16 samples: 100 steps a segment are 12 800 samples.
CONFIGURATION = Configuration("nvidia", "amp-bf16", 16, cards=8)
METRIC = Metric("top1", "%", "higher", 75.9, generated_target=95.0)
#: Training begins at START, warm-up ends at BORDER.
START, BORDER = 100.0, 200.0


def at(t: float, **fields: Any) -> dict[str, Any]:
    """Both stamps of an event."""
    return {"t": t, "seen": t, **fields}


def start(**fields: Any) -> Start:
    given = {"role": "full", "world_size": 8, "data": "real", "precision_probe": {"matmul": 8, "convolution": 8}}
    return Start(**{**at(START), **given, **fields})


def warmup_end(**fields: Any) -> WarmupEnd:
    return WarmupEnd(**{**at(BORDER), "steady": True, **fields})


def segment(index: int, **fields: Any) -> Segment:
    """The segment that ends at BORDER + 10 s x index: 100 steps of 128 samples in 10 s."""
    given = {"index": index, "samples": 12800, "seconds": 10.0, "steps": 100, "loss": 2.0 - index / 10}
    return Segment(**{**at(BORDER + 10.0 * index), **given, **fields})


def evaluation(t: float, value: float | None, **fields: Any) -> Evaluation:
    return Evaluation(**{**at(t), "value": value, "metric": "top1", "seconds": 1.0, **fields})


def progress(t: float, **fields: Any) -> Progress:
    return Progress(**{**at(t), **fields})


def events(*segments: Segment, more: Iterable[Event] = ()) -> tuple[Event, ...]:
    """A clean run: its segments (five by default) and what else happened, in the order of the stamps."""
    counted = segments or tuple(segment(index) for index in range(1, 6))
    return tuple(sorted((start(), warmup_end(), *counted, *more), key=lambda event: event.t))


def window(
    reported: Sequence[Event] | None = None,
    measure: Measure | None = None,
    configuration: Configuration = CONFIGURATION,
    *,
    recorded: bool = False,
) -> Window:
    reports = events() if reported is None else reported
    return read_window(reports, measure or Measure(), configuration, recorded=recorded)


def series(
    read: Callable[[float], float | None], begin: float = 90.0, end: float = 260.0, period: float = 0.1
) -> Series:
    """Readings every `period` from `begin` to `end`; the instants carry no error that adds up."""
    times = tuple(begin + period * i for i in range(round((end - begin) / period) + 1))
    return Series(times, tuple(read(t) for t in times))


def log(
    cards: int = 1,
    total_bytes: int | None = 80 * 2**30,
    sources: Mapping[str, Source] | None = None,
    unavailable: Mapping[str, str] | None = None,
    **channels: Sequence[Series],
) -> SampleLog:
    """One node's readings: `power=[one Series a card]` and so on."""
    infos = tuple(CardInfo(index, f"GPU-{index}", "a card", total_bytes) for index in range(cards))
    known = {"energy": Source("nvml", "counter"), "power": Source("nvml", "instant"), "memory": Source("nvml", "used")}
    return SampleLog(
        infos,
        {**{channel: known.get(channel, Source("nvml", channel)) for channel in channels}, **(sources or {})},
        {channel: tuple(readings) for channel, readings in channels.items()},
        unavailable or {},
    )


def case(**fields: Any) -> Case:
    given: dict[str, Any] = {
        "name": "resnet50",
        "title": "ResNet-50",
        "task": "image classification",
        "path": Path("resnet50.case.yaml"),
        "metric": METRIC,
        "train": Train(Path("train.py")),
        "configurations": (CONFIGURATION,),
    }
    return Case(**{**given, **fields})


def run(
    index: int = 1,
    values: Sequence[float | None] = (76.0,),
    status: str = "completed",
    losses: Sequence[float | None] = (),
    more: Iterable[Event] = (),
    seed: int | None = None,
    **fields: Any,
) -> RunRecord:
    """A full run that evaluates at 1000, 2000, ... s and reports `losses`, by default ones of its own."""
    own = losses or [1.0 / (index + 1) + step for step in range(3)]
    reported: list[Event] = [start()]
    reported += [
        progress(START + 1 + i, loss=loss, step=i, diverged=loss is None, skipped=False) for i, loss in enumerate(own)
    ]
    reported += [
        evaluation(1000.0 * (i + 1), value, epoch=i + 1, trained_samples=50_000 * (i + 1), diverged=value is None)
        for i, value in enumerate(values)
    ]
    reported += [*more, End(**at(1e5), status="success")]
    return RunRecord(
        role=fields.pop("role", "full"),
        index=index,
        seed=index if seed is None else seed,
        result=RunResult(status, "program", **fields),
        events=tuple(reported),
        samples=(),
        order={},
        directory=Path(f"full-{index}"),
    )


def figure(text: str, unit: str = "", **fields: Any) -> Figure:
    return Figure(text, unit, **{"value": float(text), **fields})


def baseline(**fields: Any) -> Baseline:
    """One entry that matches CONFIGURATION on a BI-V100."""
    given: dict[str, Any] = {
        "vendor": "nvidia",
        "card": "h200",
        "nodes": 1,
        "cards": 8,
        "precision": "amp-bf16",
        "batch_size": 16,
        "speed_kind": "train",
        "source": "README.md#L12",
        "date": "2024-12",
        "figures": {
            "speed": figure("1000.0", "samples/s"),
            "power": figure("500.0", "W"),
            "memory": figure("40.0", "GiB"),
            "accuracy": figure("76.4", "%"),
            "linearity": figure("0.96"),
            "stability": figure("1"),
        },
    }
    return Baseline(**{**given, **fields})


def measurements(**fields: Any) -> Measurements:
    given: dict[str, Any] = {"dimensions": {}, "card": "h200", "data": "real", "quick": False}
    return Measurements(**{**given, **fields})


def speed(value: float = 1000.0, **fields: Any) -> Measured:
    kinds = {"compute": value * 1.1, "train": value, "whole": value * 0.9}
    return Measured("samples/s", value, **{"detail": {"kinds": kinds}, **fields})
