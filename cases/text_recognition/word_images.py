"""Images of words with a label file, as MMOCR has them: `mixture/<set>/label.txt`, with a line "path word" for each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from alphabet import encoded
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

Sample = tuple[torch.Tensor, torch.Tensor]

#: Sets whose images do not lie beside their label file: where they do.
IMAGES = {
    "Syn90k": "mnt/ramdisk/max/90kDICT32px",
    "SynthText": "synthtext/SynthText_patch_horizontal",
}
#: An image that is higher than wide is evaluated upright and turned, as its word may stand on end (MMOCR 0.x).
TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
#: Images one after the other that cannot be read before training gives up: a few of Syn90k cannot.
UNREADABLE = 10


class Shape(NamedTuple):
    """Pixels of an image, and characters that are read at most."""

    height: int
    width: int
    length: int


class LabelFile:
    """The lines of a label file, of which only the beginnings are kept: Syn90k has nine million."""

    def __init__(self, path: Path) -> None:
        """Raises SystemExit where there is no line."""
        self._path = path
        try:
            text: np.ndarray = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            raise SystemExit(f"{path}: no label file with lines 'path word': {error}") from None
        ends = np.flatnonzero(text == ord("\n")) + 1
        starts = np.concatenate([[0], ends])
        long_enough = np.diff(np.append(starts, len(text))) > len("\r\n")
        self._starts = torch.from_numpy(starts[long_enough])  # a tensor: worker processes share it
        if len(self._starts) == 0:
            raise SystemExit(f"{path}: no line 'path word' in it")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> tuple[str, str]:
        """An image's path and its word. Raises RuntimeError, naming file and place, for a line that is none."""
        start = int(self._starts[index])
        with self._path.open("rb") as file:
            file.seek(start)
            line = file.readline()
        try:
            path, word = line.decode().split(maxsplit=1)
        except ValueError:
            raise RuntimeError(f"{self._path}: at byte {start}: not 'path word': {line[:80]!r}") from None
        return path, word.strip()


class Words(Dataset[Sample]):
    """A set of images: views x 3 x height x width, uint8, and their words as `alphabet.encoded` has them.

    An image that is trained on has one view; one that is evaluated has three, the same where it is not high.
    """

    def __init__(self, folder: Path, labels: str, shape: Shape, *, trained: bool = False) -> None:
        """`trained`: what cannot be read is left out. Raises SystemExit for a missing or empty label file or image."""
        self._labels, self._shape = LabelFile(folder / labels), shape
        self._images, self._trained = folder / IMAGES.get(folder.name, ""), trained
        first = self._images / self._labels[0][0]
        if not first.is_file():
            raise SystemExit(f"{folder / labels}: its first image is not there: {first}")

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        """Raises RuntimeError for an image that is not there or, where none is skipped, cannot be read."""
        for offset in range(UNREADABLE if self._trained else 1):
            path, word = self._labels[(index + offset) % len(self)]
            image = self._image(self._images / path)
            if image is not None:
                return image, torch.tensor(encoded(word, self._shape.length))
        raise RuntimeError(f"{self._images / path}: no image that can be read{', nor those before it' * self._trained}")

    def _image(self, path: Path) -> torch.Tensor | None:
        """The views of an image without regard to its proportions, or None where it cannot be read."""
        size = self._shape.width, self._shape.height
        try:
            with Image.open(path) as image:
                views = [image.convert("RGB")]
        except FileNotFoundError:
            raise RuntimeError(f"{path}: no such image") from None
        except (OSError, SyntaxError) as error:  # Pillow raises either of what is no image or half of one
            print(f"{path}: cannot be read: {error}", file=sys.stderr, flush=True)
            return None
        if not self._trained:
            high = views[0].height > views[0].width
            views += [views[0].transpose(turn) if high else views[0] for turn in TURNS]
        pixels = np.stack([np.asarray(view.resize(size, Image.Resampling.BILINEAR)) for view in views])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def together(samples: list[Sample]) -> Sample:
    """A batch of samples, channels last: the views of all images, and the words."""
    images = torch.cat([views for views, _ in samples]).contiguous(memory_format=torch.channels_last)
    return images, torch.stack([tokens for _, tokens in samples])


def word_images(
    root: Path,
    run: Run,
    *,
    trained: Sequence[str],
    evaluated: str,
    batch_size: int,
    height: int = 32,
    width: int = 100,
    length: int = 25,
    workers: int = 8,
) -> Stored:
    """A source of images (B x 3 x height x width, uint8, channels last) and encoded words (B x (1 + length)).

    Evaluated are three views of each image, one after the other.

    `trained`, `evaluated`: names of folders below `root`, with a label.txt or a test_label.txt in them.
    """
    shape = Shape(height, width, length)
    sets = ConcatDataset([Words(root / name, "label.txt", shape, trained=True) for name in trained])
    held_out = Words(root / evaluated, "test_label.txt", shape)
    return Stored(run, sets, held_out, batch_size=batch_size, workers=workers, collate=together)
