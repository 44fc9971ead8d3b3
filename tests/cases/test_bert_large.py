"""The BERT-large case: the model, the hidden words, MLPerf's files, one rank and two."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, alone, imported, needs, run_on, told

torch = pytest.importorskip("torch")
needs("transformers")

NAMES = ("models", "generated_text", "masked_words", "pretraining_shards", "train")
SIZE = {"layers": 1, "width": 32, "heads": 2, "vocabulary": 40, "length": 24, "positions": 24, "predictions": 7}
SMALL = [f"--{name}={value}" for name, value in SIZE.items()]
COUNT = {"training_samples": 40, "evaluation_samples": 120}
METRIC = {"name": "mlm_accuracy", "better": "higher", "target": 2.0}


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    with imported("language_modeling", *NAMES) as found:
        yield dict(zip(NAMES, found, strict=True))


def built(modules: dict[str, ModuleType], **changes: Any) -> Any:
    chosen = modules["models"].MODELS["bert_large"]
    return chosen.build(argparse.Namespace(**{**chosen.defaults, **changes}))


def text(modules: dict[str, ModuleType], **changes: Any) -> Any:
    options = {"batch_size": 4, "vocabulary": 40, "length": 24, "predictions": 7, **COUNT, **changes}
    return modules["generated_text"].GeneratedPairs(alone(), **options)


def test_the_model_is_bert_large_and_its_flops_are_those_of_the_case(modules: dict[str, ModuleType]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    case = load_case(CASES / "language_modeling" / "bert_large.case.yaml", list(builtin_vendors()))
    with torch.device("meta"):
        model = built(modules)
        shapes = {"masked_lm_positions": (1, 76), "masked_lm_ids": (1, 76), "next_sentence_labels": (1,)}
        names = modules["pretraining_shards"].NAMES
        batch = {name: torch.zeros(shapes.get(name, (1, 512)), dtype=torch.long) for name in names}
    assert sum(parameter.numel() for parameter in model.parameters()) == 336_226_108
    acts = model.model.bert.encoder.layer[0].intermediate.intermediate_act_fn, model.model.cls.predictions.transform
    assert all("tanh" in repr(act).lower() for act in (acts[0], acts[1].transform_act_fn))
    with FlopCounterMode(display=False) as counter:
        words, following = model.scores(batch)  # on meta: nothing in it waits for the device
    assert (words.shape, following.shape) == ((1, 76, 30_522), (1, 2))
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_generated_pairs_have_the_form_of_mlperfs_files_at_full_size(modules: dict[str, ModuleType]) -> None:
    source = text(modules, vocabulary=30_522, length=512, predictions=76)
    batch = next(iter(source.training(0)))
    assert {name: tuple(part.shape) for name, part in batch.items()} == {
        "input_ids": (4, 512),
        "input_mask": (4, 512),
        "segment_ids": (4, 512),
        "masked_lm_positions": (4, 76),
        "masked_lm_ids": (4, 76),
        "next_sentence_labels": (4,),
    }
    assert all(len(places.unique()) == 76 for places in batch["masked_lm_positions"])
    assert ((batch["input_ids"] == 0) == (batch["input_mask"] == 0)).all()
    assert (batch["input_ids"] == 2).sum() == 2 * 4
    hidden = batch["input_ids"].gather(1, batch["masked_lm_positions"])
    assert 0.7 < (hidden == 3).float().mean() < 0.9


def test_whoever_knows_the_dictionary_is_never_wrong(modules: dict[str, ModuleType]) -> None:
    """The ceiling: the other word of the pair tells the hidden one; the second part's beginning tells if it follows."""
    answers = modules["generated_text"].answers(40)
    back, first = answers.argsort(), (24 - 3) // 4
    for batch in text(modules).evaluation():
        places, seen = batch["masked_lm_positions"], batch["input_ids"]
        before = (places - 1 - (places > 2 * first).long()) % 2 == 1  # the answer is hidden, its word stands before
        other = seen.gather(1, torch.where(before, places - 1, places + 1))
        assert torch.equal(torch.where(before, answers[other], back[other]), batch["masked_lm_ids"])
        whole = seen.scatter(1, places, batch["masked_lm_ids"])
        follows = whole[:, 2 * first - 1] == whole[:, 2 * first + 2]
        assert follows[batch["next_sentence_labels"] == 0].all()


def test_more_predictions_than_pairs_are_refused(modules: dict[str, ModuleType]) -> None:
    with pytest.raises(ValueError, match="--predictions 8: texts of --length 24 have 7 pairs at least"):
        text(modules, predictions=8)


def test_accuracy_is_the_share_of_hidden_words_found(modules: dict[str, ModuleType]) -> None:
    """By hand: of the hidden words 5, 6 and 7 the second is missed; the fourth place is none."""
    model = built(modules, **SIZE)
    scores = torch.nn.functional.one_hot(torch.tensor([[5, 9], [7, 0]]), 40).float()
    model.scores = lambda batch: (scores, torch.zeros(2, 2))
    found = model.scored({"masked_lm_ids": torch.tensor([[5, 6], [7, 0]])})
    assert found.tolist() == [2, 3]


def test_layers_called_one_by_one_are_the_librarys_model(modules: dict[str, ModuleType]) -> None:
    torch.manual_seed(1)
    model, batch = built(modules, **SIZE).eval(), next(iter(text(modules).training(0)))
    known = {"attention_mask": batch["input_mask"], "token_type_ids": batch["segment_ids"]}
    whole, (words, following) = model.model(batch["input_ids"], **known), model.scores(batch)
    places = batch["masked_lm_positions"].unsqueeze(2).expand(-1, -1, 40)
    assert torch.allclose(words, whole.prediction_logits.gather(1, places), atol=1e-5)
    assert torch.allclose(following, whole.seq_relationship_logits, atol=1e-5)


def test_what_is_padded_changes_no_score(modules: dict[str, ModuleType]) -> None:
    torch.manual_seed(1)
    model, batch = built(modules, **SIZE).eval(), next(iter(text(modules).training(0)))
    changed = {**batch, "input_ids": torch.where(batch["input_mask"] == 1, batch["input_ids"], 9)}
    assert not torch.equal(batch["input_ids"], changed["input_ids"])
    assert torch.allclose(model.scores(batch)[0], model.scores(changed)[0], atol=1e-5)


def test_a_hundred_steps_learn_more_than_how_frequent_words_are(modules: dict[str, ModuleType]) -> None:
    """Whoever knows nothing of the other words has a loss of log 32 + log 2 = 4.16."""
    torch.manual_seed(1)
    size = {**SIZE, "width": 64, "heads": 4, "vocabulary": 36, "dropout": 0.0}
    chosen, model, losses = modules["models"].MODELS["bert_large"], built(modules, **size), []
    optimizer = chosen.optimizer(model.parameters(), lr=0.02)
    source = text(modules, batch_size=32, vocabulary=36, training_samples=32 * 100)
    for step, batch in enumerate(source.training(0), start=1):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1, step / 25)
        loss = model(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert max(losses[-5:]) < 3


def shard(modules: dict[str, ModuleType], path: Path, texts: int, seed: int) -> None:
    """A file as MLPerf has it, of generated texts."""
    h5py = pytest.importorskip("h5py")
    source = modules["generated_text"].GeneratedPairs(
        alone(seed=seed), batch_size=texts, training_samples=texts, evaluation_samples=1, vocabulary=40, length=24,
        predictions=7,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, part in next(iter(source.training(0))).items():
            file[name] = part.numpy().astype("int8" if name.endswith(("mask", "labels")) else "int32")


@pytest.fixture(scope="module")
def corpus(modules: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus") / "bert"
    for number, texts in enumerate((3, 5)):
        shard(modules, root / "2048_shards_uncompressed" / f"part_0000{number}_of_02048.hdf5", texts, 1 + number)
    shard(modules, root / "eval_set_uncompressed" / "part_eval_10k.hdf5", 5, 9)
    return root


def test_texts_of_all_shards_are_read_and_evaluated_once(modules: dict[str, ModuleType], corpus: Path) -> None:
    args = argparse.Namespace(length=24, vocabulary=40, epoch_samples=8, batch_size=2, workers=0)
    ranks = [modules["pretraining_shards"].pretraining_shards(corpus, alone(rank, 2), args) for rank in range(2)]
    assert [source.steps for source in ranks] == [2, 2]
    trained = torch.cat([batch["input_ids"] for source in ranks for batch in source.training(0)])
    assert len(trained.unique(dim=0)) == 8
    evaluated = [batch["input_ids"] for source in ranks for batch in source.evaluation()]
    assert len(torch.cat(evaluated).unique(dim=0)) == len(torch.cat(evaluated)) == 5


def test_what_is_wrong_with_a_file_is_told_with_its_path(
    modules: dict[str, ModuleType], corpus: Path, tmp_path: Path
) -> None:
    h5py, shards = pytest.importorskip("h5py"), modules["pretraining_shards"]
    path = tmp_path / "part.hdf5"
    with pytest.raises(ValueError, match=f"{tmp_path}: no"):
        shards.Shards(tmp_path, 24, 40)
    path.write_text("not HDF5")
    with pytest.raises(ValueError, match=r"part\.hdf5: not readable as HDF5"):
        shards.Shards(tmp_path, 24, 40)
    with h5py.File(path, "w") as file:
        file["input_ids"] = [[1]]
    with pytest.raises(ValueError, match=r"part\.hdf5: no input_mask, segment_ids"):
        shards.Shards(tmp_path, 24, 40)
    with pytest.raises(ValueError, match=r"hdf5: its texts have the length \(24,\), not --length 512"):
        shards.Shards(corpus / "eval_set_uncompressed", 512, 40)
    with pytest.raises(ValueError, match="text 0 has words beyond --vocabulary 5"):
        shards.Shards(corpus / "eval_set_uncompressed", 24, 5)[0]


def test_two_ranks_evaluate_as_one_and_keep_the_same_weights(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one rank is this process, before training: from the same seed."""
    arguments = ["--model=bert_large", *SMALL, "--batch-size=2", "--epoch-samples=12", "--evaluation-samples=120"]
    two = run_on(2, "language_modeling", [*arguments, "--epochs=1"], tmp_path, told(METRIC))
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    program, run = modules["train"], alone()
    source = program.source(program.arguments(), run)
    torch.manual_seed(run.seed)
    value, samples = program.evaluate(built(modules, **SIZE).eval(), source, run)
    assert [(rank["value"], rank["samples"]) for rank in two.ranks] == [(pytest.approx(value, abs=1e-6), samples)] * 2
    assert samples == 120
    assert len({rank["weights"] for rank in two.ranks}) == 1
    assert (two.event("start").data, two.event("start").generator) == ("generated", "pairs-1")


def test_mlperfs_files_are_trained_on(
    modules: dict[str, ModuleType], corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: the program's source, a step of each batch, its evaluation."""
    program, run, model = modules["train"], alone(), built(modules, **SIZE)
    run.data = "real"
    monkeypatch.setattr(sys, "argv", ["train.py", *SMALL, "--batch-size=2", "--workers=0", f"--data={corpus}"])
    source = program.source(program.arguments(), run)
    assert source.steps == 4
    for batch in source.training(0):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(batch)
        loss.backward()
        assert loss.isfinite()
    value, samples = program.evaluate(model.eval(), source, run)
    assert 0 <= value < 0.5
    assert samples == 5


def test_a_checkpoint_that_is_missing_is_told_in_one_line(
    modules: dict[str, ModuleType], corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = alone()
    run.data = "real"
    monkeypatch.setattr(sys, "argv", ["train.py", *SMALL, "--batch-size=2", "--workers=0", "--data", str(corpus)])
    monkeypatch.setattr(modules["train"].loop, "begin", lambda *_, **__: run)
    with pytest.raises(SystemExit, match=r"--weights .*bert/model\.ckpt-28252\.apex\.pt: "):
        modules["train"].main()
