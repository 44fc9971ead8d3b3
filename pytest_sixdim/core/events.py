"""What a training program reports, one event a line (design section 5).

Every event has `t`, seconds on the node's monotonic clock: the program's own stamp where it gave one, else the
agent's; `seen` is always the agent's. Numbers that are not finite are read as None; a loss or a metric that is not
finite marks the event diverged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, NamedTuple

from pytest_sixdim.core.visible import visible


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events share. `rank`: the global rank that printed it; `diverged`: its loss or value was not finite;
    `late`: it may have been printed up to so many seconds before it was `seen`."""

    kind: ClassVar[str] = ""
    t: float
    seen: float
    rank: int = 0
    diverged: bool = False
    late: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Start(Event):
    """Training begins. `data` is "real" or "generated", `generator` what made generated data.

    `devices`: what the framework says of each rank's device, by rank: `name`, `uuid`, `pci`, each where it knows.
    """

    kind: ClassVar[str] = "start"
    role: str
    world_size: int
    data: str
    versions: dict[str, Any] | None = None
    precision_probe: dict[str, Any] | None = None
    generator: str | None = None
    devices: list[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class WarmupEnd(Event):
    """Warm-up is over; the first segment starts at `t`. `steady`: the last three warm-up segments agreed within 1 %
    (None where the case asked for a fixed warm-up). `rise`: of a card's temperature over the last minute, degC."""

    kind: ClassVar[str] = "warmup_end"
    step: int | None = None
    steady: bool | None = None
    seconds: float | None = None
    rise: float | None = None


@dataclass(frozen=True, kw_only=True)
class Segment(Event):
    """One counted segment ended at `t`. `samples`: of all ranks; `seconds`: the maximum over ranks, pauses excluded;
    `loader_seconds`: waiting for the loader, the maximum over ranks; `paused_seconds`: time between the segment's
    borders that is not training (saving), evaluations apart.

    A program that nobody wrote for this project may say less: `samples`, `seconds` or `steps` are then None, and
    `rated` is what it calls its speed over the segment itself (samples/s of the whole job), of the kind `rated_as`
    (docs/method.md, section 1). There are seconds, or there is `rated`. `reports`: how many reports of
    such a program the segment was joined from.
    """

    kind: ClassVar[str] = "segment"
    index: int
    samples: int | None = None
    seconds: float | None = None
    steps: int | None = None
    rated: float | None = None
    rated_as: str | None = None
    reports: int | None = None
    loss: float | None = None
    loader_seconds: float | None = None
    paused_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation(Event):
    """An evaluation ended at `t` after `seconds`. `value` is None where it was not finite."""

    kind: ClassVar[str] = "evaluation"
    value: float | None
    metric: str | None = None
    samples: int | None = None
    epoch: float | None = None
    step: int | None = None
    seconds: float | None = None
    trained_samples: int | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """A sign of life. `speed` is the program's own figure, in samples/s of the whole job."""

    kind: ClassVar[str] = "progress"
    step: int | None = None
    epoch: float | None = None
    loss: float | None = None
    speed: float | None = None
    skipped: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Memory(Event):
    """The framework's peaks, in bytes."""

    kind: ClassVar[str] = "memory"
    peak_allocated: int | None = None
    peak_reserved: int | None = None


@dataclass(frozen=True, kw_only=True)
class End(Event):
    """The program ended on its own terms: success, target_missed or failed. `step`, `samples`: trained in all."""

    kind: ClassVar[str] = "end"
    status: str
    seconds: float | None = None
    samples: int | None = None


EVENTS: dict[str, type[Event]] = {
    kind.kind: kind for kind in (Start, WarmupEnd, Segment, Evaluation, Progress, Memory, End)
}
END_STATUSES = ("success", "target_missed", "failed")
#: The kinds of speed (docs/method.md, section 1).
SPEED_KINDS = ("compute", "train", "whole")
#: No duration is longer (s: thirty years), and no instant later, on whatever clock (milliseconds since 1970 too); no
#: count of anything reaches the last.
LONGEST, LATEST, LARGEST_COUNT = 1e9, 1e13, 2.0**63
#: Larger numbers count as not finite: no figure of training is so large, and sums and products of such ones would be.
LARGEST_NUMBER = 1e100
#: Characters of a text, and levels of a list or a mapping.
LONGEST_TEXT, DEEPEST = 1000, 8
#: Where these are not finite, training has gone astray; any other number is then merely unknown.
DIVERGING_FIELDS = ("loss", "value")


class EventError(ValueError):
    """A line that claims to be an event and is not; the message says why."""


def event_from(record: Mapping[str, Any], *, seen: float, rank: int) -> Event:
    """An event from its decoded JSON object; unknown fields are ignored.

    Raises EventError for an unknown event, a missing field or a field of the wrong type.
    """
    name = record.get("event")
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EventError(f"unknown event {name!r:.80}; known: {', '.join(EVENTS)}")
    values: dict[str, Any] = {
        "t": record.get("t", seen),
        "seen": record.get("seen", seen),
        "rank": record.get("rank", rank),
        "late": record.get("late", 0.0),
    }
    diverged = record.get("diverged") is True
    for field in OWN[kind]:
        if field.name not in record:
            if field.required:
                raise EventError(f"event {kind.kind!r} lacks {field.name!r}")
            continue
        values[field.name], finite = _checked(kind.kind, field, record[field.name])
        diverged = diverged or (not finite and field.name in DIVERGING_FIELDS)
    for name in ("t", "seen", "late"):
        if not _is_number(values[name]) or not abs(_float(values[name])) <= LATEST:
            raise EventError(f"event {kind.kind!r}: {name!r} must be a finite number of seconds")
    if not _is_number(values["rank"]) or not isinstance(values["rank"], int):
        raise EventError(f"event {kind.kind!r}: 'rank' must be int, not {values['rank']!r:.80}")
    if kind is End and values["status"] not in END_STATUSES:
        raise EventError(f"event 'end': status {values['status']!r:.80}; allowed: {', '.join(END_STATUSES)}")
    if kind is Segment:
        _check_segment(values, record)
    return kind(**values, diverged=diverged)


def _check_segment(values: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Raises EventError for a segment that says neither how long it took nor how fast it was."""
    if values.get("rated") is None:
        if "seconds" not in values:
            raise EventError(f"event 'segment' lacks {'seconds' if 'samples' in values else 'samples'!r}")
        if values["seconds"] is None:
            raise EventError(f"event 'segment': 'seconds' must be float, not {record['seconds']!r:.80}")
    elif values.get("rated_as") not in SPEED_KINDS:
        raise EventError(f"event 'segment': rated_as {values.get('rated_as')!r:.80}; allowed: {', '.join(SPEED_KINDS)}")


def event_record(event: Event) -> dict[str, Any]:
    """The event as a JSON object, fields that are None left out (but for an evaluation's value)."""
    record: dict[str, Any] = {"event": event.kind}
    for name in (*SHARED, *(field.name for field in OWN[type(event)])):
        value = getattr(event, name)
        if value is None and name != "value":
            continue
        if not value and name in ("diverged", "late"):
            continue
        record[name] = value
    return record


class _Field(NamedTuple):
    """A field of its own that a kind of event has. `base`: its type without "or None", as written."""

    name: str
    base: str
    optional: bool
    required: bool


def _own_fields(kind: type[Event]) -> tuple[_Field, ...]:
    return tuple(
        _Field(each.name, str(each.type).partition("|")[0].strip(), "None" in str(each.type), each.default is MISSING)
        for each in fields(kind)
        if each.name not in SHARED
    )


#: Worked out once: a log may hold millions of events.
SHARED = tuple(each.name for each in fields(Event))
OWN = {kind: _own_fields(kind) for kind in EVENTS.values()}


def _is_number(value: Any) -> bool:
    return type(value) is float or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _checked(kind: str, field: _Field, value: Any) -> tuple[Any, bool]:
    """The value as its field wants it, and whether it was finite.

    Raises EventError where it has another type.
    """
    name, base, optional, _ = field
    if value is None and optional:
        return None, True
    if base == "float" and _is_number(value):
        number = _float(value)
        if _is_finite(number):
            if name.endswith("seconds") and not 0 <= number <= LONGEST:
                raise EventError(f"event {kind!r}: {name!r} must be 0 to {LONGEST:g} s, not {value!r:.80}")
            return number, True
        if optional:
            return None, False
    elif base == "int" and _is_number(value) and abs(_float(value)) < LARGEST_COUNT and int(value) == value:
        return int(value), True
    elif base == "bool" and isinstance(value, bool):
        return value, True
    elif any(base.startswith(kind.__name__) and isinstance(value, kind) for kind in (str, dict, list)):
        return _plain(value), True
    raise EventError(f"event {kind!r}: {name!r} must be {base}, not {value!r:.80}")


def _float(value: float) -> float:
    """As a float; a whole number too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_finite(number: float) -> bool:
    return abs(number) <= LARGEST_NUMBER


def _plain(value: Any, depth: int = 0) -> Any:
    """A JSON value with None for every number in it that is not finite, and signs for characters that are not seen.

    Raises EventError for one that is nested too deeply, and for a text that is too long.
    """
    if depth > DEEPEST:
        raise EventError(f"nested more than {DEEPEST} levels deep")
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise EventError(f"a text of {len(value)} characters; at most {LONGEST_TEXT} are read")
        return visible(value)
    if isinstance(value, dict):
        return {_plain(key, depth): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    return None if _is_number(value) and not _is_finite(_float(value)) else value
