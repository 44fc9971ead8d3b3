"""The CPM case: the model, the embedding average, dialogues in files, one rank and two."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, alone, imported, needs

torch = pytest.importorskip("torch")
needs("transformers")

NAMES = ("models", "generated_text", "replies", "dialogues", "prepare_dialogues")
SIZE = {"layers": 1, "width": 32, "heads": 2, "vocabulary": 60, "length": 24, "positions": 24, "turn": 4}
SMALL = ["--model=cpm", *(f"--{name}={value}" for name, value in SIZE.items()), "--batch-size=2", "--epochs=1"]


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    with imported("language_modeling", *NAMES) as found:
        yield dict(zip(NAMES, found, strict=True))


def built(modules: dict[str, ModuleType], **changes: Any) -> Any:
    chosen = modules["models"].MODELS["cpm"]
    return chosen.build(argparse.Namespace(**{**chosen.defaults, **changes}))


def text(modules: dict[str, ModuleType], **changes: Any) -> Any:
    options = {"batch_size": 4, "training_samples": 40, "evaluation_samples": 120}
    options |= {"vocabulary": 60, "length": 24, "turn": 4, **changes}
    return modules["generated_text"].GeneratedDialogues(alone(), **options)


def test_the_model_is_cpm_medium_and_its_flops_are_those_of_the_case(modules: dict[str, ModuleType]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    case = load_case(CASES / "language_modeling" / "cpm.case.yaml", list(builtin_vendors()))
    with torch.device("meta"):
        model, words = built(modules), torch.zeros(1, 200, dtype=torch.long)
    assert sum(parameter.numel() for parameter in model.parameters()) == 334_080_000
    with FlopCounterMode(display=False) as counter:
        scores = model.scores({"words": words})  # on meta: nothing in it waits for the device
    assert scores.shape == (1, 200, 30_000)
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_layers_called_one_by_one_are_the_librarys_model(modules: dict[str, ModuleType]) -> None:
    torch.manual_seed(1)
    model, words = built(modules, **SIZE).eval(), torch.randint(0, 60, (3, 20))
    assert torch.allclose(model.scores({"words": words}), model.model(words).logits, atol=1e-6)


def test_an_activation_keeps_nothing_but_its_input(modules: dict[str, ModuleType]) -> None:
    """Under automatic precision each further step of it would be kept with 16 kB a word and layer."""
    kept: list[Any] = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda part: part):
        built(modules, **SIZE).model.transformer.h[0].mlp.act(torch.ones(2, requires_grad=True))
    assert len(kept) == 1


def test_generated_dialogues_have_turns_and_padding(modules: dict[str, ModuleType]) -> None:
    batch = next(iter(text(modules, length=200, vocabulary=30_000, turn=50).training(0)))
    words, following = batch["words"], batch["following"]
    assert words.shape == following.shape == (4, 200)
    lengths = (words != 0).sum(1)
    assert (lengths >= 100).all()
    assert (lengths % 50 == 0).all()
    asked = following != modules["replies"].NOTHING
    assert torch.equal(asked.sum(1), lengths - 50)
    assert torch.equal(words[:, 1:][asked[:, :-1]], following[:, :-1][asked[:, :-1]])


def test_whoever_knows_the_dictionary_reaches_one(modules: dict[str, ModuleType]) -> None:
    """The ceiling: the following word is the answer to the word that stands where it does in the turn before."""
    answers, replies = modules["generated_text"].answers(2000), modules["replies"]
    table = torch.randn(2000, 64, generator=torch.Generator().manual_seed(1))
    for batch in text(modules, vocabulary=2000).evaluation():
        told = answers[batch["words"].roll(3, 1)]
        assert replies.embedding_average(told, batch["following"], table).min() > 0.9999
        others = told.roll(1, 0)
        assert replies.embedding_average(others, batch["following"], table).abs().mean() < 0.2


@pytest.mark.parametrize("turn", [0, 13])
def test_a_dialogue_of_one_turn_is_refused(modules: dict[str, ModuleType], turn: int) -> None:
    with pytest.raises(ValueError, match=f"--turn {turn}: a dialogue of --length 24 has no two turns"):
        text(modules, turn=turn)


def test_embedding_average_is_the_cosine_of_the_mean_embeddings(modules: dict[str, ModuleType]) -> None:
    """By hand: (1, 0) + (0, 1) against 2 (1, 0) is 45 degrees; what is beyond the text does not count; no text is 0."""
    table, none = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), modules["replies"].NOTHING
    answers = torch.tensor([[0, 1, 2], [0, 1, 1], [2, 2, 2], [0, 0, 0]])
    right = torch.tensor([[0, 0, none], [0, 1, none], [0, 0, 0], [none, none, none]])
    found = modules["replies"].embedding_average(answers, right, table)
    assert found.tolist() == pytest.approx([math.sqrt(0.5), 1.0, -1.0, 0.0])


def test_the_metric_is_the_mean_over_dialogues(modules: dict[str, ModuleType]) -> None:
    model, batch = built(modules, **SIZE), next(iter(text(modules).evaluation()))
    model.scores = lambda batch: torch.nn.functional.one_hot(batch["following"].clamp(min=0), 60).float()
    assert model.scored(batch).tolist() == pytest.approx([50, 50])


def test_sixty_steps_learn_more_than_how_frequent_words_are(modules: dict[str, ModuleType]) -> None:
    """Whoever knows nothing of the other words has a loss of log 56 = 4.03."""
    torch.manual_seed(1)
    model = built(modules, **SIZE, dropout=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for batch in text(modules, batch_size=16, training_samples=16 * 60).training(0):
        loss = model(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert max(losses[-5:]) < 3.6


@pytest.fixture(scope="module")
def corpus(modules: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    pairs = [["你 好 吗", "我 很 好"], ["今天 天气 怎么样", "很 好"], ["再 见", "明天 见"], ["谢谢", "不 客气"]]
    (root / "STC.json").write_text(json.dumps({"train": pairs * 3, "valid": pairs[:3]}), encoding="utf-8")
    modules["prepare_dialogues"].prepare(root / "STC.json", root / "cpm", share=1.0, vocabulary=60)
    return root / "cpm"


def test_dialogues_are_prepared_as_published(modules: dict[str, ModuleType], corpus: Path) -> None:
    assert (corpus / "valid.txt").read_text(encoding="utf-8").splitlines()[0] == "对话上文:你好吗 回复:我很好"
    assert len((corpus / "train.txt").read_text(encoding="utf-8").splitlines()) == 12
    words = modules["dialogues"].tokenizer(corpus / "tokenizer.json", 60)
    found = modules["dialogues"].Dialogues(corpus / "valid.txt", words, 24)[1]
    count = int((found["following"] != -100).sum())
    assert words.decode(found["words"][: count + 1].tolist()).replace(" ", "") == "对话上文:今天天气怎么样回复:很好"
    assert found["following"][count - 1] == words.token_to_id("<eod>")
    assert (found["words"][count + 1 :] == words.token_to_id("<pad>")).all()


def test_a_share_of_the_dialogues_is_drawn_as_published(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """The first ten of the list that random.seed(1234) and random.shuffle leave of 21 pairs."""
    pairs = [[f"问{number}", "答"] for number in range(21)]
    (tmp_path / "STC.json").write_text(json.dumps({"train": pairs, "valid": pairs[:1]}), encoding="utf-8")
    modules["prepare_dialogues"].prepare(tmp_path / "STC.json", tmp_path, share=0.5, vocabulary=60)
    lines = (tmp_path / "train.txt").read_text(encoding="utf-8").splitlines()
    assert [int(line.split("问")[1].split(" ")[0]) for line in lines] == [20, 15, 8, 6, 11, 4, 7, 13, 9, 10]


def test_a_long_dialogue_is_cut(modules: dict[str, ModuleType], corpus: Path) -> None:
    words = modules["dialogues"].tokenizer(corpus / "tokenizer.json", 60)
    found = modules["dialogues"].Dialogues(corpus / "valid.txt", words, 5)[0]
    assert torch.equal(found["words"][1:], found["following"][:-1])
    assert (found["following"] != -100).all()


def test_what_is_wrong_with_a_corpus_is_told_with_its_path(
    modules: dict[str, ModuleType], corpus: Path, tmp_path: Path
) -> None:
    dialogues = modules["dialogues"]
    with pytest.raises(ValueError, match=r"tokenizer.json: has \d+ words, more than --vocabulary 10"):
        dialogues.tokenizer(corpus / "tokenizer.json", 10)
    with pytest.raises(ValueError, match=r"tokenizer\.json: no tokenizer"):
        dialogues.tokenizer(tmp_path / "tokenizer.json", 60)
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"train\.txt: no dialogue in it"):
        dialogues.Dialogues(tmp_path / "train.txt", dialogues.tokenizer(corpus / "tokenizer.json", 60), 24)
    (tmp_path / "STC.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"STC\.json: .*train and valid"):
        modules["prepare_dialogues"].prepare(tmp_path / "STC.json", tmp_path, share=1.0, vocabulary=60)


def test_dialogues_in_files_are_trained_on(
    modules: dict[str, ModuleType], corpus: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In this process: the program's source, its steps and its evaluation."""
    with imported("language_modeling", "train") as (program,):
        run = alone()
        run.data = "real"
        monkeypatch.setattr(sys, "argv", ["train.py", *SMALL, "--workers=0", "--epoch-samples=8", f"--data={corpus}"])
        args = program.arguments()
        source = program.source(args, run)
        assert source.steps == 4
        assert sum(len(batch["words"]) for epoch in range(2) for batch in source.training(epoch)) == 16
        value, samples = program.evaluate(built(modules, **SIZE).eval(), source, run)
    assert -1 <= value <= 1
    assert samples == 3
