"""The YOLOv5 case: its model, its losses, what it finds and how that is judged, its training on one rank and on two."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, needs, run_on

torch = pytest.importorskip("torch")
needs("torchvision", "pycocotools")

from tests.cases.waiting import waiting  # noqa: E402 (torch)

PATH = CASES / "object_detection" / "yolov5.case.yaml"
SMALL = {"depth": 0.1, "width": 0.125, "size": 64, "norm_momentum": 0.2}


@pytest.fixture(scope="module")
def modules() -> Iterator[list[ModuleType]]:
    names = ("yolov5", "boxes", "losses", "found", "generated_objects", "train", "models")
    with imported("object_detection", *names) as found:
        yield found


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(PATH, list(builtin_vendors()))


def test_yolov5s_has_the_published_size_and_costs_what_the_case_says(modules: Any, case: Case) -> None:
    """A multiplication with its addition is two; the backward pass is counted as two forward ones."""
    from torch.utils.flop_counter import FlopCounterMode

    args = Namespace(depth=1.0, width=1.0, size=640, norm_momentum=0.03)
    with torch.device("meta"):
        model = modules[6].MODELS["yolov5s"](80, args)
        images = torch.empty(1, 3, 640, 640, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        maps = model(images)
    assert sum(weight.numel() for weight in model.parameters()) == 7_235_389
    assert [tuple(answers.shape) for answers in maps] == [(1, edge, edge, 3, 85) for edge in (80, 40, 20)]
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_the_first_answers_are_few_objects_of_any_class(modules: Any) -> None:
    model = modules[0].YOLOv5(80)
    biases = [head.bias.view(3, 85) for head in model.heads]
    assert [bias[:, 4].mean().sigmoid().item() * edge**2 for bias, edge in zip(biases, (80, 40, 20), strict=True)] == (
        pytest.approx([8] * 3, rel=0.3)
    )
    assert biases[0][:, 5:].mean().item() == pytest.approx(math.log(0.6 / 79), abs=0.1)


def test_answers_lie_in_memory_as_the_loss_reads_them(modules: Any) -> None:
    """Channels last all the way: the maps are views, and flattening them copies nothing."""
    model = modules[0].YOLOv5(4, **SMALL).to(memory_format=torch.channels_last)
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    maps = model(images)
    assert all(answers.is_contiguous() for answers in maps)
    assert [answers.shape[1] for answers in maps] == [8, 4, 2]


def test_an_answer_of_zeros_is_the_anchor_in_the_middle_of_its_cell(modules: Any) -> None:
    box = modules[1].decoded(torch.zeros(5), torch.tensor([3.0, 1.0]), torch.tensor([10.0, 13.0]), 8)
    assert box.tolist() == [28.0, 12.0, 10.0, 13.0]
    furthest = modules[1].decoded(torch.full((4,), 100.0), torch.zeros(2), torch.tensor([10.0, 13.0]), 8)
    assert furthest.tolist() == [12.0, 12.0, 40.0, 52.0]


@pytest.mark.parametrize(
    ("found", "value"),
    [
        ((0, 0, 4, 2), 1.0),
        ((2, 0, 4, 2), 1 / 3 - 4 / 40),  # half of it over: 4 of 12; centres 2 apart, 6 x 2 around both
        ((10, 0, 4, 2), -100 / 200),  # apart: 14 x 2 around both
        # Turned by 90 degrees: 4 of 12; one centre, shapes differ.
        ((0, 0, 2, 4), 1 / 3 - (v := 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2) ** 2 / (2 / 3 + v)),
    ],
)
def test_ciou_of_boxes_worked_by_hand(modules: Any, found: tuple[float, ...], value: float) -> None:
    answer = modules[1].ciou(torch.tensor([found]).float(), torch.tensor([[0.0, 0.0, 4.0, 2.0]]))
    assert answer.item() == pytest.approx(value, abs=1e-5)


def test_anchors_of_like_size_answer_in_the_objects_cell_and_the_two_nearest(modules: Any) -> None:
    """Of anchors of 10, 30 and 100 pixels an object of 30 x 35 fits two; the second target is none."""
    targets = torch.tensor([[[0.0, 22.0, 13.0, 30.0, 35.0], [-1.0, 0.0, 0.0, 0.0, 0.0]]])
    anchors = torch.tensor([[10.0, 10.0], [30.0, 30.0], [100.0, 200.0]])
    chosen = modules[2].assigned(targets, 4, 4, anchors, 8)
    answers = chosen.answers[0].bool()
    assert not answers[1].any()
    assert answers[0].any(-1).tolist() == [True, True, False]
    # The centre is at column 2.75, row 1.625: its cell, the one to the right and the one below.
    assert sorted(map(tuple, chosen.cells[0, 0, 1][answers[0, 1]].tolist())) == [(2, 1), (2, 2), (3, 1)]
    assert sorted(chosen.places[0, 0, 1][answers[0, 1]].tolist()) == [
        (row * 4 + column) * 3 + 1 for row, column in ((1, 2), (1, 3), (2, 2))
    ]


def test_no_cell_beyond_the_edge_answers(modules: Any) -> None:
    targets = torch.tensor([[[0.0, 1.0, 1.0, 10.0, 10.0]]])
    chosen = modules[2].assigned(targets, 4, 4, torch.full((3, 2), 10.0), 8)
    assert chosen.answers.sum() == 3  # the corner's cell, with three anchors


def test_right_answers_cost_less_than_wrong_ones(modules: Any) -> None:
    """Boxes, objects and classes each; without any object only the answers that claim one cost."""
    loss, anchors = modules[2].detection_loss, torch.tensor([[[32.0, 32.0]] * 3] * 3)
    targets = torch.tensor([[[1.0, 36.0, 36.0, 32.0, 32.0]]])
    maps = [torch.zeros(1, edge, edge, 3, 7) for edge in (8, 4, 2)]
    before = loss(maps, targets, anchors)
    classed = [answers + torch.tensor([0, 0, 0, 0, 0, -4.0, 4.0]) for answers in maps]
    assert loss(classed, targets, anchors) < before < loss([answers.flip(-1) for answers in classed], targets, anchors)
    larger = [answers + torch.tensor([0, 0, 2.0, 2.0, 0, 0, 0]) for answers in maps]
    assert loss(larger, targets, anchors) > before
    nothing = torch.tensor([[[-1.0, 0.0, 0.0, 0.0, 0.0]]])
    claims = [loss([answers + claim for answers in maps], nothing, anchors) for claim in (-5.0, 0.0)]
    assert claims[1].item() == pytest.approx((4 + 1 + 0.4) * math.log(2))
    assert claims[0] < 0.01 * claims[1]


def test_the_loss_of_two_images_is_the_mean_of_each_ones_object_loss(modules: Any) -> None:
    targets = torch.full((2, 3, 5), -1.0)
    maps = [torch.randn(2, edge, edge, 3, 7, generator=torch.Generator().manual_seed(1)) for edge in (8, 4, 2)]
    anchors = torch.ones(3, 3, 2)
    apart = [modules[2].detection_loss([a[[i]] for a in maps], targets[[i]], anchors) for i in range(2)]
    assert modules[2].detection_loss(maps, targets, anchors).item() == pytest.approx(sum(apart).item() / 2)


def test_of_answers_that_overlap_the_surest_of_a_class_is_given(modules: Any) -> None:
    """Two anchors of a cell say the same box: of one class once, of another class too."""
    maps = [torch.full((1, edge, edge, 3, 7), -20.0) for edge in (8, 4, 2)]
    maps[1][0, 1, 2, :2] = torch.tensor([[0, 0, 0, 0, 5.0, 5.0, -20.0], [0, 0, 0, 0, 5.0, 4.0, 3.0]])
    anchors = torch.full((3, 3, 2), 20.0)
    (objects,) = modules[3].found(maps, anchors)
    assert [row[0] for row in objects.tolist()] == [0, 1]
    assert objects[:, 1:5].tolist() == [[40.0, 24.0, 20.0, 20.0]] * 2
    sure = torch.tensor(5.0).sigmoid().item()
    assert objects[:, 5].tolist() == pytest.approx([sure * sure, sure * torch.tensor(3.0).sigmoid().item()])


@pytest.mark.parametrize(("overlap", "given"), [(0.62, 2), (0.68, 1)])
def test_answers_of_a_class_may_overlap_by_as_much_as_is_usual(modules: Any, overlap: float, given: int) -> None:
    """Two boxes of 20 x 20 pixels, one moved to the right."""
    maps = [torch.full((1, edge, edge, 3, 7), -20.0) for edge in (8, 4, 2)]
    moved = 20 * (1 - overlap) / (1 + overlap)
    maps[1][0, 1, 2, :2] = torch.tensor([[0, 0, 0, 0, 5.0, 5.0, -20.0], [0, 0, 0, 0, 4.0, 4.0, -20.0]])
    maps[1][0, 1, 2, 1, 0] = torch.tensor(0.5 + moved / 32).logit()
    (objects,) = modules[3].found(maps, torch.full((3, 3, 2), 20.0))
    assert len(objects) == given


TRUE = [[0, 0, 10, 10, 8, 8, 0], [1, 0, 10, 10, 8, 8, 0], [1, 1, 30, 30, 8, 8, 0]]


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ([[*row[:6], 0.9] for row in TRUE], 1.0),
        ([], 0.0),
        # Class 0: one of two found, and nothing wrong: recall up to 0.5 is 51 of 101 points. Class 1: none.
        ([[0, 0, 10, 10, 8, 8, 0.9]], 51 / 101 / 2),
        # Class 1: a wrong one is surer than the right one: precision 1/2 throughout. Class 0: none.
        ([[0, 1, 30, 30, 8, 8, 0.9], [1, 1, 30, 30, 8, 8, 0.5]], 0.5 / 2),
        # Moved by a third of its width, IoU is exactly 0.5, which counts; by more, it does not.
        ([[1, 1, 30 + 8 / 3, 30, 8, 8, 0.9]], 0.5),
        ([[1, 1, 33, 30, 8, 8, 0.9]], 0.0),
        # A class that no image has counts for nothing.
        ([[0, 2, 30, 30, 8, 8, 0.9], *([*row[:6], 0.5] for row in TRUE)], 1.0),
    ],
)
def test_map_of_answers_worked_by_hand(modules: Any, answers: list[list[float]], value: float) -> None:
    rows = torch.tensor(answers, dtype=torch.float64).reshape(-1, 7)
    assert modules[3].mean_average_precision(torch.tensor(TRUE).double(), rows) == pytest.approx(value)


def test_an_answer_to_a_crowd_is_neither_right_nor_wrong(modules: Any) -> None:
    crowd = torch.tensor([[0, 0, 50, 50, 20, 20, 1], *TRUE[:1]]).double()
    answers = torch.tensor([[0, 0, 50, 50, 20, 20, 0.9], [0, 0, 10, 10, 8, 8, 0.5]]).double()
    assert modules[3].mean_average_precision(crowd, answers) == pytest.approx(1.0)


def test_a_batch_can_be_learned_and_a_learning_rate_of_zero_learns_nothing(modules: Any) -> None:
    """The boxes, mostly: how much of an object an answer should claim grows as boxes get better."""
    options = {"batch_size": 8, "classes": 1, "size": 64, "cells": 2, "smallest": 0.5}
    source = modules[4].GeneratedObjects(alone(), **options, training_samples=8, evaluation_samples=8)
    batch = next(source.training(0))
    losses = learned(modules, batch, 2e-3)
    assert losses[-1] < 0.65 * losses[0]
    assert learned(modules, batch, 0.0, steps=4)[-1] == pytest.approx(losses[0], rel=0.05)


def test_nothing_in_a_step_waits_for_the_card(modules: Any) -> None:
    """What is copied once, before the first step, may."""
    options = {"batch_size": 2, "classes": 4, "size": 64, "cells": 2, "smallest": 0.5}
    batches = modules[4].GeneratedObjects(alone(), **options, training_samples=4, evaluation_samples=1).training(0)
    model = modules[0].YOLOv5(4, **SMALL)

    def step() -> None:
        images, targets = next(batches)
        modules[2].detection_loss(model(images), targets, model.anchors).backward()

    step()
    assert waiting(step) == []


def learned(modules: Any, batch: Any, rate: float, steps: int = 20) -> list[float]:
    """The losses of so many steps."""
    torch.manual_seed(1)
    model = modules[0].YOLOv5(1, **SMALL).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    said = []
    for _ in range(steps):
        loss = modules[2].detection_loss(model(batch[0]), batch[1], model.anchors, box_weight=1.0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        said.append(loss.item())
    return said


SIZES = "--size 64 --depth 0.3 --width 0.25 --classes 1 --cells 2 --smallest 0.8 --evaluation-samples 60 --workers 0"
TWICE = "--batch-size 2 --epoch-samples 12 --epochs 1 --average 0.9"
ARGUMENTS = [*SIZES.split(), *TWICE.split()]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, "object_detection", ARGUMENTS, tmp_path_factory.mktemp("yolov5"))


def test_two_ranks_find_what_one_finds_and_keep_the_same_weights(
    modules: Any, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of an untrained model are often equal, and their order is then the images'."""
    program, run = modules[5], alone()
    monkeypatch.setattr("sys.argv", ["train.py", *ARGUMENTS])
    args = program.arguments()
    images, classes = program.source(args, run)
    torch.manual_seed(1)
    model = modules[6].MODELS["yolov5s"](classes, args).to(memory_format=torch.channels_last).eval()
    with torch.no_grad():
        value, samples = program.evaluate(model, images, run)
    assert [rank["samples"] for rank in ended.ranks] == [samples] * 2 == [60] * 2
    assert value > 0.1  # of large boxes that anchors fit
    assert [rank["value"] for rank in ended.ranks] == pytest.approx([value] * 2, abs=5e-3)
    assert ended.ranks[0]["weights"] == ended.ranks[1]["weights"]
    assert ended.event("evaluation").samples == 60


def test_the_program_says_that_its_data_is_generated(ended: Ended) -> None:
    start = ended.event("start")
    assert (start.data, start.generator) == ("generated", "boxes-1")
    assert "torchvision" in start.versions


def test_a_size_of_no_whole_cells_is_refused(
    modules: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--size", "100"])
    with pytest.raises(SystemExit):
        modules[5].arguments()
    assert "--size 100: images have a multiple of 32 pixels an edge" in capsys.readouterr().err


def test_deepsparks_row_prints_back_as_published(case: Case) -> None:
    (row,) = load_baselines(baselines_path(PATH), case)
    assert {name: f"{figure.text} {figure.unit}".strip() for name, figure in row.figures.items()} == {
        "speed": "1228 samples/s",
        "accuracy": "0.56",
        "power": "140 W",
        "linearity": "0.92",
        "memory": "27.3 G",
        "stability": "1",
    }
    assert (row.vendor, row.card, row.cards, row.precision) == ("iluvatar", "bi-v100", 8, "amp")
    assert (row.batch_size, row.batch_scope) == (128, "job")
    (ours,) = (one for one in case.configurations if one.vendor == "iluvatar" and one.cards == 8)
    assert ours.batch_size * ours.cards == row.batch_size
