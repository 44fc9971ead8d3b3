"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from conformer import Encoder
from recogniser import Recogniser


def conformer(characters: int, args: argparse.Namespace) -> Recogniser:
    """The Conformer with WeNet's sizes for AISHELL-1, where the options are not changed."""
    shared = {"heads": args.heads, "hidden": args.hidden, "dropout": args.dropout}
    sizes = {"blocks": args.blocks, "width": args.width, "kernel": args.kernel, "norm_momentum": args.norm_momentum}
    return Recogniser(Encoder(**sizes, **shared), characters, decoder_blocks=args.decoder_blocks, **shared)


MODELS: dict[str, Callable[[int, argparse.Namespace], Recogniser]] = {"conformer": conformer}
