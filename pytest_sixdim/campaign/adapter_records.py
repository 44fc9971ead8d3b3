"""What the order says of an adapter, and what the ranks left of it (docs/formats.md)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_sixdim.core.adapters import ADAPTERS, Adapter, adapter
from pytest_sixdim.core.files import open_regular, read_bounded
from pytest_sixdim.core.vendor import VendorProfile

#: Bytes at the start of a rank's log in which its adapter's banner is looked for: it comes before the program.
BANNER_WITHIN = 2**20
#: Bytes of what adapted.py leaves.
LARGEST_RECORD = 2**20


def ordered(name: str | None, profile: VendorProfile) -> dict[str, Any] | None:
    """What order.json says of an adapter, with what it must say of itself on this vendor's cards; None without one."""
    if name is None:
        return None
    known = asdict(adapter(name))
    told = ("name", "module", "drives", "switch", "recorded", "tools", "tool_modules", "install")
    expected = profile.adapters.get(name)
    return {
        **{key: list(known[key]) if key == "tool_modules" else known[key] for key in told},
        "architecture": expected.architecture if expected else None,
        "framework": expected.framework if expected else None,
    }


def told_program(name: str | None, profile: VendorProfile) -> dict[str, Any]:
    """The keys of run.json that say which device to use: under an adapter, those that it stands in for."""
    if name is None:
        own = {"device": profile.device, "backend": profile.backend, "amp": profile.amp}
        return {**own, "imports": list(profile.imports)}
    known = adapter(name)
    return {"device": known.device, "backend": known.backend, "amp": known.amp, "imports": []}


def variables(name: str | None, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment's variables that decide what an adapter does."""
    if name is None:
        return {}
    pattern = re.compile(adapter(name).recorded)
    return {key: value for key, value in sorted(environment.items()) if pattern.fullmatch(key)}


def read_evidence(nodes: Iterable[Path], order: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The records of adapted.py by rank, each with the `banner` that its rank printed under its own pid, or None.

    A record that cannot be read is left out, as that of a rank which never came so far.
    """
    asked = order.get("adapter")
    if not asked:
        return ()
    known = ADAPTERS.get(asked["name"])
    records = []
    for node in nodes:
        for path in node.glob("ranks/adapter-*.json"):
            try:
                record = json.loads(read_bounded(path, LARGEST_RECORD))
                _check_record(record)
                log = node / "logs" / f"rank-{record['rank']}.stdout.log"
                records.append({**record, "banner": _banner(log, known, record.get("pid"))})
            except (OSError, ValueError, RecursionError):
                continue
    return tuple(sorted(records, key=lambda record: int(record["rank"])))


def _check_record(record: Any) -> None:
    """Raises ValueError for a record that adapted.py can't have written."""
    if not isinstance(record, dict) or type(record.get("rank")) is not int or record["rank"] < 0:
        raise ValueError("no record of a rank")
    for name, value in record.items():
        lists = isinstance(value, list) and all(isinstance(item, str) for item in value)
        tables = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        wanted = {"tool_modules": lists, "variables": tables}
        if not wanted.get(name, value is None or isinstance(value, (str, bool, int))):
            raise ValueError(f"{name}: {value!r:.60}")


def _banner(log: Path, known: Adapter | None, pid: Any) -> dict[str, str | None] | None:
    """The first line of the log that is the adapter's banner with this pid, in its parts."""
    if known is None:
        return None
    try:
        with open_regular(log) as file:
            lines = file.read(BANNER_WITHIN).decode(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        match = re.match(known.banner, line)
        if match and match["pid"] == str(pid):
            return match.groupdict()
    return None
