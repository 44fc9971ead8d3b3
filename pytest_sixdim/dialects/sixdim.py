"""The project's own dialect: lines such as `[sixdim] {"event": "segment", "index": 1, ...}` (docs/formats.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_sixdim.core.events import Event, EventError, Segment, event_from

MARK = "[sixdim] {"

#: What the agent knows better than the program.
RESERVED = ("seen", "rank", "diverged", "late", "rated", "rated_as", "reports")


class SixdimDialect:
    """Reads marked JSON objects, wherever they stand in a line.

    A progress bar or another process may print before the mark, or glue a second event to the first. NaN and Infinity
    are accepted, as Python's json writes them.
    """

    reports_end = True
    counts_epochs = False
    mark = MARK

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder()

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        start = line.find(MARK)
        while start >= 0:
            start += len(MARK) - 1
            try:
                record, start = self._decoder.raw_decode(line, start)
                for name in RESERVED:
                    record.pop(name, None)
                event = event_from(record, seen=seen, rank=rank)
                if isinstance(event, Segment):
                    _check(record)
            except RecursionError:
                raise EventError("nested too deeply") from None
            except EventError:
                raise
            except ValueError as error:
                raise EventError(f"no JSON object: {error}") from None
            yield event
            start = line.find(MARK, start)


def _check(segment: Mapping[str, Any]) -> None:
    """Raises EventError for a segment without what only others may leave out."""
    for name in ("samples", "steps"):
        if name not in segment:
            raise EventError(f"event 'segment' lacks {name!r}")
        if segment[name] is None:
            raise EventError(f"event 'segment': {name!r} must be int, not None")
