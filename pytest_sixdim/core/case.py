"""A case and the configurations that it is measured under, as plain values (design section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pytest_sixdim.core.dimensions import Better, Dimension, Precision

#: How the name of a case file ends.
SUFFIX = ".case.yaml"

#: What a case's argument list may mention in braces.
PLACEHOLDERS = (
    "data",
    "batch_size",
    "precision",
    "seed",
    "cards",
    "nodes",
    "world_size",
    "global_batch_size",
    "role",
    "run_dir",
    "checkout",
    "case_dir",
)


@dataclass(frozen=True)
class Metric:
    """What accuracy means for a case. `every` is the evaluation interval as written ("1 epoch")."""

    name: str
    unit: str
    better: Better
    target: float | None
    generated_target: float | None = None
    every: str | None = None
    samples: int | None = None

    def met(self, value: float, target: float) -> bool:
        """Whether `value` reaches `target` in the metric's direction."""
        return value >= target if self.better == "higher" else value <= target

    def better_of(self, a: float, b: float) -> float:
        """The better of two values."""
        return max(a, b) if self.better == "higher" else min(a, b)


@dataclass(frozen=True)
class DataSet:
    """Where a case's data lies below --sixdim-data, and what must be there."""

    path: str
    must_contain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Train:
    """How a case trains. Exactly one of `program` (absolute path) and `command` is set; times in s.

    Attributes:
        launch: what starts the ranks: torchrun, command (one process that has all cards), msrun, paddle, mpirun.
        checkout: the directory of somebody else's programs, absolute; None where the program stands beside the case.
        directory: where the program is started, below the checkout or, without one, the case's folder; None: the run's
            own empty directory.
        environment: variables that the program needs, their values with placeholders.
        requires: the modules that its interpreter must have, such as mindspore.
    """

    program: Path | None
    command: tuple[str, ...] | None = None
    launch: str = "torchrun"
    args: tuple[str, ...] = ()
    timeout: float = 24 * 3600.0
    stall: float = 30 * 60.0
    checkout: Path | None = None
    directory: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Log:
    """What a program's output looks like and where it is printed. What is None is as the dialect has it.

    `options`: what the dialect is made with.
    """

    format: str = "sixdim"
    stream: Literal["both", "stdout", "stderr"] | None = None
    rank: Literal["last", "all"] | int | None = None
    file: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """Warm-up and segments (method.md). Defaults: 50 steps and 6 s a segment, five segments.

    `warmup_epochs`, `segment_epochs`: whole epochs instead of steps, where a program reports epochs.
    """

    warmup_steps: int = 50
    steady: bool = True
    segment_steps: int = 50
    segment_seconds: float = 6.0
    segments: int = 5
    warmup_epochs: int | None = None
    segment_epochs: int | None = None


@dataclass(frozen=True)
class Band:
    """How far a stability value may lie from the base: relative, or absolute in the value's unit."""

    amount: float
    relative: bool = True
    unit: str = ""


@dataclass(frozen=True)
class StabilityRule:
    """How stability is scored. `budget` is in samples and set where `at` is "budget"."""

    at: Literal["target", "budget"] = "target"
    band: Band = field(default_factory=lambda: Band(0.01))
    runs: int = 5
    budget: int | None = None


@dataclass(frozen=True)
class Limit:
    """A limit of a dimension.

    relative: the baseline changed by `amount` (-0.05 for "-5 %"); offset: the baseline plus `amount`
    (-0.03 for "baseline - 0.03"); absolute: `amount` itself, in `unit`, which judges without a baseline.
    """

    kind: Literal["relative", "offset", "absolute"]
    amount: float
    unit: str = ""


@dataclass(frozen=True)
class Quick:
    """What --sixdim-quick replaces; None leaves the case's own."""

    args: tuple[str, ...] | None = None
    measure: Measure | None = None
    batch_size: int | None = None
    target: float | None = None


@dataclass(frozen=True)
class Configuration:
    """What a case is measured under. `cards` are per node, `batch_size` is per card.

    `path` and `line` (1-based) say where it is written.
    """

    vendor: str
    precision: Precision
    batch_size: int
    cards: int = 1
    nodes: int = 1
    tag: str | None = None
    args: tuple[str, ...] = ()
    adapter: str | None = None
    line: int = 1

    @property
    def id(self) -> str:
        """vendor-precision-bsN[-tag][-adapter]-NODESxCARDS."""
        size, count = f"bs{self.batch_size}", f"{self.nodes}x{self.cards}"
        parts = [self.vendor, self.precision, size, self.tag, self.adapter, count]
        return "-".join(part for part in parts if part)

    @property
    def world_size(self) -> int:
        """Ranks of one run: one rank a card."""
        return self.nodes * self.cards

    @property
    def global_batch_size(self) -> int:
        """Samples a step over all ranks."""
        return self.batch_size * self.world_size

    @property
    def reference(self) -> Configuration | None:
        """The configuration that linearity divides by: one node of as many cards, or one card; None for one card."""
        if self.nodes > 1:
            return replace(self, nodes=1)
        if self.cards > 1:
            return replace(self, cards=1)
        return None


@dataclass(frozen=True)
class Case:
    """A model, its metric and target, how to train it and how to read what it prints. `path` is its file."""

    name: str
    title: str
    task: str
    path: Path
    metric: Metric
    train: Train
    configurations: tuple[Configuration, ...]
    data: DataSet | None = None
    log: Log = field(default_factory=Log)
    measure: Measure = field(default_factory=Measure)
    stability: StabilityRule = field(default_factory=StabilityRule)
    limits: dict[Dimension, Limit] = field(default_factory=dict)
    flops_per_sample: float | None = None
    quick: Quick | None = None
    is_quick: bool = False

    @property
    def directory(self) -> Path | None:
        """Where the program is started; None: in the run's own empty directory."""
        train = self.train
        return None if train.directory is None else (train.checkout or self.path.parent) / train.directory

    @property
    def task_mark(self) -> str:
        """The task as a pytest mark: "image classification" gives image_classification."""
        return "".join(c if c.isalnum() else "_" for c in self.task.lower())

    def under(self, adapter: str) -> Case:
        """The case with every configuration under an adapter; those that are then alike are one."""
        unique: dict[str, Configuration] = {}
        for configuration in self.configurations:
            changed = replace(configuration, adapter=adapter)
            unique.setdefault(changed.id, changed)
        return replace(self, configurations=tuple(unique.values()))

    def quickened(self, fallback: str) -> Case:
        """The case under --sixdim-quick: its quick block applied, and a configuration of the vendor `fallback` (fp32,
        2 cards) added where there is none.

        Raises ValueError where the case has no quick block.
        """
        if self.quick is None:
            raise ValueError(f"{self.path.name}: case {self.name!r} has no quick block")
        quick = self.quick
        configurations = self.configurations
        if all(configuration.vendor != fallback for configuration in configurations):
            smallest = min(configurations, key=lambda c: c.batch_size)
            configurations += (Configuration(fallback, "fp32", smallest.batch_size, cards=2, line=smallest.line),)
        if quick.batch_size is not None:
            unique: dict[str, Configuration] = {}
            for configuration in configurations:
                changed = replace(configuration, batch_size=quick.batch_size)
                unique.setdefault(changed.id, changed)
            configurations = tuple(unique.values())
        metric = self.metric
        if quick.target is not None:
            metric = replace(metric, target=quick.target, generated_target=quick.target)
        return replace(
            self,
            train=self.train if quick.args is None else replace(self.train, args=quick.args),
            measure=quick.measure or self.measure,
            metric=metric,
            configurations=configurations,
            is_quick=True,
        )
