"""DeepSpark's table for TianGai 100: its twelve rows are cases, each with the row as published and what is doubtful."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors

CASES = Path(__file__).parents[2] / "cases"


class Row(NamedTuple):
    """A row as printed; `doubtful` names the fields that are shown and judge nothing."""

    name: str
    precision: str
    batch_size: int
    speed: str
    accuracy: str
    power: str
    linearity: str
    memory: str
    doubtful: frozenset[str] = frozenset()
    of_job: bool = False


def doubtful(*fields: str) -> frozenset[str]:
    return frozenset(fields)


ROWS = [
    Row("bert_large", "amp", 32, "214", "0.72", "152", "0.96", "20.3"),
    Row("dlrm", "amp", 2048, "793486", "0.75", "60", "0.97", "3.7", of_job=True),
    Row("resnet50", "amp", 512, "5221", "76.43", "128", "0.97", "29.1"),
    Row("unet3d", "fp32", 4, "12", "0.908", "152", "0.85", "19.6"),
    Row("yolov5", "amp", 128, "1228", "0.56", "140", "0.92", "27.3", doubtful("target"), of_job=True),
    Row("satrn", "fp32", 128, "630", "88.4", "166", "0.98", "28.5", doubtful("accuracy")),
    Row("conformer", "fp32", 32, "380", "4.79", "113", "0.82", "21.5", doubtful("accuracy")),
    Row("ngp_nerf", "amp", 1, "10", "19.6", "82", "0.9", "28.1", doubtful("accuracy", "speed", "linearity")),
    Row("fairmot", "fp32", 64, "52", "69.8", "132", "0.97", "19.1", doubtful("accuracy"), of_job=True),
    Row("cpm", "amp", 128, "357", "0.91", "156", "0.93", "20.6"),
    Row("tacotron2", "amp", 128, "77", "4.46", "128", "0.96", "18.4", doubtful("accuracy")),
    Row("wave_mlp", "fp32", 256, "1026", "83.1", "198", "0.98", "29.4", doubtful("accuracy")),
]
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def case_path(row: Row) -> Path:
    (path,) = CASES.glob(f"*/{row.name}.case.yaml")
    return path


def case_of(row: Row) -> Case:
    return load_case(case_path(row), list(builtin_vendors()))


def published(row: Row) -> Baseline:
    path = case_path(row)
    entries = load_baselines(baselines_path(path), load_case(path, list(builtin_vendors())))
    (entry,) = (entry for entry in entries if entry.card == "bi-v100" and entry.software == "sdk2.2")
    return entry


@EACH
def test_the_row_prints_back_as_published(row: Row) -> None:
    entry = published(row)
    texts = {name: figure.text for name, figure in entry.figures.items()}
    printed = {"speed": row.speed, "power": row.power, "linearity": row.linearity, "memory": row.memory}
    assert texts == {**printed, "accuracy": row.accuracy, "stability": "1"}
    assert (entry.precision, entry.nodes, entry.cards) == (row.precision, 1, 8)
    assert (entry.batch_size, entry.batch_scope) == (row.batch_size, "job" if row.of_job else "card")
    assert (entry.origin, entry.vendor) == ("published", "iluvatar")
    assert entry.source


@EACH
def test_what_is_doubtful_in_the_row_is_disputed_with_the_reason(row: Row) -> None:
    entry = published(row)
    assert row.doubtful <= set(entry.disputed)
    assert all(len(reason) > 10 for reason in entry.disputed.values())


@EACH
def test_a_published_g_is_no_unit_and_judges_nothing(row: Row) -> None:
    assert published(row).figures["memory"].value is None


@EACH
def test_the_case_runs_everywhere(row: Row) -> None:
    """On two CPU cores, on a GPU, at the vendor that published the row."""
    case = case_of(row)
    assert case.quick is not None
    assert case.data is not None
    assert case.metric.generated_target is not None
    there = {(configuration.vendor, configuration.cards) for configuration in case.configurations}
    assert {(vendor, cards) for vendor in ("nvidia", "iluvatar") for cards in (1, 8)} <= there


@EACH
def test_its_readme_names_the_model_its_paper_and_how_the_data_are_prepared(row: Row) -> None:
    case, text = case_of(row), (case_path(row).parent / "README.md").read_text()
    for part in (f"{row.name}.case.yaml", case.title.split()[0], "https://arxiv.org/abs/", "--sixdim-data", "Quick"):
        assert part in text, part
