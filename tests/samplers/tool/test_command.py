"""The command sampler as the agent uses it: what it hands over when, and how little a broken tool can do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.instruments import Instruments
from pytest_sixdim.agent.order import Plugin
from pytest_sixdim.samplers import SAMPLERS, Card, Device, Node, SamplerUnavailable

QUERY: dict[str, Any] = {
    "command": ["acme-smi", "--csv"],
    "format": "csv",
    "fields": {"index": "index", "uuid": "uuid", "power": "power", "memory": "used", "memory_total": "total"},
}
HEAD = "index, uuid, power [W], used [MiB], total [MiB]"
TWO = f"{HEAD}\n0, a, 50.5 W, 100, 1000\n1, b, 60.5 W, 200, 1000\n"
CARDS = [Card(0, "", uuid="a"), Card(1, "", uuid="b")]
CHANNELS = ("power", "memory")


def eventually(condition: Callable[[], Any]) -> Any:
    """What `condition` returns once it is true."""
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)
    return found


def running(pid_file: Path) -> bool:
    """Whether the process that wrote its number there is still at work."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def next_power(sampler: Any) -> list[float | None]:
    """The next answer that is handed over."""
    return eventually(lambda: sampler.read(CHANNELS)).get("power")


def test_every_answer_is_handed_over_once_for_each_channel(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY])
    assert set(sampler.open(node(CARDS), CHANNELS)) == {"power", "memory"}
    assert sampler.read(["power"]) == {"power": [50.5, 60.5]}
    assert sampler.read(["power"]) == {}
    assert sampler.read(["memory", "power"]) == {"memory": [100 * 2**20, 200 * 2**20]}
    assert len(tools.called()) == 1


def test_tool_is_asked_again_and_the_newest_answer_counts(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01)
    sampler.open(node(CARDS), CHANNELS)
    tools.prints("acme-smi", TWO.replace("50.5", "70"))
    eventually(lambda: next_power(sampler) == [70.0, 60.5])
    assert [fact["memory_used_bytes"] for fact in sampler.facts()] == [100 * 2**20, 200 * 2**20]


def test_a_reading_that_cannot_be_is_missing_also_midway(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01)
    sampler.open(node(CARDS), CHANNELS)
    tools.prints("acme-smi", TWO.replace("50.5", "65535").replace("200", "2000"))
    eventually(lambda: sampler.read(CHANNELS) == {"power": [None, 60.5], "memory": [100 * 2**20, None]})


def test_memory_as_a_share_that_is_not_printed_any_more_is_missing_and_not_the_first_answers(
    tools: Any, command: Any, node: Any
) -> None:
    fields = {"index": "index", "uuid": "uuid", "memory_share": "share", "memory_total": "total"}
    printed = "index, uuid, share [%], total [MiB]\n0, a, 10, 1000\n1, b, 20, 1000\n"
    tools.prints("acme-smi", printed)
    sampler = command(alternatives=[{**QUERY, "fields": fields}], interval=0.01)
    sampler.open(node(CARDS), ("memory",))
    tools.prints("acme-smi", printed.replace("a, 10", "a, N/A").replace("b, 20", "b, 30"))
    eventually(lambda: sampler.read(("memory",)).get("memory") == [None, 300 * 2**20])


def test_readings_come_in_the_order_of_the_devices_and_by_uuid(tools: Any, command: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY])
    sampler.open(Node((Device(7, "b", "", uuid="b"), Device(9, "a", "", uuid="a")), Path("/nowhere")), CHANNELS)
    assert sampler.read(["power"]) == {"power": [60.5, 50.5]}


def test_card_that_the_tool_does_not_list_is_not_guessed(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    with pytest.raises(SamplerUnavailable, match="0 of 2 cards have uuid c"):
        command(alternatives=[QUERY]).open(node([Card(0, "", uuid="c")]), CHANNELS)


def test_card_that_disappears_is_none_and_the_other_goes_on(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01)
    sampler.open(node(CARDS), CHANNELS)
    tools.prints("acme-smi", f"{HEAD}\n0, b, 61 W, 200, 1000\n")  # and the other one is renumbered
    eventually(lambda: next_power(sampler) == [None, 61.0])
    assert sampler.facts()[0] == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 3", "acme-smi: exit code 3"),
        ("echo first; echo 'driver not loaded' >&2; exit 9", "acme-smi: exit code 9: driver not loaded"),
        ("kill -SEGV $$", "acme-smi: signal 11"),
        ("exit 0", "acme-smi: no card in what it prints"),
        ("echo 'Segmentation fault'", "acme-smi: no card in what it prints"),
        ("head -c 100000 /dev/urandom", "acme-smi: no card in what it prints"),
        ("head -c 100000 /dev/zero", "acme-smi: no card in what it prints"),
        (f"printf '{HEAD}\\n'", "acme-smi: no card in what it prints"),
        ("sleep 1000", "acme-smi: no answer within 0.5 s"),
        ("exec >&- 2>&-; sleep 1000", "acme-smi: no answer within 0.5 s"),
        ("yes 'endless'", "acme-smi: no answer within 0.5 s"),
    ],
)
def test_tool_that_does_not_answer_says_why(tools: Any, command: Any, body: str, reason: str) -> None:
    tools.script("acme-smi", body)
    timeout = 0.5 if reason.endswith("within 0.5 s") else 60
    with pytest.raises(SamplerUnavailable) as error:
        command(alternatives=[QUERY], timeout=timeout).cards()
    assert str(error.value) == reason


def test_tool_that_is_not_there_says_so(command: Any) -> None:
    with pytest.raises(SamplerUnavailable, match=r"^acme-smi is not on PATH$"):
        command(alternatives=[QUERY, {**QUERY, "command": ["acme-smi", "--json"]}]).cards()


def test_tool_that_cannot_be_run_says_so(tools: Any, command: Any) -> None:
    tools.script("acme-smi", "").write_text("#!/nowhere/interpreter\n")
    with pytest.raises(SamplerUnavailable, match=r"^acme-smi cannot be run: No such file or directory$"):
        command(alternatives=[QUERY]).cards()


def test_all_that_a_hanging_tool_started_is_ended_and_it_is_not_asked_in_another_way(
    tools: Any, command: Any, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    tools.script("acme-smi", f'sleep 1000 &\necho $! > "{pid}"\nwait')
    other = {**QUERY, "command": ["acme-smi", "--json"]}
    with pytest.raises(SamplerUnavailable):
        command(alternatives=[QUERY, other], timeout=5).cards()
    eventually(lambda: not running(pid))
    assert tools.called() == ["acme-smi --csv"]


def test_answer_counts_even_where_a_leftover_process_holds_the_output_open(
    tools: Any, command: Any, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    tools.script("acme-smi", f'sleep 1000 &\necho $! > "{pid}"\ncat <<"END"\n{TWO}END')
    assert len(command(alternatives=[QUERY], timeout=10).cards()) == 2
    eventually(lambda: not running(pid))


def test_output_is_bounded(tools: Any, command: Any) -> None:
    flood = "head -c 3000000 /dev/zero | tr '\\0' 'x'"
    tools.script("acme-smi", f'cat <<"END"\n{TWO}END\n{flood}\necho\necho "2, c, 1 W, 1, 1000"\n{flood} >&2')
    assert [card.uuid for card in command(alternatives=[QUERY]).cards()] == ["a", "b"]


def test_the_line_in_which_the_bound_falls_is_no_reading(tools: Any, command: Any) -> None:
    rows = 'awk \'BEGIN { printf "2, c, "; for (n = 0; n < 1100000; n++) printf "1" }\''
    tools.script("acme-smi", f'cat <<"END"\n{TWO}END\n{rows}')
    assert [card.uuid for card in command(alternatives=[QUERY]).cards()] == ["a", "b"]


def test_a_card_s_texts_are_visible_and_short(tools: Any, command: Any) -> None:
    tools.prints("acme-smi", TWO.replace("a,", "\x1b]0;owned\x07\u202e" + "a" * 500 + ",", 1))
    (name, *_) = (card.uuid for card in command(alternatives=[QUERY]).cards())
    assert name.isprintable()
    assert len(name) == 200


def test_readings_are_none_while_the_tool_is_gone_and_come_back_with_it(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01)
    sampler.open(node(CARDS), CHANNELS)
    tool = tools.bin / "acme-smi"
    tool.rename(tools.bin / "gone")
    eventually(lambda: next_power(sampler) == [None, None])
    assert eventually(sampler.complaints) == ["acme-smi is not on PATH"]
    assert sampler.complaints() == []
    (tools.bin / "gone").rename(tool)
    eventually(lambda: next_power(sampler) == [50.5, 60.5])
    assert set(sampler.summary()["errors"]) == {"acme-smi is not on PATH"}


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "head -c 1000 /dev/urandom", "sleep 1000", ":"])
def test_tool_that_breaks_midway_gives_none(tools: Any, command: Any, node: Any, body: str) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01, timeout=5)
    sampler.open(node(CARDS), CHANNELS)
    tools.script("acme-smi", body)
    eventually(lambda: next_power(sampler) == [None, None])
    assert sampler.complaints()


def test_reading_does_not_wait_for_a_tool_that_hangs(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01, timeout=1000)
    sampler.open(node(CARDS), CHANNELS)
    tools.script("acme-smi", "sleep 1000")
    while sampler.read(CHANNELS) or not Path(tools.calls).read_text().count("\n") > 1:
        time.sleep(0.01)
    assert sampler.read(CHANNELS) == {}


def test_closing_ends_a_call_in_progress(tools: Any, command: Any, node: Any, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    tools.prints("acme-smi", TWO)
    sampler = command(alternatives=[QUERY], interval=0.01, timeout=1000)
    sampler.open(node(CARDS), CHANNELS)
    tools.script("acme-smi", f'echo $$ > "{pid}.new"; mv "{pid}.new" "{pid}"; exec sleep 1000')
    eventually(pid.exists)
    sampler.close()
    eventually(lambda: not running(pid))


def test_tool_runs_in_an_empty_directory_without_input_and_leaves_nothing(
    tools: Any, command: Any, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    tools.script("acme-smi", f'pwd > "{seen}"; ls -A >> "{seen}"; cat >> "{seen}"; touch left\ncat <<"END"\n{TWO}END')
    command(alternatives=[QUERY]).cards()
    directory, *rest = seen.read_text().splitlines()
    assert rest == []
    assert not Path(directory).exists()
    assert directory != str(Path.cwd())


def test_environment_extends_what_is_there(
    tools: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("ACME_LIBRARIES", "/outer")
    monkeypatch.delenv("ACME_OTHER", raising=False)
    tools.script("acme-smi", f'echo "$ACME_LIBRARIES,$ACME_OTHER" > "{seen}"\ncat <<"END"\n{TWO}END')
    command(
        alternatives=[QUERY],
        environment={"ACME_LIBRARIES": "/opt/acme:{ACME_LIBRARIES}", "ACME_OTHER": "<{ACME_OTHER}>"},
    ).cards()
    assert seen.read_text() == "/opt/acme:/outer,<>\n"


def test_first_alternative_that_lists_a_card_is_used(tools: Any, command: Any, node: Any) -> None:
    tools.script(
        "acme-smi",
        f'case "$1" in --json) exit 2;; --old) echo "no such field";; --csv) cat <<"END"\n{TWO}END\n;; esac',
    )
    others = [{**QUERY, "command": ["acme-smi", argument]} for argument in ("--json", "--old")]
    sampler = command(alternatives=[*others, QUERY])
    sampler.open(node(list(sampler.cards())), CHANNELS)
    assert tools.called() == ["acme-smi --json", "acme-smi --old", "acme-smi --csv", "acme-smi --csv"]


def test_what_the_tool_cost_is_in_the_summary(tools: Any, command: Any, node: Any) -> None:
    busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    tools.script("acme-smi", f'{busy}\ncat <<"END"\n{TWO}END')
    sampler = command(alternatives=[QUERY], interval=0.01)
    sampler.open(node(CARDS), CHANNELS)
    tools.script("acme-smi", "exit 1")
    eventually(lambda: next_power(sampler) == [None, None])
    summary = sampler.summary()
    assert summary["tool"] == "acme-smi"
    assert summary["cpu_seconds"] > 0
    assert summary["calls"] >= 2
    assert 1 <= summary["failures"] < summary["calls"]
    assert 0 < summary["seconds_max"] <= summary["seconds"]
    assert set(summary["errors"]) == {"acme-smi: exit code 1"}


def test_process_that_adopts_orphans_keeps_none_of_a_tool(tools: Any, tmp_path: Path) -> None:
    program = """
import os
from pytest_sixdim.agent.processes import adopt_orphans
from pytest_sixdim.samplers.tool.process import Tool
adopt_orphans()
print(Tool({}, 60.0).run(["acme-smi"]).strip())
try:
    print(os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG))
except ChildProcessError:
    print("no child")
"""
    tools.script("acme-smi", "sleep 1000 >/dev/null 2>&1 &\nsleep 1000 >/dev/null 2>&1 &\necho answer")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.splitlines(), done.stderr) == (["answer", "no child"], "")


@pytest.mark.parametrize(
    ("row", "channel", "reason"),
    [
        ("0, a, 901 W, 100, 1000, 450 W, 30", "power", "implausible: card 0 draws 901 W under a cap of 450 W"),
        ("0, a, -1 W, 100, 1000, 450 W, 30", "power", "implausible: card 0 draws -1 W under a cap of 450 W"),
        ("0, a, 9000 W, 100, 1000, N/A, 30", "power", "implausible: card 0 draws 9000 W"),
        ("0, a, 90 W, 1001, 1000, N/A, 30", "memory", "implausible: card 0 uses 1049624576 of 1048576000 bytes"),
        ("0, a, 90 W, 100, 1000, N/A, 121", "temperature", "implausible: card 0 is 121 degC"),
        ("0, a, 90 W, 100, 1000, N/A, -21", "temperature", "implausible: card 0 is -21 degC"),
        ("0, a, 90, 100 MHz, 1000, N/A, 21", "memory", "'100 MHz' is no memory with a unit"),
    ],
)
def test_reading_that_cannot_be_costs_its_channel_only(
    tools: Any, command: Any, node: Any, row: str, channel: str, reason: str
) -> None:
    tools.prints("acme-smi", f"{HEAD}, cap, celsius [C]\n{row}\n")
    query = {**QUERY, "fields": {**QUERY["fields"], "power_limit": "cap", "temperature": "celsius"}}
    sampler = command(alternatives=[query])
    wanted = ("power", "memory", "temperature")
    assert set(sampler.open(node(CARDS[:1]), wanted)) == {*wanted} - {channel}
    assert sampler.missing() == {channel: f"acme-smi: {reason}"}


def test_zero_watts_is_a_reading_and_not_available_is_none(tools: Any, command: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO.replace("50.5 W", "0 W").replace("60.5 W", "[Not Supported]"))
    sampler = command(alternatives=[QUERY])
    sampler.open(node(CARDS), CHANNELS)
    assert sampler.read(["power"]) == {"power": [0.0, None]}


def test_agent_records_why_a_channel_is_not_there(tools: Any, node: Any) -> None:
    tools.prints("acme-smi", TWO.replace("50.5 W", "N/A").replace("60.5 W", "N/A"))
    instruments = Instruments()
    choice = Plugin("command", SAMPLERS["command"], {"alternatives": [QUERY]}, ("power", "memory"))
    instruments.open([choice], node(CARDS), {})
    try:
        assert set(instruments.sources) == {"memory"}
        assert instruments.unavailable["power"] == "command: acme-smi has no value for it"
        assert instruments.read(["memory"]) == ({"memory": [100 * 2**20, 200 * 2**20]}, [])
    finally:
        instruments.close()
