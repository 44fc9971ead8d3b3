"""Images of a data set in folders: train/<class>/*.JPEG and val/<class>/*.JPEG, as ImageNet comes."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, PILToTensor, RandomHorizontalFlip, RandomResizedCrop, Resize

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

ENLARGED = 256 / 224  # the edge that an image is resized to before its centre is taken


def image_folders(root: Path, run: Run, *, batch_size: int, size: int = 224, workers: int = 8) -> tuple[Stored, int]:
    """A source of images (B x 3 x size x size, uint8, channels last) and labels; and the number of classes."""
    cropped = Compose([RandomResizedCrop(size), RandomHorizontalFlip(), PILToTensor()])
    centred = Compose([Resize(round(ENLARGED * size)), CenterCrop(size), PILToTensor()])
    images, held_out = ImageFolder(root / "train", cropped), ImageFolder(root / "val", centred)
    stored = Stored(run, images, held_out, batch_size=batch_size, workers=workers, collate=together)
    return stored, len(images.classes)


def together(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of samples, channels last."""
    images = torch.stack([image for image, _ in samples]).contiguous(memory_format=torch.channels_last)
    return images, torch.tensor([label for _, label in samples])
