"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from dlrm import BOTTOM, DLRM, ROWS, TOP

from pytest_sixdim.training import Run


def rows_of(args: argparse.Namespace) -> list[int]:
    """Rows of the tables, of which none has more than `--most-rows`."""
    return [min(rows, args.most_rows) for rows in ROWS]


def dlrm(args: argparse.Namespace, run: Run) -> DLRM:
    """DLRM, its layers `--narrower` times narrower than published."""
    bottom = [max(1, size // args.narrower) for size in BOTTOM]
    top = [max(1, size // args.narrower) for size in TOP]
    return DLRM(rows_of(args), bottom, top, seed=run.seed, rank=run.rank, world_size=run.world_size)


MODELS: dict[str, Callable[[argparse.Namespace, Run], DLRM]] = {"dlrm": dlrm}
