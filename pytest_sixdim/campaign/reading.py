"""Runs read back from disk, where they may have been cut short, damaged or edited (docs/formats.md)."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.adapter_records import read_evidence
from pytest_sixdim.campaign.files import StoreError, read_json
from pytest_sixdim.campaign.sampled import Sampled
from pytest_sixdim.core.events import LARGEST_NUMBER, Event, EventError, event_from
from pytest_sixdim.core.files import bounded_lines
from pytest_sixdim.core.records import (
    CHANNELS,
    STATUSES,
    CardInfo,
    Column,
    RunRecord,
    RunResult,
    SampleLog,
    Series,
    Source,
)

_NUMBER = (int, float)
#: Channels that figures are made of.
_MEASURED = ("energy", "power", "memory")
#: Nodes, and cards of a node: more than any machine has.
MOST_RANKS = 65536
#: Bytes of a line of events or samples: some times what a line of a log may have.
LONGEST_LINE = 2**20
#: What order.json and result.json must hold, and of which type.
_ORDER: dict[str, type | tuple[type, ...]] = {
    "role": str,
    "index": int,
    "seed": (int, type(None)),  # of an imported log that does not say it
    "configuration": str,
    "nodes": int,
    "cards": int,
}
_ORDER_MAY: dict[str, type | tuple[type, ...]] = {"adapter": dict}
_RESULT: dict[str, type | tuple[type, ...]] = {"status": str, "ended_by": str}
_RESULT_MAY: dict[str, type | tuple[type, ...]] = {
    "message": str,
    "rank": int,
    "exit_code": int,
    "signal": str,
    "log_tail": list,
    "seconds": _NUMBER,
    "sampler": dict,
    "fault": str,
    "events": dict,
    "slept_seconds": _NUMBER,
    "event_lines": int,
}


def read_run(directory: Path) -> RunRecord:
    """A finished run, read back from its directory.

    Raises OSError or StoreError where order.json or result.json is missing or broken. Events and samples are read as
    far as they go, since a killed run may leave half a line; a run that came to its end and lacks events is lost.
    """
    order = _checked(directory / "order.json", _ORDER, _ORDER_MAY)
    for name in ("nodes", "cards"):
        if not 0 < order[name] <= MOST_RANKS:
            raise StoreError(f"{directory / 'order.json'}: broken: {name!r} is {order[name]!r:.60}")
    if order.get("adapter") is not None and not isinstance(order["adapter"].get("name"), str):
        raise StoreError(f"{directory / 'order.json'}: broken: 'adapter' has no name")
    answer = _checked(directory / "result.json", _RESULT, _RESULT_MAY)
    result = _result(directory / "result.json", answer)
    nodes = sorted(directory.glob("node-*"))
    events: list[Event] = []
    for node in nodes:
        found, lines = _events(node / "events.jsonl")
        events += found
        wanted = answer.get("event_lines")
        if node.name == "node-0" and wanted is not None and lines != wanted:
            result = _cut_short(node / "events.jsonl", lines, wanted)
    return RunRecord(
        role=order["role"],
        index=order["index"],
        seed=order["seed"],
        result=result,
        events=tuple(events),
        samples=Sampled(lambda: tuple(_sampled(node / "samples.jsonl", result) for node in nodes)),
        order=order,
        directory=directory,
        adapter=read_evidence(nodes, order),
        lease=_optional(directory / "lease.json") or {},
        reused=_optional(directory / "reused.json"),
    )


def _result(path: Path, answer: Mapping[str, Any]) -> RunResult:
    if answer["status"] not in STATUSES:
        raise StoreError(f"{path}: status {answer['status']!r:.60}; known: {', '.join(STATUSES)}")
    return RunResult(
        status=answer["status"],
        ended_by=answer["ended_by"],
        message=answer.get("message") or "",
        rank=answer.get("rank"),
        exit_code=answer.get("exit_code"),
        signal=answer.get("signal"),
        log_tail=tuple(str(line) for line in answer.get("log_tail") or ()),
        seconds=answer.get("seconds"),
        sampler=answer.get("sampler") or {},
        fault=answer.get("fault"),
        events=answer.get("events") or {},
        slept_seconds=answer.get("slept_seconds") or 0.0,
    )


def _cut_short(path: Path, lines: int, wanted: int) -> RunResult:
    """Of a run whose events were lost after it had ended, as by a power cut: nothing of it may be judged."""
    message = f"{path} holds {lines} of the {wanted} events that the agent wrote"
    return RunResult(status="agent_lost", ended_by="runner", message=message, fault="host")


def _checked(
    path: Path,
    must: Mapping[str, type | tuple[type, ...]],
    may: Mapping[str, type | tuple[type, ...]] | None = None,
) -> dict[str, Any]:
    """A JSON object with the fields that are needed. Raises OSError and StoreError."""
    record = read_json(path)
    if not isinstance(record, dict):
        raise StoreError(f"{path}: can't be read: no JSON object")
    for name, kind in must.items():
        if name not in record or not isinstance(record[name], kind):
            raise StoreError(f"{path}: broken: {name!r} is {record.get(name)!r:.60}")
    for name, kind in (may or {}).items():
        if record.get(name) is not None and not isinstance(record[name], kind):
            raise StoreError(f"{path}: broken: {name!r} is {record[name]!r:.60}")
    return record


def _optional(path: Path) -> dict[str, Any] | None:
    """A JSON object that need not be there; None where it can't be read."""
    try:
        record = read_json(path)
    except (OSError, StoreError):
        return None
    return record if isinstance(record, dict) else None


def read_events(path: Path) -> list[Event]:
    """The events of one node; lines that are not events are passed over."""
    return _events(path)[0]


def _events(path: Path) -> tuple[list[Event], int]:
    """The events of one node, and how many lines the agent wrote of them and of what only claimed to be some."""
    events, lines = [], 0
    for record in json_lines(path):
        lines += "event" in record
        try:
            events.append(event_from(record, seen=float(record.get("seen", 0.0)), rank=int(record.get("rank", 0))))
        except (EventError, TypeError, ValueError, OverflowError):
            continue
    return events, lines


def _sampled(path: Path, result: RunResult) -> SampleLog:
    """The readings of one node's cards; where sampling ended before the run did, none that a figure is made of.

    What speaks against a figure stands: a slowdown, a power cap, an error, somebody else on the cards.
    """
    ended = result.sampler.get("ended")
    log = read_samples(path)
    if ended is None:
        return log
    series = {channel: each for channel, each in log.series.items() if channel not in _MEASURED}
    return replace(log, series=series, unavailable={**log.unavailable, **dict.fromkeys(_MEASURED, str(ended))})


def read_samples(path: Path) -> SampleLog:
    """The readings of one node's cards; lines that are broken are passed over."""
    lines = json_lines(path)
    head = next(lines, {})
    try:
        cards = tuple(CardInfo(**card) for card in head.get("cards", ()))
        sources = {channel: _source(source) for channel, source in head.get("sources", {}).items()}
        unavailable = {str(channel): str(why) for channel, why in head.get("unavailable", {}).items()}
    except (TypeError, ValueError, AttributeError) as error:
        return SampleLog((), unavailable=dict.fromkeys(CHANNELS, f"{path}: broken: {error}"))
    times: dict[str, array[float]] = {}
    columns: dict[str, tuple[array[float], ...]] = {}
    errors = []
    facts = []
    for line in lines:
        if "error" in line:
            errors.append(str(line["error"]))
        if not _is_number(line.get("t")):
            continue
        if isinstance(line.get("facts"), list) and all(isinstance(fact, dict) for fact in line["facts"]):
            facts.append((float(line["t"]), tuple(line["facts"])))
        for channel in CHANNELS.keys() & line.keys():
            if _is_row(line[channel], len(cards)):
                if channel not in times:
                    times[channel], columns[channel] = array("d"), tuple(array("d") for _ in cards)
                times[channel].append(line["t"])
                for column, value in zip(columns[channel], line[channel], strict=True):
                    column.append(math.nan if value is None else value)
    series = {
        channel: tuple(Series(times[channel], Column(column)) for column in columns[channel]) for channel in times
    }
    return SampleLog(cards, sources, series, unavailable, tuple(errors), tuple(facts))


def _source(record: Mapping[str, Any]) -> Source:
    """Raises TypeError, ValueError or AttributeError for what is none."""
    source = Source.from_json(record)
    texts = (source.sampler, source.method, source.scope)
    numbers = [number for number in (source.wrap, source.resolution, *(source.sensors or ())) if number is not None]
    if not all(isinstance(text, str) for text in texts) or not all(_is_number(number) for number in numbers):
        raise ValueError(f"a source is {record!r:.60}")
    return source


def _is_row(row: Any, cards: int) -> bool:
    """Whether it holds one reading a card."""
    return isinstance(row, list) and len(row) == cards and all(value is None or _is_number(value) for value in row)


def _is_number(value: Any) -> bool:
    """Whether it is one that sums of many like it stay finite."""
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line, one at a time; what can't be read is passed over, and so is a line of
    more than LONGEST_LINE bytes."""
    try:
        for line in bounded_lines(path, LONGEST_LINE):
            try:
                record = json.loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record
    except OSError:
        return
