"""Whatever a training program prints in the middle of its window: no figure is wrong, and none is lost in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.logs import FINISHING
from tests.agent.conftest import HANGS, Job, strays, wait_for
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


def test_what_is_no_event_changes_nothing(campaign: Campaign) -> None:
    speed = run(campaign, "garbage,binary,utf8,control,nul,half_line")
    assert speed["verdict"] == "unjudged"
    assert 0 < speed["value"] < 2 * 1600 / 0.15
    assert campaign.events("full-1") == WELL
    assert "\x1b[2J" not in campaign.text


def test_line_of_a_hundred_megabytes(campaign: Campaign) -> None:
    speed = run(campaign, "long_line")
    assert speed["verdict"] in ("unjudged", "suspect")  # where the agent could not keep up
    assert campaign.events("full-1") == WELL


def test_broken_events_are_told_beside_the_figures(campaign: Campaign) -> None:
    speed = run(campaign, "broken,nested,keys")
    assert speed["verdict"] == "unjudged"
    what = "full-1 printed 7 events that cannot be read: no JSON object: Expecting property name"
    assert what in campaign.text


def test_numbers_beyond_all_measure(campaign: Campaign) -> None:
    speed = run(campaign, "numbers")
    assert speed["verdict"] in ("unjudged", "suspect")
    assert sum(campaign.result("full-1")["events"]["malformed"].values()) == 4


def test_segments_of_impossible_seconds(campaign: Campaign) -> None:
    speed = run(campaign, "seconds")
    assert (speed["verdict"], speed["value"]) == ("unknown", None)
    assert campaign.result("full-1")["events"]["malformed"] == {
        "event 'segment': 'seconds' must be float, not 1e+308": 1,
        "event 'segment': 'seconds' must be 0 to 1e+09 s, not -0.15": 1,
        "event 'segment': 'seconds' must be float, not nan": 1,
    }


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
    assert handle.wait(HANGS + FINISHING) == 1
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
