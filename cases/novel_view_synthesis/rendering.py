"""Images of a radiance field: which places along a ray are asked, and what they add up to.

Everything has a fixed shape and nothing waits for the device: of `candidates` places along a ray those in occupied
cells are kept, and of these `places`, evenly spread where there are more. (Instant-NGP's own kernels march each ray
until it is opaque: the same quadrature, with as many places as a ray needs.)
"""

from __future__ import annotations

import math

import torch
from torch import nn

NEAREST = 0.2  # to a camera inside of the cube; torch-ngp's --min_near
AT_ONCE = 2**18  # cells that are looked at again in a refresh
ALWAYS_OCCUPIED = 2  # rounds through all cells before any of them counts as empty
OPAQUE = 0.01  # of what falls on a candidate's stretch: a cell that holds back less is empty (section E.2 of the paper)
KEPT = 0.6  # of a cell's density in every round, unless it is found as dense again


class Renderer(nn.Module):
    """A radiance field, and a grid of its cells that says where it is empty."""

    def __init__(
        self, field: nn.Module, bound: float, *, places: int = 128, candidates: int = 1024, cells: int = 128
    ) -> None:
        """`cells`: along an edge of the cube from -bound to bound, which the field fills."""
        super().__init__()
        self.field, self.bound = field, bound
        self.places, self.candidates, self.cells = places, candidates, cells
        self.register_buffer("_density", torch.zeros(cells**3))
        self.register_buffer("occupied", torch.ones(cells**3, dtype=torch.bool))
        self._refreshed = 0

    def forward(self, origins: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """What rays (N x 3 each, directions of length 1) see: colour times opacity, and opacity (N x 4)."""
        with torch.no_grad():
            distances, lengths = self._asked(origins, directions)
            points = origins.unsqueeze(1) + directions.unsqueeze(1) * distances.unsqueeze(2)
        density, colours = self.field(points.flatten(0, 1), directions)
        return composited(density.view_as(lengths) * lengths, colours.view(*lengths.shape, 3))

    @torch.no_grad()
    def refresh(self, generator: torch.Generator) -> None:
        """Looks again at one part of the cells, each at a random point of it, and says which cells are occupied."""
        parts = math.ceil(self.cells**3 / AT_ONCE)
        cells = torch.arange(self._refreshed % parts, self.cells**3, parts, device=self._density.device)
        found = self.field.density(self._inside(cells, generator)).float()
        kept = self._density[cells] * (KEPT if self._refreshed >= parts else 0.0)
        self._density[cells] = torch.maximum(kept, found)
        self._refreshed += 1
        if self._refreshed >= ALWAYS_OCCUPIED * parts:
            stretch = 2 * 3**0.5 * self.bound / self.candidates
            self.occupied.copy_(self._density > self._density.mean().clamp(max=OPAQUE / stretch))

    def _inside(self, cells: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A random point (C x 3) in each of the cells (C)."""
        size = self.cells
        corners = torch.stack([cells // size**2, cells // size % size, cells % size], 1)
        random = torch.rand(corners.shape, generator=generator, device=cells.device)
        return ((corners + random) / size * 2 - 1) * self.bound

    def _asked(self, origins: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Distances of the places that are asked, and the length of ray that each stands for (N x places; 0: none)."""
        near, far = through_cube(origins, directions, self.bound)
        jitter = torch.rand_like(near) if self.training else torch.full_like(near, 0.5)
        step = (far - near) / self.candidates
        numbers = torch.arange(self.candidates, device=near.device)
        points = origins.unsqueeze(1) + directions.unsqueeze(1) * (near + (numbers + jitter) * step).unsqueeze(2)
        occupied = self.occupied.take(self._cell(points)) & (step > 0)
        counted = occupied.cumsum(1, dtype=torch.int32)
        stride = (counted[:, -1:] / self.places).clamp(min=1)
        offset = torch.rand_like(near) if self.training else torch.full_like(near, 0.5)
        slots = torch.arange(self.places, device=near.device)
        wanted = ((slots + offset) * stride).floor().int() + 1  # the how manyth of the occupied candidates
        chosen = torch.searchsorted(counted, wanted.contiguous())
        lengths = step * stride * (wanted <= counted[:, -1:])
        return near + (chosen + jitter) * step, lengths

    def _cell(self, points: torch.Tensor) -> torch.Tensor:
        """The number of the cell that each point lies in."""
        place = ((points / self.bound + 1) * (self.cells / 2)).long().clamp(0, self.cells - 1)
        return (place[..., 0] * self.cells + place[..., 1]) * self.cells + place[..., 2]


def through_cube(origins: torch.Tensor, directions: torch.Tensor, bound: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances (N x 1) at which rays enter and leave the cube from -bound to bound; the same where they miss it."""
    away = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    sides = torch.stack([(-bound - origins) / away, (bound - origins) / away])
    near = sides.amin(0).amax(1, keepdim=True).clamp(min=NEAREST)
    return near, torch.maximum(near, sides.amax(0).amin(1, keepdim=True))


def composited(depths: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Colour times opacity, and opacity (N x 4), of places with optical depths (N x M) and colours (N x M x 3).

    Each place is seen through those before it (Max, 1995; NeRF, arXiv 2003.08934, equation 3).
    """
    before = torch.nn.functional.pad(depths, (1, 0))[:, :-1].cumsum(1)
    weights = (-before).exp() * -torch.expm1(-depths)
    return torch.cat([(weights.unsqueeze(2) * colours).sum(1), weights.sum(1, keepdim=True)], 1)
