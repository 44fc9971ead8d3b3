"""The cards at the start of a session: whether their energy counters can be trusted, and which driver they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_sixdim.campaign.survey import Calibration, Survey, survey
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Device

#: Seconds for which the energy counters are read: 20 ticks of the slowest that is known.
SECONDS = 2.0
#: Counter and polled power further apart than this share are worth a flag: on idle cards both are coarse.
APART = 0.5
#: Seconds that the samplers have to answer.
TIMEOUT = 15.0
_VERSIONS = ("driver", "runtime")


@dataclass(frozen=True)
class FirstLook:
    """`versions`: of driver and runtime, where a sampler knows them."""

    calibration: tuple[Calibration, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def first_look(
    profile: VendorProfile, samplers: Mapping[str, str], devices: Sequence[Device], *, busy: bool
) -> FirstLook:
    """Ask the profile's samplers once a session.

    samplers: registered name -> "package.module:Class". busy: a run of somebody has the host, so that its cores are
    left alone: nothing is calibrated.
    """
    meters = any("energy" in choice.channels for choice in profile.samplers) and not busy
    if not devices or not profile.samplers or (profile.enumerate == "cores" and not meters):
        return FirstLook()
    answer = survey(profile, samplers, devices, calibrate=SECONDS if meters else 0.0, timeout=TIMEOUT)
    return FirstLook(answer.calibrations, _versions(answer))


def _versions(answer: Survey) -> dict[str, str]:
    """Every version of driver and runtime that the cards name, joined where they differ."""
    found = {}
    for name in _VERSIONS:
        named = {str(facts.get(name)) for source in answer.sources for facts in source.facts if facts.get(name)}
        if named:
            found[name] = ", ".join(sorted(named))
    return found


def out_of_use(calibration: Sequence[Calibration], profile: VendorProfile, devices: Sequence[Device]) -> dict[str, str]:
    """Why the energy counter of a sampler of the profile is not to be used on these cards, by the sampler's name.

    Where a calibration names its source otherwise than the profile does, every energy counter is meant.
    """
    still: dict[str, list[str]] = {}
    for card in calibration_of(calibration, devices):
        if not card.moves:
            still.setdefault(card.sampler, []).append(card.card)
    meters = dict.fromkeys(choice.sampler for choice in profile.samplers if "energy" in choice.channels)
    return {
        meter: f"the energy counter of {', '.join(cards)} ({sampler}) did not move in {shown(SECONDS)} s"
        for sampler, cards in still.items()
        for meter in ([sampler] if sampler in meters else meters)
    }


def doubts(calibration: Sequence[Calibration], devices: Sequence[Device]) -> list[str]:
    """Counters that say something else than polled power did, one sentence each."""
    return [
        f"at the session's start the energy counter of {card.card} counted {shown(card.watts)} W, "
        f"{shown(card.polled_watts)} W were polled"
        for card in calibration_of(calibration, devices)
        if card.watts is not None
        and card.polled_watts
        and abs(card.watts - card.polled_watts) > APART * card.polled_watts
    ]


def ticks(calibration: Sequence[Calibration], devices: Sequence[Device]) -> dict[str, float]:
    """The longest tick (s) and the coarsest step (J) of the counters of these cards; nothing where none is known."""
    cards = calibration_of(calibration, devices)
    known = {
        "tick_seconds": [card.tick_seconds for card in cards if card.tick_seconds is not None],
        "step_joules": [card.step_joules for card in cards if card.step_joules is not None],
    }
    return {name: max(values) for name, values in known.items() if values}


def calibrated(
    measured: Measured, calibration: Sequence[Calibration], profile: VendorProfile, devices: Sequence[Device]
) -> Measured:
    """Power with what the calibration of its cards' counters says: tick and step in detail["calibration"], problems as
    flags."""
    counted = measured.detail.get("method") == "counter"
    why = doubts(calibration, devices) if counted else out_of_use(calibration, profile, devices).values()
    known = ticks(calibration, devices) if counted else {}
    detail = {**measured.detail, **({"calibration": known} if known else {})}
    return replace(measured, flags=tuple(dict.fromkeys((*measured.flags, *why))), detail=detail)


def headline(calibration: Sequence[Calibration], profile: VendorProfile, devices: Sequence[Device]) -> str | None:
    """What the terminal's header says: "energy counter: tick 100 ms, 8 cards", or the problem."""
    cards = calibration_of(calibration, devices)
    if not cards:
        return None
    if problems := out_of_use(cards, profile, devices):
        return f"{'; '.join(dict.fromkeys(problems.values()))}: polled power is used instead"
    if apart := doubts(cards, devices):
        return "; ".join(apart)
    tick = ticks(cards, devices).get("tick_seconds")
    count = f"{len(cards)} card{'s' if len(cards) > 1 else ''}"
    return f"energy counter: {'moves' if tick is None else f'tick {shown(round(1000 * tick, 1))} ms'}, {count}"


def calibration_of(calibration: Sequence[Calibration], devices: Sequence[Device]) -> list[Calibration]:
    """Those of these cards."""
    ids = {device.id for device in devices}
    return [card for card in calibration if card.card in ids]
