"""What the agent is asked to do for a run, and what the training program is told (docs/formats.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.host import Host, device_record
from pytest_sixdim.campaign.plan import PlannedRun
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.dialects import DIALECTS
from pytest_sixdim.samplers import SAMPLERS

SCHEMA = 1
#: Seconds that ranks are given to end once one of them has failed or a stop was asked for.
TEARDOWN = 10.0


@dataclass(frozen=True)
class Bench:
    """What all runs of a session share. `samplers`, `dialects`: registered name to "package.module:Class"."""

    settings: Settings
    host: Host
    profile: VendorProfile
    machine: Mapping[str, Any]
    software: Mapping[str, Any]
    samplers: Mapping[str, str] = field(default_factory=lambda: dict(SAMPLERS))
    dialects: Mapping[str, str] = field(default_factory=lambda: dict(DIALECTS))


def make_order(bench: Bench, planned: PlannedRun, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """order.json and run.json of a run that is kept in `directory` (absolute)."""
    case, configuration, key = planned.case, planned.configuration, planned.key
    seed = bench.settings.seed(key.index)
    values = placeholders(bench, planned, directory)
    devices = bench.host.devices[: configuration.cards]
    visible = ",".join(str(device.index) for device in devices)
    environment = {**bench.profile.environment, **dict.fromkeys(bench.profile.visible, visible)}
    samplers, unavailable = _samplers(bench)
    target = case.metric.generated_target if generated(case) else case.metric.target
    run = {
        "schema": SCHEMA,
        "case": case.name,
        "configuration": configuration.id,
        "role": key.role,
        "index": key.index,
        "seed": seed,
        "measure": asdict(case.measure),
        "metric": {
            "name": case.metric.name,
            "unit": case.metric.unit,
            "better": case.metric.better,
            "target": target,
            "samples": case.metric.samples,
        },
        "data": {"kind": "generated" if generated(case) else "real", "path": None},
        "device": bench.profile.device,
        "imports": list(bench.profile.imports),
        "backend": bench.profile.backend,
        "precision": configuration.precision,
        "batch_size": configuration.batch_size,
        "budget": case.stability.budget if case.stability.at == "budget" else None,
        "paths": {"run_dir": str(directory)},
    }
    order = {
        "schema": SCHEMA,
        "identity": identity(bench, planned),
        "case": case.name,
        "configuration": configuration.id,
        "vendor": configuration.vendor,
        "role": key.role,
        "index": key.index,
        "attempt": 1,
        "seed": seed,
        "nodes": configuration.nodes,
        "cards": configuration.cards,
        "launch": case.train.launch,
        "python": bench.settings.python,
        "program": None if case.train.program is None else str(case.train.program),
        "command": None if case.train.command is None else [part.format(**values) for part in case.train.command],
        "args": [argument.format(**values) for argument in (*case.train.args, *configuration.args)],
        "environment": environment,
        "devices": [device_record(device) for device in devices],
        "samplers": samplers,
        "unavailable": unavailable,
        "dialect": {"name": case.log.format, "class": bench.dialects[case.log.format], "options": {}},
        "log": {"stream": case.log.stream, "rank": case.log.rank, "file": case.log.file},
        "segments": case.measure.segments,
        "limits": {"timeout": case.train.timeout, "stall": case.train.stall, "teardown": TEARDOWN},
        "card_lost": list(bench.profile.card_lost),
    }
    return order, run


def placeholders(bench: Bench, planned: PlannedRun, directory: Path) -> dict[str, Any]:
    """What a case's argument list may mention in braces."""
    configuration = planned.configuration
    return {
        "data": "generated" if generated(planned.case) else "",
        "batch_size": configuration.batch_size,
        "precision": configuration.precision,
        "seed": bench.settings.seed(planned.key.index),
        "cards": configuration.cards,
        "nodes": configuration.nodes,
        "world_size": configuration.world_size,
        "global_batch_size": configuration.global_batch_size,
        "role": planned.key.role,
        "run_dir": directory,
    }


def identity(bench: Bench, planned: PlannedRun) -> str:
    """A hash of all that decides a run, and of no path and no time."""
    case, configuration = planned.case, planned.configuration
    decides = {
        "case": case.name,
        "metric": asdict(case.metric),
        "data": None if case.data is None else asdict(case.data),
        "generated": generated(case),
        "train": {
            "command": case.train.command,
            "args": [*case.train.args, *configuration.args],
            "launch": case.train.launch,
            "program": _sources(case),
        },
        "log": asdict(case.log),
        "measure": asdict(case.measure),
        "configuration": configuration.id,
        "role": planned.key.role,
        "seed": bench.settings.seed(planned.key.index),
        "machine": {name: bench.machine.get(name) for name in ("cpu", "cpus", "memory_bytes", "architecture")},
        "cards": [device.name for device in bench.host.devices[: configuration.cards]],
        "software": dict(bench.software),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()


def _sources(case: Case) -> dict[str, str]:
    """Hashes of what the program may import from beside the case: modules, and packages (with an __init__.py)."""
    directory = case.path.parent
    packages = [init.parent for init in directory.glob("*/__init__.py")]
    files = [*directory.glob("*.py"), *(file for package in packages for file in package.rglob("*.py"))]
    return {str(file.relative_to(directory)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def generated(case: Case) -> bool:
    """Whether a case trains on generated data: it needs a data set and none is given (--sixdim-data comes later)."""
    return case.data is not None


def _samplers(bench: Bench) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The profile's samplers as the order carries them, and why nothing is asked for the other channels."""
    chosen = [
        {
            "name": choice.sampler,
            "class": bench.samplers[choice.sampler],
            "channels": list(choice.channels),
            "options": dict(choice.options),
        }
        for choice in bench.profile.samplers
    ]
    served = {channel for choice in bench.profile.samplers for channel in choice.channels}
    missing = {
        channel: f"the profile of vendor {bench.profile.id!r} names no sampler of {channel}"
        for channel in ("energy", "power", "memory")
        if channel not in served
    }
    return chosen, missing
