"""Views of a scene that no disk holds: patterned, shaded balls on a white ground, their images computed on the card.

Where a ray meets a ball is solved exactly, so a view needs no stored image. Every step sees new cameras and new rays,
and random noise lies on all that a camera records: no ray comes twice. Whoever knows the scene is wrong by the noise
alone: the ceiling is -10 log10(NOISE^2) = 30.1 dB.
"""

from __future__ import annotations

import math

import torch
from rays import Camera, Rays, Views

from pytest_sixdim.training import Run

NOISE = 1 / 32  # standard deviation, of a full scale of 1
DISTANCE = 2.5  # of the cameras from the middle
FIELD_OF_VIEW = math.radians(45)
LIGHT = (0.48, 0.36, 0.8)


class Scene:
    """Balls within 0.95 of the middle: the same on every device and under every seed."""

    def __init__(self, balls: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(1)

        def random(*shape: int) -> torch.Tensor:
            return torch.rand(shape, generator=generator).to(device)

        self.radii = (0.4 + 0.4 * random(balls)) / balls ** (1 / 3)
        away = (0.95 - self.radii).unsqueeze(1) * random(balls, 1) ** (1 / 3)
        self.centres = torch.nn.functional.normalize(random(balls, 3) - 0.5, dim=1) * away
        self.colours = 0.2 + 0.6 * random(balls, 3)
        self.waves = 14 * (random(balls, 3) - 0.5)
        self.light = torch.tensor(LIGHT, device=device)

    def seen(self, origins: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """What rays (N x 3 each) see: colour times opacity, and opacity (N x 4), without noise."""
        towards = self.centres - origins.unsqueeze(1)
        along = (towards * directions.unsqueeze(1)).sum(2)
        inside = self.radii**2 - (towards * towards).sum(2) + along**2  # positive: the ray meets the ball
        distances = torch.where(inside > 0, along - inside.clamp(min=0).sqrt(), math.inf)
        distance, ball = distances.min(1)
        hit = distance.isfinite().unsqueeze(1)
        points = origins + directions * torch.where(hit, distance.unsqueeze(1), 0)
        normals = (points - self.centres[ball]) / self.radii[ball].unsqueeze(1)
        shade = 0.7 + 0.3 * (normals * self.light).sum(1, keepdim=True)
        pattern = 1 + 0.25 * (points * self.waves[ball]).sum(1, keepdim=True).sin()
        return torch.cat([self.colours[ball] * shade * pattern, torch.ones_like(shade)], 1) * hit


class GeneratedViews(Views):
    """A source of generated rays of cameras around the scene, anywhere above its floor."""

    name = "balls-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        rays: int = 4096,
        size: int = 800,
        balls: int = 24,
        training_samples: int = 3000,
        views: int = 7,
    ) -> None:
        """`size`: pixels an edge of a view; `batch_size`: views a card and step, of which each gives `rays` rays."""
        super().__init__(run, batch_size=batch_size, training_samples=training_samples, evaluation_samples=views)
        focal = 0.5 * size / math.tan(FIELD_OF_VIEW / 2)
        self.camera = Camera(size, size, focal, focal, size / 2, size / 2)
        self.scene = Scene(balls, run.device)
        self.views, self.pixels, self._rays = views, size * size, rays
        chosen = torch.rand(2, views, generator=torch.Generator().manual_seed(2))
        self._poses = around(*chosen.to(run.device))

    def made(self, count: int, generator: torch.Generator) -> Rays:
        """Random rays (count x rays) of as many random cameras."""
        random = torch.rand(2, count, generator=generator, device=self.device)
        place = torch.rand(2, count, self._rays, generator=generator, device=self.device)
        x, y = place * self.camera.width
        return self._recorded(around(*random).unsqueeze(1), x, y, generator)

    def evaluated(self, places: torch.Tensor, generator: torch.Generator) -> Rays:
        """The rays through the middle of pixels."""
        view, pixel = places // self.pixels, places % self.pixels
        x, y = pixel % self.camera.width + 0.5, pixel // self.camera.width + 0.5
        return self._recorded(self._poses[view], x, y, generator)

    def _recorded(self, poses: torch.Tensor, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator) -> Rays:
        origins, directions = self.camera.rays(poses, x, y)
        colours = self.scene.seen(origins.reshape(-1, 3), directions.reshape(-1, 3)).view(*x.shape, 4)
        noise = torch.randn((*x.shape, 3), generator=generator, device=self.device) * NOISE
        return Rays(origins, directions, torch.cat([colours[..., :3] + noise, colours[..., 3:]], -1))


def around(angle: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
    """Poses (N x 3 x 4) of cameras on the upper half of a sphere that look at its middle; both (N) between 0 and 1."""
    angle, up = 2 * math.pi * angle, 0.9 * height
    level = (1 - up**2).sqrt()
    back = torch.stack([level * angle.cos(), level * angle.sin(), up], 1)
    right = torch.stack([-angle.sin(), angle.cos(), torch.zeros_like(angle)], 1)
    return torch.stack([right, torch.linalg.cross(back, right), back, DISTANCE * back], 2)
