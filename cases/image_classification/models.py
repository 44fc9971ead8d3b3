"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
import torchvision
from torch import nn
from wave_mlp import DEPTHS, WIDTHS, WaveMLP

#: Of ImageNet's pixels, 0 to 255, by channel.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class Normalised(nn.Module):
    """A model that takes images as they are stored, 0 to 255 in 8 bits: the card makes numbers of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns a score for each class."""
        return self.model((images.float() - self.mean) * self.scale)


def resnet50(classes: int, args: argparse.Namespace) -> nn.Module:
    """ResNet-50 v1.5; each block is the identity at first (the last normalisation's scale is 0)."""
    norm = partial(nn.BatchNorm2d, momentum=args.norm_momentum)
    return torchvision.models.resnet50(num_classes=classes, zero_init_residual=True, norm_layer=norm)


def wave_mlp_t_dw(classes: int, args: argparse.Namespace) -> nn.Module:
    """Wave-MLP-T* of the paper: depthwise convolutions give phases. Smaller where `--depths` and `--widths` say so."""
    depths, widths = args.depths or DEPTHS, args.widths or WIDTHS
    return WaveMLP(classes, depths, widths, dropped=args.drop_path, norm_momentum=args.norm_momentum)


MODELS: dict[str, Callable[[int, argparse.Namespace], nn.Module]] = {
    "resnet50": resnet50,
    "wave_mlp_t_dw": wave_mlp_t_dw,
}
