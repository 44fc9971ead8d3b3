"""`sixdim import` as people run it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pytest_sixdim.campaign.earlier import Earlier
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.recording import record_baselines
from tests.campaign.importing.recorded import (
    BEGAN,
    case,
    every_five_seconds,
    flagperf_run,
    monitor,
    perf_log,
    sixdim_log,
)
from tests.cli_imports import Imports, verdicts

EIGHT = "  - {vendor: nvidia, precision: amp-fp16, batch_size: 256, cards: 8}"
BASELINES = """\
sixdim: 1
units: {{speed: samples/s}}
entries:
  - vendor: nvidia
    card: a100-sxm4-40gb
    precision: amp-fp16
    batch_size: 32
    cards: 2
    nodes: 1
    speed: {speed}
    speed_kind: train
    origin: published
    source: made for a test
    date: 2022-11-21
"""


@pytest.fixture
def imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Imports:
    return Imports(tmp_path, capsys)


def test_five_logs_give_speed_accuracy_and_stability_and_say_that_they_are_imported(imports: Imports) -> None:
    card = imports.run(case(imports.directory), *imports.logs(5))
    assert imports.code == 0
    dimensions = card["dimensions"]
    assert dimensions["speed"]["value"] == 160.0
    assert dimensions["accuracy"]["value"] == 76.0
    assert dimensions["stability"]["value"] == 1.0
    assert verdicts(card)["accuracy"] == "pass"
    for name in ("power", "memory"):
        assert verdicts(card)[name] == "unknown"
        assert dimensions[name]["reason"] == f"imported: the log has no {name} readings"
    assert "no log of nvidia-amp-fp16-bs32-1x1 was given (--single)" in dimensions["linearity"]["reason"]
    assert all("imported" in result["flags"] for result in dimensions.values())
    assert [file["name"] for file in card["imported"]["files"]] == [f"result_{number}.txt" for number in range(5)]
    assert all(len(file["sha256"]) == 64 for file in card["imported"]["files"])
    session = json.loads((imports.results / "latest" / "session.json").read_text())
    assert session["imported"] == card["imported"]
    for text in (imports.out, (imports.results / "latest" / "report.md").read_text()):
        assert "imported" in text
        assert "result_4.txt" in text.replace("\\", "")
    assert "Imported." in (imports.results / "latest" / "report.html").read_text()


def test_an_import_leaves_runs_that_are_read_back_as_others_are(imports: Imports) -> None:
    card = imports.run(case(imports.directory), *imports.logs(2), "--seeds", "7,8")
    runs = [read_run(imports.results / "latest" / run["directory"]) for run in card["runs"]]
    assert [(run.name, run.seed, run.result.status) for run in runs] == [
        ("full-1", 7, "completed"),
        ("full-2", 8, "completed"),
    ]
    assert [run["imported"] for run in card["runs"]] == ["result_0.txt", "result_1.txt"]
    assert runs[0].order["imported"]["files"][0]["name"] == "result_0.txt"
    assert json.loads((runs[0].directory / "result.json").read_text())["imported"] is True


def test_seeds_that_nobody_knows_are_unknown_and_said_to_be(imports: Imports) -> None:
    card = imports.run(case(imports.directory), *imports.logs(5))
    assert {run["seed"] for run in card["runs"]} == {None}
    assert "imported: 5 logs of 5 do not say the seed" in card["dimensions"]["stability"]["flags"]
    card = imports.run(case(imports.directory), *imports.logs(5), "--seeds", "1,2,3,4,4")
    assert verdicts(card)["stability"] == "suspect"
    assert "full-4 and full-5 have the same seed, 4" in card["dimensions"]["stability"]["reason"]


def test_the_same_run_under_two_names_is_suspect(imports: Imports) -> None:
    logs = imports.logs(5)
    logs[1].write_text("another first line\n" + logs[0].read_text())
    card = imports.run(case(imports.directory), *logs)
    assert verdicts(card)["stability"] == "suspect"
    assert "the same 5 losses under seeds unknown and unknown" in card["dimensions"]["stability"]["reason"]


def test_fewer_logs_than_stability_takes_leave_it_unknown_unless_fewer_are_asked_for(imports: Imports) -> None:
    path, logs = case(imports.directory), imports.logs(3)
    card = imports.run(path, *logs)
    assert card["dimensions"]["stability"]["reason"] == "imported: 3 of 5 runs are there"
    card = imports.run(path, *logs, "--runs", "3")
    assert card["dimensions"]["stability"]["value"] == 1.0
    assert any("meets no published baseline" in flag for flag in card["dimensions"]["stability"]["flags"])
    imports.run(path, *logs, "--runs", "2")
    assert (imports.code, "--runs 2: there are 3 logs" in imports.err) == (2, True)


def test_a_baseline_judges_only_where_the_card_is_known(imports: Imports) -> None:
    path, log = case(imports.directory), imports.logs(1)[0]
    beside = imports.directory / "tiny.baselines.yaml"
    beside.write_text(BASELINES.format(speed=161))
    card = imports.run(path, log)
    assert verdicts(card)["speed"] == "unjudged"
    assert any("the card is not known (--card)" in flag for flag in card["dimensions"]["speed"]["flags"])
    card = imports.run(path, log, "--card", "a100-sxm4-40gb")
    assert (imports.code, verdicts(card)["speed"], card["card"]) == (0, "pass", "a100-sxm4-40gb")
    beside.write_text(BASELINES.format(speed=320))
    card = imports.run(path, log, "--card", "a100-sxm4-40gb")
    assert (imports.code, verdicts(card)["speed"]) == (1, "fail")


def test_imported_figures_become_no_baseline(imports: Imports) -> None:
    card = imports.run(case(imports.directory), *imports.logs(5), "--card", "a100-sxm4-40gb")
    target = imports.directory / "new.yaml"
    lines = record_baselines(target, [card], {"plugin": "0", "software": {}, "directory": "20260101T000000Z-000000"})
    assert not target.exists()
    assert lines == [
        "no baseline of tiny nvidia-amp-fp16-bs32-1x2: imported from logs: nothing of it was measured here"
    ]


def test_an_imported_run_stands_in_for_no_launch(imports: Imports) -> None:
    imports.run(case(imports.directory), *imports.logs(1))
    key = RunKey("tiny", "nvidia-amp-fp16-bs32-1x2", "full", 1)
    asked = {"case": key.case, "configuration": key.configuration, "role": "full", "index": 1}
    order = {**asked, "identity": "0" * 64, "identity_parts": {"seed": 1}, "limits": {"timeout": 60.0, "stall": 60.0}}
    answer = Earlier((imports.results / "latest").resolve()).take(key, order, imports.directory / "full-1")
    assert (answer.reused, answer.words) == (False, "launched again: was imported from a log there")
    assert Earlier((imports.results / "latest").resolve()).finished() == set()


def test_a_run_that_missed_its_target_or_went_astray_fails(imports: Imports) -> None:
    missed = sixdim_log(imports.directory / "missed.txt", values=(70.0, 71.0), end="target_missed")
    card = imports.run(case(imports.directory), missed)
    assert (imports.code, verdicts(card)["accuracy"], card["runs"][0]["status"]) == (1, "fail", "target_missed")
    assert verdicts(card)["speed"] == "unjudged"
    astray = sixdim_log(imports.directory / "astray.txt", loss=float("nan"))
    card = imports.run(case(imports.directory), astray)
    assert (imports.code, card["runs"][0]["status"]) == (1, "diverged")
    cut = sixdim_log(imports.directory / "cut.txt", end=None)
    card = imports.run(case(imports.directory), cut)
    assert (imports.code, card["runs"][0]["status"]) == (1, "no_end")


def test_a_log_without_stamps_rates_itself(imports: Imports) -> None:
    log = sixdim_log(imports.directory / "run.txt", stamped=False)
    path = monitor(imports.directory / "nvidia_monitor.log", every_five_seconds(BEGAN - 100, BEGAN + 200, 2))
    card = imports.run(case(imports.directory), log, "--monitor", path)
    assert card["dimensions"]["speed"]["value"] == 160.0
    assert card["dimensions"]["speed"]["detail"]["kinds"]["whole"] is None
    assert verdicts(card)["power"] == "unknown"
    assert "no time of day" in card["dimensions"]["power"]["reason"]


def test_a_log_without_segments_says_so(imports: Imports) -> None:
    log = sixdim_log(imports.directory / "run.txt", segments=0)
    card = imports.run(case(imports.directory), log)
    assert verdicts(card)["accuracy"] == "pass"
    assert (
        "run.txt gives no segment of the length that the case's measure asks for"
        in card["dimensions"]["speed"]["reason"]
    )


def test_a_single_cards_log_gives_linearity(imports: Imports) -> None:
    single = sixdim_log(imports.directory / "single.txt", batch=32)
    card = imports.run(case(imports.directory), *imports.logs(1), "--single", single)
    assert card["dimensions"]["linearity"]["value"] == 1.0
    assert any(
        "nobody can tell whether both sides were run alike" in f for f in card["dimensions"]["linearity"]["flags"]
    )
    assert card["imported"]["files"][-1]["run"] == "nvidia-amp-fp16-bs32-1x1/full-1"
    one = case(imports.directory, "  - {vendor: nvidia, precision: fp32, batch_size: 32}")
    imports.run(one, single, "--single", imports.logs(1)[0])
    assert (imports.code, "is itself of one card" in imports.err) == (2, True)


def test_the_directory_of_a_flagperf_run_gives_power_and_memory(imports: Imports) -> None:
    path = case(imports.directory, EIGHT, "format: perflog")
    single = perf_log(imports.directory / "single.log", batch=256)
    card = imports.run(path, flagperf_run(imports.directory, rounds=5), "--single", single)
    assert imports.code == 0
    dimensions = card["dimensions"]
    assert dimensions["speed"]["value"] == pytest.approx(2048 / 1.5)
    assert dimensions["power"]["value"] == pytest.approx(301.0, abs=0.1)
    assert dimensions["power"]["detail"]["readings"] >= 60
    assert dimensions["power"]["detail"]["method"] == "unstated"
    assert dimensions["memory"]["value"] == pytest.approx(20007 / 1024)
    assert dimensions["linearity"]["value"] == pytest.approx(1.0)
    assert dimensions["accuracy"]["value"] == pytest.approx(76.1)
    assert dimensions["stability"]["value"] == 1.0
    assert any("local time, taken for +08:00" in flag for flag in dimensions["power"]["flags"])
    roles = [(file["name"], file["role"]) for file in card["imported"]["files"][:2]]
    assert roles == [("rank0.out.log", "log"), ("nvidia_monitor.log", "monitor")]
    assert "170 readings of 8 cards, 1 dropped" in imports.out


def test_a_window_with_too_few_readings_has_no_power(imports: Imports) -> None:
    """Five segments of 20 s: FlagPerf's monitor reads every 5 s."""
    path = monitor(imports.directory / "nvidia_monitor.log", every_five_seconds(BEGAN - 100, BEGAN + 200, 2))
    card = imports.run(case(imports.directory), *imports.logs(1), "--monitor", path)
    assert "readings in the window, 60 are needed" in card["dimensions"]["power"]["reason"]
    assert card["dimensions"]["memory"]["value"] == pytest.approx(20001 / 1024)


def test_readings_without_times_are_shown_beside_and_judged_by_nobody(imports: Imports) -> None:
    path = imports.directory / "ixsmi.log"
    path.write_text("".join(f"        Power Draw      : {watts} W\n" for watts in (161, 169, 161, 174, 163)))
    card = imports.run(case(imports.directory), *imports.logs(1), "--monitor", path)
    power = card["dimensions"]["power"]
    assert (power["verdict"], power["value"]) == ("unknown", None)
    assert "5 readings without times" in power["reason"]
    assert power["detail"]["undated"]["mean"] == 165.6


def test_a_gzipped_log_is_read(imports: Imports) -> None:
    plain = imports.logs(1)[0]
    packed = imports.directory / "result.txt.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    card = imports.run(case(imports.directory), packed)
    assert card["dimensions"]["speed"]["value"] == 160.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{log}", "{log}"], "itself, given twice"),
        (["no.txt"], "no.txt: No such file or directory"),
        (["{log}", "--format", "mlog"], "--format: unknown dialect 'mlog'; did you mean 'mllog'?"),
        (["{log}", "--format", "mllog"], "no event of the format 'mllog' in 10 lines; it has lines of sixdim"),
        (["{log}", "--format", "pattern"], "tiny.case.yaml: log"),
        (["{log}", "--configuration", "nvidia-1x4"], "has none of this id"),
        (["{log}", "--card", "a100"], "--card a100: unknown; the profile of nvidia knows a100-sxm4-40gb,"),
        (["{log}", "--seeds", "1,2"], "--seeds: 2 seeds for 1 runs"),
        (["{log}", "--seeds", "one"], "--seeds 'one': give whole numbers"),
        (["{log}", "--utc-offset", "8"], "--utc-offset 8: give hours and minutes"),
        (["{log}", "--monitor", "a", "--monitor", "b"], "--monitor: 2 files for 1 logs"),
        (["{log}", "--monitor", "no.log"], "no.log: No such file or directory"),
        (["{log}", "--dialect", "mine"], "--dialect mine: give NAME=package.module:Class"),
        (["{log}", "--dialect", "mine=no_such_module:Mine"], "No module named 'no_such_module'"),
        (["{log}", "--runs", "0"], "--runs 0: give a whole number from 1 to 1000"),
        (["{log}", "--runs", "100000000"], "give a whole number from 1 to 1000"),
        (["{log}", "--dialect", "mine=.here:Mine"], ".here can't be imported: the 'package' argument is required"),
        (["{log}", "--case", "x" * 300], "File name too long"),
        (["x" * 300], "File name too long"),
        (["/dev/zero"], "/dev/zero: not a regular file"),
        (["{log}", "--single", "{log}"], "itself, given twice"),
        (["{log}", "--profile", "no.yaml"], "--profile no.yaml: there is no such file"),
        (["{directory}"], "holds no rank<n>.out.log"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_leaves_no_session(imports: Imports, arguments: list[str], said: str) -> None:
    log = imports.logs(1)[0]
    given = [argument.format(log=log, directory=imports.directory) for argument in arguments]
    imports.run(case(imports.directory), *given)
    assert imports.code == 2
    assert imports.err.startswith("sixdim import: ")
    assert said in imports.err
    assert len(imports.err.splitlines()) == 1
    assert not list(imports.results.glob("*")) if imports.results.exists() else True


def test_a_case_with_several_configurations_needs_a_choice(imports: Imports) -> None:
    path, log = (
        case(imports.directory, "  - {vendor: nvidia, precision: fp32, batch_size: 32, cards: [1, 2]}"),
        imports.logs(1)[0],
    )
    imports.run(path, log)
    assert imports.code == 2
    assert "--configuration: nvidia-fp32-bs32-1x1, nvidia-fp32-bs32-1x2" in imports.err
    card = imports.run(path, log, "--configuration", "nvidia-fp32-bs32-1x2")
    assert card["configuration"] == "nvidia-fp32-bs32-1x2"


def test_a_broken_file_among_good_ones_leaves_nothing_half_done(imports: Imports) -> None:
    logs = imports.logs(3)
    (imports.directory / "cut.gz").write_bytes(gzip.compress(logs[2].read_bytes())[:-20])
    imports.run(case(imports.directory), *logs, imports.directory / "cut.gz")
    assert imports.code == 2
    assert "cut.gz: broken gzip" in imports.err
    assert list(imports.results.glob("*")) == []


def test_a_dialect_of_ones_own_is_read(imports: Imports) -> None:
    dialect = "mine=pytest_sixdim.dialects.sixdim:SixdimDialect"
    card = imports.run(case(imports.directory), *imports.logs(1), "--format", "mine", "--dialect", dialect)
    assert card["imported"]["format"] == "mine"
