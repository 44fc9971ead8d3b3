"""Tacotron 2 (Shen and others, arXiv 1712.05884): from symbols to a mel spectrogram, with attention that moves on.

Written from the paper's section 2.2; what it leaves open (dropout in the decoder) is as in NVIDIA's sizes: 28,193,153
parameters. Training is teacher-forced: a frame is predicted from the text and from the true frames before it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

SYMBOLS, BINS = 148, 80


class Clips(NamedTuple):
    """A batch: symbols (B x L, 0 is padding), of texts so long (B); mels (B x T x bins), of so many frames (B)."""

    symbols: torch.Tensor
    lengths: torch.Tensor
    mels: torch.Tensor
    frames: torch.Tensor


class Said(NamedTuple):
    """What was predicted: mels before and after the last convolutions (B x T x bins), logits of the end (B x T)."""

    mels: torch.Tensor
    refined: torch.Tensor
    ends: torch.Tensor


class Sizes(NamedTuple):
    """The sizes of a model and its shares of dropout; the defaults are the published ones."""

    symbols: int = SYMBOLS
    bins: int = BINS
    width: int = 512  # of the encoder and the last convolutions
    recurrent: int = 1024
    prenet: int = 256
    dropout: float = 0.5  # after convolutions
    prenet_dropout: float = 0.5
    recurrent_dropout: float = 0.1
    norm_momentum: float = 0.1


def places(lengths: torch.Tensor, count: int) -> torch.Tensor:
    """Which of so many places are there (B x count)."""
    return torch.arange(count, device=lengths.device) < lengths.unsqueeze(1)


class Convolution(nn.Sequential):
    """Over five places, normalised; takes and returns B x channels x places."""

    def __init__(self, inside: int, outside: int, sizes: Sizes, activation: nn.Module) -> None:
        super().__init__(
            nn.Conv1d(inside, outside, 5, padding=2),
            nn.BatchNorm1d(outside, momentum=sizes.norm_momentum),
            activation,
            nn.Dropout(sizes.dropout),
        )
        gain = "linear" if isinstance(activation, nn.Identity) else type(activation).__name__.lower()
        nn.init.xavier_uniform_(self[0].weight, nn.init.calculate_gain(gain))


class Encoder(nn.Module):
    """From symbols to what is said at their places (B x L x width); 0 where none is. Padding changes nothing."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.symbols, sizes.width)
        nn.init.xavier_uniform_(self.embedding.weight)
        self.convolutions = nn.ModuleList(Convolution(sizes.width, sizes.width, sizes, nn.ReLU()) for _ in range(3))
        self.onward = nn.LSTM(sizes.width, sizes.width // 2, batch_first=True)
        self.turned = nn.LSTM(sizes.width, sizes.width // 2, batch_first=True)

    def forward(self, symbols: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Texts are turned round one by one: packing them would need their lengths on the host."""
        there = places(lengths, symbols.shape[1])
        found = self.embedding(symbols).transpose(1, 2) * there.unsqueeze(1)
        for convolution in self.convolutions:
            found = convolution(found) * there.unsqueeze(1)
        found = found.transpose(1, 2)
        place = torch.arange(symbols.shape[1], device=symbols.device).expand_as(symbols)
        other_way = torch.where(there, lengths.unsqueeze(1) - 1 - place, place).unsqueeze(2)
        last = self.turned(found.gather(1, other_way.expand_as(found)))[0]
        both = torch.cat((self.onward(found)[0], last.gather(1, other_way.expand_as(last))), dim=2)
        return both * there.unsqueeze(2)


class State(NamedTuple):
    """Where the attention is: its LSTM, the text it sees (B x width), its weights, and their sum so far (B x L)."""

    hidden: torch.Tensor
    cell: torch.Tensor
    seen: torch.Tensor
    weights: torch.Tensor
    summed: torch.Tensor


class Attention(nn.Module):
    """One step of the first LSTM, and of the location-sensitive attention that it steers (arXiv 1506.07503)."""

    DEPTH, FILTERS, KERNEL = 128, 32, 31

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dropout = nn.Dropout(sizes.recurrent_dropout)
        self.lstm = nn.LSTMCell(sizes.prenet + sizes.width, sizes.recurrent)
        self.query = nn.Linear(sizes.recurrent, self.DEPTH, bias=False)
        self.key = nn.Linear(sizes.width, self.DEPTH, bias=False)
        self.location = nn.Conv1d(2, self.FILTERS, self.KERNEL, padding=self.KERNEL // 2, bias=False)
        self.located = nn.Linear(self.FILTERS, self.DEPTH, bias=False)
        self.score = nn.Linear(self.DEPTH, 1, bias=False)
        for layer in (self.query, self.key, self.location, self.located):
            nn.init.xavier_uniform_(layer.weight, nn.init.calculate_gain("tanh"))
        nn.init.xavier_uniform_(self.score.weight)

    def begun(self, text: torch.Tensor) -> State:
        """The state before the first frame; none of its parts is another's tensor, as a compiler tells these apart."""
        hidden, cell = (text.new_zeros(len(text), self.lstm.hidden_size) for _ in range(2))
        weights, summed = (torch.zeros(text.shape[:2], device=text.device) for _ in range(2))
        return State(hidden, cell, torch.zeros_like(text[:, 0]), weights, summed)

    def forward(
        self, heard: torch.Tensor, state: State, text: torch.Tensor, keys: torch.Tensor, absent: torch.Tensor
    ) -> State:
        """heard: the frame before (B x prenet); text: B x L x width, keys: of it; absent: where none is (B x L)."""
        hidden, cell = self.lstm(torch.cat((heard, state.seen), dim=1), (state.hidden, state.cell))
        hidden = self.dropout(hidden)
        before = self.location(torch.stack((state.weights, state.summed), dim=1)).transpose(1, 2)
        scores = self.score(torch.tanh(keys + self.query(hidden).unsqueeze(1) + self.located(before))).squeeze(2)
        weights = torch.softmax(scores.float().masked_fill(absent, -torch.inf), dim=1)
        seen = torch.bmm(weights.unsqueeze(1).to(text.dtype), text).squeeze(1)
        return State(hidden, cell, seen, weights, state.summed + weights)


class Tacotron2(nn.Module):
    """The whole model."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Sizes()
        self.encoder = Encoder(sizes)
        self.prenet = nn.ModuleList(
            nn.Linear(inside, sizes.prenet, bias=False) for inside in (sizes.bins, sizes.prenet)
        )
        self.attention = Attention(sizes)
        self.decoder = nn.LSTM(sizes.recurrent + sizes.width, sizes.recurrent, batch_first=True)
        self.dropout = nn.Dropout(sizes.recurrent_dropout)
        self.mel = nn.Linear(sizes.recurrent + sizes.width, sizes.bins)
        self.end = nn.Linear(sizes.recurrent + sizes.width, 1)
        for layer in (*self.prenet, self.mel, self.end):
            nn.init.xavier_uniform_(layer.weight)
        widths = [sizes.bins, *[sizes.width] * 4, sizes.bins]
        self.postnet = nn.Sequential(
            *(
                Convolution(inside, outside, sizes, nn.Identity() if place == 4 else nn.Tanh())
                for place, (inside, outside) in enumerate(pairwise(widths))
            )
        )

    def forward(self, symbols: torch.Tensor, lengths: torch.Tensor, mels: torch.Tensor) -> Said:
        """Predicts every frame of mels from the frames before it."""
        text = self.encoder(symbols, lengths)
        keys, absent = self.attention.key(text), ~places(lengths, symbols.shape[1])
        heard = self.heard(functional.pad(mels[:, :-1], (0, 0, 1, 0)))
        state, steered, seen = self.attention.begun(text), [], []
        for frame in heard.unbind(1):
            state = self.attention(frame, state, text, keys, absent)
            steered.append(state.hidden)
            seen.append(state.seen)
        context = torch.stack(seen, dim=1)
        # Nothing that the second LSTM says steers the attention, so that it takes all frames at once.
        spoken = self.decoder(torch.cat((torch.stack(steered, dim=1), context), dim=2))[0]
        spoken = torch.cat((self.dropout(spoken), context), dim=2)
        said = self.mel(spoken)
        refined = said + self.postnet(said.transpose(1, 2)).transpose(1, 2)
        return Said(said, refined, self.end(spoken).squeeze(2))

    def heard(self, frames: torch.Tensor) -> torch.Tensor:
        """The frames as the attention hears them (B x T x prenet); the dropout stays in evaluation (section 2.2)."""
        for layer in self.prenet:
            frames = functional.dropout(torch.relu(layer(frames)), self.sizes.prenet_dropout, training=True)
        return frames


def errors(said: Said, clips: Clips) -> torch.Tensor:
    """Of each frame (B x T; 0 beyond a clip's end): squared errors of both mels, and the cross-entropy of its end."""
    mels = clips.mels.float()
    squared = (said.mels.float() - mels).square().mean(2) + (said.refined.float() - mels).square().mean(2)
    place = torch.arange(mels.shape[1], device=mels.device)
    ended = (place >= clips.frames.unsqueeze(1) - 1).float()
    crossed = functional.binary_cross_entropy_with_logits(said.ends.float(), ended, reduction="none")
    return (squared + crossed) * places(clips.frames, mels.shape[1])
