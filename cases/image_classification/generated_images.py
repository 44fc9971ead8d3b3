"""Images that no disk holds: random noise on a pattern that tells the class, made on the card batch by batch.

Every class has a pattern of 4x4 coloured cells, half of them brighter by BRIGHTER. All else of a pixel is random: no
image comes twice, and the matrix units are fed what real images feed them. Whoever averages a cell sees its brightness,
so a classifier that knows the patterns is never wrong: the ceiling is 100 %.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch

#: Results on generated data compare only with those of the same name and version.
GENERATOR = "patterns-1"
CELLS = 4  # an edge
BRIGHTER = 96  # of 256
EVALUATED_AT_ONCE = 50  # whatever the number of cards


def patterns(classes: int) -> torch.Tensor:
    """What each class adds to its cells (classes x 4 x 4 x 3, uint8): the same on every device and under every seed."""
    generator = torch.Generator().manual_seed(1)
    return BRIGHTER * torch.randint(0, 2, (classes, CELLS, CELLS, 3), dtype=torch.uint8, generator=generator)


class GeneratedImages:
    """A source of generated batches: images (B x 3 x size x size, uint8, channels last) and labels.

    `seed` gives the training images; those that are evaluated are the same in every run.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        seed: int,
        rank: int,
        world_size: int,
        batch_size: int,
        classes: int = 1000,
        size: int = 224,
        training_images: int = 1_281_167,
        evaluation_images: int = 50_000,
    ) -> None:
        """Raises ValueError for a size that the cells do not divide."""
        if size % CELLS:
            raise ValueError(f"generated images are whole cells: {size} pixels are no multiple of {CELLS}")
        self.classes = classes
        self.steps = training_images // (batch_size * world_size)  # of an epoch
        self._size, self._batch_size = size, batch_size
        self._rank, self._world_size = rank, world_size
        self._evaluation_images = evaluation_images
        self._patterns = patterns(classes).to(device)
        self._generator = torch.Generator(device)
        self._first = {name: _number(name) for name in ("evaluation", f"training {seed}")}
        self._training = f"training {seed}"

    def training(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """This rank's batches of an epoch (from 0): no other rank, step or epoch has the same."""
        for step in range(epoch * self.steps, (epoch + 1) * self.steps):
            yield self._made(self._training, step * self._world_size + self._rank, self._batch_size)

    def evaluation(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """This rank's part of the images that are evaluated: all ranks together have each of them once."""
        count = self._evaluation_images
        starts = range(0, count, EVALUATED_AT_ONCE)
        for block, start in list(enumerate(starts))[self._rank :: self._world_size]:
            yield self._made("evaluation", block, min(EVALUATED_AT_ONCE, count - start))

    def _made(self, stream: str, block: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch that its stream and its place there decide; nothing waits for the device."""
        generator, size = self._generator, self._size
        device = generator.device
        generator.manual_seed((self._first[stream] + block) % 2**63)
        labels = torch.randint(0, self.classes, (count,), generator=generator, device=device)
        shape = (count, CELLS, size // CELLS, CELLS, size // CELLS, 3)
        images = torch.randint(0, 256 - BRIGHTER, shape, dtype=torch.uint8, generator=generator, device=device)
        images += self._patterns[labels].view(count, CELLS, 1, CELLS, 1, 3)
        return images.view(count, size, size, 3).permute(0, 3, 1, 2), labels


def _number(stream: str) -> int:
    """Where a stream's seeds begin: its blocks count up from there, so that none has another's within 2^32 blocks."""
    return int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big")
