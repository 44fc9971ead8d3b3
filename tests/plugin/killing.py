"""Campaigns that are killed again and again and resumed, and what must be the same in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds that anything may take before it counts as stuck.
PATIENCE = 180.0
#: What differs between two campaigns that came to the same: times, places, what sampling cost.
VARYING = frozenset({"seconds", "directory", "sampler", "reused", "noise", "neighbours"})
#: Files that appear below the session's folder while it starts, and while one run goes on.
FILES_A_RUN = 12

Snapshot = dict[str, tuple[int, int, bytes]]


@dataclass
class Campaign:
    """One campaign below `directory`; `command` starts its pytest, whose processes all carry `mark`."""

    directory: Path
    command: list[str]
    mark: str
    runs: int

    @property
    def results(self) -> Path:
        """Where its sessions are."""
        return self.directory / "results"

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Its pytest."""
        with (self.directory / "out").open("wb") as out:
            return subprocess.Popen(
                [*self.command, "--sixdim-results", str(self.results), *more],
                cwd=self.directory,
                env={**os.environ, "MARK_OF_THIS_TEST": self.mark},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run_through(self, *more: str) -> str:
        """Run to the end; what pytest printed."""
        process = self.start(*more)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
        return (self.directory / "out").read_text(errors="replace")

    def processes(self, *words: str) -> list[int]:
        """Its processes whose command line has one of the words; all of them without words."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        if not words or any(word in line for word in words):
                            found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def sessions(self) -> list[Path]:
        """The folders of its sessions, those that were killed before their session.json too."""
        return sorted(path for path in self.results.glob("*") if path.is_dir() and not path.is_symlink())

    def scorecards(self) -> dict[str, Any]:
        """Of its latest session, by configuration, without what differs anyway."""
        latest = self.results / "latest"
        found = {str(path.parent.relative_to(latest)): path.read_text() for path in latest.glob("*/*/scorecard.json")}
        return {name: plain(json.loads(text)) for name, text in found.items()}


def plain(value: Any) -> Any:
    """A scorecard without what differs between two campaigns."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in VARYING}
    return [plain(item) for item in value] if isinstance(value, list) else value


def snapshot(directory: Path) -> Snapshot:
    """Mode, time of change and content of every file."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that must come to pass."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


def kill_and_resume(campaign: Campaign, kills: int, luck: random.Random, say: Callable[[str], None] = print) -> str:
    """Kill a campaign so many times at random moments, each time resuming the last session, then let it end.

    A moment is a number of files below the newest session's folder and a fraction of a second, so that it does not
    depend on the speed of the machine. Returns what the last pytest printed.
    """
    kept: dict[Path, Snapshot] = {}
    for number in range(kills):
        before = campaign.sessions()
        process = campaign.start(*(["--sixdim-resume", "last"] if (campaign.results / "latest").exists() else []))
        files, delay = luck.randrange(FILES_A_RUN * campaign.runs), luck.uniform(0.0, 0.4)
        agents_too, at_once = luck.random() < 0.5, luck.random() < 0.3

        def there(files: int = files, before: list[Path] = before, process: Any = process) -> bool:
            new = [path for path in campaign.sessions() if path not in before]
            return process.poll() is not None or (bool(new) and sum(1 for _ in new[0].rglob("*")) >= files)

        until(there, f"{files} files")
        time.sleep(delay)
        ended = process.poll() is not None
        process.kill()
        process.wait(PATIENCE)
        if agents_too:
            for pid in campaign.processes("pytest_sixdim.agent"):
                os.kill(pid, signal.SIGKILL)
        new = [path for path in campaign.sessions() if path not in before]
        how = "had ended" if ended else f"killed{' with its agents' if agents_too else ''}"
        say(f"kill {number + 1}: {how} at {files} files + {delay:.2f} s, {finished(new)} runs finished")
        if not at_once:
            until(lambda: not campaign.processes(), "every process to end")
            kept.update({path: snapshot(path) for path in new})
    last = campaign.run_through("--sixdim-resume", "last")
    until(lambda: not campaign.processes(), "every process to end")
    for path, files_then in kept.items():
        assert snapshot(path) == files_then, f"{path} was changed by a later session"
    return last


def finished(sessions: list[Path]) -> int:
    """How many runs of these sessions have a result."""
    return sum(1 for session in sessions for _ in session.glob("*/*/*/result.json"))


def pytest_command(python: Path, *more: str) -> list[str]:
    """pytest on the cases below its working directory, under a stand-in for torchrun."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--sixdim", "--sixdim-python", str(python), *more]
