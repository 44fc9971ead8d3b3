"""YOLOv5 with anchors, written from published descriptions: a CSP backbone, SPPF, a PAN neck, three heads.

Sources: CSPNet (arXiv 1911.11929) for the blocks that split and join; spatial pyramid pooling (1406.4729), its three
windows made of one used three times; PANet (1803.01534) for the paths up and down; YOLOv3 (1804.02767, section 2) for
the anchors and the heads; Scaled-YOLOv4 (2011.08036) for scaling depth and width, and for how a head's numbers become
boxes; focal loss (1708.02002, section 4.1) for the heads' first biases.
"""

from __future__ import annotations

import math

import torch
from torch import nn

#: Pixels of the image for a cell of each head's map.
STRIDES = (8, 16, 32)
#: Width and height in pixels of each head's three anchors: YOLOv3's, for images of 640 pixels.
ANCHORS = (
    ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0)),
    ((30.0, 61.0), (62.0, 45.0), (59.0, 119.0)),
    ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0)),
)


class Convolution(nn.Sequential):
    """A convolution, normalised, and SiLU; it keeps height and width but for its stride."""

    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1, padding: int | None = None) -> None:
        padding = kernel // 2 if padding is None else padding
        super().__init__(
            nn.Conv2d(before, after, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(after),
            nn.SiLU(inplace=True),
        )


class Bottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, beside a shortcut where asked for."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(Convolution(channels, channels), Convolution(channels, channels, 3))
        self.shortcut = shortcut

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features of the same shape."""
        return features + self.convolutions(features) if self.shortcut else self.convolutions(features)


class CSP(nn.Module):
    """Half of the channels go through `depth` bottlenecks, half around them; a 1x1 convolution joins the two."""

    def __init__(self, before: int, after: int, depth: int, shortcut: bool = True) -> None:
        super().__init__()
        half = after // 2
        self.through = nn.Sequential(Convolution(before, half), *(Bottleneck(half, shortcut) for _ in range(depth)))
        self.around = Convolution(before, half)
        self.joined = Convolution(2 * half, after)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features (B x after x H x W)."""
        return self.joined(torch.cat([self.through(features), self.around(features)], 1))


class SPPF(nn.Module):
    """Features beside their maxima over windows of 5, 9 and 13: one pooling of 5, once, twice and three times."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halved = Convolution(channels, channels // 2)
        self.joined = Convolution(4 * (channels // 2), channels)
        self.pooling = nn.MaxPool2d(5, 1, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features of the same shape."""
        seen = [self.halved(features)]
        for _ in range(3):
            seen.append(self.pooling(seen[-1]))
        return self.joined(torch.cat(seen, 1))


class YOLOv5(nn.Module):
    """A detector with three maps of answers, at strides 8, 16 and 32, and three anchors for each cell of a map."""

    anchors: torch.Tensor  # (3 maps x 3 anchors x width and height), in pixels

    def __init__(
        self, classes: int, *, depth: float = 0.33, width: float = 0.5, size: int = 640, norm_momentum: float = 0.03
    ) -> None:
        """`depth`, `width`: shares of the largest model's; `size`: pixels an edge, which the anchors follow."""
        super().__init__()
        a, b, c, d, e = (max(8, 8 * math.ceil(width * channels / 8)) for channels in (64, 128, 256, 512, 1024))
        first, second, third, fourth = (max(1, round(depth * blocks)) for blocks in (3, 6, 9, 3))
        self.classes = classes
        self.register_buffer("anchors", torch.tensor(ANCHORS) * size / 640)
        # The backbone: to an eighth, a sixteenth and a thirty-second of the image.
        self.eighth = nn.Sequential(
            Convolution(3, a, 6, 2, 2),
            Convolution(a, b, 3, 2),
            CSP(b, b, first),
            Convolution(b, c, 3, 2),
            CSP(c, c, second),
        )
        self.sixteenth = nn.Sequential(Convolution(c, d, 3, 2), CSP(d, d, third))
        self.last = nn.Sequential(Convolution(d, e, 3, 2), CSP(e, e, fourth), SPPF(e), Convolution(e, d))
        # The neck: up to the finest map, and down again.
        self.enlarged = nn.Upsample(scale_factor=2, mode="nearest")
        self.up_to_sixteenth = nn.Sequential(CSP(2 * d, d, fourth, False), Convolution(d, c))
        self.up_to_eighth = CSP(2 * c, c, fourth, False)
        self.down_to_sixteenth, self.at_sixteenth = Convolution(c, c, 3, 2), CSP(2 * c, d, fourth, False)
        self.down_to_last, self.at_last = Convolution(d, d, 3, 2), CSP(2 * d, e, fourth, False)
        self.heads = nn.ModuleList([nn.Conv2d(channels, 3 * (5 + classes), 1) for channels in (c, d, e)])
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = 1e-3, norm_momentum
        self._begin()

    def _begin(self) -> None:
        """First answers: eight objects an image of 640 pixels, and all classes alike, so that no loss is huge."""
        for head, stride in zip(self.heads, STRIDES, strict=True):
            with torch.no_grad():
                bias = head.bias.view(3, -1)
                bias[:, 4] += math.log(8 / (640 / stride) ** 2)
                bias[:, 5:] += math.log(0.6 / max(self.classes - 0.99999, 0.6))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Three maps (B x H x W x 3 anchors x 5 + classes) of images (B x 3 x 32h x 32w, 0 to 255 in 8 bits).

        The last dimension is x, y, width and height (as `boxes.decoded` reads them), object or not, and the classes.
        """
        eighth = self.eighth(images.float() / 255)
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        sixteenth = self.up_to_sixteenth(torch.cat([self.enlarged(last), sixteenth], 1))
        eighth = self.up_to_eighth(torch.cat([self.enlarged(sixteenth), eighth], 1))
        sixteenth = self.at_sixteenth(torch.cat([self.down_to_sixteenth(eighth), sixteenth], 1))
        last = self.at_last(torch.cat([self.down_to_last(sixteenth), last], 1))
        answers = (head(features) for head, features in zip(self.heads, (eighth, sixteenth, last), strict=True))
        # With channels last in memory this is a view.
        return [answer.permute(0, 2, 3, 1).unflatten(3, (3, -1)) for answer in answers]
