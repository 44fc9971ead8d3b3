"""Lines that a program printed, read by a dialect."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Event, EventError, event_from, event_record
from pytest_sixdim.dialects import make_dialect
from pytest_sixdim.dialects.job import Job

Kind = TypeVar("Kind", bound=Event)

#: Whole epochs, the first of which is warm-up; and single reports, none of which is.
EPOCHS = Measure(warmup_epochs=1, segment_epochs=1, steady=False)
REPORTS = Measure(warmup_steps=0, steady=False, segment_steps=1, segment_seconds=0.0)


def job(measure: Measure = EPOCHS, *, cards: int = 1, batch_size: int | None = 64, **other: Any) -> Job:
    """A run of a case whose metric is accuracy."""
    return Job(**{"cards": cards, "batch_size": batch_size, "metric": "accuracy", "measure": measure, **other})


def read(
    name: str, lines: Iterable[str | tuple[float, str]], run: Job, *, broken: int = 0, **options: Any
) -> list[Event]:
    """The events of lines that came one second after another, or when they say. broken: how many are broken; what they
    give before they break counts."""
    dialect = make_dialect(name, options, job=run)
    found: list[Event] = []
    for number, line in enumerate(lines):
        seen, text = line if isinstance(line, tuple) else (float(number), line)
        try:
            for event in dialect.read(text, seen=seen, rank=0):
                found.append(event)
        except EventError:
            if not broken:
                raise
            broken -= 1
    assert not broken
    return found


def assert_bears(name: str, lines: Iterable[str], run: Job, **options: Any) -> None:
    """Whatever the lines are, they give events that can be kept and read again, or broken lines."""
    dialect = make_dialect(name, options, job=run)
    for number, line in enumerate(lines):
        try:
            found = list(dialect.read(line, seen=float(number), rank=0))
        except EventError:
            continue
        for event in found:
            assert event_from(json.loads(json.dumps(event_record(event))), seen=event.seen, rank=event.rank) == event


def of(kind: type[Kind], events: Iterable[Event]) -> list[Kind]:
    """Those of one kind."""
    return [event for event in events if isinstance(event, kind)]
