"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tacotron2 import Sizes, Tacotron2


def tacotron2(args: argparse.Namespace) -> Tacotron2:
    """Tacotron 2 with NVIDIA's sizes, where the options are not changed."""
    return Tacotron2(Sizes(**{name: getattr(args, name) for name in Sizes._fields}))


MODELS: dict[str, Callable[[argparse.Namespace], Tacotron2]] = {"tacotron2": tacotron2}
