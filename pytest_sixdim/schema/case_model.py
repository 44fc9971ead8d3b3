"""A case file's keys and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from pytest_sixdim.core.case import Limit
from pytest_sixdim.core.dimensions import DIMENSIONS, Better, Dimension, Precision
from pytest_sixdim.schema.arguments import Argument, Arguments
from pytest_sixdim.schema.errors import shortened
from pytest_sixdim.schema.limits import (
    LinearityLimit,
    MemoryLimit,
    PowerLimit,
    SpeedLimit,
    StabilityBand,
    StabilityLimit,
)
from pytest_sixdim.schema.model import Label, Model, Text
from pytest_sixdim.schema.names import (
    AdapterName,
    Count,
    Identifier,
    Launch,
    LogFormat,
    LogPattern,
    Module,
    OneOrMore,
    Program,
    Rank,
    RelativePath,
    SchemaVersion,
    StartingDirectory,
    Unit,
    Variable,
    Vendor,
)
from pytest_sixdim.schema.quantities import Duration, Interval, SampleCount


class MetricModel(Model):
    """What accuracy means for this case."""

    name: Label
    unit: Unit = Field(default="", description='"" for a ratio; quote "%"')
    better: Better
    target: float | None = Field(default=None, description="the value that a full run must reach")
    generated_target: float | None = Field(default=None, description="the same on generated data")
    every: Interval | None = Field(default=None, description="how often the program evaluates, such as 1 epoch")
    samples: Count | None = Field(default=None, description="size of the evaluation set")


class DataModel(Model):
    """The data set that the case needs, below --sixdim-data."""

    path: RelativePath
    must_contain: list[RelativePath] = Field(default=[], description="what must lie in it")


class TrainModel(Model):
    """How the case trains."""

    checkout: Text | None = Field(default=None, description="directory of somebody else's programs, such as $FLAGPERF")
    program: Program | None = Field(default=None, description="a file beside the case, or in the checkout")
    command: Annotated[Arguments, Field(min_length=1)] | None = Field(default=None, description="instead of a program")
    launch: Launch = "torchrun"
    args: Arguments = Field(default=[], description="may mention {batch_size} and other placeholders")
    directory: StartingDirectory | None = Field(
        default=None, description="where it is started, below the checkout or the case's folder"
    )
    environment: dict[Variable, Argument] = Field(default={}, description="variables that the program needs")
    requires: Annotated[list[Module], Field(max_length=20)] = Field(
        default=[], description="modules that its interpreter must have, such as mindspore"
    )
    timeout: Duration = Field(default=24 * 3600.0, description="of one run, such as 12 h")
    stall: Duration = Field(default=30 * 60.0, description="without a line from any rank, such as 10 min")

    @model_validator(mode="after")
    def _one_of_two(self) -> TrainModel:
        if (self.program is None) == (self.command is None):
            raise ValueError("needs exactly one of 'program' and 'command'")
        return self


class LogModel(Model):
    """What the program prints, and where. Further keys are the log format's own."""

    model_config = ConfigDict(extra="allow")

    format: LogFormat = Field(default="sixdim", description="name of a log dialect")
    stream: Literal["both", "stdout", "stderr"] | None = Field(default=None, description="default: the format's")
    rank: Rank | None = Field(default=None, description="which rank prints it (default: the format's)")
    file: LogPattern | None = Field(default=None, description="a glob pattern below the run's directory")


class MeasureModel(Model):
    """Warm-up and segments. What is left out is as docs/method.md has it."""

    warmup_steps: Annotated[int, Field(ge=0, le=10**6)] | None = None
    steady: bool | None = Field(default=None, description="warm up until three segments agree within 1 %")
    segment_steps: Annotated[int, Field(gt=0, le=10**6)] | None = None
    segment_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
    segments: Annotated[int, Field(ge=3, le=100)] | None = Field(default=None, description="of which the middle count")
    warmup_epochs: Annotated[int, Field(ge=0, le=10**6)] | None = Field(default=None, description="instead of steps")
    segment_epochs: Annotated[int, Field(gt=0, le=10**6)] | None = Field(default=None, description="instead of steps")


class StabilityModel(Model):
    """How the repeated trainings are compared."""

    at: Literal["target", "budget"] = "target"
    band: StabilityBand | None = Field(default=None, description="1 %, or absolute as in 0.3 dB or 0.5 points")
    runs: Annotated[int, Field(ge=1, le=100)] = 5
    budget: SampleCount | None = Field(default=None, description="such as 150000 samples; only with at: budget")

    @model_validator(mode="after")
    def _budget_where_asked(self) -> StabilityModel:
        if self.at == "budget" and self.budget is None:
            raise ValueError("needs 'budget', such as '150000 samples', because 'at' is budget")
        if self.at != "budget" and self.budget is not None:
            raise ValueError("'budget' has no use here; it needs 'at: budget'")
        return self


class LimitsModel(Model):
    """Limits other than the defaults of docs/method.md."""

    refused: ClassVar[Mapping[str, str]] = {"accuracy": "the metric's target is the limit of accuracy"}

    speed: SpeedLimit | None = None
    power: PowerLimit | None = None
    memory: MemoryLimit | None = None
    linearity: LinearityLimit | None = None
    stability: StabilityLimit | None = None

    def by_dimension(self) -> dict[Dimension, Limit]:
        """The limits that are given."""
        return {dimension: limit for dimension in DIMENSIONS if (limit := getattr(self, dimension, None))}


class ConfigurationModel(Model):
    """What the case is measured under; one configuration for each of `nodes` x `cards`."""

    vendor: Vendor = Field(description="id of a vendor profile")
    precision: Precision
    batch_size: Count = Field(description="of one card")
    cards: OneOrMore = Field(default=[1], description="of each node")
    nodes: OneOrMore = Field(default=[1], description="1 where it is left out")
    tag: Identifier | None = Field(default=None, description="tells configurations with other args apart")
    args: Arguments = Field(default=[], description="added to the program's; needs a tag")
    adapter: AdapterName | None = Field(default=None, description="what stands between framework and card")

    @model_validator(mode="after")
    def _args_need_tag(self) -> ConfigurationModel:
        if self.args and self.tag is None:
            raise ValueError("'args' need a 'tag', which tells this configuration from the others")
        return self


class QuickModel(Model):
    """What --sixdim-quick replaces."""

    args: Arguments | None = None
    measure: MeasureModel | None = None
    batch_size: Count | None = None
    target: float | None = None


class CaseModel(Model):
    """A case: a model, its metric and target, how to train it and how to read what it prints."""

    sixdim: SchemaVersion
    name: Identifier
    title: Label | None = None
    task: Label | None = None
    data: DataModel | None = None
    metric: MetricModel
    train: TrainModel
    log: LogModel = LogModel()
    measure: MeasureModel = MeasureModel()
    stability: Annotated[StabilityModel, Field(validate_default=True)] = StabilityModel()
    limits: LimitsModel = LimitsModel()
    flops_per_sample: Annotated[float, Field(gt=0)] | None = Field(default=None, description="forward and backward")
    configurations: Annotated[list[ConfigurationModel], Field(min_length=1, max_length=200)]
    quick: QuickModel | None = None

    @field_validator("configurations", mode="after")
    @classmethod
    def _adapter_needs_program(
        cls, configurations: list[ConfigurationModel], info: ValidationInfo
    ) -> list[ConfigurationModel]:
        train = info.data.get("train")
        if train is not None and train.program is None and any(item.adapter for item in configurations):
            raise ValueError("'adapter' needs 'train.program': nothing can be imported ahead of a command")
        return configurations

    @field_validator("metric", mode="after")
    @classmethod
    def _has_target(cls, metric: MetricModel, info: ValidationInfo) -> MetricModel:
        if metric.target is None and metric.generated_target is None:
            raise ValueError("needs 'target'; or 'generated_target', where the data set can only be generated")
        if metric.target is None and info.data.get("data", ...) is None:
            raise ValueError("needs 'target': data is generated only for a case with 'data'")
        return metric

    @field_validator("stability", mode="after")
    @classmethod
    def _band_fits_metric(cls, stability: StabilityModel, info: ValidationInfo) -> StabilityModel:
        metric = info.data.get("metric")
        if metric is not None:
            check_band(stability, metric)
        return stability


def check_band(stability: StabilityModel, metric: MetricModel) -> None:
    """Raises ValueError where a metric needs an absolute band and has none, or has one in another unit."""
    band = stability.band
    if band is not None and not band.relative and band.unit != metric.unit:
        raise ValueError(f"band: unit {shortened(band.unit)}; the metric's unit is {shortened(metric.unit)}")
    if band is not None and not band.relative:
        return
    example = {"": "'0.02'", "%": "'0.5 points'"}.get(metric.unit, f"'0.3 {metric.unit}'")
    if metric.unit == "dB":
        raise ValueError(f"needs an absolute 'band', such as {example}, because the metric is in dB")
    if any(target is not None and target <= 0 for target in (metric.target, metric.generated_target)):
        raise ValueError(f"needs an absolute 'band', such as {example}, because the target is not above 0")
