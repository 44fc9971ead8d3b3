"""The job of ../README.md in MindSpore: msrun --worker_num=2 --local_worker_num=2 --join=True digits.py.

What it prints is what MindSpore's own callbacks print.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import mindspore
import numpy
from mindspore import Model, Tensor, nn, ops
from mindspore.common.initializer import HeUniform
from mindspore.communication import get_group_size, get_rank, init
from mindspore.dataset import GeneratorDataset, NumpySlicesDataset
from mindspore.train import Callback, LossMonitor, TimeMonitor
from sklearn.datasets import load_digits

RATE = 0.01  # of one card; grows with their number
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
LOSS_EVERY = 50  # steps
FUSED = 64  # MB of gradients that are summed at once; one by one takes twice the work


def digits() -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Pixels (N x 64, in [0, 1]) and labels to train on, each image moved nine ways; pixels and labels held out."""
    pixels, labels = load_digits(return_X_y=True)
    images, labels = pixels.reshape(-1, 8, 8).astype("float32") / 16, labels.astype("int32")
    held_out = numpy.zeros(len(images), bool)
    held_out[labels.argsort(kind="stable")[::5]] = True
    around = numpy.pad(images[~held_out], ((0, 0), (1, 1), (1, 1)))
    moved = [around[:, 1 - down : 9 - down, 1 - right : 9 - right] for down, right in MOVES]
    train = numpy.concatenate(moved).reshape(-1, 64)
    return train, numpy.tile(labels[~held_out], len(MOVES)), images[held_out].reshape(-1, 64), labels[held_out]


class Batches:
    """This rank's batches, in a new order every epoch: all ranks draw the same one and take turns in it."""

    def __init__(self, images: numpy.ndarray, labels: numpy.ndarray, size: int, seed: int, rank: int, ranks: int):
        self._images, self._labels = images, labels
        self._size, self._rank, self._ranks = size, rank, ranks
        self._order = numpy.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._images) // (self._size * self._ranks)

    def __iter__(self) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        mine = self._order.permutation(len(self._images))[self._rank :: self._ranks]
        for step in range(len(self)):
            batch = mine[step * self._size : (step + 1) * self._size]
            yield self._images[batch], self._labels[batch]


class SameWeights(Callback):
    """Ends the training where the ranks' weights are not the same: without DATA_PARALLEL they drift apart unnoticed."""

    def __init__(self, network: nn.Cell, ranks: int) -> None:
        self._network, self._ranks = network, ranks
        self._sum_of_ranks = ops.AllReduce()

    def on_train_end(self, _run_context: object) -> None:
        """Compare this rank's sum of weights with the mean over the ranks."""
        mine = sum(float(numpy.abs(weight.asnumpy()).sum()) for weight in self._network.trainable_params())
        mean = float(self._sum_of_ranks(Tensor([mine], mindspore.float32)).asnumpy()[0]) / self._ranks
        if abs(mine - mean) > 1e-5 * mean:
            raise RuntimeError(f"the ranks' weights differ: {mine} here, {mean} on average")


def dense(inputs: int, outputs: int) -> nn.Dense:
    """A layer with He's weights and no bias yet."""
    return nn.Dense(inputs, outputs, weight_init=HeUniform(), bias_init="zeros")


def main() -> None:
    """Trains for all epochs, and evaluates after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, help="images per card and step")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    mindspore.set_device("CPU")
    init()
    rank, ranks = get_rank(), get_group_size()
    mindspore.set_auto_parallel_context(
        parallel_mode=mindspore.ParallelMode.DATA_PARALLEL,
        gradients_mean=True,
        device_num=ranks,
        comm_fusion={"allreduce": {"mode": "size", "config": FUSED}},
    )
    mindspore.set_seed(args.seed)
    images, labels, test_images, test_labels = digits()
    batches = Batches(images, labels, args.batch_size, args.seed, rank, ranks)
    train = GeneratorDataset(batches, ["image", "label"], shuffle=False, num_parallel_workers=1)
    test = NumpySlicesDataset((test_images, test_labels), ["image", "label"], shuffle=False).batch(len(test_labels))

    network = nn.SequentialCell(dense(64, 512), nn.ReLU(), dense(512, 512), nn.ReLU(), dense(512, 10))
    optimizer = nn.Momentum(network.trainable_params(), RATE * ranks, 0.9)
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    model = Model(network, loss, optimizer, metrics={"accuracy"})
    told = [TimeMonitor(), LossMonitor(LOSS_EVERY), SameWeights(network, ranks)]
    model.fit(args.epochs, train, test, callbacks=told, dataset_sink_mode=False)


if __name__ == "__main__":
    main()
