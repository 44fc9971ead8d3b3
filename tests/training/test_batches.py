"""Where batches come from: generated ones and stored ones, of numbers that say which they are."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")
from pytest_sixdim.training import batches  # noqa: E402
from pytest_sixdim.training.batches import Generated, Repeated, Stored  # noqa: E402


def place(rank: int = 0, world_size: int = 1, seed: int = 1) -> Any:
    return SimpleNamespace(rank=rank, world_size=world_size, seed=seed, device=torch.device("cpu"))


class Numbers(Generated):
    """Random numbers (B)."""

    name = "numbers-1"

    def made(self, count: int, generator: Any) -> Any:
        return torch.rand(count, generator=generator, dtype=torch.float64)


def numbers(rank: int = 0, world_size: int = 1, seed: int = 1) -> Numbers:
    return Numbers(place(rank, world_size, seed), batch_size=4, training_samples=40, evaluation_samples=120)


class Places(torch.utils.data.Dataset[Any]):
    """Each sample is its place; `drawn` samples have a random number beside."""

    def __init__(self, count: int, drawn: bool = False) -> None:
        self.count, self.drawn = count, drawn

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return (index, torch.rand(())) if self.drawn else index


def stored(rank: int = 0, world_size: int = 1, trained: int = 10, **options: Any) -> Stored:
    data = Places(trained), Places(7)
    return Stored(place(rank, world_size), *data, **{"batch_size": 2, "workers": 0, **options})


def all_of(parts: Any) -> list[Any]:
    return torch.cat(list(parts)).tolist()  # type: ignore[no-any-return]


def test_no_generated_batch_comes_twice() -> None:
    found = [all_of(numbers(rank, 2).training(epoch)) for rank in range(2) for epoch in range(3)]
    assert {len(part) for part in found} == {5 * 4}
    assert len({number for part in found for number in part}) == 2 * 3 * 20


def test_generated_batches_are_those_of_their_seed_and_epoch() -> None:
    again = all_of(numbers().training(2))
    assert all_of(numbers().training(2)) == again
    assert not set(all_of(numbers(seed=2).training(2))) & set(again)


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_the_same_is_evaluated_once_whatever_the_cards_and_the_seed(cards: int) -> None:
    found = [number for rank in range(cards) for number in all_of(numbers(rank, cards, seed=cards).evaluation())]
    assert sorted(found) == sorted(all_of(numbers().evaluation()))
    assert len(set(found)) == 120


def test_what_is_evaluated_is_never_trained_on() -> None:
    assert not set(all_of(numbers().evaluation())) & set(all_of(numbers().training(0)))


def test_an_epoch_without_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match="40 samples has no step of 11 cards with 4 each"):
        numbers(world_size=11)
    with pytest.raises(ValueError, match="10 samples to train on: no step of 6 cards with 2 each"):
        stored(world_size=6)


def test_ranks_share_stored_samples_and_evaluate_each_once() -> None:
    ranks = [stored(rank, 3) for rank in range(3)]
    assert {source.steps for source in ranks} == {1}
    trained = [place for source in ranks for place in all_of(source.training(0))]
    assert len(set(trained)) == 6
    assert sorted(place for source in ranks for place in all_of(source.evaluation())) == list(range(7))


def test_the_order_of_stored_samples_changes_with_the_epoch() -> None:
    source = stored(batch_size=10)
    first, second, again = (all_of(source.training(epoch)) for epoch in (0, 1, 0))
    assert first == again != second
    assert sorted(first) == list(range(10))


@pytest.mark.parametrize(("world_size", "count"), [(1, 10), (3, 10), (4, 16)])
def test_without_repeats_an_epoch_is_that_of_torchs_own_sampler(world_size: int, count: int) -> None:
    for rank in range(world_size):
        options = {"num_replicas": world_size, "rank": rank, "seed": 5, "drop_last": True}
        own = torch.utils.data.distributed.DistributedSampler(Places(count), **options)
        assert list(Repeated(Places(count), repeats=1, **options)) == list(own)


def test_repeated_samples_lie_beside_each_other_on_the_ranks() -> None:
    ranks = [all_of(stored(rank, 3, trained=30, repeats=3).training(0)) for rank in range(3)]
    assert ranks[0] == ranks[1] == ranks[2]
    assert len(set(ranks[0])) == len(ranks[0]) == 10


def test_a_repeated_epoch_is_as_long_and_has_other_samples_the_next_time() -> None:
    source = stored(trained=30, batch_size=5, repeats=3)
    first, second = (all_of(source.training(epoch)) for epoch in (0, 1))
    assert len(first) == len(second) == 30
    assert len(set(first)) == len(set(second)) == 10
    assert set(first) != set(second)


class Noted(Places):
    """Writes down which sample is read."""

    def __init__(self, count: int, path: Path) -> None:
        super().__init__(count)
        self.path = path

    def __getitem__(self, index: int) -> Any:
        with self.path.open("a") as file:
            file.write(f"{index}\n")
        return index


def test_workers_begin_the_next_epoch_while_this_one_is_evaluated(tmp_path: Path) -> None:
    def read() -> list[int]:
        return [int(line) for line in (tmp_path / "read").read_text().split()]

    source = Stored(place(), Noted(6, tmp_path / "read"), Places(2), batch_size=2, workers=1)
    first = all_of(source.training(0))
    ends = time.monotonic() + 60
    while len(read()) < 10 and time.monotonic() < ends:  # two batches ahead
        time.sleep(0.01)
    begun = read()[6:]
    second = all_of(source.training(1))
    assert second[:4] == begun[:4]
    assert read()[:12] == first + second
    fresh = stored(trained=6)
    assert [all_of(fresh.training(epoch)) for epoch in (0, 1)] == [first, second]
    assert all_of(source.training(0)) == first  # and not the third, which the worker is at


def test_samples_may_come_in_an_order_of_their_own() -> None:
    class Backwards:
        """Every other sample from the last on; the epoch says from which."""

        def set_epoch(self, epoch: int) -> None:
            self.first = 9 - epoch

        def __iter__(self) -> Any:
            return iter(range(self.first, -1, -2))

        def __len__(self) -> int:
            return 5

    source = stored(sampler=Backwards())
    assert source.steps == 2
    assert [all_of(source.training(epoch)) for epoch in (0, 1)] == [[9, 7, 5, 3], [8, 6, 4, 2]]


def test_workers_of_ranks_change_samples_each_in_its_own_way() -> None:
    drawn = []
    for rank in range(2):
        source = Stored(place(rank, 2), Places(8, drawn=True), Places(2), batch_size=4, workers=1)
        drawn += next(iter(source.training(0)))[1].tolist()
    assert len(set(drawn)) == 8


class Pair(NamedTuple):
    first: Any
    second: Any


def test_all_tensors_of_a_batch_are_changed_and_nothing_else() -> None:
    batch = {"a": torch.ones(1), "b": (torch.ones(2), "name"), "c": [Pair(torch.ones(1), 3)]}
    changed = batches.changed(batch, lambda part: part + 1)
    assert changed["a"].tolist() == [2]
    assert changed["b"][0].tolist() == [2, 2]
    assert changed["b"][1] == "name"
    assert changed["c"] == [Pair(torch.tensor([2.0]), 3)]


def test_batches_are_copied_on_a_stream_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's meta device stands in for a card; it has no streams."""
    done: list[Any] = []

    class Stream:
        def __enter__(self) -> None:
            done.append("copy")

        def __exit__(self, *_: object) -> None:
            pass

        def wait_stream(self, stream: Stream) -> None:
            done.append("wait")

    streams = SimpleNamespace(Stream=Stream, stream=lambda stream: stream, current_stream=Stream)
    monkeypatch.setattr(torch, "meta", streams, raising=False)
    monkeypatch.setattr(batches, "used_on", lambda part, stream: done.append("used"))
    for batch in batches.ahead([torch.ones(2), torch.ones(3)], torch.device("meta")):
        done.append((batch.device.type, len(batch)))
    assert done == ["copy", "wait", "used", ("meta", 2), "copy", "wait", "used", ("meta", 3), "copy"]
