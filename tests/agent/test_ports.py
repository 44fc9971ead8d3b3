"""Ports for ranks to meet at."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_sixdim.agent import ports
from pytest_sixdim.agent.order import OrderError
from pytest_sixdim.agent.ports import LeasedPort


def only(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    monkeypatch.setattr(ports, "_ports", lambda: list(numbers))


def listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def number_of_a_free_port() -> int:
    leased = LeasedPort()
    leased.close()
    return leased.number


def test_the_port_is_free_and_no_connection_of_the_kernels_choice_can_take_it() -> None:
    leased = LeasedPort()
    low, high = (int(text) for text in ports.EPHEMERAL.read_text().split())
    assert not low <= leased.number <= high
    with socket.socket() as server:
        server.bind(("127.0.0.1", leased.number))
    leased.close()


def test_a_port_that_somebody_listens_at_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    free = number_of_a_free_port()
    with listening() as server:
        only(monkeypatch, server.getsockname()[1], free)
        for _ in range(10):
            leased = LeasedPort()
            assert leased.number == free
            leased.close()


def test_a_leased_port_is_nobody_elses_until_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    number = number_of_a_free_port()
    only(monkeypatch, number)
    leased = LeasedPort()
    with pytest.raises(OrderError, match="no free port was found"):
        LeasedPort()
    leased.close()
    again = LeasedPort()
    assert again.number == number
    again.close()


def test_a_kernel_that_hides_its_range_leaves_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ports, "EPHEMERAL", tmp_path / "hidden")
    assert 10_000 in ports._ports()
    assert 40_000 not in ports._ports()


def test_a_range_of_everything_leaves_a_choice_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "EPHEMERAL", tmp_path / "range")
    assert len(ports._ports()) > 50_000
