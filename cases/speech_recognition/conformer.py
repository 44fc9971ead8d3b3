"""The Conformer's encoder (Gulati et al., arXiv 2005.08100, section 2), written from the paper.

Shapes: B utterances, T places in time, W the width.
"""

from __future__ import annotations

import torch
from attention import RelativeAttention, sinusoids
from torch import nn


def subsampled(frames: torch.Tensor) -> torch.Tensor:
    """How many places two convolutions of 3 that stride by 2, without padding, leave of so many frames; 1 at least."""
    return (((frames - 1) // 2 - 1) // 2).clamp(min=1)


class Subsampling(nn.Module):
    """Two convolutions over time and frequency leave a quarter of the frames, 40 ms each (2.1)."""

    def __init__(self, bins: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2), nn.ReLU(), nn.Conv2d(width, width, 3, stride=2), nn.ReLU()
        )
        self.output = nn.Linear(width * (((bins - 1) // 2 - 1) // 2), width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Takes B x frames x bins, returns B x T x W."""
        return self.output(self.convolutions(features.unsqueeze(1)).permute(0, 2, 3, 1).flatten(2))


class FeedForward(nn.Sequential):
    """Two linear layers with Swish between them (2.3)."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        layers = (nn.Linear(width, hidden), nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        super().__init__(*layers, nn.Dropout(dropout))


class Convolution(nn.Module):
    """A gated linear layer, a convolution over time of each channel, a normalisation, Swish, a linear layer (2.2)."""

    def __init__(self, width: int, kernel: int, dropout: float, norm_momentum: float) -> None:
        super().__init__()
        self.gated = nn.Sequential(nn.Linear(width, 2 * width), nn.GLU(dim=-1))
        self.over_time = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width),
            nn.BatchNorm1d(width, momentum=norm_momentum),
            nn.SiLU(),
        )
        self.output = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))

    def forward(self, states: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Takes B x T x W, and where there is speech (B x T x 1)."""
        gated = self.gated(states) * present
        return self.output(self.over_time(gated.transpose(1, 2)).transpose(1, 2))


class Block(nn.Module):
    """Half a feed-forward, attention, convolution, the other half, a normalisation; each adds to its input (2.4)."""

    def __init__(self, width: int, heads: int, hidden: int, kernel: int, dropout: float, norm_momentum: float) -> None:
        super().__init__()
        self.first, self.second = FeedForward(width, hidden, dropout), FeedForward(width, hidden, dropout)
        self.attention = RelativeAttention(width, heads)
        self.convolution = Convolution(width, kernel, dropout, norm_momentum)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: torch.Tensor, distances: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Takes B x T x W, the sinusoids of distances (2T-1 x W), and where there is speech (B x T x 1)."""
        allowed = present.transpose(1, 2).unsqueeze(1)
        states = states + self.first(self.norms[0](states)) / 2
        states = states + self.dropout(self.attention(self.norms[1](states), distances, allowed))
        states = states + self.convolution(self.norms[2](states), present)
        states = states + self.second(self.norms[3](states)) / 2
        return self.norms[4](states)


class Encoder(nn.Module):
    """Blocks on subsampled filter banks."""

    def __init__(
        self,
        *,
        bins: int = 80,
        blocks: int = 12,
        width: int = 256,
        heads: int = 4,
        hidden: int = 2048,
        kernel: int = 15,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
    ) -> None:
        """Raises ValueError for a kernel that has no middle."""
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"a kernel of {kernel} places has no middle: an odd number is needed")
        self.width = width
        self.subsampling = Subsampling(bins, width)
        self.dropout = nn.Dropout(dropout)
        made = (Block(width, heads, hidden, kernel, dropout, norm_momentum) for _ in range(blocks))
        self.blocks = nn.ModuleList(made)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Takes filter banks (B x frames x bins) and how many frames are speech (B); returns B x T x W, and of T."""
        states = self.subsampling(features)
        places, lengths = states.shape[1], subsampled(frames)
        present = (torch.arange(places, device=frames.device) < lengths.unsqueeze(1)).unsqueeze(2)
        apart = torch.arange(places - 1, -places, -1, device=frames.device)
        distances = self.dropout(sinusoids(apart, self.width))
        states = self.dropout(states * self.width**0.5)
        for block in self.blocks:
            states = block(states, distances, present)
        return self.norm(states), lengths
