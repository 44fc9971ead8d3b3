"""pytest --sixdim as a process that a test can watch, on a case whose second run meets a fault of the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import read_json
from tests.plugin.conftest import PROGRAMS, Bench

ONE = "cpu-fp32-bs32-1x1"


def case(bench: Bench, name: str, *args: str, program: str = "disk_faults.py", **options: Any) -> None:
    """A case of one configuration; `args` are its program's."""
    path = bench.case(name, *args, configurations="  - {vendor: cpu, precision: fp32, batch_size: 32}", **options)
    shutil.copy(PROGRAMS / program, path.parent)
    path.write_text(path.read_text().replace("program: steps.py", f"program: {program}"))


def start(bench: Bench, token: str, *options: str | Path) -> subprocess.Popen[bytes]:
    """pytest in a session of its own; what it prints goes to the file `out`, and `token` into its environment."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--sixdim", "--sixdim-python", bench.python]
    with (bench.path / "out").open("wb") as out:
        return subprocess.Popen(
            [*map(str, command), *map(str, options)],
            cwd=bench.path,
            env={**os.environ, "TOKEN_OF_THIS_TEST": token},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def printed(bench: Bench) -> str:
    """What pytest has printed; never a traceback of ours."""
    text = (bench.path / "out").read_text()
    assert "INTERNALERROR" not in text, text
    assert "Traceback" not in text, text
    return text


def verdicts(session: Path, case: str = "tiny") -> Mapping[str, str | None]:
    """What a session's scorecard says, by dimension; None where nothing was asked."""
    card = read_json(session / case / ONE / "scorecard.json")
    return {name: result and result["verdict"] for name, result in card["dimensions"].items()}


def leftovers(folder: Path) -> list[str]:
    """Half-written files: what is renamed once it is whole."""
    return [str(path) for path in folder.rglob(".*") if path.is_file() and path.name != ".lock"]
