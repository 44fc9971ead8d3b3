"""Which tests xdist's controller gives to whom after workers died, without the workers."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("xdist")
from pytest_sixdim.plugin.scheduling import Answers, WholeFiles

TESTS = ["a.py::1", "a.py::2", "b.py::1", "c.py::1", "d.py::1", "e.py::1"]


class Worker:
    """What the scheduler wants of one: `given` are the tests that it was sent."""

    def __init__(self, name: str) -> None:
        self.gateway, self.id = self, name
        self.given: list[str] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [TESTS[index] for index in indices]

    def shutdown(self) -> None:
        self.shutting_down = True


class Controller:
    """A scheduler for `count` workers and what it hears of them."""

    def __init__(self, pytester: pytest.Pytester, count: int) -> None:
        self.answers = Answers()
        config = pytester.parseconfig("-n", str(count), "--tx", f"{count}*popen", "--dist", "loadfile")
        self.scheduler: Any = WholeFiles(config, None, self.answers)

    def ready(self, name: str) -> Worker:
        """A worker is there."""
        worker = Worker(name)
        self.scheduler.add_node(worker)
        return worker

    def collected(self, *workers: Worker) -> None:
        for worker in workers:
            self.scheduler.add_node_collection(worker, TESTS)
            if self.scheduler.collection_is_completed:
                self.scheduler.schedule()

    def done(self, worker: Worker, test: str) -> None:
        self.answers.pytest_runtest_logstart(test)
        self.scheduler.mark_test_complete(worker, TESTS.index(test))

    def dies(self, worker: Worker, within: str | None = None) -> str | None:
        if within is not None:
            self.answers.pytest_runtest_logstart(within)
        crashed: str | None = self.scheduler.remove_node(worker)
        return crashed


def test_a_new_worker_is_given_what_is_left_and_enough_to_begin(pytester: pytest.Pytester) -> None:
    controller = Controller(pytester, 1)
    first = controller.ready("gw0")
    controller.collected(first)
    for test in TESTS[:2]:
        controller.done(first, test)
    assert controller.dies(first, within="b.py::1") == "b.py::1"
    second = controller.ready("gw1")
    controller.collected(second)
    assert len(second.given) == 2
    assert set(second.given) < {"c.py::1", "d.py::1", "e.py::1"}


def test_workers_that_die_at_once_are_replaced_one_after_the_other(pytester: pytest.Pytester) -> None:
    controller = Controller(pytester, 2)
    workers = [controller.ready("gw0"), controller.ready("gw1")]
    controller.collected(*workers)
    assert [controller.dies(worker, worker.given[0]) for worker in workers] == ["a.py::1", "b.py::1"]
    third, fourth = controller.ready("gw2"), controller.ready("gw3")
    controller.collected(third)
    assert fourth.given == []
    controller.collected(fourth)
    left = controller.scheduler.workqueue
    assert sorted([*third.given, *fourth.given, *(test for unit in left.values() for test in unit)]) == [
        *("a.py::2", "c.py::1", "d.py::1", "e.py::1")
    ]
    assert min(len(third.given), len(fourth.given)) > 0


def test_a_worker_that_dies_before_all_have_collected_is_waited_for(pytester: pytest.Pytester) -> None:
    controller = Controller(pytester, 2)
    first, second = controller.ready("gw0"), controller.ready("gw1")
    controller.collected(first)
    assert controller.dies(first) is None
    third = controller.ready("gw2")
    controller.collected(second)
    assert second.given == []
    controller.collected(third)
    assert second.given
    assert third.given
