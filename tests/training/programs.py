"""Training programs of a few lines, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
#: What a launch of the tests themselves may have left in the environment.
LAUNCH = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SIXDIM_RUN")


def launch(
    command: Sequence[str | Path], told: dict[str, Any] | None, directory: Path, path: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Runs a program in `directory`, with `path` on its PYTHONPATH and `told` as its run.json (None: by hand)."""
    environment = {name: value for name, value in os.environ.items() if name not in LAUNCH}
    environment |= {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    if told is not None:
        run = directory / "run.json"
        run.write_text(json.dumps(told))
        environment["SIXDIM_RUN"] = str(run)
    return subprocess.run(
        [str(part) for part in command], cwd=directory, env=environment, capture_output=True, text=True, timeout=280
    )


def write(directory: Path, text: str) -> Path:
    """A program in `directory`."""
    path = directory / "program.py"
    path.write_text(textwrap.dedent(text))
    return path
