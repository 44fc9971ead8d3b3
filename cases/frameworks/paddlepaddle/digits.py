"""The job of ../README.md in PaddlePaddle: python -m paddle.distributed.launch --nproc_per_node 2 digits.py.

What it prints is what paddle.Model prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy
import paddle
from paddle import nn
from paddle.io import BatchSampler, DataLoader, Dataset
from sklearn.datasets import load_digits

RATE = 0.01  # of one card; grows with their number
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
LOG_EVERY = 50  # steps


class Images(Dataset):
    """Pixels (64, in [0, 1]) and labels."""

    def __init__(self, images: numpy.ndarray, labels: numpy.ndarray) -> None:
        self._images, self._labels = images.reshape(-1, 64), labels.reshape(-1, 1)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        return self._images[index], self._labels[index]


class Turns(BatchSampler):
    """This rank's batches, in a new order every epoch: all ranks draw the same one and take turns in it."""

    def __init__(self, count: int, size: int, seed: int, rank: int, ranks: int) -> None:
        self._count, self._size, self._rank, self._ranks = count, size, rank, ranks
        self._order = numpy.random.default_rng(seed)

    def __len__(self) -> int:
        return self._count // (self._size * self._ranks)

    def __iter__(self) -> Iterator[list[int]]:
        mine = self._order.permutation(self._count)[self._rank :: self._ranks].tolist()
        for step in range(len(self)):
            yield mine[step * self._size : (step + 1) * self._size]


def digits() -> tuple[Images, Images]:
    """What is trained on, each image moved nine ways, and what is held out."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype("float32") / 16
    held_out = numpy.zeros(len(images), bool)
    held_out[labels.argsort(kind="stable")[::5]] = True
    around = numpy.pad(images[~held_out], ((0, 0), (1, 1), (1, 1)))
    moved = [around[:, 1 - down : 9 - down, 1 - right : 9 - right] for down, right in MOVES]
    train = Images(numpy.concatenate(moved), numpy.tile(labels[~held_out], len(MOVES)))
    return train, Images(images[held_out], labels[held_out])


def dense(inputs: int, outputs: int) -> nn.Linear:
    """A layer with He's weights and no bias yet."""
    return nn.Linear(inputs, outputs, weight_attr=nn.initializer.KaimingUniform(), bias_attr=nn.initializer.Constant(0))


def main() -> None:
    """Trains for all epochs, and evaluates after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, help="images per card and step")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    paddle.set_device("cpu")
    paddle.distributed.init_parallel_env()
    rank, ranks = paddle.distributed.get_rank(), paddle.distributed.get_world_size()
    paddle.seed(args.seed)
    train, test = digits()
    turns = Turns(len(train), args.batch_size, args.seed, rank, ranks)

    network = nn.Sequential(dense(64, 512), nn.ReLU(), dense(512, 512), nn.ReLU(), dense(512, 10))
    model = paddle.Model(network)
    optimizer = paddle.optimizer.Momentum(RATE * ranks, 0.9, network.parameters())
    model.prepare(optimizer, nn.CrossEntropyLoss(), paddle.metric.Accuracy())
    model.fit(
        DataLoader(train, batch_sampler=turns),
        test,
        batch_size=len(test),
        epochs=args.epochs,
        log_freq=LOG_EVERY,
        verbose=2,
    )


if __name__ == "__main__":
    main()
