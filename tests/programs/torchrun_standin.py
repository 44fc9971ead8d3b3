"""Stands in for a Python that has torch: starts the ranks of `-m torch.distributed.run` itself, without torch.

A real torchrun takes seconds to start; tests that are about something else use this one. It does what the agent relies
on: RANK and its like are set, each rank has a session of its own, SIGTERM is passed on, a failed rank ends the others.
Everything else goes to the real interpreter.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def main(arguments: list[str]) -> int:
    if arguments[:2] != ["-m", "torch.distributed.run"]:
        os.execv(sys.executable, [sys.executable, *arguments])
    options, command = arguments[2:], []
    for index, argument in enumerate(options):
        if argument == "--no-python":
            options, command = options[:index], options[index + 1 :]
            break
    ranks = next(int(option.split("=")[1]) for option in options if option.startswith("--nproc-per-node="))
    processes = []
    for rank in range(ranks):
        numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
        environment = {**os.environ, **{name: str(number) for name, number in numbers.items()}, **address}
        processes.append(subprocess.Popen(command, env=environment, start_new_session=True))

    def stop(*_: object) -> None:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    failed = False
    while any(process.poll() is None for process in processes):
        if not failed and any(process.poll() not in (None, 0) for process in processes):
            failed = True
            stop()
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
    return int(any(process.returncode for process in processes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
