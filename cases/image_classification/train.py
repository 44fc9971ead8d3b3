"""Trains an image classifier on ImageNet, or on generated images, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model resnet50
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from generated_images import GeneratedImages
from image_folders import image_folders
from models import MODELS, Normalised
from torch import nn
from torchvision.transforms import v2
from wave_mlp import DEPTHS, WIDTHS

from pytest_sixdim import training
from pytest_sixdim.training import loop

Batch = tuple[torch.Tensor, torch.Tensor]


def arguments() -> argparse.Namespace:
    """What the command line says; the defaults are ResNet-50's."""
    parser = loop.arguments(
        __doc__,
        batch_size=256,
        epochs=90,
        warmup_epochs=8,
        lr=0.256,
        epoch_samples=1_281_167,
        evaluation_samples=50_000,
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="resnet50")
    parser.add_argument("--depths", type=numbers, help="blocks of each stage, such as 1,1,2,1 (wave_mlp_t_dw)")
    parser.add_argument("--widths", type=numbers, help="channels of each stage (wave_mlp_t_dw)")
    parser.add_argument("--drop-path", type=float, default=0.0, help="probability that a sample skips the last block")
    parser.add_argument("--norm-momentum", type=float, default=0.1, help="of the normalisations' running means")
    parser.add_argument("--optimizer", choices=("sgd", "adamw"), default="sgd")
    parser.add_argument("--momentum", type=float, default=0.875, help="of sgd")
    parser.add_argument("--weight-decay", type=float, default=1 / 32768)
    parser.add_argument("--floor", type=float, default=1e-4, help="share of the learning rate that is left in the end")
    parser.add_argument("--average", type=float, metavar="DECAY", help="evaluate a moving average of the weights")
    parser.add_argument("--size", type=int, default=224, help="pixels an edge")
    parser.add_argument("--classes", type=int, default=1000, help="of generated images")
    parser.add_argument("--mixup", type=float, metavar="ALPHA", help="blend images; with --cutmix, of half the batches")
    parser.add_argument("--cutmix", type=float, metavar="ALPHA", help="put a box of another image into each")
    parser.add_argument(
        "--randaugment", type=int, choices=range(31), metavar="M", help="changes to stored images, M of 0 to 30"
    )
    parser.add_argument("--erasing", type=float, default=0.0, help="share of stored images with a box of noise")
    parser.add_argument("--repeats", type=int, default=1, help="how often an epoch has each of its stored images")
    args = parser.parse_args()
    if (args.depths or args.widths) and not args.model.startswith("wave_mlp"):
        parser.error(f"--depths and --widths are of wave_mlp_t_dw; {args.model} has its own")
    if len(args.depths or DEPTHS) != len(args.widths or WIDTHS):
        parser.error("--depths and --widths: one number for each stage (four where one of the two is not given)")
    return args


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list such as 1,1,2,1."""
    return tuple(int(part) for part in text.split(","))


def source(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, int]:
    """The images to train on and to evaluate, and the number of their classes."""
    if run.data == "real":
        changes = {"magnitude": args.randaugment, "erasing": args.erasing, "repeats": args.repeats}
        sizes = {"batch_size": args.batch_size, "size": args.size, "workers": args.workers}
        return image_folders(Path(args.data), run, **sizes, **changes)
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    images = GeneratedImages(run, batch_size=args.batch_size, classes=args.classes, size=args.size, **count)
    return images, args.classes


def mixed(args: argparse.Namespace, classes: int) -> Callable[[Batch], Batch]:
    """What mixes a batch with itself: labels become shares of classes (B x classes). Either kind is as likely."""
    alphas = ((v2.MixUp, args.mixup), (v2.CutMix, args.cutmix))
    kinds = [kind(alpha=alpha, num_classes=classes) for kind, alpha in alphas if alpha]
    if not kinds:
        return lambda batch: batch
    choice = v2.RandomChoice(kinds)

    def mix(batch: Batch) -> Batch:
        images, shares = choice(batch[0].float(), batch[1])
        return images.contiguous(memory_format=torch.channels_last), shares  # on CUDA a roll gives channels first

    return mix


def optimiser(args: argparse.Namespace, model: nn.Module, run: training.Run) -> torch.optim.Optimizer:
    """The learning rate that is given is of 256 images a step, on all cards."""
    groups, rate = loop.decaying(model, args.weight_decay), args.lr * args.batch_size * run.world_size / 256
    if args.optimizer == "sgd":
        return loop.fused(torch.optim.SGD, groups, lr=rate, momentum=args.momentum)
    return loop.fused(torch.optim.AdamW, groups, lr=rate)


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
    try:
        images, classes = source(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    model = Normalised(MODELS[args.model](classes, args)).to(run.device, memory_format=torch.channels_last)
    average = loop.Average(model, args.average) if args.average else None
    evaluated = average.model if average else model
    parallel = loop.distributed(model, run, args.compile)
    criterion, mix = nn.CrossEntropyLoss(label_smoothing=0.1), mixed(args, classes)

    def loss(batch: Batch) -> torch.Tensor:
        inputs, labels = mix(batch)
        return criterion(parallel(inputs), labels)

    loop.train(
        run,
        images,
        model=evaluated,
        loss=loss,
        optimizer=optimiser(args, model, run),
        epochs=args.epochs,
        rate=lambda epoch: loop.cosine(epoch, args.epochs, args.warmup_epochs, args.floor),
        evaluate=lambda: evaluate(evaluated, images, run),
        after_step=average.move if average else None,
    )


if __name__ == "__main__":
    main()
