"""Spectrograms that no disk holds: each symbol has a spectrum and lasts as long as it always does, under noise.

Texts are random. Whoever knows the spectra, the durations and the text is wrong by the noise alone: an error of
NOISE^2 for each of the two mels. Whoever hears the frames before, and does not see the text, does not know which symbol
comes next; whoever knows nothing is wrong by a deviation of 1 and the noise.
"""

from __future__ import annotations

import torch
from tacotron2 import BINS, SYMBOLS, Clips

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

NOISE = 0.3
DURATIONS = 5  # that there are, one frame apart: with a shortest of 4 frames, symbols last 4 to 8


class GeneratedClips(Generated):
    """A source of `Clips` of between half of `longest` frames and all, of symbols of `shortest` frames and more."""

    name = "spectra-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        training_samples: int,
        evaluation_samples: int,
        symbols: int = SYMBOLS,
        bins: int = BINS,
        longest: int = 832,
        shortest: int = 4,
    ) -> None:
        """Raises ValueError where not even half of the frames have room for the longest symbol."""
        if longest < 2 * (shortest + DURATIONS):
            raise ValueError(f"clips of {longest} frames are too short: {2 * (shortest + DURATIONS)} are needed")
        super().__init__(
            run, batch_size=batch_size, training_samples=training_samples, evaluation_samples=evaluation_samples
        )
        self.longest, self._most = longest, longest // (shortest + 1)  # frames, symbols
        spectra = torch.randn((symbols, bins), generator=torch.Generator().manual_seed(1))
        self.spectra = spectra.to(run.device)
        self.durations = (shortest + torch.arange(symbols) % DURATIONS).to(run.device)

    def made(self, count: int, generator: torch.Generator) -> Clips:
        """Symbols are drawn until no more fits into the frames that are drawn; the last that fits ends the clip."""
        options = {"generator": generator, "device": self.device}
        symbols = torch.randint(1, len(self.spectra), (count, self._most), **options)
        room = torch.randint(self.longest // 2, self.longest + 1, (count, 1), **options)
        fits = self.durations[symbols].cumsum(1) <= room
        symbols, lengths = symbols * fits, fits.sum(1)
        frames = (self.durations[symbols] * fits).sum(1)
        there = torch.arange(self.longest, device=self.device) < frames.unsqueeze(1)
        mels = self.known(symbols) + NOISE * torch.randn(count, self.longest, self.spectra.shape[1], **options)
        return Clips(symbols, lengths, mels * there.unsqueeze(2), frames)

    def known(self, symbols: torch.Tensor) -> torch.Tensor:
        """The mels (B x frames x bins) without noise; beyond a clip's end they mean nothing."""
        ends = (self.durations[symbols] * (symbols > 0)).cumsum(1)
        frame = torch.arange(self.longest, device=self.device).expand(len(symbols), -1).contiguous()
        place = torch.searchsorted(ends, frame, right=True).clamp(max=symbols.shape[1] - 1)
        return self.spectra[symbols.gather(1, place)]
