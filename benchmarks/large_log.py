"""What the agent makes of a log of 1 GB: how fast, and in how much memory.

    python -m benchmarks.large_log [MEGABYTES] [KIND ...]

A stand-in for a training program prints a log of MEGABYTES (1000 by default) under the real agent, and one of a
hundredth of that before. Kinds: `lines` (what programs print, an event in a thousand lines), `long` (lines of 1 MB),
`events` (five million progress events, 60,000 a second). The agent's CPU time is compared with that of
reading the same file in Python line by line, in turns; the aim for memory: the same for both sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.reading import read_events
from tests.agent.conftest import Job

REPOSITORY = Path(__file__).resolve().parent.parent
KINDS = ("lines", "long", "events")
#: Prints whole blocks, so that the agent and not the program is measured.
PROGRAM = """
kind, wanted = sys.argv[1], int(sys.argv[2])
PACE = 60_000  # events a second: what is printed faster than it can be read is given up 30 s after the end
began = time.monotonic()
out = sys.stdout.buffer
def line_of(name, **fields):
    return ("[sixdim] " + json.dumps({"event": name, **fields}) + "\\n").encode()
out.write(line_of("start", role="full", world_size=1, data="real") + line_of("warmup_end"))
size = step = 0
while size < wanted:
    if kind == "events":
        before = "2026-03-01 10:15:30,123 INFO train.py:212 [rank 0] epoch 3, learning rate 1.0e-03, 81 % of memory | "
        some = range(step, step := step + 10_000)
        block = b"".join(before.encode() + line_of("progress", step=i, loss=1 / (i + 1), speed=1e3) for i in some)
        time.sleep(max(0.0, began + step / PACE - time.monotonic()))
    elif kind == "long":
        block = b"x" * 1_000_000 + b"\\n"
    else:
        step += 1000
        line = "2026-03-01 10:15:%02d,%03d INFO train.py:212 | epoch 3 [%6d/%6d] | loss %.4f | %.1f samples/s\\n"
        block = b"".join((line % (i % 60, i, step + i, 400000, 2.5, 4900 + i % 7)).encode() for i in range(1000))
        block += line_of("progress", step=step, loss=1 / step)
    size += out.write(block)
for index in (1, 2, 3, 4, 5):
    out.write(line_of("segment", index=index, samples=64, seconds=0.1, steps=50))
out.write(line_of("end", status="success"))
out.flush()
"""
AGENT = """\
import resource, sys
from pathlib import Path
from pytest_sixdim.agent.__main__ import main
main(sys.argv[1:])
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
own = resource.getrusage(resource.RUSAGE_SELF)
print(peak, own.ru_utime + own.ru_stime)
"""


def measure(kind: str, size: int) -> dict[str, Any]:
    """One run: bytes, the agent's CPU and wall seconds and peak of memory (MB), CPU seconds of reading plain lines, and
    what reading the events back takes."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        limits = {"timeout": 3600.0, "stall": 600.0, "teardown": 5.0}
        order = Job(directory).order(PROGRAM, args=[kind, str(size)], segments=5, limits=limits)
        command = [sys.executable, "-c", AGENT, str(order)]
        began = time.monotonic()
        agent = subprocess.run(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        )
        wall = time.monotonic() - began
        result = json.loads((directory / "result.json").read_text())
        if result["status"] != "completed":
            raise SystemExit(f"the run ended otherwise: {result}")
        log = directory / "node-0" / "logs" / "rank-0.stdout.log"
        begin = time.process_time()
        with log.open("rb") as file:
            lines = sum(1 for _ in file)
        plain = time.process_time() - begin
        begin = time.process_time()
        events = len(read_events(directory / "node-0" / "events.jsonl"))
        peak, cpu = agent.stdout.split()
        return {
            "bytes": log.stat().st_size,
            "lines": lines,
            "wall": wall,
            "cpu": float(cpu),
            "plain": plain,
            "peak": int(peak) / 1000,
            "events": events,
            "read_back": time.process_time() - begin,
            "left_out": result["events"],
        }


def main() -> None:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    kinds = sys.argv[2:] or KINDS
    print(
        f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}; CPU seconds are the agent's own, its start included"
    )
    for kind in kinds:
        small, large = (measure(kind, size) for size in (megabytes * 10_000, megabytes * 1_000_000))
        cpu = large["cpu"] - small["cpu"]
        size, lines = large["bytes"] - small["bytes"], large["lines"] - small["lines"]
        print(
            f"{kind:7} {large['bytes'] / 1e6:.0f} MB, {large['lines']} lines: {size / cpu / 1e6:.0f} MB and "
            f"{lines / cpu:.0f} lines a CPU second ({cpu / (large['plain'] - small['plain']):.1f} x reading plain "
            f"lines), {large['wall']:.1f} s in all"
        )
        print(
            f"        peak memory {large['peak']:.1f} MB, {large['peak'] / small['peak']:.2f} x that of "
            f"{small['bytes'] / 1e6:.0f} MB; {large['events']} events kept, read back in {large['read_back']:.2f} s; "
            f"left out: {large['left_out'] or 'nothing'}"
        )


if __name__ == "__main__":
    main()
