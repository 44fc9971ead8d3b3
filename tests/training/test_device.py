"""A device that is not there: a stand-in for torch and for a vendor's extension of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim import training


class Card:
    """torch.npu or its like, with two cards; counts how often somebody waits for it."""

    def __init__(self) -> None:
        self.waits = 0
        self.current: int | None = None

    def synchronize(self) -> None:
        self.waits += 1

    def device_count(self) -> int:
        return 2

    def set_device(self, index: int) -> None:
        self.current = index

    def max_memory_allocated(self) -> int:
        return 3 * 2**30

    def max_memory_reserved(self) -> int:
        return 4 * 2**30


@pytest.fixture
def card(alone: None, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card that torch knows as npu:<index> once torch_npu is imported."""
    torch: Any = ModuleType("torch")
    torch.__version__ = "2.9.0"
    torch.version = SimpleNamespace(cann="8.3", debug=False, __version__="2.9.0")
    torch.device = lambda kind, index=None: kind if index is None else f"{kind}:{index}"
    torch.get_num_threads = lambda: 7
    torch.manual_seed = lambda seed: None
    extension: Any = ModuleType("torch_npu")
    extension.__version__ = "2.9.0.post1"
    torch.npu = card = Card()
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch_npu", extension)
    return card


def test_a_torch_that_sees_no_card_is_said_in_words(
    card: Card, told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(device="npu", imports=["torch_npu"])
    monkeypatch.setattr(Card, "device_count", lambda self: 0)
    with pytest.raises(RuntimeError, match=r"torch 2\.9\.0 sees no device of kind npu"):
        training.start()


@pytest.fixture
def on_card(card: Card, told: Callable[..., Any]) -> Card:
    told(device="npu", imports=["torch_npu"], backend="hccl", precision="fp8")
    return card


def test_the_device_is_waited_for_at_borders_and_never_in_a_step(on_card: Card, train: Callable[..., None]) -> None:
    run = training.start()
    train(run, 4)
    assert on_card.waits == 2  # the two halves of warm-up
    train(run, 9, losses=range(9))
    assert on_card.waits == 2
    train(run, 1)
    assert on_card.waits == 3


def test_the_device_is_waited_for_at_both_edges_of_an_evaluation_and_of_a_pause(on_card: Card) -> None:
    run = training.start()
    with run.evaluation() as evaluation:
        assert on_card.waits == 1
        evaluation.value = 1.0
    assert on_card.waits == 2
    with run.pause():
        assert on_card.waits == 3
    assert on_card.waits == 4


@pytest.mark.parametrize(("local_rank", "index"), [("0", 0), ("1", 1), ("3", 1)])
def test_a_rank_takes_the_card_of_its_local_rank_among_those_it_sees(
    on_card: Card, monkeypatch: pytest.MonkeyPatch, local_rank: str, index: int
) -> None:
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert training.start().device == f"npu:{index}"
    assert on_card.current == index


def test_the_peaks_of_memory_are_reported_at_the_end(on_card: Card, reported: Callable[..., list[Any]]) -> None:
    training.start().finish()
    (memory,) = reported("memory")
    assert (memory.peak_allocated, memory.peak_reserved) == (3 * 2**30, 4 * 2**30)


def test_versions_name_torch_its_runtime_and_the_vendors_extension(
    on_card: Card, reported: Callable[..., list[Any]]
) -> None:
    training.start()
    versions = reported("start")[0].versions
    del versions["python"]
    assert versions == {"torch": "2.9.0", "num_threads": 7, "cann": "8.3", "torch_npu": "2.9.0.post1"}


@pytest.mark.parametrize(
    ("accelerator", "cuda", "device"),
    [(None, False, "cpu"), (None, True, "cuda:0"), ("npu", False, "npu:0"), ("", True, "cpu")],
    ids=["old torch, no card", "old torch, cuda", "torch knows", "torch knows of none"],
)
def test_by_hand_the_device_is_what_torch_finds(
    card: Card, monkeypatch: pytest.MonkeyPatch, accelerator: str | None, cuda: bool, device: str
) -> None:
    torch: Any = sys.modules["torch"]
    torch.cuda = card
    monkeypatch.setattr(Card, "is_available", lambda self: cuda, raising=False)
    if accelerator is not None:
        torch.accelerator = SimpleNamespace(
            is_available=lambda: bool(accelerator), current_accelerator=lambda: SimpleNamespace(type=accelerator)
        )
    assert training.start().device == device
