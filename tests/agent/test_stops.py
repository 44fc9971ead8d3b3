"""Every reason for which the agent ends a run, with real processes."""

from __future__ import annotations

import os
import signal

import pytest

from tests.agent.conftest import HANGS, SHORT_TEARDOWN, Job, strays, wait_for

FOREVER = "\nwhile True:\n    time.sleep(0.1)"
STUBBORN = "\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nready()\nwhile True:\n    time.sleep(0.1)"


def limits(**changes: float) -> dict[str, float]:
    return {"timeout": HANGS, "stall": HANGS / 2, "teardown": 1.0, **changes}


#: Every rank has said what it says, and the agent has read rank 0's; then so much time passes, and again, as it may
#: have read another rank's only after the first time. Told to end, they do so well: what keeps the record of their end
#: has another clock.
LATER = """
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
window()
ready()
if RANK == 0:
    wait_for("ready-1")
    wait_for("../node-0/events.jsonl", '"index": 2')
for times in range(1, 1000):
    if RANK == 0:
        put_clock_forward({seconds} * times)
    time.sleep(0.2)
"""


@pytest.mark.usefixtures("clock")
def test_a_run_that_takes_too_long_is_ended(job: Job) -> None:
    result = job.run(LATER.format(seconds=1000), cards=2, limits=limits(timeout=1000.0, stall=1e9))
    assert (result["status"], result["ended_by"], result["message"]) == ("timeout", "agent", "not done after 1000 s")
    assert result["log_tail"][0].startswith("[sixdim]")


@pytest.mark.usefixtures("clock")
def test_a_run_without_a_line_from_any_rank_is_stalled(job: Job) -> None:
    result = job.run(LATER.format(seconds=1000), cards=2, limits=limits(timeout=1e9, stall=900.0))
    assert result["status"] == "stalled"
    assert result["message"] == "no line from any rank for 900 s"


@pytest.mark.usefixtures("clock")
def test_a_line_is_a_sign_of_life(job: Job) -> None:
    """test_logs.py says of which ranks and streams."""
    result = job.run(
        """
        for step in range(1, 4):
            event("progress", step=step)
            wait_for("../node-0/events.jsonl", f'"step": {step}')
            put_clock_forward(600 * step)
            time.sleep(0.3)
        event("end", status="success")
        """,
        limits=limits(timeout=10_000.0, stall=900.0),
    )
    assert result["status"] == "completed"
    assert result["seconds"] > 1800


def test_peers_that_hang_after_a_crash_are_ended_after_the_teardown(job: Job) -> None:
    source = "if RANK == 1:\n    wait_for('ready-0')\n    raise ValueError('boom')" + STUBBORN
    result = job.run(source, cards=2, limits=SHORT_TEARDOWN)
    assert (result["status"], result["rank"]) == ("crashed", 1)
    assert result["message"] == "rank 1 exited with code 1: ValueError: boom"
    assert result["seconds"] >= 1.0


def test_peers_that_wait_for_a_rank_that_left_are_ended(job: Job) -> None:
    source = "window(1)\nif RANK == 1:\n    sys.exit(0)" + FOREVER
    result = job.run(source, cards=2, limits=SHORT_TEARDOWN)
    assert (result["status"], result["rank"], result["exit_code"]) == ("crashed", 1, 0)
    assert result["message"] == "rank 1 ended with exit code 0 in the middle of training, before its peers"


def test_a_rank_may_work_on_alone_once_the_segments_are_complete(job: Job) -> None:
    result = job.run(
        """
        window()
        if RANK == 1:
            wait_for("../node-0/events.jsonl", '"index": 2')
            sys.exit(0)
        wait_for("../node-0/ranks/rank-1.json", "ended")
        time.sleep(2.0)
        event("end", status="success")
        """,
        cards=2,
        limits=SHORT_TEARDOWN,
    )
    assert (result["status"], result["ended_by"]) == ("completed", "program")


def test_what_stays_after_the_end_is_ended_and_the_end_stands(job: Job) -> None:
    source = 'window()\nif RANK == 0:\n    event("end", status="success")' + FOREVER
    result = job.run(source, cards=2, limits=SHORT_TEARDOWN)
    assert (result["status"], result["ended_by"]) == ("completed", "agent")
    assert result["message"] == "the program said 'success'; it still ran 1 s later"


def test_three_losses_in_a_row_that_are_not_finite_end_the_run_at_once(job: Job) -> None:
    result = job.run(
        """
        window(1)
        for step, loss in enumerate([1.0, math.nan, math.inf, -math.inf]):
            event("progress", step=step, loss=loss)
        time.sleep(60)
        """
    )
    assert (result["status"], result["ended_by"]) == ("diverged", "agent")
    assert result["message"] == "the loss was not finite in 3 reports in a row, the last at step 3"
    losses = [(event.get("loss"), event.get("diverged")) for event in job.events() if event["event"] == "progress"]
    assert losses == [(1.0, None), (None, True), (None, True), (None, True)]


def test_losses_of_skipped_steps_do_not_count(job: Job) -> None:
    result = job.run(
        """
        for step in range(6):
            event("progress", step=step, loss=math.nan, skipped=True)
            event("progress", step=step, loss=math.nan)
            event("progress", step=step, loss=1.0)
        window()
        event("end", status="success")
        """
    )
    assert result["status"] == "completed"


def test_a_crash_that_follows_divergence_is_divergence(job: Job) -> None:
    result = job.run('for _ in range(3):\n    event("progress", loss=math.nan)\nraise FloatingPointError("NaN")')
    assert result["status"] == "diverged"


def test_a_last_evaluation_that_is_not_finite_is_divergence(job: Job) -> None:
    result = job.run('window()\nevent("evaluation", value=math.nan)\nevent("end", status="target_missed")')
    assert (result["status"], result["message"]) == ("diverged", "the last evaluation was not finite")


def test_closing_the_agents_stdin_cancels(job: Job) -> None:
    handle = job.start("window()" + FOREVER, cards=2)
    wait_for(lambda: (job.node / "events.jsonl").exists() and len(job.events()) == 4)
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []
    result = job.result()
    assert (result["status"], result["ended_by"]) == ("cancelled", "user")
    assert result["message"] == "the run was cancelled: the caller closed the agent's stdin"
    assert len(job.events()) == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_agent_cancels(job: Job, number: signal.Signals) -> None:
    handle = job.start("print('up')" + STUBBORN, cards=2)
    wait_for(lambda: all((job.directory / "work" / f"ready-{rank}").exists() for rank in range(2)))
    os.kill(handle.pid, number)
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []
    assert job.result()["message"] == f"the run was cancelled: {number.name}"


def test_the_agent_of_a_caller_that_has_gone_before_the_start_launches_and_ends_at_once(job: Job) -> None:
    handle = job.start("window()" + FOREVER)
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert job.result()["status"] == "cancelled"
    assert strays(handle.pid) == []
