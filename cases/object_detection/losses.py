"""What the detector is trained on: which cells and anchors answer for an object, and how wrong they are.

After Scaled-YOLOv4 (arXiv 2011.08036) and YOLOv3 (1804.02767): an anchor answers where its edges and the object's are
within a factor of four, in the cell of the object's centre and the two cells nearest to it. All shapes are fixed: what
does not answer weighs nothing, so that no step waits for the device to say how many do.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from boxes import ciou, decoded
from torch.nn import functional
from yolov5 import STRIDES

RATIO = 4.0
#: Of the losses of boxes, of objects and of classes (with 80 classes), and of the three maps' objects.
BOX, OBJECT, CLASS = 0.05, 1.0, 0.5
MAPS = (4.0, 1.0, 0.4)
#: The centre's own cell, and its neighbours left, above, right, below.
NEIGHBOURS = ((0, 0), (-1, 0), (0, -1), (1, 0), (0, 1))


class Assigned(NamedTuple):
    """Candidates (B x M objects x 3 anchors x 5 cells) of a map: `answers` is 1 for those that answer, else 0."""

    answers: torch.Tensor  # float
    places: torch.Tensor  # of the candidate in the flattened map, int64
    cells: torch.Tensor  # column and row (... x 2), float


@functools.cache
def neighbours(device: torch.device) -> torch.Tensor:
    """NEIGHBOURS (5 x 2) on a device: copied once, as a copy waits for the device."""
    return torch.tensor(NEIGHBOURS, device=device, dtype=torch.float32)


def assigned(targets: torch.Tensor, height: int, width: int, anchors: torch.Tensor, stride: int) -> Assigned:
    """Which places of a map of height x width answer for targets (B x M x 5: class or -1, box); anchors: 3 x 2."""
    there, boxes = targets[..., 0] >= 0, targets[..., 1:]
    ratio = boxes[:, :, None, 2:].clamp(min=1e-3) / anchors
    fits = torch.maximum(ratio, 1 / ratio).amax(-1) < RATIO  # B x M x 3
    centre = boxes[..., :2] / stride  # in cells
    within = centre - centre.floor()
    left, above = (within < 0.5).unbind(-1)
    near = torch.stack([torch.ones_like(left), left, above, ~left, ~above], -1)  # B x M x 5
    cells = centre.floor()[:, :, None, :] + neighbours(targets.device)  # B x M x 5 x 2
    column, row = cells.unbind(-1)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    answers = (there[:, :, None] & near & inside)[:, :, None, :] & fits[..., None]
    image = torch.arange(len(targets), device=targets.device)[:, None, None, None]
    anchor = torch.arange(3, device=targets.device)[:, None]
    column, row = (part[:, :, None, :].long() for part in (column.clamp(0, width - 1), row.clamp(0, height - 1)))
    places = ((image * height + row) * width + column) * 3 + anchor
    return Assigned(answers.float(), places, cells[:, :, None].expand(*places.shape, 2))


def detection_loss(
    maps: list[torch.Tensor],
    targets: torch.Tensor,
    anchors: torch.Tensor,
    *,
    box_weight: float = BOX,
    class_weight: float = CLASS,
) -> torch.Tensor:
    """The loss of three maps (B x H x W x 3 x 5 + classes) against targets (B x M x 5: class or -1, box).

    1 - CIoU of the boxes that answer; the cross-entropy of object or not in all places, where CIoU says how much of an
    object it is; the cross-entropy of the classes, if there are several. Each is a mean over the batch.
    """
    classes = maps[0].shape[-1] - 5
    total = torch.zeros((), device=targets.device)
    wanted = (targets[..., :1] == torch.arange(classes, device=targets.device)).float()[:, :, None, None]
    for answers, stride, share, sizes in zip(maps, STRIDES, MAPS, anchors, strict=True):
        chosen = assigned(targets, answers.shape[1], answers.shape[2], sizes, stride)
        weight = chosen.answers / chosen.answers.sum().clamp(min=1)
        found = answers.flatten(0, 3).index_select(0, chosen.places.flatten()).view(*chosen.places.shape, -1).float()
        boxes = decoded(found, chosen.cells, sizes[:, None], stride)
        good = ciou(boxes, targets[:, :, None, None, 1:])
        total = total + box_weight * ((1 - good) * weight).sum()
        # Where several objects ask for one place, the best box says how much of an object it is.
        worth = (good.detach().clamp(min=0) * chosen.answers).flatten()
        objects = torch.zeros(answers[..., 4].numel(), device=targets.device)
        objects = objects.scatter_reduce(0, chosen.places.flatten(), worth, "amax")
        seen = functional.binary_cross_entropy_with_logits(answers[..., 4].flatten().float(), objects)
        total = total + OBJECT * share * seen
        if classes > 1:
            named = wanted.expand_as(found[..., 5:])
            wrong = functional.binary_cross_entropy_with_logits(found[..., 5:], named, reduction="none").mean(-1)
            total = total + class_weight * classes / 80 * (wrong * weight).sum()
    return total
