"""Character error rate: substitutions, deletions and insertions for each character of the text, in %."""

from __future__ import annotations

import jiwer
import torch
from recogniser import BLANK

#: Characters are compared as letters of this part of Unicode, whatever they are written as.
FIRST = 0x4E00


def spelt(tokens: list[int]) -> str:
    """A text of a letter for each token."""
    return "".join(chr(FIRST + token) for token in tokens)


def collapsed(places: torch.Tensor) -> list[int]:
    """The tokens of CTC's likeliest path: what is the same at neighbouring places is one, and blanks are none."""
    return [token for token in torch.unique_consecutive(places).tolist() if token != BLANK]


def errors(references: list[list[int]], hypotheses: list[list[int]]) -> tuple[int, int]:
    """Errors, and characters of the references; no reference is empty."""
    compared = jiwer.process_characters([spelt(tokens) for tokens in references], [spelt(t) for t in hypotheses])
    wrong = compared.substitutions + compared.deletions + compared.insertions
    return wrong, compared.hits + compared.substitutions + compared.deletions
