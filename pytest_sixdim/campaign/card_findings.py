"""What the cards themselves say against a run on them: who else is there, and how they are set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_sixdim.campaign.finding import Finding, Level
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.core.contention import BUSY_PERCENT, held
from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.core.vendor import VendorProfile


def of_cards(profile: VendorProfile, host: Host, facts: Sequence[CardFacts], *, taken: bool) -> Iterator[Finding]:
    """Whoever else computes on a card takes time, power and memory from the run: a problem, unless cards are `taken`
    by this user's own runs, which a session waits for."""
    level: Level = "warning" if taken else "problem"
    cure = "end what runs there" + (f", or choose other cards with {profile.visible[0]}" if profile.visible else "")
    for device, known in zip(host.devices, facts, strict=True):
        card = f"card {device.index}"
        foreign = [process for process in known.get("processes") or () if process.get("own") is not True]
        for process in foreign:
            size = process.get("bytes")
            room = "" if size is None else f", {size / GIB:.1f} GiB"
            text = f"process {process.get('pid', '?')} ({process.get('name') or 'name unknown'}{room}) is on the card"
            yield Finding(level, card, text, cure)
        busy, held_bytes = known.get("utilization_percent"), known.get("memory_used_bytes")
        if not foreign and busy is not None and busy > BUSY_PERCENT:
            yield Finding(level, card, f"{busy:.0f} % utilised by somebody who can't be seen from here", cure)
        elif not foreign and held_bytes is not None and held(held_bytes, device.total_bytes):
            text = f"{held_bytes / GIB:.1f} GiB are held by somebody who can't be seen from here"
            yield Finding("warning", card, text, cure)
        yield from _of_state(card, known)
    unknown = {device.name for device in host.devices if profile.card_model(device.name) is None}
    if profile.cards and unknown:
        text = f"the profile does not know {', '.join(sorted(unknown))}: no baseline matches, and MFU is unknown"
        yield Finding("note", "cards", text, "add the card to the vendor's profile")


def _of_state(card: str, known: CardFacts) -> Iterator[Finding]:
    if known.get("mig"):
        text = "the card is divided (MIG): a part has no power sensor, so that power will be unknown"
        yield Finding("problem", card, text, "measure the whole card: turn MIG off")
    if known.get("ecc_uncorrected"):
        text = f"{known['ecc_uncorrected']} uncorrectable memory errors since the driver was loaded"
        yield Finding("warning", card, text, "have the card looked at")
    limit, default = known.get("power_limit_watts"), known.get("power_default_watts")
    if limit is not None and default is not None and limit < default:
        text = f"power is capped at {limit:g} W, the card came with {default:g} W"
        yield Finding("note", card, text, "the cap is part of the result; only equal caps are compared")
    if known.get("clocks_locked"):
        yield Finding("note", card, "its clocks are locked", "say so where you publish the figures")
    if known.get("persistence") is False:
        text = "persistence mode is off: the driver starts anew for every program"
        yield Finding("note", card, text, "turn it on")
