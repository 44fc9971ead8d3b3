"""Images that no disk holds: patterned boxes on random noise, made on the card batch by batch.

An image is a square of cells, and each block of 2x2 of them is one large cell in half of the cases. A cell holds a box
in three of four cases, anywhere in it; boxes never overlap. All pixels are random within 160 levels of 256. The
background lies 48 above the darkest; a box is 2x2 fields, each of their colours 48 above it or 48 below, which
tells the class. Whoever averages neighbouring pixels sees every box and its class: the ceiling of mAP@0.5 is 1. Whoever
answers at random finds nothing: about 0.
"""

from __future__ import annotations

import torch

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

NOISE, STEP = 160, 48  # of 256
THERE = 0.75


def patterns(classes: int) -> torch.Tensor:
    """What each class adds to its 2x2 fields (classes x 2 x 2 x 3, uint8): no two add the same."""
    generator = torch.Generator().manual_seed(1)
    numbers = torch.randperm(2**12, generator=generator)[:classes]
    return 2 * STEP * (numbers[:, None] >> torch.arange(12) & 1).view(classes, 2, 2, 3).to(torch.uint8)


class GeneratedObjects(Generated):
    """A source of images (B x 3 x size x size, uint8, channels last) and targets (B x M x 5: class or -1, box).

    M is the number of cells; a target of class -1 is none.
    """

    name = "boxes-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        classes: int = 80,
        size: int = 640,
        cells: int = 4,
        smallest: float = 0.1,
        training_samples: int = 118_287,
        evaluation_samples: int = 5_000,
    ) -> None:
        """`cells` an edge; `smallest`: the least edge of a box as a share of its cell's (the largest is 0.9 of it).

        Raises ValueError where the cells come in no blocks of 2x2, do not divide the size, or have too many classes.
        """
        if cells % 2 or size % cells:
            raise ValueError(
                f"generated images are blocks of 2x2 cells: {size} pixels are none of {cells} cells an edge"
            )
        if not 0 < classes <= 2**12:
            raise ValueError(f"generated objects have 1 to 4096 classes, not {classes}")
        count = {"training_samples": training_samples, "evaluation_samples": evaluation_samples}
        super().__init__(run, batch_size=batch_size, **count)
        self._classes, self._size, self._cells, self._smallest = classes, size, cells, smallest
        self._patterns = patterns(classes).to(run.device)

    def made(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and targets."""
        targets, places = self._targets(count, generator)
        return self._images(targets, places, generator), targets.flatten(1, 2)

    def _random(self, *shape: int, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(shape, generator=generator, device=self.device)

    def _targets(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets by cell (count x cells x cells x 5), and where each cell's target stands (count x cells x cells)."""
        cells, edge, device = self._cells, self._size // self._cells, self.device
        large = self._random(count, cells // 2, cells // 2, generator=generator) < 0.5
        large = large.repeat_interleave(2, 1).repeat_interleave(2, 2)
        number = torch.arange(cells, device=device)
        first = number // 2 * 2  # of its block
        row = torch.where(large, first[:, None], number[:, None])
        column = torch.where(large, first, number)
        places = row * cells + column  # a large cell's target stands in the first of its four
        own = places == number[:, None] * cells + number
        room = torch.where(large, 2 * edge, edge)[..., None]
        shares = self._smallest * (0.9 / self._smallest) ** self._random(count, cells, cells, 2, generator=generator)
        sizes = (shares * room).round().clamp(min=2)
        start = (self._random(count, cells, cells, 2, generator=generator) * (room - sizes + 1)).floor()
        start = start + edge * torch.stack([column, row], -1)
        there = own & (self._random(count, cells, cells, generator=generator) < THERE)
        kind = torch.randint(0, self._classes, there.shape, generator=generator, device=device)
        kind = torch.where(there, kind, -1).float()
        return torch.cat([kind[..., None], start + sizes / 2, sizes], -1), places

    def _images(self, targets: torch.Tensor, places: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Noise, the background and the boxes; each pixel looks at its cell's target."""
        count, cells, edge, size = len(targets), self._cells, self._size // self._cells, self._size
        seen = targets.flatten(1, 2).gather(1, places.flatten(1)[..., None].expand(-1, -1, 5))
        kind, x, y, width, height = seen.view(count, cells, 1, cells, 1, 5).unbind(-1)
        line = torch.arange(size, device=self.device)
        across = (line.view(1, 1, 1, cells, edge) - x) / width + 0.5  # 0 to 1 within the box
        down = (line.view(1, cells, edge, 1, 1) - y) / height + 0.5
        inside = (kind >= 0) & (across >= 0) & (across < 1) & (down >= 0) & (down < 1)
        fields = ((kind.clamp(min=0) * 2 + (down >= 0.5)) * 2 + (across >= 0.5)).long()
        colours = torch.where(inside[..., None], self._patterns.view(-1, 3)[fields], STEP)
        shape = (count, size, size, 3)
        images = torch.randint(0, NOISE, shape, dtype=torch.uint8, generator=generator, device=self.device)
        return (images + colours.view(shape)).permute(0, 3, 1, 2)
