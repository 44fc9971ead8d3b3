"""Click logs on disk: terabyte_processed_{train,test}.bin, rows of 40 integers (click, 13 counts, 26 categories)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

NUMBERS = 13
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Blocks(Dataset[Batch]):
    """A file as batches of consecutive rows: numbers (log(1 + count)), categories and clicks.

    Read by memory map: what is asked for is read, and the page cache keeps it.
    """

    def __init__(self, path: Path, rows: Sequence[int], batch_size: int, whole: bool) -> None:
        """`rows`: of the tables. `whole`: the last batch may be smaller, else it is left out.

        Raises ValueError where the file does not consist of rows of 40 integers, or of none.
        """
        width = 1 + NUMBERS + len(rows)
        count, rest = divmod(path.stat().st_size, 4 * width)
        if rest or not count:
            raise ValueError(f"{path}: {path.stat().st_size} bytes are not rows of {width} 32-bit integers")
        self._path, self._rows, self._shape = path, np.array(rows), (count, width)
        self._batch_size = batch_size
        self._batches = -(-count // batch_size) if whole else count // batch_size

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, index: int) -> Batch:
        start = index * self._batch_size
        file = np.memmap(self._path, dtype="<i4", mode="r", shape=self._shape)
        rows = np.array(file[start : start + self._batch_size])
        categories = rows[:, 1 + NUMBERS :]
        worst = (categories >= self._rows) | (categories < 0)
        if worst.any():
            row, column = (int(place[0]) for place in worst.nonzero())
            text = f"{self._path}: row {start + row} has category {categories[row, column]} in column {column}, "
            raise ValueError(f"{text}which has {self._rows[column]} (dlrm.py: ROWS)")
        clicks = rows[:, 0]
        if ((clicks != 0) & (clicks != 1)).any():
            row = int(((clicks != 0) & (clicks != 1)).argmax())
            raise ValueError(f"{self._path}: row {start + row} begins with {clicks[row]}; a click is 0 or 1")
        numbers = np.log1p(np.maximum(rows[:, 1 : 1 + NUMBERS], 0).astype(np.float32))
        return torch.from_numpy(numbers), torch.from_numpy(categories).long(), torch.from_numpy(clicks).float()


def criteo(root: Path, run: Run, *, rows: Sequence[int], batch_size: int, workers: int) -> Stored:
    """A source that reads batch after batch in a new order every epoch; the rows were shuffled when they were made.

    Raises ValueError where a file is not as it should be or an epoch has no step, OSError where it is not there.
    """
    path = root / "terabyte_processed_train.bin"
    trained = Blocks(path, rows, batch_size, whole=False)
    if len(trained) < run.world_size:
        raise ValueError(f"{path}: no step of {run.world_size} cards with {batch_size} rows each in it")
    evaluated = Blocks(root / "terabyte_processed_test.bin", rows, batch_size, whole=True)
    return Stored(run, trained, evaluated, batch_size=1, workers=workers, collate=alone)


def alone(batches: list[Batch]) -> Batch:
    """A batch that is read as one."""
    return batches[0]
