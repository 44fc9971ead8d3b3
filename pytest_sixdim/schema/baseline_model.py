"""A baselines file's keys and what each may hold (docs/method.md, "Matching a baseline")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from pytest_sixdim.core.case import Case
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.schema.case_model import LimitsModel
from pytest_sixdim.schema.errors import shortened
from pytest_sixdim.schema.model import Label, Model, Text
from pytest_sixdim.schema.names import MOST, Count, Identifier, SchemaVersion
from pytest_sixdim.schema.quantities import FACTORS, Watts, unit_among

_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
#: A memory in "G" may mean 10^9 or 2^30 bytes: such a figure has no value.
UNCERTAIN_UNIT = "G"
UNITS: dict[str, list[str]] = {dimension: list(factors) for dimension, factors in FACTORS.items()}
UNITS["memory"].append(UNCERTAIN_UNIT)
SPEED_KINDS = ("compute", "train", "whole", "unknown")


def _date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError(f"{shortened(text)}: must be a date such as '2024-12-31', '2024-12' or '2024'")
    return text


Date = Annotated[str, AfterValidator(_date), WithJsonSchema({"type": "string", "pattern": f"^{_DATE.pattern}$"})]
Positive = Annotated[float, Field(gt=0)]


class UnitsModel(Model):
    """Units of the figures; linearity and stability have none."""

    refused: ClassVar[Mapping[str, str]] = dict.fromkeys(("linearity", "stability"), "it is a ratio without a unit")

    speed: str | None = Field(default=None, description="samples/s")
    power: str | None = Field(default=None, description="W")
    memory: str | None = Field(default=None, description="GiB, MiB, GB; G where the source does not say which")
    accuracy: str | None = Field(default=None, description="that of the case's metric")

    @field_validator("speed", "power", "memory", "accuracy", mode="after")
    @classmethod
    def _known(cls, unit: str | None, info: ValidationInfo) -> str | None:
        assert isinstance(info.context, Case)
        allowed = [info.context.metric.unit] if info.field_name == "accuracy" else UNITS[info.field_name or ""]
        return unit if unit is None else unit_among(unit, allowed)


class DisputedModel(Model):
    """Figures that are shown and not judged, and why."""

    speed: Text | None = None
    power: Text | None = None
    memory: Text | None = None
    accuracy: Text | None = None
    linearity: Text | None = None
    stability: Text | None = None
    target: Text | None = Field(
        default=None, description="what accuracy was published against; accuracy is then unjudged"
    )


class EntryLimitsModel(LimitsModel):
    """Limits tighter than the case's."""


class EntryModel(Model):
    """The figures of one configuration, and their source."""

    vendor: Identifier
    card: Label = Field(description="a card's id in the vendor profile, or its published name")
    nodes: Annotated[int, Field(gt=0, le=MOST)]
    cards: Annotated[int, Field(gt=0, le=MOST)] = Field(description="of each node")
    precision: Label = Field(description="fp32, tf32, fp16, bf16, amp-fp16, amp-bf16, fp8; any other is never matched")
    batch_size: Count
    batch_scope: Literal["card", "job"] = "card"
    data: Literal["real", "generated"] = "real"
    generator: Annotated[Text | None, Field(validate_default=True)] = Field(
        default=None, description="what made the generated data"
    )
    quick: bool = False
    adapter: Text | None = None
    power_cap: Watts | None = Field(default=None, description="such as 350 W")
    units: UnitsModel = Field(default=UnitsModel(), description="where they differ from the file's")
    speed: Positive | None = Field(default=None, description="of the whole job")
    power: Positive | None = Field(default=None, description="of one card")
    memory: Positive | None = Field(default=None, description="of one card")
    accuracy: float | None = None
    linearity: Positive | None = None
    stability: Annotated[float, Field(ge=0, le=1)] | None = None
    speed_kind: Annotated[Literal["compute", "train", "whole", "unknown"] | None, Field(validate_default=True)] = None
    card0: list[Literal["power", "memory"]] = Field(default=[], description="figures read from card 0 only")
    limits: EntryLimitsModel = EntryLimitsModel()
    disputed: DisputedModel = DisputedModel()
    origin: Literal["published", "recorded"]
    source: Text = Field(description="where the figures stand, such as a file and its line")
    date: Annotated[Date | None, Field(validate_default=True)] = None
    software: Text | None = None
    note: Text | None = Field(default=None, description="what else a reader should know of the figures")

    @field_validator("speed_kind", mode="after")
    @classmethod
    def _kind_beside_speed(cls, kind: str | None, info: ValidationInfo) -> str | None:
        if "speed" in info.data and (info.data["speed"] is None) != (kind is None):
            if kind is None:
                raise ValueError(f"must be given beside 'speed'; allowed: {', '.join(SPEED_KINDS)}")
            raise ValueError("there is no 'speed' that it belongs to")
        return kind

    @field_validator("generator", mode="after")
    @classmethod
    def _generator_of_generated_data(cls, generator: str | None, info: ValidationInfo) -> str | None:
        if "data" in info.data and (info.data["data"] == "generated") != (generator is not None):
            raise ValueError("must be given where 'data' is generated, and only there")
        return generator

    @field_validator("card0", mode="after")
    @classmethod
    def _card0_has_figures(cls, card0: list[str], info: ValidationInfo) -> list[str]:
        for dimension in card0:
            _need_figure(dimension, info)
        return card0

    @field_validator("disputed", mode="after")
    @classmethod
    def _disputed_has_figures(cls, disputed: DisputedModel, info: ValidationInfo) -> DisputedModel:
        for dimension in DIMENSIONS:
            if getattr(disputed, dimension) is not None:
                _need_figure(dimension, info)
        return disputed

    @field_validator("date", mode="after")
    @classmethod
    def _recorded_has_date(cls, date: str | None, info: ValidationInfo) -> str | None:
        if date is None and info.data.get("origin") == "recorded":
            raise ValueError("must be given where 'origin' is recorded")
        return date


class BaselinesModel(Model):
    """Baselines of a case: published or recorded figures, one entry a configuration."""

    sixdim: SchemaVersion
    units: UnitsModel = Field(default=UnitsModel(), description="of all entries")
    entries: Annotated[list[EntryModel], Field(max_length=10_000)]


def _need_figure(dimension: str, info: ValidationInfo) -> None:
    if dimension in info.data and info.data[dimension] is None:
        raise ValueError(f"{dimension}: this entry has no such figure")
