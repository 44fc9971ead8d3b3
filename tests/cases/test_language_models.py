"""What BERT-large and CPM share: their text, their order of reading, their optimiser, their program."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs

torch = pytest.importorskip("torch")
needs("transformers")

NAMES = ("models", "generated_text", "stretches", "lamb", "weights", "train")
COUNT = {"batch_size": 4, "training_samples": 40, "evaluation_samples": 120}


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    with imported("language_modeling", *NAMES) as found:
        yield dict(zip(NAMES, found, strict=True))


@pytest.fixture(scope="module", params=["pairs", "dialogues"])
def generated(request: pytest.FixtureRequest, modules: dict[str, ModuleType]) -> Any:
    """Makes a source of either kind of text."""
    text = modules["generated_text"]

    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        run, options = alone(rank, world_size, seed), {"vocabulary": 200, "length": 32, **COUNT, **changes}
        if request.param == "pairs":
            return text.GeneratedPairs(run, predictions=8, **options)
        return text.GeneratedDialogues(run, turn=5, **options)

    make.words = {"pairs": "input_ids", "dialogues": "words"}[request.param]  # type: ignore[attr-defined]
    return make


def together(batches: Any, name: str) -> Any:
    return torch.cat([batch[name] for batch in batches])


def test_generated_text_is_never_the_same_twice(generated: Any) -> None:
    parts = [together(generated(rank, 2).training(epoch), generated.words) for rank in range(2) for epoch in range(2)]
    text = torch.cat(parts)
    assert len(text.unique(dim=0)) == len(text) == 2 * 2 * 5 * 4


def test_generated_text_is_that_of_its_seed(generated: Any) -> None:
    first, again, other = (together(generated(seed=seed).training(3), generated.words) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("cards", [2, 3])
def test_each_evaluated_text_is_asked_once_whatever_the_cards(generated: Any, cards: int) -> None:
    parts = [together(generated(rank, cards, seed=cards).evaluation(), generated.words) for rank in range(cards)]
    whole = together(generated().evaluation(), generated.words)
    assert torch.cat(parts).shape == (120, 32)
    assert torch.equal(torch.cat(parts).unique(dim=0), whole.unique(dim=0))


def test_words_are_as_likely_as_each_other(generated: Any) -> None:
    text = together(generated(training_samples=4000, vocabulary=20).training(0), generated.words)
    counts = torch.bincount(text.flatten(), minlength=20)[4:].double()
    assert counts.min() > 0.9 * counts.mean()


def test_a_vocabulary_without_words_is_refused(generated: Any) -> None:
    with pytest.raises(ValueError, match="--vocabulary 4: 4 are signs"):
        generated(vocabulary=4)


def test_every_word_is_the_answer_of_one(modules: dict[str, ModuleType]) -> None:
    answers = modules["generated_text"].answers(30_000)
    assert torch.equal(answers.sort().values, torch.arange(30_000))
    assert (answers == torch.arange(30_000)).sum() < 20


@pytest.mark.parametrize("world_size", [1, 3])
def test_a_stretch_is_the_next_part_of_the_corpus_and_a_pass_has_each_text_once(
    modules: dict[str, ModuleType], world_size: int
) -> None:
    lengths = [7, 1, 4, 12]
    ranks = [modules["stretches"].Stretches(alone(rank, world_size), lengths, 6) for rank in range(world_size)]
    seen = []
    for epoch in range(4):
        for order in ranks:
            order.set_epoch(epoch)
            assert len(list(order)) == len(order) == 6 // world_size
            seen += list(order)
    assert sorted(seen) == list(range(24))


def test_a_corpus_is_read_file_by_file_in_an_order_of_pass_and_seed(modules: dict[str, ModuleType]) -> None:
    def order(epoch: int, seed: int = 1) -> list[int]:
        stretches = modules["stretches"].Stretches(alone(seed=seed), [10, 10, 10], 30)
        stretches.set_epoch(epoch)
        return list(stretches)

    files = [index // 10 for index in order(0)]
    assert sum(one != other for one, other in itertools.pairwise(files)) == 2
    assert order(0) == order(0) != order(1)
    assert order(0) != order(0, seed=2)


def test_lamb_takes_adams_step_as_long_as_the_weights(modules: dict[str, ModuleType]) -> None:
    """By hand: a first step's direction is the gradient's sign, (1, -1); with decay 0.5 and weights (3, 4), of norm 5,
    it is (1, -1) + (1.5, 2) = (2.5, 1), whose norm is 2.6926. A bias goes by the sign alone.
    """
    weight, bias = torch.nn.Parameter(torch.tensor([[3.0, 4.0]])), torch.nn.Parameter(torch.tensor([7.0]))
    groups = [{"params": [weight], "weight_decay": 0.5}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = modules["lamb"].Lamb(groups, lr=0.1, eps=1e-12)
    weight.grad, bias.grad = torch.tensor([[0.2, -30.0]]), torch.tensor([5.0])
    optimizer.step()
    assert weight.tolist()[0] == pytest.approx([3 - 0.1 * 5 / 2.6926 * 2.5, 4 - 0.1 * 5 / 2.6926], abs=1e-4)
    assert bias.item() == pytest.approx(6.9)


@pytest.mark.parametrize("overflow", [0, 1, 2])
def test_a_step_that_the_scaler_skips_changes_nothing_of_lamb(modules: dict[str, ModuleType], overflow: int) -> None:
    def trained(gradients: list[float]) -> tuple[float, Any]:
        weight = torch.nn.Parameter(torch.tensor([[2.0, 1.0]]))
        optimizer = modules["lamb"].Lamb([weight], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for gradient in gradients:
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        return weight.tolist(), optimizer.param_groups[0]["count"].item()

    gradients = [1.0, 3.0]
    gradients.insert(overflow, float("inf"))
    assert trained(gradients) == trained([1.0, 3.0])


def test_a_step_of_lamb_waits_for_nothing(modules: dict[str, ModuleType]) -> None:
    """A fake tensor has no value: whoever asks for one, and would wait for a card, fails."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        weight = torch.nn.Parameter(torch.ones(3, 4))
        weight.grad = torch.ones(3, 4)
        optimizer = modules["lamb"].Lamb([weight])
        optimizer.grad_scale, optimizer.found_inf = torch.ones(()), torch.zeros(())
        optimizer.step()


def test_mlperfs_names_and_filled_up_vocabulary_are_taken(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    def small() -> Any:
        defaults = modules["models"].MODELS["bert_large"].defaults
        changes = {"layers": 1, "width": 8, "heads": 2, "vocabulary": 30, "positions": 16}
        return modules["models"].MODELS["bert_large"].build(argparse.Namespace(**{**defaults, **changes})).model

    given, taken, path = small(), small(), tmp_path / "checkpoint.pt"
    stored = {name.replace("pooler.dense.", "pooler.dense_act."): value for name, value in given.state_dict().items()}
    table = "bert.embeddings.word_embeddings.weight"
    stored[table] = torch.cat([stored[table], torch.zeros(2, 8)])
    torch.save({"model": {"module." + name: value for name, value in stored.items()}}, path)
    modules["weights"].load(taken, path)
    assert all(torch.equal(value, taken.state_dict()[name]) for name, value in given.state_dict().items())
    del stored["bert.pooler.dense_act.weight"]
    torch.save(stored, path)
    with pytest.raises(SystemExit, match=r"checkpoint\.pt: it lacks"):
        modules["weights"].load(taken, path)
    with pytest.raises(SystemExit, match=r"missing\.pt"):
        modules["weights"].load(taken, tmp_path / "missing.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "bert"], "invalid choice: 'bert'"),
        (["--model", "cpm", "--length", "2000"], "--positions 1024: texts have --length 2000"),
        (["--heads", "7"], "--width 1024 is no multiple of --heads 7"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    modules: dict[str, ModuleType],
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit):
        modules["train"].arguments()
    assert message in capsys.readouterr().err
