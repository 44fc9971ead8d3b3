"""Who holds what, where notes are stale, nonsense or hostile: only what flock says counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.processes import namespace
from pytest_sixdim.campaign.holders import HOST, Holder, Holding, card_lock, read_holder, who_holds
from pytest_sixdim.campaign.locks import take, write_note

NAMES = ["GPU-1", "GPU-1 ", "gpu-1", "0000:3b:00.0", "0000_3b_00.0", "core:0", "../../etc/passwd", "a" * 300, "", "卡"]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Any]:
    """Holds a lock with a note."""
    descriptors: list[int] = []

    def hold(path: Path, note: object) -> None:
        path.parent.mkdir(exist_ok=True)
        descriptor = take(path)
        assert descriptor is not None
        descriptors.append(descriptor)
        path.write_text(json.dumps(note))

    yield hold
    for descriptor in descriptors:
        os.close(descriptor)


def test_every_card_has_a_lock_of_its_own_in_the_directory(tmp_path: Path) -> None:
    paths = [card_lock(tmp_path, name) for name in NAMES]
    assert len({str(path).casefold() for path in paths}) == len(NAMES)
    for path in paths:
        assert path.parent == tmp_path
        os.close(take(path) or 0)


def test_notes_of_free_locks_are_nobodys(tmp_path: Path) -> None:
    descriptor = take(tmp_path / HOST)
    assert descriptor is not None
    write_note(descriptor, {"pid": 1, "run": "stale"})
    os.close(descriptor)
    card_lock(tmp_path, "x").write_text('{"pid": 1, "run": "stale"}')
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "000000000001.ticket").write_text('{"pid": 1, "run": "stale"}')
    assert who_holds(tmp_path) == Holding()


@pytest.mark.parametrize("note", [None, [], "x", 7, {}, {"run": 7, "pid": "x", "since_unix": "x", "cards": 9}])
def test_a_held_lock_with_nonsense_in_it_is_somebodys(note: object, tmp_path: Path, held: Any) -> None:
    held(card_lock(tmp_path, "core:3"), note)
    assert who_holds(tmp_path).holders == (Holder(None, None, None, ("core_3",)),)


def test_a_card_is_named_by_its_note_only_where_that_is_its_name(tmp_path: Path, held: Any) -> None:
    held(card_lock(tmp_path, "core:3"), {"card": "core:3", "run": "a", "pid": 5})
    held(card_lock(tmp_path, "core:4"), {"card": "core:5", "run": "a", "pid": 5})
    (holder,) = who_holds(tmp_path).holders
    assert holder.cards == ("core:3", "core_4")


def test_what_would_act_on_a_terminal_is_not_shown(tmp_path: Path, held: Any) -> None:
    held(tmp_path / HOST, {"run": "\x1b[2Jgone\r\n\u202e" + "x" * 10**4, "pid": os.getpid()})
    (holder,) = who_holds(tmp_path).holders
    assert holder.host
    assert holder.name.isprintable()
    assert len(holder.name) < 300


@pytest.mark.parametrize("since", [-1, 0, 1e300, float("inf"), float("nan"), True, "now", None, 2**80])
@pytest.mark.parametrize("process", [-1, 0, 2**40, 1.5, "1", None])
def test_numbers_that_are_none_are_unknown(since: object, process: object) -> None:
    holder = read_holder({"run": "", "pid": process, "since_unix": since})
    assert (holder.run, holder.process) == (None, None)
    assert holder.since_unix in (None, 1.0)


def test_files_that_are_no_tickets_are_passed_over(tmp_path: Path, held: Any) -> None:
    held(tmp_path / "queue" / "999999999999999.ticket", {"run": "x"})
    held(tmp_path / "queue" / "x.ticket", {"run": "x"})
    (tmp_path / "queue" / "000000000001.ticket").mkdir()
    held(tmp_path / "queue" / "000000000002.ticket", {"run": "waits", "pid": 1})
    assert [waiter.run for waiter in who_holds(tmp_path).waiting] == ["waits"]


def test_a_process_is_gone_only_where_its_number_is_one_of_this_container() -> None:
    note = {"run": "a", "pid": 2**22, "namespace": namespace()}
    assert read_holder(note).name == "run a of process 4194304 (which is gone; its agent ends the run)"
    assert read_holder({**note, "namespace": "another's"}).name == "run a of process 4194304"
    assert not read_holder({**note, "pid": os.getpid()}).gone


def test_a_holder_is_named_as_far_as_it_is_known() -> None:
    assert Holder(None, None, None).name == "another run"
    assert Holder("a", None, None, ("x", "y")).sentence == "run a has x, y"
