"""A worker that dies, and Ctrl-C: what was finished stays, what was not fails, every test has one answer, nothing runs on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.plugin.conftest import Bench, strays
from tests.plugin.test_interruption import ONE, until

pytest.importorskip("xdist")
LIMIT = 240.0


class Distributed:
    """pytest with workers, in a process group of its own. `mark` is in the environment of all that it starts."""

    def __init__(self, bench: Bench, *args: str) -> None:
        self.bench = bench
        self.mark = f"workers-of-{os.getpid()}-{bench.path.name}"
        self.out = bench.path / "out"
        options = ("--sixdim", "--sixdim-python", str(bench.python), "--junitxml=junit.xml", *args)
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options],
                cwd=bench.path,
                env={**os.environ, "MARK_OF_THIS_TEST": self.mark},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until_segments(self, run: str, case: str = "tiny") -> None:
        """Wait until a run is in its segments."""
        events = self.bench.results / "latest" / case / ONE / run / "node-0" / "events.jsonl"
        until(lambda: events.exists() and events.read_text().count('"segment"') >= 2, f"segments of {run}", LIMIT)

    def kill_worker_of(self, run: str) -> None:
        """SIGKILL for the worker that launched a run: the agent's parent."""
        folder = str((self.bench.results / "latest").resolve())
        (agent,) = (pid for pid in strays(self.mark) if _is_agent(pid, folder, run))
        fields = Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()
        os.kill(int(fields[1]), signal.SIGKILL)

    def end(self) -> int:
        """The exit code, after every process has ended."""
        code = self.process.wait(LIMIT)
        until(lambda: not strays(self.mark), "every process to end", LIMIT)
        return code

    def text(self) -> str:
        return self.out.read_text()

    def launches(self, run: str) -> int:
        """How often a run was launched, as the display tells."""
        return len(re.findall(rf"^\[gw\d\] .*{re.escape(run)}, seed", self.text(), re.MULTILINE))

    def outcomes(self) -> dict[str, list[str]]:
        """By case and dimension: what each of its testcases in JUnit holds; none for a pass."""
        found: dict[str, list[str]] = {}
        for case in ElementTree.parse(self.bench.path / "junit.xml").iter("testcase"):
            tags = [child.tag for child in case if child.tag != "system-out"]
            name = f"{case.attrib['classname']}.{case.attrib['name'].partition('[')[0]}"
            found.setdefault(name, []).append(tags[0] if tags else "passed")
        return found


def _is_agent(pid: int, folder: str, run: str) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    order = command[-2] if len(command) > 1 else ""
    return "pytest_sixdim.agent" in command and order.startswith(folder) and f"/{run}/" in order


def hanging(bench: Bench, name: str = "tiny") -> None:
    """A case whose second run hangs."""
    bench.case(name, "--fault", "hang", "--fault-seed", "2", "--child", stall="10 min", timeout="20 min")


def test_a_killed_worker_loses_its_unfinished_run_alone(bench: Bench) -> None:
    hanging(bench)
    bench.case("other")
    pytest_ = Distributed(bench, "-n", "2", "-v", "-m", "singlecard and (accuracy or stability)", "--sixdim-runs", "3")
    pytest_.until_segments("full-2")
    pytest_.kill_worker_of("full-2")
    assert pytest_.end() == pytest.ExitCode.TESTS_FAILED
    lost = bench.result("full-2")
    assert (lost["status"], lost["ended_by"], lost["fault"]) == ("agent_lost", "runner", "host")
    assert lost["message"].startswith("worker died: ")
    assert lost["seconds"] > 0
    assert any('"segment"' in line for line in lost["log_tail"])
    assert [bench.result(run)["status"] for run in ("full-1", "full-3")] == ["completed"] * 2
    assert [pytest_.launches(f"tiny/{ONE}/full-{index}") for index in (1, 2, 3)] == [1, 1, 1]
    assert [bench.result(f"full-{index}", case="other")["status"] for index in (1, 2, 3)] == ["completed"] * 3
    tests = pytest_.outcomes()
    assert tests["cases.tiny.case.yaml.test_accuracy"] == tests["cases.other.case.yaml.test_accuracy"] == ["passed"]
    assert tests["cases.tiny.case.yaml.test_stability"] == ["failure"]
    assert len(tests) == 4
    assert "worker died" in bench.scorecard(ONE)["results"]["stability"]["reason"]
    assert re.search(r"FAILED .*tiny\.case\.yaml::test_stability", pytest_.text())
    assert " 1 failed, " in pytest_.text().splitlines()[-1]


def test_a_lost_run_may_be_launched_again(bench: Bench) -> None:
    bench.case("tiny", "--segment", "0.6")
    chosen = ("-n", "1", "-m", "singlecard and accuracy", "--sixdim-retries", "1")
    pytest_ = Distributed(bench, *chosen)
    pytest_.until_segments("full-1")
    pytest_.kill_worker_of("full-1")
    assert pytest_.end() == pytest.ExitCode.OK
    assert bench.result("full-1")["message"].startswith("worker died: ")
    assert bench.result("full-1.attempt-2")["status"] == "completed"
    assert pytest_.outcomes() == {"cases.tiny.case.yaml.test_accuracy": ["passed"]}


def test_no_test_is_passed_over_where_no_worker_may_follow(bench: Bench) -> None:
    hanging(bench)
    pytest_ = Distributed(
        bench, "-n", "1", "--max-worker-restart", "0", "-m", "singlecard and (accuracy or stability or power)"
    )
    pytest_.until_segments("full-2")
    pytest_.kill_worker_of("full-2")
    assert pytest_.end() == pytest.ExitCode.TESTS_FAILED
    tests = pytest_.outcomes()
    assert tests["cases.tiny.case.yaml.test_accuracy"] == ["passed"]
    assert tests["cases.tiny.case.yaml.test_stability"] == ["failure"]
    assert len(tests["cases.tiny.case.yaml.test_power"]) == 1
    assert "no worker is left to run this test" in pytest_.text()


def test_a_test_in_python_that_kills_its_worker_fails_once(bench: Bench) -> None:
    bench.case()
    mark = '@pytest.mark.sixdim_case("cases/tiny.case.yaml", dimensions="accuracy")\n'
    (bench.path / "test_mine.py").write_text(
        "import os, pytest\n\n"
        f"{mark}def test_measures(sixdim_measurements):\n    pass\n\n"
        "def test_dies():\n    os._exit(7)\n\n"
        f"{mark}def test_measures_too(sixdim_measurements):\n    pass\n"
    )
    pytest_ = Distributed(bench, "-n", "2", "test_mine.py")
    assert pytest_.end() == pytest.ExitCode.TESTS_FAILED
    found = {name.rpartition(".")[2]: outcome for name, outcome in pytest_.outcomes().items()}
    assert found == {"test_measures": ["passed"], "test_dies": ["error"], "test_measures_too": ["passed"]}
    assert pytest_.launches(f"tiny/{ONE}/full-1") == 1
    assert pytest_.text().count("replacing crashed worker") == 1


@pytest.mark.parametrize("everybody", [True, False], ids=["the whole group", "the controller alone"])
def test_ctrl_c_ends_everything_and_reports_what_was_finished(bench: Bench, everybody: bool) -> None:
    hanging(bench)
    pytest_ = Distributed(bench, "-n", "2", "-m", "singlecard and (accuracy or stability)")
    pytest_.until_segments("full-2")
    (os.killpg if everybody else os.kill)(pytest_.process.pid, signal.SIGINT)
    assert pytest_.end() == pytest.ExitCode.INTERRUPTED
    assert bench.result("full-1")["status"] == "completed"
    until((bench.session / "tiny" / ONE / "full-2" / "result.json").exists, "the agent's last word")
    assert bench.result("full-2")["status"] == "cancelled"
    assert bench.scorecard(ONE)["results"]["accuracy"]["verdict"] == "pass"
    assert (bench.session / "report.html").exists()
    assert "six dimensions" in pytest_.text()
    assert pytest_.outcomes() == {"cases.tiny.case.yaml.test_accuracy": ["passed"]}
    assert json.loads((bench.session / "session.json").read_text())["settings"]["runs"] is None
