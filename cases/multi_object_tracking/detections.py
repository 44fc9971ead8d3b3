"""From the maps of the heads to detections."""

from __future__ import annotations

import torch
from models import STRIDE, Maps
from objective import at
from torch.nn import functional

#: Columns of a detection: score; left, top, right, bottom in pixels; then its appearance, of length 1.
SCORE, BOX, APPEARANCE = 0, slice(1, 5), slice(5, None)


def detections(maps: Maps, most: int) -> torch.Tensor:
    """The `most` highest peaks of every frame (B x most x columns), highest first."""
    score = maps.centre[:, 0].float().sigmoid()
    score = score * (functional.max_pool2d(score, 3, stride=1, padding=1) == score)
    highest, index = score.flatten(1).topk(min(most, score[0].numel()))
    width = score.shape[-1]
    places = torch.stack((index % width, index.div(width, rounding_mode="floor")), dim=-1)
    centres = places + at(maps.shift.float(), places)
    edges = at(maps.edges.float(), places)
    boxes = STRIDE * torch.cat((centres - edges[..., :2], centres + edges[..., 2:]), dim=-1)
    appearance = functional.normalize(at(maps.appearance.float(), places), dim=-1)
    return torch.cat((highest[..., None], boxes, appearance), dim=-1)
