"""Images with their objects (N x 5 or more: class, box, ...): scaled, put together, moved, flipped and coloured."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps

Part = tuple[Image.Image, np.ndarray]

#: What no image covers.
FILLED = (114, 114, 114)
#: The most that a mosaic is scaled (0.5 to 1.5) and moved (a tenth of its edge), and that its colours change.
SCALED, MOVED = 0.5, 0.1
HUE, SATURATION, VALUE = 0.015, 0.7, 0.4
#: An object is kept where so much of its area is still seen, and its edges have so many pixels.
SEEN, PIXELS = 0.1, 2.0


def uniform(*shape: int, width: float) -> list[float]:
    """Numbers within `width` of 0, drawn with torch's generator."""
    return (width * (2 * torch.rand(shape) - 1)).tolist()


def fitted(image: Image.Image, objects: np.ndarray, size: int) -> Part:
    """The image with its longer edge of `size` pixels, and its objects."""
    scale = size / max(image.size)
    edges = tuple(max(1, round(edge * scale)) for edge in image.size)
    objects = objects.copy()
    objects[:, [1, 3]] *= edges[0] / image.width
    objects[:, [2, 4]] *= edges[1] / image.height
    return image.resize(edges, Image.Resampling.BILINEAR), objects


def mosaic(parts: list[Part], size: int) -> Part:
    """Four images around a point, and of that whole, moved and scaled, what a window of `size` pixels an edge sees."""
    across, down = (round(size + shift) for shift in uniform(2, width=size / 2))
    canvas, kept = Image.new("RGB", (2 * size, 2 * size), FILLED), []
    for number, (image, objects) in enumerate(parts):
        image, objects = fitted(image, objects, size)
        corner = (across - image.width * (number % 2 == 0), down - image.height * (number // 2 == 0))
        canvas.paste(image, corner)
        objects[:, 1:3] += corner
        kept.append(objects)
    scale = 1 + uniform(1, width=SCALED)[0]
    shift = uniform(2, width=MOVED * size)
    # A pixel of the window is at (x - size / 2 - shift) / scale + size of the canvas.
    offset = [size - (size / 2 + move) / scale for move in shift]
    matrix = (1 / scale, 0, offset[0], 0, 1 / scale, offset[1])
    window = canvas.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=FILLED)
    objects = np.concatenate(kept)
    objects[:, 1:3] = (objects[:, 1:3] - offset) * scale
    objects[:, 3:5] *= scale
    # What lay beyond the canvas is not seen either.
    least = np.clip(np.multiply(offset, -scale), 0, size)
    most = np.clip((2 * size - np.array(offset)) * scale, 0, size)
    return window, cut(objects, least, most)


def cut(objects: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The objects cut at a window's first and last column and row; those of which little is left are not there."""
    area = objects[:, 3] * objects[:, 4]
    first = np.clip(objects[:, 1:3] - objects[:, 3:5] / 2, least, most)
    last = np.clip(objects[:, 1:3] + objects[:, 3:5] / 2, least, most)
    objects[:, 1:3], objects[:, 3:5] = (first + last) / 2, last - first
    seen = objects[:, 3] * objects[:, 4] > SEEN * area
    return objects[seen & (objects[:, 3:5] >= PIXELS).all(1)]


def flipped(image: Image.Image, objects: np.ndarray) -> Part:
    """Left to right in half of the cases."""
    if torch.rand(()) < 0.5:
        return image, objects
    objects[:, 1] = image.width - objects[:, 1]
    return ImageOps.mirror(image), objects


def changed_colours(image: Image.Image) -> Image.Image:
    """Hue, saturation and value, each times a number of its own."""
    level = np.arange(256)
    tables = []
    for channel, most in enumerate((HUE, SATURATION, VALUE)):
        changed = level * (1 + uniform(1, width=most)[0])
        tables.append(changed % 256 if channel == 0 else changed.clip(0, 255))
    return image.convert("HSV").point(np.concatenate(tables).astype(np.uint8).tolist()).convert("RGB")
