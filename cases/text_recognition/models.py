"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Protocol

import torch
from satrn import PLACES, SATRN, Sizes
from torch import nn


class Reader(Protocol):
    """A module that reads words (`alphabet.encoded`) from images (B x 3 x H x W, 8 bits)."""

    def __call__(self, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the character after each token (B x T x characters), the true ones before it given."""

    def read(self, images: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The words that the model reads, of so many characters at most (B x T), and how sure it is of each (B)."""


def satrn(args: argparse.Namespace) -> nn.Module:
    """SATRN in the sizes that the command line gives, by default those of the published base model.

    Raises SystemExit for sizes that do not go together.
    """
    if args.width % (2 * args.heads):
        raise SystemExit(f"--width {args.width} is no multiple of twice --heads {args.heads}")
    for option, size, most in (("height", args.height, 4 * PLACES), ("image-width", args.image_width, 4 * PLACES)):
        if not 4 <= size <= most:
            raise SystemExit(f"--{option} {size}: SATRN takes 4 to {most} pixels")
    if not 2 <= args.length <= PLACES:
        raise SystemExit(f"--length {args.length}: SATRN reads 2 to {PLACES} characters")
    return SATRN(
        Sizes(args.width, args.heads, args.feedforward, args.encoder_layers, args.decoder_layers, args.dropout)
    )


MODELS: dict[str, Callable[[argparse.Namespace], nn.Module]] = {"satrn": satrn}
