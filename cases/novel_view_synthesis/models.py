"""The radiance fields of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it.

A field has `density(points)` and is called with points and directions; rendering.py makes images of either.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from hash_grid import HashGrid
from torch import nn

#: e^11 is opaque at any step; beyond it 16 bits overflow.
LARGEST_LOGARITHM = 11.0


class InstantNGP(nn.Module):
    """A hash grid and two small networks without biases (arXiv 2201.05989, section 5.4).

    The first gives the logarithm of the density and 15 features of a point; the second, of these and of the direction,
    the colour. (The paper hands all 16 on; the published parameter counts are those of 15.)
    """

    handed_on = 15

    def __init__(self, bound: float = 1.0, width: int = 64, finest: int = 2048, **grid: int) -> None:
        """`bound`: the field fills the cube from -bound to bound. `finest`: vertices along an edge of 2."""
        super().__init__()
        self.bound = bound
        self.grid = HashGrid(finest=round(finest * bound), **grid)
        self.geometry = nn.Sequential(
            without_bias(self.grid.features, width), nn.ReLU(), without_bias(width, 1 + self.handed_on)
        )
        self.colour = nn.Sequential(
            without_bias(16 + self.handed_on, width),
            nn.ReLU(),
            without_bias(width, width),
            nn.ReLU(),
            without_bias(width, 3),
        )

    def density(self, points: torch.Tensor) -> torch.Tensor:
        """Density per unit of length (P) at points (P x 3)."""
        return self._geometry(points)[0]

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Density (N*M) and colour (N*M x 3, 0 to 1) at points (N*M x 3), M along each of N directions (N x 3)."""
        density, features = self._geometry(points)
        seen = spherical_harmonics(directions).to(features.dtype).repeat_interleave(len(points) // len(directions), 0)
        return density, self.colour(torch.cat([seen, features], 1)).float().sigmoid()

    def _geometry(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inside = ((points + self.bound) / (2 * self.bound)).clamp(0, 1)
        raw = self.geometry(self.grid(inside))
        return raw[:, 0].float().clamp(max=LARGEST_LOGARITHM).exp(), raw[:, 1:]


def without_bias(inputs: int, outputs: int) -> nn.Linear:
    """A matrix, as Glorot and Bengio (2010) begin it."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer


def spherical_harmonics(directions: torch.Tensor) -> torch.Tensor:
    """The 16 real spherical harmonics up to degree 3 (N x 16) of directions (N x 3, of length 1), without the phase."""
    x, y, z = directions.float().unbind(1)
    xx, yy, zz = x * x, y * y, z * z
    return torch.stack(
        [
            0.28209479 * torch.ones_like(x),
            0.48860251 * y,
            0.48860251 * z,
            0.48860251 * x,
            1.09254843 * x * y,
            1.09254843 * y * z,
            0.31539157 * (3 * zz - 1),
            1.09254843 * x * z,
            0.54627422 * (xx - yy),
            0.59004359 * y * (3 * xx - yy),
            2.89061144 * x * y * z,
            0.45704580 * y * (5 * zz - 1),
            0.37317633 * z * (5 * zz - 3),
            0.45704580 * x * (5 * zz - 1),
            1.44530572 * z * (xx - yy),
            0.59004359 * x * (xx - 3 * yy),
        ],
        1,
    )


def ngp_nerf(args: argparse.Namespace) -> nn.Module:
    """Instant-NGP at the published size: 16 levels of 2 features and 2^19 entries, networks of width 64."""
    grid = {"levels": args.levels, "features": args.features, "log2_entries": args.log2_entries}
    return InstantNGP(args.bound, args.width, args.finest, **grid)


MODELS: dict[str, Callable[[argparse.Namespace], nn.Module]] = {"ngp_nerf": ngp_nerf}
