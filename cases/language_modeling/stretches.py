"""The order in which a corpus of many files is read: file after file, so many texts between two evaluations."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from pytest_sixdim.training import Run


class Stretches(Sampler[int]):
    """This rank's indices of an epoch, which is a stretch of the corpus and no more.

    Files come in a new order in every pass through the corpus, and the texts of a file in a new order within it: a
    disk reads one file at a time, and nobody holds the order of all texts in memory. Ranks take turns.
    """

    def __init__(self, run: Run, lengths: Sequence[int], samples: int) -> None:
        """`lengths`: texts in each file. `samples`: of an epoch on all ranks; at most one pass."""
        self._lengths, self._total = lengths, sum(lengths)
        self._starts = [0, *itertools.accumulate(lengths)]
        self._rank, self._world_size, self._seed = run.rank, run.world_size, run.seed
        self._own = min(samples, self._total) // run.world_size
        self._epoch = 0

    def __len__(self) -> int:
        return self._own

    def set_epoch(self, epoch: int) -> None:
        """The epoch that is drawn next, from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        everyone = self._own * self._world_size
        stretch = itertools.islice(self._from(self._epoch * everyone), everyone)
        return itertools.islice(stretch, self._rank, None, self._world_size)

    def _from(self, place: int) -> Iterator[int]:
        """All indices from a place on, pass after pass."""
        first, skipped = divmod(place, self._total)
        for turn in itertools.count(first):
            for file in self._shuffled(len(self._lengths), turn, 0):
                if skipped >= self._lengths[file]:
                    skipped -= self._lengths[file]
                    continue
                rows = self._shuffled(self._lengths[file], turn, 1 + file)
                yield from (self._starts[file] + row for row in rows[skipped:])
                skipped = 0

    def _shuffled(self, count: int, turn: int, file: int) -> list[int]:
        text = f"{self._seed} {turn} {file}".encode()  # a CPU's generator takes 32 bits of its seed
        seed = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")
        return torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
