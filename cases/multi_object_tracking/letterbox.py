"""A frame of any size brought to the network's: as it is, or varied as FairMOT is trained (arXiv 2004.01888, 5.2).

Left and right are swapped in every other image; it is turned by up to 5 degrees, sheared by up to 2 both ways, moved
by up to a tenth of its height, shrunk to half or enlarged by up to a fifth, and its brightness and colours change by up
to a half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageEnhance

GREY = (128, 128, 128)  # what lies beside the image
TURN, SHEAR, MOVE, SIZES, COLOUR = 5.0, 2.0, 0.1, (0.5, 1.2), 0.5
#: Pixels that a box has at least, both ways, to be trained on.
SMALLEST = 4


@dataclass(frozen=True)
class Placed:
    """A frame of the network's size (3 x height x width, uint8), its boxes, and which of them it shows a part of."""

    image: torch.Tensor
    boxes: torch.Tensor
    shown: torch.Tensor


def letterboxed(image: Image.Image, boxes: torch.Tensor, size: tuple[int, int]) -> Placed:
    """The whole frame in the middle, as large as fits."""
    return moved(image, boxes, size, fitting(image, size))


def varied(image: Image.Image, boxes: torch.Tensor, size: tuple[int, int]) -> Placed:
    """The frame as one of many that it could be."""
    draw = torch.rand(9).tolist()
    if draw[0] < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        left, top, right, bottom = boxes.unbind(-1)
        boxes = torch.stack((image.width - right, top, image.width - left, bottom), dim=-1)
    for enhance, chance in ((ImageEnhance.Brightness, draw[1]), (ImageEnhance.Color, draw[2])):
        image = enhance(image).enhance(1 + COLOUR * (2 * chance - 1))
    angle = math.radians(TURN * (2 * draw[3] - 1))
    scale = SIZES[0] + (SIZES[1] - SIZES[0]) * draw[4]
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    across, down = (math.tan(math.radians(SHEAR * (2 * chance - 1))) for chance in draw[5:7])
    changed = np.eye(3)
    changed[:2, :2] = np.array([[1, across], [down, 1]]) @ np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array([size[1], size[0]]) / 2
    changed[:2, 2] = middle + MOVE * size[0] * (2 * np.array(draw[7:]) - 1) - changed[:2, :2] @ middle
    return moved(image, boxes, size, changed @ fitting(image, size))


def fitting(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """What takes a point of the image (x, y, 1) to where it lies in the letterbox (3 x 3)."""
    height, width = size
    scale = min(height / image.height, width / image.width)
    aside, above = (width - scale * image.width) / 2, (height - scale * image.height) / 2
    return np.array([[scale, 0, aside], [0, scale, above], [0, 0, 1]])


def moved(image: Image.Image, boxes: torch.Tensor, size: tuple[int, int], points: np.ndarray) -> Placed:
    """The image and its boxes under a map of points (3 x 3); a turned box is the upright one around it."""
    height, width = size
    smaller = max(1, int(1 / math.sqrt(np.linalg.det(points))))  # a pixel drawn sees four neighbours only
    back = np.linalg.inv(points @ np.diag([smaller, smaller, 1]))[:2].flatten().tolist()
    options = {"resample": Image.Resampling.BILINEAR, "fillcolor": GREY}
    drawn = image.reduce(smaller).transform((width, height), Image.Transform.AFFINE, back, **options)
    left, top, right, bottom = boxes.double().unbind(-1)
    corners = torch.stack((left, top, right, top, right, bottom, left, bottom), dim=-1).view(-1, 4, 2)
    matrix = torch.from_numpy(points)
    corners = corners @ matrix[:2, :2].T + matrix[:2, 2]
    placed = torch.cat((corners.amin(1), corners.amax(1)), dim=-1).float()
    inside = ((placed[:, 2:] > 0) & (placed[:, :2] < torch.tensor([width, height]))).all(-1)
    large = ((placed[:, 2:] - placed[:, :2]) >= SMALLEST).all(-1)
    pixels = torch.from_numpy(np.array(drawn)).permute(2, 0, 1).contiguous()
    return Placed(pixels, placed, inside & large)
