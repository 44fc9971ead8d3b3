"""What the plugin adds to a pytest run without --sixdim.

    python benchmarks/startup.py [ROUNDS]

Runs pytest on one trivial test with the plugin and with `-p no:sixdim`, in turns, and compares the medians of CPU and
wall time. The aim: under 5 ms.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM_MS = 5.0


def run(directory: Path, *extra: str) -> tuple[float, float]:
    """CPU and wall seconds of one pytest run."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *extra, str(directory)]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=directory)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"pytest failed: {command}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "test_trivial.py").write_text("def test_trivial():\n    pass\n")
        kinds: dict[str, tuple[str, ...]] = {"without": ("-p", "no:sixdim"), "with": ()}
        times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, extra in kinds.items():
                times[kind].append(run(directory, *extra))
    for index, clock in enumerate(("CPU", "wall")):
        medians = {kind: statistics.median(pair[index] for pair in pairs) * 1e3 for kind, pairs in times.items()}
        added = medians["with"] - medians["without"]
        print(f"{clock:4}  without {medians['without']:.1f} ms  with {medians['with']:.1f} ms  added {added:+.1f} ms")
    print(f"aim: under {AIM_MS:g} ms; {rounds} rounds in turns, medians")


if __name__ == "__main__":
    main()
