"""A training program without a device: a clock that is set by hand, and the events that it printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim import training
from pytest_sixdim.core.events import Event, event_from
from pytest_sixdim.training import run, starting

PLACE = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SIXDIM_RUN")
SHORT = {"warmup_steps": 4, "steady": False, "segment_steps": 10, "segment_seconds": 0.0, "segments": 3}


class Clock:
    """Stands in for the module time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def events(text: str, rank: int = 0) -> list[Event]:
    """The events among the lines of a program's output, as the sixdim dialect reads them."""
    lines = [line for line in text.splitlines() if line.startswith("[sixdim] ")]
    return [event_from(json.loads(line[len("[sixdim] ") :]), seen=0.0, rank=rank) for line in lines]


def settings(**changes: Any) -> dict[str, Any]:
    """What run.json says, as docs/formats.md has it."""
    metric = {"name": "top1", "unit": "%", "better": "higher", "target": 90.0, "samples": 100}
    return {
        "schema": 1,
        "case": "tiny",
        "configuration": "cpu-fp32-bs4-1x1",
        "role": "full",
        "index": 1,
        "seed": 3,
        "measure": {**SHORT, **changes.pop("measure", {})},
        "metric": {**metric, **changes.pop("metric", {})},
        "data": {"kind": "real", "path": None},
        "device": "cpu",
        "imports": [],
        "backend": "gloo",
        "precision": "fp32",
        "batch_size": 4,
        "budget": None,
        "paths": {"run_dir": "/"},
        **changes,
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (run, starting):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process, started by hand, that does not use torch."""
    for name in PLACE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: None) -> Callable[..., dict[str, Any]]:
    """Writes run.json with these changes, as the agent would."""

    def write(**changes: Any) -> dict[str, Any]:
        path = tmp_path / "run.json"
        path.write_text(json.dumps(settings(**changes)))
        monkeypatch.setenv("SIXDIM_RUN", str(path))
        return settings(**changes)

    return write


@pytest.fixture
def reported(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Any]]:
    """The events printed so far, and not asked for before; of one kind, if named."""
    seen: list[Event] = []

    def read(kind: str = "") -> list[Any]:
        seen.extend(events(capsys.readouterr().out))
        return [event for event in seen if kind in ("", event.kind)]

    return read


@pytest.fixture
def train(clock: Clock) -> Callable[..., None]:
    """Makes steps of one second, four samples each."""

    def steps(
        run: training.Run, count: int, seconds: float = 1.0, samples: int = 4, losses: Iterable[Any] = ()
    ) -> None:
        values = iter(losses)
        for _ in range(count):
            clock.advance(seconds)
            run.step(samples=samples, loss=next(values, None))

    return steps
