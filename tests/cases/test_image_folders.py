"""Images in folders, as ImageNet comes: read, changed, and trained on by ResNet-50."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, run_here, told

torch = pytest.importorskip("torch")
needs("torchvision")


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with imported("image_classification", "image_folders") as (found,):
        yield found


@pytest.fixture
def images_in_folders(tmp_path: Path) -> Path:
    """Two classes with five images each, once to train on and once to evaluate."""
    from PIL import Image

    for part in ("train", "val"):
        for number, name in enumerate(("n01", "n02")):
            (tmp_path / "imagenet" / part / name).mkdir(parents=True)
            for index in range(5):
                image = Image.new("RGB", (40 + index, 36), (40 * index, 100 * number, 50))
                image.save(tmp_path / "imagenet" / part / name / f"{index}.JPEG")
    return tmp_path / "imagenet"


def test_ranks_share_images_in_folders_and_evaluate_each_once(module: ModuleType, images_in_folders: Path) -> None:
    given = [
        module.image_folders(images_in_folders, alone(rank, 3), batch_size=2, size=32, workers=0) for rank in range(3)
    ]
    assert {(images.steps, classes) for images, classes in given} == {(1, 2)}
    asked = [labels for images, _ in given for _, labels in images.evaluation()]
    assert sorted(torch.cat(asked).tolist()) == [0] * 5 + [1] * 5
    batch, _ = next(given[0][0].training(0))
    assert (batch.shape, batch.dtype) == ((2, 3, 32, 32), torch.uint8)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_images_are_changed_where_the_recipe_says_so(module: ModuleType, images_in_folders: Path) -> None:
    """Without a change every pixel of such an image is the same."""

    def colours(**changes: Any) -> list[int]:
        torch.manual_seed(1)
        sizes = {"batch_size": 10, "size": 32, "workers": 0}
        images, _ = module.image_folders(images_in_folders, alone(), **sizes, **changes)
        batch, _ = next(images.training(0))
        return [len(image.flatten(1).unique(dim=1).T) for image in batch]

    assert max(colours()) <= 4  # JPEG's rounding
    assert sum(count > 20 for count in colours(erasing=1.0)) == 10
    assert 2 <= sum(count > 20 for count in colours(erasing=0.5)) <= 8
    assert colours(magnitude=27) != colours()


def test_each_of_two_changes_is_made_to_half_of_the_images(
    module: ModuleType, images_in_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the authors' library: a quarter of the images stays as it is."""
    made = []
    monkeypatch.setattr(module.RandAugment, "forward", lambda change, image: made.append(change.num_ops) or image)
    torch.manual_seed(1)
    images, _ = module.image_folders(images_in_folders, alone(), batch_size=10, size=32, workers=0, magnitude=27)
    for epoch in range(20):
        list(images.training(epoch))
    assert set(made) == {1}
    assert 160 < len(made) < 240  # of 2 x 20 x 10


def test_repeats_are_versions_of_the_same_images(module: ModuleType, images_in_folders: Path) -> None:
    sizes = {"batch_size": 10, "size": 32, "workers": 0}
    images, _ = module.image_folders(images_in_folders, alone(), repeats=10, **sizes)
    assert len(next(images.training(0))[1].unique()) == 1


def test_repeats_do_not_lie_beside_each_other(module: ModuleType) -> None:
    """Mixing blends an image with its neighbour: of 96 images, each there three times, few are the neighbour's."""
    torch.manual_seed(1)
    _, labels = module.together([(torch.zeros(3, 2, 2), label // 3) for label in range(96)])
    assert torch.bincount(labels).tolist() == [3] * 32
    assert (labels == labels.roll(1)).sum() < 10


def test_too_few_images_for_a_step_are_said_in_one_line(
    images_in_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(images_in_folders), "--batch-size=11", "--workers=0", "--size=32"]
    settings = told(data=images_in_folders, batch_size=11)
    with pytest.raises(SystemExit, match=r"train.py: the data set has 10 samples to train on: no step of 1 card"):
        run_here("image_classification", arguments, settings, tmp_path, monkeypatch, capsys)


def test_a_folder_that_is_missing_or_differs_is_named(module: ModuleType, images_in_folders: Path) -> None:
    def refused() -> str:
        with pytest.raises(SystemExit) as error:
            module.image_folders(images_in_folders, alone(), batch_size=2, workers=0)
        return str(error.value)

    (images_in_folders / "val" / "n02").rename(images_in_folders / "val" / "n03")
    assert "differ in their classes: n02 is in one of them alone" in refused()
    (images_in_folders / "val").rename(images_in_folders / "validation")
    assert f"--data: {images_in_folders / 'val'} has to hold a folder of images for each class" in refused()


def test_a_file_that_is_no_image_is_named(module: ModuleType, images_in_folders: Path) -> None:
    path = images_in_folders / "val" / "n01" / "0.JPEG"
    path.write_bytes(path.read_bytes()[:200])
    images, _ = module.image_folders(images_in_folders, alone(), batch_size=10, size=32, workers=0)
    with pytest.raises(OSError, match=f"{path} is no image that can be read"):
        list(images.evaluation())


def test_images_in_folders_are_trained_on_and_evaluated(
    images_in_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", "resnet50", "--data", str(images_in_folders), "--precision", "amp-bf16", "--workers", "1"]
    arguments += ["--batch-size", "2", "--size", "32", "--epochs", "1"]
    settings = told(data=images_in_folders, precision="amp-bf16")
    seen = run_here("image_classification", arguments, settings, tmp_path, monkeypatch, capsys)
    found = {event.kind: event for event in seen}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert found["start"].versions["compile"] is False
    assert found["start"].precision_probe == {"matmul": 8, "convolution": 8}
    assert (found["evaluation"].samples, found["segment"].samples) == (10, 2)
    assert found["end"].status == "target_missed"
