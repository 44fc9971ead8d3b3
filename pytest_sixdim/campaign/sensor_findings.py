"""Whether the sensors of the cards will give a run its figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_sixdim.campaign.finding import Finding, Level
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.survey import Survey
from pytest_sixdim.core.vendor import VendorProfile

#: Counter and polled power may differ by this share of the counter's (docs/method.md).
AGREEMENT = 0.05
THROTTLING = ("slowdown_hardware", "slowdown_thermal", "slowdown_power")


def of_channels(profile: VendorProfile, seen: Survey) -> Iterator[Finding]:
    """Power and memory are two of six dimensions: without a source an accelerator's scorecard stays incomplete. A host
    that is measured for want of an accelerator is warned only."""
    lacking: Level = "warning" if profile.fallback else "problem"
    if not _served(seen, "energy", "power"):
        yield _missing(profile, seen, lacking, "power", ("energy", "power"))
    if not _served(seen, "memory"):
        yield _missing(profile, seen, lacking, "memory", ("memory",))
    if not profile.fallback and not _served(seen, *THROTTLING):
        yield _missing(profile, seen, "warning", "throttling", THROTTLING)
    for choice, answer in zip(profile.samplers, seen.sources, strict=True):
        if answer.reason is not None and all(_served(seen, channel) for channel in choice.channels):
            yield Finding("note", choice.sampler, answer.reason, choice.install)
        for complaint in answer.complaints:
            yield Finding("warning", choice.sampler, complaint)
        for channel, values in answer.readings.items():
            first = next((other for other in seen.sources if channel in other.sources), None)
            if first is answer and channel in ("energy", "power") and not all(value is not None for value in values):
                silent = sum(value is None for value in values)
                text = f"{silent} of {len(values)} cards have no reading from {answer.sampler}"
                yield Finding(lacking, channel, text)  # no cure: what provides the sampler is there


def _served(seen: Survey, *channels: str) -> bool:
    return any(channel in answer.sources for answer in seen.sources for channel in channels)


def _missing(profile: VendorProfile, seen: Survey, level: Level, what: str, channels: Iterable[str]) -> Finding:
    """That nobody reads `what`, with what the samplers that should say, and what would provide them."""
    reasons, cures = [], []
    for choice, answer in zip(profile.samplers, seen.sources, strict=True):
        if not set(channels).isdisjoint(choice.channels):
            told = next(
                (answer.unavailable[name] for name in channels if name in answer.unavailable), "does not read it"
            )
            reasons.append(f"{choice.sampler}: {answer.reason or told}")
            cures += [choice.install] if choice.install else []
    why = "; ".join(reasons) or "the vendor's profile names no source"
    return Finding(level, what, f"{what} will be unknown ({why})", "; or ".join(dict.fromkeys(cures)))


def of_counters(host: Host, seen: Survey) -> Iterator[Finding]:
    """Whether the energy counters move, and agree with polled power."""
    cards = {device.id: f"card {device.index}" for device in host.devices}
    for found in seen.calibrations:
        card = cards[found.card]
        if not found.moves:
            text = f"the energy counter of {found.sampler} stands still"
            yield Finding("warning", card, text, "power comes from polling only where the card has it")
        elif found.watts and found.polled_watts and abs(found.polled_watts / found.watts - 1) > AGREEMENT:
            both = f"{found.watts:.1f} W counted, {found.polled_watts:.1f} W polled"
            text = f"energy counter and polled power differ by more than 5 %: {both}"
            yield Finding("warning", card, text, "a run whose two figures differ so is suspect")
