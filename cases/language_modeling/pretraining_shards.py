"""BERT's corpus as MLPerf has it: Wikipedia in HDF5 files of texts whose words are already hidden."""

from __future__ import annotations

import argparse
import bisect
import functools
import itertools
from pathlib import Path
from typing import Any

import torch
from stretches import Stretches
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

TRAINED, EVALUATED = "2048_shards_uncompressed", "eval_set_uncompressed"
NAMES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "next_sentence_labels",
)


class Shards(Dataset[dict[str, torch.Tensor]]):
    """The texts of all `*.hdf5` files of a directory; masked_words.py says what a text has."""

    def __init__(self, directory: Path, length: int, vocabulary: int) -> None:
        """Raises ValueError where there is no file, or one that is not in this form."""
        self._paths = sorted(directory.glob("*.hdf5"))
        if not self._paths:
            raise ValueError(f"{directory}: no *.hdf5 file")
        self._vocabulary = vocabulary
        self.lengths = [texts(path, length) for path in self._paths]
        self._starts = [0, *itertools.accumulate(self.lengths)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        file = bisect.bisect_right(self._starts, index) - 1
        shard, row = opened(self._paths[file]), index - self._starts[file]
        text = {name: torch.as_tensor(shard[name][row]).long() for name in NAMES}
        if max(int(text[name].max()) for name in ("input_ids", "masked_lm_ids")) >= self._vocabulary:
            raise ValueError(f"{self._paths[file]}: text {row} has words beyond --vocabulary {self._vocabulary}")
        return text


@functools.lru_cache(maxsize=4)  # a worker reads one file after the other
def opened(path: Path) -> Any:
    """The file, open for reading."""
    import h5py

    return h5py.File(path, "r")


def texts(path: Path, length: int) -> int:
    """How many texts a file has. Raises ValueError where it is not in this form, or its texts have another length."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in NAMES if name not in file]
            shapes = {name: file[name].shape for name in NAMES if name in file}
    except OSError as error:
        raise ValueError(f"{path}: not readable as HDF5 ({error})") from None
    if missing:
        raise ValueError(f"{path}: no {', '.join(missing)}; it has to have {', '.join(NAMES)}")
    if len({shape[0] for shape in shapes.values()}) != 1:
        raise ValueError(f"{path}: {', '.join(NAMES)} are not of as many texts: {shapes}")
    if shapes["input_ids"][1:] != (length,):
        raise ValueError(f"{path}: its texts have the length {shapes['input_ids'][1:]}, not --length {length}")
    return int(shapes["input_ids"][0])


def pretraining_shards(root: Path, run: Run, args: argparse.Namespace) -> Stored:
    """A source of these texts, evaluated after every `--epoch-samples`."""
    trained, evaluated = (Shards(root / name, args.length, args.vocabulary) for name in (TRAINED, EVALUATED))
    order = Stretches(run, trained.lengths, args.epoch_samples)
    return Stored(run, trained, evaluated, batch_size=args.batch_size, workers=args.workers, sampler=order)
