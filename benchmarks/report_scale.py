"""How long a session of 10,000 scorecards takes to report, and in how much memory.

    python -m benchmarks.report_scale [SCORECARDS]

Writes sessions of SCORECARDS (10,000 by default) and of a tenth of that, of varied verdicts, and measures each step of
the report on both, each session in a process of its own. The ratio says how a step grows: about 10 is linear.
The aims: seconds in all; no step that grows faster than the session.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import read_json
from pytest_sixdim.campaign.recording import record_baselines
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.report.brief import brief
from pytest_sixdim.report.pages import write_pages
from tests.report.runs import CONFIGURATION
from tests.report.sessions import SessionFolder

#: Configurations whose runs have files; the others' scorecards name these.
REAL = 8
CONFIGURATIONS = 20


def write_session(results: Path, count: int) -> Path:
    """A session's folder with so many scorecards: cases of twenty configurations; one in seven fails, others are
    suspect, unknown or unjudged."""
    folder = SessionFolder(results)
    made = []
    for number in range(REAL):
        configuration = replace(CONFIGURATION, batch_size=32 * (number + 1))
        runs = [folder.run(index, configuration, value=76.3 + index / 20) for index in range(1, 6)]
        made.append(folder.scorecard(runs, configuration))
    for number in range(count):
        record = copy.deepcopy(made[number % REAL])
        record["case"] = f"case_{number // CONFIGURATIONS}"
        record["title"] = f"Model {number // CONFIGURATIONS}"
        record["key"]["batch_size"] = 8 * (number % CONFIGURATIONS + 1)
        record["configuration"] = replace(CONFIGURATION, batch_size=record["key"]["batch_size"]).id
        for place, verdict in ((7, "fail"), (11, "suspect"), (13, "unknown"), (5, "unjudged")):
            if number % place == 0:
                speed = record["dimensions"]["speed"]
                speed |= {"verdict": verdict, "label": verdict, "reason": f"{verdict}, as one in {place} of them is"}
                record["judged"] = 6 if verdict == "fail" else 5
                record["status"] = "fail" if verdict == "fail" else "incomplete"
        path = folder.directory / record["case"] / record["configuration"] / "scorecard.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1))
    return folder.directory


def report(directory: Path) -> dict[str, float]:
    """Seconds of each step, the size of what was written (MB) and the peak of memory (MB)."""
    figures: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = step()
        figures[name] = time.process_time() - began
        return result

    cards, broken = timed("read the scorecards", Store(directory).scorecards)
    assert not broken
    timed("check them", lambda: [Scorecard.from_json(card) for card in cards])
    lines = timed("terminal", lambda: brief(cards))
    session = read_json(directory / "session.json") | {"directory": str(directory)}
    timed("baselines", lambda: record_baselines(directory / "recorded.yaml", cards, session))
    timed("report.html, report.md", lambda: write_pages(directory, cards))
    figures["all"] = sum(figures.values())
    figures["lines in the terminal"] = sum(line.count("\n") + 1 for line in lines)
    pages = list(directory.glob("report*.html"))
    figures["pages"] = len(pages)
    figures["largest page, MB"] = max(page.stat().st_size for page in pages) / 1e6
    figures["report.md, MB"] = (directory / "report.md").stat().st_size / 1e6
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    figures["peak of memory, MB"] = int(peak) / 1000
    return figures


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(report(Path(sys.argv[2]))))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    found = []
    for size in (count // 10, count):
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, "-m", "benchmarks.report_scale", "--one", str(write_session(Path(name), size))]
            found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    small, large = found
    print(f"{'CPU seconds of':26}{count // 10:>10}{count:>10}     ratio")
    for name, value in large.items():
        print(f"{name:26}{small[name]:10.2f}{value:10.2f}{value / small[name] if small[name] else 0:10.1f}")


if __name__ == "__main__":
    main()
