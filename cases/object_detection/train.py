"""Trains an object detector on COCO 2017, or on generated images, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model yolov5s
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torchvision
from coco_images import coco_images
from found import found, mean_average_precision
from generated_objects import GeneratedObjects
from losses import BOX, CLASS, detection_loss
from models import MODELS
from yolov5 import STRIDES, YOLOv5

from pytest_sixdim import training
from pytest_sixdim.training import loop

#: Images of a step for which the published weight decay holds.
NOMINAL = 64


def arguments() -> argparse.Namespace:
    """What the command line says."""
    published = {"batch_size": 16, "epochs": 300, "warmup_epochs": 3, "lr": 0.01}
    parser = loop.arguments(__doc__, epoch_samples=118_287, evaluation_samples=5_000, **published)
    parser.add_argument("--model", choices=sorted(MODELS), default="yolov5s")
    parser.add_argument("--optimizer", choices=("sgd", "adamw"), default="sgd")
    parser.add_argument("--momentum", type=float, default=0.937)
    parser.add_argument("--weight-decay", type=float, default=5e-4, help="of a step of 64 images")
    parser.add_argument("--average", type=float, default=0.9999, help="of the weights evaluated; 0 for the last")
    parser.add_argument("--size", type=int, default=640, help="pixels an edge")
    parser.add_argument("--depth", type=float, default=1.0, help="share of the model's depth")
    parser.add_argument("--width", type=float, default=1.0, help="share of the model's width")
    parser.add_argument("--norm-momentum", type=float, default=0.03, help="of the normalisations' running means")
    parser.add_argument("--box-weight", type=float, default=BOX, help="of the loss of boxes")
    parser.add_argument("--class-weight", type=float, default=CLASS, help="of the loss of 80 classes")
    parser.add_argument("--classes", type=int, default=80, help="of generated objects")
    parser.add_argument("--cells", type=int, default=4, help="of generated images, an edge")
    parser.add_argument("--smallest", type=float, default=0.1, help="edge of a generated object, share of its cell")
    args = parser.parse_args()
    if args.size <= 0 or args.size % STRIDES[-1]:
        parser.error(f"--size {args.size}: images have a multiple of {STRIDES[-1]} pixels an edge")
    return args


def source(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, int]:
    """The images to train on and to evaluate, and the number of their classes."""
    options = {"batch_size": args.batch_size, "size": args.size}
    if run.data == "real":
        return coco_images(Path(args.data), run, workers=args.workers, **options)
    made = {"classes": args.classes, "cells": args.cells, "smallest": args.smallest, **options}
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    return GeneratedObjects(run, **made, **count), args.classes


def optimizer(args: argparse.Namespace, model: torch.nn.Module, images: int) -> torch.optim.Optimizer:
    """Of a model that takes so many images a step: the published one, or AdamW."""
    if args.optimizer == "adamw":
        return loop.fused(torch.optim.AdamW, loop.decaying(model, args.weight_decay), lr=args.lr, betas=(0.9, 0.95))
    groups = loop.decaying(model, args.weight_decay * images / NOMINAL)
    return loop.fused(torch.optim.SGD, groups, lr=args.lr, momentum=args.momentum, nesterov=True)


def evaluate(model: YOLOv5, images: loop.Source, run: training.Run) -> tuple[float, int]:
    """mAP@0.5, 0 to 1, and the number of images; every rank looks at its part, the first compares."""
    answers, truths = [torch.zeros(0, 7, device=run.device)], [torch.zeros(0, 7, device=run.device)]
    count = 0
    for batch, targets in images.evaluation():
        with run.autocast():
            maps = model(batch)
        for objects, true in zip(found(maps, model.anchors), targets, strict=True):
            number = torch.full((max(len(objects), len(true)), 1), count * run.world_size + run.rank, device=run.device)
            answers.append(torch.cat([number[: len(objects)], objects], 1))
            true = torch.nn.functional.pad(true, (0, 6 - true.shape[1]))  # generated objects are no crowds
            truths.append(torch.cat([number[: len(true)], true], 1)[true[:, 0] >= 0])
            count += 1
    everything = [loop.gathered(torch.cat(rows), run) for rows in (truths, answers)]
    value = mean_average_precision(*everything) if run.rank == 0 else 0.0
    return run.total(value), round(run.total(count))


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedObjects.name, versions={"torchvision": torchvision.__version__})
    try:
        images, classes = source(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    model = MODELS[args.model](classes, args).to(run.device, memory_format=torch.channels_last)
    average = loop.Average(model, args.average) if args.average else None
    evaluated = average.model if average else model
    parallel = loop.distributed(model, run, args.compile)
    total = args.batch_size * run.world_size
    weights = {"box_weight": args.box_weight, "class_weight": args.class_weight}
    loop.train(
        run,
        images,
        model=evaluated,
        # As published, the sum over the images of all ranks: more of them are longer steps at one learning rate.
        loss=lambda batch: total * detection_loss(parallel(batch[0]), batch[1], model.anchors, **weights),
        optimizer=optimizer(args, model, total),
        epochs=args.epochs,
        rate=lambda epoch: loop.cosine(epoch, args.epochs, args.warmup_epochs, floor=0.01),
        evaluate=lambda: evaluate(evaluated, images, run),
        after_step=average.move if average else None,
    )


if __name__ == "__main__":
    main()
