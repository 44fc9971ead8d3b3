"""The cases' programs in tests: imported from their folders, and run on one rank and on two."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.events import Event
from tests.training.conftest import events
from tests.training.programs import LAUNCH, ROOT, TORCHRUN, launch, write

CASES = ROOT / "cases"

#: Runs the program of a folder, and leaves what each rank found: before training and after it.
REPORTED = """
import hashlib, json, sys
sys.path.insert(0, {folder!r})
from pytest_sixdim.training import loop

def train(run, source, *, model, evaluate, given=loop.train, **options):
    with loop.evaluating(model, run):
        value, samples = evaluate()
    given(run, source, model=model, evaluate=evaluate, **options)
    weights = b"".join(weight.detach().cpu().numpy().tobytes() for weight in model.parameters())
    found = dict(value=value, samples=samples, weights=hashlib.sha256(weights).hexdigest(), steps=run.steps)
    with open("rank-%d-of-%d.json" % (run.rank, run.world_size), "w") as file:
        json.dump(found, file)

loop.train = train
sys.argv[1:] = {arguments!r}
import train as program
program.main()
"""


def needs(*names: str) -> None:
    """Skips the module where a library is not installed. None is imported: every worker collects every module."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}, which is not installed", allow_module_level=True)


@contextlib.contextmanager
def imported(folder: str, *names: str) -> Iterator[list[ModuleType]]:
    """Modules of `cases/<folder>`, as its program would import them; nothing of that folder stays imported."""
    directory = CASES / folder
    sys.path.insert(0, str(directory))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(directory))
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "/").parent == directory:
                del sys.modules[name]


def alone(rank: int = 0, world_size: int = 1, seed: int = 1) -> Any:
    """A run on a CPU as sources and evaluations know it; with several ranks `total` is this rank's part."""
    import torch

    def total(value: float) -> float:
        return float(value)

    place = {"rank": rank, "local_rank": rank, "world_size": world_size, "device": torch.device("cpu")}
    about = {"seed": seed, "data": "generated", "precision": "fp32", "epoch": 0, "steps": 0}
    return SimpleNamespace(**place, **about, total=total, autocast=contextlib.nullcontext)


def told(metric: dict[str, Any] | None = None, data: Path | None = None, **changes: Any) -> dict[str, Any]:
    """What run.json says of a full run with three segments of a step each, which never meets its target."""
    return {
        "role": "full",
        "seed": 1,
        "measure": {"warmup_steps": 2, "steady": False, "segment_steps": 1, "segment_seconds": 0, "segments": 3},
        "metric": metric or {"name": "top1", "better": "higher", "target": 1e9},
        "data": {"kind": "generated" if data is None else "real", "path": None if data is None else str(data)},
        "device": "cpu",
        "imports": [],
        "backend": "gloo",
        "precision": "fp32",
        "batch_size": 2,
        "amp": "torch.amp",
        "paths": {},
        **changes,
    }


@dataclass(frozen=True)
class Ended:
    """A run of a program: what each rank found (value and samples before training; weights, steps), and its events."""

    ranks: list[dict[str, Any]]
    events: list[Event]

    def event(self, kind: str) -> Any:
        """The last event of a kind."""
        return [event for event in self.events if event.kind == kind][-1]


def run_here(
    folder: str,
    arguments: list[str],
    settings: dict[str, Any],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[Event]:
    """Runs `cases/<folder>/train.py` in this process, which saves the start of another; returns its events."""
    path = directory / "run.json"
    path.write_text(json.dumps(settings))
    for name in LAUNCH:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIXDIM_RUN", str(path))
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with imported(folder, "train") as (program,):
        program.main()
    return events(capsys.readouterr().out)


def run_on(
    ranks: int, folder: str, arguments: list[str], directory: Path, settings: dict[str, Any] | None = None
) -> Ended:
    """Runs `cases/<folder>/train.py` on so many ranks (under torchrun where there are several); it has to succeed.

    settings: run.json, by default as `told` gives it for a batch of two in fp32.
    """
    directory = directory / f"on-{ranks}"
    directory.mkdir()
    program = write(directory, REPORTED.format(folder=str(CASES / folder), arguments=arguments))
    launcher = [sys.executable] if ranks == 1 else [*TORCHRUN, f"--nproc-per-node={ranks}"]
    result = launch([*launcher, program], settings or told(), directory)
    assert result.returncode == 0, result.stderr
    found = [json.loads((directory / f"rank-{rank}-of-{ranks}.json").read_text()) for rank in range(ranks)]
    return Ended(found, events(result.stdout))
