"""The ResNet-50 case: its model, its images, its training on one rank and on two. Everything here is small."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.training.conftest import events
from tests.training.programs import ROOT, TORCHRUN, launch

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

FOLDER = ROOT / "cases" / "image_classification"
PROGRAM = FOLDER / "resnet50.py"
CPU = torch.device("cpu")
SMALL = ["--size", "32", "--classes", "4", "--batch-size", "2", "--evaluation-images", "120", "--norm-momentum", "0.5"]


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    names = ("resnet50", "generated_images", "image_folders")
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("resnet50")
    sys.path.remove(str(FOLDER))
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(FOLDER / "resnet50.case.yaml", list(builtin_vendors()))


@pytest.fixture(scope="module")
def generated(program: ModuleType) -> Any:
    def make(rank: int = 0, world_size: int = 1, **changes: Any) -> Any:
        options = {"seed": 1, "batch_size": 4, "classes": 1000, "size": 32, "training_images": 40}
        options |= {"evaluation_images": 120, **changes}
        return program.GeneratedImages(CPU, rank=rank, world_size=world_size, **options)

    return make


def small(program: ModuleType) -> Any:
    torch.manual_seed(1)
    return program.network(4).to(memory_format=torch.channels_last)


def test_the_model_is_resnet50_of_version_1_5(program: ModuleType) -> None:
    with torch.device("meta"):
        model = program.network(1000)
    assert sum(parameter.numel() for parameter in model.parameters()) == 25_557_032
    blocks = [block for block in model.modules() if type(block).__name__ == "Bottleneck"]
    assert len(blocks) == 16
    strides = [(block.conv1.stride, block.conv2.stride) for block in blocks if block.stride > 1]
    assert strides == [((1, 1), (2, 2))] * 3  # 1.5: the 3x3 convolution strides, not the 1x1


def test_every_block_is_the_identity_at_first(program: ModuleType) -> None:
    blocks = [block for block in program.network(4).modules() if type(block).__name__ == "Bottleneck"]
    assert all(block.bn3.weight.abs().max() == 0 for block in blocks)


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(program: ModuleType, case: Case) -> None:
    """A multiplication with its addition is two; the backward pass is counted as two forward ones."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, image = program.network(1000), torch.empty(1, 3, 224, 224, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        model(image)
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_images_stay_channels_last_through_all_convolutions(program: ModuleType, generated: Any) -> None:
    model, seen = small(program), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: seen.append(output))
    images, _ = next(generated().training(0))
    model(images)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert len(seen) == 53
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in seen)


def test_the_card_makes_numbers_of_images(program: ModuleType) -> None:
    numbers = program.Normalised(torch.nn.Identity())(torch.tensor([[124, 116, 104]]).view(1, 3, 1, 1).byte())
    assert numbers.flatten().tolist() == pytest.approx([0.0056, -0.0049, 0.0082], abs=1e-4)


def test_generated_images_are_never_the_same_twice(generated: Any) -> None:
    batches = [images for rank in range(2) for epoch in range(2) for images, _ in generated(rank, 2).training(epoch)]
    images = torch.cat(batches).flatten(1)
    assert len(images) == 2 * 2 * 5 * 4
    assert len(torch.unique(images, dim=0)) == len(images)


def test_generated_images_are_those_of_their_seed(generated: Any) -> None:
    (first, labels), (again, labels_again) = next(generated().training(3)), next(generated().training(3))
    assert torch.equal(first, again)
    assert torch.equal(labels, labels_again)
    assert not torch.equal(first, next(generated(seed=2).training(3))[0])


def test_generated_images_have_full_size_and_all_but_full_entropy(generated: Any) -> None:
    images, labels = next(generated(size=224, batch_size=2).training(0))
    assert (images.shape, images.dtype, labels.shape) == ((2, 3, 224, 224), torch.uint8, (2,))
    share = torch.bincount(images.flatten().long(), minlength=256) / images.numel()
    assert -(share * share.log2()).sum() > 7.5  # bits of 8


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_each_evaluated_image_is_asked_once_whatever_the_cards(generated: Any, cards: int) -> None:
    parts = [images for rank in range(cards) for images, _ in generated(rank, cards, seed=cards).evaluation()]
    images = torch.cat(parts).flatten(1).unique(dim=0)
    alone = torch.cat([part for part, _ in generated().evaluation()]).flatten(1).unique(dim=0)
    assert len(images) == 120
    assert torch.equal(images, alone)


def test_whoever_knows_the_patterns_is_never_wrong(generated: Any, program: ModuleType) -> None:
    """The ceiling, of 1000 classes, on images far smaller than those that are trained on."""
    patterns = importlib.import_module("generated_images").patterns(1000).float().flatten(1)
    assert len(patterns.unique(dim=0)) == 1000
    for images, labels in generated(evaluation_images=500).evaluation():
        cells = torch.nn.functional.avg_pool2d(images.float(), 8).permute(0, 2, 3, 1).flatten(1)
        assert torch.equal(torch.cdist(cells, patterns + cells.mean() - patterns.mean()).argmin(1), labels)


def test_noise_alone_says_nothing_of_the_class(generated: Any) -> None:
    """Labels are as likely as each other, and no image is brighter for its label alone."""
    labels = torch.cat([labels for _, labels in generated(classes=4, training_images=400).training(0)])
    assert torch.bincount(labels, minlength=4).min() > 70


def test_a_size_that_is_no_whole_cells_is_refused(generated: Any) -> None:
    with pytest.raises(ValueError, match="30 pixels are no multiple of 4"):
        generated(size=30)


def test_the_learning_rate_warms_up_and_then_falls_along_a_cosine(program: ModuleType) -> None:
    rates = [program.learning_rate(epoch, 90, 5) for epoch in (0, 2.5, 5, 47.5, 90, 200)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 1e-4, 1e-4])


def test_biases_and_normalisation_do_not_decay(program: ModuleType) -> None:
    model = program.network(4)
    decaying, kept = program.optimiser(model, 0.9, 1e-4).param_groups
    assert (decaying["weight_decay"], kept["weight_decay"]) == (1e-4, 0)
    assert (len(decaying["params"]), len(kept["params"])) == (54, 107)
    assert decaying["fused"]


def test_a_first_step_that_the_scaler_skips_leaves_no_momentum(program: ModuleType) -> None:
    """torch's fused SGD alone would go on with the uninitialised memory that it took for its momentum."""
    model = torch.nn.Linear(64, 64, bias=False)
    before = model.weight.detach().clone()
    optimizer, scaler = program.optimiser(model, 0.9, 0.0), torch.amp.GradScaler("cpu")
    optimizer.param_groups[0]["lr"] = 0.5
    for gradient in (float("inf"), 1.0):
        scaler.scale((model.weight * gradient).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert torch.allclose(model.weight, before - 0.5)


def test_a_card_without_the_fused_kernel_gets_the_ordinary_one(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a card says so in the first step, not when the optimiser is made."""
    model = torch.nn.Linear(4, 4)

    def missing(*_: Any, **__: Any) -> None:
        raise NotImplementedError("Could not run 'aten::_fused_sgd_' with arguments from the 'PrivateUse1' backend")

    monkeypatch.setattr(torch, "_fused_sgd_", missing)
    optimizer = program.optimiser(model, 0.9, 0.0)
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    assert not optimizer.param_groups[0]["fused"]


def images_in_folders(root: Path, count: int, classes: tuple[str, ...] = ("n01", "n02")) -> None:
    from PIL import Image

    for part in ("train", "val"):
        for number, name in enumerate(classes):
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                image = Image.new("RGB", (40 + index, 36), (40 * index, 100 * number, 50))
                image.save(root / part / name / f"{index}.JPEG")


def test_ranks_share_images_in_folders_and_evaluate_each_once(program: ModuleType, tmp_path: Path) -> None:
    folders = importlib.import_module("image_folders")
    images_in_folders(tmp_path, count=5)
    shape = {"seed": 1, "world_size": 3, "batch_size": 2, "size": 32, "workers": 0}
    ranks = [folders.ImageFolders(tmp_path, CPU, rank=rank, **shape) for rank in range(3)]
    assert {images.steps for images in ranks} == {1}
    asked = [labels for images in ranks for _, labels in images.evaluation()]
    assert sorted(torch.cat(asked).tolist()) == [0] * 5 + [1] * 5
    sampled = [list(images._sampler)[:2] for images in ranks]
    assert len({index for part in sampled for index in part}) == 6
    ranks[0].training(1)
    batch, _ = next(ranks[0].training(0))
    assert (batch.shape, batch.dtype) == ((2, 3, 32, 32), torch.uint8)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_the_order_of_images_in_folders_changes_with_the_epoch(program: ModuleType, tmp_path: Path) -> None:
    images_in_folders(tmp_path, count=4)
    folders = importlib.import_module("image_folders")
    images = folders.ImageFolders(tmp_path, CPU, seed=1, rank=0, world_size=1, batch_size=8, size=32, workers=0)
    orders = []
    for epoch in (0, 1, 0):
        list(images.training(epoch))
        orders.append(list(images._sampler))
    assert orders[0] == orders[2] != orders[1]


def told(precision: str, data: str | None = None) -> dict[str, Any]:
    """What run.json says of a full run with three segments of a step each."""
    measure = {"warmup_steps": 2, "steady": False, "segment_steps": 1, "segment_seconds": 0, "segments": 3}
    return {
        "role": "full",
        "seed": 1,
        "measure": measure,
        "metric": {"name": "top1", "better": "higher", "target": 101.0},
        "data": {"kind": "generated" if data is None else "real", "path": data},
        "device": "cpu",
        "imports": [],
        "backend": "gloo",
        "precision": precision,
        "batch_size": 2,
        "amp": "torch.amp",
        "paths": {},
    }


def test_images_in_folders_are_trained_on_and_evaluated(tmp_path: Path) -> None:
    images_in_folders(tmp_path / "imagenet", count=3)
    run = told("amp-bf16", str(tmp_path / "imagenet"))
    more = ["--data", tmp_path / "imagenet", "--precision", "amp-bf16", "--workers", "1", "--epochs", "1"]
    result = launch([sys.executable, PROGRAM, *SMALL, *more], run, tmp_path)
    assert result.returncode == 0, result.stderr
    found = {event.kind: event for event in events(result.stdout)}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert found["start"].versions["compile"] is False
    assert found["start"].precision_probe == {"matmul": 8, "convolution": 8}
    assert found["evaluation"].samples == 6
    assert found["segment"].samples == 2
    assert found["end"].status == "target_missed"


WEIGHTS = """
import hashlib, importlib, json, os, sys
sys.path.insert(0, {folder!r})
import torch, resnet50

def evaluate(model, images, run, before=resnet50.evaluate):
    answer = before(model, images, run)
    text = b"".join(value.detach().numpy().tobytes() for value in model.state_dict().values())
    own = sum(len(labels) for _, labels in images.evaluation())
    with open(f"weights-{{run.rank}}.json", "w") as file:  # two ranks' lines may glue together in one pipe
        json.dump([run.rank, hashlib.sha256(text).hexdigest(), answer[1], own, answer[0]], file)
    return answer
resnet50.evaluate = evaluate
sys.argv[1:] = {arguments!r}
resnet50.main()
"""


def test_two_ranks_have_the_same_weights_and_evaluate_each_image_once(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(WEIGHTS.format(folder=str(FOLDER), arguments=[*SMALL, "--epoch-images", "20", "--epochs", "1"]))
    result = launch([*TORCHRUN, "--nproc-per-node=2", path], told("fp32"), tmp_path)
    assert result.returncode == 0, result.stderr
    said = [json.loads(file.read_text()) for file in tmp_path.glob("weights-*.json")]
    assert sorted(rank for rank, *_ in said) == [0, 1]
    assert len({digest for _, digest, *_ in said}) == 1
    assert [(asked, own) for _, _, asked, own, _ in sorted(said)] == [(120, 70), (120, 50)]
    assert len({value for *_, value in said}) == 1
    start = next(event for event in events(result.stdout) if event.kind == "start")
    assert (start.data, start.generator) == ("generated", "patterns-1")


def test_compiling_is_an_option_of_the_model(program: ModuleType) -> None:
    """What is evaluated stays the model itself."""
    model, alone = small(program), SimpleNamespace(world_size=1)
    assert program.distributed(model, alone, compiled=False) is model
    assert program.distributed(model, alone, compiled=True)._orig_mod is model


def test_running_means_of_two_ranks_become_one(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """evaluate() takes their mean, which DDP would otherwise take from rank 0 in every step."""
    model = torch.nn.BatchNorm2d(1)
    model.running_mean.fill_(2.0)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda buffer: buffer.add_(6.0))
    run: Any = SimpleNamespace(world_size=2, device=CPU, total=lambda value: value or 1)
    images: Any = SimpleNamespace(evaluation=lambda: [])
    program.evaluate(model, images, run)
    assert model.running_mean.item() == 4.0
    assert model.num_batches_tracked.item() == 0
