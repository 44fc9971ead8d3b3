"""A vendor profile's keys and what each may hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from pytest_sixdim.core.dimensions import PRECISIONS
from pytest_sixdim.core.records import CHANNELS
from pytest_sixdim.schema.arguments import check_argument
from pytest_sixdim.schema.errors import not_among, shortened
from pytest_sixdim.schema.model import Model, Text
from pytest_sixdim.schema.names import Identifier, SchemaVersion, made_of, relative_path, variable_name
from pytest_sixdim.schema.quantities import Size

_module = made_of("A-Za-z0-9_.", "A-Z, a-z, 0-9, _ and .")
_card_id = made_of("A-Za-z0-9_.-", "A-Z, a-z, 0-9, _, . and -")
_pci_id = made_of("0-9a-f", "0-9 and a-f")


def _channel(text: str) -> str:
    if text not in CHANNELS:
        raise ValueError(not_among(text, CHANNELS))
    return text


def _device_nodes(pattern: str) -> str:
    relative_path(pattern)
    if "**" in pattern:
        raise ValueError(f"{shortened(pattern)}: '**' is not allowed")
    return pattern


def _variables(variables: dict[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        variable_name(name)
        check_argument(value)
    return variables


def _peaks(peaks: dict[str, float]) -> dict[str, float]:
    for precision, peak in peaks.items():
        if precision not in PRECISIONS:
            raise ValueError(not_among(precision, PRECISIONS))
        if peak <= 0:
            raise ValueError(f"{precision}: must be more than 0")
    return peaks


Variable = Annotated[str, AfterValidator(variable_name)]
Channel = Annotated[str, AfterValidator(_channel), WithJsonSchema({"enum": list(CHANNELS)})]


class CardSection(Model):
    """A card that is known by name."""

    id: Annotated[str, AfterValidator(_card_id)] = Field(description="what baselines call it")
    names: list[Text] = Field(min_length=1, description="exactly as the vendor's tools print it")
    memory: Size | None = Field(default=None, description="such as 80 GiB")
    peaks: Annotated[dict[str, float], AfterValidator(_peaks)] = Field(
        default={}, description="dense FLOP/s by precision"
    )
    source: Text = Field(description="of the names, the memory and the peaks")
    devices: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="torch devices on one such board")


class SamplerSection(Model):
    """A source of readings."""

    sampler: Identifier
    channels: list[Channel] = Field(min_length=1)
    options: dict[str, Any] = Field(default={}, description="the sampler's own")
    install: Text = Field(default="", description="what provides it, for a host where it does not answer")
    unverified: list[Text] = Field(default=[], description="what of the options rests on one public source or none")


class AdapterSection(Model):
    """What an adapter must say of itself on such cards."""

    architecture: Identifier
    framework: Identifier


class VendorModel(Model):
    """All that differs between vendors."""

    sixdim: SchemaVersion
    id: Identifier = Field(description="the file's name without .yaml; also a mark")
    name: Text
    name_zh: Text
    enumerate: Literal["device_nodes", "pci", "cores"] = Field(
        description="how cards are counted where no sampler lists them"
    )
    fallback: bool = Field(default=False, description="whether a host without any vendor's cards is measured as this")
    device_nodes: list[Annotated[Text, AfterValidator(_device_nodes)]] = Field(
        default=[],
        description="glob patterns below /dev; with device_nodes one match a compute card",
        validate_default=True,
    )
    pci_vendors: list[Annotated[str, AfterValidator(_pci_id)]] = Field(
        default=[], description='quoted, as in "10de"', validate_default=True
    )
    pci_classes: list[Annotated[str, AfterValidator(_pci_id)]] = Field(
        default=[], description='quoted, as in "0302", or "03" for a base class; none: any'
    )
    device: Identifier = Field(description="torch device type")
    imports: list[Annotated[str, AfterValidator(_module)]] = Field(default=[], description="to import after torch")
    autoload: bool = Field(default=True, description="whether torch may load the vendor's plugin by itself")
    backend: Identifier = Field(description="collective backend")
    amp: Annotated[str, AfterValidator(_module)] = Field(
        default="torch.amp", description="module with the vendor's autocast and GradScaler"
    )
    visible: list[Variable] = Field(default=[], description="variables that limit which cards a process sees")
    visible_by: Literal["index", "uuid"] = Field(default="index", description="what stands in these variables")
    container_visible: list[Variable] = Field(default=[], description="the same for a container runtime")
    environment: Annotated[dict[str, str], AfterValidator(_variables)] = Field(
        default={}, description="set for every rank"
    )
    power_scope: Literal["card", "module", "package"] = Field(
        default="card", description="what one power reading covers; module: a board with several devices"
    )
    samplers: list[SamplerSection] = Field(default=[], description="in order of preference")
    cards: list[CardSection] = Field(default=[], description="those that are known by name")
    adapters: dict[str, AdapterSection] = Field(default={}, description="what an adapter must say of itself here")
    card_lost: list[Text] = Field(default=[], description="output that means that the card is gone")
    device_error: list[Text] = Field(default=[], description="output that means that the card or a collective failed")
    card_busy: list[Text] = Field(default=[], description="output that means that another process has the card")
    quirks: list[Text] = Field(default=[], description="what else a user of such cards should know")
    unverified: list[str] = Field(default=[], description="keys that rest on one public source or none")

    @field_validator("device_nodes", mode="after")
    @classmethod
    def _nodes_where_counted(cls, nodes: list[str], info: ValidationInfo) -> list[str]:
        counted = info.data.get("enumerate")
        if counted == "device_nodes" and not nodes:
            raise ValueError("must be given where 'enumerate' is device_nodes")
        if counted == "cores" and nodes:
            raise ValueError("must not be given where 'enumerate' is cores")
        return nodes

    @field_validator("pci_vendors", mode="after")
    @classmethod
    def _vendors_where_counted(cls, vendors: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("enumerate") == "pci" and not vendors:
            raise ValueError("must be given where 'enumerate' is pci")
        return vendors

    @field_validator("unverified", mode="after")
    @classmethod
    def _are_keys(cls, keys: list[str]) -> list[str]:
        for key in keys:
            if key not in cls.model_fields:
                raise ValueError(not_among(key, cls.model_fields))
        return keys
