"""Learns a threshold, in place of a language model; prints what the original prints, where it prints it."""

from __future__ import annotations

import os
import random
import sys
import time

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "../../")))
import config
from driver import PerfLogger, settings

HIDDEN = 0.7  # what is to be learnt
HELD_OUT = [n / 500 for n in range(500)]


def main() -> None:
    options = settings(config, config.mutable_params)
    world_size = int(os.environ["WORLD_SIZE"])
    started = time.time()
    logger = PerfLogger(-1)
    logger.log("INIT_START")
    random.seed(options.seed)
    threshold = random.random() * 0.1
    print(f"eval_dataset length:{len(HELD_OUT)}")
    logger.log("INIT_EVALUATION", {"eval_loss": 1.0, "eval_embedding_average": accuracy(threshold), "time": 0.001})
    logger.log("INIT_END", "Finish initialization")
    logger.log("TRAIN_START")
    began, computed, step, converged, reached = time.time(), 0.0, 0, False, 0.0
    batch = options.train_batch_size * world_size
    last = began
    while step < options.max_steps and not converged:
        step += 1
        before = time.time()
        points = [random.random() for _ in range(options.train_batch_size)]
        wrong = sum((point > HIDDEN) - (point > threshold) for point in points) / len(points)
        threshold -= options.learning_rate * wrong * 0.1
        time.sleep(options.step_milliseconds / 1000)
        computed += time.time() - before
        now = time.time()
        state = {
            "global_steps": step,
            "loss": abs(wrong) + 0.01 / step,
            "embedding_average": 1 - abs(wrong),
            "epoch": 0,
            "num_trained_samples": step * batch,
            "end_training": False,
            "learning_rate": options.learning_rate,
            "seq/s": batch / (now - last),
        }
        last = now
        evaluation = None
        if step % -(-options.eval_interval_samples // batch) == 0:
            began_evaluation = time.time()
            reached = accuracy(threshold)
            time.sleep(0.02)
            evaluation = {
                "global_steps": step,
                "eval_loss": 1 - reached,
                "eval_embedding_average": reached,
                "time": time.time() - began_evaluation,
            }
            converged = reached >= options.target_embedding_average
        if step % options.log_freq == 0 or step == 1:
            logger.log("STEP_BEGIN", step=step)
            logger.log("STEP_END", state)
        if evaluation is not None:  # which lies before the step's end, as its stamp has it
            logger.log("EVALUATE", evaluation)
    logger.log("TRAIN_END")
    if int(os.environ["LOCAL_RANK"]) != 0:
        return
    trained, samples = time.time() - began, step * batch
    finished = {
        "e2e_time": time.time() - started,
        "training_sequences_per_second": samples / trained,
        "converged": converged,
        "final_mlm_accuracy": reached,
        "raw_train_time": trained,
        "throughput(ips)_raw": samples / trained,
        "throughput(ips)_pure_compute": samples / computed,
    }
    logger.log("FINISHED", finished)


def accuracy(threshold: float) -> float:
    """The share of held-out points that fall on the right side."""
    return sum((point > HIDDEN) == (point > threshold) for point in HELD_OUT) / len(HELD_OUT)


if __name__ == "__main__":
    main()
