"""Trains a small residual network on scikit-learn's handwritten digits, on one card or several."""

from __future__ import annotations

import argparse
import math

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from pytest_sixdim import training

SIZE = 16  # pixels an edge; the images come with 8
MOMENTUM = 0.3  # of the normalisation's statistics: an epoch has only a few steps
SCHEDULE = 12  # epochs until the learning rate is at its least


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=MOMENTUM),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=MOMENTUM),
        )
        self.shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns features; height and width divided by the stride."""
        return functional.relu(self.convolutions(images) + self.shortcut(images))


def network(width: int = 32) -> nn.Module:
    """A residual network with two blocks, for images of one channel and ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width, momentum=MOMENTUM),
        nn.ReLU(),
        Block(width, width, stride=1),
        Block(width, 2 * width, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 10),
    )


def digits(device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (1797 x 1 x 16 x 16, in [0, 1]), labels, and a mask of the images that are held out.

    Held out is every fifth image of the list sorted by class: the same 360 under every seed.
    """
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    images = functional.interpolate(images, size=SIZE, mode="bilinear")
    held_out = torch.zeros(len(images), dtype=torch.bool)
    held_out[torch.tensor(labels).argsort(stable=True)[::5]] = True
    return images.to(device), torch.tensor(labels).to(device), held_out


def shard(count: int, epoch: int, run: training.Run, batch_size: int) -> list[torch.Tensor]:
    """This rank's batches of one epoch, as indices below `count`.

    All ranks draw the same order and take turns in it; what does not fill a batch on every rank is left out, and is
    other images in every epoch.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1000 * run.seed + epoch))
    batches = count // (batch_size * run.world_size)
    mine = order[run.rank :: run.world_size]
    return list(mine[: batches * batch_size].split(batch_size))


def shifted(images: torch.Tensor) -> torch.Tensor:
    """The batch moved by up to one pixel each way."""
    down, right = torch.randint(0, 3, (2,)).tolist()
    return functional.pad(images, (1, 1, 1, 1))[:, :, down : down + SIZE, right : right + SIZE]


def learning_rate(epoch: float) -> float:
    """Share of the full learning rate: up over one epoch, down a cosine, then 20 %.

    What is learned slowly near the target is learned evenly: seeds end close together.
    """
    return min(1, epoch) * max(0.2, (1 + math.cos(math.pi * min(1, epoch / SCHEDULE))) / 2)


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, run: training.Run) -> float:
    """Share of right answers in %; every rank does its part of the images."""
    part = slice(run.rank, None, run.world_size)
    model.eval()
    with torch.no_grad():
        right = (model(images[part]).argmax(1) == labels[part]).sum().item()
    model.train()
    return 100 * run.total(right) / len(labels)


def main() -> None:
    """Trains until the run is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=128, help="images per card and step")
    parser.add_argument("--lr", type=float, default=0.001, help="of one card; grows with the root of their number")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    run = training.start(seed=args.seed, batch_size=args.batch_size)
    images, labels, held_out = digits(run.device)
    model = network().to(run.device, memory_format=torch.channels_last)
    parallel = DistributedDataParallel(model) if run.world_size > 1 else model
    train_images, train_labels = images[~held_out], labels[~held_out]
    optimizer = torch.optim.Adam(model.parameters(), args.lr * math.sqrt(run.world_size))
    steps = len(train_images) // (args.batch_size * run.world_size)  # an epoch
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate((step + 1) / steps))

    for epoch in run.epochs(args.epochs):
        for batch in run.batches(shard(len(train_images), epoch, run, args.batch_size)):
            optimizer.zero_grad()
            outputs = parallel(shifted(train_images[batch]).contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(outputs, train_labels[batch])
            loss.backward()
            optimizer.step()
            scheduler.step()
            run.step(samples=len(batch), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value = accuracy(model, images[held_out], labels[held_out], run)
            evaluation.samples = int(held_out.sum())
    run.finish()


if __name__ == "__main__":
    main()
