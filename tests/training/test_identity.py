"""Which cards the ranks trained on, as torch knows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim import training
from pytest_sixdim.training import place

from .conftest import events, settings
from .programs import TORCHRUN, launch, write

WHOLE = {"pci_domain_id": 0, "pci_bus_id": 0x3B, "pci_device_id": 0}


class Accelerator:
    """torch.cuda or its like, with two cards; `properties` by index."""

    def __init__(self, *properties: dict[str, Any]) -> None:
        self.properties = properties

    def device_count(self) -> int:
        return 2

    def get_device_properties(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(**self.properties[index])


class Uuid:
    """Torch has a class of its own for it."""

    def __str__(self) -> str:
        return "6b1f5a8e-0d2c-4f7a-9c3e-1a2b3c4d5e6f"


def test_a_card_is_described_by_name_uuid_and_pci_address() -> None:
    card = {"name": "NVIDIA H200", "uuid": Uuid(), **WHOLE}
    accelerator = Accelerator({"name": "another"}, card)
    assert place.described(accelerator, 3) == {
        "name": "NVIDIA H200",
        "uuid": "6b1f5a8e-0d2c-4f7a-9c3e-1a2b3c4d5e6f",
        "pci": "0000:3b:00.0",
    }


@pytest.mark.parametrize(
    ("properties", "known"),
    [
        ({"name": "MTT S5000"}, {"name": "MTT S5000"}),
        ({"name": "x", "pci_bus_id": 59}, {"name": "x"}),
        ({"name": "", "uuid": None}, {}),
        ({"name": "x", **WHOLE, "pci_bus_id": "0000:3b:00.0"}, {"name": "x"}),
    ],
)
def test_what_this_torch_does_not_know_is_left_out(properties: dict[str, Any], known: dict[str, str]) -> None:
    assert place.described(Accelerator(properties), 0) == known


def test_an_extension_that_cannot_say_does_not_stop_the_run() -> None:
    assert place.described(object(), 0) == {}


def test_one_rank_reports_its_card(
    told: Callable[..., Any], reported: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told()
    accelerator = Accelerator({"name": "a card", **WHOLE})
    monkeypatch.setattr(place.Place, "__init__", with_accelerator(accelerator))
    training.start()
    assert reported("start")[0].devices == [{"name": "a card", "pci": "0000:3b:00.0"}]


def with_accelerator(accelerator: Accelerator) -> Callable[..., None]:
    given = place.Place.__init__

    def init(self: place.Place, *arguments: Any) -> None:
        given(self, *arguments)
        self._accelerator = accelerator

    return init


def test_a_cpu_has_nothing_to_report(told: Callable[..., Any], reported: Callable[..., list[Any]]) -> None:
    told()
    training.start()
    assert reported("start")[0].devices is None


def test_every_ranks_card_is_reported_by_rank(tmp_path: Path) -> None:
    """Two real ranks under torchrun; their words differ in length, and one is not plain letters."""
    pytest.importorskip("torch")
    program = """
        import torch
        from pytest_sixdim import training
        from pytest_sixdim.training import place

        join = place.Place.join
        def joined(self, *arguments):
            join(self, *arguments)
            self._accelerator = type("Cards", (), {"synchronize": staticmethod(lambda: None)})
        place.Place.join = joined
        place.described = lambda accelerator, rank: {"name": ["a card", "\u6469\u5c14\u7ebf\u7a0b S5000 \\0"][rank]}
        training.start().finish()
    """
    result = launch([*TORCHRUN, "--nproc-per-node=2", write(tmp_path, program)], settings(), tmp_path)
    assert result.returncode == 0, result.stderr
    (start,) = [event for event in events(result.stdout) if event.kind == "start"]
    assert start.devices == [{"name": "a card"}, {"name": "摩尔线程 S5000 ␀"}]
