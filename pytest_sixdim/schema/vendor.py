"""Vendor profiles: one YAML file a vendor, named after it, into core.vendor.VendorProfile."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from pytest_sixdim.core.vendor import AdapterChoice, CardModel, SamplerChoice, VendorProfile
from pytest_sixdim.schema.document import Document
from pytest_sixdim.schema.errors import Problem, shortened
from pytest_sixdim.schema.model import require, validated
from pytest_sixdim.schema.reader import read_document
from pytest_sixdim.schema.vendor_model import CardSection, VendorModel

PROFILES = Path(__file__).parent.parent / "vendors"


def builtin_vendors() -> dict[str, Path]:
    """The profiles that come with this package, by the vendor's id."""
    return {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}


def load_vendor(path: Path) -> VendorProfile:
    """Read a vendor profile; its id must be the file's name without .yaml, so that no profile hides another.

    Raises SchemaError with all that is wrong.
    """
    path = path.absolute()
    document = read_document(path)
    model, problems = validated(VendorModel, document)
    if model is not None:
        if model.id != path.stem:
            problems.append(document.problem(("id",), f"id: {model.id!r}; the file's name says {shortened(path.stem)}"))
        problems += _repeated(document, model.cards)
    return _profile(path, require(model, problems))


def _repeated(document: Document, cards: Collection[CardSection]) -> Iterator[Problem]:
    """Two cards of the same id or the same name cannot be told apart."""
    first: dict[str, int] = {}
    for index, card in enumerate(cards):
        for name in dict.fromkeys((card.id, *card.names)):
            if name in first:
                line = document.lines["cards", first[name]]
                message = f"cards[{index}]: {shortened(name)} is already given in line {line}"
                yield document.problem(("cards", index), message)
            first.setdefault(name, index)


def _profile(path: Path, model: VendorModel) -> VendorProfile:
    return VendorProfile(
        id=model.id,
        name=model.name,
        name_zh=model.name_zh,
        enumerate=model.enumerate,
        device=model.device,
        backend=model.backend,
        fallback=model.fallback,
        device_nodes=tuple(model.device_nodes),
        pci_vendors=tuple(model.pci_vendors),
        pci_classes=tuple(model.pci_classes),
        imports=tuple(model.imports),
        autoload=model.autoload,
        amp=model.amp,
        visible=tuple(model.visible),
        visible_by=model.visible_by,
        container_visible=tuple(model.container_visible),
        environment=model.environment,
        power_scope=model.power_scope,
        samplers=tuple(
            SamplerChoice(
                choice.sampler, tuple(choice.channels), choice.options, choice.install, tuple(choice.unverified)
            )
            for choice in model.samplers
        ),
        cards=tuple(
            CardModel(card.id, tuple(card.names), card.memory, dict(card.peaks), card.source, card.devices)
            for card in model.cards
        ),
        adapters={
            name: AdapterChoice(section.architecture, section.framework) for name, section in model.adapters.items()
        },
        card_lost=tuple(model.card_lost),
        device_error=tuple(model.device_error),
        card_busy=tuple(model.card_busy),
        quirks=tuple(model.quirks),
        unverified=tuple(model.unverified),
        path=path,
    )
