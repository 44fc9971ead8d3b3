"""The generated images of image classification. What all generated batches have: tests/training/test_batches.py."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with imported("image_classification", "generated_images") as (found,):
        yield found


@pytest.fixture(scope="module")
def generated(module: ModuleType) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        options = {"batch_size": 4, "size": 32, "training_samples": 40, "evaluation_samples": 120, **changes}
        return module.GeneratedImages(alone(rank, world_size, seed), **options)

    return make


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
    one = torch.cat([part for part, _ in generated().evaluation()]).flatten(1).unique(dim=0)
    assert len(images) == 120
    assert torch.equal(images, one)


def test_whoever_knows_the_patterns_is_never_wrong(generated: Any, module: ModuleType) -> None:
    """The ceiling, of 1000 classes, on images far smaller than those that are trained on."""
    patterns = module.patterns(1000).float().flatten(1)
    assert len(patterns.unique(dim=0)) == 1000
    for images, labels in generated(evaluation_samples=500).evaluation():
        cells = torch.nn.functional.avg_pool2d(images.float(), 8).permute(0, 2, 3, 1).flatten(1)
        assert torch.equal(torch.cdist(cells, patterns + cells.mean() - patterns.mean()).argmin(1), labels)


def test_noise_alone_says_nothing_of_the_class(generated: Any) -> None:
    """Labels are as likely as each other: whoever guesses is right in one of four."""
    labels = torch.cat([labels for _, labels in generated(classes=4, training_samples=400).training(0)])
    assert torch.bincount(labels, minlength=4).min() > 70


def test_a_size_that_is_no_whole_cells_is_refused(generated: Any) -> None:
    with pytest.raises(ValueError, match="30 pixels are no multiple of 4"):
        generated(size=30)
