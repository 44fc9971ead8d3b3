"""Failed runs launched again (--sixdim-retries): which, how it is shown, and what it costs (docs/retries.md)."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_sixdim.schema.vendor import PROFILES
from tests.plugin.conftest import Bench

ONE = "cpu-fp32-bs32-1x1"
STABLE = "limits: {stability: 0.5}"
#: What the stand-in program says when it is to lose its card, as a vendor's profile would have it.
TEXTS = """
card_lost: [the card is lost]
device_error: [the card failed]
card_busy: [the card is busy]
"""


class Troubled:
    """A bench whose launches fail as a file says, one line a launch: the seed, and the trouble."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.file = bench.path / "trouble"
        vendors = bench.path / "vendors"
        vendors.mkdir()
        (vendors / "cpu.yaml").write_text((PROFILES / "cpu.yaml").read_text() + TEXTS)
        bench.pytester.makeini("[pytest]\nsixdim_vendors = vendors\n")
        bench.case("tiny", "--segment", "0.05", "--trouble", str(self.file), extra=STABLE)

    def run(self, trouble: Sequence[str], marks: str, *options: str) -> pytest.RunResult:
        self.file.write_text("".join(f"{line}\n" for line in trouble))
        return self.bench.run("-m", f"singlecard and ({marks})", *options)

    def dimension(self, name: str) -> dict[str, Any]:
        return dict(self.bench.scorecard(ONE)["dimensions"][name])

    def launches(self) -> dict[str, dict[str, Any]]:
        """The scorecard's runs by name; each is in a folder of its own that is still there."""
        runs = {run["name"]: run for run in self.bench.scorecard(ONE)["runs"]}
        for run in runs.values():
            assert (self.bench.session / run["directory"] / "result.json").is_file()
            assert (run["reused"], run["neighbours"]) == (None, [])
        assert len({run["directory"] for run in runs.values()}) == len(runs)
        return runs


@pytest.fixture
def troubled(bench: Bench) -> Troubled:
    return Troubled(bench)


@pytest.fixture
def port() -> Any:
    """A port that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_tried_again_and_costs_nothing(troubled: Troubled, port: int) -> None:
    result = troubled.run([f"1 port {port}"], "accuracy or stability", "--sixdim-retries", "2")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*run 1/5: tiny/cpu-fp32-bs32-1x1/full-1, seed 1, 1 card ...",
            "*full-1 launch_error in * s: a port is taken: rank 0 exited with code 1: OSError: *in use*",
            "*full-1: attempt 2 of 3: tiny/cpu-fp32-bs32-1x1/full-1, seed 1, 1 card ...",
            "*full-1 completed in * s",
            "*run 2/5: *",
            "note tiny cpu-fp32-bs32-1x1 accuracy, stability: full-1 is attempt 2: attempt 1 could not be launched: *",
        ]
    )
    launches = troubled.launches()
    assert list(launches)[:3] == ["full-1", "full-1.attempt-2", "full-2"]
    first, second = launches["full-1"], launches["full-1.attempt-2"]
    assert (first["run"], first["attempt"], first["status"], first["fault"]) == ("full-1", 1, "launch_error", "host")
    assert (second["run"], second["attempt"], second["status"], second["fault"]) == ("full-1", 2, "completed", None)
    assert troubled.dimension("stability")["value"] == 1.0
    assert troubled.dimension("accuracy")["value"] == 98.0
    assert [run["run"] for run in troubled.dimension("stability")["detail"]["runs"]] == [
        f"full-{i}" for i in range(1, 6)
    ]
    text = (troubled.bench.session / "report.md").read_text()
    table = text.partition("## Runs that were launched more than once")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[2:5]] for line in table.splitlines() if line.startswith("| tiny")
    ]
    assert cells == [["full-1", "launch\\_error", "host"], ["full-1.attempt-2", "completed", "–"]]
    page = (troubled.bench.session / "report.html").read_text()
    assert "full-1.attempt-2" in page
    assert "the host&#39;s fault" in page


def test_without_retries_nothing_is_tried_again(troubled: Troubled, port: int) -> None:
    result = troubled.run([f"1 port {port}"], "accuracy")
    result.assert_outcomes(failed=1)
    assert list(troubled.launches()) == ["full-1"]
    assert troubled.dimension("accuracy")["reason"].startswith("full-1 could not be launched: a port is taken: rank 0")


def test_a_launch_that_fails_every_time_fails_as_the_last_did(troubled: Troubled) -> None:
    result = troubled.run(["1 error", "1 busy"], "speed or accuracy", "--sixdim-retries", "1")
    result.assert_outcomes(failed=2)
    last = "full-1 could not be launched after 2 attempts: another process has the card: rank 0 exited"
    assert troubled.dimension("accuracy")["reason"].startswith(last)
    before = "full-1 is attempt 2: attempt 1 crashed: device error: the card failed: rank 0"
    assert troubled.dimension("speed")["flags"][0].startswith(before)
    assert [run["fault"] for run in troubled.launches().values()] == ["device", "host"]
    result.stdout.fnmatch_lines(["*log tail of full-1.attempt-2 *", "*the card is busy*"])


def test_a_lost_card_is_made_up_for_in_the_figures_and_not_in_stability(troubled: Troubled) -> None:
    xml = troubled.bench.path / "report.xml"
    result = troubled.run(["3 lost"], "accuracy or stability", "--sixdim-retries", "1", f"--junitxml={xml}")
    result.assert_outcomes(passed=1, failed=1)
    stability = troubled.dimension("stability")
    assert (stability["verdict"], stability["value"]) == ("fail", 0.8)
    said = "full-3 attempt 1 lost a card: rank 0 exited with code 1: RuntimeError: the card is lost"
    said += "; retried for the figures"
    assert stability["reason"] == said
    outcomes = [run["outcome"] for run in stability["detail"]["runs"]]
    assert outcomes == ["inside", "inside", "card_lost", "inside", "inside"]
    assert troubled.dimension("accuracy")["flags"] == []
    launches = troubled.launches()
    assert (launches["full-3"]["fault"], launches["full-3.attempt-2"]["accuracy"]) == ("device", 98.0)
    failure = ElementTree.parse(xml).find(".//testcase[@name='test_stability[cpu-fp32-bs32-1x1]']/failure")
    assert failure is not None
    assert said in str(failure.get("message"))
    result.stdout.fnmatch_lines(["*logs: */full-3/node-0/logs"])


def test_the_figures_of_the_run_that_followed_are_flagged(troubled: Troubled) -> None:
    xml = troubled.bench.path / "report.xml"
    result = troubled.run(["1 collective"], "accuracy", "--sixdim-retries", "1", f"--junitxml={xml}")
    result.assert_outcomes(passed=1)
    (flag,) = troubled.dimension("accuracy")["flags"]
    said = "full-1 is attempt 2: attempt 1 crashed: a collective timed out: rank 0 was killed by SIGABRT"
    assert flag.startswith(said)
    assert f"sixdim.accuracy.flag: {flag}" in xml.read_text()
    assert troubled.launches()["full-1"]["fault"] == "device"


def test_a_failure_of_the_model_is_never_tried_again(troubled: Troubled) -> None:
    """Not even where its last words are those of a full disk."""
    result = troubled.run(["1 diverge"], "accuracy", "--sixdim-retries", "2")
    result.assert_outcomes(failed=1)
    assert "attempt" not in result.stdout.str()
    (launch,) = troubled.launches().values()
    assert (launch["status"], launch["fault"]) == ("diverged", "program")


def test_a_program_that_fails_in_a_later_attempt_says_in_which(troubled: Troubled) -> None:
    result = troubled.run(["1 disk", "1 diverge"], "accuracy", "--sixdim-retries", "2")
    result.assert_outcomes(failed=1)
    assert troubled.dimension("accuracy")["reason"].startswith("full-1 diverged in attempt 2: the loss was not finite")
    assert list(troubled.launches()) == ["full-1", "full-1.attempt-2"]


def test_retries_reach_the_workers(troubled: Troubled) -> None:
    pytest.importorskip("xdist")
    result = troubled.run(["1 disk"], "accuracy", "--sixdim-retries", "1", "-n", "1")
    result.assert_outcomes(passed=1)
    assert list(troubled.launches()) == ["full-1", "full-1.attempt-2"]
    result.stdout.fnmatch_lines(["*full-1: attempt 2 of 2: *"])
