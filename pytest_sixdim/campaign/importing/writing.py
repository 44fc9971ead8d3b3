"""One imported run as files: order.json, result.json, and each node's events and samples (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.ending import ending
from pytest_sixdim.campaign.importing.files import SourceFile, identified
from pytest_sixdim.campaign.importing.flagperf import LoggedRun
from pytest_sixdim.campaign.importing.monitors.samples import MEASURED, Around, MonitorRead, write_samples
from pytest_sixdim.campaign.importing.reading import ReadLog, read_log
from pytest_sixdim.campaign.importing.request import Request
from pytest_sixdim.campaign.importing.unlike import not_of_format
from pytest_sixdim.campaign.orders import given
from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.imported import MARK
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.dialects import Dialect, make_dialect
from pytest_sixdim.dialects.job import Job

SCHEMA = 1


@dataclass(frozen=True)
class Files:
    """The files of one run: its log, and a monitor's log a node."""

    log: SourceFile
    monitors: tuple[SourceFile | None, ...]

    def __iter__(self) -> Iterator[SourceFile]:
        return iter([self.log, *(each for each in self.monitors if each is not None)])


@dataclass(frozen=True)
class WrittenRun:
    """A run that was imported: its name within the session, what its log held, what its monitors did, its seed (None:
    nobody says it), its status."""

    name: str
    files: Files
    read: ReadLog
    monitors: tuple[MonitorRead, ...]
    seed: int | None
    status: str


def files_of(run: LoggedRun, nodes: int) -> Files:
    """The files of a run, one monitor a node. Raises CannotImport."""
    monitors = (*run.monitors, *[None] * nodes)[:nodes]
    return Files(
        identified(run.log, "log"),
        tuple(None if path is None else identified(path, "monitor") for path in monitors),
    )


def write_run(request: Request, configuration: Configuration, index: int, files: Files, directory: Path) -> WrittenRun:
    """Read a run's files into `directory`, the index-th full run of its configuration.

    Raises CannotImport, OSError where the disk refuses.
    """
    job = _job(request, configuration)
    dialect = _dialect(request, job)
    segments = request.case.measure.segments
    read = read_log(files.log, request.format, dialect, segments, directory / "node-0" / "events.jsonl")
    if not read.events:
        raise CannotImport(not_of_format(read, request.format, request.dialects))
    around = Around(request.profile, _card_name(request), configuration.cards, read.span, request.offset)
    monitors = tuple(
        write_samples(None if file is None else file.path, around, directory / f"node-{node}" / "samples.jsonl")
        for node, file in enumerate(files.monitors)
    )
    seed = _seed(request, configuration, index, read)
    write_json(directory / "order.json", _order(request, configuration, index, seed, job, files, read, monitors))
    result = ending(read, reports_end=dialect.reports_end)
    began = read.span[0] if read.span else None
    told = {"schema": SCHEMA, **asdict(result), "started_unix": began, "event_lines": read.written, MARK: True}
    write_json(directory / "result.json", told)
    name = f"{configuration.id}/full-{index}"
    return WrittenRun(name, files, read, monitors, seed, result.status)


def _seed(request: Request, configuration: Configuration, index: int, read: ReadLog) -> int | None:
    """Raises CannotImport where the log says another than the user."""
    if request.seeds is None or configuration is not request.configuration:
        return read.seed
    given = request.seeds[index - 1]
    if read.seed not in (None, given):
        raise CannotImport(f"--seeds: {read.file.path} says that its seed is {read.seed}, not {given}")
    return given


def _job(request: Request, configuration: Configuration) -> Job:
    metric = request.case.metric
    return Job(
        cards=configuration.world_size,
        batch_size=configuration.batch_size,
        role="full",
        metric=metric.name,
        target=metric.target if request.data == "real" else metric.generated_target,
        higher=metric.better == "higher",
        measure=request.case.measure,
        recorded=True,
    )


def _dialect(request: Request, job: Job) -> Dialect:
    """Raises CannotImport for a format that is unknown, or can't be made without options that the case lacks."""
    log = request.case.log
    options = dict(log.options) if log.format == request.format else {}
    try:
        return make_dialect(request.format, options, request.dialects, job=job)
    except OptionError as error:
        raise CannotImport(f"{request.case.path.name}: log.{error.option}: {error.message}") from None
    except RegistryError as error:
        raise CannotImport(f"--format: {error}") from None
    except (TypeError, ValueError) as error:
        raise CannotImport(f"--format {request.format}: {request.case.path.name}: log: {error}") from None


def _order(
    request: Request,
    configuration: Configuration,
    index: int,
    seed: int | None,
    job: Job,
    files: Files,
    read: ReadLog,
    monitors: tuple[MonitorRead, ...],
) -> dict[str, Any]:
    """order.json of a run that nobody ordered: what its records are read with."""
    return {
        "schema": SCHEMA,
        MARK: _imported(request, configuration, files, read, monitors),
        "identity": None,
        "identity_parts": {},
        "case": request.case.name,
        "configuration": configuration.id,
        "vendor": configuration.vendor,
        "role": "full",
        "index": index,
        "attempt": 1,
        "seed": seed,
        "nodes": configuration.nodes,
        "cards": configuration.cards,
        "devices": [],
        "calibration": [],
        "dialect": {
            "name": request.format,
            "class": request.dialects[request.format],
            "options": dict(request.case.log.options) if request.case.log.format == request.format else {},
        },
        "job": {**job.to_json(), "measure": given(job.measure)},
        "segments": request.case.measure.segments,
    }


def _imported(
    request: Request, configuration: Configuration, files: Files, read: ReadLog, monitors: tuple[MonitorRead, ...]
) -> dict[str, Any]:
    unavailable = {
        channel: monitor.unavailable[channel]
        for channel in MEASURED
        for monitor in reversed(monitors)
        if channel in monitor.unavailable
    }
    if not read.events["segment"]:
        unavailable["speed"] = _no_segments(read)
    notes = [note for monitor in monitors for note in monitor.notes]
    return {
        "format": request.format,
        "log": read.file.path.name,
        "files": [file.to_json() for file in files],
        "card": None if request.card is None else request.card.id,
        "says": dict(read.says),
        "contradictions": _contradictions(configuration, read),
        "lines": read.lines,
        "events": dict(read.events),
        "malformed": read.malformed,
        "monitors": [asdict(monitor) for monitor in monitors if monitor.file is not None],
        "unavailable": unavailable,
        "undated": next((monitor.undated for monitor in monitors if monitor.undated), {}),
        "notes": {channel: notes for channel in MEASURED if notes},
    }


def _contradictions(configuration: Configuration, read: ReadLog) -> list[str]:
    """What the log says of its run, and the configuration does not."""
    said, batch = read.global_batch_size, configuration.global_batch_size
    if said in (None, batch):
        return []
    return [f"{read.file.path.name} says a global batch of {said}, the configuration has {batch}"]


def _no_segments(read: ReadLog) -> str:
    """Why a log that was read gives no speed."""
    if read.first is None:
        return f"{read.file.path.name} has no time stamps, and no speed of the program's own"
    ended = "" if read.events["warmup_end"] else "; warm-up, as the case's measure asks for it, did not end in it"
    return f"{read.file.path.name} gives no segment of the length that the case's measure asks for{ended}"


def _card_name(request: Request) -> str | None:
    return None if request.card is None else request.card.names[0]
