"""A worker that dies, and Ctrl-C: every test has one answer, finished runs stay, no process does."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.plugin.conftest import Bench
from tests.plugin.distributed import Distributed
from tests.plugin.test_interruption import ONE, until

pytest.importorskip("xdist")


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
    assert "worker died" in bench.scorecard(ONE)["dimensions"]["stability"]["reason"]
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
    pytest_ = Distributed(bench, "-n", "1", "test_mine.py")
    assert pytest_.end() == pytest.ExitCode.TESTS_FAILED
    found = {name.rpartition(".")[2]: outcome for name, outcome in pytest_.outcomes().items()}
    assert found == {"test_measures": ["passed"], "test_dies": ["error"], "test_measures_too": ["passed"]}
    assert pytest_.launches(f"tiny/{ONE}/full-1") == 1
    assert pytest_.text().count("replacing crashed worker") == 1


@pytest.mark.parametrize("everybody", [True, False], ids=["the whole group", "the controller alone"])
def test_ctrl_c_ends_everything_and_reports_what_was_finished(bench: Bench, everybody: bool) -> None:
    hanging(bench)
    pytest_ = Distributed(bench, "-n", "1", "-m", "singlecard and (accuracy or stability)")
    pytest_.until_segments("full-2")
    (os.killpg if everybody else os.kill)(pytest_.process.pid, signal.SIGINT)
    assert pytest_.end() == pytest.ExitCode.INTERRUPTED
    assert bench.result("full-1")["status"] == "completed"
    until((bench.session / "tiny" / ONE / "full-2" / "result.json").exists, "the agent's last word")
    assert bench.result("full-2")["status"] == "cancelled"
    assert bench.scorecard(ONE)["dimensions"]["accuracy"]["verdict"] == "pass"
    assert (bench.session / "report.html").exists()
    assert "six dimensions" in pytest_.text()
    assert pytest_.outcomes() == {"cases.tiny.case.yaml.test_accuracy": ["passed"]}
