"""Published figures: each as published, with source, date and software; and each judges what it was measured for.

`published_figures.txt` has every published entry a second time, so that a lost digit, source or dispute shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import BETTER, DIMENSIONS, PRECISIONS, UNITS, Dimension
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.matching import match
from pytest_sixdim.core.results import DimensionResult, Measured, Measurements
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

CASES = Path(__file__).parents[2] / "cases"
WRITTEN = Path(__file__).with_name("published_figures.txt").read_text(encoding="utf-8").splitlines()
FILES = sorted(CASES.glob("**/*.baselines.yaml"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".baselines.yaml"))


@cache
def cards() -> dict[str, list[str]]:
    """The ids of each vendor's cards."""
    return {name: [card.id for card in load_vendor(path).cards] for name, path in builtin_vendors().items()}


@cache
def loaded(path: Path) -> tuple[Case, tuple[Baseline, ...]]:
    case_path = path.with_name(path.name.replace(".baselines.", ".case."))
    assert baselines_path(case_path) == path
    case = load_case(case_path, list(builtin_vendors()))
    return case, load_baselines(path, case)


def published(path: Path) -> list[Baseline]:
    return [entry for entry in loaded(path)[1] if entry.origin == "published"]


def of(name: str, source: str) -> Baseline:
    """The entry of a case whose source ends so."""
    (path,) = (path for path in FILES if path.name == f"{name}.baselines.yaml")
    (entry,) = (entry for entry in published(path) if entry.source.endswith(source))
    return entry


def line(case: Case, entry: Baseline) -> str:
    """An entry with all that it states but its note."""
    kind = entry.speed_kind or "unknown"
    parts = [
        f"{name} {figure.text} {kind if name == 'speed' else figure.unit}".strip() + " of card 0" * figure.card0
        for name, figure in entry.figures.items()
    ]
    where = f"{entry.card} {entry.nodes}x{entry.cards} {entry.precision} {entry.batch_size} a {entry.batch_scope}"
    disputed = f" (disputed: {', '.join(entry.disputed)})" if entry.disputed else ""
    return f"{case.name} | {where} | {', '.join(parts)}{disputed} | {entry.software} | {entry.date} | {entry.source}"


def alike(entry: Baseline, case: Case) -> Configuration | None:
    """A configuration that the entry matches; None where nothing can be."""
    if entry.precision not in PRECISIONS or entry.card not in cards()[entry.vendor]:
        return None
    key = {"vendor": entry.vendor, "precision": entry.precision, "nodes": entry.nodes, "cards": entry.cards}
    return replace(case.configurations[0], **key, batch_size=int(entry.card_batch_size), tag=None)  # type: ignore[arg-type]


def judged(case: Case, entry: Baseline, configuration: Configuration, dimension: Dimension) -> DimensionResult:
    """The verdict on a run a hundred times as bad as the entry."""
    figure = entry.figures[dimension]
    worse = 0.01 if BETTER[dimension] == "higher" else 100.0
    value = float(figure.text) * worse
    detail = {"seconds": {"train": 1.0}, "card0_watts": value, "card0_gib": value, "planned": 5}
    unit = figure.unit if dimension == "accuracy" else UNITS[dimension]
    found = {dimension: Measured(unit, value, detail=detail)}
    return judge(dimension, case, configuration, Measurements(found, entry.card, "real", quick=False), entry)


def disputes() -> Iterator[tuple[Path, Baseline, Dimension]]:
    for path in FILES:
        for entry in published(path):
            for dimension in DIMENSIONS:
                also = dimension == "accuracy" and "target" in entry.disputed
                if dimension in entry.figures and (dimension in entry.disputed or also):
                    yield path, entry, dimension


def test_every_entry_stands_as_it_was_written_down() -> None:
    assert [line(loaded(path)[0], entry) for path in FILES for entry in published(path)] == WRITTEN


@EACH
def test_every_entry_says_where_it_comes_from(path: Path) -> None:
    for entry in loaded(path)[1]:
        assert entry.source, entry
        assert entry.date, entry.source
        assert entry.software or "software" in entry.note, entry.source
        assert entry.figures, entry.source


@EACH
def test_every_card_is_one_of_its_vendors_profile(path: Path) -> None:
    for entry in loaded(path)[1]:
        assert entry.card in cards()[entry.vendor], entry.source


@EACH
def test_what_is_computed_says_so(path: Path) -> None:
    """DeepSpark publishes its linearity; that of FlagPerf and NVIDIA is computed from their speeds."""
    for entry in published(path):
        computed = "linearity" in entry.figures and not entry.source.startswith("Deep-Spark/")
        assert ("computed from" in entry.note) == computed, entry.source


@EACH
def test_a_precision_that_does_not_say_which_matches_nothing(path: Path) -> None:
    case, entries = loaded(path)
    for configuration in case.configurations:
        for precision in PRECISIONS:
            ours = replace(configuration, precision=precision)
            for card in cards()[configuration.vendor]:
                found = match(entries, ours, Measurements({}, card, "real", quick=False)).baseline
                assert found is None or found.precision == precision


def test_a_disputed_figure_is_never_judged() -> None:
    seen = 0
    for path, entry, dimension in disputes():
        case, _ = loaded(path)
        configuration = alike(entry, case) or case.configurations[0]
        result = judged(case, entry, configuration, dimension)
        assert (result.verdict, result.score) == ("unjudged", None), (entry.source, dimension, result.reason)
        assert len(result.detail["disputed"]) > 10
        seen += 1
    assert seen >= 40


@EACH
def test_a_figure_that_is_not_disputed_and_has_a_unit_judges_its_own_configuration(path: Path) -> None:
    """So that the tests beside it cannot pass on nothing; accuracy is judged by the case's target."""
    case, entries = loaded(path)
    for entry in entries:
        configuration = alike(entry, case)
        for name, figure in entry.figures.items():
            unknown = figure.value is None or (name == "speed" and entry.speed_kind is None)
            if configuration is None or unknown or name in ("accuracy", "power", "stability") or name in entry.disputed:
                continue
            kind = entry.speed_kind if name == "speed" else None
            if kind in (None, "train"):
                assert judged(case, entry, configuration, name).verdict == "fail", (entry.source, name)


#: Case, end of the source: what an engineer must be told before being compared with it.
CAVEATS = [
    ("resnet50", "nvidia/resnet50-pytorch/README.md:49", "published as fp32, which is TF32"),
    ("resnet50", "nvidia/resnet50-pytorch/README.md:50", "accuracy misses its target"),
    ("resnet50", "nvidia/resnet50-pytorch/README.md:52", "linearity, of nodes,"),
    ("resnet50", "nvidia/resnet50-pytorch/README.md:53", "which amp is not said"),
    ("resnet50", "nvidia/resnet50-pytorch/README.md:54", "accuracy misses its target"),
    ("resnet50", "nvidia/resnet50-tensorflow2/README.md:46", "published as fp32, which is TF32"),
    ("resnet50", "metax/resnet50-pytorch/README.md:43", "published as fp32, with METAX_USE_TF32=1"),
    ("resnet50", "mthreads/resnet50-pytorch/README.md:49", "whether the matrix units are fed TF32 is not said"),
    ("bert_large", "kunlunxin/bert-pytorch/README.md:47", "gradients of 7 steps are added up"),
    ("bert_large", "nvidia/bert-pytorch/README.md:43", "accuracy published as 71.3 %"),
    ("cpm", "metax/cpm-pytorch/README.md:49", "batch size from config_C500x2x8py"),
    ("cpm", "nvidia/cpm-pytorch/README.md:50", "accuracy misses its target"),
    ("tacotron2", "nvidia/tacotron2-pytorch/README.md:46", "p_train 265661 mels/s"),
    ("fairmot", "FairMOT", "one process drives them"),
    ("dlrm", "DLRM", "2048 is the global batch"),
    ("yolov5", "YOLOv5", "128 is the batch of all cards"),
    ("ngp_nerf", "ngp-nerf", "batch size 4, 1 card, fp32, speed 10"),
    ("ngp_nerf", "hashnerf/pytorch/README.md:70", "automatic mixed precision"),
    ("satrn", "satrn/pytorch/base/README.md:135", "are those of the configuration file"),
]


@pytest.mark.parametrize(("name", "source", "caveat"), CAVEATS, ids=lambda text: text.rpartition("/")[2])
def test_a_figure_comes_with_its_caveats(name: str, source: str, caveat: str) -> None:
    assert caveat in of(name, source).note


def test_what_another_amount_of_work_gave_judges_nothing() -> None:
    """Gradients exchanged once in many steps, padding left out, layers computed twice: not what these cases measure."""
    bert, cpm = (published(path) for path in FILES if path.name in ("bert_large.baselines.yaml", "cpm.baselines.yaml"))
    for entry in (entry for entry in bert if "DeepLearningExamples" in entry.source):
        assert "are added up" in entry.note
        assert ("linearity" in entry.figures) == ("linearity" in entry.disputed)
        assert entry.speed_kind is None
    for entry in (entry for entry in bert if "nvidia/bert-pytorch" in entry.source):
        assert {"speed", "memory"} <= set(entry.disputed)
    for entry in (entry for entry in cpm if "FlagPerf" in entry.source):
        assert {"speed", "memory"} & set(entry.figures) == set(entry.disputed)


def test_every_configuration_is_judged_by_what_was_measured_for_it() -> None:
    assert sorted(judging()) == sorted(JUDGED.strip().splitlines())


def judging() -> Iterator[str]:
    """Every configuration of the cases with the figures that judge it on real data, on every card that has some."""
    for path in FILES:
        case, entries = loaded(path)
        for ours in case.configurations:
            for card in cards()[ours.vendor]:
                measurements = Measurements({}, card, "real", quick=False)
                found = ((name, match(entries, ours, measurements, name).baseline) for name in DIMENSIONS)
                parts = [f"{name} {text}" for name, entry in found if (text := limiting(entry, name))]
                if parts:
                    tag = f" {ours.tag}" if ours.tag else ""
                    key = f"{case.name} {card} {ours.nodes}x{ours.cards} {ours.precision} {ours.batch_size}{tag}"
                    yield f"{key}: {', '.join(parts)}"


def limiting(entry: Baseline | None, name: Dimension) -> str | None:
    """The entry's figure that a limit starts from, None where there is none; accuracy's is the case's target."""
    if entry is None or name not in entry.figures or name in entry.disputed or name == "accuracy":
        return None
    known = entry.figures[name].value is not None and (name != "speed" or entry.speed_kind is not None)
    return entry.figures[name].text if known else None


JUDGED = """
resnet50 a100-sxm4-40gb 1x1 tf32 256: speed 795, memory 27.6
resnet50 a100-sxm4-40gb 1x8 tf32 256: speed 5866, memory 28.3, linearity 0.922
resnet50 a100-sxm4-80gb 1x8 tf32 256: linearity 0.9659
resnet50 a100-sxm4-80gb 1x8 amp-fp16 256: linearity 0.8411
resnet50 v100-sxm2-16gb 1x8 amp-fp16 256: linearity 0.8669
resnet50 v100-sxm2-32gb 1x8 amp-fp16 256: linearity 0.8711
resnet50 v100-sxm2-16gb 1x8 fp32 112: linearity 0.9724
resnet50 v100-sxm2-32gb 1x8 fp32 112: linearity 0.9712
resnet50 c500 1x1 tf32 256: memory 29.3
resnet50 mtt-s4000 1x8 fp32 256: memory 25.0
wave_mlp bi-v100 1x8 fp32 256: power 198, linearity 0.98, stability 1
bert_large r300 1x8 fp32 8: memory 26.5
fairmot bi-v100 1x8 fp32 8: power 132, linearity 0.97, stability 1
conformer bi-v100 1x8 fp32 32: power 113, linearity 0.82, stability 1
tacotron2 a100-sxm4-40gb 1x1 tf32 128: memory 35.2
tacotron2 a100-sxm4-40gb 1x8 tf32 128: memory 37.5, linearity 0.960
tacotron2 a100-sxm4-40gb 1x8 amp-fp16 128: linearity 0.9873
tacotron2 v100-sxm2-16gb 1x8 fp32 48: linearity 0.7999
tacotron2 v100-sxm2-16gb 1x8 amp-fp16 104: linearity 0.9049
tacotron2 bi-v100 1x1 tf32 96: memory 25.3
tacotron2 bi-v100 1x8 tf32 96: memory 28
tacotron2 r300 1x8 fp32 96: memory 26.3
tacotron2 r300 1x1 fp32 128: memory 30.5
satrn bi-v100 1x8 fp32 128: speed 630, power 166, linearity 0.98, stability 1
satrn bi-v100 1x8 fp32 64: speed 549.94
unet3d bi-v100 1x8 fp32 4: power 152, linearity 0.85, stability 1
"""
