"""From a monitor's log to samples.jsonl: readings that power and memory are measured from as from a sampler's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import JsonLines
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.flagperf import of_another_vendor
from pytest_sixdim.campaign.importing.monitors.clock import inferred, offset_text
from pytest_sixdim.campaign.importing.monitors.formats import formats_of
from pytest_sixdim.campaign.importing.monitors.survey import Survey, readings, survey
from pytest_sixdim.campaign.importing.monitors.undated import undated, why_unjudged
from pytest_sixdim.core.quantities import GIB, count_of
from pytest_sixdim.core.records import CardInfo, Source
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers.tool.boards import refusal, shared
from pytest_sixdim.samplers.tool.plausible import believed

#: Seconds before and after a run whose readings are kept: a monitor may have gone on for weeks.
BESIDE = 3600.0
#: A card of the same name shows its memory to this share: some of it is the driver's.
OTHER_SIZE = 0.15
SAMPLER = "flagperf monitor"
#: Channels that figures are made of.
MEASURED = ("power", "memory")


@dataclass(frozen=True)
class Around:
    """What a monitor's log is read for.

    Attributes:
        profile: the vendor's.
        card: what the vendor's tools call the card, where that is known.
        cards: of the run on this node.
        run: the time of day of its first and last event; None where its log has no stamps.
        offset: of the monitor's clock ahead of UTC, s; None: to be inferred.
    """

    profile: VendorProfile
    card: str | None
    cards: int
    run: tuple[float, float] | None
    offset: float | None = None

    @property
    def kept(self) -> tuple[float, float]:
        """From when to when readings are written: the run, and an hour before and after it."""
        first, last = self.run or (0.0, 0.0)
        return first - BESIDE, last + BESIDE


@dataclass
class MonitorRead:
    """What came of it.

    Attributes:
        readings: that were written; `dropped`: that had another number of cards than most, or an impossible time.
        shown: cards in the monitor.
        unavailable: why a channel has no readings. `undated`: readings without times, by dimension.
        notes: what a reader of power and memory should know.
    """

    file: str | None = None
    format: str | None = None
    readings: int = 0
    dropped: int = 0
    shown: int = 0
    offset: str | None = None
    unavailable: dict[str, str] = field(default_factory=dict)
    undated: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def write_samples(monitor: Path | None, around: Around, samples: Path) -> MonitorRead:
    """Read a monitor's log (None: there is none) and write samples.jsonl.

    Raises CannotImport where it can't be read, has no reading, or its time can't be told.
    """
    if monitor is None:
        missing = {channel: f"the log has no {channel} readings" for channel in MEASURED}
        return _without(MonitorRead(unavailable=missing), around, samples)
    if (other := of_another_vendor(monitor, around.profile.id)) is not None:
        raise CannotImport(f"{monitor}: is of the vendor {other} by its name, the configuration of {around.profile.id}")
    read = MonitorRead(file=monitor.name)
    found = survey(monitor, formats_of(around.profile, around.card))
    if found is None:
        return _without(_undated(monitor, read), around, samples)
    read.format, read.shown, read.dropped = found.form.name, len(found.cards), found.dropped
    _check_card(monitor, found, around)
    reason = _useless(found, around)
    if reason is not None:
        read.unavailable = dict.fromkeys(MEASURED, f"{monitor.name}: {reason}")
        return _without(read, around, samples)
    assert around.run is not None
    offset = around.offset
    if offset is None:
        offset = inferred((found.first, found.last), around.run, str(monitor))
        read.notes.append(f"imported: {monitor.name} is in local time, taken for {offset_text(offset)}")
    read.offset = offset_text(offset)
    read.notes += _notes(monitor.name, found, around)
    _write(monitor, found, around, offset, read, samples)
    return read


def _undated(monitor: Path, read: MonitorRead) -> MonitorRead:
    """Raises CannotImport where there are no readings without times either."""
    read.undated = undated(monitor)
    if not read.undated:
        times = "no line with a time, as in 2023-01-31-08:00:00"
        raise CannotImport(f"{monitor}: {times}, and no reading of power or memory")
    read.unavailable = {
        channel: why_unjudged(read.undated[channel])
        if channel in read.undated
        else f"{monitor.name} has no {channel} readings"
        for channel in MEASURED
    }
    return read


def _check_card(monitor: Path, found: Survey, around: Around) -> None:
    """Raises CannotImport where the monitor shows cards of another size than the one that the user names."""
    model = next((each for each in around.profile.cards if around.card in each.names), None)
    sizes = {each.values.get("memory_total") for each in found.cards} - {None, 0.0}
    if model is None or model.memory is None:
        return
    for size in sizes:
        if size is not None and abs(size / model.memory - 1) > OTHER_SIZE:
            shows = f"{monitor}: shows cards of {size / GIB:.1f} GiB"
            raise CannotImport(f"{shows}, and a {model.id} (--card) has {model.memory / GIB:.1f} GiB")


def _useless(found: Survey, around: Around) -> str | None:
    """Why nothing of the monitor can be used."""
    if len(found.cards) < around.cards:
        return f"it shows {count_of(len(found.cards), 'card')}, the configuration has {around.cards}"
    if around.run is None:
        return "the run's log has no time of day, so that nobody can lay the readings over it"
    return None


def _write(monitor: Path, found: Survey, around: Around, offset: float, read: MonitorRead, samples: Path) -> None:
    rule, boards = found.form.rule, found.form.rule.boards(found.cards) if found.form.rule else {}
    leased = found.cards[: around.cards]
    read.unavailable = {
        name: f"{monitor.name} has no {name} readings" for name in MEASURED if name not in found.channels
    }
    if rule is not None and "power" in found.channels and (why := refusal(found.cards, leased, boards, rule)):
        read.unavailable["power"] = f"{monitor.name}: {why}"
    channels = [name for name in found.channels if name not in read.unavailable]
    sources = {name: Source(SAMPLER, "unstated") for name in channels}
    if "power" in sources and any(card.key in boards for card in leased):
        sensors = [boards.get(card.key, card.key) for card in leased]
        numbers = tuple(sensors.index(sensor) for sensor in sensors)
        sources["power"] = Source(SAMPLER, "unstated", scope="module", sensors=numbers)
    totals = [card.values.get("memory_total") for card in leased]
    begin, end = around.kept
    lines = _open(samples, around, totals, sources, read.unavailable)
    try:
        for tick, cards in readings(monitor, found.form):
            if len(cards) != len(found.cards) or not begin <= tick.local - offset <= end:
                continue
            whole = shared(cards, boards, rule) if rule is not None and boards else cards
            row = {name: [believed(name, card) for card in whole[: around.cards]] for name in channels}
            lines.write({"t": tick.local - offset, **row})
            read.readings += 1
    finally:
        lines.close()


def _notes(name: str, found: Survey, around: Around) -> Iterator[str]:
    if found.dropped:
        lacking = count_of(found.dropped, "reading")
        yield f"imported: {lacking} of {name} lacked cards or had an impossible time, and counted for none"
    if len(found.cards) > around.cards:
        taken = "the first" if around.cards == 1 else f"the first {around.cards}"
        yield f"imported: {name} shows {len(found.cards)} cards, of which {taken} counted"


def _without(read: MonitorRead, around: Around, samples: Path) -> MonitorRead:
    _open(samples, around, (), {}, read.unavailable).close()
    return read


def _open(
    samples: Path,
    around: Around,
    totals: Sequence[float | None],
    sources: Mapping[str, Source],
    unavailable: Mapping[str, str],
) -> JsonLines:
    """samples.jsonl with its head. Raises CannotImport where the disk refuses."""
    begin = around.run[0] if around.run else 0.0
    infos = [
        CardInfo(place, f"{around.profile.id}:{place}", around.card or "", None if size is None else round(size))
        for place, size in enumerate(totals or [None] * around.cards)
    ]
    head = {
        **{"monotonic": begin, "unix": begin or None, "boot_id": None, "imported": True},
        "cards": [asdict(info) for info in infos],
        "sources": {name: asdict(source) for name, source in sources.items()},
        "unavailable": dict(unavailable),
    }
    try:
        samples.parent.mkdir(parents=True, exist_ok=True)
        return JsonLines(samples, head)
    except OSError as error:
        raise CannotImport(f"{error.filename or samples}: {error.strerror or error}") from None
