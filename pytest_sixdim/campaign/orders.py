"""What the agent is asked to do for a run, and what the training program is told (docs/formats.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.adapter_records import ordered, told_program
from pytest_sixdim.campaign.calibration import calibration_of, out_of_use
from pytest_sixdim.campaign.checkouts import look_at
from pytest_sixdim.campaign.datasets import data_argument, data_path, generated
from pytest_sixdim.campaign.host import Host, device_record
from pytest_sixdim.campaign.identity import identity, identity_parts
from pytest_sixdim.campaign.interpreters import Interpreters
from pytest_sixdim.campaign.machine_identity import machine_identity
from pytest_sixdim.campaign.plan import PlannedRun
from pytest_sixdim.campaign.pool import visible_value
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.campaign.sources import program_sha256, sources
from pytest_sixdim.campaign.survey import Calibration
from pytest_sixdim.core.case import Case, Measure
from pytest_sixdim.core.preallocation import VARIABLES
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.dialects import DIALECTS, printed_where
from pytest_sixdim.samplers import SAMPLERS, Device

SCHEMA = 1
#: Seconds that ranks are given to end once one of them has failed or a stop was asked for.
TEARDOWN = 10.0


@dataclass(frozen=True)
class Bench:
    """What all runs of a session share. `samplers`, `dialects`: registered name to "package.module:Class";
    `calibration`: of the cards' energy counters, at the session's start; `imported`: the logs that the runs are read
    from, where they are."""

    settings: Settings
    host: Host
    profile: VendorProfile
    machine: Mapping[str, Any]
    software: Mapping[str, Any]
    samplers: Mapping[str, str] = field(default_factory=lambda: dict(SAMPLERS))
    dialects: Mapping[str, str] = field(default_factory=lambda: dict(DIALECTS))
    calibration: tuple[Calibration, ...] = ()
    imported: Mapping[str, Any] | None = None

    @cached_property
    def interpreters(self) -> Interpreters:
        """Whose software runs which case; where logs are imported, nobody is asked."""
        return Interpreters(self.settings, self.profile.imports, {} if self.imported is not None else self.software)

    def machine_of(self, case: Case) -> dict[str, Any]:
        """The machine, with the software of the interpreter that runs a case's program."""
        software = dict(self.interpreters.software(case) or self.software)
        changed: dict[str, Any] = {**self.machine, "software": software}
        if "identity" in changed:
            changed["identity"] = machine_identity(self.profile, self.host.devices, self.machine, software)
        return changed


def make_order(
    bench: Bench, planned: PlannedRun, directory: Path, devices: Sequence[Device], *, attempt: int = 1
) -> tuple[dict[str, Any], dict[str, Any]]:
    """order.json and run.json of a run that is kept in `directory` (absolute) and has these cards."""
    case, configuration, key = planned.case, planned.configuration, planned.key
    seed = bench.settings.seed(key.index)
    checkout = None if case.train.checkout is None else look_at(case.train.checkout, case.train.program)
    files = sources(case, checkout)
    parts = identity_parts(bench, planned, devices, files)
    values = placeholders(bench, planned, directory)
    own = {name: value.format(**values) for name, value in case.train.environment.items()}
    environment = {**own, **_environment(bench.profile, devices)}
    samplers, unavailable = _samplers(bench, devices)
    on_generated, path = generated(case, bench.settings), data_path(case, bench.settings)
    target = case.metric.generated_target if on_generated else case.metric.target
    run = {
        "schema": SCHEMA,
        "case": case.name,
        "configuration": configuration.id,
        "role": key.role,
        "index": key.index,
        "seed": seed,
        "measure": given(case.measure),
        "metric": {
            "name": case.metric.name,
            "unit": case.metric.unit,
            "better": case.metric.better,
            "target": target,
            "samples": case.metric.samples,
        },
        "data": {"kind": "generated" if on_generated else "real", "path": None if path is None else str(path)},
        **told_program(configuration.adapter, bench.profile),
        "precision": configuration.precision,
        "batch_size": configuration.batch_size,
        "world_size": configuration.world_size,
        "budget": case.stability.budget if case.stability.at == "budget" else None,
        "paths": {"run_dir": str(directory), **_thermal(bench, directory)},
    }
    order = {
        "schema": SCHEMA,
        "identity": identity(parts),
        "identity_parts": parts,
        "case": case.name,
        "configuration": configuration.id,
        "vendor": configuration.vendor,
        "role": key.role,
        "index": key.index,
        "attempt": attempt,
        "seed": seed,
        "nodes": configuration.nodes,
        "cards": configuration.cards,
        "launch": case.train.launch,
        "python": bench.interpreters.python(case),
        "program": None if case.train.program is None else str(case.train.program),
        "command": None if case.train.command is None else [part.format(**values) for part in case.train.command],
        "args": [argument.format(**values) for argument in (*case.train.args, *configuration.args)],
        "environment": environment,
        "allocator": _allocator(case, environment),
        "devices": [device_record(device) for device in devices],
        "samplers": samplers,
        "unavailable": unavailable,
        "directory": None if case.directory is None else str(case.directory),
        "dialect": {
            "name": case.log.format,
            "class": bench.dialects[case.log.format],
            "options": dict(case.log.options),
        },
        "job": {
            "cards": configuration.world_size,
            "batch_size": configuration.batch_size,
            "role": key.role,
            "metric": case.metric.name,
            "target": target,
            "higher": case.metric.better == "higher",
            "measure": given(case.measure),
            **_thermal(bench, directory),
        },
        "log": _log(case, bench.dialects),
        "calibration": [asdict(card) for card in calibration_of(bench.calibration, devices)],
        "segments": case.measure.segments,
        "limits": {"timeout": case.train.timeout, "stall": case.train.stall, "teardown": TEARDOWN},
        "card_lost": list(bench.profile.card_lost),
        "device_error": list(bench.profile.device_error),
        "card_busy": list(bench.profile.card_busy),
        "program_sha256": program_sha256(files),
    }
    if checkout is not None:
        order["checkout"] = checkout.to_json()
    if configuration.adapter is not None:
        order["adapter"] = ordered(configuration.adapter, bench.profile)
    return order, run


def _environment(profile: VendorProfile, devices: Sequence[Device]) -> dict[str, str]:
    """What a rank finds besides the session's own variables."""
    autoload = {} if profile.autoload else {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    return {**autoload, **profile.environment, **dict.fromkeys(profile.visible, visible_value(profile, devices))}


def placeholders(bench: Bench, planned: PlannedRun, directory: Path) -> dict[str, Any]:
    """What a case's argument list may mention in braces."""
    configuration = planned.configuration
    return {
        "data": data_argument(planned.case, bench.settings),
        "batch_size": configuration.batch_size,
        "precision": configuration.precision,
        "seed": bench.settings.seed(planned.key.index),
        "cards": configuration.cards,
        "nodes": configuration.nodes,
        "world_size": configuration.world_size,
        "global_batch_size": configuration.global_batch_size,
        "role": planned.key.role,
        "run_dir": directory,
        "checkout": planned.case.train.checkout or planned.case.path.parent,
        "case_dir": planned.case.path.parent,
    }


def given(measure: Measure) -> dict[str, Any]:
    """Warm-up and segments as plain types, without what the case leaves out."""
    return {name: value for name, value in asdict(measure).items() if value is not None}


def _allocator(case: Case, environment: Mapping[str, str]) -> dict[str, Any]:
    """What tells whether the program takes the cards' memory in advance."""
    known = {**os.environ, **environment}
    variables = {name: known[name] for name in VARIABLES if name in known}
    return {"requires": list(case.train.requires), "variables": variables}


def _log(case: Case, dialects: Mapping[str, str]) -> dict[str, Any]:
    """Where the program prints what the dialect reads."""
    stream, rank = printed_where(case.log.format, dialects)
    said = case.log
    return {
        "stream": stream if said.stream is None else said.stream,
        "rank": rank if said.rank is None else said.rank,
        "file": said.file,
    }


def _thermal(bench: Bench, directory: Path) -> dict[str, str]:
    """Where the agent says how far the cards grew warmer, where somebody is asked for their temperature."""
    asked = any("temperature" in choice.channels for choice in bench.profile.samplers)
    return {"thermal": str(directory / "node-0" / "thermal.json")} if asked else {}


def _samplers(bench: Bench, devices: Sequence[Device]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The profile's samplers as the order carries them, and why nothing is asked for the other channels.

    A sampler whose energy counter stood still at the session's start is not asked for energy.
    """
    still = out_of_use(bench.calibration, bench.profile, devices)
    chosen = [
        {
            "name": choice.sampler,
            "class": bench.samplers[choice.sampler],
            "channels": [name for name in choice.channels if name != "energy" or choice.sampler not in still],
            "options": dict(choice.options),
        }
        for choice in bench.profile.samplers
    ]
    chosen = [choice for choice in chosen if choice["channels"]]
    served = {channel for choice in chosen for channel in choice["channels"]}
    missing = {
        channel: "; ".join(dict.fromkeys(still.values()))
        if channel == "energy" and still
        else f"the profile of vendor {bench.profile.id!r} names no sampler of {channel}"
        for channel in ("energy", "power", "memory")
        if channel not in served
    }
    return chosen, missing
