"""Trains a small classifier on data that it generates. Put your own model, data and evaluation in its place.

What the case needs of a program: that it tells `run` of every step and every evaluation, and stops when `run.done`.
By hand: torchrun --nproc-per-node 1 train.py
"""

from __future__ import annotations

import argparse

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from pytest_sixdim import training

CLASSES, FEATURES = 10, 64
TRAINING_SAMPLES, EVALUATION_SAMPLES = 20_000, 2_000


def generated(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` points (count x FEATURES) scattered around one centre a class, and their classes."""
    centres = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(0))  # the same in every run
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=source)
    return centres[labels] + 2.0 * torch.randn(count, FEATURES, generator=source), labels


def shard(run: training.Run, epoch: int, batch_size: int) -> list[torch.Tensor]:
    """This card's batches of one epoch, as indices: all cards draw the same order and take turns in it."""
    source = torch.Generator().manual_seed(1000 * run.seed + epoch)
    order = torch.randperm(TRAINING_SAMPLES, generator=source)
    batches = TRAINING_SAMPLES // (batch_size * run.world_size)
    return list(order[run.rank :: run.world_size][: batches * batch_size].split(batch_size))


def accuracy(model: nn.Module, points: torch.Tensor, labels: torch.Tensor, run: training.Run) -> float:
    """Share of right answers in %; every card does its part of the points."""
    part = slice(run.rank, None, run.world_size)
    with torch.no_grad():
        right = (model(points[part]).argmax(1) == labels[part]).sum().item()
    return 100 * run.total(right) / len(labels)


def main() -> None:
    """Trains until the run is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, help="samples per card and step")
    parser.add_argument("--epochs", type=int, default=20, help="gives up after so many")
    parser.add_argument("--lr", type=float, default=0.0005, help="learning rate of one card")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    run = training.start(seed=args.seed, batch_size=args.batch_size)  # also seeds torch and joins the other cards
    points, labels = (tensor.to(run.device) for tensor in generated(TRAINING_SAMPLES, seed=1))
    evaluation_points, evaluation_labels = (tensor.to(run.device) for tensor in generated(EVALUATION_SAMPLES, seed=2))
    model = nn.Sequential(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Linear(256, CLASSES)).to(run.device)
    parallel = DistributedDataParallel(model) if run.world_size > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), args.lr * run.world_size, momentum=0.9)

    for epoch in run.epochs(args.epochs):
        for batch in run.batches(shard(run, epoch, args.batch_size)):
            optimizer.zero_grad()
            loss = cross_entropy(parallel(points[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            run.step(samples=len(batch), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value = accuracy(model, evaluation_points, evaluation_labels, run)
            evaluation.samples = EVALUATION_SAMPLES
    run.finish()


if __name__ == "__main__":
    main()
