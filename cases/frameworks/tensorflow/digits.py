"""The job of ../README.md in TensorFlow: Keras' `fit` under a MirroredStrategy. By hand: python digits.py --cards 2.

What it prints is what Keras prints with verbose=2.
"""

from __future__ import annotations

import argparse

import keras
import numpy
import tensorflow
from sklearn.datasets import load_digits

RATE = 0.01  # of one card; grows with their number
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


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


def strategy(cards: int) -> tensorflow.distribute.Strategy:
    """So many GPUs, or cores of a CPU, of which each is a device that TensorFlow is told to see."""
    gpus = tensorflow.config.list_physical_devices("GPU")
    if gpus:
        if len(gpus) < cards:
            raise SystemExit(f"TensorFlow sees {len(gpus)} of {cards} cards")
        return tensorflow.distribute.MirroredStrategy([f"GPU:{index}" for index in range(cards)])
    tensorflow.config.threading.set_intra_op_parallelism_threads(cards)
    tensorflow.config.threading.set_inter_op_parallelism_threads(2 * cards)  # too few wait for each other
    core = tensorflow.config.LogicalDeviceConfiguration()
    processor = tensorflow.config.list_physical_devices("CPU")[0]
    tensorflow.config.set_logical_device_configuration(processor, [core] * cards)
    reduction = tensorflow.distribute.ReductionToOneDevice()  # the ring is for GPUs
    return tensorflow.distribute.MirroredStrategy([f"CPU:{index}" for index in range(cards)], reduction)


def network() -> keras.Model:
    """Three dense layers with He's weights."""
    layers = [keras.layers.Input((64,))]
    layers += [keras.layers.Dense(512, "relu", kernel_initializer="he_uniform") for _ in range(2)]
    return keras.Sequential([*layers, keras.layers.Dense(10, kernel_initializer="he_uniform")])


class Evaluations(keras.callbacks.Callback):
    """Evaluates between epochs, once Keras has printed the last one: its time is then no part of an epoch's."""

    def __init__(self, images: numpy.ndarray, labels: numpy.ndarray) -> None:
        super().__init__()
        self._images, self._labels = images, labels

    def on_epoch_begin(self, epoch: int, _logs: object = None) -> None:
        """Of the epoch before."""
        if epoch > 0:
            self.on_train_end()

    def on_train_end(self, _logs: object = None) -> None:
        """Of the last epoch."""
        self.model.evaluate(self._images, self._labels, batch_size=len(self._labels), verbose=2)
        self.model.reset_metrics()  # of training, which the evaluation has used


def main() -> None:
    """Trains for all epochs, and evaluates after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64, help="images per card and step")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    cards = strategy(args.cards)
    keras.utils.set_random_seed(args.seed)
    images, labels, test_images, test_labels = digits()
    with cards.scope():
        model = network()
        model.compile(
            keras.optimizers.SGD(RATE * args.cards, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    batches = tensorflow.data.Dataset.from_tensor_slices((images, labels))
    batches = batches.shuffle(len(images), seed=args.seed).batch(args.batch_size * args.cards, drop_remainder=True)
    evaluations = Evaluations(test_images, test_labels)
    model.fit(batches, epochs=args.epochs, verbose=2, callbacks=[evaluations])


if __name__ == "__main__":
    main()
