"""What sampling costs, and how well its pace is kept, on eight cards.

    python -m benchmarks.sampler_cost [SECONDS] [CARDS]

The whole agent runs a program that only waits, and samples stub cards through the real pynvml: energy and power ten
times a second, all else once a second. CPU time is that of the sampling thread, with opening the library and probing
the cards; a short run beside shows how much of it that is. The stub answers at once: what a real driver takes inside
its calls comes on top. The average power of the segments is compared with the trace, in real time.
The aim: under 1 % of one core.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.power import TICK, window
from pytest_sixdim.campaign.reading import read_samples
from pytest_sixdim.core.meter_reading import read_meter
from pytest_sixdim.core.meters import meters
from pytest_sixdim.core.records import CHANNELS
from tests.agent.conftest import Job
from tests.stubs.nvml import NvmlStub, Playing, Square, StubCard, build

AIM = 0.01
OPENING = 2.0
NVML = {
    "name": "nvml",
    "class": "pytest_sixdim.samplers.nvml:NvmlSampler",
    "channels": list(CHANNELS),
    "options": {},
}
#: Five segments of equal length; the ranks only wait.
PROGRAM = """
event("warmup_end")
for index in range(1, 6):
    time.sleep(float(sys.argv[1]) / 5)
    event("segment", index=index, samples=64, seconds=float(sys.argv[1]) / 5, steps=50)
time.sleep(0.5)
event("end", status="success")
"""


def sample(stub: NvmlStub, seconds: float, cards: int) -> tuple[dict[str, Any], Playing, Job]:
    """One run of the agent; the sampler's part of its result."""
    shape = [Square(250.0, 700.0, 1.93, 0.7, n * 0.2) for n in range(cards)]
    playing = stub.play([StubCard(power, words={"tick": f"{TICK},{n / 100}"}) for n, power in enumerate(shape)])
    os.environ.update(playing.environment)
    devices = [
        {"index": n, "id": card.split()[2], "name": "card", "total_bytes": None, "cores": None, "uuid": uuid(card)}
        for n, card in enumerate(card.line(n) for n, card in enumerate(playing.cards))
    ]
    job = Job(Path(tempfile.mkdtemp(dir=stub.directory)))
    limits = {"timeout": seconds + 60, "stall": seconds + 60, "teardown": 1.0}
    order = {"samplers": [NVML], "devices": devices, "args": [str(seconds)], "segments": 5, "limits": limits}
    handle = job.start(PROGRAM, cards=cards, **order)
    handle.wait(seconds + 60)
    handle.kill()
    result = job.result()
    if result["status"] != "completed":
        raise SystemExit(f"the run ended {result['status']}: {result['message']}")
    return dict(result["sampler"]), playing, job


def uuid(line: str) -> str:
    """Of a card's line in the trace."""
    return next(word.partition("=")[2] for word in line.split() if word.startswith("uuid="))


def main() -> None:
    """Run and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    cards = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    if seconds <= OPENING:
        raise SystemExit(f"more than {OPENING:g} s are needed: a run of so many seconds is subtracted")
    with tempfile.TemporaryDirectory() as name:
        stub = NvmlStub(build(Path(name)), Path(name))
        short, _, _ = sample(stub, OPENING, cards)
        whole, playing, job = sample(stub, seconds, cards)
        segments = [event for event in job.events() if event["event"] == "segment"]
        begin, end = segments[0]["seen"] - seconds / 5, segments[-1]["seen"]
        metered = meters([read_samples(job.node / "samples.jsonl")])
        found = [(read_meter(meter, window(begin, end)), playing.joules(n, begin, end) / (end - begin))
                 for n, meter in enumerate(metered)]  # fmt: skip
    steady = (whole["cpu_seconds"] - short["cpu_seconds"]) / (seconds - OPENING)
    print(f"{cards} cards, {seconds:g} s of segments: {whole['readings']} readings, {whole['errors']} errors")
    print(f"CPU time {whole['cpu_seconds']:.3f} s, of it {short['cpu_seconds']:.3f} s in a run of {OPENING:g} s")
    print(f"sampling at 10 Hz: {100 * steady:.2f} % of one core (aim: under {100 * AIM:g} %)")
    print("period: " + ", ".join(f"{key[7:]} {whole[key]:.3f} s" for key in ("period_p50", "period_p99", "period_max")))
    print(f"gaps: {whole['gaps']}; calls of the library: {whole['nvml']['calls']}")
    for meter, truth in found:
        figure = f"{100 * (meter.watts / truth - 1):+.3f} %" if meter.watts else meter.unknown
        print(f"  {meter.name}: {figure}")


if __name__ == "__main__":
    main()
