"""Trains a tracker of many objects on MOT17, or on generated videos, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model fairmot
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torchvision
from detections import APPEARANCE, detections
from generated_clips import GeneratedFrames
from models import MODELS, WIDTHS
from mot17 import mot17
from objective import Objective
from tracking_accuracy import OBJECT, PLACE, accuracy, found, objects

from pytest_sixdim import training
from pytest_sixdim.training import loop

#: Pixels of a place on DLA's last map.
COARSEST = 32


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=8, epochs=30, lr=1e-4, epoch_samples=2_657, evaluation_samples=2_659, workers=8
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="fairmot")
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS), help="channels of DLA's levels")
    parser.add_argument("--hidden", type=int, default=256, help="channels of the heads")
    parser.add_argument("--appearance", type=int, default=128, help="numbers that an object is told by")
    parser.add_argument("--box-weight", type=float, default=0.1, help="of the boxes' loss beside the others")
    parser.add_argument("--norm-momentum", type=float, default=0.1, help="of the normalisations' running means")
    parser.add_argument("--size", type=int, nargs=2, default=[608, 1088], help="height and width in pixels")
    parser.add_argument("--fields", type=int, nargs=2, default=[4, 8], help="rows and columns of a generated frame")
    parser.add_argument("--identities", type=int, default=500, help="of generated objects")
    parser.add_argument("--clip", type=int, default=50, help="frames of a generated video that is evaluated")
    parser.add_argument("--most", type=int, default=128, help="detections in a frame, and objects of a real one")
    parser.add_argument("--score", type=float, default=0.4, help="that a detection has at least to be tracked")
    args = parser.parse_args()
    if any(edge <= 0 or edge % COARSEST for edge in args.size):
        parser.error(f"--size {args.size[0]} {args.size[1]}: both are multiples of {COARSEST} pixels")
    return args


def source(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, int]:
    """The frames to train on and to evaluate, and how many identities are trained on."""
    if run.data == "real":
        options = {"batch_size": args.batch_size, "slots": args.most, "workers": args.workers}
        return mot17(Path(args.data), run, size=tuple(args.size), **options)
    frames = GeneratedFrames(
        run,
        batch_size=args.batch_size,
        size=tuple(args.size),
        fields=tuple(args.fields),
        identities=args.identities,
        training_samples=args.epoch_samples,
        evaluation_samples=args.evaluation_samples,
        clip=args.clip,
    )
    return frames, args.identities


def evaluate(
    objective: Objective, frames: loop.Source, run: training.Run, args: argparse.Namespace
) -> tuple[float, int]:
    """MOTA in % and the frames that it is of: each rank detects in its own, then each tracks in its own videos."""
    there = [torch.zeros(0, OBJECT, device=run.device)]
    seen = [torch.zeros(0, len(PLACE) + APPEARANCE.start + args.appearance, device=run.device)]
    count = 0
    for batch in frames.evaluation():
        parts = []
        for images in batch.images.split(args.batch_size):
            with run.autocast():
                maps = objective.network(images)
            parts.append(detections(maps, args.most))
        there.append(objects(batch))
        seen.append(found(batch, torch.cat(parts), args.score))
        count += len(batch.images)
    return accuracy(torch.cat(there), torch.cat(seen), run), round(run.total(count))


def rate(epoch: float, args: argparse.Namespace) -> float:
    """Share of the full learning rate: up a line over the warm-up, all, and a tenth in the last third."""
    if epoch < args.warmup_epochs:
        return epoch / args.warmup_epochs
    return 1.0 if epoch <= args.epochs * 2 / 3 else 0.1


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedFrames.name, versions={"torchvision": torchvision.__version__})
    try:
        frames, identities = source(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    network = MODELS[args.model](args)
    objective = Objective(network, args.appearance, identities, args.box_weight).to(run.device)
    parallel = loop.distributed(objective, run, args.compile)
    loop.train(
        run,
        frames,
        model=objective,
        loss=parallel,
        optimizer=loop.fused(torch.optim.Adam, objective.parameters(), lr=args.lr),
        epochs=args.epochs,
        rate=lambda epoch: rate(epoch, args),
        evaluate=lambda: evaluate(objective, frames, run, args),
    )


if __name__ == "__main__":
    main()
