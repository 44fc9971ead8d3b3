"""What a session was: when, where, on which cards, with which software and settings, from its session.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.report.course import number
from pytest_sixdim.report.imported import imported_facts
from pytest_sixdim.report.values import NONE

#: Label and text, by heading.
Facts = dict[str, list[tuple[str, str]]]


def started(directory: Path) -> datetime | None:
    """When the session began, in UTC, as its folder is named; None for another name."""
    try:
        return datetime.strptime(directory.name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def facts(directory: Path, session: Mapping[str, Any]) -> Facts:
    """The facts by heading; what the record does not say is "–"."""
    host, machine = _part(session, "host"), _part(session, "machine")
    settings, software = _part(session, "settings"), _part(session, "software")
    when = started(directory)
    if session.get("imported"):
        return _of_import(directory.name, when, session)
    return {
        "Session": [
            ("name", directory.name),
            ("started", f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else NONE),
            ("goes on with", Path(str(session.get("resumed") or "none")).name),
            ("git commit", _text(session.get("git_commit"))),
            ("pytest-sixdim", _text(session.get("plugin"))),
            ("pytest", _text(session.get("pytest"))),
        ],
        "Cards": [
            ("vendor", f"{_text(host.get('vendor'))} ({_text(host.get('found'))})"),
            ("cards", _cards(host.get("devices"))),
            ("limited by", _text(host.get("limited_by") or "nothing")),
        ],
        "Machine": [
            ("host", _text(machine.get("host"))),
            ("processor", f"{_text(machine.get('cpu'))}, {_text(machine.get('cpus'))} CPUs"),
            ("memory", _gib(machine.get("memory_bytes"))),
            ("kernel", _text(machine.get("kernel"))),
            ("architecture", _text(machine.get("architecture"))),
            ("driver", _text(machine.get("driver"))),
            ("runtime", _text(machine.get("runtime"))),
            ("identity", _text(_part(machine, "identity").get("hash"))),
        ],
        "Software": [
            *([(str(name), _text(version)) for name, version in sorted(software.items())] or [("versions", NONE)]),
            *((str(python), _versions(found)) for python, found in _part(session, "interpreters").items()),
        ],
        "Settings": [
            ("strict", _yes(settings.get("strict"))),
            ("quick", _yes(settings.get("quick"))),
            ("cards a node", _numbers(settings.get("cards"), "all configurations")),
            ("full runs", _numbers(settings.get("runs"), "as the case says")),
            ("seeds", _numbers(settings.get("seeds"), "1, 2, 3, ...")),
            ("launcher", _text(settings.get("launcher"))),
            ("interpreter", _text(settings.get("python"))),
            ("data", _text(settings.get("data") or "none given")),
            ("adapter", _text(settings.get("adapter") or "none")),
            ("other users", _text(settings.get("contention"))),
            ("shares the host", _yes(settings.get("share"))),
            ("run again near a limit", _yes(settings.get("confirm"))),
            ("further attempts", _text(settings.get("retries"))),
        ],
    }


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str:
    return NONE if value is None or value == "" else str(value)


def _versions(found: Any) -> str:
    """What an interpreter besides the default one has, as in "mindspore 2.10.0, python 3.11.7"."""
    named = sorted(found.items()) if isinstance(found, dict) else []
    return ", ".join(f"{name} {_text(version)}" for name, version in named) or NONE


def _yes(value: Any) -> str:
    return NONE if not isinstance(value, bool) else "yes" if value else "no"


def _numbers(value: Any, otherwise: str) -> str:
    if value is None:
        return otherwise
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _gib(size: Any) -> str:
    return NONE if (known := number(size)) is None else f"{known / GIB:.0f} GiB"


def _of_import(name: str, when: datetime | None, session: Mapping[str, Any]) -> Facts:
    """Of logs: nothing was launched, and nothing of this host counts."""
    host = _part(session, "host")
    return {
        "Session": [
            ("name", name),
            ("imported at", f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else NONE),
            ("pytest-sixdim", _text(session.get("plugin"))),
            *imported_facts(session["imported"]),
        ],
        "Cards": [("vendor, as the case says", _text(host.get("vendor"))), ("cards", _cards(host.get("devices")))],
    }


def _cards(devices: Any) -> str:
    """As in "8 x NVIDIA H200, 141 GiB"."""
    known = [device for device in devices if isinstance(device, dict)] if isinstance(devices, list) else []
    models = Counter((_text(device.get("name")), number(device.get("total_bytes"))) for device in known)
    texts = [f"{count} × {name}" + (f", {_gib(size)}" if size else "") for (name, size), count in models.items()]
    return "; ".join(texts) or NONE
