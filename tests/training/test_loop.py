"""What programs in torch share, with models of a few weights; programs of two ranks are in test_loop_ranks.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from .conftest import events, settings
from .programs import LAUNCH

torch = pytest.importorskip("torch")
from pytest_sixdim.training import loop  # noqa: E402
from pytest_sixdim.training.batches import Generated  # noqa: E402

ALONE: Any = SimpleNamespace(world_size=1, rank=0)


class Sums(Generated):
    """Three numbers (B x 3) and their sum (B x 1)."""

    name = "sums-1"

    def made(self, count: int, generator: Any) -> tuple[Any, Any]:
        numbers = torch.rand(count, 3, generator=generator)
        return numbers, numbers.sum(1, keepdim=True)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A run in this process, as an agent would ask for it; its three segments have two steps each."""

    def begin(*options: str, **changes: Any) -> Any:
        measure = {"warmup_steps": 2, "steady": False, "segment_steps": 2, "segment_seconds": 0, "segments": 3}
        data = {"kind": "generated", "path": None}
        path = tmp_path / "run.json"
        path.write_text(json.dumps(settings(seed=1, measure=measure, data=data, **changes)))
        monkeypatch.setenv("SIXDIM_RUN", str(path))
        args = loop.arguments("Sums.", batch_size=4).parse_args([*options])
        return loop.begin(args, generator=Sums.name)

    for name in LAUNCH:
        monkeypatch.delenv(name, raising=False)
    before = torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield begin
    torch.backends.cudnn.benchmark = before[0]
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[1:]


def fitted(run: Any, lr: float = 0.5, errors: list[float] | None = None, **options: Any) -> Any:
    """A linear model, trained on sums; the evaluation's value is minus its mean squared error."""
    source = Sums(run, batch_size=4, training_samples=24, evaluation_samples=100)
    model = torch.nn.Linear(3, 1)
    found = [] if errors is None else errors

    def evaluate() -> tuple[float, int]:
        pairs = list(source.evaluation())
        error = sum((model(numbers) - sums).square().sum().item() for numbers, sums in pairs)
        count = sum(len(numbers) for numbers, _ in pairs)
        found.append(error / count)
        assert not torch.is_grad_enabled()
        assert not model.training
        return -error / count, count

    loop.train(
        run,
        source,
        model=model,
        loss=lambda batch: (model(batch[0]) - batch[1]).square().mean(),
        optimizer=loop.fused(torch.optim.SGD, [{"params": list(model.parameters())}], lr=lr),
        evaluate=evaluate,
        **{"epochs": 2, **options},
    )
    return model


def test_a_model_is_trained_until_the_target_is_met(
    begun: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    errors: list[float] = []
    run = begun(metric={"name": "error", "target": -0.01})
    assert fitted(run, epochs=50, errors=errors).training
    seen = events(capsys.readouterr().out)
    assert errors[0] > errors[-1]
    assert errors[-1] <= 0.01 < errors[-2]
    assert [event.value for event in seen if event.kind == "evaluation"] == [-error for error in errors]
    assert {event.samples for event in seen if event.kind == "evaluation"} == {100}
    assert {event.samples for event in seen if event.kind == "segment"} == {2 * 4}
    assert seen[-1].status == "success"
    assert (seen[0].data, seen[0].generator, seen[0].versions["compile"]) == ("generated", "sums-1", False)


def test_a_model_that_does_not_learn_misses_the_target(
    begun: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    errors: list[float] = []
    fitted(begun(metric={"name": "error", "target": -0.01}), lr=0.0, epochs=3, errors=errors)
    assert len(set(errors)) == 1
    assert events(capsys.readouterr().out)[-1].status == "target_missed"


def test_the_learning_rate_follows_the_fractions_of_an_epoch(begun: Callable[..., Any]) -> None:
    asked: list[float] = []

    def rate(epoch: float) -> float:
        asked.append(epoch)
        return 0.0

    model = fitted(begun(), rate=rate)
    assert asked == pytest.approx([step / 6 for step in range(1, 13)])
    torch.manual_seed(1)
    assert torch.equal(model.weight, torch.nn.Linear(3, 1).weight)


def test_an_epoch_may_have_several_evaluations(begun: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Four of an epoch of six steps, as evenly as steps allow; the learning rate knows nothing of them."""
    asked: list[float] = []
    fitted(begun(), evaluations=4, rate=lambda epoch: asked.append(epoch) or 1.0)
    found = [event for event in events(capsys.readouterr().out) if event.kind == "evaluation"]
    assert [(event.step, event.epoch) for event in found] == [
        *[(1, 0.25), (3, 0.5), (4, 0.75), (6, 1.0)],
        *[(7, 1.25), (9, 1.5), (10, 1.75), (12, 2.0)],
    ]
    assert asked == pytest.approx([step / 6 for step in range(1, 13)])


def test_gradients_are_clipped_where_asked_for(begun: Callable[..., Any]) -> None:
    torch.manual_seed(1)
    before = torch.nn.Linear(3, 1).weight.detach()
    moved = (fitted(begun(), clip=1e-3).weight - before).norm()
    assert 0 < moved <= 12 * 0.5 * 1e-3 * 1.001


def test_something_may_follow_every_step(begun: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[int] = []
    run = begun()
    fitted(run, after_step=lambda: steps.append(run.steps), samples=lambda batch: 10 * len(batch[0]))
    assert steps == list(range(12))
    assert {event.samples for event in events(capsys.readouterr().out) if event.kind == "segment"} == {2 * 40}


def test_options_have_the_programs_defaults_and_no_others() -> None:
    parser = loop.arguments("Trains.", batch_size=256, lr=0.5)
    args = parser.parse_args(["--seed", "3"])
    assert (args.batch_size, args.lr, args.seed, args.precision, args.data) == (256, 0.5, 3, "fp32", "generated")
    with pytest.raises(TypeError, match="no such option: rate"):
        loop.arguments("Trains.", rate=0.5)


@pytest.mark.parametrize("options", [["--batch", "4"], ["--precision", "half"]])
def test_an_option_that_is_not_understood_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        loop.arguments("Trains.").parse_args(options)
    assert options[0] in capsys.readouterr().err


def test_a_cosine_warms_up_and_then_falls_to_its_floor() -> None:
    rates = [loop.cosine(epoch, 90, 5) for epoch in (0, 2.5, 5, 47.5, 90, 200)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 1e-4, 1e-4])


def test_a_polynomial_warms_up_and_then_falls_to_its_floor() -> None:
    rates = [loop.polynomial(epoch, 90, 10, power=2) for epoch in (0, 5, 10, 50, 90, 200)]
    assert rates == pytest.approx([0, 0.5, 1, 0.25, 1e-4, 1e-4])


def test_a_schedule_may_be_shorter_than_its_warm_up() -> None:
    assert [loop.cosine(epoch, 1, 2) for epoch in (1, 2, 3)] == pytest.approx([0.5, 1, 1e-4])


def test_compiling_is_an_option_of_the_model() -> None:
    """What is evaluated stays the model itself."""
    model = torch.nn.Linear(2, 2)
    assert loop.distributed(model, ALONE) is model
    compiled: Any = loop.distributed(model, ALONE, compiled=True)
    assert compiled._orig_mod is model


def test_an_evaluation_has_no_gradients_and_leaves_a_model_in_training() -> None:
    model = torch.nn.BatchNorm1d(2)
    with loop.evaluating(model, ALONE):
        assert not model.training
        assert not model(torch.ones(4, 2)).requires_grad
    assert model.training
    assert model(torch.ones(4, 2)).requires_grad


def test_rows_of_one_rank_stay_as_they_are() -> None:
    rows = torch.rand(3, 2)
    assert loop.gathered(rows, ALONE) is rows


def test_samples_of_a_batch_are_those_of_its_first_tensor() -> None:
    assert loop.first_length(torch.ones(3, 2)) == 3
    assert loop.first_length({"images": (torch.ones(4, 2), torch.ones(1))}) == 4


def test_an_average_of_weights_soon_forgets_how_training_began() -> None:
    """After one step it keeps 2/11 of what it was, after two 3/12 of what it was then."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    average = loop.Average(model, 0.9)
    for weight in (11.0, 3.0):
        torch.nn.init.constant_(model.weight, weight)
        average.move()
    assert average.model.weight.item() == pytest.approx(9 * 3 / 12 + 3 * 9 / 12)
    assert not average.model.weight.requires_grad


def test_an_average_of_weights_is_a_slow_one_in_the_end() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    average = loop.Average(model, 0.5)
    for _ in range(20):
        average.move()
    assert average.model.weight.item() == 1.0
    torch.nn.init.zeros_(model.weight)
    average.move()
    assert average.model.weight.item() == 0.5


def test_an_average_has_running_means_too_and_counts_no_steps() -> None:
    model = torch.nn.BatchNorm1d(1)
    average = loop.Average(model, 0.5)
    model(torch.full((4, 1), 10.0))
    average.move()
    assert model.running_mean.item() == 1.0
    assert average.model.running_mean.item() == pytest.approx(9 / 11)
    assert (model.num_batches_tracked.item(), average.model.num_batches_tracked.item()) == (1, 0)
