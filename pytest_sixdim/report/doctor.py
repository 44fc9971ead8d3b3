"""What `sixdim doctor` prints: a plain table that is grasped in ten seconds, problems last."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from textwrap import indent
from typing import Any

from tabulate import tabulate

from pytest_sixdim.campaign.doctor import Examination
from pytest_sixdim.campaign.finding import Finding
from pytest_sixdim.campaign.holders import Holder, Holding
from pytest_sixdim.campaign.survey import Calibration, SourceAnswer
from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import CHANNELS
from pytest_sixdim.report.values import NONE
from pytest_sixdim.samplers import Device

GIB = 2**30


def doctor_text(seen: Examination) -> str:
    """All that was seen, for people."""
    profile, host = seen.profile, seen.host
    limited = f"; {host.limited_by} limits them" if host.limited_by else ""
    parts = [
        f"vendor   {profile.name} ({profile.id}), found by: {host.found}{limited}",
        f"machine  {_machine(seen)}",
        f"torch    {_torch(seen)}",
        f"cards    {_cards(host.devices, seen.facts)}",
        f"held by  {_holding(seen.holding)}",
        f"sensors\n{indent(_sensors(seen), '  ')}",
    ]
    about = [f"  {quirk}" for quirk in profile.quirks]
    if about:
        parts.append("\n".join([f"of {profile.name} cards", *about]))
    return "\n\n".join([*parts, "\n".join([*_findings(seen.findings), _closing(seen)])])


def _machine(seen: Examination) -> str:
    now = seen.conditions
    governors = ", ".join(f"{name} on {count}" for name, count in now.governors.items()) or "not shown"
    free = "unknown" if now.free_bytes is None else f"{now.free_bytes / GIB:.0f} GiB"
    quota = "" if now.quota_cpus is None else f", {now.quota_cpus:g} CPUs' time allowed"
    lines = [
        f"{now.cpu}: {now.usable_cpus} of {now.cpus} CPUs usable{quota}, load {now.load:.1f}",
        f"governor: {governors}; energy of the processor (RAPL): {now.rapl or 'readable'}",
        f"free for results: {free} ({now.results})",
    ]
    return "\n         ".join(lines)


def _torch(seen: Examination) -> str:
    torch, profile = seen.torch, seen.profile
    if torch.python is None:
        return f"{torch.executable}: {torch.error}"
    parts = [f"torch {torch.version}" if torch.version else "no torch", f"Python {torch.python}"]
    parts += [f"{name} {version}" for name, version in torch.imports.items()]
    if torch.backend is not None:
        parts.append(f"{profile.backend}: {'yes' if torch.backend else 'no'}")
    if torch.devices is not None:
        names = ", ".join(dict.fromkeys(device.name for device in torch.devices))
        parts.append(f"sees {len(torch.devices)} {profile.device} devices" + (f" ({names})" if names else ""))
    return f"{', '.join(parts)}\n         {torch.executable}"


def _cards(devices: Sequence[Device], facts: Sequence[CardFacts]) -> str:
    if not devices:
        return "none"
    if not any(facts) and all(device.uuid is None and device.pci is None for device in devices):
        names = dict.fromkeys(device.name for device in devices)
        return f"{len(devices)} x {', '.join(names)}: {', '.join(device.id for device in devices)}"
    rows = [_card(device, known) for device, known in zip(devices, facts, strict=True)]
    same = [name for name in ("name", "memory", "driver") if len({row[name] for row in rows}) == 1]
    columns = [name for name in rows[0] if name not in same and any(row[name] != NONE for row in rows)]
    table = tabulate([[row[name] for name in columns] for row in rows], columns, disable_numparse=True)
    joint = [f"driver {rows[0][name]}" if name == "driver" else rows[0][name] for name in same]
    return f"{len(devices)} x {', '.join(text for text in joint if not text.endswith(NONE))}\n{indent(table, '  ')}"


def _holding(holding: Holding | None) -> str:
    """Who holds which cards, and who waits for some."""
    if holding is None:
        return "unknown: the locks can't be read"
    lines = [f"{_what(holder)}: {holder.name}{_since(holder)}" for holder in holding.holders]
    lines += [f"waiting: {waiter.name}{_since(waiter)}" for waiter in holding.waiting]
    return "\n         ".join(lines or ["nobody"])


def _what(holder: Holder) -> str:
    cards = ", ".join(holder.cards)
    return f"the host ({cards})" if holder.host else cards


def _since(holder: Holder) -> str:
    """As in ", since 2026-03-01 12:31:07"."""
    if holder.since_unix is None:
        return ""
    return f", since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(holder.since_unix))}"


def _card(device: Device, known: CardFacts) -> dict[str, str]:
    """A card's row; every card has the same columns."""
    used, total = known.get("memory_used_bytes"), device.total_bytes
    processes = known.get("processes")
    return {
        "card": str(device.index),
        "name": device.name,
        "UUID": device.uuid or NONE,
        "PCI": device.pci or NONE,
        "memory": NONE if total is None else f"{total / GIB:.1f} GiB",
        "used": NONE if used is None else f"{used / GIB:.1f} GiB",
        "power limit": _pair(known.get("power_limit_watts"), known.get("power_default_watts"), "W"),
        "clock": _pair(known.get("clock_mhz"), known.get("clock_max_mhz"), "MHz"),
        "locked": _word(known.get("clocks_locked")),
        "temp": _number(known.get("temperature_celsius"), "°C"),
        "busy": _number(known.get("utilization_percent"), "%"),
        "processes": NONE if processes is None else str(len(processes)),
        "driver": known.get("driver", NONE),
    }


def _sensors(seen: Examination) -> str:
    if not seen.survey.sources:
        return "none: the vendor's profile names no source of readings"
    return f"{_channels(seen)}\n\n{_samplers(seen)}"


def _channels(seen: Examination) -> str:
    """A row for each channel that the profile asks for."""
    asked = [channel for channel in CHANNELS if any(channel in choice.channels for choice in seen.profile.samplers)]
    rows = []
    for channel in asked:
        serving = next((answer for answer in seen.survey.sources if channel in answer.sources), None)
        if serving is None:
            rows.append([channel, NONE, NONE, NONE, NONE, "no source"])
            continue
        source = serving.sources[channel]
        unit = CHANNELS[channel]
        step = NONE if source.resolution is None else f"{source.resolution:g} {unit}"
        calibrations = seen.survey.calibrations if channel == "energy" else ()
        now = _counter(calibrations) if calibrations else _now(serving.readings.get(channel, ()), unit)
        rows.append([channel, serving.sampler, source.method, source.scope, step, now])
    return tabulate(rows, ["channel", "read by", "method", "scope", "step", "now"], disable_numparse=True)


def _samplers(seen: Examination) -> str:
    rows = [_sampler(answer) for answer in seen.survey.sources]
    return tabulate(rows, ["sampler", "answers", "one reading of all", "CPU"], disable_numparse=True)


def _sampler(answer: SourceAnswer) -> list[str]:
    if answer.reason is not None:
        return [answer.sampler, f"no: {answer.reason}", NONE, NONE]
    what = f"yes: {len(answer.cards)} cards" if answer.cards else "yes"
    return [answer.sampler, what, _milliseconds(answer.seconds), _milliseconds(answer.cpu_seconds)]


def _counter(calibrations: Iterable[Calibration]) -> str:
    found = list(calibrations)
    still = sum(not calibration.moves for calibration in found)
    if still:
        return f"stands still on {still} of {len(found)} cards"
    parts = [
        ("tick", _span([1e3 * each.tick_seconds for each in found if each.tick_seconds is not None], "ms")),
        ("step", _span([each.step_joules for each in found if each.step_joules is not None], "J")),
        ("counted", _span([each.watts for each in found if each.watts is not None], "W")),
        ("polled", _span([each.polled_watts for each in found if each.polled_watts is not None], "W")),
    ]
    return ", ".join(f"{name} {text}" for name, text in parts if text != NONE)


def _now(values: Sequence[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    if unit == "bytes":
        return _span([value / GIB for value in known], "GiB")
    return _span(known, unit)


def _span(values: Sequence[float], unit: str) -> str:
    """As in "71.2 W" or "71.2 to 80 W"."""
    if not values:
        return NONE
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _pair(now: float | None, most: float | None, unit: str) -> str:
    if now is None and most is None:
        return NONE
    return f"{NONE if now is None else f'{now:g}'}{'' if most is None else f' of {most:g}'} {unit}"


def _number(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{value:g} {unit}"


def _word(value: Any) -> str:
    return NONE if value is None else "yes" if value else "no"


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else f"{1e3 * seconds:.3g} ms"


def _findings(found: Sequence[Finding]) -> list[str]:
    """One line each; what matters most stands last, where a person looks first."""
    width = max((len(finding.about) for finding in found), default=0)
    return [
        f"{finding.level:<8} {finding.about:<{width}}  {finding.text}" + (f" -> {finding.cure}" if finding.cure else "")
        for finding in reversed(found)
    ]


def _closing(seen: Examination) -> str:
    counts = {level: sum(finding.level == level for finding in seen.findings) for level in ("problem", "warning")}
    told = ", ".join(f"{number} {level}{'' if number == 1 else 's'}" for level, number in counts.items())
    return f"{'a' if seen.trustworthy else 'no'} benchmark can be trusted here: {told}"
