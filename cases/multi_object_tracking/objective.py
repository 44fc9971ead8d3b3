"""What FairMOT is trained for: centres, boxes and appearances at once (arXiv 2004.01888, section 4.3)."""

from __future__ import annotations

import math

import torch
from frames import Frames
from models import STRIDE, Maps
from torch import nn
from torch.nn import functional

#: Overlap that a box has at least whose corners are off by an object's radius (arXiv 1808.01244, section 3.2).
OVERLAP = 0.7


class Objective(nn.Module):
    """The network with what only training needs: a classifier of identities, and how the two tasks are weighed."""

    def __init__(self, network: nn.Module, appearance: int, identities: int, box_weight: float = 0.1) -> None:
        """`appearance`: numbers that an object is told by; `identities`: that are trained on.

        box_weight: of the boxes' loss beside the others (arXiv 1904.07850, section 3).
        """
        super().__init__()
        self.box_weight = box_weight
        self.network = network
        self.classifier = nn.Linear(appearance, identities)
        self.scale = math.sqrt(2) * math.log(max(identities - 1, 2))
        self.doubts = nn.Parameter(torch.tensor([-1.85, -1.05]))  # of detection and identity (arXiv 1705.07115)

    def forward(self, frames: Frames) -> torch.Tensor:
        """The loss of a batch."""
        maps = Maps(*(part.float() for part in self.network(frames.images)))
        losses = torch.stack((self.detection_loss(maps, frames), self.identity_loss(maps.appearance, frames)))
        return ((-self.doubts).exp() * losses + self.doubts).sum() / 2

    def detection_loss(self, maps: Maps, frames: Frames) -> torch.Tensor:
        """The loss of centres (focal), boxes and shifts (absolute differences in places of the map)."""
        known = (frames.identities >= 0).float()
        centres = middles(frames.boxes, maps.centre.shape[-2:])
        places = centres.long()
        heat = heatmap(frames.boxes, known, maps.centre.shape[-2:])
        count = known.sum().clamp(min=1)
        boxes = frames.boxes / STRIDE
        edges = torch.cat((centres - boxes[..., :2], boxes[..., 2:] - centres), dim=-1)
        sides = (at(maps.edges, places) - edges).abs().mean(-1)
        shifts = (at(maps.shift, places) - (centres - places)).abs().mean(-1)
        return focal_loss(maps.centre[:, 0], heat) / count + ((self.box_weight * sides + shifts) * known).sum() / count

    def identity_loss(self, appearance: torch.Tensor, frames: Frames) -> torch.Tensor:
        """Cross-entropy of the identities at the objects' centres."""
        known = frames.identities >= 0
        centres = middles(frames.boxes, appearance.shape[-2:])
        told = self.scale * functional.normalize(at(appearance, centres.long()), dim=-1)
        answers = torch.where(known, frames.identities, -100)  # what cross_entropy leaves out
        total = functional.cross_entropy(self.classifier(told).flatten(0, 1), answers.flatten(), reduction="sum")
        return total / known.sum().clamp(min=1)


def middles(boxes: torch.Tensor, places: torch.Size) -> torch.Tensor:
    """Centres (B x N x 2: x, y) of boxes in places of a map; of one beyond the image the nearest within it."""
    across, down = ((boxes[..., :2] + boxes[..., 2:]) / (2 * STRIDE)).unbind(-1)
    return torch.stack([one.clamp(0, length - 1e-3) for one, length in ((across, places[1]), (down, places[0]))], -1)


def at(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """What a map (B x C x h x w) says at places (B x N x 2: x, y): B x N x C."""
    index = places[..., 1] * values.shape[-1] + places[..., 0]
    return values.flatten(2).gather(2, index[:, None].expand(-1, values.shape[1], -1)).transpose(1, 2)


def radius(height: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """By how much both corners of a box may be off, whichever way, with OVERLAP left (arXiv 1808.01244, figure 5).

    The least of three: both corners inwards, both outwards, or one each way.
    """
    total, area = height + width, height * width
    shifted = (total - (total**2 - 4 * area * (1 - OVERLAP) / (1 + OVERLAP)).sqrt()) / 2
    smaller = (total - (total**2 - 4 * area * (1 - OVERLAP)).sqrt()) / 4
    larger = ((total**2 + 4 * area * (1 - OVERLAP) / OVERLAP).sqrt() - total) / 4
    return torch.minimum(torch.minimum(shifted, smaller), larger)


def heatmap(boxes: torch.Tensor, known: torch.Tensor, places: torch.Size) -> torch.Tensor:
    """How near every place is to a centre (B x h x w): 1 there, falling as a Gaussian to 0 beyond its radius."""
    size = (boxes[..., 2:] - boxes[..., :2]) / STRIDE
    reach = radius(size[..., 1], size[..., 0]).floor()[..., None]
    spread = (2 * reach + 1) / 6
    cells, lines = middles(boxes, places).floor(), []
    for axis, length in ((0, places[1]), (1, places[0])):
        far = torch.arange(length, device=boxes.device) - cells[..., axis, None]
        lines.append((-(far**2) / (2 * spread**2)).exp() * (far.abs() <= reach))
    across, down = lines
    return ((down * known[..., None])[..., :, None] * across[..., None, :]).amax(1)


def focal_loss(logits: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """The sum of the focal loss over places (arXiv 1808.01244, equation 1, with alpha 2 and beta 4)."""
    likely = logits.sigmoid()
    there = (1 - likely) ** 2 * functional.logsigmoid(logits)
    elsewhere = (1 - heat) ** 4 * likely**2 * functional.logsigmoid(-logits)
    return -torch.where(heat == 1, there, elsewhere).sum()
