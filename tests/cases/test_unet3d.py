"""The 3D U-Net case: its model, its generated volumes, its metric, and its training on one rank and on two."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, needs, run_on

torch = pytest.importorskip("torch")
needs("monai")

FOLDER = "volume_segmentation"
SMALL = ["--filters", "2", "2", "2", "--size", "32", "--volume-size", "48", "--batch-size", "2", "--workers", "0"]
GENERATED = [*SMALL, "--epoch-samples", "40", "--evaluation-samples", "3", "--epochs", "1"]


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = ("train", "models", "generated_volumes", "kits_volumes")
    with imported(FOLDER, *names) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / FOLDER / "unet3d.case.yaml", list(builtin_vendors()))


@pytest.fixture(scope="module")
def generated(modules: SimpleNamespace) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        options = {"edge": 32, "window": 32, "batch_size": 2, "training_samples": 12, "evaluation_samples": 5}
        return modules.generated_volumes.GeneratedVolumes(alone(rank, world_size, seed), **{**options, **changes})

    return make


def network(modules: SimpleNamespace, *filters: int) -> Any:
    arguments = SimpleNamespace(filters=filters or modules.models.FILTERS)
    return modules.models.MODELS["unet3d"](arguments)


def test_the_model_is_the_published_one(modules: SimpleNamespace) -> None:
    with torch.device("meta"):
        model = network(modules)
    assert sum(parameter.numel() for parameter in model.parameters()) == 31_190_243
    assert not any("LeakyReLU" in type(layer).__name__ for layer in model.modules())


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(modules: SimpleNamespace, case: Case) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, volume = network(modules), torch.empty(1, 1, 128, 128, 128)
    with FlopCounterMode(display=False) as counter:
        scores = model(volume)
    assert scores.shape == (1, 3, 128, 128, 128)
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_generated_volumes_are_never_the_same_twice(generated: Any) -> None:
    batches = [volumes for rank in range(2) for epoch in range(2) for volumes, _ in generated(rank, 2).training(epoch)]
    volumes = torch.cat(batches).flatten(1)
    assert len(volumes) == 2 * 2 * 3 * 2
    assert len(volumes.unique(dim=0)) == len(volumes)


def test_generated_volumes_are_those_of_their_seed(generated: Any) -> None:
    (first, labels), (again, labels_again) = next(generated().training(3)), next(generated().training(3))
    assert torch.equal(first, again)
    assert torch.equal(labels, labels_again)
    assert not torch.equal(first, next(generated(seed=2).training(3))[0])


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_each_generated_volume_is_evaluated_once_whatever_the_cards(generated: Any, cards: int) -> None:
    parts = [volumes for rank in range(cards) for volumes, _ in generated(rank, cards, seed=cards).evaluation()]
    volumes = torch.cat(parts).flatten(1).unique(dim=0)
    everything = torch.cat([part for part, _ in generated().evaluation()]).flatten(1).unique(dim=0)
    assert len(volumes) == 5
    assert torch.equal(volumes, everything)


def test_whoever_averages_cells_is_never_wrong(generated: Any) -> None:
    """The ceiling is 1, in small volumes as in large ones."""
    for edge in (32, 48):
        for volumes, labels in generated(edge=edge, evaluation_samples=20).evaluation():
            cells = torch.nn.functional.avg_pool3d(volumes, 4)
            told_apart = (cells > 1.5).byte() + 2 * (cells < -1.5).byte()
            assert torch.equal(told_apart, labels[:, :, ::4, ::4, ::4])
            assert torch.equal(labels.repeat_interleave(4, 2)[:, :, ::4], labels)
            assert labels.unique().tolist() == [0, 1, 2]


def test_whoever_looks_at_voxels_alone_is_often_wrong(generated: Any, modules: SimpleNamespace) -> None:
    volumes, labels = next(iter(generated(batch_size=8, training_samples=8).training(0)))
    told_apart = (volumes > 1.5).byte() + 2 * (volumes < -1.5).byte()
    assert 0.85 < (told_apart == labels).float().mean() < 0.9
    assert (labels == 0).float().mean() < 0.9


@pytest.mark.parametrize(("edge", "window"), [(34, 32), (32, 48), (28, 28)])
def test_sizes_that_cannot_be_made_are_refused(generated: Any, edge: int, window: int) -> None:
    with pytest.raises(ValueError, match=f"an edge of {edge} and a window of {window} are not possible"):
        generated(edge=edge, window=window)


def test_sizes_that_the_network_cannot_halve_are_refused(
    modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--size", "48"])
    with pytest.raises(SystemExit):
        modules.train.arguments()
    assert "--size 48: 6 levels need a multiple of 32, and more than one" in capsys.readouterr().err


def scored(train: ModuleType, found: Any, labels: Any) -> tuple[float, int]:
    """The metric of a network that gives these answers (N x D x H x W) for these labels, in one window each."""
    volumes = [(index, label[None, None]) for index, label in enumerate(labels)]
    answers = torch.nn.functional.one_hot(found.long(), 3).movedim(-1, 1).float()
    source: Any = SimpleNamespace(evaluation=lambda: volumes)
    inferer: Any = lambda index, _: answers[index : index + 1]  # noqa: E731
    value, samples = train.evaluate(torch.nn.Identity(), source, alone(), inferer)
    return value, samples


def test_mean_dice_is_that_of_kidney_and_tumour_in_each_volume(modules: SimpleNamespace) -> None:
    """By hand: 2 x common / (found + labelled); the background does not count."""
    labels, found = torch.zeros(2, 2, 2, 2).byte(), torch.zeros(2, 2, 2, 2).byte()
    labels[0].view(-1)[:4], found[0].view(-1)[:2] = 1, 1  # kidney: 2 x 2 / (2 + 4) = 2/3
    labels[0].view(-1)[4:6], found[0].view(-1)[5:8] = 2, 2  # tumour: 2 x 1 / (3 + 2) = 0.4
    labels[1].view(-1)[:3], found[1].view(-1)[:3] = 1, 1  # kidney: 1; tumour: neither there nor found: 1
    value, samples = scored(modules.train, found, labels)
    assert samples == 2
    assert value == pytest.approx(((2 / 3 + 0.4) / 2 + 1) / 2)
    assert scored(modules.train, labels, labels) == (1.0, 2)
    found[1].view(-1)[7] = 2  # a tumour that is not there: 0 in its place
    assert scored(modules.train, found, labels)[0] == pytest.approx(((2 / 3 + 0.4) / 2 + 0.5) / 2)


def test_a_network_learns_what_is_generated(
    modules: SimpleNamespace, generated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the program: its loss falls in a few steps, and a broken one's does not."""
    assert learned(modules, monkeypatch, 16.0, steps=14) < 0.7
    assert learned(modules, monkeypatch, 0.0, steps=4) > 0.9


def learned(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, rate: float, steps: int) -> float:
    """The loss after some steps of the program, as a share of the first."""
    losses: list[float] = []

    def train(run: Any, source: Any, *, loss: Any, optimizer: Any, **_: Any) -> None:
        for batch in source.training(0):
            optimizer.zero_grad()
            value = loss(batch)
            value.backward()
            optimizer.step()
            losses.append(value.item())

    arguments = ["--filters", "4", "8", "8", *SMALL[4:], "--epoch-samples", str(2 * steps), "--lr", str(rate)]
    torch.manual_seed(1)
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    monkeypatch.setattr(modules.train.loop, "begin", lambda *_, **__: alone())
    monkeypatch.setattr(modules.train.loop, "train", train)
    modules.train.main()
    return sum(losses[-2:]) / sum(losses[:2])


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, FOLDER, GENERATED, tmp_path_factory.mktemp("unet3d"))


def test_two_ranks_evaluate_what_one_does_and_end_with_the_same_weights(
    modules: SimpleNamespace, generated: Any, ended: Ended
) -> None:
    first, second = ended.ranks
    torch.manual_seed(1)  # as the run does before the network is made
    model = network(modules, 2, 2, 2).eval()
    inferer = modules.train.SlidingWindowInferer(32, overlap=0.5, mode="gaussian")
    volumes = generated(edge=48, evaluation_samples=3)
    with torch.no_grad():
        value, samples = modules.train.evaluate(model, volumes, alone(), inferer)
    assert first["samples"] == second["samples"] == samples == 3
    assert [first["value"], second["value"]] == pytest.approx([value, value], abs=1e-4)
    assert value > 0.01
    assert first["weights"] == second["weights"]


def test_the_program_evaluates_as_often_as_the_case_says(case: Case, ended: Ended) -> None:
    """An epoch is twenty passes over the cases, of which the program counts one."""
    assert [ended.event("evaluation").epoch, case.metric.every] == [1, "1 epoch"]


def test_the_run_says_what_it_is(ended: Ended) -> None:
    start = ended.event("start")
    assert (start.data, start.generator) == ("generated", "organs-1")
    assert start.versions["monai"]
    assert ended.event("evaluation").samples == 3
    assert ended.event("segment").samples == 4
