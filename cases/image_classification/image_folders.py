"""Images of a data set in folders: train/<class>/*.JPEG and val/<class>/*.JPEG, as ImageNet comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, PILToTensor, RandomHorizontalFlip, RandomResizedCrop, Resize

ENLARGED = 256 / 224  # the edge that an image is resized to before its centre is taken


class ImageFolders:
    """A source of batches from disk: images (B x 3 x size x size, uint8, channels last) and labels, on the device.

    `workers` decode for each card; they live as long as the training does.
    """

    def __init__(
        self,
        root: Path,
        device: torch.device,
        *,
        seed: int,
        rank: int,
        world_size: int,
        batch_size: int,
        size: int = 224,
        workers: int = 8,
    ) -> None:
        cropped = Compose([RandomResizedCrop(size), RandomHorizontalFlip(), PILToTensor()])
        centred = Compose([Resize(round(ENLARGED * size)), CenterCrop(size), PILToTensor()])
        images, held_out = ImageFolder(root / "train", cropped), ImageFolder(root / "val", centred)
        self.classes = len(images.classes)
        self._device = device
        self._sampler = DistributedSampler(images, world_size, rank, seed=seed, drop_last=True)
        options: dict[str, Any] = {
            "batch_size": batch_size,
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": device.type != "cpu",
            "collate_fn": together,
            # Ranks crop alike only by chance.
            "generator": torch.Generator().manual_seed(1000 * seed + rank),
        }
        self._loader = DataLoader(images, sampler=self._sampler, drop_last=True, **options)
        self._held_out = DataLoader(Subset(held_out, range(rank, len(held_out), world_size)), **options)
        self.steps = len(self._loader)  # of an epoch

    def training(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """This rank's batches of an epoch (from 0); what does not fill a batch on every rank is left out."""
        self._sampler.set_epoch(epoch)
        return ahead(self._loader, self._device)

    def evaluation(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """This rank's part of the images that are evaluated: all ranks together have each of them once."""
        return ahead(self._held_out, self._device)


def together(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of samples, channels last."""
    images = torch.stack([image for image, _ in samples]).contiguous(memory_format=torch.channels_last)
    return images, torch.tensor([label for _, label in samples])


def ahead(
    loader: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The loader's batches on the device, each copied on a stream of its own while the one before is trained on."""
    if device.type == "cpu":
        yield from loader
        return
    accelerator = getattr(torch, device.type)
    stream, batches = accelerator.Stream(), iter(loader)

    def copied() -> tuple[torch.Tensor, ...] | None:
        batch = next(batches, None)
        with accelerator.stream(stream):
            return None if batch is None else tuple(part.to(device, non_blocking=True) for part in batch)

    following = copied()
    while following is not None:
        current = accelerator.current_stream()
        current.wait_stream(stream)
        for part in following:
            part.record_stream(current)
        images, labels = following
        yield images, labels
        following = copied()
