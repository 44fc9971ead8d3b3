"""DeepSpark's table for TianGai 100: its twelve rows are cases, each with the row as published and what is doubtful."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors

CASES = Path(__file__).parents[2] / "cases"
TABLE = "Deep-Spark/deepspark, README, table of TianGai 100 (BI-V100), "


#: Model, convergence criterion, configuration, speed, accuracy, power (W), linearity, memory (G), stability, as printed
#: but for ResNet50's "76.43%", whose sign is the unit of its file.
PRINTED = """
BERT-large | 0.72 | sdk2.2,bs:32,8x,amp | 214 | 0.72 | 152*8 | 0.96 | 20.3*8 | 1
DLRM | AUC:0.75 | sdk2.2,bs:2048,8x,amp | 793486 | 0.75 | 60*8 | 0.97 | 3.7*8 | 1
ResNet50 | top1 75.9% | sdk2.2,bs:512,8x,amp | 5221 | 76.43 | 128*8 | 0.97 | 29.1*8 | 1
3D U-Net | 0.908 | sdk2.2,bs:4,8x,fp32 | 12 | 0.908 | 152*8 | 0.85 | 19.6*8 | 1
YOLOv5 | mAP:0.5 | sdk2.2,bs:128,8x,amp | 1228 | 0.56 | 140*8 | 0.92 | 27.3*8 | 1
SATRN | 0.841 | sdk2.2,bs:128,8x,fp32 | 630 | 88.4 | 166*8 | 0.98 | 28.5*8 | 1
Conformer | 3.72 | sdk2.2,bs:32,8x,fp32 | 380 | 4.79 | 113*8 | 0.82 | 21.5*8 | 1
ngp-nerf | 0.0046 | sdk2.2,bs:1,8x,amp | 10 | 19.6 | 82*8 | 0.90 | 28.1*8 | 1
FairMOT | MOTA:69.8 | sdk2.2,bs:64,8x,fp32 | 52 | 69.8 | 132*8 | 0.97 | 19.1*8 | 1
CPM | 0.91 | sdk2.2,bs:128,8x,amp | 357 | 0.91 | 156*8 | 0.93 | 20.6*8 | 1
Tacotron2 | score(MOS):4.460 | sdk2.2,bs:128,8x,amp | 77 | 4.46 | 128*8 | 0.96 | 18.4*8 | 1
Wave-MLP | 80.1 | sdk2.2,bs:256,8x,fp32 | 1026 | 83.1 | 198*8 | 0.98 | 29.4*8 | 1
"""
COLUMNS: tuple[Dimension, ...] = ("speed", "accuracy", "power", "linearity", "memory", "stability")


class Row(NamedTuple):
    """What a row means: its case, the kind of its speed, the fields that are shown and judge nothing."""

    name: str
    speed_kind: str | None = None
    doubtful: frozenset[str] = frozenset()
    of_job: bool = False


def doubtful(*fields: str) -> frozenset[str]:
    return frozenset(fields)


ROWS = [
    Row("bert_large"),
    Row("dlrm", "whole", of_job=True),
    Row("resnet50", "compute"),
    Row("unet3d"),
    Row("yolov5", doubtful=doubtful("target"), of_job=True),
    Row("satrn", "train", doubtful("accuracy")),
    Row("conformer", doubtful=doubtful("accuracy")),
    Row("ngp_nerf", doubtful=doubtful("accuracy", "speed", "linearity")),
    Row("fairmot", doubtful=doubtful("accuracy"), of_job=True),
    Row("cpm"),
    Row("tacotron2", "compute", doubtful("accuracy")),
    Row("wave_mlp", doubtful=doubtful("accuracy")),
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
    (entry,) = (entry for entry in entries if TABLE in entry.source)
    return entry


def printed(entry: Baseline) -> str:
    """The row of the table, from its entry alone."""
    model = entry.source.removeprefix(TABLE)
    target = re.match('Target as published: "([^"]+)"', entry.note)
    assert target is not None, entry.source
    configuration = f"{entry.software},bs:{entry.batch_size},{entry.cards}x,{entry.precision}"
    assert set(entry.figures) == set(COLUMNS)
    figures = [(entry.figures[column], column in ("power", "memory")) for column in COLUMNS]
    assert all(figure.card0 == of_card for figure, of_card in figures)
    texts = [f"{figure.text}*{entry.cards}" if of_card else figure.text for figure, of_card in figures]
    return " | ".join([model, target[1], configuration, *texts])


def test_the_table_prints_back_as_published() -> None:
    assert [printed(published(row)) for row in ROWS] == PRINTED.strip().splitlines()


@EACH
def test_the_row_says_where_it_is_from_and_what_its_numbers_are(row: Row) -> None:
    entry = published(row)
    assert (entry.vendor, entry.card, entry.nodes, entry.cards) == ("iluvatar", "bi-v100", 1, 8)
    assert (entry.origin, entry.date, entry.data, entry.quick) == ("published", "2024-12", "real", False)
    assert (entry.speed_kind, entry.batch_scope) == (row.speed_kind, "job" if row.of_job else "card")


@EACH
def test_what_is_doubtful_in_the_row_is_disputed_with_the_reason(row: Row) -> None:
    entry = published(row)
    assert set(entry.disputed) == row.doubtful
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
