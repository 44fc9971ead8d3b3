"""What `sixdim import` holds against logs and monitors, and what it makes of hostile ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.campaign.importing.recorded import BEGAN, case, every_five_seconds, monitor, sixdim_log
from tests.cli_imports import Imports, verdicts


@pytest.fixture
def imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Imports:
    return Imports(tmp_path, capsys)


def test_results_may_lie_beside_the_working_directory(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with ".." in it, and one through a link, name the same folder in all records."""
    (imports.directory / "work").mkdir()
    (imports.directory / "link").symlink_to("work")
    monkeypatch.chdir(imports.directory / "link")
    log = imports.logs(1)[0]
    for results in ("../results", str(imports.directory / "link" / ".." / "results")):
        card = imports.run(case(imports.directory), log, "--results", results)
        assert (imports.code, card["runs"][0]["directory"]) == (0, "tiny/nvidia-amp-fp16-bs32-1x2/full-1")


def test_copies_of_a_log_that_reports_no_losses_are_one_run(imports: Imports) -> None:
    logs = [imports.directory / f"copy_{number}.txt" for number in range(5)]
    for number, path in enumerate(logs):
        sixdim_log(path, loss=2.0)
        path.write_text(path.read_text().replace(', "loss": ', f', "no_{number}": '))
    card = imports.run(case(imports.directory), *logs, "--seeds", "1,2,3,4,5")
    assert verdicts(card)["stability"] == "suspect"
    reason = card["dimensions"]["stability"]["reason"]
    assert reason == "1: full-1 and full-2 agree in 8 of 8 times: they seem to be one run"


def test_seconds_that_the_logs_own_stamps_contradict_are_suspect(imports: Imports) -> None:
    log = sixdim_log(imports.directory / "fast.txt")
    log.write_text(log.read_text().replace('"seconds": 20.0', '"seconds": 10.0'))
    card = imports.run(case(imports.directory), log)
    assert verdicts(card)["speed"] == "suspect"
    assert "segment 1 claims 10 s of training where 20 s passed" in card["dimensions"]["speed"]["reason"]
    log.write_text(log.read_text().replace('"seconds": 10.0', '"seconds": 20.4'))  # its stamps are whole seconds
    assert verdicts(imports.run(case(imports.directory), log))["speed"] == "unjudged"


def mlperf_log(path: Path, begin: float, **said: int | str) -> Path:
    """A log of MLPerf, made from its printed format: what it says of itself, and one evaluation."""
    lines = [("POINT_IN_TIME", key, value, {}) for key, value in said.items()]
    lines += [("POINT_IN_TIME", "eval_accuracy", 76.0, {"samples_count": 64})]
    lines += [("INTERVAL_END", "run_stop", None, {"samples_count": 64, "status": "success"})]
    records = [
        {"namespace": "", "time_ms": int(1000 * begin) + 7 * number, "event_type": kind, "key": key, "value": value}
        | {"metadata": {"file": "train.py", "lineno": 1, **more}}
        for number, (kind, key, value, more) in enumerate(lines)
    ]
    path.write_text("".join(f":::MLLOG {json.dumps(record)}\n" for record in records))
    return path


def test_a_log_of_another_batch_size_is_suspect(imports: Imports) -> None:
    path = case(imports.directory, log="format: mllog")
    log = mlperf_log(imports.directory / "result_0.txt", BEGAN, seed=7, global_batch_size=128)
    accuracy = imports.run(path, log)["dimensions"]["accuracy"]
    assert accuracy["verdict"] == "suspect"
    assert "result_0.txt says a global batch of 128, the configuration has 64" in accuracy["reason"]


def test_logs_of_several_benchmarks_are_suspect(imports: Imports) -> None:
    path = case(imports.directory, log="format: mllog")
    logs = [
        mlperf_log(imports.directory / f"{name}.txt", BEGAN + 1000 * number, seed=number, submission_benchmark=name)
        for number, name in enumerate(("resnet", "resnet2", "bert"))
    ]
    card = imports.run(path, *logs, "--runs", "3")
    said = "by their submission_benchmark: full-1 resnet, full-2 resnet2, full-3 bert"
    assert said in card["dimensions"]["stability"]["reason"]
    assert "submission_benchmark bert" in (imports.results / "latest" / "report.html").read_text()


def test_a_seed_that_the_log_contradicts_is_refused(imports: Imports) -> None:
    path = case(imports.directory, log="format: mllog")
    log = mlperf_log(imports.directory / "result_0.txt", BEGAN, seed=7)
    assert imports.run(path, log, "--seeds", "7")["runs"][0]["seed"] == 7
    imports.run(path, log, "--seeds", "8")
    assert imports.code == 2
    assert "result_0.txt says that its seed is 7, not 8" in imports.err


def test_a_name_forges_no_line_and_the_table_is_narrow(imports: Imports) -> None:
    log = imports.logs(1)[0]
    log = log.rename(imports.directory / "run\nPASSED \x1b[31m\udcff<b>.txt")
    card = imports.run(case(imports.directory), log, "--seeds", "1")
    assert card["runs"][0]["imported"] == log.name
    table = imports.out.split("\n\n")[0].splitlines()
    assert table[2].split() == [
        "full-1",
        "run␊PASSED",
        "␛[31m⟨U+DCFF⟩<b>.txt",
        *["9", "events", "in", "10", "lines", "1", "completed"],
    ]
    assert max(map(len, table)) <= 100
    assert "<b>.txt" not in (imports.results / "latest" / "report.html").read_text()


def test_the_page_of_an_import_says_nothing_of_launches_or_of_this_host(imports: Imports) -> None:
    imports.run(case(imports.directory), *imports.logs(2))
    page = (imports.results / "latest" / "report.html").read_text()
    assert "Time counts from the first event in each log." in page
    for word in ("launcher", "kernel", "the launch of each run", ">None<"):
        assert word not in page


def test_a_log_without_stamps_draws_nothing_over_time(imports: Imports) -> None:
    imports.run(case(imports.directory), sixdim_log(imports.directory / "run.txt", stamped=False))
    page = (imports.results / "latest" / "report.html").read_text()
    assert "The log has no time stamps: nobody knows when it evaluated." in page


def test_a_monitor_of_another_vendor_is_refused(imports: Imports) -> None:
    path = monitor(imports.directory / "iluvatar_monitor.log", every_five_seconds(BEGAN - 100, BEGAN + 200, 2))
    imports.run(case(imports.directory), *imports.logs(1), "--monitor", path)
    assert imports.code == 2
    assert "is of the vendor iluvatar by its name, the configuration of nvidia" in imports.err


def test_a_monitor_of_another_card_is_refused(imports: Imports) -> None:
    path = monitor(imports.directory / "m.log", every_five_seconds(BEGAN - 100, BEGAN + 200, 2))
    imports.run(case(imports.directory), *imports.logs(1), "--monitor", path, "--card", "a100-sxm4-80gb")
    assert imports.code == 2
    assert "m.log: shows cards of 39.6 GiB, and a a100-sxm4-80gb (--card) has 80.0 GiB" in imports.err


def test_an_offset_behind_utc_is_given_with_an_equals_sign(imports: Imports) -> None:
    readings = every_five_seconds(BEGAN - 100, BEGAN + 200, 2)
    path = monitor(imports.directory / "m.log", readings, offset=-3.5 * 3600)
    card = imports.run(case(imports.directory), *imports.logs(1), "--monitor", path, "--utc-offset=-03:30")
    assert card["dimensions"]["memory"]["value"] == pytest.approx(20001 / 1024)


def test_an_import_that_is_interrupted_leaves_nothing(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_sixdim.campaign.importing.session.require_unchanged", interrupted)
    imports.run(case(imports.directory), *imports.logs(1))
    assert (imports.code, imports.err) == (130, "sixdim import: interrupted\n")
    assert list(imports.results.iterdir()) == []
