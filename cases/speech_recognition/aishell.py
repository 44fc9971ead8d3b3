"""Speech of AISHELL-1: wav/{train,test}/<speaker>/<utterance>.wav and transcript/aishell_transcript_v0.8.txt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import torch
from filterbanks import HOP, RATE, WINDOW
from recogniser import Speech
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"
#: How much faster than spoken an utterance is trained on, each as likely (WeNet's recipe).
SPEEDS = (0.9, 1.0, 1.1)
#: Waves are resampled at a multiple of this length, which becomes 8800 or 7200: quick to transform, and no rounding.
RESAMPLED = 7920
#: Batches are as long as their longest utterance, rounded up to this: few shapes, for which a card prepares once.
STEP_FRAMES, STEP_CHARACTERS = 64, 8
#: Batches whose utterances are sorted by length among each other.
SORTED_BATCHES = 64


def transcripts(path: Path) -> dict[str, str]:
    """The text of each utterance, without spaces. Raises SystemExit for a line that has none."""
    texts = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if len(words) == 1:
            raise SystemExit(f"{path}, line {number}: an utterance without a text: {line[:40]}")
        if words:
            texts[words[0]] = "".join(words[1:])
    return texts


def spoken(folder: Path, texts: dict[str, str]) -> list[tuple[Path, str]]:
    """The files of a folder that have a text, from the shortest to the longest.

    As in the data set itself, some files have none. Raises SystemExit where no file has one.
    """
    found = [(path, texts[path.stem]) for path in folder.glob("*/*.wav") if path.stem in texts]
    if not found:
        raise SystemExit(f"{folder}: no <speaker>/<utterance>.wav that {TRANSCRIPT} has a text for")
    return sorted(found, key=lambda utterance: (utterance[0].stat().st_size, utterance[0]))


class Utterances(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Waves (samples, int16, 16 kHz) and tokens; where they are trained on, at a speed drawn by chance."""

    def __init__(self, utterances: Sequence[tuple[Path, str]], tokens: dict[str, int], *, speeds: bool = False) -> None:
        """`tokens`: of each character; others are the unknown one, the next after them."""
        self._utterances, self._tokens, self._speeds = utterances, tokens, speeds

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        path, text = self._utterances[index]
        unknown = len(self._tokens) + 1
        wave = read(path)
        if self._speeds:
            wave = faster(wave, SPEEDS[int(torch.randint(len(SPEEDS), ()))])
        return wave, torch.tensor([self._tokens.get(character, unknown) for character in text])


def read(path: Path) -> torch.Tensor:
    """A wave (samples, int16). Raises ValueError where a file cannot be read or is not one channel at 16 kHz."""
    try:
        wave, rate = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    if rate != RATE or wave.ndim != 1 or len(wave) < WINDOW:
        seen = f"{wave.shape[1] if wave.ndim > 1 else 1} channel(s) at {rate} Hz, {len(wave)} samples"
        raise ValueError(f"{path}: {seen}; one channel at {RATE} Hz is needed, with {WINDOW} samples at least")
    return torch.from_numpy(wave)


def faster(wave: torch.Tensor, speed: float) -> torch.Tensor:
    """The wave (int16) played so many times faster, and higher by as much: resampled through its whole spectrum."""
    if speed == 1.0:
        return wave
    padded = -(-len(wave) // RESAMPLED) * RESAMPLED
    length = round(padded / speed)
    resampled = torch.fft.irfft(torch.fft.rfft(wave.float(), padded), length) * (length / padded)
    resampled = resampled[: max(WINDOW, round(len(wave) / speed))]
    return resampled.round().clamp(-32768, 32767).to(torch.int16)


def together(utterances: list[tuple[torch.Tensor, torch.Tensor]]) -> Speech:
    """A batch of utterances, padded."""
    waves, texts = zip(*utterances, strict=True)
    samples, counts = torch.tensor([len(wave) for wave in waves]), torch.tensor([len(text) for text in texts])
    frames = (int(samples.max()) - WINDOW) // HOP + 1
    length = WINDOW + HOP * (-(-frames // STEP_FRAMES) * STEP_FRAMES)
    longest = -(-int(counts.max()) // STEP_CHARACTERS) * STEP_CHARACTERS
    padded, tokens = pad_sequence(list(waves), batch_first=True), pad_sequence(list(texts), batch_first=True)
    padded = functional.pad(padded, (0, length - padded.shape[1]))
    return Speech(padded, samples, functional.pad(tokens, (0, longest - tokens.shape[1])), counts)


class AlikeInLength:
    """A sampler of batches of utterances that are about as long as each other, on all ranks at once.

    An epoch is a new order of all utterances; among the utterances of SORTED_BATCHES steps each step takes those that
    follow each other in length, and then the steps are put into a new order. What does not fill a step is left out.
    """

    def __init__(self, count: int, run: Run, batch_size: int) -> None:
        """`count`: of utterances, which are sorted by length. `batch_size`: of a card."""
        self._count, self._seed, self._batch_size = count, run.seed, batch_size
        self._rank, self._world_size = run.rank, run.world_size
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count // (self._batch_size * self._world_size) * self._batch_size

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(10_000 * self._seed + self._epoch)
        whole = self._batch_size * self._world_size
        order = torch.randperm(self._count, generator=generator)[: self._count // whole * whole]
        steps = torch.cat([part.sort().values for part in order.split(SORTED_BATCHES * whole)]).view(-1, whole)
        steps = steps[torch.randperm(len(steps), generator=generator)]
        yield from steps[:, self._rank :: self._world_size].flatten().tolist()


def aishell(root: Path, run: Run, *, batch_size: int, workers: int = 8) -> tuple[Stored, int]:
    """A source of `Speech`; and the number of characters, which are those of the texts that are trained on.

    Raises SystemExit for files that are missing or broken.
    """
    path = root / TRANSCRIPT
    if not path.is_file():
        raise SystemExit(f"{path}: no such file; --data is to be the folder data_aishell")
    texts = transcripts(path)
    trained, asked = spoken(root / "wav" / "train", texts), spoken(root / "wav" / "test", texts)
    tokens = {character: 1 + place for place, character in enumerate(sorted(set("".join(text for _, text in trained))))}
    stored = Stored(
        run,
        Utterances(trained, tokens, speeds=True),
        Utterances(asked, tokens),
        batch_size=batch_size,
        workers=workers,
        collate=together,
        sampler=AlikeInLength(len(trained), run, batch_size),
    )
    return stored, len(tokens)
