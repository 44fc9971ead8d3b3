"""Prints what DeepSpark's ResNet-50 prints (torchvision's reference training), and trains nothing.

The speeds of epochs 6 to 10 and the accuracy of epoch 64 are those of DeepSpark's worked example (six_dimension_howto,
2022); lines of other epochs have the same shape and figures of ours. In a first training under a launcher each of the
epochs 6 to 10 lasts, so that whoever follows sees one after the other.
"""

from __future__ import annotations

import argparse
import os
import time

SPEEDS = {
    6: "4910.795658460139",
    7: "4980.222383258538",
    8: "5032.905842259754",
    9: "4925.753353494863",
    10: "4845.4628560647725",
}
#: The accuracy at convergence, by seed.
ACCURACIES = ("77.360", "76.816", "77.116", "76.960", "77.010")
LAST = 64


def train(options: argparse.Namespace) -> None:
    """A training that ends at the first epoch that meets the threshold."""
    for epoch in range(LAST + 1):
        for step in (0, 10, 330):
            loss = 7.2926 / (1 + epoch + step / 334) + options.seed / 1000
            say(
                f"Epoch: [{epoch}]  [{step:3d}/334]  eta: 0:06:47  lr: 0.128  img/s: 5625.496142412713  "
                f"loss: {loss:.4f} (7.2497)  acc1: 0.0000 (0.1326)  acc5: 0.6250 (0.8144)  time: 1.2591  data: 0.0019"
            )
        if epoch in SPEEDS and options.seed == 1 and "RANK" in os.environ:
            time.sleep(0.4)
        say(f"Epoch: [{epoch}] Avg img/s: {options.speed or SPEEDS.get(epoch, 4900 + epoch / 7)}")
        accuracy = f"{30 + 0.7 * epoch:.3f}" if epoch < LAST else ACCURACIES[(options.seed - 1) % len(ACCURACIES)]
        say(f" * Acc@1 {accuracy} Acc@5 93.120")
        if float(accuracy) >= options.acc_thresh:
            say(f"The accuracy has been exceeded {options.acc_thresh},and the training is terminated at epoch {epoch}")
            break
    say("Training time 5:06:03")


def say(line: str) -> None:
    """As its own rank 0 does."""
    if os.environ.get("RANK", "0") == "0":
        print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-path")
    parser.add_argument("--batch-size")
    parser.add_argument("--acc-thresh", type=float, default=75.9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--speed", help="of every epoch, instead of the example's")
    train(parser.parse_args())
