"""A campaign of two runs, the second of which meets a fault; and the search for whatever is left of it."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import HANGS, Job, job
from tests.faults.disks import Disk, run_where_one_may_mount, small_disk
from tests.plugin.conftest import PROGRAMS, Bench, bench

CONFIGURATIONS = "  - {{vendor: {vendor}, precision: fp32, batch_size: 32, cards: {cards}}}"


class Campaign:
    """pytest --sixdim on a case whose second run (seed 2) meets a fault of tests/programs/faulty.py.

    Attributes:
        token: in the environment of all that the campaign starts, and in the command line of what a fault starts.
        text: what pytest printed.
    """

    def __init__(self, bench: Bench, token: str) -> None:
        self.bench = bench
        self.token = token
        self.text = ""
        self.configuration = ""

    def case(
        self, fault: str, *args: str, cards: int = 1, vendor: str = "cpu", stall: str = "60 s", extra: str = ""
    ) -> None:
        """Write the case; `args` are added to the program's."""
        self.configuration = f"{vendor}-fp32-bs32-1x{cards}"
        arguments = ("--fault", fault, "--token", self.token, *args)
        lines = CONFIGURATIONS.format(vendor=vendor, cards=f"[{cards}]")
        path = self.bench.case("tiny", *arguments, configurations=lines, stall=stall, timeout="5 min", extra=extra)
        shutil.copy(PROGRAMS / "faulty.py", path.parent)
        path.write_text(path.read_text().replace("program: steps.py", "program: faulty.py"))

    def run(self, *options: str) -> None:
        """Both runs, unless `options` select others; afterwards no process of them may be left."""
        chosen = options or ("-m", "stability or speed", "--sixdim-runs", "2")
        self.text = self.bench.run("-v", *chosen).stdout.str()
        assert "INTERNALERROR" not in self.text
        assert left(self.token) == []

    def result(self, run: str) -> dict[str, Any]:
        """A run's result.json."""
        return self.bench.result(run, self.configuration)

    def dimension(self, name: str) -> dict[str, Any]:
        """A dimension of the scorecard."""
        return dict(self.bench.scorecard(self.configuration)["dimensions"][name])

    def events(self, run: str) -> list[str]:
        """The kinds of events of a run."""
        path = self.bench.session / "tiny" / self.configuration / run / "node-0" / "events.jsonl"
        return [line.split('"')[3] for line in path.read_text().splitlines()[1:]]


@pytest.fixture
def campaign(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    token = f"token-{uuid.uuid4().hex}"
    monkeypatch.setenv("TOKEN_OF_THIS_TEST", token)
    return Campaign(bench, token)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of 1 MiB."""
    with small_disk(tmp_path / "disk", "1m") as made:
        yield made


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests that need a disk of their own are run again where they may have one."""
    disk = pyfuncitem.funcargs.get("disk")
    if not isinstance(disk, Disk) or not disk.why:
        return None
    run_where_one_may_mount(pyfuncitem, disk.why)
    return True


def left(token: str) -> list[int]:
    """Living processes, of this user or not, whose environment or command line holds `token`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if token.encode() in text and not is_zombie(entry):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def is_zombie(entry: Path) -> bool:
    """Whether a process has ended, and only its parent has not noticed."""
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"


def until(condition: Callable[[], object], what: str, limit: float = HANGS) -> None:
    """Wait until `condition()` holds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)


__all__ = ["Bench", "Campaign", "Job", "bench", "campaign", "job", "left", "until"]
