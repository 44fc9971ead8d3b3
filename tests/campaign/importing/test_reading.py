"""A recorded log into events.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_sixdim.campaign.importing.ending import ending
from pytest_sixdim.campaign.importing.files import identified
from pytest_sixdim.campaign.importing.reading import ReadLog, read_log
from pytest_sixdim.campaign.importing.unlike import not_of_format
from pytest_sixdim.dialects import DIALECTS, make_dialect
from pytest_sixdim.dialects.job import Job
from tests.campaign.importing.recorded import BEGAN, sixdim_log


def read(path: Path, form: str = "sixdim") -> ReadLog:
    dialect = make_dialect(form, {}, job=Job(recorded=True))
    return read_log(identified(path, "log"), form, dialect, 5, path.parent / "node-0" / "events.jsonl")


def test_a_logs_events_keep_its_own_times_and_are_seen_by_nobody(tmp_path: Path) -> None:
    log = read(sixdim_log(tmp_path / "run.log"))
    head, *events = map(json.loads, (tmp_path / "node-0" / "events.jsonl").read_text().splitlines())
    assert (head["monotonic"], head["unix"], head["boot_id"]) == (BEGAN, BEGAN, None)
    assert [event["t"] - BEGAN for event in events[:3]] == [0.0, 20.0, 40.0]
    assert {event["seen"] for event in events} == {0.0}
    assert log.span == (BEGAN, BEGAN + 102.0)
    assert log.events == {"warmup_end": 1, "segment": 5, "evaluation": 2, "end": 1}
    assert (log.lines, log.written, log.malformed) == (10, 9, 0)


def test_a_log_without_stamps_has_no_time(tmp_path: Path) -> None:
    log = read(sixdim_log(tmp_path / "run.log", stamped=False))
    head, *events = map(json.loads, (tmp_path / "node-0" / "events.jsonl").read_text().splitlines())
    assert (log.span, log.first) == (None, None)
    assert head["unix"] is None
    assert {event["t"] for event in events} == {0.0}
    assert ending(log, reports_end=True).seconds is None


def test_the_clock_begins_with_the_earliest_stamp_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    stamps = ("", f', "t": {BEGAN + 5}', f', "t": {BEGAN}')
    path.write_text("".join(f'[sixdim] {{"event": "progress", "step": 1{stamp}}}\n' for stamp in stamps))
    log = read(path)
    head, *events = map(json.loads, (tmp_path / "node-0" / "events.jsonl").read_text().splitlines())
    assert (head["monotonic"], head["unix"], head["imported"]) == (BEGAN, BEGAN, True)
    assert [event["t"] for event in events] == [0.0, BEGAN + 5, BEGAN]
    assert log.written == len(events)


def test_stamps_of_a_programs_own_clock_are_no_time_of_day(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text('[sixdim] {"event": "progress", "t": 12.5}\n[sixdim] {"event": "progress", "t": 22.5}\n')
    log = read(path)
    assert log.span is None
    assert ending(log, reports_end=False).seconds == 10.0


def test_broken_lines_are_counted_and_the_next_ones_read(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text('[sixdim] {"event": \n[sixdim] {"event": "progress"}\n[sixdim] {"event": "stroll"}\nnoise\n')
    log = read(path)
    assert (log.malformed, log.events) == (2, {"progress": 1})
    assert sum(log.left_out["malformed"].values()) == 2
    written = (tmp_path / "node-0" / "events.jsonl").read_text()
    assert written.count('"malformed"') == 2


def test_an_mlperf_log_says_its_seed(tmp_path: Path) -> None:
    """The line is of mlcommons/training, llm_post_training/rcp_logs; what follows is shortened."""
    path = tmp_path / "result_1.txt"
    path.write_text(
        ':::MLLOG {"namespace": "", "time_ms": 1784886056436, "event_type": "POINT_IN_TIME", "key": "seed", '
        '"value": 2639384839, "metadata": {"file": "mlperf_grpo_logging.py", "lineno": 125}}\n'
        ':::MLLOG {"namespace": "", "time_ms": 1784886056437, "event_type": "INTERVAL_START", "key": "run_start", '
        '"value": null, "metadata": {"file": "mlperf_grpo_logging.py", "lineno": 291}}\n'
        ':::MLLOG {"namespace": "", "time_ms": 1784895180062, "event_type": "INTERVAL_END", "key": "run_stop", '
        '"value": null, "metadata": {"file": "mlperf_grpo_logging.py", "lineno": 125, "status": "success"}}\n'
    )
    log = read(path, "mllog")
    assert log.seed == 2639384839
    assert ending(log, reports_end=True).status == "completed"


def test_a_log_of_another_format_is_told_by_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "rank0.out.log"
    path.write_text('[PerfLog] {"event": "TRAIN_START", "metadata": {"time_ms": 1669034022000, "rank": 0}}\n')
    log = read(path)
    assert not log.events
    assert not (tmp_path / "node-0").exists()
    said = not_of_format(log, "sixdim", DIALECTS)
    assert said == f"{path}: no event of the format 'sixdim' in 1 line; it has lines of perflog (--format)"


def test_a_log_of_no_format_names_those_that_were_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a letter\nto nobody\n")
    said = not_of_format(read(path), "mllog", DIALECTS)
    assert "no event of the format 'mllog' in 2 lines; nor has it marks of" in said
    assert "sixdim" in said


def test_a_log_of_nothing_but_broken_lines_says_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text('[sixdim] {"event": "stroll"}\n' * 3)
    assert "3 lines that should be one can't be read: unknown event 'stroll'" in not_of_format(
        read(path), "sixdim", DIALECTS
    )


@pytest.mark.parametrize(
    ("end", "status"),
    [("success", "completed"), ("target_missed", "target_missed"), ("failed", "crashed"), (None, "no_end")],
)
def test_the_logs_own_end_is_the_runs(tmp_path: Path, end: str | None, status: str) -> None:
    log = read(sixdim_log(tmp_path / "run.log", end=end))
    result = ending(log, reports_end=True)
    assert result.status == status
    assert (result.fault is None) == (status in ("completed", "target_missed"))
    assert result.log_tail[0] == "starting"


def test_a_format_without_an_end_ends_where_its_log_does(tmp_path: Path) -> None:
    log = read(sixdim_log(tmp_path / "run.log", end=None))
    assert ending(log, reports_end=False).status == "completed"


def test_a_run_that_went_astray_has_diverged_whatever_its_log_says_at_the_end(tmp_path: Path) -> None:
    path = sixdim_log(tmp_path / "run.log", loss=float("nan"))
    result = ending(read(path), reports_end=True)
    assert result.status == "diverged"
    assert "the loss was not finite in 3 reports in a row" in result.message
    assert ending(read(sixdim_log(path, values=(70.0, None))), reports_end=True).status == "diverged"
