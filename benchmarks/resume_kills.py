"""Whether a campaign that is killed at random moments and resumed comes to what an undisturbed one comes to.

    python benchmarks/resume_kills.py [KILLS] [SEED]

Campaigns of six short runs are killed (pytest alone, or pytest and its agents, by SIGKILL) at KILLS moments in all, ten
to a campaign, and resumed with `--sixdim-resume last` each time. In the end the scorecards must be those of a campaign
that ran through, no process may be left, and no session may have been changed by a later one; else it raises. The
moments follow from SEED; a number of files on disk, not a time, says where in the campaign each lies.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.plugin.conftest import CASE, PROGRAMS  # noqa: E402
from tests.plugin.killing import Campaign, kill_and_resume, pytest_command  # noqa: E402
from tests.plugin.test_resume_killed import CONSTANT, SPEEDS  # noqa: E402

KILLS_A_CAMPAIGN, RUNS = 10, 6


def campaign(directory: Path, name: str) -> Campaign:
    """A campaign of its own below `directory`."""
    home = directory / name
    (home / "cases").mkdir(parents=True)
    shutil.copy(PROGRAMS / "steps.py", home / "cases" / "steps.py")
    python = home / "python-with-torchrun"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAMS / "torchrun_standin.py"}" "$@"\n')
    python.chmod(0o755)
    text = CASE.format(
        name="tiny",
        title="Tiny",
        args=f', "{SPEEDS}", "--segment=0.03"',
        extra="stability: {runs: 3}",
        configurations="  - {vendor: cpu, precision: fp32, batch_size: 32, cards: [1, 2]}",
        stall="20 s",
        timeout="60 s",
    )
    (home / "cases" / "tiny.case.yaml").write_text(text)
    return Campaign(home, pytest_command(python, "-m", CONSTANT, "cases"), f"resume-kills-{os.getpid()}-{name}", RUNS)


def main() -> None:
    """Kill, resume, compare, print."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    luck, begin, done = random.Random(seed), time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_RUNTIME_DIR"] = name  # locks of its own: nothing is measured here
        through = campaign(Path(name), "through")
        last = through.run_through()
        wanted = through.scorecards()
        if len(wanted) != 2:
            raise SystemExit(f"the undisturbed campaign failed (are there two cores?):\n{last}")
        while done < kills:
            number = min(KILLS_A_CAMPAIGN, kills - done)
            killed = campaign(Path(name), f"killed-{done}")
            last = kill_and_resume(killed, number, luck)
            if killed.scorecards() != wanted or "Traceback" in last:
                raise SystemExit(f"other scorecards after kills {done + 1} to {done + number}:\n{last}")
            done += number
            print(f"{done} kills: the scorecards are the same, no process left, earlier sessions untouched", flush=True)
    print(f"{done} kills, seed {seed}: {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
