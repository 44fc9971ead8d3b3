"""Who holds this host's cards: all or nothing, in turn, and for as long as any of the holders lives."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.holders import Holding, who_holds
from pytest_sixdim.campaign.leases import Lease, lease
from pytest_sixdim.campaign.locks import lock_directory
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.samplers import Device
from tests.campaign.leasing import POOL

PROGRAM = Path(__file__).with_name("leasing.py")
PATIENCE = 60.0


def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


class Leaser:
    """A thread that takes a lease and keeps it until it is told to let go."""

    def __init__(
        self,
        run: str,
        count: int = 1,
        *,
        share: bool = True,
        pool: tuple[Device, ...] = POOL,
        session: str | None = None,
    ) -> None:
        """session: its name; None: it is the only run of its session."""
        self.run, self.session, self.told, self.held = run, session, list[str](), list[Lease]()
        self._go = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(count, share, pool), daemon=True)
        self._thread.start()

    def _hold(self, count: int, share: bool, pool: tuple[Device, ...]) -> None:
        run = Path(self.run if self.session is None else self.session, "case", "one", self.run)
        with lease(run, self.run, pool, count, share=share, waiting=self.told.append) as held:
            self.held.append(held)
            self._go.wait(PATIENCE)

    @property
    def cards(self) -> list[str] | None:
        """The cards that it has; None while it waits."""
        return [device.id for device in self.held[0].devices] if self.held else None

    def has(self) -> list[str]:
        """The cards, once it has them."""
        until(lambda: self.held)
        assert self.cards is not None
        return self.cards

    def waits(self) -> Leaser:
        """Itself, once it has been told for what."""
        until(lambda: self.told)
        assert not self.held
        return self

    def end(self) -> None:
        self._go.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts leasing.py."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: str) -> subprocess.Popen[str]:
        started.append(subprocess.Popen([sys.executable, str(PROGRAM), *args], stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def named(run: str) -> str:
    return f"run {run} of process {os.getpid()}"


def test_without_sharing_a_run_has_the_host_and_always_the_first_cards() -> None:
    first = Leaser("first", 2, share=False)
    assert first.has() == ["card:0", "card:1"]
    second = Leaser("second", 1, share=False).waits()
    assert second.told == [f"the host: {named('first')} has it"]
    first.end()
    assert second.has() == ["card:0"]
    second.end()
    assert who_holds().holders == ()


def test_runs_that_share_have_different_cards_the_lowest_that_are_free() -> None:
    runs = [Leaser("a", 2), Leaser("b", 1), Leaser("c", 2)]
    cards = [run.has() for run in runs]
    assert sorted(card for some in cards for card in some) == [f"card:{number}" for number in range(5)]
    runs[0].end()
    late = Leaser("d", 3)
    assert len({*late.has(), *cards[1], *cards[2]}) == 6
    for run in (*runs[1:], late):
        run.end()


def test_where_the_cards_differ_only_the_first_count() -> None:
    pool = (Device(0, "x", "One"), Device(1, "y", "Other"))
    first = Leaser("first", pool=pool)
    assert first.has() == ["x"]
    second = Leaser("second", pool=pool).waits()
    assert second.told == [f"1 of 2 cards: {named('first')} has x"]
    first.end()
    assert second.has() == ["x"]
    second.end()


def test_a_run_that_shares_waits_for_one_that_does_not_and_the_other_way_round() -> None:
    alone = Leaser("alone", share=False)
    alone.has()
    sharing = Leaser("sharing").waits()
    alone.end()
    sharing.has()
    again = Leaser("again", share=False).waits()
    assert again.told == [f"the host: {named('sharing')} has card:0"]
    sharing.end()
    again.has()
    again.end()


def test_nobody_overtakes_a_run_that_waits_for_all_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sixdim.campaign.leases.QUIET", 0.0)
    first, other = Leaser("first"), Leaser("other")
    first.has()
    other.has()
    eight = Leaser("eight", 8).waits()
    one = Leaser("one").waits()  # six cards are free
    assert one.told[0].startswith(f"its turn: {named('eight')} came before; ")
    first.end()
    until(lambda: len(eight.told) == 2)
    assert (one.cards, eight.cards) == (None, None)
    other.end()
    assert len(eight.has()) == 8
    assert one.cards is None
    eight.end()
    one.has()
    one.end()


@pytest.mark.parametrize(("quiet", "told"), [(0.0, 2), (PATIENCE, 1)])
def test_who_waits_is_told_of_a_change_now_and_then(quiet: float, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sixdim.campaign.leases.QUIET", quiet)
    runs = {name: Leaser(name, 4) for name in ("a", "b")}
    cards = {name: ", ".join(run.has()) for name, run in runs.items()}
    eight = Leaser("eight", 8).waits()
    runs["a"].end()
    until(lambda: len(eight.told) == told)
    runs["b"].end()
    eight.has()
    a, b = (f"{named(name)} has {cards[name]}" for name in cards)
    assert eight.told[0] in (f"8 of 8 cards: {a}; {b}", f"8 of 8 cards: {b}; {a}")
    assert eight.told[1:] == [f"8 of 8 cards: {b}"][: told - 1]
    eight.end()


def test_of_runs_of_the_same_session_nothing_is_told() -> None:
    runs = [Leaser("first", share=False, session="ours")]
    runs[0].has()
    for count, name in enumerate(("second", "third"), 1):
        runs.append(Leaser(name, share=False, session="ours"))
        until(lambda count=count: len(who_holds().waiting) == count)  # type: ignore[misc]
    fourth = Leaser("fourth", share=False, session="theirs").waits()
    assert fourth.told == [f"its turn: {named('second')} and 1 other came before; {named('first')} has it"]
    fifth = Leaser("fifth", share=False, session="ours").waits()
    assert fifth.told == [f"its turn: {named('fourth')} came before"]
    runs += [fourth, fifth]
    for run in runs:
        run.has()
        run.end()
    assert [run.told for run in runs[:3]] == [[], [], []]


def test_a_ticket_is_drawn_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def looked_at(path: Any, *args: Any) -> int:
        descriptor = opened(path, *args)
        if str(path).endswith(".ticket") and not looks:
            looks.append(opened(path, os.O_RDONLY))
            fcntl.flock(looks[0], fcntl.LOCK_SH)
            threading.Timer(0.2, os.close, looks).start()
        return descriptor

    looks: list[int] = []
    monkeypatch.setattr(os, "open", looked_at)
    run = Leaser("first")
    assert run.has() == ["card:0"]
    run.end()


def test_who_waits_keeps_no_card_meanwhile() -> None:
    first = Leaser("first")
    first.has()
    Leaser("eight", 8).waits()
    assert [holder.cards for holder in who_holds().holders] == [("card:0",)]
    first.end()


def test_who_has_what_and_who_waits_can_be_read_in_their_turn() -> None:
    first = Leaser("first", 2, share=False)
    first.has()
    waiting = []
    for name in ("second", "third"):
        waiting.append(Leaser(name, share=False).waits())
    now = who_holds()
    (holder,) = now.holders
    assert (holder.run, holder.process, holder.cards, holder.host) == ("first", os.getpid(), ("card:0", "card:1"), True)
    assert abs((holder.since_unix or 0) - time.time()) < PATIENCE
    assert [waiter.run for waiter in now.waiting] == ["second", "third"]
    assert [entry["run"] for entry in now.to_json()["waiting"]] == ["second", "third"]
    for run in (first, *waiting):
        run.end()
    assert who_holds().waiting == ()


def test_two_that_ask_for_the_same_run_wait_for_one_another() -> None:
    first = Leaser("same")
    first.has()
    second = Leaser("same").waits()
    assert second.told == [f"run same: {named('same')} is at it"]
    assert who_holds().waiting == ()  # it stands in nobody's way
    other = Leaser("other")
    other.has()
    first.end()
    second.has()
    for run in (second, other):
        run.end()
    assert list(lock_directory().glob("run-*.lock")) == []


def test_a_pool_that_is_too_small_is_said() -> None:
    with (
        pytest.raises(SettingsError, match="run x needs 9 cards, 8 are there"),
        lease(Path("x"), "x", POOL, 9, share=True, waiting=lambda text: None),
    ):
        pass


def test_an_exception_in_the_run_returns_its_cards() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        lease(Path("x"), "x", POOL, 8, share=True, waiting=lambda text: None),
    ):
        _ = 1 / 0
    assert who_holds().holders == ()


def test_neighbours_are_noted_with_all_cards_that_they_had() -> None:
    mine = Leaser("mine", 2)
    assert mine.has() == ["card:0", "card:1"]
    mine.held[0].look()
    first = Leaser("first", 1)
    first.has()
    mine.held[0].look()
    first.end()
    second = Leaser("first", 2)  # the same run once more, on other cards
    second.has()
    waiting = Leaser("waiting", 8).waits()
    record = mine.held[0].record()
    assert [(other["run"], other["process"], other["cards"]) for other in record["neighbours"]] == [
        ("first", os.getpid(), ["card:2", "card:3"])
    ]
    assert (record["shared"], record["cards"], record["process"]) == (True, ["card:0", "card:1"], os.getpid())
    assert record["since_unix"] <= record["until_unix"]
    assert record["waited_seconds"] >= 0
    for run in (mine, second, waiting):
        run.end()


def test_a_run_that_has_the_host_has_no_neighbours() -> None:
    mine = Leaser("mine", share=False)
    mine.has()
    waiting = Leaser("waiting").waits()
    record = mine.held[0].record()
    assert (record["shared"], record["neighbours"]) == (False, [])
    mine.end()
    waiting.has()
    assert waiting.held[0].waited_seconds > 0
    waiting.end()


def test_eight_processes_never_have_a_card_twice(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    claims.mkdir()
    leasers = [start(f"run-{number}", "0", "rounds", "4", "claims", str(claims)) for number in range(8)]
    for process in leasers:
        assert process.communicate(timeout=120)[0] == "done\n"
    assert list(claims.iterdir()) == []
    assert who_holds() == Holding()
    assert list((lock_directory() / "queue").iterdir()) == []


def test_a_killed_holder_keeps_its_cards_while_its_agent_lives(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    holder = start("killed", "8", "child", str(tmp_path / "end"), "until", "never")
    assert line(holder) == "has " + " ".join(device.id for device in POOL)
    holder.kill()
    holder.wait()
    again = Leaser("killed", 1).waits()  # as the worker does that takes the killed one's place
    gone = f"run killed of process {holder.pid} (which is gone; its agent ends the run)"
    assert again.told == [f"run killed: {gone} is at it"]
    other = Leaser("other", 1).waits()
    (now,) = who_holds().holders
    assert other.told == [f"1 of 8 cards: {now.sentence}"]
    assert (now.name, now.cards) == (gone, tuple(device.id for device in POOL))
    (tmp_path / "end").touch()
    for run in (again, other):
        run.has()
        run.end()
    assert list(lock_directory().glob("run-*.lock")) == []


def test_who_is_killed_while_waiting_leaves_the_queue(start: Callable[..., subprocess.Popen[str]]) -> None:
    first = Leaser("first", share=False)
    first.has()
    head = start("head", "8")
    assert line(head) == f"waiting the host: {named('first')} has it"
    behind = start("behind", "8")
    assert line(behind) == f"waiting its turn: run head of process {head.pid} came before; {named('first')} has it"
    last = Leaser("last").waits()
    for process in (behind, head):
        process.kill()
        process.wait()
    until(lambda: [waiter.run for waiter in who_holds().waiting] == ["last"])
    first.end()
    assert last.has() == ["card:0"]
    last.end()
    assert len(list(lock_directory().glob("run-*.lock"))) == 2  # of the killed, until the next lease
    next_one = Leaser("next")
    next_one.has()
    assert len(list(lock_directory().glob("run-*.lock"))) == 1
    next_one.end()


def test_ctrl_c_ends_the_waiting_of_the_first_and_of_those_behind(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    first = Leaser("first", share=False)
    first.has()
    waiting = [start("head", "1"), start("behind", "1"), start("first", "1")]  # the last waits for the run itself
    for process in waiting:
        assert line(process).startswith("waiting ")
    for process in waiting:
        process.send_signal(signal.SIGINT)
    for process in waiting:
        assert process.wait(PATIENCE) != 0
    assert first.cards == ["card:0"]
    assert who_holds().waiting == ()
    first.end()


def test_a_lease_is_not_inherited_by_other_programs() -> None:
    with lease(Path("x"), "x", POOL, 2, share=True, waiting=lambda text: None) as held:
        listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False).stdout
        assert len(held.descriptors) == 4
        assert "sixdim" not in listing
