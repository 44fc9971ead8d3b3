"""The multiresolution hash grid of Instant-NGP (Müller, Evans, Schied, Keller, arXiv 2201.05989, section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

PRIMES = (1, 2_654_435_761, 805_459_861)  # equation 4
ALIGNED = 8  # a level's entries are a multiple of it, as in the implementation whose parameters are published


class HashGrid(nn.Module):
    """Features of points, interpolated between the vertices of grids from coarse to fine.

    A level whose vertices fit into its entries has one for each vertex; in a finer level vertices share entries by a
    hash of their place. All levels lie in one table, so that a step is one gather forward and one scatter backward.
    """

    def __init__(
        self, levels: int = 16, features: int = 2, log2_entries: int = 19, coarsest: int = 16, finest: int = 2048
    ):
        super().__init__()
        growth = (finest / coarsest) ** (1 / max(levels - 1, 1))  # equation 3
        self.resolutions = [math.ceil(coarsest * growth**level - 1e-9) for level in range(levels)]
        entries = [min(2**log2_entries, (resolution + 1) ** 3) for resolution in self.resolutions]
        self.dense = sum((resolution + 1) ** 3 <= 2**log2_entries for resolution in self.resolutions)
        self.entries = [ALIGNED * math.ceil(count / ALIGNED) for count in entries]
        self.features = levels * features
        self._mask = 2**log2_entries - 1
        self.table = nn.Parameter(torch.empty(sum(self.entries), features).uniform_(-1e-4, 1e-4))
        # Integers of 32 bits will do: of a hash only the lowest bits count, and so of the primes.
        hashed = [(prime + 2 ** (log2_entries - 1)) % 2**log2_entries - 2 ** (log2_entries - 1) for prime in PRIMES]
        strides = [
            (1, r + 1, (r + 1) ** 2) if level < self.dense else hashed for level, r in enumerate(self.resolutions)
        ]
        firsts = [sum(self.entries[:level]) for level in range(levels)]
        self.register_buffer("_resolution", torch.tensor(self.resolutions).view(-1, 1).float(), persistent=False)
        self.register_buffer("_strides", torch.tensor(strides, dtype=torch.int32).view(-1, 1, 3), persistent=False)
        self.register_buffer("_firsts", torch.tensor(firsts, dtype=torch.int32).view(-1, 1), persistent=False)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Features (P x levels*features, 32 bits) of points (P x 3) between 0 and 1."""
        places = points.float().unsqueeze(1) * self._resolution
        lower = torch.minimum(places.floor(), self._resolution - 1)
        share = places - lower
        weights = every_corner(torch.stack([1 - share, share], -2), torch.mul)
        found = self.table.index_select(0, self._rows(lower.int()).flatten())
        return (found.view(*weights.shape, -1) * weights.unsqueeze(-1)).sum(2).flatten(1)

    def _rows(self, lower: torch.Tensor) -> torch.Tensor:
        """Rows of the table (P x levels x 8) of the corners of the cells at `lower` (P x levels x 3)."""
        both = torch.stack([lower, lower + 1], -2) * self._strides
        dense = every_corner(both[:, : self.dense], torch.add)
        hashed = every_corner(both[:, self.dense :], torch.bitwise_xor) & self._mask
        return torch.cat([dense, hashed], 1) + self._firsts


def every_corner(both: torch.Tensor, joined: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Joins what the lower and the upper side give along each axis (P x L x 2 x 3) for all corners (P x L x 8)."""
    x, y, z = both.unbind(-1)
    corners = joined(joined(x[..., :, None, None], y[..., None, :, None]), z[..., None, None, :])
    return corners.flatten(2)
