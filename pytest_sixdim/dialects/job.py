"""What a dialect is told of the run whose log it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_sixdim.core.case import Measure


@dataclass(frozen=True)
class Job:
    """One run, as a dialect needs to know it.

    Attributes:
        cards: of the whole job.
        batch_size: samples a step and card; None where nobody knows.
        role: full or window.
        metric: the name of what accuracy means.
        target: what it must reach; None where there is none.
        higher: whether more of it is better.
        measure: warm-up and segments.
        recorded: the log was written earlier: when a line is read says nothing.
        unix: the time of day less the monotonic clock of the events, s; 0 for a recorded log, whose events have the
            time of day.
        thermal: the file that says how far the cards grew warmer (docs/formats.md, thermal.json); None without one.
    """

    cards: int = 1
    batch_size: int | None = None
    role: str = "full"
    metric: str = ""
    target: float | None = None
    higher: bool = True
    measure: Measure = field(default_factory=Measure)
    recorded: bool = False
    unix: float = 0.0
    thermal: str | None = None

    @property
    def global_batch_size(self) -> int | None:
        """Samples a step of the whole job; None where nobody knows."""
        return None if self.batch_size is None else self.batch_size * self.cards

    def instant(self, unix: float) -> float:
        """A time of day (s since 1970) on the clock of the events."""
        return unix - self.unix

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Job:
        """The reverse of to_json. Raises TypeError for unknown keys."""
        return cls(**{**record, "measure": Measure(**record.get("measure", {}))})
