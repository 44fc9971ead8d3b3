"""Results on disk: written as they happen, renamed into place, read back without loss (docs/formats.md)."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.adapter_records import read_evidence
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.events import Event, EventError, event_from
from pytest_sixdim.core.records import CHANNELS, CardInfo, RunRecord, RunResult, SampleLog, Series, Source

SCHEMA = 1


class Store:
    """One session's folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def create(cls, results: Path) -> Store:
        """A new session folder below `results`, and results/latest pointing to it.

        Raises SettingsError where it can't be made.
        """
        directory = results / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        try:
            directory.mkdir(parents=True)
            link = results / f".latest-{directory.name}"
            link.symlink_to(directory.name)
            link.replace(results / "latest")
        except OSError as error:
            raise SettingsError(f"--sixdim-results {results}: {error.strerror or error}") from None
        return cls(directory)

    def run_directory(self, key: RunKey, attempt: int = 1) -> Path:
        """Where a launch of a run is kept; `attempt` counts from 1."""
        name = key.name if attempt == 1 else f"{key.name}.attempt-{attempt}"
        return self.directory / key.case / key.configuration / name

    def attempts(self, key: RunKey) -> int:
        """How many launches of a run there are on disk, finished or not."""
        attempt = 0
        while (self.run_directory(key, attempt + 1) / "order.json").exists():
            attempt += 1
        return attempt

    def write_session(self, record: Mapping[str, Any]) -> None:
        """Write session.json."""
        write_json(self.directory / "session.json", {"schema": SCHEMA, **record})

    def update_scorecard(
        self, case: str, configuration: str, update: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> dict[str, Any]:
        """Replace <case>/<configuration>/scorecard.json by what `update` makes of it (None: there is none yet).

        Tests of one configuration may run in several processes; a lock keeps their changes apart.
        """
        path = self.directory / case / configuration / "scorecard.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.directory / ".lock"):
            record = update(read_json(path) if path.exists() else None)
            write_json(path, record)
        return record

    def change_scorecard(
        self, case: str, configuration: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Replace a scorecard by what `change` makes of it, where there is one."""
        path = self.directory / case / configuration / "scorecard.json"
        with _locked(self.directory / ".lock"):
            if path.exists():
                write_json(path, change(read_json(path)))

    def scorecards(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Every scorecard of the session, and a line for each that can't be read."""
        cards, broken = [], []
        for path in sorted(self.directory.glob("*/*/scorecard.json")):
            try:
                cards.append(read_json(path))
            except (OSError, ValueError) as error:
                broken.append(f"{path}: can't be read: {error}")
        return cards, broken


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_json(path: Path, record: Any) -> None:
    """Write JSON beside `path` and rename it into place; NaN is refused (ValueError)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_run(directory: Path) -> RunRecord:
    """A finished run, read back from its directory.

    Raises OSError or ValueError where order.json or result.json is missing or broken; events and samples are read as
    far as they go, since a killed run may leave half a line.
    """
    order = read_json(directory / "order.json")
    answer = read_json(directory / "result.json")
    result = RunResult(
        status=answer["status"],
        ended_by=answer["ended_by"],
        message=answer.get("message", ""),
        rank=answer.get("rank"),
        exit_code=answer.get("exit_code"),
        signal=answer.get("signal"),
        log_tail=tuple(answer.get("log_tail", ())),
        seconds=answer.get("seconds"),
        sampler=answer.get("sampler") or {},
        fault=answer.get("fault"),
    )
    nodes = sorted(directory.glob("node-*"))
    return RunRecord(
        role=order["role"],
        index=order["index"],
        seed=order["seed"],
        result=result,
        events=tuple(event for node in nodes for event in read_events(node / "events.jsonl")),
        samples=tuple(read_samples(node / "samples.jsonl") for node in nodes),
        order=order,
        directory=directory,
        adapter=read_evidence(nodes, order),
        lease=_optional(directory / "lease.json") or {},
        reused=_optional(directory / "reused.json"),
    )


def _optional(path: Path) -> Any:
    """A JSON file that need not be there; None where it can't be read."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def read_events(path: Path) -> list[Event]:
    """The events of one node; lines that are not events are passed over."""
    events = []
    for record in json_lines(path):
        try:
            events.append(event_from(record, seen=float(record.get("seen", 0.0)), rank=int(record.get("rank", 0))))
        except (EventError, TypeError, ValueError):
            continue
    return events


def read_samples(path: Path) -> SampleLog:
    """The readings of one node's cards."""
    lines = json_lines(path)
    head = next(lines, {})
    cards = tuple(CardInfo(**card) for card in head.get("cards", ()))
    times: dict[str, list[float]] = {}
    values: dict[str, list[list[float | None]]] = {}
    errors = []
    facts = []
    for line in lines:
        if "error" in line:
            errors.append(str(line["error"]))
        if "facts" in line:
            facts.append((float(line["t"]), tuple(line["facts"])))
        for channel in CHANNELS.keys() & line.keys():
            times.setdefault(channel, []).append(line["t"])
            values.setdefault(channel, []).append(line[channel])
    series = {
        channel: tuple(
            Series(tuple(times[channel]), tuple(row[card] for row in values[channel])) for card in range(len(cards))
        )
        for channel in times
    }
    return SampleLog(
        cards=cards,
        sources={channel: Source.from_json(source) for channel, source in head.get("sources", {}).items()},
        series=series,
        unavailable=head.get("unavailable", {}),
        errors=tuple(errors),
        facts=tuple(facts),
    )


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line, one at a time; what can't be read is passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    yield record
    except OSError:
        return
