"""Boxes as this task has them: a box is its centre's x and y, its width and height, in pixels of the image."""

from __future__ import annotations

import math

import torch


def decoded(answers: torch.Tensor, cells: torch.Tensor, anchors: torch.Tensor, stride: int) -> torch.Tensor:
    """Boxes (... x 4) of answers (... x 4 or more) at cells (... x 2, column and row) with anchors (... x 2, pixels).

    A centre lies up to half a cell outside its own; a box has up to four times its anchor's edges (Scaled-YOLOv4).
    """
    share = answers[..., :4].float().sigmoid()
    return torch.cat([(2 * share[..., :2] - 0.5 + cells) * stride, (2 * share[..., 2:]) ** 2 * anchors], -1)


def corners(boxes: torch.Tensor) -> torch.Tensor:
    """Left, top, right, bottom (... x 4) of boxes."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def ciou(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Complete IoU (...) of boxes (... x 4) with others: IoU less what centres and shapes differ by.

    Zheng et al., arXiv 1911.08287, equations 7 to 11. Two empty boxes in one place have 0.
    """
    epsilon = 1e-7
    one, other = corners(found), corners(true)
    overlap = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    shared = overlap.prod(-1)
    iou = shared / (found[..., 2:].prod(-1) + true[..., 2:].prod(-1) - shared + epsilon)
    around = torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])
    distance = (found[..., :2] - true[..., :2]).square().sum(-1) / (around.square().sum(-1) + epsilon)
    angles = [torch.atan(boxes[..., 2] / (boxes[..., 3] + epsilon)) for boxes in (found, true)]
    shape = 4 / math.pi**2 * (angles[0] - angles[1]).square()
    weight = (shape / (1 - iou + shape + epsilon)).detach()
    return iou - distance - weight * shape
