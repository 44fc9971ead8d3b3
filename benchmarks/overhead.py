"""What being measured costs a training program.

    python benchmarks/overhead.py [ROUNDS] [CARDS]

Runs the digits case under torchrun, bare and under the agent (sampling, log reading, records), in turns on the same
pinned cores with the same segments, and compares the speeds that the program reports. The aim: under 0.5 %.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.campaign.host import find_host
from pytest_sixdim.campaign.machine import machine, software
from pytest_sixdim.campaign.orders import Bench, make_order
from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.campaign.reading import read_events
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case, Configuration, Measure
from pytest_sixdim.core.events import Event, event_from
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.window import read_window
from pytest_sixdim.launchers import launcher
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

AIM = 0.5
ROOT = Path(__file__).parent.parent
CASE = ROOT / "cases" / "image_classification" / "digits.case.yaml"
MARK = "[sixdim] "


def speed(events: list[Event], case: Case, configuration: Configuration) -> float:
    """Samples/s of the window."""
    measured = measure_speed(read_window(events, case.measure, configuration), cards=configuration.world_size)
    if measured.value is None:
        raise SystemExit(f"no speed: {measured.unknown}")
    return measured.value


def bare(order: dict[str, object], directory: Path) -> list[Event]:
    """The torchrun command of the order without the agent, each rank pinned to its core by taskset."""
    cards = int(str(order["cards"]))
    pin = 'exec taskset -c "$LOCAL_RANK" "$@"'
    program = [str(order["python"]), "-u", str(order["program"]), *order["args"]]  # type: ignore[misc]
    command = [str(order["python"]), "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={cards}"]
    environment = {**os.environ, **order["environment"], "SIXDIM_RUN": str(directory / "run.json")}  # type: ignore[dict-item]
    done = subprocess.run(
        [*command, "--no-python", "sh", "-c", pin, "sh", *program],
        env=environment,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    return [
        event_from(record, seen=record["t"], rank=0)
        for record in map(json.loads, (line[len(MARK) :] for line in lines))
    ]


def attached(directory: Path) -> list[Event]:
    """The same order, carried out by the agent."""
    handle = launcher("local").start(directory / "order.json")
    handle.wait()
    return read_events(directory / "node-0" / "events.jsonl")


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    cards = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    profiles = {name: load_vendor(path) for name, path in builtin_vendors().items()}
    case = load_case(CASE, profiles)
    case = replace(case, measure=Measure(warmup_steps=20, steady=False, segment_steps=50, segment_seconds=3.0))
    configuration = next(c for c in case.configurations if c.vendor == "cpu" and c.cards == cards)
    settings = Settings(vendor="cpu", python=sys.executable, results=Path("unused"))
    bench = Bench(settings, find_host(profiles, "cpu"), profiles["cpu"], machine(), software(sys.executable))
    planned = PlannedRun(RunKey(case.name, configuration.id, "window", 1), case, configuration)
    speeds: dict[str, list[float]] = {"bare": [], "attached": []}
    with tempfile.TemporaryDirectory() as name:
        for index in range(rounds):
            # the order alternates, so that a drift of the machine falls on both
            for kind in ("bare", "attached") if index % 2 == 0 else ("attached", "bare"):
                directory = Path(name) / f"{kind}-{index}"
                order, run = make_order(bench, planned, directory)
                write_json(directory / "order.json", order)
                write_json(directory / "run.json", run)
                events = bare(order, directory) if kind == "bare" else attached(directory)
                speeds[kind].append(speed(events, case, configuration))
            print(f"round {index + 1}: " + "  ".join(f"{kind} {values[-1]:.1f}" for kind, values in speeds.items()))
    medians = {kind: statistics.median(values) for kind, values in speeds.items()}
    spread = statistics.stdev(speeds["bare"]) / medians["bare"] * 100 if rounds > 1 else float("nan")
    cost = (1 - medians["attached"] / medians["bare"]) * 100
    print(f"medians: bare {medians['bare']:.1f}, attached {medians['attached']:.1f} samples/s on {cards} cards")
    print(f"being measured costs {cost:+.2f} % (bare runs vary by {spread:.2f} %); aim: under {AIM:g} %")


if __name__ == "__main__":
    main()
