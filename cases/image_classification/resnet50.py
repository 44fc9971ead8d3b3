"""Trains torchvision's ResNet-50 v1.5 on ImageNet, or on generated images, on one card or several.

The recipe is that of NVIDIA's DeepLearningExamples (PyTorch/Classification/ConvNets/resnet50v1.5): SGD with a learning
rate of 0.256 per 256 images, momentum 0.875, weight decay 1/32768 without normalisation, label smoothing 0.1, a cosine
over 90 epochs after a warm-up.
"""

from __future__ import annotations

import argparse
import inspect
import math
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
import torchvision
from generated_images import GENERATOR, GeneratedImages
from image_folders import ImageFolders
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pytest_sixdim import training

#: Of ImageNet's pixels, 0 to 255, by channel.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PRECISIONS = ("fp32", "tf32", "amp-fp16", "amp-bf16")


class Images(Protocol):
    """Where batches come from. `steps`: of an epoch."""

    classes: int
    steps: int

    def training(self, epoch: int) -> Any:
        """This rank's batches of an epoch (from 0): images (uint8, channels last) and labels, on the device."""

    def evaluation(self) -> Any:
        """This rank's part of the images that are evaluated."""


class Normalised(nn.Module):
    """A model that takes images as they are stored, 0 to 255 in 8 bits: the card makes numbers of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns a score for each class."""
        return self.model((images.float() - self.mean) * self.scale)


def network(classes: int, norm_momentum: float = 0.1) -> nn.Module:
    """ResNet-50 v1.5; each block is the identity at first (the last normalisation's scale is 0)."""
    norm = partial(nn.BatchNorm2d, momentum=norm_momentum)
    return Normalised(torchvision.models.resnet50(num_classes=classes, zero_init_residual=True, norm_layer=norm))


def source(args: argparse.Namespace, run: training.Run) -> Images:
    """The images to train on and to evaluate."""
    ranks: dict[str, Any] = {"seed": run.seed, "rank": run.rank, "world_size": run.world_size}
    shape: dict[str, Any] = {"batch_size": args.batch_size, "size": args.size}
    if run.data == "real":
        return ImageFolders(Path(args.data), run.device, **ranks, **shape, workers=args.workers)
    count = {"training_images": args.epoch_images, "evaluation_images": args.evaluation_images}
    return GeneratedImages(run.device, **ranks, **shape, **count, classes=args.classes)


def distributed(model: nn.Module, run: training.Run, compiled: bool) -> nn.Module:
    """The model as it is trained: over all ranks, compiled where asked for.

    The ranks' running means are brought together before an evaluation, and not in every step.
    """
    if run.world_size > 1:
        newer = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
        options = {"gradient_as_bucket_view": True, "static_graph": not compiled}
        options["forward_sync_buffers" if newer else "broadcast_buffers"] = False
        model = DistributedDataParallel(model, **options)
    return torch.compile(model) if compiled else model


def optimiser(model: nn.Module, momentum: float, decay: float) -> torch.optim.Optimizer:
    """SGD in one kernel where the card has it; biases and normalisation do not decay.

    The momentum begins at 0, which gives the same first step. Left to itself, the fused kernel takes memory as it finds
    it, and where the scaler skips the first step (usual under fp16) it would train on with what was there.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    chosen = torch.optim.SGD(groups, lr=0.0, momentum=momentum, **fused(parameters[0].device))
    for parameter in parameters:
        chosen.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return chosen


def fused(device: torch.device) -> dict[str, bool]:
    """The option of an optimiser that is one kernel: tried here, because a card without it says so in a step only."""
    tried = nn.Parameter(torch.zeros(1, device=device))
    tried.grad = torch.zeros_like(tried)
    try:
        torch.optim.SGD([tried], lr=0.0, momentum=0.5, fused=True).step()
    except (RuntimeError, TypeError):  # a card, or a torch, without the kernel
        return {}
    return {"fused": True}


def learning_rate(epoch: float, epochs: float, warmup: float) -> float:
    """Share of the full learning rate: up a line over the warm-up, down a cosine to the last epoch, then nearly 0."""
    if epoch < warmup:
        return epoch / warmup
    return max(1e-4, (1 + math.cos(math.pi * min(1, (epoch - warmup) / max(epochs - warmup, 1e-9)))) / 2)


@torch.no_grad()
def evaluate(model: nn.Module, images: Images, run: training.Run) -> tuple[float, int]:
    """Share of right answers in %, and how many images were asked; every rank does its part."""
    if run.world_size > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                torch.distributed.all_reduce(buffer)
                buffer /= run.world_size
    right, count = torch.zeros((), device=run.device), 0
    model.eval()
    for batch, labels in images.evaluation():
        with run.autocast():
            right += (model(batch).argmax(1) == labels).sum()
        count += len(labels)
    model.train()
    asked = round(run.total(count))
    return 100 * run.total(right.item()) / asked, asked


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="generated", help="a directory with train and val, or generated")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--batch-size", type=int, default=256, help="images per card and step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=90, help="of the schedule")
    parser.add_argument("--warmup-epochs", type=float, default=5)
    parser.add_argument("--lr", type=float, default=0.256, help="for 256 images a step; grows with their number")
    parser.add_argument("--momentum", type=float, default=0.875)
    parser.add_argument("--weight-decay", type=float, default=1 / 32768)
    parser.add_argument("--norm-momentum", type=float, default=0.1, help="of the normalisations' running means")
    parser.add_argument("--compile", action="store_true", help="let torch.compile make kernels")
    parser.add_argument("--workers", type=int, default=8, help="that decode images, per card")
    parser.add_argument("--size", type=int, default=224, help="pixels an edge")
    parser.add_argument("--classes", type=int, default=1000, help="of generated images")
    parser.add_argument("--epoch-images", type=int, default=1_281_167, help="generated images in an epoch")
    parser.add_argument("--evaluation-images", type=int, default=50_000, help="generated images in an evaluation")
    return parser.parse_args()


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    torch.backends.cudnn.benchmark = True
    run = training.start(
        seed=args.seed,
        batch_size=args.batch_size,
        precision=args.precision,
        data="generated" if args.data == "generated" else "real",
        generator=GENERATOR,
        versions={"torchvision": torchvision.__version__, "compile": args.compile},
    )
    images = source(args, run)
    model = network(images.classes, args.norm_momentum).to(run.device, memory_format=torch.channels_last)
    parallel = distributed(model, run, args.compile)
    optimizer = optimiser(model, args.momentum, args.weight_decay)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    scaler = run.grad_scaler()
    full_rate = args.lr * args.batch_size * run.world_size / 256

    for epoch in run.epochs(math.ceil(args.epochs)):
        for step, (batch, labels) in enumerate(run.batches(images.training(epoch)), start=1):
            rate = full_rate * learning_rate(epoch + step / images.steps, args.epochs, args.warmup_epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with run.autocast():
                loss = criterion(parallel(batch), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            run.step(samples=len(labels), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value, evaluation.samples = evaluate(model, images, run)
    run.finish()


if __name__ == "__main__":
    main()
