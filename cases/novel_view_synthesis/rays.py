"""Rays of cameras, and what a source of them has: random rays to train on, every pixel of some views to evaluate."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import NamedTuple

import torch

from pytest_sixdim.training.batches import Generated


class Rays(NamedTuple):
    """Rays, and what they see: red, green and blue times opacity, and opacity. Directions have length 1."""

    origins: torch.Tensor  # ... x 3
    directions: torch.Tensor  # ... x 3
    colours: torch.Tensor  # ... x 4


class Camera(NamedTuple):
    """A pinhole camera: size of its images, focal lengths and centre, all in pixels."""

    width: int
    height: int
    focal_x: float
    focal_y: float
    centre_x: float
    centre_y: float

    def rays(self, poses: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Origins and directions (... x 3) of the rays through points (...) of the image.

        poses: from camera to world (... x 3 x 4); a camera looks along -z, its y axis points up (OpenGL, Blender).
        """
        right, down = (x - self.centre_x) / self.focal_x, (y - self.centre_y) / self.focal_y
        local = torch.stack([right, -down, -torch.ones_like(right)], -1)
        directions = (poses[..., :3] * local.unsqueeze(-2)).sum(-1)
        return poses[..., 3].expand_as(directions), torch.nn.functional.normalize(directions, dim=-1)


class Views(Generated):
    """A source of rays. A sample is a view's share of a step: `rays` random rays of one image, as published.

    All ranks together evaluate every pixel of `views` views of `pixels` pixels once, shared pixel by pixel.
    """

    evaluated_at_once = 8192  # rays
    views: int
    pixels: int

    @abc.abstractmethod
    def evaluated(self, places: torch.Tensor, generator: torch.Generator) -> Rays:
        """The rays at places (N) in the row of all evaluated pixels, view by view and line by line."""

    def evaluation(self) -> Iterator[tuple[torch.Tensor, Rays]]:
        """This rank's part of the pixels that are evaluated: the number of the view of each (N), and its ray."""
        whole, block = self.views * self.pixels, self.evaluated_at_once
        for start in list(range(0, whole, block))[self._rank :: self._world_size]:
            places = torch.arange(start, min(start + block, whole), device=self.device)
            self._generator.manual_seed(start)
            yield places // self.pixels, self.evaluated(places, self._generator)
