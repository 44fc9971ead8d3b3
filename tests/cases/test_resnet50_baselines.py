"""The published figures of ResNet-50: as published, each with its source, and none matched nearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.matching import match
from pytest_sixdim.core.results import Measurements
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

PATH = Path(__file__).parents[2] / "cases" / "image_classification" / "resnet50.case.yaml"


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(PATH, list(builtin_vendors()))


@pytest.fixture(scope="module")
def entries(case: Case) -> tuple[Baseline, ...]:
    return load_baselines(baselines_path(PATH), case)


def found(entries: tuple[Baseline, ...], card: str, configuration: Configuration) -> Baseline | None:
    return match(entries, configuration, Measurements({}, card=card, data="real", quick=False)).baseline


def test_every_figure_is_published_and_has_a_source_and_a_date(entries: tuple[Baseline, ...]) -> None:
    assert len(entries) == 28
    for entry in entries:
        assert entry.origin == "published"
        assert entry.source
        assert entry.date
        assert entry.figures


def test_deepsparks_row_prints_back_as_published(entries: tuple[Baseline, ...]) -> None:
    (row,) = (entry for entry in entries if entry.vendor == "iluvatar")
    assert {name: f"{figure.text} {figure.unit}".strip() for name, figure in row.figures.items()} == {
        "speed": "5221 samples/s",
        "accuracy": "76.43 %",
        "power": "128 W",
        "linearity": "0.97",
        "memory": "29.1 G",
        "stability": "1",
    }
    assert (row.precision, row.batch_size, row.batch_scope, row.nodes, row.cards) == ("amp", 512, "card", 1, 8)
    assert (row.speed_kind, row.software) == ("compute", "sdk2.2")
    assert row.figures["power"].card0
    assert row.figures["memory"].value is None  # GB or GiB: nobody says, so nothing is judged by it


def test_a_published_amp_matches_no_precision_and_the_difference_is_named(
    case: Case, entries: tuple[Baseline, ...]
) -> None:
    (ours,) = (one for one in case.configurations if one.vendor == "iluvatar" and one.cards == 8)
    answer = match(entries, ours, Measurements({}, card="bi-v100", data="real", quick=False))
    assert answer.baseline is None
    assert answer.nearest == "baseline exists for precision amp, this run used amp-fp16"


@pytest.mark.parametrize(
    ("card", "precision", "size", "cards", "speed", "kind"),
    [
        ("a100-sxm4-80gb", "amp-fp16", 256, 8, "16621", None),
        ("a100-sxm4-80gb", "tf32", 256, 1, "938", None),
        ("v100-sxm2-32gb", "fp32", 112, 8, "2766", None),
        ("a100-sxm4-40gb", "tf32", 256, 8, "5866", "train"),
    ],
)
def test_the_cases_configurations_find_their_baselines(
    case: Case, entries: tuple[Baseline, ...], card: str, precision: str, size: int, cards: int, speed: str, kind: str
) -> None:
    ours = [
        one
        for one in case.configurations
        if (one.vendor, one.precision, one.batch_size, one.cards, one.tag) == ("nvidia", precision, size, cards, None)
    ]
    entry = found(entries, card, ours[0])
    assert entry is not None
    assert (entry.figures["speed"].text, entry.speed_kind) == (speed, kind)
    assert found(entries, "h100-sxm5-80gb", ours[0]) is None


def test_ids_of_cards_are_those_of_the_vendors_profiles(entries: tuple[Baseline, ...]) -> None:
    profiles = {name: load_vendor(path) for name, path in builtin_vendors().items()}
    for entry in entries:
        assert entry.card in [card.id for card in profiles[entry.vendor].cards], entry.source


def test_linearity_that_is_computed_says_so_and_comes_from_the_published_speeds(entries: tuple[Baseline, ...]) -> None:
    """Every one but DeepSpark's, which is published."""
    speeds = {
        (one.card, one.precision, one.batch_size, one.nodes, one.cards): float(one.figures["speed"].text)
        for one in entries
        if "speed" in one.figures
    }
    computed = [one for one in entries if "linearity" in one.figures and one.vendor != "iluvatar"]
    assert len(computed) == 9
    for one in computed:
        assert "computed" in one.note
        key = (one.card, one.precision, one.batch_size)
        base = speeds[(*key, 1, one.cards)] * one.nodes if one.nodes > 1 else speeds[(*key, 1, 1)] * one.cards
        whole = speeds[(*key, one.nodes, one.cards)]
        assert float(one.figures["linearity"].text) == pytest.approx(whole / base, abs=5e-4), one.source
