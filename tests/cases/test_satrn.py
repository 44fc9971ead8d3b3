"""SATRN: the model, its words as numbers, its training on one rank and on two. Everything here is small."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, run_on, told

torch = pytest.importorskip("torch")

SHAPE = ["--height=16", "--image-width=32", "--length=4", "--longest=3", "--kinds=4"]
LAYERS = ["--width=16", "--heads=2", "--feedforward=32", "--encoder-layers=1", "--decoder-layers=1", "--dropout=0"]
SMALL = [*SHAPE, *LAYERS, "--batch-size=2", "--epoch-samples=20", "--evaluation-samples=120", "--epochs=1"]


@pytest.fixture(scope="module")
def modules() -> Iterator[list[ModuleType]]:
    with imported("text_recognition", "satrn", "alphabet", "train", "generated_words", "models") as found:
        yield found


@pytest.fixture(scope="module")
def satrn(modules: list[ModuleType]) -> Any:
    return modules[0]


@pytest.fixture(scope="module")
def alphabet(modules: list[ModuleType]) -> Any:
    return modules[1]


@pytest.fixture(scope="module")
def program(modules: list[ModuleType]) -> Any:
    return modules[2]


@pytest.fixture(scope="module")
def words(modules: list[ModuleType]) -> Any:
    return modules[3].GeneratedWords


@pytest.fixture(scope="module")
def models(modules: list[ModuleType]) -> Any:
    return modules[4]


def small(satrn: Any) -> Any:
    torch.manual_seed(1)
    model = satrn.SATRN(satrn.Sizes(32, 2, 64, 1, 2, 0.0))
    return model.to(memory_format=torch.channels_last)


def images(count: int = 2) -> Any:
    return torch.randint(0, 256, (count, 3, 32, 100), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def parameters(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_model_has_the_published_sizes_and_the_flops_of_the_case(satrn: Any) -> None:
    """12 layers of encoder, 6 of decoder, 512 wide, 2048 within; 90 characters and an unknown one.

    A multiplication with its addition is two FLOP; the backward pass is counted as two forward ones.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = satrn.SATRN(satrn.Sizes()).eval()
        image, tokens = torch.empty(1, 3, 32, 100, dtype=torch.uint8), torch.zeros(1, 25, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        seen = model.encoded(image)
        scores = model.decoded(seen, tokens)
    assert scores.shape == (1, 25, 92)
    assert seen.shape == (1, 8 * 25, 512)
    case = load_case(CASES / "text_recognition" / "satrn.case.yaml", list(builtin_vendors()))
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)
    shallow = 3 * 9 * 256 + 2 * 256 + 256 * 9 * 512 + 2 * 512
    assert parameters(model.shallow) == shallow
    assert parameters(model.places) == 4 * (512 * 512 + 512)
    attention, norm = 4 * 512 * 512, 2 * 512
    convolutions = 512 * 2048 + 2048 * 9 + 2048 * 512 + 2 * (2048 + 2048 + 512)
    assert parameters(model.encoder) == 12 * (attention + convolutions + 2 * norm) + norm
    linear = 512 * 2048 + 2048 + 2048 * 512 + 512
    assert parameters(model.decoder) == 6 * (2 * attention + linear + 3 * norm)
    assert parameters(model) == 65_640_284


def test_a_character_is_read_from_those_before_it_alone(satrn: Any) -> None:
    model = small(satrn).eval()
    first, second = torch.tensor([[91, 1, 2, 3]] * 2), torch.tensor([[91, 1, 2, 7]] * 2)
    with torch.no_grad():
        one, other = model(images(), first), model(images(), second)
    assert torch.equal(one[:, :3], other[:, :3])
    assert not torch.allclose(one[:, 3], other[:, 3])


def test_reading_takes_the_likeliest_character_each_time(satrn: Any) -> None:
    model = small(satrn).eval()
    with torch.no_grad():
        model.classifier.bias[91] = -100.0  # never ends by itself
        read, _ = model.read(images(), 6)
        following = model(images(), torch.cat([torch.full((2, 1), 91), read], 1))[:, :-1].argmax(-1)
    assert read.shape == (2, 6)
    assert torch.equal(read, following)


def test_reading_ends_where_every_word_has(satrn: Any) -> None:
    model = small(satrn).eval()
    with torch.no_grad():
        model.classifier.bias[91] = 100.0
        read, sure = model.read(images(), 6)
    assert (read.tolist(), sure.tolist()) == ([[91], [91]], [0, 0])


def test_how_sure_a_reading_is_says_the_mean_chance_of_its_characters(satrn: Any) -> None:
    model = small(satrn).eval()
    with torch.no_grad():
        read, sure = model.read(images(), 6)
        chances = model(images(), torch.cat([torch.full((2, 1), 91), read], 1))[:, :-1].softmax(-1).amax(-1)
    for tokens, chance, expected in zip(read.tolist(), chances, sure, strict=True):
        length = [*tokens, 91].index(91)
        assert expected == pytest.approx(chance[:length].mean().item() if length else 0)


def test_a_decoder_drops_out_after_its_two_layers_and_not_between(satrn: Any) -> None:
    layer = satrn.DecoderLayer(satrn.Sizes(16, 2, 32, dropout=0.1))
    nn = torch.nn
    assert [type(part) for part in layer.feedforward] == [nn.Linear, nn.GELU, nn.Linear, nn.Dropout]


def test_the_places_of_rows_and_columns_are_told_apart(satrn: Any) -> None:
    """Without them, a map whose parts are all the same would look the same everywhere."""
    torch.manual_seed(1)
    placed = satrn.AdaptivePlaces(16)(torch.ones(1, 3, 4, 16))
    assert placed.shape == (1, 3, 4, 16)
    assert len(placed.flatten(0, 2).unique(dim=0)) == 12


def test_sinusoids_are_those_of_the_transformer(satrn: Any) -> None:
    places = satrn.sinusoids(3, 4)
    assert places[0].tolist() == [0, 1, 0, 1]
    assert places[2].tolist() == pytest.approx([0.909297, -0.416147, 0.019999, 0.999800], abs=1e-6)


def test_maps_stay_channels_last_through_all_convolutions(satrn: Any) -> None:
    model, seen = small(satrn), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: seen.append(output))
    model(images().contiguous(memory_format=torch.channels_last), torch.full((2, 3), 91))
    assert len(seen) == 2 + 3
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in seen)


def test_words_become_numbers_and_words_again(alphabet: Any) -> None:
    assert len(set(alphabet.CHARACTERS)) == 90
    assert alphabet.encoded("a1", 5) == [91, 10, 1, 91, 92, 92]
    assert alphabet.encoded("É", 2) == [91, 90, 91]
    numbers = torch.tensor([alphabet.encoded(word, 8) for word in ("Hello", "", "don't", "toolongaword")])
    assert alphabet.words(numbers[:, 1:]) == ["Hello", "", "don't", "toolonga"]


@pytest.mark.parametrize(
    ("word", "compared"), [("Don't", "dont"), ("E-MAIL", "email"), ("50%", "50"), ("中A", "中a"), ("!?", "")]
)
def test_case_and_symbols_are_not_compared(alphabet: Any, word: str, compared: str) -> None:
    assert alphabet.folded(word) == compared


def test_word_accuracy_counts_whole_words(program: Any, alphabet: Any) -> None:
    """Four of six: case and a symbol aside; not one with a character too few, or another one."""
    true = ["Hello", "it's", "WORD", "x", "abc", "abc"]
    read = ["hELLO", "its", "word", "x", "ab", "abd"]
    numbers = [torch.tensor([alphabet.encoded(word, 6) for word in words])[:, 1:] for words in (read, true)]
    assert program.right(*numbers) == 4
    assert program.right(numbers[0][:, :5], numbers[1]) == 4  # read no further than the longest word


def test_a_word_that_is_too_long_to_be_read_is_never_read_rightly(program: Any, alphabet: Any) -> None:
    true = torch.tensor([alphabet.encoded("toolong", 5), alphabet.encoded("full", 5)])[:, 1:]
    assert alphabet.words(true) == ["toolo", "full"]
    assert program.right(true, true) == 1


def test_the_evaluation_is_of_all_words(program: Any, words: Any) -> None:
    class Knowing:
        """Reads all words rightly but those that begin with the first character."""

        def __init__(self, source: Any) -> None:
            self.answers = iter([tokens[:, 1:].clone() for _, tokens in source.evaluation()])

        def read(self, images: Any, length: int) -> Any:
            read = next(self.answers)
            read[read[:, 0] == 0] = 91
            return read, torch.zeros(len(read))

    shape = {"height": 16, "width": 32, "length": 4, "longest": 3, "kinds": 4}
    counts = {"batch_size": 2, "training_samples": 4, "evaluation_samples": 120}
    first = torch.cat([tokens[:, 1] for _, tokens in words(alone(), **counts, **shape).evaluation()])
    for cards in (1, 2):
        right = asked = 0.0
        for rank in range(cards):  # each with its part
            source = words(alone(rank, cards), **counts, **shape)
            value, samples = program.evaluate(Knowing(source), source, alone(rank, cards))
            right, asked = right + value * samples / 100, asked + samples
        assert (right, asked) == (pytest.approx((first != 0).sum().item()), 120)


def test_of_several_views_of_a_word_the_surest_reading_counts(program: Any, alphabet: Any) -> None:
    """Three words with two views each: read rightly in the first one, in the second, in both."""
    readings = torch.tensor([alphabet.encoded(word, 4)[1:] for word in ("ab", "x", "y", "cd", "ef", "ef")])
    words = torch.tensor([alphabet.encoded(word, 4) for word in ("ab", "cd", "ef")])

    class Source:
        def evaluation(self) -> Any:
            yield torch.zeros(6, 3, 16, 32, dtype=torch.uint8), words

    class Reading:
        def __init__(self, *sure: float) -> None:
            self.sure = torch.tensor(sure)

        def read(self, images: Any, length: int) -> Any:
            return readings, self.sure

    assert program.evaluate(Reading(0.9, 0.1, 0.2, 0.3, 0.5, 0.5), Source(), alone()) == (100, 3)
    assert program.evaluate(Reading(0.1, 0.9, 0.3, 0.2, 0.5, 0.5), Source(), alone()) == (pytest.approx(100 / 3), 3)


def test_a_few_steps_lower_the_loss(satrn: Any, words: Any) -> None:
    torch.set_num_threads(1)
    shape = {"height": 16, "width": 32, "length": 4, "longest": 3, "kinds": 4}
    source = words(alone(), batch_size=8, training_samples=8 * 30, evaluation_samples=1, **shape)
    model, losses = small(satrn), []
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for batch, tokens in source.training(0):
        scores = model(batch, tokens[:, :-1]).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(scores, tokens[:, 1:].flatten(), ignore_index=92)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"width": 60}, "--width 60 is no multiple of twice --heads 8"),
        ({"image_width": 600}, "--image-width 600: SATRN takes 4 to 512 pixels"),
        ({"length": 200}, "--length 200: SATRN reads 2 to 128 characters"),
    ],
)
def test_sizes_that_do_not_go_together_are_one_message(models: Any, option: dict[str, int], said: str) -> None:
    given = {"width": 512, "heads": 8, "height": 32, "image_width": 100, "length": 25}
    with pytest.raises(SystemExit, match=said):
        models.MODELS["satrn"](argparse.Namespace(**{**given, **option}))


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    settings = told({"name": "word_accuracy", "better": "higher", "target": 101.0})
    return run_on(2, "text_recognition", SMALL, tmp_path_factory.mktemp("satrn"), settings)


def test_two_ranks_evaluate_what_one_does_and_stay_the_same(
    program: Any, models: Any, launched: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *SMALL])
    args = program.arguments()
    torch.manual_seed(1)  # as the run does before the model is made
    model = models.MODELS["satrn"](args).eval()
    with torch.no_grad():
        found = program.evaluate(model, program.source(args, alone()), alone())
    assert [(rank["value"], rank["samples"]) for rank in launched.ranks] == [found] * 2
    assert [rank["steps"] for rank in launched.ranks] == [5, 5]
    assert launched.ranks[0]["weights"] == launched.ranks[1]["weights"]


def test_generated_words_are_named(launched: Ended) -> None:
    start = launched.event("start")
    assert (start.data, start.generator, start.versions["compile"]) == ("generated", "glyphs-1", False)
    assert launched.event("end").status == "target_missed"
