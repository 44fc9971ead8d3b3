"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from aggregation import Aggregation
from timm.models.dla import DLA, DlaBasic
from torch import nn

#: The image is so many times larger than the maps of the heads.
STRIDE = 4
#: Channels of DLA-34's levels (arXiv 1707.06484, table 1), from the image's size to 1/32 of it.
WIDTHS = (16, 32, 64, 128, 256, 512)
#: How likely a centre is at every place at first (arXiv 1708.02002, section 3.3).
PRIOR = 0.1


class Maps(NamedTuple):
    """What the heads say of every place (B x channels x height/4 x width/4).

    Attributes:
        centre: logit of an object's centre, 1 channel.
        edges: how far its left, top, right and bottom are from there, in places, 4 channels.
        shift: by how much the centre lies right and below of the place, 2 channels.
        appearance: what tells it from others, not normalised, 128 channels at full size.
    """

    centre: torch.Tensor
    edges: torch.Tensor
    shift: torch.Tensor
    appearance: torch.Tensor


class FairMOT(nn.Module):
    """Finds objects by their centres and says what each looks like (Zhang et al., arXiv 2004.01888, section 4).

    The backbone is timm's DLA-34 without its classifier; four heads of two convolutions each stand on one map.
    """

    def __init__(self, channels: list[int], hidden: int = 256, appearance: int = 128) -> None:
        """`channels`: of DLA's levels, six or the first four or five; `hidden`: of the heads.

        appearance: numbers that an object is told by.
        """
        super().__init__()
        levels = len(channels)
        self.levels = list(range(2, levels))
        self.backbone = DLA([1, 1, 1, 2, 2, 1], (channels * 2)[:6], num_classes=0, block=DlaBasic)
        self.backbone.prune_intermediate_layers(self.levels)
        self.aggregation = Aggregation(channels[2:levels])
        self.centre, self.edges, self.shift, self.appearance = (
            head(channels[2], hidden, outputs) for outputs in (1, 4, 2, appearance)
        )
        nn.init.constant_(self.centre[-1].bias, math.log(PRIOR / (1 - PRIOR)))

    def forward(self, images: torch.Tensor) -> Maps:
        """`images`: B x 3 x height x width, uint8; edges are multiples of 32."""
        options = {"indices": self.levels, "stop_early": True, "intermediates_only": True}
        features = self.aggregation(self.backbone.forward_intermediates(images.float() / 255, **options))
        return Maps(*(head(features) for head in (self.centre, self.edges, self.shift, self.appearance)))


def head(before: int, hidden: int, outputs: int) -> nn.Sequential:
    """A head: 3x3 convolution, ReLU, 1x1 convolution, which says 0 at first where it has no input."""
    last = nn.Conv2d(hidden, outputs, 1)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(before, hidden, 3, padding=1), nn.ReLU(), last)


def fairmot(args: argparse.Namespace) -> FairMOT:
    """FairMOT on DLA-34, of these widths (six as published, four or five in a smaller one)."""
    network = FairMOT(args.widths, args.hidden, args.appearance)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = args.norm_momentum
    return network


MODELS: dict[str, Callable[[argparse.Namespace], nn.Module]] = {"fairmot": fairmot}
