"""Trains a network that segments volumes, of KiTS19 or generated, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model unet3d
"""

from __future__ import annotations

import argparse
from pathlib import Path

import monai
import torch
from generated_volumes import GeneratedVolumes
from kits_volumes import AIR, kits_volumes
from models import CLASSES, FILTERS, MODELS
from monai.inferers import SlidingWindowInferer
from monai.losses import DiceCELoss
from monai.metrics import compute_dice
from torch import nn

from pytest_sixdim import training
from pytest_sixdim.training import loop


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=4, epochs=250, warmup_epochs=10, lr=0.8, epoch_samples=3360, evaluation_samples=42
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="unet3d")
    parser.add_argument("--filters", type=int, nargs="+", default=FILTERS, help="channels of each level")
    parser.add_argument("--size", type=int, default=128, help="voxels an edge of what is trained on, and of a window")
    parser.add_argument("--volume-size", type=int, default=192, help="voxels an edge of generated volumes, evaluated")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--decay-power", type=float, default=0, help="of what is left of training; 0: the rate stays")
    parser.add_argument("--passes", type=int, default=20, help="over the stored cases in an epoch")
    args = parser.parse_args()
    strides = 2 ** (len(args.filters) - 1)
    if args.size % strides or args.size == strides:
        parser.error(f"--size {args.size}: {len(args.filters)} levels need a multiple of {strides}, and more than one")
    return args


def sources(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, loop.Source]:
    """What is trained on, and what is evaluated."""
    if run.data == "real":
        options = {"size": args.size, "passes": args.passes, "workers": args.workers}
        stored = kits_volumes(Path(args.data), run, batch_size=args.batch_size, **options)
        return stored, stored
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    options = {"window": args.size, "batch_size": args.batch_size, **count}
    return GeneratedVolumes(run, edge=args.size, **options), GeneratedVolumes(run, edge=args.volume_size, **options)


def evaluate(
    model: nn.Module, volumes: loop.Source, run: training.Run, inferer: SlidingWindowInferer
) -> tuple[float, int]:
    """The mean of the kidney's and the tumour's Dice over whole volumes, and their number; every rank does its part.

    Each volume counts the same. What is neither there nor found has a Dice of 1.
    """
    dice, count = torch.zeros((), device=run.device), 0
    for volume, labels in volumes.evaluation():
        with run.autocast():
            found = inferer(volume, model).argmax(1, keepdim=True)
        classes = compute_dice(found, labels, include_background=False, ignore_empty=False, num_classes=CLASSES)
        dice += classes.mean(1).sum()
        count += len(labels)
    evaluated = round(run.total(count))
    return run.total(dice.item()) / evaluated, evaluated


def main() -> None:
    """Trains until the run is done. Raises SystemExit for data and options that do not go together."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedVolumes.name, versions={"monai": monai.__version__})
    try:
        trained, evaluated = sources(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    model = MODELS[args.model](args).to(run.device)
    parallel = loop.distributed(model, run, args.compile)
    # Half Dice, half cross-entropy; the background is in the latter alone.
    share = {"lambda_dice": 0.5, "lambda_ce": 0.5, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
    criterion = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, **share)
    inferer = SlidingWindowInferer(args.size, sw_batch_size=args.batch_size, overlap=0.5, mode="gaussian", cval=AIR)
    loop.train(
        run,
        trained,
        model=model,
        loss=lambda batch: criterion(parallel(batch[0]).float(), batch[1]),
        optimizer=loop.fused(
            torch.optim.SGD,
            model.parameters(),
            lr=args.lr * args.batch_size * run.world_size / 32,
            momentum=args.momentum,
            nesterov=True,
        ),
        epochs=args.epochs,
        rate=lambda epoch: loop.polynomial(epoch, args.epochs, args.warmup_epochs, power=args.decay_power),
        evaluate=lambda: evaluate(model, evaluated, run, inferer),
    )


if __name__ == "__main__":
    main()
