"""Speech that no disk holds: a syllable of two sounds for each character, under noise, made on the card batch by batch.

As in Chinese, a character is an initial and a final sound. A sound is 79 harmonics of 100 Hz, about half of them loud:
it repeats every 10 ms, and no two are alike. How long each character lasts, how loud an utterance is and all the noise
are random. Initials and finals are different sounds, so that they also tell where a character ends: whoever knows the
sounds is never wrong, and the ceiling is an error rate of 0 %. Who hears nothing is wrong in 100 %.
"""

from __future__ import annotations

import math

import torch
from filterbanks import HOP, WINDOW
from recogniser import Speech

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

FAINT = 0.1  # amplitude of a harmonic that is not loud
LOUDNESS = 1500.0  # of a sound (root mean square, of 32768), before the loudness of its utterance
NOISE = 0.3  # of the loudness


def sounds(count: int) -> torch.Tensor:
    """One period of each sound (count x 160 samples, root mean square 1): the same everywhere and under every seed."""
    generator = torch.Generator().manual_seed(1)
    harmonics = torch.arange(1, HOP // 2)
    loud = torch.rand((count, len(harmonics)), generator=generator) < 0.5
    phases = 2 * math.pi * torch.rand((count, len(harmonics), 1), generator=generator)
    waves = torch.sin(2 * math.pi * harmonics.unsqueeze(1) * torch.arange(HOP) / HOP + phases)
    periods = (torch.where(loud, 1.0, FAINT).unsqueeze(2) * waves).sum(1)
    return periods / periods.square().mean(1, keepdim=True).sqrt()


class GeneratedSpeech(Generated):
    """A source of generated batches: `Speech` of at most `frames` frames (10 ms) and `longest` characters."""

    name = "syllables-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        characters: int = 4230,
        frames: int = 480,
        longest: int = 16,
        training_samples: int = 120_098,
        evaluation_samples: int = 7_176,
    ) -> None:
        """Raises ValueError where the characters are too many for the frames: each needs 16 of them."""
        if frames < 16 * longest:
            raise ValueError(f"{frames} frames are too few for {longest} characters: each needs 16")
        super().__init__(
            run, batch_size=batch_size, training_samples=training_samples, evaluation_samples=evaluation_samples
        )
        self.characters = characters
        self._frames, self._longest = frames, longest
        self._initials = math.isqrt(characters - 1) + 1
        self._periods = sounds(2 * self._initials).to(run.device)

    def made(self, count: int, generator: torch.Generator) -> Speech:
        """Utterances of between 3/4 of the characters and all, and between 7/8 of the frames and all."""
        drawn = {"generator": generator, "device": self.device}
        tokens = torch.randint(1, self.characters + 1, (count, self._longest), **drawn)
        counts = torch.randint(3 * self._longest // 4, self._longest + 1, (count,), **drawn)
        frames = torch.randint(7 * self._frames // 8, self._frames + 1, (count,), **drawn)
        said = torch.arange(self._longest, device=self.device) < counts.unsqueeze(1)
        tokens = tokens * said
        weights = (2 + torch.rand(tokens.shape, **drawn)) * said
        # Places of 10 ms; a window is longer than a place, so there are two more places than frames.
        places = frames + WINDOW // HOP
        ends = weights.cumsum(1) / weights.sum(1, keepdim=True) * places.unsqueeze(1)
        halves = torch.stack((ends - weights / weights.sum(1, keepdim=True) * places.unsqueeze(1) / 2, ends), dim=2)
        place = torch.arange(self._frames + WINDOW // HOP, device=self.device, dtype=ends.dtype)
        half = torch.searchsorted(halves.flatten(1), place.expand(count, -1).contiguous(), right=True)
        which = (tokens.gather(1, (half // 2).clamp(max=self._longest - 1)) - 1).clamp(min=0)
        final = half % 2 == 1
        sound = torch.where(final, self._initials + which % self._initials, which // self._initials)
        waves = self._periods[sound]
        waves += NOISE * torch.randn(waves.shape, **drawn)
        waves *= LOUDNESS * (0.5 + torch.rand((count, 1, 1), **drawn))
        waves *= (place < places.unsqueeze(1)).unsqueeze(2)
        length = HOP * (self._frames - 1) + WINDOW
        samples = HOP * (frames - 1) + WINDOW
        waves = waves.clamp(-32768, 32767).to(torch.int16).flatten(1)[:, :length]
        return Speech(waves, samples, tokens, counts)
