"""The job of ../README.md in pure JAX: one process that drives all cards. By hand: python digits.py --cards 2."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

from pytest_sixdim import training

WIDTH, CLASSES = 512, 10
RATE, MOMENTUM = 0.01, 0.9  # the rate of one card
Layers = list[tuple[jax.Array, jax.Array]]  # weights (inputs x outputs) and biases


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images to train on (each moved by up to one pixel, nine times) and their labels; the held out and theirs."""
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 8, 8)
    held_out = np.zeros(len(images), bool)
    held_out[labels.argsort(kind="stable")[::5]] = True
    padded = np.pad(images[~held_out], ((0, 0), (1, 1), (1, 1)))
    moved = [padded[:, down : down + 8, right : right + 8] for down in range(3) for right in range(3)]
    train = np.concatenate(moved).reshape(-1, 64)
    return train, np.tile(labels[~held_out], 9), images[held_out].reshape(-1, 64), labels[held_out]


def batches(count: int, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Indices below `count` of each step of an epoch, in a new order; the rest that fills no batch is left out."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    for first in range(0, count - size + 1, size):
        yield order[first : first + size]


def network(key: jax.Array) -> Layers:
    """Three dense layers, He's uniform weights."""
    sizes = (64, WIDTH, WIDTH, CLASSES)
    layers = []
    for (inputs, outputs), part in zip(pairwise(sizes), jax.random.split(key, 3), strict=True):
        bound = (6 / inputs) ** 0.5
        weights = jax.random.uniform(part, (inputs, outputs), minval=-bound, maxval=bound)
        layers.append((weights, jnp.zeros(outputs)))
    return layers


def scores(layers: Layers, images: jax.Array) -> jax.Array:
    """One row of ten an image; the softmax is left to the loss."""
    for weights, biases in layers[:-1]:
        images = jax.nn.relu(images @ weights + biases)
    weights, biases = layers[-1]
    return images @ weights + biases


def loss_of(layers: Layers, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy, the mean of the batch."""
    logs = jax.nn.log_softmax(scores(layers, images))
    return -jnp.take_along_axis(logs, labels[:, None], axis=1).mean()


@functools.partial(jax.jit, donate_argnums=(0, 1))
def train_step(layers: Layers, speeds: Layers, images: jax.Array, labels: jax.Array, rate: float) -> Any:
    """SGD with momentum. The batch is divided among the cards, so XLA sums the gradient over them."""
    loss, gradient = jax.value_and_grad(loss_of)(layers, images, labels)
    speeds = jax.tree.map(lambda speed, slope: MOMENTUM * speed + slope, speeds, gradient)
    layers = jax.tree.map(lambda weight, speed: weight - rate * speed, layers, speeds)
    return layers, speeds, loss


@jax.jit
def right_answers(layers: Layers, images: jax.Array, labels: jax.Array) -> jax.Array:
    """How many images get their label."""
    return (scores(layers, images).argmax(axis=1) == labels).sum()


def take_cards(count: int) -> Mesh:
    """The first so many cards. Cores of a CPU get one thread each, which the collective of a step may well block.

    XLA's pool has by default as many threads as there are cores, and two steps under way can fill it with threads that
    wait for each other: NPROC asks for more.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    os.environ.setdefault("NPROC", str(8 * count))
    jax.config.update("jax_num_cpu_devices", count)
    jax.config.update("jax_default_matmul_precision", "highest")  # fp32 is no TF32
    return Mesh(np.array(jax.devices()[:count]), ("cards",))


def main() -> None:
    """Trains until the run is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64, help="images per card and step")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    mesh = take_cards(args.cards)
    divided, everywhere = NamedSharding(mesh, PartitionSpec("cards")), NamedSharding(mesh, PartitionSpec())
    run = training.start(
        seed=args.seed,
        batch_size=args.batch_size,
        cards=mesh.size,
        synchronize=lambda: jax.block_until_ready(jax.live_arrays()),
    )

    images, labels, held_images, held_labels = digits()
    layers = jax.device_put(network(jax.random.key(run.seed)), everywhere)
    speeds = jax.device_put(jax.tree.map(jnp.zeros_like, layers), everywhere)
    for epoch in run.epochs(args.epochs):
        for batch in run.batches(batches(len(images), args.batch_size * run.cards, run.seed, epoch)):
            given = jax.device_put((images[batch], labels[batch]), divided)
            layers, speeds, loss = train_step(layers, speeds, *given, RATE * run.cards)
            run.step(samples=len(batch), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            right = right_answers(layers, held_images, held_labels)
            evaluation.value, evaluation.samples = 100 * float(right) / len(held_labels), len(held_labels)
    run.finish()


if __name__ == "__main__":
    main()
