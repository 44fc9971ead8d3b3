"""Trains a recommendation model on click logs, or on generated ones, on one card or several.

By hand: torchrun --nproc-per-node 8 train.py --model dlrm --precision amp-bf16
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import sklearn
import torch
from criteo import criteo
from descent import Descent
from dlrm import DLRM, NUMBERS
from generated_clicks import GeneratedClicks
from models import MODELS, rows_of
from sklearn.metrics import roc_auc_score
from torch import nn

from pytest_sixdim import training
from pytest_sixdim.training import loop

#: Samples over which the learning rate grows, until which it is held, and over which it falls: DeepSparkHub's 2750,
#: 49,315 and 27,772 steps of 2048 samples.
GROWING, HELD, FALLING = 2048 * 2_750, 2048 * 49_315, 2048 * 27_772


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__,
        batch_size=2048,
        epochs=5,
        warmup_epochs=None,
        lr=0.1,
        workers=4,
        epoch_samples=100_000_000,
        evaluation_samples=1_000_000,
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="dlrm")
    parser.add_argument("--evaluations", type=int, default=20, help="of an epoch")
    told = "(default, as of --warmup-epochs: the published number of samples)"
    parser.add_argument("--held-epochs", type=float, help=f"before the learning rate falls {told}")
    parser.add_argument("--falling-epochs", type=float, help=f"over which the learning rate falls {told}")
    parser.add_argument("--most-rows", type=int, default=10**9, help="that a table has: larger ones are cut")
    parser.add_argument("--narrower", type=int, default=1, help="divides the widths of all layers")
    return parser.parse_args()


def begun(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, DLRM]:
    """The clicks and the model. Ends the program with one line where they are not there or cannot be made."""
    options = {"rows": rows_of(args), "batch_size": args.batch_size}
    try:
        if run.data == "real":
            clicks: loop.Source = criteo(Path(args.data), run, workers=args.workers, **options)
        else:
            count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
            clicks = GeneratedClicks(run, **count, **options)
        return clicks, MODELS[args.model](args, run).to(run.device)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None


def evaluate(model: DLRM, clicks: loop.Source, run: training.Run) -> tuple[float, int]:
    """ROC-AUC of all samples together, and their number; NaN where a score is none. Every rank does its part.

    A rank looks up in the others' tables too: all ask as often as each other, for as many samples, and a rank that has
    no more asks for samples that do not count.
    """
    batches, found = iter(clicks.evaluation()), []
    none = torch.zeros(0, NUMBERS), torch.zeros(0, model.categories, dtype=torch.long), torch.zeros(0)
    nothing = [part.to(run.device) for part in none]
    while True:
        numbers, categories, clicked = next(batches, nothing)
        size = int(loop.gathered(torch.tensor([len(clicked)], device=run.device), run).max())
        if size == 0:
            break
        with run.autocast():
            scores = model(filled(numbers, size), filled(categories, size))
        found.append(torch.stack([scores[: len(clicked)].float(), clicked], dim=1))
    rows = loop.gathered(torch.cat(found), run).cpu()
    if not rows.isfinite().all():
        return math.nan, len(rows)
    return float(roc_auc_score(rows[:, 1].numpy(), rows[:, 0].numpy())), len(rows)


def filled(rows: torch.Tensor, size: int) -> torch.Tensor:
    """So many rows: these, and zeros after them."""
    return torch.cat([rows, rows.new_zeros((size - len(rows), *rows.shape[1:]))])


def schedule(args: argparse.Namespace, samples: int) -> tuple[float, float, float]:
    """Epochs of so many samples over which the learning rate grows, until which it is held, and over which it falls."""
    given = (args.warmup_epochs, GROWING), (args.held_epochs, HELD), (args.falling_epochs, FALLING)
    warmup, held, falling = (published / samples if epochs is None else epochs for epochs, published in given)
    return warmup, held, falling


def rate(epoch: float, warmup: float, held: float, falling: float) -> float:
    """Share of the full learning rate: up a line, held until epoch `held`, then down a parabola."""
    if epoch < held:
        return min(1.0, epoch / warmup) if warmup else 1.0
    return loop.polynomial(epoch - held, falling, power=2.0)


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedClicks.name, versions={"scikit-learn": sklearn.__version__})
    clicks, model = begun(args, run)
    networks = loop.distributed(model.networks, run, args.compile)
    step = args.batch_size * run.world_size
    epochs = schedule(args, clicks.steps * step)
    criterion = nn.BCEWithLogitsLoss()
    loop.train(
        run,
        clicks,
        model=model,
        loss=lambda batch: criterion(networks(batch[0], model.tables(batch[1])).float(), batch[2]),
        optimizer=Descent(model.parameters(), lr=args.lr * step / 2048),
        epochs=args.epochs,
        rate=lambda epoch: rate(epoch, *epochs),
        evaluate=lambda: evaluate(model, clicks, run),
        evaluations=args.evaluations,
    )


if __name__ == "__main__":
    main()
