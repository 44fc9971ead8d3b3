"""Characters as numbers, and when two words count as the same."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

import torch

#: Digits, letters and 28 symbols: the 90 that the published models read.
CHARACTERS = string.digits + string.ascii_letters + "!\"#$%&'()*+,-./:;<=>?@[\\]_`~"
UNKNOWN, END, PADDING = len(CHARACTERS), len(CHARACTERS) + 1, len(CHARACTERS) + 2  # END begins a word too
TOKENS = len(CHARACTERS) + 3

_NUMBERS = {character: number for number, character in enumerate(CHARACTERS)}
_IGNORED = re.compile("[^A-Za-z0-9一-龥]")


def encoded(word: str, length: int) -> list[int]:
    """1 + `length` numbers: END, the word's characters, END, then PADDING. Of a longer word its beginning is left."""
    numbers = [END, *(_NUMBERS.get(character, UNKNOWN) for character in word), END][: 1 + length]
    return numbers + [PADDING] * (1 + length - len(numbers))


def words(tokens: torch.Tensor) -> list[str]:
    """The words (of B x T numbers) up to their END; an unknown character is left out."""
    return [word(row) for row in tokens.tolist()]


def word(numbers: Sequence[int]) -> str:
    """The word that these numbers are, up to END."""
    ended = list(numbers).index(END) if END in numbers else len(numbers)
    return "".join(CHARACTERS[number] for number in numbers[:ended] if number < len(CHARACTERS))


def folded(word: str) -> str:
    """What is compared of a word: letters without case, digits, Chinese characters. As MMOCR's ignore_case_symbol."""
    return _IGNORED.sub("", word).lower()
