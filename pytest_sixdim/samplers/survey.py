"""What one sampler says of this host, asked in a process of its own: a vendor's library may hang, crash or print.

`python -m pytest_sixdim.samplers.survey` reads a request from stdin and prints JSON lines, each an object with some
keys of the answer; the last has `"done": true`. What was printed before a library hung is kept by who asked
(campaign/survey.py).

    request    {"sampler": CHOICE, "devices": [DEVICE, ...] or null, "directory": an empty one for the samplers,
                "timeout": s, ["calibrate": s, "power": CHOICE]}
    CHOICE     {"name", "class": "package.module:Class", "channels", "options"}
    answer     {"cards"}, {"sources", "unavailable"}, {"readings", ...}, {"facts"}, {"complaints"}, {"reason"};
               or {"calibrations"}
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.samplers import Card, Device, Node, Sampler, SamplerUnavailable, make_sampler
from pytest_sixdim.samplers.calibration import calibrate

#: Readings whose cost is taken, and the seconds that they may take together.
READINGS = 3
READING_SECONDS = 0.5
#: A channel that is not due yet is asked for again within this many seconds.
DUE_SECONDS = 6.0

Readings = dict[str, list[float | None]]
Say = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Answer the request on stdin. Ends by SIGALRM a little after the request's timeout, whatever hangs."""
    request = json.load(sys.stdin)
    signal.setitimer(signal.ITIMER_REAL, request["timeout"] + 5)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not come between the answers

    def say(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer, allow_nan=False), file=answers, flush=True)

    try:
        if request.get("calibrate"):
            say({"calibrations": _calibrated(request)})
        else:
            _ask(request, say)
        end: dict[str, Any] = {"done": True}
    except (SamplerUnavailable, RegistryError) as error:
        end = {"done": True, "reason": str(error)}
    except (Exception, SystemExit) as error:  # a vendor's library may raise anything
        end = {"done": True, "reason": f"{type(error).__name__}: {error}"}
    say(end)
    os._exit(0)  # a library may hang when it is unloaded, and a tool's thread when it is waited for


def _ask(request: Mapping[str, Any], say: Say) -> None:
    channels = request["sampler"]["channels"]
    sampler = _made(request["sampler"])
    cards = sampler.cards()
    say({"cards": [asdict(card) for card in cards]})
    node = Node(_devices(request["devices"], cards), Path(request["directory"]))
    sources = {name: source for name, source in sampler.open(node, channels).items() if name in channels}
    missing = sampler.missing()
    unavailable = {
        channel: missing.get(channel, "does not offer it here") for channel in channels if channel not in sources
    }
    say({"sources": {name: asdict(source) for name, source in sources.items()}, "unavailable": unavailable})
    readings, seconds, cpu_seconds = _readings(sampler, list(sources))
    for channel, values in list(readings.items()):
        if len(values) != len(node.devices):
            unavailable[channel] = f"{len(values)} readings for {len(node.devices)} cards"
            del readings[channel]
    say(
        {
            "readings": {channel: [_finite(value) for value in values] for channel, values in readings.items()},
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "unavailable": unavailable,
        }
    )
    try:
        say({"facts": list(sampler.facts())})
    except (Exception, SystemExit) as error:
        say({"unavailable": {**unavailable, "facts": f"{type(error).__name__}: {error}"}})
    with suppress(Exception):
        say({"complaints": list(sampler.complaints())})
        sampler.close()


def _calibrated(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The energy counter of each card that has one; `power` of the request polls power meanwhile."""
    meter = _made(request["sampler"])
    node = Node(_devices(request["devices"], meter.cards()), Path(request["directory"]))
    source = meter.open(node, request["sampler"]["channels"])["energy"]
    power = request.get("power")
    poller: Sampler | None = None
    if power is not None and power == request["sampler"]:
        poller = meter
    elif power is not None:
        poller = _made(power)
        poller.open(node, ["power"])
    found = calibrate(meter, source, poller, len(node.devices), request["calibrate"])
    return [
        {"card": device.id, "sampler": source.sampler, **asdict(ticks)}
        for device, ticks in zip(node.devices, found, strict=True)
        if ticks is not None
    ]


def _made(choice: Mapping[str, Any]) -> Sampler:
    return make_sampler(choice["name"], choice["options"], {choice["name"]: choice["class"]})


def _devices(asked: Sequence[Mapping[str, Any]] | None, cards: Sequence[Card]) -> tuple[Device, ...]:
    """The devices that were asked for; else all that the source lists; else the host as one, for a source of
    packages or processes."""
    if asked is not None:
        return tuple(
            Device(**{**device, "cores": None if device["cores"] is None else tuple(device["cores"])})
            for device in asked
        )
    return tuple(device_of(card) for card in cards) or (Device(0, "host", "host"),)


def device_of(card: Card) -> Device:
    """A listed card as a device: called by its UUID, else its PCI address, else its number."""
    name = card.uuid or card.pci or str(card.index)
    return Device(card.index, name, card.name, card.total_bytes, uuid=card.uuid, pci=card.pci)


def _readings(sampler: Sampler, channels: list[str]) -> tuple[Readings, float | None, float | None]:
    """One reading of each channel; the s that the quickest call took that gave all of them, and the CPU s of a reading,
    with those of tools that run beside it."""
    readings: Readings = {}
    calls: list[float] = []
    started, cpu_started = time.monotonic(), _cpu_seconds()
    while channels and len(calls) < READINGS:
        before = time.monotonic()
        found = sampler.read(channels)
        now = time.monotonic()
        readings.update({channel: list(found[channel]) for channel in channels if channel in found})
        if found.keys() >= set(channels):
            calls.append(now - before)
        missing = len(readings) < len(channels)
        if now - started > (DUE_SECONDS if missing else READING_SECONDS) or not (missing or found):
            break
        if missing:
            time.sleep(0.02)
    if not calls:
        return readings, None, None
    return readings, min(calls), (_cpu_seconds() - cpu_started) / len(calls)


def _cpu_seconds() -> float:
    """Of this process and of the tools that it ran."""
    tools = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + tools.ru_utime + tools.ru_stime


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


if __name__ == "__main__":
    main()
