"""Wave-MLP: an image's tokens as waves, whose phases say how they add up.

Tang, Han, Guo, Xu, Li, Xu, Wang: "An Image Patch is a Wave: Phase-Aware Vision MLP", https://arxiv.org/abs/2111.12294;
section 3 has the token mixing and the block. Feature maps are B x channels x height x width throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torchvision.ops import StochasticDepth

DEPTHS, WIDTHS = (2, 2, 4, 2), (64, 128, 320, 512)  # blocks and channels of each stage, of Wave-MLP-T and T*
WINDOW = 7  # tokens in a row that are mixed, in a line or a column
EXPANSION = 4  # of the channels, inside of a channel MLP

Norm = Callable[[int], nn.Module]


def channel_mlp(channels: int, inner: int, outputs: int) -> nn.Sequential:
    """Two fully connected layers over the channels of each token."""
    return nn.Sequential(nn.Conv2d(channels, inner, 1), nn.GELU(), nn.Conv2d(inner, outputs, 1))


class Waves(nn.Module):
    """Mixes the tokens of a line (or column) as waves.

    Each token has an amplitude |z| and a phase θ, both estimated from the token. By Euler's formula the wave's real
    part is |z| cos θ and its imaginary part |z| sin θ; each is added up over the window with weights of its own.
    """

    def __init__(self, channels: int, window: tuple[int, int], norm: Norm, depthwise: bool) -> None:
        super().__init__()
        self.amplitude = nn.Conv2d(channels, channels, 1, bias=False)
        estimate = (
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
            if depthwise
            else nn.Conv2d(channels, channels, 1)
        )
        self.phase = nn.Sequential(estimate, norm(channels), nn.ReLU())
        padding = (window[0] // 2, window[1] // 2)
        self.real, self.imaginary = (
            nn.Conv2d(channels, channels, window, padding=padding, groups=channels, bias=False) for _ in range(2)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns tokens, as many."""
        amplitude, phase = self.amplitude(tokens), self.phase(tokens)
        mixed: torch.Tensor = self.real(amplitude * phase.cos()) + self.imaginary(amplitude * phase.sin())
        return mixed


class TokenMixing(nn.Module):
    """The paper's PATM: waves along lines, waves along columns and the token itself, weighed against each other.

    The three weights of a channel are of the whole image and add up to 1.
    """

    def __init__(self, channels: int, norm: Norm, depthwise: bool) -> None:
        super().__init__()
        self.lines = Waves(channels, (1, WINDOW), norm, depthwise)
        self.columns = Waves(channels, (WINDOW, 1), norm, depthwise)
        self.own = nn.Conv2d(channels, channels, 1, bias=False)
        self.weights = channel_mlp(channels, channels // 4, 3 * channels)
        self.together = nn.Conv2d(channels, channels, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns tokens, as many."""
        lines, columns, own = self.lines(tokens), self.columns(tokens), self.own(tokens)
        pooled = (lines + columns + own).mean((2, 3), keepdim=True)
        weights = self.weights(pooled).unflatten(1, (-1, 3)).softmax(2)
        first, second, third = weights.unbind(2)
        mixed: torch.Tensor = self.together(lines * first + columns * second + own * third)
        return mixed


class Block(nn.Module):
    """Token mixing, then a channel MLP, each after a normalisation and beside a shortcut."""

    def __init__(self, channels: int, norm: Norm, depthwise: bool, dropped: float) -> None:
        super().__init__()
        self.mixing = nn.Sequential(norm(channels), TokenMixing(channels, norm, depthwise))
        self.channels = nn.Sequential(norm(channels), channel_mlp(channels, EXPANSION * channels, channels))
        self.drop = StochasticDepth(dropped, "row")

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns tokens, as many."""
        tokens = tokens + self.drop(self.mixing(tokens))
        mixed: torch.Tensor = tokens + self.drop(self.channels(tokens))
        return mixed


class WaveMLP(nn.Module):
    """Stages of blocks, each of a quarter of the tokens of the one before; a mean over tokens; a linear layer.

    Args:
        classes: of the answer.
        depths: blocks of each stage.
        widths: channels of each stage.
        depthwise: whether phases are estimated by a 3x3 depthwise convolution, and not by a fully connected layer.
        dropped: probability that a sample skips the last block's branches; it grows evenly from 0 at the first block.
        norm_momentum: of the normalisations' running means.
    """

    def __init__(
        self,
        classes: int,
        depths: Sequence[int] = DEPTHS,
        widths: Sequence[int] = WIDTHS,
        *,
        depthwise: bool = True,
        dropped: float = 0.0,
        norm_momentum: float = 0.1,
    ) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module:
            return nn.BatchNorm2d(channels, momentum=norm_momentum)

        shares = iter(torch.linspace(0, dropped, sum(depths), device="cpu").tolist())
        layers: list[nn.Module] = []
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            if stage == 0:
                layers += [nn.Conv2d(3, width, 7, stride=4, padding=2), norm(width)]
            else:
                layers += [nn.Conv2d(widths[stage - 1], width, 3, stride=2, padding=1), norm(width)]
            layers += [Block(width, norm, depthwise, next(shares)) for _ in range(depth)]
        self.features = nn.Sequential(*layers, norm(widths[-1]))
        self.answer = nn.Linear(widths[-1], classes)
        nn.init.trunc_normal_(self.answer.weight, std=0.02)
        nn.init.zeros_(self.answer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns a score for each class (B x classes)."""
        scores: torch.Tensor = self.answer(self.features(images).mean((2, 3)))
        return scores
