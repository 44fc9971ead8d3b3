"""What decides a run, part by part, so that two runs can be told apart and the difference be named (docs/resume.md)."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_sixdim import __version__
from pytest_sixdim.agent.command import PACKAGE, SHIPPED
from pytest_sixdim.campaign.adapter_records import ordered, variables
from pytest_sixdim.campaign.datasets import generated
from pytest_sixdim.campaign.hashes import short_hash, shortened
from pytest_sixdim.campaign.machine_identity import machine_identity
from pytest_sixdim.campaign.plan import PlannedRun
from pytest_sixdim.core.case import Case
from pytest_sixdim.samplers import Device

if TYPE_CHECKING:
    from pytest_sixdim.campaign.orders import Bench

#: Files that are listed one by one; more of them are one part.
LISTED = 200
#: Differences that are named; characters of a value that are shown.
NAMED, SHOWN = 3, 60
#: The part that holds an argument list.
ARGUMENTS = "arguments"


def identity_parts(
    bench: Bench, planned: PlannedRun, devices: Sequence[Device], files: Mapping[str, str]
) -> dict[str, Any]:
    """All that decides a run on these cards, and no path and no time: name -> plain value, or a short hash of it.

    files: of the program, as sources.sources has them.

    What only judges a run (limits, baselines, the number of full runs) and what only may end it (`timeout`, `stall`)
    is no part.
    """
    return {
        **_asked(bench, planned),
        **_told(bench, planned.case),
        **_machine(bench, planned.case, devices),
        **_measuring(bench, planned),
        **_listed(files),
    }


def identity(parts: Mapping[str, Any]) -> str:
    """One hash over all parts."""
    return hashlib.sha256(_text(parts)).hexdigest()


def differences(there: Any, here: Mapping[str, Any]) -> str:
    """How an earlier run's parts differ from these, in a few words: "train.py differs; seed 3 there, 13 here".

    there: as found in a file that may come from anybody.
    """
    if not isinstance(there, dict) or not there:
        return "it does not say what decided it"
    names = [name for name in dict.fromkeys([*here, *there]) if there.get(name) != here.get(name)]
    told = [_difference(str(name), there.get(name), here.get(name)) for name in names]
    more = [f"{len(told) - NAMED} more"] if len(told) > NAMED else []
    return "; ".join([*told[:NAMED], *more]) or "its identity differs"


def _difference(name: str, there: Any, here: Any) -> str:
    if not name.isprintable() or len(name) > SHOWN:
        return "something unknown differs"
    if name.startswith("--"):
        return f"measured {'with' if there else 'without'} {name} there"
    if _is_hash(there) and here is None:
        return f"{name} is not here"
    if _is_hash(here) and there is None:
        return f"{name} was not there"
    shown = [_shown(value) for value in (_unlike(there, here) if name == ARGUMENTS else (there, here))]
    if None in shown:
        return f"{name} {'differ' if name == ARGUMENTS else 'differs'}"
    return f"{name} {shown[0]} there, {shown[1]} here"


def _unlike(there: Any, here: Any) -> tuple[Any, Any]:
    """Of two argument lists, what the other one has not."""
    if not isinstance(there, str) or not isinstance(here, str):
        return there, here
    try:
        sides = [shlex.split(text) for text in (there, here)]
    except ValueError:  # a quotation that does not end
        return there, here
    only = [[word for word in side if word not in other] for side, other in (sides, sides[::-1])]
    return shlex.join(only[0]), shlex.join(only[1])


def _shown(value: Any) -> str | None:
    """A value as a sentence holds it; None where it says nothing to a reader."""
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    text = str(value) if isinstance(value, (str, int, float)) else ""
    return text if text.isprintable() and 0 < len(text) <= SHOWN and not _is_hash(text) else None


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("sha256:")


def _asked(bench: Bench, planned: PlannedRun) -> dict[str, Any]:
    """What the case, its configuration and the options ask for."""
    case, configuration, key, settings = planned.case, planned.configuration, planned.key, bench.settings
    on_generated = generated(case, settings)
    command = () if case.train.command is None else case.train.command
    return {
        "case": case.name,
        "configuration": configuration.id,
        "role": key.role,
        "seed": settings.seed(key.index),
        "precision": configuration.precision,
        "batch size": configuration.batch_size,
        "nodes": configuration.nodes,
        "cards a node": configuration.cards,
        "data": "generated" if on_generated else "none" if case.data is None else case.data.path,
        "launch": case.train.launch,
        "command": shlex.join(command),
        ARGUMENTS: shlex.join([*case.train.args, *configuration.args]),
        **{f"variable {name}": value for name, value in case.train.environment.items()},
        "working directory": None if case.train.directory is None else str(case.train.directory),
        "--sixdim-quick": case.is_quick,
        "--sixdim-share": settings.share,
        "launcher": settings.launcher,
    }


def _told(bench: Bench, case: Case) -> dict[str, Any]:
    """What the program is told of the measurement, and how it is read."""
    metric, on_generated = case.metric, generated(case, bench.settings)
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "better": metric.better,
        "target": metric.generated_target if on_generated else metric.target,
        "evaluated every": metric.every,
        "evaluation samples": metric.samples,
        "stability budget": case.stability.budget if case.stability.at == "budget" else None,
        **{name.replace("_", " "): value for name, value in asdict(case.measure).items()},
        **{f"log {name}": value for name, value in asdict(case.log).items()},
    }


def _machine(bench: Bench, case: Case, devices: Sequence[Device]) -> dict[str, Any]:
    """What the machine and the training program's interpreter are; never which of several like cards."""
    versions = bench.interpreters.software(case)
    parts = dict(machine_identity(bench.profile, devices, bench.machine, versions)["parts"])
    cards, software = parts.pop("cards"), parts.pop("software")
    threads = [len(device.cores) for device in devices if device.cores is not None]
    listed = [f"{card['count']} x {card['name']} ({card['memory_bytes'] or 0} bytes)" for card in cards]
    return {**parts, "cards": "; ".join(listed), "threads a card": min(threads, default=None), **software}


def _measuring(bench: Bench, planned: PlannedRun) -> dict[str, Any]:
    """What the plugin adds: the profile's words on how to reach and read the cards, the adapter, its own code."""
    profile, adapter = bench.profile, planned.configuration.adapter
    reached = {
        "device": profile.device,
        "imports": profile.imports,
        "backend": profile.backend,
        "autoload": profile.autoload,
        "amp": profile.amp,
        "visible by": profile.visible_by,
    }
    own = {f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}": short_hash(path) for path in SHIPPED}
    return {
        "profile": shortened(_text(reached)),
        **{f"variable {name}": value for name, value in profile.environment.items()},
        **{
            f"sampler {choice.sampler}": shortened(
                _text([_code(bench.samplers[choice.sampler]), choice.channels, choice.options])
            )
            for choice in profile.samplers
        },
        "dialect": shortened(_text(_code(bench.dialects[planned.case.log.format]))),
        **({} if adapter is None else {"adapter": shortened(_text(ordered(adapter, profile)))}),
        **{f"variable {name}": shortened(value.encode()) for name, value in variables(adapter).items()},
        "pytest-sixdim": __version__,
        **own,
    }


def _code(place: str) -> tuple[str, str | None]:
    """ "package.module:Class", with the hash of the module where it is not the plugin's own, whose version counts."""
    module = place.partition(":")[0]
    if module.partition(".")[0] == PACKAGE.name:
        return place, None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return place, None
    origin = Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
    return place, short_hash(origin) if origin is not None and origin.is_file() else None


def _listed(files: Mapping[str, str]) -> Mapping[str, str]:
    return files if len(files) <= LISTED else {f"{len(files)} files": shortened(_text(files))}


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()
