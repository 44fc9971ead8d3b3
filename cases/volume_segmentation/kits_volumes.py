"""Volumes of KiTS19 as MLPerf's preprocessing leaves them: case_00000_x.npy and case_00000_y.npy, and so on.

x: 1 x D x H x W, float32, intensities clipped to [-79, 304] HU, less 101, divided by 76.9 (Isensee and Maier-Hein,
arXiv 1908.02182), voxels of 1.6 x 1.2 x 1.2 mm. y: the same shape, uint8: 0 background, 1 kidney, 2 tumour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

AIR = (-79 - 101) / 76.9
#: One id a line; MLPerf's list of the 42 that are evaluated has this name.
HELD_OUT = "evaluation_cases.txt"
FOREGROUND = 0.4  # share of crops that surely hold a voxel of kidney or tumour
POSITIONS = 1000  # of each class that are kept of a case


@dataclass(frozen=True)
class KitsCase:
    """The two files of a case."""

    number: int
    volume: Path
    labels: Path

    def read(self) -> tuple[Any, Any]:
        """Volume and labels (1 x D x H x W), not yet read from the disk. Raises ValueError where they do not fit."""
        try:
            x, y = (np.load(path, mmap_mode="r", allow_pickle=False) for path in (self.volume, self.labels))
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{self.volume} and {self.labels.name}: {error}") from None
        if x.ndim != 4 or x.shape[0] != 1 or x.shape != y.shape:
            raise ValueError(f"{self.volume}: volume {x.shape} and labels {y.shape} must both be 1 x D x H x W")
        if y.dtype.kind not in "ui":
            raise ValueError(f"{self.labels}: labels must be whole numbers, and are {y.dtype}")
        return x, y


def kits_cases(root: Path) -> tuple[list[KitsCase], list[KitsCase]]:
    """The cases to train on, and those held out: as evaluation_cases.txt has them, or else every fifth.

    Raises ValueError, naming the file, where one is missing or broken.
    """
    cases = {}
    for path in sorted(root.glob("case_*_x.npy")):
        number = int(re.sub(r"\D", "", path.name))
        cases[number] = KitsCase(number, path, path.with_name(path.name.replace("_x.npy", "_y.npy")))
        cases[number].read()
    if not cases:
        raise ValueError(f"{root} holds no case_*_x.npy")
    listed = root / HELD_OUT
    if listed.exists():
        held_out = {int(re.sub(r"\D", "", line) or -1) for line in listed.read_text().split()}
        if held_out - set(cases):
            raise ValueError(f"{listed} names cases that are not there: {sorted(held_out - set(cases))}")
    else:
        held_out = set(list(cases)[::5])
    trained = [case for number, case in cases.items() if number not in held_out]
    if not held_out or not trained:
        raise ValueError(f"{root}: {len(trained)} cases to train on and {len(held_out)} to evaluate are too few")
    return trained, [cases[number] for number in sorted(held_out)]


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A random crop (1 x size^3) of each case, changed by chance: MLPerf's augmentation."""

    def __init__(self, cases: list[KitsCase], size: int) -> None:
        self._cases, self._size = cases, size
        self._positions: dict[int, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self._cases[index].read()
        place = tuple(slice(start, start + self._size) for start in self._starts(index, y))
        crop = self._padded(torch.from_numpy(np.array(x[0][place], np.float32)), AIR)
        labels = self._padded(torch.from_numpy(np.array(y[0][place], np.uint8)), 0)
        axes = [axis for axis in range(3) if torch.rand(()) < 1 / 3]
        crop, labels = crop.flip(axes), labels.flip(axes)
        if torch.rand(()) < 0.1:  # brighter or darker
            crop = crop * torch.empty(()).uniform_(0.7, 1.3)
        if torch.rand(()) < 0.1:
            crop = crop + torch.randn_like(crop) * torch.empty(()).uniform_(0, 0.1)
        return crop[None], labels[None]

    def _starts(self, index: int, labels: Any) -> list[int]:
        """The crop's first voxel on each axis."""
        shape = labels.shape[1:]
        room = [max(0, edge - self._size) for edge in shape]
        present = [places for places in self._foreground(index, labels) if len(places)]
        if not present or torch.rand(()) >= FOREGROUND:
            return [_below(most + 1) for most in room]
        places = present[_below(len(present))]
        voxel = np.unravel_index(int(places[_below(len(places))]), shape)
        return [min(most, max(0, int(at) - _below(self._size))) for at, most in zip(voxel, room, strict=True)]

    def _foreground(self, index: int, labels: Any) -> list[Any]:
        """Some places of kidney and of tumour in a case: found once and kept."""
        if index not in self._positions:
            flat = np.asarray(labels).reshape(-1)
            if flat.max() > 2:
                raise ValueError(f"{self._cases[index].labels}: a label is {flat.max()}; known are 0, 1 and 2")
            found = [np.flatnonzero(flat == number) for number in (1, 2)]
            self._positions[index] = [places[:: len(places) // POSITIONS + 1].copy() for places in found]
        return self._positions[index]

    def _padded(self, crop: torch.Tensor, value: float) -> torch.Tensor:
        missing = [self._size - edge for edge in reversed(crop.shape)]
        return torch.nn.functional.pad(crop, [side for count in missing for side in (0, count)], value=value)


class Whole(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Whole volumes and their labels (1 x D x H x W)."""

    def __init__(self, cases: list[KitsCase]) -> None:
        self._cases = cases

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self._cases[index].read()
        return torch.from_numpy(np.array(x, np.float32)), torch.from_numpy(np.array(y, np.uint8))


def kits_volumes(root: Path, run: Run, *, batch_size: int, size: int, passes: int, workers: int) -> Stored:
    """A source of crops to train on, each case `passes` times an epoch, and of whole volumes, one at a time.

    Exits, naming the file, where one is missing or broken.
    """
    try:
        trained, held_out = kits_cases(root)
    except ValueError as error:
        raise SystemExit(f"--data: {error}") from None
    crops = ConcatDataset([Crops(trained, size)] * passes)
    return Stored(run, crops, Whole(held_out), batch_size=batch_size, workers=workers, evaluation_batch_size=1)


def _below(count: int) -> int:
    return int(torch.randint(count, ()))
