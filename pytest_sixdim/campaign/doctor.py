"""Whether a benchmark can be trusted on this host now: everything that decides it is looked at, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.card_findings import of_cards
from pytest_sixdim.campaign.conditions import Conditions, conditions
from pytest_sixdim.campaign.finding import Finding, in_order
from pytest_sixdim.campaign.holders import Holding, who_holds
from pytest_sixdim.campaign.host import Host, find_host
from pytest_sixdim.campaign.host_findings import of_host, of_machine, of_others, of_profile, of_torch
from pytest_sixdim.campaign.sensor_findings import of_channels, of_counters
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.strays import Strays, find_strays
from pytest_sixdim.campaign.survey import SourceAnswer, Survey, survey
from pytest_sixdim.campaign.torch_of import Torch, torch_of
from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Card

SCHEMA = 1
#: Seconds for which the energy counters are read as fast as they go: twenty ticks of the slowest that is known.
CALIBRATE = 2.0
#: Seconds that a vendor's library or tool has to answer.
TIMEOUT = 20.0


@dataclass(frozen=True)
class Examination:
    """All that was seen, and what follows from it.

    Attributes:
        facts: of the host's devices, in their order.
        holding: which runs have cards now, and which wait; None where the locks can't be read.
        strays: what killed runs have left.
        findings: problems first, notes last.
    """

    profile: VendorProfile
    host: Host
    survey: Survey
    facts: tuple[CardFacts, ...]
    torch: Torch
    conditions: Conditions
    holding: Holding | None
    strays: tuple[Strays, ...]
    findings: tuple[Finding, ...]

    @property
    def trustworthy(self) -> bool:
        """Whether nothing was found that spoils a measurement."""
        return not any(finding.level == "problem" for finding in self.findings)

    @property
    def serving(self) -> dict[str, str]:
        """Channel -> the sampler that serves it: the first of the profile that answers it."""
        found: dict[str, str] = {}
        for answer in self.survey.sources:
            for channel in answer.sources:
                found.setdefault(channel, answer.sampler)
        return found

    def to_json(self) -> dict[str, Any]:
        """As docs/formats.md describes it."""
        profile = self.profile
        return {
            "schema": SCHEMA,
            "trustworthy": self.trustworthy,
            "vendor": {
                "id": profile.id,
                "name": profile.name,
                "found": self.host.found,
                "limited_by": self.host.limited_by,
                "unverified": list(profile.unverified),
                "quirks": list(profile.quirks),
            },
            "cards": [
                {
                    **{name: getattr(device, name) for name in ("index", "id", "name", "uuid", "pci", "total_bytes")},
                    "model": None if (model := profile.card_model(device.name)) is None else model.id,
                    "facts": dict(facts),
                }
                for device, facts in zip(self.host.devices, self.facts, strict=True)
            ],
            "channels": self.serving,
            **self.survey.to_json(),
            "torch": asdict(self.torch),
            "machine": {**asdict(self.conditions), "results": str(self.conditions.results)},
            "holding": None if self.holding is None else self.holding.to_json(),
            "strays": [asdict(found) for found in self.strays],
            "findings": [asdict(finding) for finding in self.findings],
        }


def examine(
    profiles: Mapping[str, VendorProfile],
    samplers: Mapping[str, str],
    *,
    vendor: str = "auto",
    python: str,
    results: Path,
    timeout: float = TIMEOUT,
) -> Examination:
    """Look at this host.

    samplers: registered name -> "package.module:Class". python: the training program's interpreter. results: where
    results would go. timeout: for each vendor's library or tool, s. Raises SettingsError for an unknown vendor, for
    "auto" where two vendors are found, and for a visible-devices variable that names no card.
    """
    asked: list[SourceAnswer] = []

    def cards(profile: VendorProfile) -> tuple[Card, ...]:
        listed = survey(profile, samplers, timeout=timeout)
        asked.extend(listed.sources)
        return listed.cards

    host = find_host(profiles, vendor, cards)
    profile = profiles[host.vendor]
    seen = _surveyed(profile, samplers, host, asked, timeout)
    facts = _merged(seen, len(host.devices))
    torch = torch_of(python, profile)
    now = conditions(results)
    holding, refused = _holding()
    strays = tuple(find_strays())
    found = in_order(
        [
            *of_host(profile, host),
            *of_others(holding, refused, strays),
            *of_channels(profile, seen),
            *of_counters(host, seen),
            *of_cards(profile, host, facts, taken=holding is not None and bool(holding.holders)),
            *of_torch(profile, host, torch),
            *of_machine(now),
            *of_profile(profile),
        ]
    )
    return Examination(profile, host, seen, facts, torch, now, holding, strays, found)


def _holding() -> tuple[Holding | None, str | None]:
    """Who holds what; or why that can't be known, and no run be started."""
    try:
        return who_holds(), None
    except SettingsError as error:
        return None, str(error)


def _surveyed(
    profile: VendorProfile, samplers: Mapping[str, str], host: Host, asked: Sequence[SourceAnswer], timeout: float
) -> Survey:
    """The samplers' answers for the host's devices, or for all cards where none can be used.

    Who hung when the cards were listed (`asked`) is not asked again.
    """
    silent = {index: answer for index, answer in enumerate(asked) if (answer.asked_seconds or 0.0) >= timeout}
    others = tuple(choice for index, choice in enumerate(profile.samplers) if index not in silent)
    calibrate = CALIBRATE if host.devices else 0.0
    seen = survey(
        replace(profile, samplers=others), samplers, host.devices or None, calibrate=calibrate, timeout=timeout
    )
    answers = iter(seen.sources)
    sources = tuple(silent[index] if index in silent else next(answers) for index in range(len(profile.samplers)))
    return replace(seen, sources=sources)


def _merged(seen: Survey, cards: int) -> tuple[CardFacts, ...]:
    """Of each card; the first sampler that knows a fact wins."""
    merged = [CardFacts() for _ in range(cards)]
    for answer in reversed(seen.sources):
        if len(answer.facts) == cards:
            for card, facts in zip(merged, answer.facts, strict=True):
                card.update(facts)
    return tuple(merged)
