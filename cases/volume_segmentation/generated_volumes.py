"""Volumes that no disk holds: organs, each with a tumour, in noise, made on the card batch by batch.

Organs (ellipsoids) and tumours (balls in them) are made of whole cells of 4x4x4 voxels. A voxel is normal noise of
deviation 1, in an organ brighter by CONTRAST and in a tumour darker. Of voxels alone every eighth is taken for another
class; the mean of a cell has a deviation of 1/8, twelve of which lie between a class and the border to the next. So
whoever averages cells is always right, with a mean Dice of 1, and whoever sees background everywhere has 0. All that is
random has full entropy: no volume comes twice. Organs are as dense in a large volume as in a small one, so that windows
of it are like what is trained on.
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

CELL = 4  # voxels an edge
CONTRAST = 3  # in deviations of the noise
LARGE = 8  # cells an edge: in a smaller window a tumour may fall between cells
ORGANS = 4  # in a volume of the window's size
#: Half an axis of an organ, as a share of the window's edge.
LEAST, MOST = 0.2, 0.3


class GeneratedVolumes(Generated):
    """A source of generated batches: volumes (B x 1 x edge^3, float32) and labels (the same, uint8: 0, 1, 2)."""

    name = "organs-1"
    evaluated_at_once = 1

    def __init__(self, run: Run, *, edge: int, window: int, **count: Any) -> None:
        """`edge`: of the volumes, in voxels; `window`: that organs are made for. Raises ValueError for others."""
        if edge % CELL or edge < window or window < LARGE * CELL:
            text = f"generated volumes are whole cells of {CELL} voxels, no smaller than a window of {LARGE * CELL}"
            raise ValueError(f"{text} or more: an edge of {edge} and a window of {window} are not possible")
        super().__init__(run, **count)
        self._cells, self._scale = edge // CELL, window / CELL
        self._organs = round(ORGANS * (edge / window) ** 3)
        places = torch.arange(self._cells, device=run.device, dtype=torch.float32)
        self._places = torch.stack(torch.meshgrid(places, places, places, indexing="ij"))

    def made(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Volumes and labels; the border may cut organs, and where they overlap a tumour hides what else is there."""
        cells, edge, device = self._cells, self._cells * CELL, self.device
        numbers = torch.rand((count, self._organs, 10, 1, 1, 1), generator=generator, device=device)
        organs, tumours = (shapes.any(1) for shapes in self._shapes(numbers))
        shape, split = (count, cells, 1, cells, 1, cells, 1), (count, cells, CELL, cells, CELL, cells, CELL)
        brighter = (organs.float() - 2 * tumours.float()).view(shape)
        labels = (organs.byte() + tumours.byte()).view(shape).expand(split)
        volumes = torch.randn(split, generator=generator, device=device).add_(brighter, alpha=CONTRAST)
        whole = (count, 1, edge, edge, edge)
        return volumes.view(whole), labels.reshape(whole)

    def _shapes(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which cells are of each organ and which of its tumour, from ten numbers in [0, 1) for each organ."""
        last, places = self._cells - 1, self._places
        centre = numbers[:, :, 0:3] * last
        radii = (LEAST + (MOST - LEAST) * numbers[:, :, 3:6]) * self._scale
        organ = ((places - centre) / radii).square().sum(2) < 1
        middle = (centre + (numbers[:, :, 6:9] - 0.5) * 0.35 * radii).clamp(0, last)
        radius = (0.6 + 0.2 * numbers[:, :, 9:10]) * radii.amin(2, keepdim=True)
        return organ, organ & (((places - middle) / radius).square().sum(2) < 1)
