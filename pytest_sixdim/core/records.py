"""What a run leaves behind: its result, its events and the readings of its cards (design section 6)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

from pytest_sixdim.core.events import Event

Role = Literal["full", "window"]

#: Every end that a run can have. `agent_lost` is written by the runner, all others by the agent.
STATUSES = (
    "completed",
    "target_missed",
    "diverged",
    "crashed",
    "no_end",
    "timeout",
    "stalled",
    "out_of_memory",
    "cancelled",
    "launch_error",
    "card_lost",
    "agent_lost",
)
#: Ends after which what was measured stands.
FINISHED = ("completed", "target_missed")

#: What can be read of a card, and its unit. `energy` counts up; all else is the value at the reading, but for the
#: slowdowns: seconds that the card was held back so far where the source's method is "counter", else 1 while it is held
#: back and 0 while it is not.
CHANNELS: dict[str, str] = {
    "energy": "J",
    "power": "W",
    "memory": "bytes",
    "temperature": "degC",
    "utilization": "%",
    "clock": "MHz",
    "slowdown_hardware": "s",
    "slowdown_thermal": "s",
    "slowdown_power": "s",
}


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `rank`, `exit_code`, `signal`: of the rank that failed first, where one did.

    `sampler` holds the sampler's own cost: cpu_seconds, readings, period_p50, period_p99, period_max (s), errors.
    `fault`: whose reason a failure was: of the host (nothing was launched, the port was taken, the disk was full), of a
    device (a card was lost, a collective timed out), else of the program or its model; None for a run that did not
    fail. `events`: how many events of a kind are not in events.jsonl: `thinned`, and `lost`, which may have mattered;
    `malformed`: lines that claimed to be events, by what was wrong; `unread`: bytes of the output.
    `slept_seconds`: how long the host was suspended meanwhile.
    """

    status: str
    ended_by: Literal["program", "agent", "user", "runner"]
    message: str = ""
    rank: int | None = None
    exit_code: int | None = None
    signal: str | None = None
    log_tail: tuple[str, ...] = ()
    seconds: float | None = None
    sampler: Mapping[str, Any] = field(default_factory=dict)
    fault: Literal["host", "device", "program"] | None = None
    events: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    slept_seconds: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether the run came to its end, its target met or not."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Source:
    """Where a channel's readings come from.

    method: counter, average or instant for power and energy ("unstated" where nobody knows which), else the reading's
    name. scope: card, module or package. wrap: the value after which a counter starts again at 0; resolution: the
    smallest step of the source, in the channel's unit. sensors: by card, the number of the sensor that its readings
    come from, where several cards share one; None where each has its own.
    """

    sampler: str
    method: str
    scope: Literal["card", "module", "package"] = "card"
    wrap: float | None = None
    resolution: float | None = None
    sensors: tuple[int, ...] | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Source:
        """The reverse of dataclasses.asdict, by way of JSON."""
        sensors = record.get("sensors")
        return cls(**{**record, "sensors": None if sensors is None else tuple(sensors)})


@dataclass(frozen=True)
class CardInfo:
    """A card as the agent saw it. `total_bytes`: its memory; `uuid`, `pci` ("0000:3b:00.0"): who it is, where known."""

    index: int
    id: str
    name: str
    total_bytes: int | None = None
    uuid: str | None = None
    pci: str | None = None


class Column(Sequence[float | None]):
    """Readings in eight bytes each; a missing one is None."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: array[float]) -> None:
        """`numbers`: NaN where a reading is missing."""
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> float | None: ...
    @overload
    def __getitem__(self, index: slice) -> Column: ...
    def __getitem__(self, index: int | slice) -> float | Column | None:
        if isinstance(index, slice):
            return Column(self._numbers[index])
        number = self._numbers[index]
        return number if number == number else None

    def __iter__(self) -> Iterator[float | None]:
        return (number if number == number else None for number in self._numbers)

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)


@dataclass(frozen=True)
class Series:
    """Readings of one channel of one card: times (monotonic s, ascending) and values; missing readings are None."""

    times: Sequence[float]
    values: Sequence[float | None]


@dataclass(frozen=True)
class SampleLog:
    """The readings of one node. `series[channel]` has one Series a card, in the order of `cards`.

    `unavailable[channel]` says why there are no readings. `facts`: what was read at the edges of the run (before the
    ranks reached the cards, when the segments began, at the end): the instant, and one mapping a card (core.facts).
    """

    cards: tuple[CardInfo, ...]
    sources: Mapping[str, Source] = field(default_factory=dict)
    series: Mapping[str, tuple[Series, ...]] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    facts: tuple[tuple[float, tuple[Mapping[str, Any], ...]], ...] = ()


def launch_name(run: str, attempt: int) -> str:
    """Of a launch of a run: the first has the run's name, as in full-1, the second is full-1.attempt-2."""
    return run if attempt == 1 else f"{run}.attempt-{attempt}"


@dataclass(frozen=True)
class RunRecord:
    """One run, read back from its directory. `index` counts from 1 within its role; `seed` is None where an imported
    log does not say it.

    `adapter`: what the adapter said of itself in each rank (core.adapter_evidence); empty without one. `lease`: how the
    cards were held (docs/formats.md, lease.json); empty where nobody knows. `earlier`: the launches before this one
    that failed, in order. `reused`: where the run comes from, where an earlier session made it.
    """

    role: Role
    index: int
    seed: int | None
    result: RunResult
    events: tuple[Event, ...]
    samples: Sequence[SampleLog]
    order: Mapping[str, Any]
    directory: Path
    adapter: tuple[Mapping[str, Any], ...] = ()
    lease: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[RunRecord, ...] = ()
    reused: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """role-index: which run it is, whichever launch of it."""
        return f"{self.role}-{self.index}"

    @property
    def attempt(self) -> int:
        """Which launch of the run it is, from 1."""
        number = self.order.get("attempt")
        return number if isinstance(number, int) else 1

    @property
    def launch(self) -> str:
        """As its directory is called."""
        return launch_name(self.name, self.attempt)
