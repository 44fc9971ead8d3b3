"""The helper alone, in an interpreter that has neither the package nor torch."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from pytest_sixdim.agent.command import SHIPPED, ship
from tests.old_python import python38

from .conftest import events, settings
from .programs import launch, write

OLDEST = python38()
PROGRAM = """
    from pytest_sixdim import training

    run = training.start(seed=3)
    for epoch in run.epochs(2):
        for samples in run.batches([4] * 20):
            run.step(samples=samples, loss=0.5)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value, evaluation.samples = 50.0, 100
    run.finish()
"""


def copied(directory: Path) -> Path:
    """The directory for PYTHONPATH that the agent makes."""
    path = directory / "path"
    ship(path)
    return path


@pytest.mark.parametrize("source", SHIPPED, ids=lambda source: source.name)
def test_syntax_is_that_of_python_3_8(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    "python",
    [sys.executable, pytest.param(OLDEST, marks=pytest.mark.skipif(OLDEST is None, reason="no Python 3.8 here"))],
    ids=["this", "python3.8"],
)
def test_a_program_without_torch_runs_from_a_copy_of_the_file(python: str, tmp_path: Path) -> None:
    program = write(tmp_path, PROGRAM)
    result = launch([python, "-W", "error", program], settings(role="window"), tmp_path, copied(tmp_path))
    assert result.returncode == 0, result.stderr
    seen = events(result.stdout)
    assert [event.kind for event in seen if event.kind != "progress"] == [
        "start",
        "warmup_end",
        "segment",
        "evaluation",
        "segment",
        "segment",
        "end",
    ]
    assert seen[-1].status == "success"  # type: ignore[attr-defined]


def test_an_exception_keeps_its_traceback_and_exit_code_and_no_end_is_printed(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        from pytest_sixdim import training

        run = training.start()
        for _ in range(20):
            run.step(samples=4)
        raise LookupError("no such image")
        """,
    )
    result = launch([sys.executable, program], settings(), tmp_path, copied(tmp_path))
    assert result.returncode == 1
    assert result.stderr.endswith("LookupError: no such image\n")
    assert [event.kind for event in events(result.stdout)] == ["start", "warmup_end", "segment"]
