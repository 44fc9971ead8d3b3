"""SATRN: a transformer that reads words from images, whose encoder attends in two dimensions.

Lee, Park, Baek, Oh, Kim, Lee: "On Recognizing Texts of Arbitrary Shapes with 2D Self-Attention",
https://arxiv.org/abs/1910.04396, its section on the method: the shallow CNN, the adaptive 2D positional encoding and
the locality-aware feedforward layer of the encoder, and the transformer's decoder. What the paper leaves open is as in
MMOCR's satrn_academic: layers normalise what they are given, attention has no biases, a convolution's bias is its
normalisation's, the decoder's inner activation is GELU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from alphabet import END, PADDING, TOKENS
from torch import nn
from torch.nn import functional

#: Of ImageNet's pixels, 0 to 255, by channel.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
#: Rows, columns and characters that have a place.
PLACES = 128


@dataclass(frozen=True)
class Sizes:
    """What a model is made of; by default the published base model."""

    width: int = 512
    heads: int = 8
    feedforward: int = 2048
    encoder_layers: int = 12
    decoder_layers: int = 6
    dropout: float = 0.1


def sinusoids(places: int, width: int) -> torch.Tensor:
    """A vector for each place (places x width): Vaswani et al., https://arxiv.org/abs/1706.03762, section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def convolution(channels: int, width: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the size of the map, its normalisation and ReLU."""
    layer = nn.Conv2d(channels, width, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


class AdaptivePlaces(nn.Module):
    """Adds to a map (B x H x W x C) where its parts are; the image says how much rows and columns count.

    The paper's A2DPE: rows and columns have sinusoids, each scaled by what two layers make of the map's mean.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rows, self.columns = (
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.Sigmoid()) for _ in range(2)
        )
        self.register_buffer("places", sinusoids(PLACES, width), persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns a map of the same shape."""
        mean = features.mean((1, 2))
        rows = self.rows(mean)[:, None] * self.places[: features.shape[1]]
        columns = self.columns(mean)[:, None] * self.places[: features.shape[2]]
        return features + rows[:, :, None] + columns[:, None]


class Attention(nn.Module):
    """Multi-head attention of a sequence (B x T x C) to another (B x S x C), without biases."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads, self.dropout = sizes.heads, sizes.dropout
        self.query = nn.Linear(sizes.width, sizes.width, bias=False)
        self.key_value = nn.Linear(sizes.width, 2 * sizes.width, bias=False)
        self.out = nn.Linear(sizes.width, sizes.width, bias=False)

    def forward(self, sequence: torch.Tensor, other: torch.Tensor, causal: bool = False) -> torch.Tensor:
        """`causal`: each place attends to those before it and to itself."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(sequence), *self.key_value(other).chunk(2, -1))
        )
        dropout = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal)
        return functional.dropout(self.out(seen.transpose(1, 2).flatten(2)), dropout)


class EncoderLayer(nn.Module):
    """Attention among all places of a map (B x H x W x C), then convolutions among neighbours."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, wide = sizes.width, sizes.feedforward
        self.before_attention, self.before_convolutions = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(sizes)
        self.convolutions = nn.Sequential(
            convolution(width, wide, 1), convolution(wide, wide, 3, groups=wide), convolution(wide, width, 1)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns a map of the same shape."""
        sequence = self.before_attention(features).flatten(1, 2)
        features = features + self.attention(sequence, sequence).view_as(features)
        channels_first = self.before_convolutions(features).permute(0, 3, 1, 2)
        return features + self.convolutions(channels_first).permute(0, 2, 3, 1)


class DecoderLayer(nn.Module):
    """Attention to the characters before, attention to the image, and two layers for each character alone."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, wide = sizes.width, sizes.feedforward
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.to_word, self.to_image = Attention(sizes), Attention(sizes)
        inner = nn.Linear(width, wide), nn.GELU(), nn.Linear(wide, width)
        self.feedforward = nn.Sequential(*inner, nn.Dropout(sizes.dropout))

    def forward(self, sequence: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Sequence: B x T x C; image: B x S x C."""
        normed = self.norms[0](sequence)
        sequence = sequence + self.to_word(normed, normed, causal=True)
        sequence = sequence + self.to_image(self.norms[1](sequence), image)
        return sequence + self.feedforward(self.norms[2](sequence))


class SATRN(nn.Module):
    """Takes images as they are stored (B x 3 x H x W, 0 to 255 in 8 bits) and words as `alphabet.encoded` has them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(DEVIATION).view(1, 3, 1, 1))
        self.shallow = nn.Sequential(
            convolution(3, width // 2, 3), nn.MaxPool2d(2), convolution(width // 2, width, 3), nn.MaxPool2d(2)
        )
        self.places = AdaptivePlaces(width)
        self.encoder = nn.Sequential(*(EncoderLayer(sizes) for _ in range(sizes.encoder_layers)), nn.LayerNorm(width))
        self.characters = nn.Embedding(TOKENS, width, padding_idx=PADDING)
        self.register_buffer("order", sinusoids(PLACES, width), persistent=False)
        self.decoder = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, PADDING)  # nothing is read as padding
        self.dropout = nn.Dropout(sizes.dropout)

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """What the decoder attends to: B x (H / 4 * W / 4) x width."""
        features = self.shallow((images.float() - self.mean) * self.scale).permute(0, 2, 3, 1)
        return self.encoder(self.dropout(self.places(features))).flatten(1, 2)

    def decoded(self, image: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the character after each token (B x T x PADDING)."""
        sequence = self.dropout(self.characters(tokens) + self.order[: tokens.shape[1]])
        for layer in self.decoder:
            sequence = layer(sequence, image)
        return self.classifier(self.norm(sequence))

    def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the character after each token, the true ones before it given."""
        return self.decoded(self.encoded(images), tokens)

    def read(self, images: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The words (B x `length` at most) that the model reads, always the likeliest character next.

        And how sure it is of each (B): the mean probability of the characters before its END.
        """
        image = self.encoded(images)
        tokens, chances = torch.full((len(images), 1), END, device=images.device), []
        while tokens.shape[1] <= length and not (tokens[:, 1:] == END).any(1).all():
            chance, following = self.decoded(image, tokens)[:, -1:].float().softmax(-1).max(-1)
            tokens = torch.cat([tokens, following], 1)
            chances.append(chance)
        read = tokens[:, 1:]
        counted = (read == END).cumsum(1) == 0
        return read, (torch.cat(chances, 1) * counted).sum(1) / counted.sum(1).clamp(min=1)
