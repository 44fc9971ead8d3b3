"""The results directory vanishes, two sessions share one, and what lies in it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_sixdim.campaign.files import StoreError, read_json
from pytest_sixdim.campaign.reading import read_run, read_samples
from pytest_sixdim.campaign.recording import record_baselines
from pytest_sixdim.campaign.store import Store
from tests.faults.conftest import Bench, left
from tests.faults.sessions import ONE, case, leftovers, printed, start, verdicts


def test_a_session_folder_that_vanishes_in_a_run_loses_what_it_held_and_the_other_runs_go_on(bench: Bench) -> None:
    token = f"vanished-{os.getpid()}"
    case(bench, "tiny", "--disk", "remove")
    process = start(bench, token, "-v", "--sixdim-runs", "3")
    assert process.wait(240) == pytest.ExitCode.TESTS_FAILED
    assert left(token) == []
    text, session = printed(bench), bench.session
    run = session / "tiny" / ONE
    assert f"full-2 lost its agent: {run}/full-2: was taken away while the run went on" in text
    assert f"{session} was taken away and is made again; what it held is lost" in text
    assert bench.result("full-3")["status"] == "completed"
    assert read_json(session / "session.json")["directory"] == str(session)
    assert verdicts(session)["stability"] == "fail"
    assert (session / "report.html").exists()
    assert leftovers(session) == []


def test_results_that_vanish_between_two_runs_are_made_again_with_latest(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "results")
    store.write_session({"plugin": "x"})
    assert not store.restore()
    shutil.rmtree(tmp_path / "results")
    assert store.restore()
    assert read_json(store.directory / "session.json") == {"schema": 1, "plugin": "x"}
    assert (tmp_path / "results" / "latest").resolve() == store.directory.resolve()


def test_two_sessions_in_one_results_directory_are_both_whole_and_latest_is_one_of_them(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    before = Store.create(bench.results)
    before.write_session({})
    missing: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if not (bench.results / "latest").is_dir():
                missing.append("latest pointed nowhere")
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        first = start(bench, "two-sessions", "-k", "accuracy")
        second = start(bench, "two-sessions", "-k", "accuracy")
        assert [first.wait(240), second.wait(240)] == [0, 0]
    finally:
        done.set()
        watcher.join()
    sessions = [path for path in bench.results.iterdir() if (path / "session.json").exists() and not path.is_symlink()]
    assert len(sessions) == 3
    sessions.remove(before.directory)
    for session in sessions:
        assert verdicts(session)["accuracy"] == "pass"
        assert read_run(session / "tiny" / ONE / "full-1").result.finished
        assert (session / "report.html").exists()
    assert (bench.results / "latest").resolve() in sessions
    assert missing == []


def test_many_sessions_that_begin_at_once_never_leave_latest_missing_or_broken(tmp_path: Path) -> None:
    make = "from pytest_sixdim.campaign.store import Store\nfrom pathlib import Path\nimport sys\n"
    make += "for _ in range(30): Store.create(Path(sys.argv[1])).write_session({})"
    Store.create(tmp_path).write_session({})
    makers = [subprocess.Popen([sys.executable, "-c", make, tmp_path]) for _ in range(3)]
    missing = 0
    while any(maker.poll() is None for maker in makers):
        missing += not (tmp_path / "latest").is_dir()
    assert missing == 0
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert len([path for path in tmp_path.iterdir() if not path.is_symlink()]) == 91
    assert [path.name for path in tmp_path.iterdir() if path.is_symlink()] == ["latest"]


def test_two_sessions_that_save_one_baseline_lose_no_entry(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    assert bench.run("-k", "accuracy").ret == 0
    cards, session = [bench.scorecard(ONE)], {"plugin": "0", "software": {}, "directory": str(bench.session)}
    target = bench.path / "new.yaml"
    assert record_baselines(target, cards, session) == [f"baselines of tiny: 1 entry in {target}"]
    second = bench.path / "new-2.yaml"
    assert record_baselines(target, cards, session) == [
        f"baselines of tiny: 1 entry in {second}; new.yaml was written by another session meanwhile"
    ]
    assert target.read_text() == second.read_text()
    nowhere = bench.path / "gone" / "new.yaml"
    assert record_baselines(nowhere, cards, session) == [
        f"baselines of tiny: 1 entry not written: {nowhere}: No such file or directory"
    ]


def test_a_scorecard_that_was_broken_meanwhile_is_set_aside(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.update_scorecard("tiny", ONE, lambda before: {"speed": 1})
    path = store.directory / "tiny" / ONE / "scorecard.json"
    path.write_text('{"speed": ')
    store.update_scorecard("tiny", ONE, lambda before: {**(before or {}), "power": 2})
    assert read_json(path) == {"power": 2}
    assert (path.parent / "scorecard.json.broken").read_text() == '{"speed": '


def test_a_table_leaves_out_what_somebody_has_edited_and_says_so(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "def pytest_sixdim_scorecard(scorecard):\n"
        "    for name, text in (('a', '[]'), ('b', '{'), ('c', '{\"schema\": 1, \"case\": 7}'), ('d', '[' * 100000)):\n"
        "        path = Path('results/latest/other') / name / 'scorecard.json'\n"
        "        path.parent.mkdir(parents=True, exist_ok=True)\n"
        "        path.write_text(text)\n"
    )
    result = bench.run("-k", "accuracy")
    text = result.stdout.str()
    assert result.ret == 0
    assert "INTERNALERROR" not in text
    assert text.count("scorecard.json: can't be read") == 3
    assert "(7) can't be shown" in text
    result.stdout.fnmatch_lines(["*six dimensions*", "*98.00*", "results: *report.html*"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("result.json", ""),
        ("result.json", "[]"),
        ("result.json", '{"status": "completed"}'),
        ("result.json", '{"status": "fine", "ended_by": "program"}'),
        ("result.json", '{"status": "completed", "ended_by": "program", "sampler": 3}'),
        ("result.json", "[" * 100000),
        ("order.json", '{"role": "full"}'),
        ("order.json", "\x00"),
    ],
)
def test_a_run_that_is_broken_on_disk_is_named_and_not_judged(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "order.json").write_text(
        '{"role": "full", "nodes": 1, "cards": 1, "configuration": "x", "index": 1, "seed": 1}'
    )
    (tmp_path / "result.json").write_text('{"status": "completed", "ended_by": "program"}')
    assert read_run(tmp_path).result.finished
    (tmp_path / name).write_text(text)
    with pytest.raises(StoreError, match=f"{name}: "):
        read_run(tmp_path)


def test_readings_of_any_shape_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    head = '{"cards": [{"index": 0, "id": "c", "name": "card"}], "sources": {}, "unavailable": {}}\n'
    good = '{"t": 1.0, "power": [10.0]}\n'
    bad = [
        '{"t": "x", "power": [1.0]}',
        '{"t": 2.0, "power": 3}',
        '{"t": 2.0, "power": [1.0, 2.0]}',
        '{"power": [1.0]}',
    ]
    path.write_text(head + good + "".join(f"{line}\n" for line in bad) + '{"t": 3.0, "power": [12')
    assert [series.values for series in read_samples(path).series["power"]] == [(10.0,)]
    path.write_text('{"cards": [{"nothing": 0}]}\n' + good)
    assert "samples.jsonl: broken" in read_samples(path).unavailable["power"]


def test_a_run_whose_result_was_broken_meanwhile_fails_what_needs_it(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "conftest.py").write_text(
        "def pytest_sixdim_run_started(run):\n"
        "    if run.key.index == 2:\n"
        "        (run.directory / 'result.json').write_text('{')\n"
    )
    (bench.path / "cases" / "disk_faults.py").write_text("raise SystemExit(1)\n")
    result = bench.run("-k", "stability", "--sixdim-runs", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "Traceback" not in result.stdout.str()
