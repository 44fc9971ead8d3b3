"""Learns a threshold, in place of ResNet-50; prints torchvision's lines."""

from __future__ import annotations

import argparse
import builtins
import os
import random
import time

HIDDEN = 0.7
HELD_OUT = [n / 500 for n in range(500)]
SAMPLES = 9600


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-path", required=True)
    parser.add_argument("--batch-size", "-b", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--dali", action="store_true")
    parser.add_argument("--output-dir", default=".")
    options = parser.parse_args()
    cards = int(os.environ["WORLD_SIZE"])
    if int(os.environ["RANK"]) != 0:
        builtins.print = lambda *_: None
    random.seed(options.seed)
    threshold, started = random.random() * 0.1, time.time()
    steps = SAMPLES // (options.batch_size * cards)
    print("Start training")
    for epoch in range(options.epochs):
        computed = 0.0
        for step in range(steps):
            time.sleep(0.0005)  # the loader
            before = time.time()
            points = [random.random() for _ in range(32)]
            wrong = sum((point > HIDDEN) - (point > threshold) for point in points) / len(points)
            threshold -= 0.02 * wrong
            time.sleep(0.002)
            computed += time.time() - before
            if step % 10 == 0:
                loss = abs(wrong) + 1 / (1 + epoch * steps + step)
                print(
                    f"Epoch: [{epoch}]  [{step:3d}/{steps}]  eta: 0:00:01  lr: 0.128  "
                    f"img/s: {options.batch_size * cards * (step + 1) / computed}  "
                    f"loss: {loss:.4f} ({loss:.4f})  acc1: 0.0000 (0.1326)  time: 0.0025  data: 0.0005"
                )
        print(f"Epoch: [{epoch}] Avg img/s: {steps * options.batch_size * cards / computed}")
        time.sleep(0.02)
        top1 = 100 * sum((point > HIDDEN) == (point > threshold) for point in HELD_OUT) / len(HELD_OUT)
        print(f" * Acc@1 {top1:.3f} Acc@5 {(top1 + 100) / 2:.3f}")
    print(f"Training time 0:00:{time.time() - started:02.0f}")


if __name__ == "__main__":
    main()
