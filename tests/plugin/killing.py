"""Campaigns that are killed again and again and resumed, and what must be the same in the end."""

from __future__ import annotations

import json
import os
import random
import re
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
#: What differs between two campaigns that came to the same: times, places, what sampling cost; and in texts, pauses.
VARYING = frozenset({"seconds", "directory", "sampler", "reused", "noise", "neighbours", "whole"})
PAUSED = re.compile(r"paused for [\d.]+ %")
#: Files that a run leaves below the session's folder, and seconds between the last of a number of them and the kill.
FILES_A_RUN, DELAY = 15, 0.4

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
                    ours = self.mark.encode() in (entry / "environ").read_bytes()
                    if ours and (not words or any(word in line for word in words)):
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
    if isinstance(value, list):
        return [plain(item) for item in value]
    return PAUSED.sub("paused", value) if isinstance(value, str) else value


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


@dataclass(frozen=True)
class Moment:
    """When to kill, in files below the newest session's folder and seconds more, so that it does not depend on the
    speed of the machine; whom; and whether the next session starts while the rest of this one still ends."""

    files: int
    delay: float
    agents_too: bool
    at_once: bool


def kill_and_resume(campaign: Campaign, kills: int, luck: random.Random, say: Callable[[str], None] = print) -> str:
    """Kill a campaign so many times at random moments, each time resuming the last session, then let it end.

    Returns what the last pytest printed. No process may be left, and no session may be changed by a later one.
    """
    kept: dict[Path, Snapshot] = {}
    killed, reach = 0, 1.0
    while killed < kills:
        files = luck.randrange(1 + int(reach * FILES_A_RUN * campaign.runs))
        moment = Moment(files, reach * luck.uniform(0.0, DELAY), luck.random() < 0.5, luck.random() < 0.3)
        before = campaign.sessions()
        struck = strike(campaign, moment)
        new = [path for path in campaign.sessions() if path not in before]
        say(f"{moment}: {'killed' if struck else 'had ended'}, {finished(new)} runs finished")
        killed, reach = killed + struck, reach if struck else reach / 2
        if not moment.at_once:
            until(lambda: not campaign.processes(), "every process to end")
            kept.update({path: snapshot(path) for path in new})
    last = campaign.run_through("--sixdim-resume", "last")
    until(lambda: not campaign.processes(), "every process to end")
    for path, then in kept.items():
        assert snapshot(path) == then, f"{path} was changed by a later session"
    return last


def strike(campaign: Campaign, moment: Moment) -> bool:
    """Start or resume a campaign and kill it; False where it had ended before."""
    before = campaign.sessions()
    process = campaign.start(*(["--sixdim-resume", "last"] if (campaign.results / "latest").exists() else []))

    def there() -> bool:
        new = [path for path in campaign.sessions() if path not in before]
        return process.poll() is not None or (bool(new) and files_below(new[0]) >= moment.files)

    try:
        until(there, f"{moment.files} files")
        time.sleep(moment.delay)
    finally:
        ended = process.poll() is not None
        process.kill()
        process.wait(PATIENCE)
    if moment.agents_too:
        for pid in campaign.processes("pytest_sixdim.agent"):
            os.kill(pid, signal.SIGKILL)
    return not ended


def files_below(folder: Path) -> int:
    """How many files and folders there are just now, while some may go."""
    return sum(len(folders) + len(names) for _, folders, names in os.walk(folder))


def finished(sessions: list[Path]) -> int:
    """How many runs of these sessions have a result."""
    return sum(1 for session in sessions for _ in session.glob("*/*/*/result.json"))


def pytest_command(python: Path, *more: str) -> list[str]:
    """pytest on the cases below its working directory, under a stand-in for torchrun."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--sixdim", "--sixdim-python", str(python), *more]
