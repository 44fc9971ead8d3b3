"""Dialogues in text files: train.txt and valid.txt with one a line, and the tokenizer.json that makes words of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from replies import NOTHING
from stretches import Stretches
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, END = "<pad>", "<eod>"


class Dialogues(Dataset[dict[str, torch.Tensor]]):
    """The lines of a file as words, `length` of them: what is longer is cut, what is shorter padded at the end."""

    def __init__(self, path: Path, tokenizer: Tokenizer, length: int) -> None:
        """Raises ValueError where the file has no line, OSError where it is not there."""
        self._lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not self._lines:
            raise ValueError(f"{path}: no dialogue in it (one a line)")
        self._tokenizer, self._length = tokenizer, length
        self._pad, self._end = (tokenizer.token_to_id(sign) for sign in (PAD, END))

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        found = [*self._tokenizer.encode(self._lines[index]).ids, self._end][: self._length + 1]
        short = self._length + 1 - len(found)
        words = torch.tensor([*found, *[self._pad] * short])
        following = torch.tensor([*found, *[NOTHING] * short])
        return {"words": words[:-1], "following": following[1:]}


def tokenizer(path: Path, vocabulary: int) -> Tokenizer:
    """The tokenizer of a file. Raises ValueError where it is none, or does not fit."""
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no narrower one
        raise ValueError(f"{path}: no tokenizer ({error}); prepare_dialogues.py makes one") from None
    missing = [sign for sign in (PAD, END) if found.token_to_id(sign) is None]
    if missing:
        raise ValueError(f"{path}: has no {' and no '.join(missing)}")
    if found.get_vocab_size() > vocabulary:
        raise ValueError(f"{path}: has {found.get_vocab_size()} words, more than --vocabulary {vocabulary}")
    return found


def dialogues(root: Path, run: Run, args: argparse.Namespace) -> Stored:
    """A source of these dialogues, evaluated after every `--epoch-samples`."""
    words = tokenizer(root / "tokenizer.json", args.vocabulary)
    trained, evaluated = (Dialogues(root / name, words, args.length) for name in ("train.txt", "valid.txt"))
    order = Stretches(run, [len(trained)], args.epoch_samples)
    return Stored(run, trained, evaluated, batch_size=args.batch_size, workers=args.workers, sampler=order)
