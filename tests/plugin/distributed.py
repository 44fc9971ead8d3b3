"""pytest with workers, of which one may be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.plugin.conftest import Bench, strays
from tests.plugin.test_interruption import ONE, until

LIMIT = 240.0


class Distributed:
    """pytest with workers, in a process group of its own. `mark` is in the environment of all that it starts."""

    def __init__(self, bench: Bench, *args: str, python: str = sys.executable) -> None:
        self.bench = bench
        self.mark = f"workers-of-{os.getpid()}-{bench.path.name}"
        self.out = bench.path / "out"
        options = ("--sixdim", "--sixdim-python", str(bench.python), "--junitxml=junit.xml", *args)
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [python, "-m", "pytest", *options],
                cwd=bench.path,
                env={**os.environ, "MARK_OF_THIS_TEST": self.mark},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until_segments(self, run: str, case: str = "tiny") -> None:
        """Wait until a run is in its segments."""
        events = self.bench.results / "latest" / case / ONE / run / "node-0" / "events.jsonl"
        until(lambda: events.exists() and events.read_text().count('"segment"') >= 2, f"segments of {run}", LIMIT)

    def kill_worker_of(self, run: str, case: str = "tiny") -> None:
        """SIGKILL for the worker that launched a run: the agent's parent."""
        order = (self.bench.results / "latest").resolve() / case / ONE / run / "order.json"
        (agent,) = (pid for pid in strays(self.mark) if _is_agent(pid, order))
        fields = Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()
        os.kill(int(fields[1]), signal.SIGKILL)

    def end(self) -> int:
        """The exit code, after every process has ended."""
        code = self.process.wait(LIMIT)
        until(lambda: not strays(self.mark), "every process to end", LIMIT)
        return code

    def text(self) -> str:
        return self.out.read_text()

    def launches(self, run: str) -> int:
        """How often a run was launched, as the display tells."""
        return len(re.findall(rf"^\[gw\d\] .*{re.escape(run)}, seed", self.text(), re.MULTILINE))

    def outcomes(self) -> dict[str, list[str]]:
        """By case and dimension: what each of its testcases in JUnit holds; none for a pass."""
        found: dict[str, list[str]] = {}
        for case in ElementTree.parse(self.bench.path / "junit.xml").iter("testcase"):
            tags = [child.tag for child in case if child.tag != "system-out"]
            name = f"{case.attrib['classname']}.{case.attrib['name'].partition('[')[0]}"
            found.setdefault(name, []).append(tags[0] if tags else "passed")
        return found


def _is_agent(pid: int, order: Path) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return "pytest_sixdim.agent" in command and str(order) in command
