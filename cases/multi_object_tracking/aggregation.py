"""What brings the maps of DLA back to a quarter of the image: iterative deep aggregation with deformable convolutions.

Yu, Wang, Shelhamer, Darrell: Deep Layer Aggregation, arXiv 1707.06484, section 3.3 and figure 4; with the deformable
convolutions of Zhou, Wang, Kraehenbuehl: Objects as Points, arXiv 1904.07850, section 5 and figure 6 d.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.ops import deform_conv2d

KERNEL = 3


class Deformable(nn.Module):
    """A modulated deformable 3x3 convolution (arXiv 1811.11168), normalisation, ReLU.

    A usual convolution says for every place where the nine taps look and how much each counts; at first it says
    nothing: all look where they would and count half.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        taps = KERNEL * KERNEL
        self.taps = nn.Conv2d(before, 3 * taps, KERNEL, padding=1)
        nn.init.zeros_(self.taps.weight)
        nn.init.zeros_(self.taps.bias)
        self.convolution = nn.Conv2d(before, after, KERNEL, padding=1)
        nn.init.kaiming_uniform_(self.convolution.weight, nonlinearity="relu")
        nn.init.zeros_(self.convolution.bias)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """B x before x h x w to B x after x h x w."""
        taps = self.taps(features).float()  # the operation computes in fp32 alone
        offsets, weights = taps.split((2 * KERNEL * KERNEL, KERNEL * KERNEL), dim=1)
        weight, bias = self.convolution.weight, self.convolution.bias
        moved = deform_conv2d(features.float(), offsets, weight, bias, padding=1, mask=weights.sigmoid())
        return self.norm(moved).relu()


class Node(nn.Module):
    """Brings a deeper map to a shallower one's width and size, adds them and convolves the sum."""

    def __init__(self, deeper: int, shallower: int, factor: int) -> None:
        """`deeper`, `shallower`: their channels; `factor`: how much smaller the deeper map is."""
        super().__init__()
        self.project = Deformable(deeper, shallower)
        self.enlarge = nn.ConvTranspose2d(
            shallower, shallower, 2 * factor, factor, padding=factor // 2, groups=shallower, bias=False
        )
        with torch.no_grad():  # bilinear at first
            line = 1 - (torch.arange(2 * factor) - factor + 0.5).abs() / factor
            self.enlarge.weight.copy_((line[:, None] * line).expand_as(self.enlarge.weight))
        self.join = Deformable(shallower, shallower)

    def forward(self, deeper: torch.Tensor, shallower: torch.Tensor) -> torch.Tensor:
        """Returns a map of the shallower one's shape."""
        return self.join(self.enlarge(self.project(deeper)) + shallower)


class Chain(nn.Module):
    """Adds ever deeper maps to the shallowest: iterative aggregation."""

    def __init__(self, shallowest: int, deeper: list[tuple[int, int]]) -> None:
        """`shallowest`: channels of the first map; `deeper`: of the others channels, and how much smaller they are."""
        super().__init__()
        self.nodes = nn.ModuleList(Node(channels, shallowest, factor) for channels, factor in deeper)

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Returns the first map and what each node made, all of its shape."""
        joined = [maps[0]]
        for node, deeper in zip(self.nodes, maps[1:], strict=True):
            joined.append(node(deeper, joined[-1]))
        return joined


class Aggregation(nn.Module):
    """Maps at 1/4, 1/8, 1/16, 1/32 of the image to one map at 1/4.

    Stage by stage the deepest pair, then three, then all four are joined at the size of the shallowest of them; what
    each stage ended with is then joined once more. The map at 1/32 has no part in the last.
    """

    def __init__(self, channels: list[int]) -> None:
        """`channels`: of the maps, from 1/4 to 1/32 (the last factor is 2 each)."""
        super().__init__()
        stages, widths = [], list(channels)
        for shallowest in reversed(range(len(channels) - 1)):
            stages.append(Chain(channels[shallowest], [(width, 2) for width in widths[shallowest + 1 :]]))
            widths[shallowest + 1 :] = [channels[shallowest]] * (len(channels) - shallowest - 1)
        self.stages = nn.ModuleList(stages)
        self.last = Chain(channels[0], [(width, 2**index) for index, width in enumerate(channels[1:-1], start=1)])

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Returns B x channels[0] x height/4 x width/4."""
        maps, ends = list(maps), []
        for shallowest, stage in zip(reversed(range(len(maps) - 1)), self.stages, strict=True):
            maps[shallowest + 1 :] = stage(maps[shallowest:])[1:]
            ends.insert(0, maps[-1])
        return self.last(ends)[-1]
