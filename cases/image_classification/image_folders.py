"""Images of a data set in folders: train/<class>/*.JPEG and val/<class>/*.JPEG, as ImageNet comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import (
    CenterCrop,
    Compose,
    PILToTensor,
    RandAugment,
    RandomApply,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
)

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

ENLARGED = 256 / 224  # the edge that an image is resized to before its centre is taken
GREY = [128, 128, 128]  # where a changed image has no pixels
#: Of a box that is erased: its share of the image, and its width by its height.
ERASED, ASPECTS = (0.02, 1 / 3), (0.3, 10 / 3)


def image_folders(
    root: Path,
    run: Run,
    *,
    batch_size: int,
    size: int = 224,
    workers: int = 8,
    magnitude: int | None = None,
    erasing: float = 0.0,
    repeats: int = 1,
) -> tuple[Stored, int]:
    """A source of images (B x 3 x size x size, uint8, channels last) and labels; and the number of classes.

    magnitude: of two random operations (RandAugment), 0 to 30, each done to every other image; none without. erasing:
    share of images with a box of noise. repeats: as `Stored` has it. Raises SystemExit where the folders are not as
    they should be.
    """
    changes: list[Callable[..., object]] = [RandomResizedCrop(size), RandomHorizontalFlip()]
    if magnitude is not None:
        changes += 2 * [RandomApply([RandAugment(num_ops=1, magnitude=magnitude, fill=GREY)])]
    changes.append(PILToTensor())
    if erasing:
        changes.append(Erased(erasing))
    centred = Compose([Resize(round(ENLARGED * size)), CenterCrop(size), PILToTensor()])
    images, held_out = folders(root / "train", Compose(changes)), folders(root / "val", centred)
    if images.classes != held_out.classes:
        only = sorted(set(images.classes) ^ set(held_out.classes))[0]
        raise SystemExit(f"--data: {root}/train and {root}/val differ in their classes: {only} is in one of them alone")
    options = {"batch_size": batch_size, "workers": workers, "repeats": repeats}
    return Stored(run, images, held_out, collate=together, **options), len(images.classes)


def folders(path: Path, transform: Compose) -> ImageFolder:
    """The images below a folder."""
    try:
        return ImageFolder(str(path), transform, loader=opened)
    except FileNotFoundError as error:
        raise SystemExit(f"--data: {path} has to hold a folder of images for each class: {error}") from None


def opened(path: str) -> Image.Image:
    """An image in RGB. Raises OSError that names the file where it is none."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise OSError(f"{path} is no image that can be read: {error}") from error


class Erased:
    """Puts random numbers into a random box of some images (Zhong et al., https://arxiv.org/abs/1708.04896)."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Returns the image (3 x H x W, uint8), changed in place."""
        if torch.rand(()) < self.share:
            top, left, height, width, _ = RandomErasing.get_params(image, ERASED, ASPECTS, [0.0])
            box = image[:, top : top + height, left : left + width]
            box.copy_(torch.randint(0, 256, box.shape, dtype=torch.uint8))
        return image


def together(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of samples, channels last, shuffled: mixing takes neighbours, which repeats of an image would be."""
    mixed = [samples[place] for place in torch.randperm(len(samples)).tolist()]
    images = torch.stack([image.permute(1, 2, 0) for image, _ in mixed]).permute(0, 3, 1, 2)  # one copy
    return images, torch.tensor([label for _, label in mixed])
