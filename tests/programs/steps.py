"""A training program that trains nothing: it prints the events of one that does, in real time, and can go wrong.

Segments of 50 steps last --segment seconds; every epoch ends with an evaluation of --value (plus --spread x seed).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def event(name: str, **fields: object) -> None:
    if RANK == 0:
        sys.stdout.write(f"[sixdim] {json.dumps({'event': name, 't': time.monotonic(), **fields})}\n")
        sys.stdout.flush()


def fault(options: argparse.Namespace) -> None:
    """Go wrong now, on the last rank, as asked."""
    if options.fault is None or (options.fault_seed and options.fault_seed != options.seed):
        return
    if options.fault == "diverge":
        for step in range(3):
            event("progress", step=step, loss=float("nan"))
        time.sleep(60)
    if RANK < WORLD - 1:
        time.sleep(60)
    if options.fault == "raise":
        raise ValueError("boom")
    if options.fault == "exit3":
        sys.exit(3)
    if options.fault == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.fault == "hang":
        time.sleep(600)
    if options.fault == "no_end":
        sys.exit(0)


def trouble(file: str | None, seed: int, training: bool) -> None:
    """Fail as the first line of `file` that names this seed says ("1 disk"), which is then struck out: state that
    outlives a launch. A taken port, a busy card and a lost one are met before training, all else in the middle of it.
    """
    if file is None or RANK < WORLD - 1:
        return
    lines = Path(file).read_text().splitlines()
    mine = next((line for line in lines if line.split()[0] == str(seed)), None)
    if mine is None or (mine.split()[1] not in ("port", "busy", "lost")) is not training:
        return
    lines.remove(mine)
    Path(file).write_text("".join(f"{line}\n" for line in lines))
    kind, *more = mine.split()[1:]
    if kind == "port":
        socket.create_server(("127.0.0.1", int(more[0])))
    elif kind == "disk":
        with Path("/dev/full").open("w") as full:
            full.write("a checkpoint")
    elif kind == "diverge":
        for step in range(3):
            print("[sixdim]", json.dumps({"event": "progress", "step": step, "loss": float("nan")}), flush=True)
        raise OSError(28, "No space left on device")
    elif kind == "collective":
        print(
            "[rank0]:[E1 ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL("
            "SeqNum=3, OpType=ALLREDUCE) ran for 600014 milliseconds before timing out.",
            file=sys.stderr,
            flush=True,
        )
        os.abort()
    else:
        raise RuntimeError({"lost": "the card is lost", "busy": "the card is busy", "error": "the card failed"}[kind])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--role", default="full")
    parser.add_argument("--value", type=float, default=98.0)
    parser.add_argument("--spread", type=float, default=0.0)
    parser.add_argument("--target", type=float, default=97.0)
    parser.add_argument("--segment", type=float, default=0.15)
    parser.add_argument("--claim", type=float, default=1.0, help="claims this share of the seconds it took")
    parser.add_argument("--trained-on", default="real", help="the data that it says it trained on")
    parser.add_argument("--cards", default="", help="UUIDs of the cards that it says its ranks train on")
    parser.add_argument("--clock", default=None, help="a stub's clock, which the third segment sets to 5 s")
    parser.add_argument("--fault", default=None)
    parser.add_argument("--fault-seed", type=int, default=0)
    parser.add_argument("--trouble", default=None, help="a file of what launches are to fail by")
    parser.add_argument("--child", action="store_true", help="leaves a child in a session of its own")
    parser.add_argument(
        "--speeds", default="", help="claims just these samples/s a card, one a seed; the rest is a pause"
    )
    options = parser.parse_args()
    speeds = [float(speed) for speed in options.speeds.split("/") if speed]
    devices = [{"uuid": uuid} for uuid in options.cards.split(",") if uuid]
    told = {"devices": devices} if devices else {}
    trouble(options.trouble, options.seed, training=False)
    event("start", role=options.role, world_size=WORLD, data=options.trained_on, **told)
    if options.child:
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(options.segment)
    event("warmup_end", step=10)
    last = time.monotonic()
    for index in range(1, 6):
        time.sleep(options.segment)
        now = time.monotonic()
        if index == 3:
            fault(options)
            trouble(options.trouble, options.seed, training=True)
            if options.clock is not None and RANK == 0:
                with Path(options.clock).open("r+b") as file:
                    file.write(struct.pack("d", 5.0))
        samples = 50 * options.batch_size * WORLD
        seconds = samples / WORLD / speeds[options.seed - 1] if speeds else (now - last) * options.claim
        pause = {"paused_seconds": max(0.0, now - last - seconds)} if speeds else {}
        loss = 1 / (index + options.seed)
        event("segment", index=index, samples=samples, seconds=seconds, steps=50, loss=loss, **pause)
        last = now
    met = options.value + options.spread * options.seed >= options.target
    if options.role == "full":
        event("evaluation", value=options.value + options.spread * options.seed, samples=360, seconds=0.0, epoch=1)
    event("end", status="success" if met or options.role == "window" else "target_missed")


if __name__ == "__main__":
    main()
