"""Attention as in "Attention Is All You Need" (arXiv 1706.03762), and with relative positions (arXiv 1901.02860, 3.3).

Shapes: B utterances, T or N places, W the width of the model, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional


def sinusoids(positions: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of positions (any number, also negative), one row each (... x width); arXiv 1706.03762, 3.5."""
    steps = torch.arange(0, width, 2, device=positions.device)
    angles = positions.unsqueeze(-1) * torch.exp(steps * (-math.log(10_000) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def shifted(scores: torch.Tensor) -> torch.Tensor:
    """What each place says of each other, from what it says of each distance (B x H x T x 2T-1 to B x H x T x T).

    Distances go from T-1 down to -(T-1), a distance being that from the place asked for to the place that asks.
    """
    *batch, places, distances = scores.shape
    padded = functional.pad(scores, (1, 0)).reshape(*batch, distances + 1, places)
    return padded[..., 1:, :].reshape(*batch, places, distances)[..., :places]


class Attention(nn.Module):
    """Several heads attend to a sequence."""

    def __init__(self, width: int, heads: int) -> None:
        """Raises ValueError where the heads do not divide the width."""
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} is no multiple of {heads} heads")
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def split(self, states: torch.Tensor) -> torch.Tensor:
        """Parts the heads: B x T x W to B x H x T x W/H."""
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def joined(self, answers: torch.Tensor) -> torch.Tensor:
        """Joins the heads again."""
        return self.output(answers.transpose(1, 2).flatten(2))

    def forward(
        self, states: torch.Tensor, source: torch.Tensor, allowed: torch.Tensor | None = None, *, causal: bool = False
    ) -> torch.Tensor:
        """What each state (B x N x W) finds in the source (B x T x W), where `allowed` (B x 1 x 1 x T) is true."""
        query, key, value = self.split(self.query(states)), self.split(self.key(source)), self.split(self.value(source))
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, is_causal=causal)
        return self.joined(found)


class RelativeAttention(Attention):
    """Attention to a sequence's own places by what they hold and by how far away they are."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.position = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.empty(heads, 1, width // heads))
        self.position_bias = nn.Parameter(torch.empty(heads, 1, width // heads))
        nn.init.xavier_uniform_(self.content_bias)
        nn.init.xavier_uniform_(self.position_bias)

    def forward(self, states: torch.Tensor, distances: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """What each state (B x T x W) finds where `allowed` (B x 1 x 1 x T) is true.

        distances: sinusoids of T-1 to -(T-1) (2T-1 x W).
        """
        query, key, value = self.split(self.query(states)), self.split(self.key(states)), self.split(self.value(states))
        near = self.split(self.position(distances).unsqueeze(0))
        by_distance = shifted((query + self.position_bias.to(query.dtype)) @ near.transpose(-1, -2))
        bias = (by_distance * query.shape[-1] ** -0.5).masked_fill(~allowed, -torch.inf)
        asked = query + self.content_bias.to(query.dtype)
        return self.joined(functional.scaled_dot_product_attention(asked, key, value, attn_mask=bias))
