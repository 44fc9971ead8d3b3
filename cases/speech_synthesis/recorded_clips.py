"""Clips of LJSpeech-1.1: metadata.csv (a line of name|text|text as it is spoken for each) and wavs/<name>.wav."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
import torch
from tacotron2 import BINS, Clips
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers.audio_utils import mel_filter_bank

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

RATE = 22_050  # Hz
WINDOW, HOP = 1024, 256  # samples
HIGHEST = 8000.0  # Hz
FLOOR = 1e-5  # the smallest value of a mel before the logarithm
#: A symbol is its place in here. The model's 84 further symbols, ARPAbet's sounds, are in no text.
CHARACTERS = "_-!'(),.:;? ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Of so many lines the first is evaluated: 100 of 13,100.
HELD_OUT = 131
#: Batches are as long as their longest clip, rounded up to this: few shapes, for which a card prepares once.
STEP_FRAMES, STEP_SYMBOLS = 64, 16


def symbols_of(text: str) -> list[int]:
    """The symbols of a text: in lower case, accents removed; what is no symbol is left out."""
    plain = unicodedata.normalize("NFKD", text).lower()
    return [CHARACTERS.index(character) for character in plain if character in CHARACTERS[1:]]


def listed(path: Path) -> list[tuple[str, list[int]]]:
    """Names and symbols of all clips. Raises SystemExit for a file that is missing and a line that is none of it."""
    if not path.is_file():
        raise SystemExit(f"{path}: no such file; --data is to be the folder LJSpeech-1.1")
    clips = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split("|")
        symbols = symbols_of(columns[-1])
        if len(columns) != 3 or not symbols:
            raise SystemExit(f"{path}, line {number}: not name|text|text as it is spoken: {line[:40]!r}")
        clips.append((columns[0], symbols))
    return clips


def read(path: Path) -> torch.Tensor:
    """A wave (samples, from -1 to 1). Raises ValueError where it cannot be read or is not one channel at 22,050 Hz."""
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except (OSError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    if rate != RATE or wave.ndim != 1 or len(wave) < WINDOW:
        seen = f"{wave.shape[1] if wave.ndim > 1 else 1} channel(s) at {rate} Hz, {len(wave)} samples"
        raise ValueError(f"{path}: {seen}; one channel at {RATE} Hz is needed, with {WINDOW} samples at least")
    return torch.from_numpy(wave)


class Mels:
    """Log mel spectrograms as the model is trained on: 80 bins up to 8 kHz (Slaney's), of magnitudes, every 11.6 ms."""

    def __init__(self) -> None:
        filters = mel_filter_bank(WINDOW // 2 + 1, BINS, 0.0, HIGHEST, RATE, norm="slaney", mel_scale="slaney")
        self._filters = torch.from_numpy(filters).float()
        self._window = torch.hann_window(WINDOW)

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        """Frames (samples // HOP + 1) x bins."""
        spectrum = torch.stft(wave, WINDOW, HOP, window=self._window, return_complex=True).abs()
        return (spectrum.T @ self._filters).clamp(min=FLOOR).log()


class Recordings(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Symbols (int64) and mel spectrograms (frames x bins) of clips; the worker that reads them makes them."""

    def __init__(self, folder: Path, clips: Sequence[tuple[str, list[int]]]) -> None:
        self._folder, self._clips, self._mels = folder, clips, Mels()

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        name, symbols = self._clips[index]
        return torch.tensor(symbols), self._mels(read(self._folder / f"{name}.wav"))


def together(clips: list[tuple[torch.Tensor, torch.Tensor]]) -> Clips:
    """A batch of clips, padded by 0."""
    texts, mels = zip(*clips, strict=True)
    lengths, frames = torch.tensor([len(text) for text in texts]), torch.tensor([len(mel) for mel in mels])
    symbols, padded = pad_sequence(list(texts), batch_first=True), pad_sequence(list(mels), batch_first=True)
    symbols = functional.pad(symbols, (0, -symbols.shape[1] % STEP_SYMBOLS))
    return Clips(symbols, lengths, functional.pad(padded, (0, 0, 0, -padded.shape[1] % STEP_FRAMES)), frames)


def ljspeech(root: Path, run: Run, *, batch_size: int, workers: int = 4) -> Stored:
    """A source of `Clips`. Raises SystemExit for a list that is missing or broken."""
    clips = listed(root / "metadata.csv")
    held = clips[::HELD_OUT]
    trained = [clip for place, clip in enumerate(clips) if place % HELD_OUT]
    folder = root / "wavs"
    options: dict[str, Any] = {"batch_size": batch_size, "workers": workers, "collate": together}
    return Stored(run, Recordings(folder, trained), Recordings(folder, held), **options)
