"""Log mel filter banks as Kaldi defines them, made on the card, and SpecAugment (Park et al., arXiv 1904.08779).

Kaldi's are those of WeNet's recipe: 80 bins, windows of 25 ms every 10 ms, no dither.
"""

from __future__ import annotations

import torch
from torch import nn

RATE = 16_000  # Hz
WINDOW, HOP, TRANSFORM = 400, 160, 512  # samples
BINS = 80
LOWEST = 20.0  # Hz
EMPHASIS = 0.97
FLOOR = 1.1920928955078125e-07  # the smallest energy: that of a 32-bit float's last bit at 1


def mel(hertz: torch.Tensor) -> torch.Tensor:
    """The mel scale of Kaldi (and of HTK)."""
    return 1127 * torch.log1p(hertz / 700)


def triangles(bins: int) -> torch.Tensor:
    """How much each frequency of the transform counts in each bin (TRANSFORM/2+1 x bins); straight lines in mel."""
    edges = torch.linspace(*mel(torch.tensor([LOWEST, RATE / 2], dtype=torch.float64)).tolist(), bins + 2)
    place = mel(torch.arange(TRANSFORM // 2 + 1, dtype=torch.float64) * RATE / TRANSFORM).unsqueeze(1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((place - low) / (middle - low), (high - place) / (high - middle)).clamp(min=0).float()


def frames_of(samples: torch.Tensor) -> torch.Tensor:
    """How many whole windows lie in so many samples."""
    return torch.clamp((samples - WINDOW) // HOP + 1, min=0)


class Filterbanks(nn.Module):
    """Features of waves: log mel filter banks, each bin with mean 0 and deviation 1 over the utterance."""

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64) ** 0.85  # Kaldi's, "povey"
        self.register_buffer("window", window.float())
        self.register_buffer("triangles", triangles(bins))

    def logarithms(self, waves: torch.Tensor) -> torch.Tensor:
        """Log energies (B x frames x bins) of waves (B x samples, 16-bit numbers of whatever type)."""
        with torch.autocast(waves.device.type, enabled=False):
            windows = waves.float().unfold(1, WINDOW, HOP)
            windows = windows - windows.mean(-1, keepdim=True)
            before = torch.cat((windows[..., :1], windows[..., :-1]), dim=-1)
            spectrum = torch.fft.rfft((windows - EMPHASIS * before) * self.window, TRANSFORM)
            power = spectrum.real.square() + spectrum.imag.square()
            return (power @ self.triangles).clamp(min=FLOOR).log()

    @torch.no_grad()
    def forward(self, waves: torch.Tensor, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Takes waves (B x samples) and how many samples are speech (B); returns B x frames x bins, and of frames."""
        features, frames = self.logarithms(waves), frames_of(samples)
        present = (torch.arange(features.shape[1], device=frames.device) < frames.unsqueeze(1)).unsqueeze(2)
        count = frames.clamp(min=1).view(-1, 1, 1)
        features = (features - (features * present).sum(1, keepdim=True) / count) * present
        deviation = (features.square().sum(1, keepdim=True) / count).sqrt()
        return features / (deviation + 1e-5), frames


class Masks:
    """SpecAugment: stretches of time and of frequency are set to the mean; other ones on every rank."""

    def __init__(self, device: torch.device, seed: int, *, times: int = 50, bins: int = 10, each: int = 2) -> None:
        """`times`, `bins`: the longest stretch; `each`: stretches of either in an utterance."""
        self._generator = torch.Generator(device).manual_seed(seed)
        self._times, self._bins, self._each = times, bins, each

    def __call__(self, features: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Takes and returns B x frames x bins; `frames`: how many are speech (B)."""
        bins = torch.full_like(frames, features.shape[2])
        hidden = self._stretches(frames, features.shape[1], self._times).unsqueeze(2)
        hidden = hidden | self._stretches(bins, features.shape[2], self._bins).unsqueeze(1)
        return features.masked_fill(hidden, 0)

    def _stretches(self, lengths: torch.Tensor, places: int, longest: int) -> torch.Tensor:
        """Which places are hidden (B x places)."""
        chosen = torch.rand((2, len(lengths), self._each, 1), generator=self._generator, device=lengths.device)
        width = (chosen[0] * (longest + 1)).floor()
        first = (chosen[1] * (lengths.view(-1, 1, 1) - width + 1).clamp(min=0)).floor()
        place = torch.arange(places, device=lengths.device)
        return ((place >= first) & (place < first + width)).any(1)
