"""What the samplers of a vendor's profile say of this host: asked before a run, each in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_sixdim.agent.command import PACKAGE
from pytest_sixdim.agent.processes import scratch_prefix
from pytest_sixdim.campaign.inquiry import Inquiry, Reply
from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.core.registry import RegistryError, class_path
from pytest_sixdim.core.vendor import SamplerChoice, VendorProfile
from pytest_sixdim.samplers import Card, Device
from pytest_sixdim.samplers.survey import device_of


@dataclass(frozen=True)
class SourceAnswer:
    """What one sampler of the profile says.

    Attributes:
        reason: why it does not answer; None where it does.
        cards: as it lists them.
        sources: the channels that it can read.
        unavailable: channels that it was asked for and cannot read, with the reason ("facts" where those failed).
        readings: one reading of each channel, by card.
        facts: of the cards, in the order of the devices.
        complaints: what went wrong while it was read.
        seconds, cpu_seconds: what one reading of all channels took, the CPU time with that of tools that ran beside it;
            None where there was none.
        asked_seconds: what asking it took, with the start of its process.
    """

    sampler: str
    reason: str | None = None
    cards: tuple[Card, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    facts: tuple[CardFacts, ...] = ()
    complaints: tuple[str, ...] = ()
    seconds: float | None = None
    cpu_seconds: float | None = None
    asked_seconds: float | None = None


@dataclass(frozen=True)
class Calibration:
    """How one card's energy counter moved, read as fast as it goes (samplers/calibration.py).

    tick_seconds: median between changes; step_joules: the smallest; watts, polled_watts: of the counter, and of polled
    power meanwhile. None where too little was seen.
    """

    card: str
    sampler: str
    moves: bool
    tick_seconds: float | None = None
    step_joules: float | None = None
    watts: float | None = None
    polled_watts: float | None = None


@dataclass(frozen=True)
class Survey:
    """The answers of a profile's samplers, in the profile's order, and the calibration of each card's counter."""

    sources: tuple[SourceAnswer, ...] = ()
    calibrations: tuple[Calibration, ...] = ()

    @property
    def cards(self) -> tuple[Card, ...]:
        """Of the first source that lists any."""
        return next((answer.cards for answer in self.sources if answer.cards), ())

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Survey:
        """The reverse of to_json."""
        return cls(
            tuple(_answer(answer) for answer in record["sources"]),
            tuple(Calibration(**calibration) for calibration in record["calibrations"]),
        )


def survey(
    profile: VendorProfile,
    known: Mapping[str, str],
    devices: Sequence[Device] | None = None,
    *,
    calibrate: float = 0.0,
    timeout: float = 30.0,
) -> Survey:
    """Ask all samplers of the profile, at the same time.

    known: registered name -> "package.module:Class". devices: the cards to ask for, None for all that a source lists.
    calibrate: seconds for which the energy counters are read as fast as they go, 0 for not at all; it comes after the
    rest. timeout: seconds after which who has not answered is given up, of the samplers and again of the calibration.
    A sampler that fails, crashes or hangs is an answer with its reason.
    """
    listed = None if devices is None else [asdict(device) for device in devices]
    choices = [_choice(choice, known) for choice in profile.samplers]
    requests = [{"sampler": choice, "devices": listed, "timeout": timeout} for choice in choices if "class" in choice]
    asked = iter(_ask_all(requests, timeout))
    answers = [
        _answer({"sampler": choice["name"], **(next(asked) if "class" in choice else {"reason": choice["unknown"]})})
        for choice in choices
    ]
    meter = _first(answers, "energy")
    if not calibrate or meter is None:
        return Survey(tuple(answers))
    if listed is None and answers[meter].cards:
        listed = [asdict(device_of(card)) for card in answers[meter].cards]
    power = _first(answers, "power")
    request = {
        "sampler": choices[meter],
        "power": None if power is None else choices[power],
        "devices": listed,
        "calibrate": calibrate,
        "timeout": timeout + calibrate,
    }
    answer = _ask_all([request], timeout + calibrate)[0]
    return Survey(tuple(answers), tuple(Calibration(**each) for each in answer.get("calibrations", ())))


def _choice(choice: SamplerChoice, known: Mapping[str, str]) -> dict[str, Any]:
    """As a request has it; with "unknown", why there is no such sampler, in place of "class"."""
    try:
        path = {"class": class_path("sampler", choice.sampler, known)}
    except RegistryError as error:
        path = {"unknown": str(error)}
    return {"name": choice.sampler, **path, "channels": list(choice.channels), "options": dict(choice.options)}


def _first(answers: Sequence[SourceAnswer], channel: str) -> int | None:
    return next((index for index, answer in enumerate(answers) if channel in answer.sources), None)


def _answer(record: Mapping[str, Any]) -> SourceAnswer:
    """From what its process printed, or from to_json."""
    return SourceAnswer(
        **{
            **record,
            "cards": tuple(Card(**card) for card in record.get("cards", ())),
            "sources": {channel: Source.from_json(source) for channel, source in record.get("sources", {}).items()},
            "readings": {channel: tuple(values) for channel, values in record.get("readings", {}).items()},
            "facts": tuple(record.get("facts", ())),
            "complaints": tuple(record.get("complaints", ())),
        }
    )


def _ask_all(requests: Sequence[Mapping[str, Any]], timeout: float) -> list[dict[str, Any]]:
    """The answers, in the order of the requests; the processes run at the same time."""
    command = [sys.executable, "-m", "pytest_sixdim.samplers.survey"]
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix=scratch_prefix(), ignore_cleanup_errors=True)
        directory = stack.enter_context(made)
        asked = []
        for request in requests:
            stdin = json.dumps({**request, "directory": directory}).encode()
            asked.append(stack.enter_context(Inquiry(command, _environment(), stdin)))
        return [_merged(inquiry.reply(timeout)) for inquiry in asked]


def _merged(reply: Reply) -> dict[str, Any]:
    """All that a process said, with the reason where it said no more."""
    answer: dict[str, Any] = {}
    for line in reply.output.splitlines():
        with suppress(ValueError):  # the last line may be cut off
            answer.update(json.loads(line))
    if not answer.pop("done", False):
        answer["reason"] = reply.failure or "its process ended without an answer"
    return {**answer, "asked_seconds": reply.seconds}


def _environment() -> dict[str, str]:
    """This process's, in which the asked process finds this very package."""
    entries = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entries)}
