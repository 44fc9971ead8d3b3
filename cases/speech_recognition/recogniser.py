"""An encoder with two heads, trained together: CTC and a transformer decoder (Watanabe et al., hybrid CTC/attention,
IEEE Journal of Selected Topics in Signal Processing 11, 2017).

Tokens: 0 is CTC's blank, then come the characters, one for all unknown characters, one for start and end.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from attention import Attention, sinusoids
from conformer import Encoder
from torch import nn
from torch.nn import functional

BLANK = 0
#: Tokens that are no characters: blank, unknown, start and end.
SPECIAL = 3
IGNORED = -100


class Speech(NamedTuple):
    """A batch of utterances.

    waves: B x samples, int16, at 16 kHz, padded. samples: of each (B).
    characters: B x N tokens, padded with 0. counts: of each (B).
    """

    waves: torch.Tensor
    samples: torch.Tensor
    characters: torch.Tensor
    counts: torch.Tensor


class Heard(NamedTuple):
    """What the model makes of a batch: scores by CTC (B x T x tokens), of T, and by the decoder (B x N+1 x tokens)."""

    scores: torch.Tensor
    lengths: torch.Tensor
    decoded: torch.Tensor


class DecoderBlock(nn.Module):
    """Attention to the text so far, to the speech, a feed-forward; each adds to its input (arXiv 1706.03762, 3.1)."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.to_text, self.to_speech = Attention(width, heads), Attention(width, heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: torch.Tensor, speech: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        """Takes B x N x W, B x T x W, and where there is speech (B x 1 x 1 x T)."""
        own = self.norms[0](text)
        text = text + self.dropout(self.to_text(own, own, causal=True))
        text = text + self.dropout(self.to_speech(self.norms[1](text), speech, allowed))
        return text + self.dropout(self.feed_forward(self.norms[2](text)))


class Decoder(nn.Module):
    """Scores for each next character, from those before it and the speech."""

    def __init__(self, tokens: int, blocks: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.blocks = nn.ModuleList(DecoderBlock(width, heads, hidden, dropout) for _ in range(blocks))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, tokens)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: torch.Tensor, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Takes tokens (B x N), B x T x W and how many of T are speech (B); returns B x N x tokens."""
        states = self.embedding(text)
        width = states.shape[-1]
        states = self.dropout(states * width**0.5 + sinusoids(torch.arange(text.shape[1], device=text.device), width))
        allowed = torch.arange(speech.shape[1], device=lengths.device) < lengths.view(-1, 1, 1, 1)
        for block in self.blocks:
            states = block(states, speech, allowed)
        return self.output(self.norm(states))


class Recogniser(nn.Module):
    """Characters from filter banks."""

    def __init__(
        self, encoder: Encoder, characters: int, *, decoder_blocks: int, heads: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        tokens = characters + SPECIAL
        self.characters = characters
        self.encoder = encoder
        self.output = nn.Linear(encoder.width, tokens)
        self.decoder = Decoder(tokens, decoder_blocks, encoder.width, heads, hidden, dropout)

    def forward(self, features: torch.Tensor, frames: torch.Tensor, characters: torch.Tensor) -> Heard:
        """Takes filter banks (B x frames x bins), how many frames are speech (B), and what is said (B x N)."""
        speech, lengths = self.encoder(features, frames)
        begun = functional.pad(characters, (1, 0), value=self.characters + SPECIAL - 1)
        return Heard(self.output(speech), lengths, self.decoder(begun, speech, lengths))

    def recognised(self, features: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """The likeliest token of each place (B x T), CTC's blank beyond the speech; the unknown is never one."""
        speech, lengths = self.encoder(features, frames)
        best = self.output(speech)[..., : 1 + self.characters].argmax(-1)
        return best * (torch.arange(best.shape[1], device=best.device) < lengths.unsqueeze(1))


def hybrid_loss(heard: Heard, batch: Speech, *, ctc_weight: float, smoothing: float) -> torch.Tensor:
    """Loss of an utterance, on average: a share of CTC's, the rest is the decoder's smoothed cross-entropy."""
    by_time = heard.scores.float().log_softmax(-1).transpose(0, 1)
    spelt = (batch.characters, heard.lengths, batch.counts)
    ctc = functional.ctc_loss(by_time, *spelt, blank=BLANK, reduction="sum", zero_infinity=True)
    end = heard.decoded.shape[-1] - 1
    places = torch.arange(heard.decoded.shape[1], device=batch.counts.device)
    following = functional.pad(batch.characters, (0, 1))
    following = following.masked_fill(places == batch.counts.unsqueeze(1), end)
    following = following.masked_fill(places > batch.counts.unsqueeze(1), IGNORED)
    smoothed = {"ignore_index": IGNORED, "label_smoothing": smoothing, "reduction": "sum"}
    decoder = functional.cross_entropy(heard.decoded.float().flatten(0, 1), following.flatten(), **smoothed)
    return (ctc_weight * ctc + (1 - ctc_weight) * decoder) / len(batch.counts)
