"""One run's files, as the agent writes them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.core.case import Configuration

Line = Mapping[str, Any] | str
CONFIGURATION = Configuration("nvidia", "amp-bf16", 256, cards=8)
#: The launch on the node's clock; segments of 10 s follow one another from WARM on, in s since the launch.
LAUNCH, WARM = 5000.0, 60.0
SECONDS = 10.0


def write_run(
    directory: Path,
    index: int,
    configuration: Configuration = CONFIGURATION,
    *,
    samples_s: float = 22400.0,
    value: float = 76.5,
    watts: float = 605.0,
    gib: float = 41.0,
    seconds: float = 400.0,
    status: str = "completed",
    message: str = "the program said 'success'",
    log_tail: Sequence[str] = ("Epoch 90 done",),
) -> None:
    """A run's files. One that did not complete ends after `seconds`, however far it came."""
    chance = random.Random(index)
    key = {"configuration": configuration.id, "nodes": configuration.nodes, "cards": configuration.cards}
    order = {"role": "full", "index": index, "seed": index, "segments": 5, **key}
    write_json(directory / "order.json", order)
    write_json(
        directory / "result.json",
        {
            "schema": 1,
            "status": status,
            "ended_by": "program",
            "message": message,
            "log_tail": list(log_tail),
            "seconds": seconds + 4,
        },
    )
    events = list(_events(chance, configuration, samples_s, value, seconds, status))
    write_lines(directory / "node-0/events.jsonl", [head(), *(e for e in events if e["t"] <= LAUNCH + seconds)])
    write_lines(directory / "node-0/samples.jsonl", _samples(chance, configuration.cards, watts, gib, seconds))


def write_lines(path: Path, records: Iterable[Line]) -> None:
    """One line a record; a text is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def head() -> dict[str, Any]:
    return {"schema": 1, "monotonic": LAUNCH, "unix": 1772360100.0, "boot_id": "b"}


def event(kind: str, at: float, **fields: Any) -> dict[str, Any]:
    """An event, `at` seconds after the launch."""
    return {"event": kind, "t": LAUNCH + at, "seen": LAUNCH + at, "rank": 0, **fields}


def segments(
    samples_s: float = 22400.0, chance: random.Random | None = None, configuration: Configuration = CONFIGURATION
) -> list[dict[str, Any]]:
    """The end of the warm-up and five segments, of about 10 s each."""
    a_step = configuration.batch_size * configuration.world_size
    found, ended = [event("warmup_end", WARM, steady=True, step=500)], WARM
    for number in range(1, 6):
        steps = round(samples_s * SECONDS / a_step)
        took = steps * a_step / samples_s * (1 + (chance.uniform(-0.004, 0.004) if chance else 0.0))
        ended += took
        fields = {
            "index": number,
            "samples": steps * a_step,
            "seconds": took,
            "steps": steps,
            "loss": round(4 - number / 5, 3),
        }
        found.append(event("segment", ended, loader_seconds=0.02 * took, **fields))
    return found


def _events(
    chance: random.Random, configuration: Configuration, samples_s: float, value: float, seconds: float, status: str
) -> Iterable[dict[str, Any]]:
    found = [
        event(
            "start",
            12.0,
            role="full",
            world_size=configuration.world_size,
            data="real",
            precision_probe={"matmul": 8, "convolution": 8},
        ),
        *segments(samples_s, chance, configuration),
    ]
    for tenth in range(130, int(seconds * 10) - 20, 7):
        loss = 1.4 + 5.5 * math.exp(-tenth / 900) + chance.gauss(0, 0.12)
        found.append(event("progress", tenth / 10, step=tenth, loss=loss))
    for count in range(1, 7):
        shown = value - 30 * math.exp(-count * 0.9) + (30 * math.exp(-5.4) if count == 6 else 0)
        at = seconds - 5 - (6 - count) * (seconds - WARM - 60) / 6
        found.append(event("evaluation", at, value=round(shown, 3), metric="top1", samples=50_000, seconds=2.0))
    found.append(event("memory", seconds - 1, peak_allocated=int(37.2 * 2**30), peak_reserved=int(39.9 * 2**30)))
    if status == "completed":
        found.append(event("end", seconds, status="success"))
    return sorted(found, key=lambda event: float(event["t"]))


def _samples(chance: random.Random, cards: int, watts: float, gib: float, seconds: float) -> Iterable[dict[str, Any]]:
    source = {"sampler": "nvml", "scope": "card", "wrap": None}
    yield {
        **head(),
        "cards": [
            {"index": i, "id": f"GPU-{i}", "name": "NVIDIA H200", "total_bytes": 141 * 2**30} for i in range(cards)
        ],
        "sources": {
            "power": {**source, "method": "average", "resolution": 0.001},
            "memory": {**source, "method": "used", "resolution": 1.0},
        },
        "unavailable": {"energy": "no energy counter"},
    }
    tenth = 0
    while tenth < seconds * 10:
        t = tenth / 10
        load = 0.12 + 0.88 * (1 - math.exp(-max(0.0, t - 12) / 6))
        yield {
            "t": LAUNCH + t,
            "power": [round(watts * load * (1 + 0.012 * (card - 3)) + chance.gauss(0, 9), 2) for card in range(cards)],
            "memory": [int((0.6 + (gib - 0.6) * (t > 12)) * (1 - 0.006 * card) * 2**30) for card in range(cards)],
        }
        tenth += 1 if WARM <= t < WARM + 53 else 10
