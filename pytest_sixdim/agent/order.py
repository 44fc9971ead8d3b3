"""What the agent is asked to do: order.json, checked (docs/formats.md). Keys that only others need are left alone."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pytest_sixdim.agent.launches import LAUNCHES, ONE_PROCESS
from pytest_sixdim.core.files import read_bounded, wrong_pattern
from pytest_sixdim.core.records import CHANNELS, Role
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.samplers import Device

SCHEMA = 1
#: Bytes of an order.
LARGEST_ORDER = 16 * 2**20

T = TypeVar("T")


class OrderError(ValueError):
    """The order cannot be carried out; the message names the key and what is wrong with it."""


@dataclass(frozen=True)
class Plugin:
    """A dialect or a sampler: its name, its class ("package.module:Class"), the keywords that it is made with.

    `channels`: what a sampler is asked for.
    """

    name: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogChoice:
    """Where the dialect's lines are: of which stream and rank, or in which files (a glob below the run directory)."""

    stream: Literal["both", "stdout", "stderr"] = "both"
    rank: Literal["last", "all"] | int = 0
    file: str | None = None


@dataclass(frozen=True)
class Limits:
    """Seconds: of a whole run; without any line; for ranks to end once one has failed or a stop was asked for."""

    timeout: float
    stall: float
    teardown: float


@dataclass(frozen=True)
class CardTexts:
    """What a vendor's software prints, as the order has it from the vendor's profile.

    Attributes:
        lost: the card is gone.
        error: the card, or a collective over cards, failed.
        busy: another process has the card.
    """

    lost: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """One run on this node.

    Attributes:
        directory: the run's directory, in which order.json lies.
        cards: ranks on this node.
        environment: variables set for every rank; None removes one.
        devices: one a rank.
        samplers: in order of preference.
        unavailable: channel -> why no sampler is asked for it.
        segments: how many counted segments a window has.
        card_texts: what the vendor's software prints when a card fails.
        launch: what starts the ranks.
        job: what the dialect is told of the run.
        directory_of_program: where the program is started; None: in an empty directory of the run.
        adapter: what adapted.py is told of the adapter that the program runs under; None without one.
    """

    directory: Path
    role: Role
    cards: int
    python: str
    program: str | None
    command: tuple[str, ...] | None
    args: tuple[str, ...]
    environment: Mapping[str, str | None]
    devices: tuple[Device, ...]
    samplers: tuple[Plugin, ...]
    unavailable: Mapping[str, str]
    dialect: Plugin
    log: LogChoice
    segments: int
    limits: Limits
    card_texts: CardTexts
    launch: str = "torchrun"
    job: Job = field(default_factory=Job)
    directory_of_program: Path | None = None
    adapter: Mapping[str, Any] | None = None

    @property
    def node(self) -> Path:
        """The run's directory of this node."""
        return self.directory / "node-0"

    @property
    def work(self) -> Path:
        """The program's working directory: its own, empty, unless the case names another."""
        return self.directory / "work" if self.directory_of_program is None else self.directory_of_program

    @property
    def ranks(self) -> range:
        """The global ranks on this node: one a card, but for a command, whose one process has all cards."""
        return range(1 if self.launch in ONE_PROCESS else self.cards)


def read_order(path: Path) -> Order:
    """The order in a file. Raises OrderError."""
    try:
        record = json.loads(read_bounded(path, LARGEST_ORDER))
    except OSError as error:
        raise OrderError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise OrderError(f"{path}: no JSON: {error}") from None
    try:
        return _order(_Table(record, ""), path.resolve().parent)
    except OrderError as error:
        raise OrderError(f"{path}: {error}") from None


class _Table:
    """A JSON object whose keys are taken one by one, with the type that each must have."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise OrderError(f"{where or 'the order'} must be an object, not {value!r:.60}")
        self.value: dict[str, Any] = value
        self.where = where

    def take(self, key: str, kind: type[T], *, optional: bool = False) -> T:
        """The value of `key`; None where it is optional and null or missing."""
        name = f"{self.where}.{key}" if self.where else key
        if key not in self.value and not optional:
            raise OrderError(f"{name!r} is missing")
        value = self.value.get(key)
        if value is None and optional:
            return cast("T", None)
        accepted = (int, float) if kind is float else (kind,)
        if not isinstance(value, accepted) or isinstance(value, bool):
            raise OrderError(f"{name!r} must be {kind.__name__}, not {value!r:.60}")
        _check_possible(name, value)
        return cast("T", value)

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict), f"{self.where}.{key}" if self.where else key)

    def tables(self, key: str) -> list[_Table]:
        return [_Table(item, f"{key}[{index}]") for index, item in enumerate(self.take(key, list))]

    def items(self, key: str, kind: type[T]) -> tuple[T, ...]:
        values = self.take(key, list)
        for value in values:
            if not isinstance(value, kind):
                raise OrderError(f"{key!r} must hold {kind.__name__}, not {value!r:.60}")
            _check_possible(key, value)
        return tuple(values)

    def one_of(self, key: str, allowed: tuple[Any, ...]) -> Any:
        value = self.value.get(key)
        if value not in allowed:
            raise OrderError(f"{key!r} must be {' or '.join(map(repr, allowed))}, not {value!r:.60}")
        return value


def _order(table: _Table, directory: Path) -> Order:
    table.one_of("schema", (SCHEMA,))
    launch = table.one_of("launch", tuple(LAUNCHES))
    if table.take("nodes", int) != 1:
        raise OrderError("'nodes': this agent launches on one node only")
    program, command = table.take("program", str, optional=True), table.value.get("command")
    if (program is None) == (command is None):
        raise OrderError("exactly one of 'program' and 'command' must be set")
    adapter = _adapter(table.table("adapter")) if table.value.get("adapter") is not None else None
    if adapter is not None and program is None:
        raise OrderError("'adapter' needs a 'program': nothing can be imported ahead of a command")
    if adapter is not None and launch != "torchrun":
        raise OrderError(f"'adapter' needs 'launch: torchrun', not {launch!r}")
    cards = table.take("cards", int)
    devices = tuple(_device(entry) for entry in table.tables("devices"))
    if cards < 1 or len(devices) != cards:
        raise OrderError(f"'devices' must list one device a card: {len(devices)} for {cards}")
    limits, started = table.table("limits"), table.take("directory", str, optional=True)
    return Order(
        directory=directory,
        role=table.one_of("role", ("full", "window")),
        cards=cards,
        python=table.take("python", str),
        program=program,
        command=None if command is None else table.items("command", str),
        args=table.items("args", str),
        environment=_environment(table.take("environment", dict)),
        devices=devices,
        samplers=tuple(_plugin(entry) for entry in table.tables("samplers")),
        unavailable=table.take("unavailable", dict),
        dialect=_plugin(table.table("dialect")),
        log=_log(table.table("log"), 1 if launch in ONE_PROCESS else cards),
        segments=table.take("segments", int),
        limits=Limits(*(limits.take(name, float) for name in ("timeout", "stall", "teardown"))),
        card_texts=CardTexts(*(table.items(name, str) for name in ("card_lost", "device_error", "card_busy"))),
        launch=launch,
        job=_job(table),
        directory_of_program=None if started is None else Path(started),
        adapter=adapter,
    )


def _job(table: _Table) -> Job:
    record = table.take("job", dict, optional=True)
    unix = time.time() - time.monotonic()
    try:
        return Job.from_json({**(record or {}), "unix": unix})
    except TypeError as error:
        raise OrderError(f"'job': {error}") from None


def _device(table: _Table) -> Device:
    cores = table.value.get("cores")
    return Device(
        index=table.take("index", int),
        id=table.take("id", str),
        name=table.take("name", str),
        total_bytes=table.take("total_bytes", int, optional=True),
        cores=None if cores is None else table.items("cores", int),
        uuid=table.take("uuid", str, optional=True),
        pci=table.take("pci", str, optional=True),
    )


def _plugin(table: _Table) -> Plugin:
    channels = table.items("channels", str) if "channels" in table.value else ()
    for channel in channels:
        if channel not in CHANNELS:
            raise OrderError(f"{table.where}: unknown channel {channel!r}; known: {', '.join(CHANNELS)}")
    return Plugin(table.take("name", str), table.take("class", str), table.take("options", dict), channels)


def _adapter(table: _Table) -> Mapping[str, Any]:
    for key in ("name", "module", "drives", "switch", "recorded", "tools", "install"):
        table.take(key, str)
    table.take("framework", str, optional=True)
    table.items("tool_modules", str)
    return table.value


def _log(table: _Table, ranks: int) -> LogChoice:
    rank: Any = table.value.get("rank")
    if rank not in ("last", "all", *range(ranks)) or isinstance(rank, bool):
        raise OrderError(f"'log.rank' must be 'last', 'all' or a number below {ranks}, not {rank!r:.60}")
    file = table.take("file", str, optional=True)
    if file is not None and (wrong := wrong_pattern(file)) is not None:
        raise OrderError(f"'log.file' {wrong}: {file!r:.60}")
    return LogChoice(table.one_of("stream", ("both", "stdout", "stderr")), rank, file)


def _environment(record: dict[str, Any]) -> dict[str, str | None]:
    for name, value in record.items():
        if not (value is None or isinstance(value, str)):
            raise OrderError(f"'environment.{name}' must be a text or null, not {value!r:.60}")
        if not name or "=" in name:
            raise OrderError(f"'environment': no variable can have the name {name!r:.60}")
        _check_possible("environment", name)
        _check_possible(f"environment.{name}", value)
    return record


def _check_possible(name: str, value: Any) -> None:
    """Raises OrderError for a text that no argument, variable or path can be, and for a number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        raise OrderError(f"{name!r} must be a finite number, not {value}")
    if isinstance(value, str) and "\0" in value:
        raise OrderError(f"{name!r} must not hold a NUL character: {value!r:.60}")
