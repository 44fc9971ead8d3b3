"""What a run prints, however it prints it, with real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_sixdim.agent.logs import FILES, RankLogs
from pytest_sixdim.agent.order import read_order
from tests.agent.conftest import Job


def statuses(job: Job) -> list[object]:
    return [event.get("status", event["event"]) for event in job.events()]


def test_events_are_read_from_the_chosen_rank_only(job: Job) -> None:
    source = 'event("progress", step=RANK)\nevent("end", status="success")'
    job.run(source, cards=3, log={"stream": "both", "rank": "last", "file": None})
    assert [(event["rank"], event.get("step")) for event in job.events()] == [(2, 2), (2, None)]


def test_events_of_all_ranks_carry_their_rank(job: Job) -> None:
    source = 'event("progress", step=RANK)\nevent("end", status="success")'
    job.run(source, cards=3, log={"stream": "both", "rank": "all", "file": None})
    steps = {(event["rank"], event["step"]) for event in job.events() if event["event"] == "progress"}
    assert steps == {(0, 0), (1, 1), (2, 2)}


def test_events_are_read_from_the_chosen_stream_only(job: Job) -> None:
    source = 'event("progress", step=1)\nsys.stdout = sys.stderr\nevent("end", status="success")'
    job.run(source, log={"stream": "stderr", "rank": 0, "file": None})
    assert statuses(job) == ["success"]


def test_events_are_read_from_files_that_the_program_writes(job: Job) -> None:
    source = """
    event("end", status="failed")
    os.mkdir("logs")
    for name in ("train", "end"):
        sys.stdout = open(f"logs/{name}.log", "w")
        event("progress", step=1) if name == "train" else event("end", status="success")
        time.sleep(0.2)
    """
    job.run(source, log={"stream": "both", "rank": 0, "file": "work/logs/*.log"})
    assert sorted(map(str, statuses(job))) == ["progress", "success"]
    assert job.result()["status"] == "completed"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("rank", [0, 1])
def test_any_rank_and_stream_is_a_sign_of_life(job: Job, rank: int, stream: str) -> None:
    logs = RankLogs(read_order(job.order(cards=2)))
    (job.node / "logs").mkdir(parents=True)
    assert list(logs.read()) == []
    assert logs.last_sign is None
    with (job.node / "logs" / f"rank-{rank}.{stream}.log").open("a") as log:
        for _ in range(2):
            print("still here", file=log, flush=True)
            before = time.monotonic()
            list(logs.read())
            assert logs.last_sign is not None
            assert logs.last_sign >= before


def test_garbage_is_survived_and_the_events_in_it_are_read(job: Job) -> None:
    result = job.run(
        r"""
        out = sys.stdout.buffer
        out.write(os.urandom(200_000) + b"\n")
        out.write(b"\xff\xfe\x00\x1b[31m[sixdim] {\"event\": \"progress\", \"step\": 1}\x1b[0m\r")
        out.write(b"  50%|#####     |\r100%|##########|[sixdim] {\"event\": \"progress\", \"step\": 2}\r\n")
        out.write(b"[sixdim] {\"event\": \"segment\", \"index\": 1}\n[sixdim] {\"event\"\n[sixdim] {\n")
        out.write(b"[sixdim] {\"event\": \"end\", \"status\": \"success\"}")
        """
    )
    assert result["status"] == "completed"
    events = job.events()
    assert [event["step"] for event in events if event["event"] == "progress"] == [1, 2]
    malformed = [event for event in events if event["event"] == "malformed"]
    assert [event["error"][:30] for event in malformed] == [
        "event 'segment' lacks 'samples'"[:30],
        "no JSON object: Expecting ':' delimiter"[:30],
        "no JSON object: Expecting property name"[:30],
    ]
    assert malformed[0]["text"] == '[sixdim] {"event": "segment", "index": 1}'
    assert set(malformed[0]) == {"event", "seen", "rank", "text", "error"}


def test_malformed_lines_are_recorded_up_to_a_bound(job: Job) -> None:
    job.run('for _ in range(150):\n    print("[sixdim] {" + "x" * 600)\nevent("end", status="success")')
    events = job.events()
    assert [event["event"] for event in events] == ["malformed"] * 100 + ["end"]
    assert len(events[0]["text"]) == 500


def test_a_dialect_that_raises_or_gives_nan_does_not_end_the_run(job: Job) -> None:
    dialect = {"name": "careless", "class": "tests.agent.stand_ins:Careless", "options": {}}
    result = job.run('print("one"); print("unknown"); print("two")', dialect=dialect)
    assert result["status"] == "completed"
    kinds = [(event["event"], event.get("loss"), event.get("diverged")) for event in job.events()]
    assert kinds == [("segment", None, True), ("malformed", None, None), ("segment", None, True)]


def test_the_program_cannot_set_what_the_agent_knows_better(job: Job) -> None:
    job.run('event("progress", step=1, seen=1e9, rank=7, diverged=True, t=5.0)\nevent("end", status="success")')
    event = job.events()[0]
    assert (event["rank"], event["t"]) == (0, 5.0)
    assert event["seen"] < 1e9
    assert "diverged" not in event


def test_a_hundred_megabytes_in_one_line_and_many_lines_do_not_fill_the_agents_memory(job: Job) -> None:
    order = job.order(
        r"""
        for _ in range(100):
            sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\n")
        for _ in range(20):
            sys.stdout.write("a line of a program that prints too much\n" * 5_000)
        event("end", status="success")
        """
    )
    # not ru_maxrss: it begins with what the forking process had, and a test process may have a lot
    script = (
        "import sys; from pathlib import Path; from pytest_sixdim.agent.__main__ import main;"
        "code = main(sys.argv[1:]);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]); sys.exit(code)"
    )
    agent = subprocess.run(
        [sys.executable, "-c", script, str(order)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert job.result()["status"] == "completed"
    assert int(agent.stdout) < 100_000  # KiB


def test_a_log_file_that_really_lies_elsewhere_is_not_read(job: Job, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.log"
    outside.write_text('[sixdim] {"event": "progress", "step": 7}\n')
    source = f"""
    os.symlink({str(outside)!r}, "link.log")
    os.mkfifo("pipe.log")
    os.mkdir("folder.log")
    with open("own.log", "w") as file:
        file.write('[sixdim] {{"event": "end", "status": "success"}}\\n')
    """
    job.run(source, log={"stream": "both", "rank": 0, "file": "work/*.log"})
    assert statuses(job) == ["success"]
    assert job.result()["status"] == "completed"


def test_more_log_files_than_are_read_are_told(job: Job) -> None:
    (job.directory / "logs").mkdir()
    logs = RankLogs(read_order(job.order(log={"stream": "both", "rank": 0, "file": "logs/*.log"})))
    for number in range(2 * FILES):
        (job.directory / "logs" / f"{number}.log").write_text("line\n" * 1000)
    batches = logs.finish()
    assert len(next(batches).lines) == 1000
    assert sum(path.parent == job.directory / "logs" for path in opened()) == 1  # one after the other, not all at once
    assert sum(len(batch.lines) for batch in batches) == (FILES - 3) * 1000  # two are the rank's, one was read before
    assert logs.unread_files


def test_what_a_new_log_file_holds_may_have_been_printed_since_the_last_search(job: Job) -> None:
    logs = RankLogs(read_order(job.order(log={"stream": "both", "rank": 0, "file": "*.log"})))
    assert list(logs.read()) == []
    time.sleep(0.2)
    (job.directory / "a.log").write_text("line\n")
    assert [batch.late > 0.2 for batch in logs.finish()] == [True]


def opened() -> list[Path]:
    """The files that this process has open."""
    return [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
