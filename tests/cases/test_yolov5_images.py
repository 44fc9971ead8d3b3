"""The YOLOv5 case's images: those that the card makes, and those of a tiny data set that lies as COCO 2017 does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, run_here, told

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")
needs("torchvision", "pycocotools")


@pytest.fixture(scope="module")
def modules() -> Iterator[list[ModuleType]]:
    with imported("object_detection", "generated_objects", "train", "coco_images", "mosaics") as found:
        yield found


@pytest.fixture(scope="module")
def generated(modules: Any) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        options = {"batch_size": 2, "size": 64, "training_samples": 12, "evaluation_samples": 120, **changes}
        return modules[0].GeneratedObjects(alone(rank, world_size, seed), **options)

    return make


def test_generated_images_are_never_the_same_twice(generated: Any) -> None:
    batches = [images for rank in range(2) for epoch in range(2) for images, _ in generated(rank, 2).training(epoch)]
    images = torch.cat(batches).flatten(1)
    assert len(images) == len(torch.unique(images, dim=0)) == 2 * 2 * 3 * 2


def test_generated_images_are_those_of_their_seed(generated: Any) -> None:
    (first, targets), (again, targets_again) = next(generated().training(3)), next(generated().training(3))
    assert torch.equal(first, again)
    assert torch.equal(targets, targets_again)
    assert not torch.equal(first, next(generated(seed=2).training(3))[0])


@pytest.mark.parametrize("cards", [2, 3])
def test_each_evaluated_image_is_asked_once_whatever_the_cards(generated: Any, cards: int) -> None:
    parts = [images for rank in range(cards) for images, _ in generated(rank, cards, seed=cards).evaluation()]
    images = torch.cat(parts).flatten(1).unique(dim=0)
    alone = torch.cat([part for part, _ in generated().evaluation()]).flatten(1).unique(dim=0)
    assert len(images) == 120
    assert torch.equal(images, alone)


def test_generated_images_have_full_size_and_nearly_full_entropy(generated: Any) -> None:
    images, targets = next(generated(size=640).training(0))
    assert (images.shape, images.dtype, targets.shape) == ((2, 3, 640, 640), torch.uint8, (2, 16, 5))
    assert images.is_contiguous(memory_format=torch.channels_last)
    share = torch.bincount(images.flatten().long(), minlength=256) / images.numel()
    assert -(share[share > 0] * share[share > 0].log2()).sum() > 7.3  # bits of 8


def test_boxes_lie_within_the_image_and_never_overlap(generated: Any, modules: Any) -> None:
    from torchvision.ops import box_iou

    sizes = []
    for _, targets in generated(size=640, evaluation_samples=4).evaluation():
        for rows in targets:
            boxes = modules[1].found.__globals__["corners"](rows[rows[:, 0] >= 0, 1:])
            assert boxes.min() >= 0
            assert boxes.max() <= 640
            assert torch.equal(box_iou(boxes, boxes) > 0, torch.eye(len(boxes)) > 0)
            sizes += (boxes[:, 2:] - boxes[:, :2]).flatten().tolist()
    assert 16 <= min(sizes) < 30  # for each of the three heads
    assert 150 < max(sizes) <= 288


def known(images: Any, classes: Any) -> list[Any]:
    """What a simple eye that knows the rule sees in an image: boxes where the mean of 7x7 pixels is no background."""
    from scipy.ndimage import find_objects, label

    level = 79.5 + 48
    seen = torch.nn.functional.avg_pool2d(images.float(), 7, 1, 3, count_include_pad=False) - level
    marked = seen.abs().sum(1)[0] > 60
    marked = torch.nn.functional.max_pool2d(marked[None].float(), 7, 1, 3)[0]  # over the seams of the fields
    rows = []
    for down, across in find_objects(label(marked.numpy())[0]):
        # The window reaches three pixels beyond a box, and the seams' filling three more; less where it fades.
        top, bottom, left, right = down.start + 5, down.stop - 5, across.start + 5, across.stop - 5
        y, x = (top + bottom) // 2, (left + right) // 2
        quarters = [(slice(top, y), slice(left, x)), (slice(top, y), slice(x, right))]
        quarters += [(slice(y, bottom), slice(left, x)), (slice(y, bottom), slice(x, right))]
        means = torch.stack([images[0, :, one, other].float().mean((1, 2)) for one, other in quarters]) - 79.5
        kind = (classes.view(-1, 4, 3).float() - means).square().sum((1, 2)).argmin().item()
        rows.append([kind, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, 1.0])
    return [torch.tensor(rows)]


def test_whoever_knows_the_rule_finds_every_object(
    generated: Any, modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ceiling is 1. This eye takes two boxes that touch for one; the program judges what it sees."""
    pytest.importorskip("scipy")
    source = generated(size=640, evaluation_samples=6)
    source.evaluated_at_once = 1
    classes = modules[0].patterns(80)
    assert len(classes.flatten(1).unique(dim=0)) == 80
    monkeypatch.setattr(modules[1], "found", lambda images, _: known(images, classes))
    see = torch.nn.Identity()
    see.anchors = None
    value, samples = modules[1].evaluate(see, source, alone())
    assert value > 0.97
    assert samples == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 66}, "66 pixels are none of 4 cells an edge"),
        ({"cells": 3, "size": 96}, "96 pixels are none of 3 cells an edge"),
        ({"classes": 5000}, "1 to 4096 classes, not 5000"),
    ],
)
def test_what_cannot_be_made_is_refused(generated: Any, changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generated(**changes)


def coco(root: Path, count: int = 4) -> Path:
    """A data set of white boxes on black, with two categories, a crowd, and an image without any object."""
    from PIL import Image

    (root / "annotations").mkdir(parents=True)
    for part in ("train2017", "val2017"):
        (root / part).mkdir()
        images, boxes = [], []
        for number in range(1, count + 1):
            image = Image.new("RGB", (80, 60))
            if number > 1:
                image.paste((255, 255, 255), (20, 10, 60, 40))
                box = {"id": number, "image_id": number, "bbox": [20, 10, 40, 30], "area": 1200}
                boxes.append({**box, "category_id": 90 if number % 2 else 7, "iscrowd": int(number == 2)})
            image.save(root / part / f"{number:012}.jpg", quality=95)
            images.append({"id": number, "file_name": f"{number:012}.jpg", "width": 80, "height": 60})
        content = {"images": images, "annotations": boxes, "categories": [{"id": 7}, {"id": 90}]}
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))
    return root


def bounds(image: Any) -> list[float]:
    """The centre, width and height of what is bright in an image (3 x H x W)."""
    rows, columns = torch.nonzero(image.float().mean(0) > 180, as_tuple=True)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    return [float(value) for value in ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)]


def test_whole_images_are_evaluated_with_their_objects_where_they_are(modules: Any, tmp_path: Path) -> None:
    images, classes = modules[2].coco_images(coco(tmp_path), alone(), batch_size=2, size=160, workers=1)
    assert (classes, images.steps) == (2, 2)
    batches = [*images.training(0), *images.evaluation()]
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images, _ in batches)
    batches = batches[images.steps :]
    pictures, objects = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert (pictures.shape, objects.shape) == ((4, 3, 160, 160), (4, 1, 6))
    assert objects[:, 0, 0].tolist() == [-1, 0, 1, 0]
    assert objects[:, 0, 5].tolist() == [0, 1, 0, 0]
    assert pictures[0, :, 0, 0].tolist() == [114] * 3
    assert bounds(pictures[2]) == pytest.approx(objects[2, 0, 1:5].tolist(), abs=2)


def test_objects_of_a_mosaic_are_where_its_pixels_are(modules: Any) -> None:
    """One image with an object among three without."""
    from PIL import Image

    image = Image.new("RGB", (80, 60))
    image.paste((255, 255, 255), (20, 10, 60, 40))
    empty, none = Image.new("RGB", (60, 80)), np.zeros((0, 5), dtype=np.float32)
    parts = [(image, np.array([[1, 40, 25, 40, 30]], dtype=np.float32)), *[(empty, none)] * 3]
    seen = 0
    for seed in range(12):
        torch.manual_seed(seed)
        whole, objects = modules[3].flipped(*modules[3].mosaic(parts, 160))
        assert whole.size == (160, 160)
        for _, *box in objects.tolist():
            assert bounds(modules[2].pixels(whole)) == pytest.approx(box, abs=3)
            seen += 1
    assert seen > 4


def test_colours_change_and_white_keeps_its_hue(modules: Any) -> None:
    from PIL import Image

    torch.manual_seed(1)
    grey = np.array(modules[3].changed_colours(Image.new("RGB", (2, 2), (120, 120, 120))))
    assert len(np.unique(grey)) == 1
    assert 70 <= grey[0, 0, 0] <= 170


def test_what_is_missing_or_broken_is_named(modules: Any, tmp_path: Path) -> None:
    root = coco(tmp_path / "coco2017")
    options = {"batch_size": 2, "size": 64, "workers": 0}
    with pytest.raises(SystemExit, match="coco2017: the data set has 4 samples to train on"):
        modules[2].coco_images(root, alone(), **{**options, "batch_size": 5})
    (root / "train2017" / "000000000003.jpg").write_text("no image")
    images, _ = modules[2].coco_images(root, alone(), batch_size=4, size=64, workers=1)
    with pytest.raises(ValueError, match=r"train2017/000000000003.jpg: cannot identify"):
        list(images.training(0))
    other = json.loads((root / "annotations" / "instances_val2017.json").read_text())
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(other).replace("90", "91"))
    with pytest.raises(SystemExit, match=r"annotations: the two parts differ in their categories \(2 to train on, 2"):
        modules[2].coco_images(root, alone(), **options)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(other))
    (root / "val2017" / "000000000001.jpg").unlink()
    with pytest.raises(SystemExit, match=r"val2017/000000000001.jpg: missing, but .*instances_val2017.json names it"):
        modules[2].coco_images(root, alone(), **options)
    (root / "annotations" / "instances_train2017.json").write_text("{")
    with pytest.raises(SystemExit, match=r"instances_train2017.json: not COCO's instances"):
        modules[2].coco_images(root, alone(), **options)
    (root / "annotations" / "instances_train2017.json").unlink()
    with pytest.raises(SystemExit, match=r"instances_train2017.json: No such file"):
        modules[2].coco_images(root, alone(), **options)


def test_a_data_set_as_coco_comes_is_trained_on_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = coco(tmp_path / "coco2017")
    options = f"--data {root} --size 64 --depth 0.3 --width 0.25 --batch-size 2 --epochs 1 --workers 1"
    seen = run_here("object_detection", options.split(), told(data=root), tmp_path, monkeypatch, capsys)
    found = {event.kind: event for event in seen}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert (found["evaluation"].samples, found["segment"].samples) == (4, 2)
