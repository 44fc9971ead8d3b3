"""A training program in which one thing goes wrong in the middle of its window, in the run with seed --when.

It prints the events of a training of one metric, with a child that its command line names by --token; the faults stand
below, one function each. Every rank runs them; `last` is true in the last rank, where most of them strike.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
LAST = RANK == WORLD - 1
Fault = Callable[[argparse.Namespace], None]


def event(name: str, **fields: object) -> None:
    if RANK == 0:
        sys.stdout.write(f"[sixdim] {json.dumps({'event': name, **fields})}\n")
        sys.stdout.flush()


def agent() -> str:
    """The process number of the agent that watches this run."""
    return os.environ["SIXDIM_JOB"].partition(".")[0]


def wait_for_the_others() -> None:
    """Where a rank of a real training waits for its peers in a collective."""
    time.sleep(600)


def sigkill(_: argparse.Namespace) -> None:
    if LAST:
        os.kill(os.getpid(), signal.SIGKILL)
    wait_for_the_others()


def peer_stops(_: argparse.Namespace) -> None:
    if LAST:
        os.kill(os.getpid(), signal.SIGSTOP)
    wait_for_the_others()


def leaves(_: argparse.Namespace) -> None:
    if LAST:
        sys.exit(0)
    wait_for_the_others()


def memory_error(_: argparse.Namespace) -> None:
    if LAST:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
        print(len(bytearray(2**30)))
    wait_for_the_others()


def cuda_memory(_: argparse.Namespace) -> None:
    if LAST:

        class OutOfMemoryError(RuntimeError):
            """As torch calls it."""

        OutOfMemoryError.__module__, OutOfMemoryError.__qualname__ = "torch", "OutOfMemoryError"
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 1 has a total capacity of 139 GiB")
    wait_for_the_others()


def oom_killer(options: argparse.Namespace) -> None:
    """In a control group with a limit, whose folder the test has made."""
    if LAST:
        Path(options.place, "cgroup.procs").write_text(str(os.getpid()))
        hoard = []
        while True:
            hoard.append(b"x" * 2**24)
    wait_for_the_others()


def children(options: argparse.Namespace) -> None:
    """Two hundred, a quarter each: plain, in sessions of their own, twice forked, deaf to SIGTERM."""
    name = f"sleep-{options.token}"
    deaf = f"import signal, time; signal.signal(15, 1); time.sleep(600)  # {options.token}"
    for _ in range(50):
        subprocess.Popen([name, "600"], executable="/bin/sleep")
        subprocess.Popen([name, "600"], executable="/bin/sleep", start_new_session=True)
        subprocess.Popen(["setsid", "sh", "-c", f"sleep 600 & exit  # {options.token}"])
    for _ in range(10):  # of these fewer: each is a whole Python
        subprocess.Popen([sys.executable, "-S", "-c", deaf], start_new_session=True)
    for _ in range(40):
        subprocess.Popen(["sh", "-c", f"trap '' TERM; while :; do sleep 600; done  # {options.token}"])


def child(options: argparse.Namespace) -> None:
    """One in a session of its own. Then the agent's number lies in --place, and the run goes on for a while."""
    subprocess.Popen([f"sleep-{options.token}", "600"], executable="/bin/sleep", start_new_session=True)
    part = Path(options.place + ".part")
    part.write_text(agent())
    part.rename(options.place)
    time.sleep(600)


def held_up(options: argparse.Namespace) -> None:
    """The agent is stopped for a while: a segment that is printed meanwhile is seen late."""
    if RANK == 0:
        os.kill(int(agent()), signal.SIGSTOP)
        event("progress", step=1)
        time.sleep(1.2)
        subprocess.Popen(["sh", "-c", f"sleep 0.6; kill -CONT {agent()}"])


def tool(options: argparse.Namespace) -> None:
    """From the first reading on, the tool that reads the cards is told to die; it is given time to."""
    samples = Path(os.environ["SIXDIM_RUN"]).parent / "node-0" / "samples.jsonl"
    while not (samples.exists() and '"power": [' in samples.read_text()):
        time.sleep(0.05)
    Path(options.place).touch()
    while "signal 9" not in samples.read_text():
        time.sleep(0.05)


def sampler(options: argparse.Namespace) -> None:
    """The sampler of dying_cards.py is told to go wrong, and does."""
    Path(options.place).touch()
    while not Path(options.place + ".struck").exists():
        time.sleep(0.02)


def clock(options: argparse.Namespace) -> None:
    """Whoever has loaded the shifting clock sees it jump."""
    Path(options.place).write_bytes(options.shift.encode())


def raw(text: bytes) -> Fault:
    """Print it, and go on once the agent has read it: what comes next is then seen when it is printed."""

    def write(options: argparse.Namespace) -> None:
        if RANK == 0:
            sys.stdout.flush()
            sys.stdout.buffer.write(text)
            sys.stdout.flush()
            printed = os.fstat(1).st_size
            while read_by_agent(Path("/proc/self/fd/1").readlink()) < printed:
                time.sleep(0.01)
            time.sleep(options.segment)

    return write


def read_by_agent(file: Path) -> int:
    """How many bytes of a file the agent has read (proc(5))."""
    for descriptor in Path("/proc", agent(), "fd").iterdir():
        with suppress(OSError):  # it has just been closed
            if descriptor.readlink() == file:
                return int((descriptor.parents[1] / "fdinfo" / descriptor.name).read_text().split()[1])
    return 0


def nothing(_: argparse.Namespace) -> None:
    pass


def flood(_: argparse.Namespace) -> None:
    """A hundred thousand lines a second for two seconds."""
    lines = "a line of a program that prints far too much\n" * 1000
    for _ in range(20):
        due = time.monotonic() + 0.1
        sys.stdout.write(lines * 10)
        sys.stdout.flush()
        time.sleep(max(0.0, due - time.monotonic()))


def mark(body: str) -> bytes:
    return f"[sixdim] {body}\n".encode()


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "sigkill": sigkill,
    "peer_stops": peer_stops,
    "leaves": leaves,
    "memory_error": memory_error,
    "cuda_memory": cuda_memory,
    "oom_killer": oom_killer,
    "children": children,
    "child": child,
    "held_up": held_up,
    "half_line": nothing,
    "seconds": nothing,
    "tool": tool,
    "sampler": sampler,
    "clock": clock,
    "flood": flood,
    "garbage": raw(b"Segmentation fault\nTraceback (most recent call last):\n<script>alert(1)</script> ]]> &\n" * 50),
    "binary": raw(bytes(range(256)) * 4000),
    "long_line": raw(b"x" * 100_000_000 + b"\n"),
    "utf8": raw(b"\xff\xfe\xc3\x28 \xed\xa0\x80 \xf8\x88\x80\x80\x80 \xe6\n" * 100),
    "control": raw(b"\x1b[2J\x1b]0;title\x07\x9b31m\x08\x08\x0c\x0e\x1b[?1049h\x85\n" * 100),
    "nul": raw(b"\0" * 100_000 + b"\n\0\0\n"),
    "broken": raw(b'[sixdim] {\n[sixdim] {}\n[sixdim] {"event": 7}\n[sixdim] {"event": "segment"\n[sixdim] {]\n'),
    "nested": raw(mark('{"event": "start", "versions": ' + '{"a":' * 9000 + "1" + "}" * 9001)),
    "keys": raw(mark(json.dumps({"event": "progress", **{f"k{i}": i for i in range(10_000)}}))),
    "numbers": raw(
        mark('{"event": "progress", "step": 1' + "0" * 5000 + "}")
        + mark('{"event": "progress", "speed": 1e308}') * 5
        + mark('{"event": "progress", "loss": -1e308}')
        + mark('{"event": "memory", "peak_allocated": -1, "peak_reserved": 1e308}')
        + mark('{"event": "evaluation", "value": 1, "t": 1e308}')
        + mark('{"event": "evaluation", "value": 1, "seconds": -5}')
    ),
}
#: What segments say of their seconds instead, by their index.
SECONDS = {2: 1e308, 3: -0.15, 4: float("nan"), 5: 0.0}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--role", default="full")
    parser.add_argument("--fault", default="nothing", help="one, or several with commas between")
    parser.add_argument("--when", type=int, default=2)
    parser.add_argument("--token", default="")
    parser.add_argument("--place", default="")
    parser.add_argument("--segment", type=float, default=0.15, help="seconds")
    parser.add_argument("--shift", default="")
    options = parser.parse_args()
    strikes = options.when == options.seed
    event("start", role=options.role, world_size=WORLD, data="real")
    time.sleep(options.segment)
    event("warmup_end", step=10)
    last = time.monotonic()
    for index in range(1, 6):
        time.sleep(options.segment)
        if index == 3 and strikes:
            for fault in options.fault.split(","):
                FAULTS[fault](options)
        now = time.monotonic()
        seconds = now - last
        if strikes and options.fault == "seconds":
            seconds = SECONDS.get(index, seconds)
        samples = 50 * options.batch_size * WORLD
        event("segment", index=index, samples=samples, seconds=seconds, steps=50, loss=1 / (index + options.seed))
        last = now
    event("evaluation", value=98.0, samples=360, seconds=0.0, epoch=1)
    if strikes and "half_line" in options.fault:
        sys.stdout.write('[sixdim] {"event": "end", "status": "success"}')
        sys.stdout.flush()
    else:
        event("end", status="success")


if __name__ == "__main__":
    main()
