"""Trains an image classifier on ImageNet, or on generated images, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model resnet50
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torchvision
from generated_images import GeneratedImages
from image_folders import image_folders
from models import MODELS, Normalised
from torch import nn

from pytest_sixdim import training
from pytest_sixdim.training import loop


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=256, epochs=90, warmup_epochs=5, lr=0.256, epoch_samples=1_281_167, evaluation_samples=50_000
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="resnet50")
    parser.add_argument("--momentum", type=float, default=0.875)
    parser.add_argument("--weight-decay", type=float, default=1 / 32768)
    parser.add_argument("--norm-momentum", type=float, default=0.1, help="of the normalisations' running means")
    parser.add_argument("--size", type=int, default=224, help="pixels an edge")
    parser.add_argument("--classes", type=int, default=1000, help="of generated images")
    return parser.parse_args()


def source(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, int]:
    """The images to train on and to evaluate, and the number of their classes."""
    if run.data == "real":
        return image_folders(Path(args.data), run, batch_size=args.batch_size, size=args.size, workers=args.workers)
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    images = GeneratedImages(run, batch_size=args.batch_size, classes=args.classes, size=args.size, **count)
    return images, args.classes


def evaluate(model: nn.Module, images: loop.Source, run: training.Run) -> tuple[float, int]:
    """Share of right answers in %, and how many images were asked; every rank does its part."""
    right, count = torch.zeros((), device=run.device), 0
    for batch, labels in images.evaluation():
        with run.autocast():
            right += (model(batch).argmax(1) == labels).sum()
        count += len(labels)
    asked = round(run.total(count))
    return 100 * run.total(right.item()) / asked, asked


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedImages.name, versions={"torchvision": torchvision.__version__})
    images, classes = source(args, run)
    model = Normalised(MODELS[args.model](classes, args)).to(run.device, memory_format=torch.channels_last)
    parallel = loop.distributed(model, run, args.compile)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    loop.train(
        run,
        images,
        model=model,
        loss=lambda batch: criterion(parallel(batch[0]), batch[1]),
        optimizer=loop.fused(
            torch.optim.SGD,
            loop.decaying(model, args.weight_decay),
            lr=args.lr * args.batch_size * run.world_size / 256,
            momentum=args.momentum,
        ),
        epochs=args.epochs,
        rate=lambda epoch: loop.cosine(epoch, args.epochs, args.warmup_epochs),
        evaluate=lambda: evaluate(model, images, run),
    )


if __name__ == "__main__":
    main()
