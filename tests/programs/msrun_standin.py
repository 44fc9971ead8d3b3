"""Plays `python -m mindspore.parallel.cluster.run` of MindSpore 2.10, without MindSpore: see `write`.

It does what the agent relies on: a scheduler that runs the program too, workers in sessions of their own, all started
as `python`; a `tail -f` of each worker's log; a worker that fails has the others killed, and then the scheduler is
waited for.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = """
import os, signal, subprocess, sys, time
first = sys.argv.index("python")
options, command = dict(word[2:].split("=", 1) for word in sys.argv[1:first]), sys.argv[first:]
count, logs = int(options["worker_num"]), options["log_dir"]
os.makedirs(logs, exist_ok=True)
place = {"MS_WORKER_NUM": str(count), "RANK_SIZE": str(count), "MS_SCHED_PORT": options["master_port"]}
def start(name, role, rank, **more):
    with open(os.path.join(logs, name), "w") as log:
        own = {"MS_ROLE": role, "RANK_ID": str(rank), "DEVICE_ID": str(rank)}
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **place, **own}, **more)
scheduler = start("scheduler.log", "MS_SCHED", 0)
workers, tails = [], []
for rank in range(count):
    name = "worker_%d.log" % rank
    workers.append(start(name, "MS_WORKER", rank, preexec_fn=os.setsid))
    tails.append(subprocess.Popen(["tail", "-f", os.path.join(logs, name)]))
while any(worker.poll() is None for worker in workers) and not any(worker.poll() for worker in workers):
    time.sleep(0.05)
failed = any(worker.poll() for worker in workers)
for worker in workers:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
for tail in tails:
    tail.kill()
sys.exit(scheduler.wait() or failed)
"""


def write(directory: Path) -> str:
    """Make `directory` an entry of PYTHONPATH that has the stand-in; returns it."""
    package = directory / "mindspore" / "parallel" / "cluster"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "run.py").write_text(SOURCE)
    return str(directory)
