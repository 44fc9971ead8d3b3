"""The job of ../README.md in PyTorch: torchrun digits.py --seed 1."""

from __future__ import annotations

import argparse

import numpy
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from pytest_sixdim import training

RATE = 0.01  # of one card; grows with their number
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pixels (N x 64, in [0, 1]) and labels to train on, each image moved nine ways; pixels and labels held out."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype("float32") / 16
    held_out = numpy.zeros(len(images), bool)
    held_out[labels.argsort(kind="stable")[::5]] = True
    around = numpy.pad(images[~held_out], ((0, 0), (1, 1), (1, 1)))
    moved = [around[:, 1 - down : 9 - down, 1 - right : 9 - right] for down, right in MOVES]
    train = torch.tensor(numpy.concatenate(moved)).view(-1, 64)
    return (
        train,
        torch.tensor(numpy.tile(labels[~held_out], len(MOVES))),
        torch.tensor(images[held_out]).view(-1, 64),
        torch.tensor(labels[held_out]),
    )


def dense(inputs: int, outputs: int) -> nn.Linear:
    """A layer with He's weights and no bias yet."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


def batches(count: int, epoch: int, run: training.Run, size: int) -> list[torch.Tensor]:
    """This rank's batches of an epoch, as indices below `count`: all ranks draw one order and take turns in it."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1000 * run.seed + epoch))
    steps = count // (size * run.world_size)
    return list(order[run.rank :: run.world_size][: steps * size].split(size))


def main() -> None:
    """Trains until the run is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, help="images per card and step")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    run = training.start(seed=args.seed, batch_size=args.batch_size)
    images, labels, test_images, test_labels = (tensor.to(run.device) for tensor in digits())
    model = nn.Sequential(dense(64, 512), nn.ReLU(), dense(512, 512), nn.ReLU(), dense(512, 10)).to(run.device)
    parallel = DistributedDataParallel(model) if run.world_size > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), RATE * run.world_size, momentum=0.9)

    for epoch in run.epochs(args.epochs):
        for batch in run.batches(batches(len(images), epoch, run, args.batch_size)):
            optimizer.zero_grad()
            loss = functional.cross_entropy(parallel(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            run.step(samples=len(batch), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation, torch.no_grad():
            right = (model(test_images).argmax(1) == test_labels).float().mean()
            evaluation.value, evaluation.samples = 100 * right.item(), len(test_labels)
    run.finish()


if __name__ == "__main__":
    main()
