"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it.

A model takes volumes (B x 1 x D x H x W) and gives scores (B x CLASSES x D x H x W).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from monai.networks.nets import DynUNet
from torch import nn

#: Background, kidney, tumour.
CLASSES = 3
#: Channels of the six levels of the published model.
FILTERS = (32, 64, 128, 256, 320, 320)


def unet3d(args: argparse.Namespace) -> nn.Module:
    """3D U-Net as MLPerf has it: instance normalisation with weights, ReLU, strides in place of pooling.

    Çiçek et al., arXiv 1606.06650 (section 2), changed as in Isensee et al., arXiv 1809.10483 (section 2.2).
    """
    below = len(args.filters) - 1
    return DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=CLASSES,
        kernel_size=[3] * (below + 1),
        strides=[1] + [2] * below,
        upsample_kernel_size=[2] * below,
        filters=args.filters,
        norm_name=("instance", {"affine": True}),
        act_name=("relu", {"inplace": True}),
        trans_bias=True,
    )


MODELS: dict[str, Callable[[argparse.Namespace], nn.Module]] = {"unet3d": unet3d}
