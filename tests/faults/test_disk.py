"""The disk is full, takes no more of one file, or turns read-only: one clear message, and all that was measured stays.

Real file systems, as small as need be (tests/faults/disks.py).
"""

from __future__ import annotations

import os
import resource
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pytest_sixdim.agent.recorder import EventLog, write_atomically
from pytest_sixdim.campaign.files import read_json, write_json
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.events import Progress
from pytest_sixdim.core.health import failure
from tests.agent.conftest import HANGS
from tests.faults.conftest import Bench, Job, left, until
from tests.faults.disks import Disk
from tests.faults.sessions import ONE, case, leftovers, printed, start, verdicts

FULL = "No space left on device"
#: What read_run needs besides what Job.order writes.
KEY = {"configuration": ONE, "index": 1, "seed": 1}


def test_a_full_disk_loses_its_run_and_nothing_else(bench: Bench, disk: Disk) -> None:
    token = f"full-{os.getpid()}"
    case(bench, "tiny", "--disk", "fill")
    results = disk.path / "results"
    options = ("-v", "--sixdim-results", results, "--sixdim-runs", "3", f"--junitxml={disk.path / 'junit.xml'}")
    process = start(bench, token, *options)
    assert process.wait(240) == pytest.ExitCode.TESTS_FAILED
    assert left(token) == []
    text, session = printed(bench), (results / "latest").resolve()
    run = session / "tiny" / ONE
    assert f"{run}/full-2/result.json: {FULL}; run tiny/{ONE}/full-2 is lost, earlier results are intact" in text
    assert f"full-3 could not be launched: {run}/full-3/run.json: {FULL}; earlier results are intact" in text
    assert f"the verdict could not be kept: {run}/scorecard.json: {FULL}" in text
    assert f"{run}/scorecard.json: not on disk, only in the table here" in text
    assert f"no JUnit: {disk.path}/junit.xml: {FULL}" in text
    assert f"no report: {session}/report.html: {FULL}" in text
    table = text[text.index("six dimensions") :]
    assert "FAILED tiny cpu-fp32-bs32-1x1 stability: full-2 lost its agent" in table
    assert "98.00" in table
    assert verdicts(session)["accuracy"] == "pass"
    assert verdicts(session)["stability"] is None
    assert read_run(run / "full-1").result.finished
    assert leftovers(disk.path) == []
    assert not (disk.path / "junit.xml").exists()


def test_a_disk_that_turns_read_only_loses_its_run_and_nothing_else(bench: Bench, disk: Disk) -> None:
    token, go = f"read-only-{os.getpid()}", bench.path / "go"
    case(bench, "tiny", "--disk", "keep", "--go", str(go))
    process = start(bench, token, "-v", "--sixdim-results", disk.path / "results", "--sixdim-runs", "3")
    until(Path(f"{go}.ready").exists, "the second run to begin")
    disk.make_read_only()
    go.touch()
    assert process.wait(240) == pytest.ExitCode.TESTS_FAILED
    assert left(token) == []
    text, session = printed(bench), (disk.path / "results" / "latest").resolve()
    run = session / "tiny" / ONE
    assert f"full-2 lost its agent: {run}/full-2/result.json: Read-only file system" in text
    assert f"full-3 could not be launched: {run}/full-3/run.json: Read-only file system" in text
    assert verdicts(session)["accuracy"] == "pass"
    assert "FAILED tiny cpu-fp32-bs32-1x1 stability" in text[text.index("six dimensions") :]


def test_a_results_folder_that_takes_nothing_is_a_usage_error_before_any_run(bench: Bench, disk: Disk) -> None:
    case(bench, "tiny", "--disk", "keep")
    (disk.path / "results").mkdir()
    with pytest.raises(OSError, match=FULL):
        (disk.path / "filler").write_bytes(b"x" * 2**21)
    full = bench.run("--sixdim-results", disk.path / "results")
    disk.make_read_only()
    read_only = bench.run("--sixdim-results", disk.path / "results")
    assert full.ret == read_only.ret == pytest.ExitCode.USAGE_ERROR
    full.stderr.fnmatch_lines([f"ERROR: --sixdim-results*{disk.path}/results*: {FULL}"])
    read_only.stderr.fnmatch_lines(["ERROR: --sixdim-results */results: Read-only file system"])


def test_a_file_that_cannot_be_written_is_named_and_the_one_before_stays(disk: Disk) -> None:
    path = disk.path / "folder" / "x.json"
    write_json(path, {"x": 1})
    with pytest.raises(OSError, match=FULL) as caught:
        write_json(path, {"x": "y" * 2**21})
    assert caught.value.filename == str(path)
    assert read_json(path) == {"x": 1}
    assert leftovers(disk.path) == []


def test_a_scorecard_that_the_disk_refused_is_kept_in_memory_and_written_as_soon_as_it_can_be(disk: Disk) -> None:
    store = Store.create(disk.path)
    store.update_scorecard("tiny", ONE, lambda before: {"speed": 1})
    filler = disk.path / "filler"
    filler.write_bytes(b"x" * (700 * 1024))
    with pytest.raises(OSError, match=FULL):
        store.update_scorecard("tiny", ONE, lambda before: {**(before or {}), "power": "x" * 2**19})
    card = {"speed": 1, "power": "x" * 2**19}
    assert store.scorecards() == ([card], [])
    assert read_json(store.directory / "tiny" / ONE / "scorecard.json") == {"speed": 1}
    filler.unlink()
    assert store.update_scorecard("tiny", ONE, lambda before: {**(before or {}), "memory": 3}) == {**card, "memory": 3}
    assert read_json(store.directory / "tiny" / ONE / "scorecard.json") == {**card, "memory": 3}
    assert store.unwritten() == []


def test_events_that_the_disk_refuses_end_the_run_as_the_hosts_fault(job: Job) -> None:
    """The limit is on one file, like a quota; result.json is smaller, and is written."""
    handle = job.start(
        """
        window()
        event("evaluation", value=98.0)
        step = 0
        while True:
            step += 1
            event("progress", step=step, loss=1.0 / step)
            time.sleep(0.002)
        """,
        **KEY,
    )
    events = job.node / "events.jsonl"
    until(lambda: events.exists() and events.stat().st_size > 16384, "events")
    size = events.stat().st_size
    resource.prlimit(handle.pid, resource.RLIMIT_FSIZE, (size + 2000, size + 2000))
    assert handle.wait(HANGS) == 1
    result = job.result()
    assert (result["status"], result["ended_by"], result["fault"]) == ("crashed", "agent", "host")
    assert result["message"] == f"its records could not be written: {events}: File too large"
    record = read_run(job.directory)
    assert str(failure(record)).startswith("full-1 crashed: its records could not be written")
    assert record.events  # what came before is read


def test_after_one_event_that_could_not_be_written_no_other_is(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.event(Progress(t=1.0, seen=1.0, step=1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "events.jsonl").stat().st_size, before[1]))
    try:
        log.event(Progress(t=2.0, seen=2.0, step=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.event(Progress(t=3.0, seen=3.0, step=3))
    log.close()
    assert log.problem == f"{tmp_path}/events.jsonl: File too large"
    assert '"step": 3' not in (tmp_path / "events.jsonl").read_text()
    assert log.lines == 1


def test_a_folder_that_takes_no_events_from_the_start_launches_nothing(job: Job) -> None:
    job.node.mkdir()
    (job.node / "events.jsonl").symlink_to("/dev/full")
    result = job.run("open('started', 'w')")
    assert (result["status"], result["fault"]) == ("launch_error", "host")
    assert FULL in result["message"]
    assert not (job.directory / "work" / "started").exists()


def test_readings_that_the_disk_refuses_are_unknown_with_the_reason(job: Job) -> None:
    job.node.mkdir()
    (job.node / "samples.jsonl").symlink_to("/dev/full")
    result = job.run("window()\nevent('end', status='success')", **KEY)
    assert result["status"] == "completed"
    assert result["sampler"]["ended"] == f"sampling ended early: {job.node}/samples.jsonl: {FULL}"
    record = read_run(job.directory)
    assert record.samples[0].unavailable["power"] == result["sampler"]["ended"]
    assert record.samples[0].series == {}


def test_events_that_were_cut_short_after_the_run_are_no_complete_run(job: Job) -> None:
    job.run("window()\nevent('evaluation', value=98.0)\nevent('end', status='success')", **KEY)
    assert read_run(job.directory).result.finished
    events = job.node / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(lines[:4]) + lines[4][:20])
    record = read_run(job.directory)
    assert (record.result.status, record.result.fault) == ("agent_lost", "host")
    assert record.result.message == f"{events} holds 3 of the 6 events that the agent wrote"


def test_a_junit_file_that_cannot_be_written_fails_the_session_and_leaves_the_table(bench: Bench) -> None:
    bench.case(configurations="  - {vendor: cpu, precision: fp32, batch_size: 32}")
    (bench.path / "folder").mkdir()
    (bench.path / "folder" / "junit.xml").symlink_to("/dev/full")
    result = bench.run("-k", "accuracy", "--junitxml=folder/junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"sixdim: no JUnit: */folder/junit.xml: {FULL}", "*six dimensions*", "results: *"])
    assert "INTERNALERROR" not in result.stdout.str()
    good = bench.run("-k", "accuracy", "--junitxml=good.xml", "--sixdim-resume", "last")
    assert good.ret == 0
    assert len(list(ElementTree.parse(bench.path / "good.xml").iter("testcase"))) == 1


def test_a_result_is_written_whole_or_not_at_all(disk: Disk) -> None:
    path = disk.path / "result.json"
    write_atomically(path, {"status": "completed"})
    with pytest.raises(OSError, match=FULL):
        write_atomically(path, {"log_tail": ["x" * 2**21]})
    assert read_json(path) == {"status": "completed"}
    assert sorted(disk.path.iterdir()) == [path]
