"""Photographs of a scene with known cameras: the layouts of nerf_synthetic (Blender) and of instant-ngp's fox.

nerf_synthetic: transforms_train.json and transforms_test.json, images of 800x800 pixels with opacity; every 25th
of the test part is evaluated, 8 of 200. fox: one transforms.json; of the images that are there every eighth is
evaluated and not trained on. All are read once and stay on the card, and rays are drawn there: no loader is waited for.
"""

from __future__ import annotations

import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from rays import Camera, Rays, Views

from pytest_sixdim.training import Run

HELD_OUT_EVERY = 8  # of the photographs in one transforms.json; LLFF's and NeRF's rule for real scenes
EVALUATED_EVERY = 25  # of the 200 images in transforms_test.json


class StoredViews(Views):
    """A source of rays of photographs that lie on the card; each step has random pixels of random photographs."""

    def __init__(
        self,
        run: Run,
        camera: Camera,
        trained: tuple[torch.Tensor, torch.Tensor],
        evaluated: tuple[torch.Tensor, torch.Tensor],
        *,
        batch_size: int,
        rays: int,
        training_samples: int,
    ) -> None:
        """`trained`, `evaluated`: images (N x pixels x 4, uint8) and poses (N x 3 x 4)."""
        super().__init__(run, batch_size=batch_size, training_samples=training_samples, evaluation_samples=0)
        self._images, self._poses = (part.to(run.device) for part in trained)
        self._held_out, self._held_out_poses = (part.to(run.device) for part in evaluated)
        self.camera, self._rays = camera, rays
        self.views, self.pixels = self._held_out.shape[:2]

    def made(self, count: int, generator: torch.Generator) -> Rays:
        """Rays (count x rays) through random pixels of as many photographs."""
        options: Any = {"generator": generator, "device": self.device}
        view = torch.randint(len(self._images), (count, 1), **options)
        pixel = torch.randint(self.pixels, (count, self._rays), **options)
        return self._seen(self._images, self._poses, view, pixel)

    def evaluated(self, places: torch.Tensor, _: torch.Generator) -> Rays:
        """The rays through the middle of pixels."""
        return self._seen(self._held_out, self._held_out_poses, places // self.pixels, places % self.pixels)

    def _seen(self, images: torch.Tensor, poses: torch.Tensor, view: torch.Tensor, pixel: torch.Tensor) -> Rays:
        x, y = pixel % self.camera.width + 0.5, pixel // self.camera.width + 0.5
        colours = images[view, pixel] / 255
        origins, directions = self.camera.rays(poses[view], x, y)
        return Rays(origins, directions, torch.cat([colours[..., :3] * colours[..., 3:], colours[..., 3:]], -1))


def stored_views(root: Path, run: Run, *, scale: float, workers: int, **options: Any) -> StoredViews:
    """The photographs below `root`, cameras moved by `scale`. Ends the program where a file is missing or broken."""
    if (root / "transforms_train.json").is_file():
        first, second = described(root / "transforms_train.json"), described(root / "transforms_test.json")
        trained, evaluated = first["frames"], second["frames"][::EVALUATED_EVERY]
    else:
        first = described(root / "transforms.json")
        frames = sorted(there(root, first["frames"], run.rank), key=lambda frame: str(frame["file_path"]))
        evaluated = frames[::HELD_OUT_EVERY]
        trained = [frame for index, frame in enumerate(frames) if index % HELD_OUT_EVERY]
    if not trained or not evaluated:
        raise SystemExit(
            f"{root}: {len(trained)} images to train on and {len(evaluated)} to evaluate; one of each at least"
        )
    with ThreadPoolExecutor(max(1, workers)) as pool:
        images = list(pool.map(lambda frame: photograph(root, frame), [*trained, *evaluated]))
    if len({image.shape for image in images}) > 1:
        raise SystemExit(f"{root}: images of several sizes: {sorted({tuple(image.shape[:2]) for image in images})}")
    height, width = images[0].shape[:2]
    pixels = torch.stack(images).view(len(images), -1, 4)
    poses = torch.stack([pose(frame, scale) for frame in [*trained, *evaluated]])
    count = len(trained)
    parts = (pixels[:count], poses[:count]), (pixels[count:], poses[count:])
    return StoredViews(run, camera(first, width, height), *parts, **options)


def described(path: Path) -> dict[str, Any]:
    """What a file of cameras says."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for frame in found["frames"]:
            if torch.tensor(frame["transform_matrix"], dtype=torch.float32).shape != (4, 4):
                raise ValueError(f"transform_matrix of {frame['file_path']}: must be 4 x 4")
            str(frame["file_path"])
    except OSError as error:
        raise SystemExit(
            f"{path}: {error.strerror}; a scene has transforms.json, or transforms_{{train,test}}.json"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: not a file of cameras ({type(error).__name__}: {error})") from None
    return dict(found)


def there(root: Path, frames: list[dict[str, Any]], rank: int) -> list[dict[str, Any]]:
    """The frames whose photographs there are; the first rank says how many there are not: fox lacks 17 of its 67."""
    found = [frame for frame in frames if located(root, frame).exists()]
    if 0 < len(found) < len(frames) and rank == 0:
        print(f"{root}: {len(frames) - len(found)} of {len(frames)} images are missing, left out", file=sys.stderr)
    return found


def located(root: Path, frame: dict[str, Any]) -> Path:
    """Where a photograph lies: .png where the name has no ending."""
    path = root / str(frame["file_path"])
    return path if path.suffix else path.with_suffix(".png")


def photograph(root: Path, frame: dict[str, Any]) -> torch.Tensor:
    """Red, green, blue and opacity (height x width x 4, uint8)."""
    import numpy as np
    from PIL import Image

    path = located(root, frame)
    try:
        with Image.open(path) as image:
            return torch.from_numpy(np.array(image.convert("RGBA")))
    except OSError as error:
        raise SystemExit(f"{path}: no image that can be read ({error.strerror or error})") from None


def pose(frame: dict[str, Any], scale: float) -> torch.Tensor:
    """From camera to world (3 x 4), with the camera's place scaled."""
    matrix = torch.tensor(frame["transform_matrix"], dtype=torch.float32)[:3]
    return torch.cat([matrix[:, :3], scale * matrix[:, 3:]], 1)


def camera(found: dict[str, Any], width: int, height: int) -> Camera:
    """The camera of all images: focal lengths as they are given, or from the horizontal field of view."""
    if "fl_x" not in found and "camera_angle_x" not in found:
        raise SystemExit("transforms*.json: neither fl_x nor camera_angle_x says the focal length")
    shrunk = width / found.get("w", width)  # images smaller than those that the cameras were found of
    focal = found["fl_x"] * shrunk if "fl_x" in found else 0.5 * width / math.tan(0.5 * found["camera_angle_x"])
    focal_y = found["fl_y"] * shrunk if "fl_y" in found else focal
    centre_x, centre_y = found.get("cx", width / shrunk / 2) * shrunk, found.get("cy", height / shrunk / 2) * shrunk
    return Camera(width, height, focal, focal_y, centre_x, centre_y)
