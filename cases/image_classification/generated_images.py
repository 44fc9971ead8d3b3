"""Images that no disk holds: random noise on a pattern that tells the class, made on the card batch by batch.

Every class has a pattern of 4x4 coloured cells, half of them brighter by BRIGHTER. All else of a pixel is random: no
image comes twice, and the matrix units are fed what real images feed them. Whoever averages a cell sees its brightness,
so a classifier that knows the patterns is never wrong: the ceiling is 100 %.
"""

from __future__ import annotations

import torch

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

CELLS = 4  # an edge
BRIGHTER = 96  # of 256


def patterns(classes: int) -> torch.Tensor:
    """What each class adds to its cells (classes x 4 x 4 x 3, uint8): the same on every device and under every seed."""
    generator = torch.Generator().manual_seed(1)
    return BRIGHTER * torch.randint(0, 2, (classes, CELLS, CELLS, 3), dtype=torch.uint8, generator=generator)


class GeneratedImages(Generated):
    """A source of generated batches: images (B x 3 x size x size, uint8, channels last) and labels."""

    name = "patterns-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        classes: int = 1000,
        size: int = 224,
        training_samples: int = 1_281_167,
        evaluation_samples: int = 50_000,
    ) -> None:
        """Raises ValueError for a size that the cells do not divide."""
        if size % CELLS:
            raise ValueError(f"generated images are whole cells: {size} pixels are no multiple of {CELLS}")
        count = {"training_samples": training_samples, "evaluation_samples": evaluation_samples}
        super().__init__(run, batch_size=batch_size, **count)
        self._classes, self._size = classes, size
        self._patterns = patterns(classes).to(run.device)

    def made(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and labels."""
        size, device = self._size, self.device
        labels = torch.randint(0, self._classes, (count,), generator=generator, device=device)
        shape = (count, CELLS, size // CELLS, CELLS, size // CELLS, 3)
        images = torch.randint(0, 256 - BRIGHTER, shape, dtype=torch.uint8, generator=generator, device=device)
        images += self._patterns[labels].view(count, CELLS, 1, CELLS, 1, 3)
        return images.view(count, size, size, 3).permute(0, 3, 1, 2), labels
