"""Whatever a training program prints in the middle of its window: no figure is wrong, and none is lost in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.logs import FINISHING
from tests.agent.conftest import Job, strays, wait_for
from tests.faults.conftest import Campaign

WELL = ["start", "warmup_end", *["segment"] * 5, "evaluation", "end"]
REPOSITORY = Path(__file__).parents[2]


def run(campaign: Campaign, fault: str, *args: str) -> dict[str, Any]:
    """One run, which meets the fault; its speed."""
    campaign.case(fault, "--when", "1", *args)
    campaign.run("-m", "speed or accuracy or memory")
    for report in ("report.html", "report.md"):
        assert (campaign.bench.session / report).stat().st_size > 0
    assert campaign.result("full-1")["status"] == "completed"
    assert campaign.dimension("accuracy")["verdict"] == "pass"
    return campaign.dimension("speed")


@pytest.mark.parametrize("kind", ["garbage", "binary", "utf8", "control", "nul", "half_line", "keys"])
def test_what_is_no_event_changes_nothing(campaign: Campaign, kind: str) -> None:
    speed = run(campaign, kind)
    assert speed["verdict"] == "unjudged"
    assert speed["value"] == pytest.approx(1600 / 0.15, rel=0.5)
    assert [event for event in campaign.events("full-1") if event != "progress"] == WELL
    assert "\x1b[2J" not in campaign.text


def test_line_of_a_hundred_megabytes(campaign: Campaign) -> None:
    # printing it takes a while, which the segment's seconds hold too
    assert run(campaign, "long_line")["value"] > 0
    assert campaign.events("full-1") == WELL


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("broken", "printed 5 events that cannot be read: no JSON object: Expecting property name"),
        ("nested", "printed 1 event that cannot be read: nested too deeply"),
    ],
)
def test_broken_events_are_told_beside_the_figures(campaign: Campaign, kind: str, what: str) -> None:
    speed = run(campaign, kind)
    assert speed["verdict"] == "unjudged"
    assert any(what in flag for flag in speed["detail"]["flags"])


def test_numbers_beyond_all_measure(campaign: Campaign) -> None:
    speed = run(campaign, "numbers")
    assert speed["verdict"] in ("unjudged", "suspect")
    malformed = campaign.result("full-1")["events"]["malformed"]
    assert sum(malformed.values()) == 5


@pytest.mark.parametrize("kind", ["seconds_huge", "seconds_negative", "seconds_nan", "seconds_zero"])
def test_segment_of_impossible_seconds_never_passes(campaign: Campaign, kind: str) -> None:
    speed = run(campaign, kind)
    assert speed["verdict"] in ("unknown", "suspect")
    assert "segment" in speed["reason"]


def test_segment_that_is_read_late_is_suspect(campaign: Campaign) -> None:
    speed = run(campaign, "held_up")
    assert speed["verdict"] == "suspect"
    assert "before the agent read it: it could not keep up" in speed["reason"]


def test_hundred_thousand_lines_a_second(campaign: Campaign) -> None:
    speed = run(campaign, "flood")
    assert campaign.events("full-1") == WELL
    assert speed["verdict"] in ("unjudged", "suspect")  # as fast as this machine is


def test_agent_that_is_behind_stops_when_it_is_asked(job: Job) -> None:
    handle = job.start('print("up")\nwhile True:\n    sys.stdout.write("too many\\n" * 100_000)\n    time.sleep(0.001)')
    wait_for(lambda: job.printed()[:3] == "up\n")
    handle.cancel()
    assert handle.wait(60 + FINISHING) == 1
    assert job.result()["status"] == "cancelled"
    assert strays(handle.pid) == []


def test_what_cannot_be_read_in_time_is_counted_and_memory_stays_bounded(job: Job) -> None:
    order = job.order(
        """
        window()
        os.kill(os.getppid(), signal.SIGSTOP)  # its wrapper, so that the run ends with all of this unread
        os.kill(int(os.environ["SIXDIM_JOB"].partition(".")[0]), signal.SIGSTOP)
        for _ in range(40):
            sys.stdout.write("a line of a program that prints too much\\n" * 100_000)
        event("end", status="success")
        os.kill(int(os.environ["SIXDIM_JOB"].partition(".")[0]), signal.SIGCONT)
        os.kill(os.getppid(), signal.SIGCONT)
        """
    )
    script = (
        "import sys; from pathlib import Path; from pytest_sixdim.agent import logs, __main__ as agent;"
        "logs.FINISHING = 0.0; code = agent.main(sys.argv[1:]);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(order)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(done.stdout) < 100_000  # KiB
    assert job.result()["events"]["unread"]["bytes"] > 0
    assert job.result()["status"] == "completed"
