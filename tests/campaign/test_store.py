"""Results on disk: what is written comes back, and what is broken is told from what is missing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_sixdim.campaign.files import read_json, write_json
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.reading import read_events, read_run, read_samples
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.events import Segment, Start
from pytest_sixdim.core.facts_of_run import power_cap, read_facts
from pytest_sixdim.core.slowdown import read_slowdowns

HEAD = {"schema": 1, "monotonic": 10.0, "unix": 1.0, "boot_id": "b"}
ORDER = {"configuration": "cpu-fp32-bs1-1x1", "nodes": 1, "cards": 1, "role": "full", "index": 1, "seed": 1}
KEY = RunKey("tiny", "cpu-fp32-bs1-1x1", "full", 2)


def lines(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records))
    return path


def test_latest_points_to_the_newest_session(tmp_path: Path) -> None:
    first, second = Store.create(tmp_path), Store.create(tmp_path)
    assert first.directory != second.directory
    first.write_session({})
    assert (tmp_path / "latest").resolve() == first.directory.resolve(), "the second can't be resumed yet"
    second.write_session({})
    assert (tmp_path / "latest").resolve() == second.directory.resolve()


def test_a_results_directory_that_cannot_be_made_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"--sixdim-results .*file"):
        Store.create(tmp_path / "file")


def test_json_never_holds_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"value": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert read_json(tmp_path / "a.json") == {"value": 1.5}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # a worker of pytest-xdist has threads
def test_scorecards_of_several_processes_add_up(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    children = []
    for name in ("speed", "power", "memory"):
        pid = os.fork()
        if pid == 0:
            for _ in range(20):
                store.update_scorecard(
                    "tiny", "one", lambda before, name=name: {**(before or {}), name: (before or {}).get(name, 0) + 1}
                )
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert store.scorecards() == ([{"speed": 20, "power": 20, "memory": 20}], [])


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    directory = Store(tmp_path).run_directory(KEY)
    write_json(directory / "order.json", {**ORDER, "index": 2, "seed": 7})
    write_json(directory / "result.json", {"status": "completed", "ended_by": "program", "log_tail": ["bye"]})
    lines(
        directory / "node-0/events.jsonl",
        HEAD,
        {"event": "start", "t": 11.0, "seen": 11.1, "rank": 0, "role": "full", "world_size": 1, "data": "real"},
    )
    record = read_run(directory)
    assert (record.name, record.seed, record.result.finished, record.result.log_tail) == ("full-2", 7, True, ("bye",))
    assert record.events == (Start(t=11.0, seen=11.1, role="full", world_size=1, data="real"),)


def test_events_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    segment = {
        "event": "segment",
        "t": 12.0,
        "seen": 12.0,
        "rank": 0,
        "index": 1,
        "samples": 64,
        "seconds": 1.0,
        "steps": 1,
    }
    path = lines(
        tmp_path / "events.jsonl",
        HEAD,
        segment,
        {"event": "malformed", "seen": 1.0, "rank": 0},
        "[1]",
        '{"event": "segm',
    )
    assert read_events(path) == [Segment(t=12.0, seen=12.0, index=1, samples=64, seconds=1.0, steps=1)]
    assert read_events(tmp_path / "none.jsonl") == []


def test_samples_keep_missing_readings_missing(tmp_path: Path) -> None:
    head = {
        **HEAD,
        "cards": [{"index": i, "id": f"c{i}", "name": "card", "total_bytes": None} for i in (0, 1)],
        "sources": {
            "power": {"sampler": "fake", "method": "instant", "scope": "card", "wrap": None, "resolution": 0.1}
        },
        "unavailable": {"energy": "no counter"},
    }
    path = lines(
        tmp_path / "samples.jsonl",
        head,
        {"t": 1.0, "power": [10.0, None]},
        {"t": 1.5, "error": "late"},
        {"t": 1.6, "facts": [{"driver": "535"}, {}]},
        {"t": 2.0, "power": [11.0, 5.0]},
    )
    log = read_samples(path)
    assert [tuple(series.times) for series in log.series["power"]] == [(1.0, 2.0), (1.0, 2.0)]
    assert [series.values for series in log.series["power"]] == [(10.0, 11.0), (None, 5.0)]
    assert log.sources["power"].resolution == 0.1
    assert (log.unavailable, log.errors, len(log.cards)) == ({"energy": "no counter"}, ("late",), 2)
    assert log.facts == ((1.6, ({"driver": "535"}, {})),)


def test_readings_that_ended_early_make_no_figure_but_speak_against_one(tmp_path: Path) -> None:
    """Else a full disk would take a slowdown, a power cap and an error of a card away."""
    directory = Store(tmp_path).run_directory(KEY)
    write_json(directory / "order.json", {**ORDER, "index": 2})
    sampler = {"ended": "sampling ended early: samples.jsonl: No space left on device"}
    write_json(directory / "result.json", {"status": "completed", "ended_by": "program", "sampler": sampler})
    head = {
        **HEAD,
        "cards": [{"index": 0, "id": "c0", "name": "card"}],
        "sources": {"slowdown_thermal": {"sampler": "fake", "method": "counter"}},
        "unavailable": {"clock": "not offered"},
    }
    row = {"power": [10.0], "energy": [1.0], "memory": [1.0], "slowdown_thermal": [0.0]}
    facts = [{"power_limit_watts": 300.0, "power_default_watts": 700.0, "xids": [79]}]
    lines(
        directory / "node-0/samples.jsonl",
        head,
        {"t": 1.0, "facts": facts},
        {"t": 10.0, **row},
        {"t": 11.0, **row, "slowdown_thermal": [0.5]},
    )
    logs = read_run(directory).samples
    assert set(logs[0].series) == {"slowdown_thermal"}
    assert logs[0].unavailable == {"clock": "not offered"} | dict.fromkeys(
        ("energy", "power", "memory"), sampler["ended"]
    )
    assert read_slowdowns([(10.0, 11.0)], logs).suspect == ("thermal slowdown for 0.5 s, 50.0 % of the window",)
    assert power_cap(logs) == 300.0
    assert read_facts([(10.0, 11.0)], logs).suspect == ("card 0: the driver reported error 79",)


def test_a_missing_sample_file_is_an_empty_log(tmp_path: Path) -> None:
    assert read_samples(tmp_path / "none.jsonl").series == {}


def test_scorecards_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    for name in ("bs8-1x16", "bs64-1x1", "bs8-1x2"):
        store.update_scorecard("tiny", name, lambda before, name=name: {"configuration": name})
    assert [card["configuration"] for card in store.scorecards()[0]] == ["bs8-1x2", "bs8-1x16", "bs64-1x1"]


def test_a_broken_scorecard_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.update_scorecard("tiny", "one", lambda before: {"case": "tiny"})
    lines(store.directory / "tiny" / "two" / "scorecard.json", "{")
    cards, broken = store.scorecards()
    assert cards == [{"case": "tiny"}]
    assert len(broken) == 1
    assert "two/scorecard.json: can't be read" in broken[0]
