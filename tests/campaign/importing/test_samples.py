"""Monitors' logs into samples.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.monitors.samples import Around, MonitorRead, write_samples
from pytest_sixdim.campaign.importing.monitors.undated import undated
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor
from tests.campaign.importing.recorded import BEGAN, CHINA, every_five_seconds, monitor, stamp

MIB = 2**20
RUN = (BEGAN, BEGAN + 600.0)
#: DeepSpark six_dimension_howto.
WATTS = (161, 169, 161, 174, 163)
USED = (30671, 30670, 30671, 30671, 30670)


def around(vendor: str = "nvidia", cards: int = 8, **more: Any) -> Around:
    profile = load_vendor(builtin_vendors()[vendor])
    return Around(**{"profile": profile, "card": None, "cards": cards, "run": RUN, **more})


def samples(path: Path, where: Around, directory: Path) -> tuple[MonitorRead, dict[str, Any], list[dict[str, Any]]]:
    """What came of it, and the head and the lines of samples.jsonl."""
    read = write_samples(path, where, directory / "samples.jsonl")
    head, *lines = map(json.loads, (directory / "samples.jsonl").read_text().splitlines())
    return read, head, lines


def test_readings_are_put_on_the_clock_of_the_run(tmp_path: Path) -> None:
    path = monitor(tmp_path / "nvidia_monitor.log", every_five_seconds(RUN[0] - 100, RUN[1] + 50))
    read, head, lines = samples(path, around(), tmp_path)
    assert (read.readings, read.dropped, read.offset) == (150, 0, "+08:00")
    assert [line["t"] for line in lines[:2]] == [RUN[0] - 100, RUN[0] - 95]
    first = next(line for line in lines if line["t"] == BEGAN)
    assert first["memory"] == [(20000 + card) * MIB for card in range(8)]
    assert set(first["power"]) <= {300.0, 301.0, 302.0}
    assert [card["total_bytes"] for card in head["cards"]] == [40536 * MIB] * 8
    assert head["sources"]["power"] == {
        "sampler": "flagperf monitor",
        "method": "unstated",
        "scope": "card",
        "wrap": None,
        "resolution": None,
        "sensors": None,
    }
    assert head["unavailable"] == {}


def test_a_reading_that_lacks_a_card_is_dropped_and_no_card_gets_anothers(tmp_path: Path) -> None:
    readings = every_five_seconds(RUN[0] - 100, RUN[1] + 50)
    del readings[40][1][3]
    readings[41][1][:] = ["NVIDIA-SMI has failed"]
    read, _, lines = samples(monitor(tmp_path / "m.log", readings), around(), tmp_path)
    assert (read.readings, read.dropped) == (148, 2)
    assert not {readings[40][0], readings[41][0]} & {line["t"] for line in lines}
    assert {line["memory"][3] for line in lines if line["t"] >= BEGAN} == {20003 * MIB}
    assert any("2 readings of m.log lacked cards" in note for note in read.notes)


def test_a_clock_that_is_put_back_costs_its_readings_and_nothing_else(tmp_path: Path) -> None:
    readings = every_five_seconds(RUN[0] - 100, RUN[1] + 50)
    readings.insert(50, (readings[10][0], readings[10][1]))
    read, _, lines = samples(monitor(tmp_path / "m.log", readings), around(), tmp_path)
    assert (read.readings, read.dropped) == (150, 1)
    times = [line["t"] for line in lines]
    assert times == sorted(set(times))


@pytest.mark.parametrize("step", [-3600, 3600])
def test_after_summer_time_begins_or_ends_nothing_of_a_monitor_counts(tmp_path: Path, step: int) -> None:
    """What follows would be laid an hour beside its time."""
    readings = every_five_seconds(RUN[0] - 100, RUN[1] + 50)
    readings = [(t + (step if t > BEGAN + 300 else 0), lines) for t, lines in readings]
    read, _, lines = samples(monitor(tmp_path / "m.log", readings), around(offset=CHINA), tmp_path)
    assert max(line["t"] for line in lines) == BEGAN + 300
    assert (read.readings, read.dropped) == (81, 69)


def test_missing_values_are_null(tmp_path: Path) -> None:
    readings = every_five_seconds(RUN[0] - 100, RUN[1] + 50, cards=2)
    readings[60][1][1] = "31C N/A 20001MiB 40536MiB 97%"
    _, _, lines = samples(monitor(tmp_path / "m.log", readings), around(cards=2), tmp_path)
    assert lines[60]["power"][1] is None
    assert lines[60]["power"][0] is not None
    assert lines[60]["memory"][1] == 20001 * MIB


def test_what_no_card_ever_shows_is_unavailable(tmp_path: Path) -> None:
    lines_of_a_card = [
        "DCU  Temp  AvgPwr  Perf  PwrCap  VRAM%  DCU%  Mode",
        "0  53.0C  96.0W  auto  300.0W  61%  99%  Normal",
    ]
    readings = [(BEGAN - 100 + 5 * number, lines_of_a_card) for number in range(150)]
    read, head, lines = samples(monitor(tmp_path / "dcu_monitor.log", readings), around("hygon", 1), tmp_path)
    assert head["unavailable"] == {"memory": "dcu_monitor.log has no memory readings"}
    assert lines[0]["power"] == [96.0]
    assert read.readings == 150


def test_the_first_cards_are_the_runs_where_the_host_has_more(tmp_path: Path) -> None:
    path = monitor(tmp_path / "m.log", every_five_seconds(RUN[0] - 100, RUN[1] + 50))
    read, head, lines = samples(path, around(cards=2), tmp_path)
    assert len(head["cards"]) == len(lines[0]["power"]) == 2
    assert any("shows 8 cards, of which the first 2 counted" in note for note in read.notes)


def test_a_monitor_of_fewer_cards_gives_no_reading(tmp_path: Path) -> None:
    path = monitor(tmp_path / "m.log", every_five_seconds(RUN[0] - 100, RUN[1] + 50, cards=4))
    _, head, lines = samples(path, around(), tmp_path)
    assert lines == []
    assert head["unavailable"]["power"] == "m.log: it shows 4 cards, the configuration has 8"


def test_a_board_of_two_chips_has_one_meter(tmp_path: Path) -> None:
    """Of an Iluvatar BI-V150 only the second chip prints the board's watts."""
    chips = ["32C N/A 116MiB 32768MiB 0%", "30C 93W 116MiB 32768MiB 0%"]
    readings = [(BEGAN - 100 + 5 * number, chips * 2) for number in range(150)]
    path = monitor(tmp_path / "iluvatar_monitor.log", readings)
    _, head, lines = samples(path, around("iluvatar", 4, card="Iluvatar BI-V150"), tmp_path)
    assert lines[0]["power"] == [93.0] * 4
    assert (head["sources"]["power"]["scope"], head["sources"]["power"]["sensors"]) == ("module", [0, 0, 2, 2])
    read, head, _ = samples(path, around("iluvatar", 1, card="Iluvatar BI-V150"), tmp_path)
    assert "not all cards are leased" in read.unavailable["power"]
    assert "memory" not in read.unavailable


def test_a_log_without_times_of_day_can_be_laid_over_no_monitor(tmp_path: Path) -> None:
    path = monitor(tmp_path / "m.log", every_five_seconds(RUN[0] - 100, RUN[1] + 50))
    read, _, lines = samples(path, around(run=None), tmp_path)
    assert lines == []
    assert "no time of day" in read.unavailable["power"]


def test_an_offset_that_is_given_is_not_inferred(tmp_path: Path) -> None:
    readings = every_five_seconds(RUN[0] - 2 * 3600, RUN[1] + 600, cards=1)
    path = monitor(tmp_path / "m.log", readings)
    with pytest.raises(CannotImport, match=r"m\.log: it may be in local time of .*--utc-offset"):
        samples(path, around(cards=1), tmp_path)
    read, _, lines = samples(path, around(cards=1, offset=CHINA), tmp_path)
    assert (lines[0]["t"], len(lines)) == (RUN[0] - 3600, len(readings) - 720)
    assert not any("local time" in note for note in read.notes)


def test_a_monitor_without_any_card_names_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.log"
    path.write_text(f"{stamp(BEGAN)}\nnvidia-smi: not found\n\n{stamp(BEGAN + 5)}\nnvidia-smi: not found\n")
    with pytest.raises(CannotImport, match=r"m\.log: no reading has a card in it; looked for five words, seven words"):
        samples(path, around(), tmp_path)


def test_without_a_monitor_the_log_has_no_readings(tmp_path: Path) -> None:
    read = write_samples(None, around(), tmp_path / "samples.jsonl")
    assert read.unavailable == {"power": "the log has no power readings", "memory": "the log has no memory readings"}


def deepspark(path: Path) -> Path:
    """The lines that DeepSpark's method takes (verbatim but for the figures, which are those of its example)."""
    lines = [f"        Power Draw                              : {watts} W" for watts in WATTS]
    lines += [f"   Used                                    : {used}  MiB" for used in USED]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_deepsparks_example_gives_its_means_and_no_figure(tmp_path: Path) -> None:
    path = deepspark(tmp_path / "ixsmi.log")
    found = undated(path)
    assert found["power"] == {"mean": 165.6, "unit": "W", "readings": 5, "missing": 0, "file": "ixsmi.log"}
    assert (found["memory"]["mean"], found["memory"]["unit"]) == (30670.6, "MiB")
    read, _, lines = samples(path, around("iluvatar"), tmp_path)
    assert lines == []
    assert "5 readings without times" in read.unavailable["power"]
    assert "165.6 W" in read.unavailable["power"]
    assert "30670.6 MiB" in read.unavailable["memory"]


def test_of_a_whole_answer_of_the_tool_only_the_cards_own_memory_counts(tmp_path: Path) -> None:
    path = tmp_path / "ixsmi.log"
    path.write_text(
        "    FB Memory Usage\n        Total : 32768 MiB\n        Used : 30671 MiB\n"
        "    BAR1 Memory Usage\n        Total : 256 MiB\n        Used : 4 MiB\n"
        "    Power Readings\n        Power Draw : N/A\n        Power Draw : 161 W\n"
    )
    found = undated(path)
    assert (found["memory"]["mean"], found["memory"]["readings"]) == (30671.0, 1)
    assert (found["power"]["mean"], found["power"]["missing"]) == (161.0, 1)


def test_a_file_without_times_and_readings_is_no_monitors(tmp_path: Path) -> None:
    path = tmp_path / "m.log"
    path.write_text("hello\n")
    with pytest.raises(CannotImport, match=r"m\.log: no line with a time, as in .*, and no reading of power or memory"):
        samples(path, around(), tmp_path)
