"""Recorded logs, written for tests in the formats that programs print: of a run that began at BEGAN."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

#: 2022-11-21 12:00:00 UTC.
BEGAN = 1669032000.0
CHINA = 8 * 3600.0
CASE = """\
sixdim: 1
name: tiny
title: Tiny
task: image classification
metric: {{name: top1, unit: "%", better: higher, target: 75.9}}
train: {{program: train.py}}
log: {{{log}}}
measure: {{warmup_steps: 50, steady: false}}
configurations:
{configurations}
"""
ONE = "  - {vendor: nvidia, precision: amp-fp16, batch_size: 32, cards: 2}"


def case(directory: Path, configurations: str = ONE, log: str = "format: sixdim") -> Path:
    """A case file beside an empty program."""
    path = directory / "tiny.case.yaml"
    path.write_text(CASE.format(configurations=configurations, log=log))
    (directory / "train.py").touch()
    return path


def sixdim_log(
    path: Path,
    *,
    seconds: float = 20.0,
    segments: int = 5,
    values: Sequence[float | None] = (70.0, 76.0),
    end: str | None = "success",
    loss: float = 2.0,
    batch: int = 64,
    stamped: bool = True,
    begin: float = BEGAN,
) -> Path:
    """A log of the project's own format: `segments` of 50 steps and `seconds` each, then evaluations."""
    t = begin
    events: list[dict[str, Any]] = [{"event": "warmup_end", "t": t, "step": 50}]
    for index in range(1, segments + 1):
        t += seconds
        counts = {"index": index, "samples": 50 * batch, "steps": 50, "seconds": seconds, "loss": loss / index}
        events.append({"event": "segment", "t": t, **counts})
    for epoch, value in enumerate(values, 1):
        t += 1.0
        events.append({"event": "evaluation", "t": t, "value": value, "epoch": epoch, "seconds": 0.5})
    if end is not None:
        events.append({"event": "end", "t": t, "status": end})
    for event in events if not stamped else ():
        del event["t"]
    path.write_text("starting\n" + "".join(f"[sixdim] {json.dumps(event)}\n" for event in events))
    return path


def perf_log(
    path: Path,
    *,
    steps: int = 400,
    step_seconds: float = 1.5,
    batch: int = 2048,
    accuracy: float = 76.2,
    loss: float = 6.0,
    begin: float = BEGAN,
) -> Path:
    """rank0.out.log of FlagPerf, made from its printed format: a STEP_END every ten steps, one evaluation, FINISHED."""
    lines = ["libibverbs: Warning: no devices", _perf("INIT_START", begin - 100), _perf("TRAIN_START", begin)]
    for step in range(10, steps + 1, 10):
        value = {
            "loss": loss / step,
            "epoch": 1,
            "global_steps": step,
            "num_trained_samples": step * batch,
            "img/s": batch / step_seconds,
        }
        lines.append(_perf("STEP_END", begin + step * step_seconds, value, step=step))
    end = begin + steps * step_seconds
    lines.append(_perf("EVALUATE", end + 20, {"global_steps": steps, "eval_top1": accuracy, "time": 20.0}))
    lines.append(_perf("TRAIN_END", end + 21))
    lines.append(
        _perf("FINISHED", end + 22, {"e2e_time": end + 122 - begin, "converged": True, "final_top1": accuracy})
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def _perf(event: str, unix: float, value: dict[str, Any] | None = None, step: int | None = None) -> str:
    record: dict[str, Any] = {"event": event}
    if value is not None:
        record["value"] = value
    if step is not None:
        record["step"] = step
    place = {"file": "/workspace/flagperf/training/run_pretraining.py", "lineno": 127}
    return f"[PerfLog] {json.dumps({**record, 'metadata': {**place, 'time_ms': int(unix * 1000), 'rank': -1}})}"


def stamp(unix: float, offset: float = CHINA) -> str:
    """A monitor's line with the time of day."""
    return datetime.fromtimestamp(unix + offset, timezone.utc).strftime("%Y-%m-%d-%H:%M:%S")


def monitor(path: Path, readings: Iterable[tuple[float, Sequence[str]]], offset: float = CHINA) -> Path:
    """A monitor's log: of each reading its time (s since 1970) and what the tool printed."""
    path.write_text(
        "".join(f"{stamp(t, offset)}\n" + "".join(f"{line}\n" for line in lines) + "\n" for t, lines in readings)
    )
    return path


def every_five_seconds(
    begin: float, end: float, cards: int = 8, trained: float = BEGAN
) -> list[tuple[float, list[str]]]:
    """Readings of nvidia_monitor.log: idle before `trained`, then near 300 W, card n with n MiB more than 20000."""
    found = []
    for number in range(int((end - begin) // 5)):
        t = begin + 5.0 * number
        watts = 60 if t < trained else 300 + number % 3
        used = [15 if t < trained else 20000 + card for card in range(cards)]
        found.append((t, [f"31C {watts}W {size}MiB 40536MiB 97%" for size in used]))
    return found


def flagperf_run(directory: Path, *, rounds: int = 1, cards: int = 8, offset: float = CHINA) -> Path:
    """The directory of a FlagPerf run, laid out as training/README.md shows it."""
    root = directory / "run20221121191924"
    for number in range(1, rounds + 1):
        node = root / "resnet50:pytorch:A100:1:8:1" / f"round{number}" / "10.1.2.2_noderank0"
        node.mkdir(parents=True)
        began = BEGAN + 3600.0 * (number - 1)
        perf_log(node / "rank0.out.log", accuracy=76.0 + number / 10, loss=6.0 + number, begin=began)
        for rank in range(1, cards):
            (node / f"rank{rank}.out.log").write_text(f"rank {rank} says nothing\n")
        monitor(node / "nvidia_monitor.log", every_five_seconds(began - 150, began + 700, cards, began), offset)
        (node / "nvidia_monitor.log").write_text(
            (node / "nvidia_monitor.log").read_text() + f"{stamp(began + 705, offset)}\n\n"
        )
        for other in ("cpu", "mem", "pwr"):
            (node / f"{other}_monitor.log").write_text(f"{stamp(BEGAN, offset)}\t0.5\n")
        (node / "start_pytorch_task.log").write_text("started\n")
    return root
