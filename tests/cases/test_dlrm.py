"""The DLRM case: its model, its clicks made and read, its optimiser, its metric; two ranks: test_dlrm_ranks.py."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, alone, imported, needs

torch = pytest.importorskip("torch")
needs("sklearn")
np = pytest.importorskip("numpy")

FOLDER = "recommendation"
ROWS = [7, 3, 50, 11, 2]
SMALL = ["--narrower", "16", "--most-rows", "20", "--batch-size", "2", "--evaluation-samples", "2500", "--workers", "0"]


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = {"train": "train", "dlrm": "dlrm", "descent": "descent", "clicks": "generated_clicks", "criteo": "criteo"}
    with imported(FOLDER, *names.values()) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / FOLDER / "dlrm.case.yaml", list(builtin_vendors()))


def made(modules: Any, rows: list[int] = ROWS, count: int = 4, **changes: Any) -> Any:
    options = {"rows": rows, "batch_size": count, "training_samples": 10 * count, "evaluation_samples": 2500}
    return modules.clicks.GeneratedClicks(alone(**changes), **options)


def test_the_model_has_the_published_tables_and_layers(modules: Any) -> None:
    with torch.device("meta"):
        model = modules.dlrm.DLRM()
    assert sum(parameter.numel() for parameter in model.parameters()) == 260_429_377
    assert model.tables.vectors.weight.shape == (4_057_300, 64)
    widths = [layer.out_features for layer in model.networks.modules() if isinstance(layer, torch.nn.Linear)]
    assert widths == [512, 256, 64, 512, 512, 256, 1]


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(modules: Any, case: Case) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, numbers, categories = modules.dlrm.DLRM(), torch.empty(1, 13), torch.zeros(1, 26, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(numbers, categories)
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_every_pair_of_vectors_is_multiplied_once(modules: Any) -> None:
    networks = modules.dlrm.Networks(2, (4,), (1,))
    networks.bottom = torch.nn.Identity()
    networks.top = torch.nn.Identity()
    networks.forward(torch.ones(1, 4), torch.zeros(1, 2, 4))
    dense, looked_up = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[[2.0, 1, 0, 0], [3.0, 5, 0, 0]]])
    vectors = torch.cat([dense.unsqueeze(1), looked_up], 1)
    products = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1).index_select(1, networks.pairs)
    assert products.tolist() == [[2.0, 3.0, 11.0]]  # first with second, first with third, second with third


def test_tables_are_shared_out_by_size_and_none_is_lost(modules: Any) -> None:
    rows = [100, 10, 90, 20, 5, 5]
    owners = modules.dlrm.shared_out(rows, 3)
    assert owners == [0, 2, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="5 tables cannot be shared by 6 cards"):
        modules.dlrm.Tables(ROWS, 4, seed=1, world_size=6)


def test_a_table_begins_with_the_same_values_on_any_number_of_ranks(modules: Any) -> None:
    whole = modules.dlrm.Tables(ROWS, 4, seed=3).vectors.weight
    parts = [modules.dlrm.Tables(ROWS, 4, seed=3, rank=rank, world_size=2).vectors.weight for rank in range(2)]
    assert sum(len(part) for part in parts) == len(whole) == sum(ROWS)
    assert torch.equal(torch.cat(parts).sort(0).values, whole.sort(0).values)


def test_generated_clicks_are_never_the_same_twice_and_those_of_their_seed(modules: Any) -> None:
    batches = [
        batch
        for rank in range(2)
        for epoch in range(2)
        for batch in made(modules, rank=rank, world_size=2).training(epoch)
    ]
    numbers = torch.cat([numbers for numbers, _, _ in batches])
    assert len(numbers.unique(dim=0)) == len(numbers) == 2 * 2 * 5 * 4
    first, again, other = (next(made(modules, seed=seed).training(0)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("cards", [2, 3])
def test_each_click_is_evaluated_once_whatever_the_cards(modules: Any, cards: int) -> None:
    parts = [part for rank in range(cards) for part, *_ in made(modules, rank=rank, world_size=cards).evaluation()]
    whole = torch.cat([part for part, *_ in made(modules).evaluation()])
    assert torch.equal(torch.cat(parts).unique(dim=0), whole.unique(dim=0))
    assert len(whole) == 2500


def test_categories_stay_in_their_tables_and_are_skewed(modules: Any) -> None:
    _, categories, _ = next(made(modules, [1000, 3, 984_280], 20_000).training(0))
    assert (categories.amin(0) == 0).all()
    assert (categories.amax(0) < torch.tensor([1000, 3, 984_280])).all()
    share = (categories[:, 0] == 0).float().mean().item()
    assert 0.08 < share < 0.12  # log(2) / log(1001)


def test_whoever_knows_the_weights_reaches_the_ceiling_and_numbers_alone_miss_the_target(
    modules: Any, case: Case
) -> None:
    source = made(modules, list(modules.dlrm.ROWS), 50_000)
    numbers, categories, clicks = next(source.training(0))
    score = modules.train.roc_auc_score
    assert score(clicks, source.chances(numbers, categories)) == pytest.approx(0.918, abs=0.004)
    assert score(clicks, (numbers * source._signs).sum(1)) == pytest.approx(0.816, abs=0.006)
    assert 0.83 < case.metric.generated_target < 0.91
    assert score(clicks, torch.rand(len(clicks))) == pytest.approx(0.5, abs=0.01)


def test_the_metric_is_the_area_under_the_curve_over_all_batches(modules: Any) -> None:
    """By hand: of 2 x 2 pairs of a click and none, the scores order three rightly, in batches of different length."""

    class Scores(torch.nn.Module):
        categories = 1

        def forward(self, numbers: Any, categories: Any) -> Any:
            return numbers[:, 0]

    def batch(*rows: tuple[float, float]) -> Any:
        scores, clicks = torch.tensor(rows).T
        return scores.unsqueeze(1).expand(-1, 13), torch.zeros(len(rows), 1, dtype=torch.long), clicks

    source = SimpleNamespace(evaluation=lambda: [batch((0.9, 1), (0.1, 0), (0.5, 0)), batch((0.4, 1))])
    assert modules.train.evaluate(Scores(), source, alone()) == (0.75, 4)


def test_a_model_that_diverged_has_no_metric(modules: Any) -> None:
    scores: Any = lambda numbers, _: numbers[:, 0]  # noqa: E731
    scores.categories = 1
    numbers = torch.tensor([[0.5], [math.nan]]).expand(-1, 13)
    batch = numbers, torch.zeros(2, 1, dtype=torch.long), torch.tensor([1.0, 0])
    source = SimpleNamespace(evaluation=lambda: [batch])
    value, samples = modules.train.evaluate(scores, source, alone())
    assert math.isnan(value)
    assert samples == 2


def test_the_learning_rate_is_held_and_falls_along_a_parabola(modules: Any) -> None:
    rates = [modules.train.rate(epoch, 0.1, 1, 0.5) for epoch in (0.05, 0.1, 0.9, 1.25, 3)]
    assert rates == pytest.approx([0.5, 1, 1, 0.25, 1e-4])


def test_the_learning_rate_follows_the_published_samples_whatever_an_epoch_has(
    modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2750 steps of 2048 to grow, held to step 49,315: of six million samples that is far beyond the fifth epoch."""
    monkeypatch.setattr(sys, "argv", ["train.py"])
    published = modules.train.schedule(modules.train.arguments(), 6_000_000)
    assert published == pytest.approx((0.9387, 16.833, 9.4795), rel=1e-3)
    assert modules.train.rate(5, *published) == 1
    monkeypatch.setattr(sys, "argv", ["train.py", "--warmup-epochs=0.5", "--held-epochs=100"])
    assert modules.train.schedule(modules.train.arguments(), 1000)[:2] == (0.5, 100)


def test_descent_is_that_of_sgd_and_a_step_that_the_scaler_skips_changes_nothing(modules: Any) -> None:
    def trained(kind: Any, factors: list[float]) -> list[Any]:
        torch.manual_seed(1)
        table, linear = torch.nn.Embedding(5, 3, sparse=True), torch.nn.Linear(3, 1)
        optimizer = kind([*table.parameters(), *linear.parameters()], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for factor in factors:
            loss = (linear(table(torch.tensor([1, 4, 1]))) * factor).square().mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        return [table.weight, linear.weight, linear.bias]

    found, right = trained(modules.descent.Descent, [1.0, math.inf, 2.0]), trained(torch.optim.SGD, [1.0, 2.0])
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, right, strict=True))
    assert not torch.equal(found[0], trained(torch.optim.SGD, [1.0])[0])


def test_a_step_of_descent_waits_for_nothing(modules: Any) -> None:
    """A fake tensor has no value: whoever asks for one, and would wait for a card, fails."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        weight = torch.nn.Parameter(torch.ones(3, 4))
        weight.grad = torch.ones(3, 4)
        optimizer = modules.descent.Descent([weight], lr=0.1)
        optimizer.grad_scale, optimizer.found_inf = torch.ones(()), torch.zeros(())
        optimizer.step()


@pytest.mark.parametrize(
    ("arguments", "rank", "message"),
    [
        (["--data", "missing"], {}, "No such file.*missing/terabyte_processed_train.bin"),
        (["--evaluation-samples", "10"], {"world_size": 27}, "26 tables cannot be shared by 27 cards"),
    ],
)
def test_what_cannot_begin_is_told_in_one_line(
    modules: Any, arguments: list[str], rank: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = alone(**rank)
    run.data = "real" if "--data" in arguments else "generated"
    monkeypatch.setattr(sys, "argv", ["train.py", *SMALL, *arguments])
    with pytest.raises(SystemExit, match=message):
        modules.train.begun(modules.train.arguments(), run)
