"""Generated speech for a recogniser, its error rate, and training on one rank and on two."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import Ended, alone, imported, needs, run_on, told

torch = pytest.importorskip("torch")
needs("jiwer")

CER = {"name": "cer", "better": "lower", "target": -1.0}
SIZES = ["--blocks=1", "--decoder-blocks=1", "--width=16", "--heads=2", "--hidden=32", "--kernel=5"]
SIZES += ["--batch-size=2", "--epochs=1", "--warmup-epochs=0"]
GENERATED = ["--characters=9", "--frames=64", "--longest=4", "--epoch-samples=20", "--evaluation-samples=70"]


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    names = ("train", "models", "generated_speech", "error_rate", "filterbanks", "recogniser")
    with imported("speech_recognition", *names) as modules:
        yield SimpleNamespace(**dict(zip(names, modules, strict=True)))


@pytest.fixture(scope="module")
def generated(program: Any) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        sizes = {"batch_size": 4, "characters": 9, "frames": 64, "longest": 4, "training_samples": 40}
        sizes |= {"evaluation_samples": 120, **changes}
        return program.generated_speech.GeneratedSpeech(alone(rank, world_size, seed), **sizes)

    return make


def test_no_utterance_comes_twice(generated: Any) -> None:
    parts = [batch.waves for rank in range(2) for epoch in range(2) for batch in generated(rank, 2).training(epoch)]
    assert len(torch.cat(parts).unique(dim=0)) == 2 * 2 * 5 * 4


def test_utterances_are_those_of_their_seed(generated: Any) -> None:
    first, again, other = (next(generated(seed=seed).training(3)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.waves, other.waves)


def test_each_evaluated_utterance_is_asked_once_whatever_the_cards(generated: Any) -> None:
    parts = [batch.waves for rank in range(3) for batch in generated(rank, 3, seed=3).evaluation()]
    assert len(torch.cat(parts)) == 120
    asked = torch.cat([batch.waves for batch in generated().evaluation()]).unique(dim=0)
    assert torch.equal(torch.cat(parts).unique(dim=0), asked)


def test_utterances_have_full_size_and_full_entropy(generated: Any) -> None:
    sizes = {"characters": 4230, "frames": 480, "longest": 16, "batch_size": 50, "training_samples": 50}
    speech = next(generated(**sizes).training(0))
    assert (speech.waves.shape, speech.waves.dtype, speech.characters.shape) == ((50, 77_040), torch.int16, (50, 16))
    assert (speech.counts.min().item(), speech.counts.max().item()) == (12, 16)
    frames = (speech.samples - 400) // 160 + 1
    assert (frames >= 420).all()
    assert (frames <= 480).all()
    assert speech.characters.max() > 4000
    waves = speech.waves[:, :67_200]  # all of it is speech
    share = torch.bincount((waves.flatten().long() + 32_768) // 64).float() / waves.numel()
    assert share.max() < 0.03  # of about 200 levels that are common
    assert waves.abs().max() < 32_767  # nothing is cut off


def test_texts_are_padded_and_waves_end_in_silence(generated: Any) -> None:
    for speech in generated().training(0):
        for wave, samples, text, count in zip(*speech, strict=True):
            assert (text[:count] > 0).all()
            assert (text[count:] == 0).all()
            assert (wave[samples + 160 :] == 0).all()
            assert wave[samples - 400 : samples].abs().max() > 100


def read_by_rule(program: Any, speech: Any, characters: int) -> list[list[int]]:
    """What somebody writes down who knows the sounds: the likeliest for every 10 ms, an initial and a final each."""
    initials = math.isqrt(characters - 1) + 1
    periods = program.generated_speech.sounds(2 * initials)
    texts = []
    for wave, samples in zip(speech.waves.float(), speech.samples, strict=True):
        places = wave[: samples // 160 * 160].view(-1, 160)
        heard = torch.unique_consecutive((places @ periods.T).argmax(1)).view(-1, 2)
        texts.append([1 + first * initials + last - initials for first, last in heard.tolist()])
    return texts


def test_whoever_knows_the_sounds_is_never_wrong(program: Any, generated: Any) -> None:
    """The ceiling, at full size: an error rate of 0 %. Whoever hears nothing is wrong in 100 %."""
    sizes = {"characters": 4230, "frames": 480, "longest": 16, "evaluation_samples": 100}
    for speech in generated(**sizes).evaluation():
        texts = [text[:count] for text, count in zip(speech.characters.tolist(), speech.counts.tolist(), strict=True)]
        wrong, asked = program.error_rate.errors(texts, read_by_rule(program, speech, 4230))
        assert (wrong, asked) == (0, int(speech.counts.sum()))
        assert program.error_rate.errors(texts, [[] for _ in texts]) == (asked, asked)


def test_every_character_has_its_own_sounds(program: Any) -> None:
    """4,230 characters are made of 66 initials and 66 finals."""
    periods = program.generated_speech.sounds(132)
    alike = periods @ periods.T / 160 - torch.eye(132)
    assert alike.abs().max() < 0.6
    assert 65**2 < 4230 <= 66**2


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--frames=60", "60 frames are too few for 4 characters: each needs 16"),
        ("--epoch-samples=1", "an epoch of 1 samples has no step of 1 cards with 2 each"),
        ("--kernel=4", "a kernel of 4 places has no middle"),
        ("--heads=3", "a width of 16 is no multiple of 3 heads"),
    ],
)
def test_options_that_do_not_go_together_are_one_message(
    program: Any, option: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *SIZES, *GENERATED, option])
    monkeypatch.setattr(program.train.loop, "begin", lambda *_, **__: alone())
    with pytest.raises(SystemExit, match=rf"^train\.py: {said}"):
        program.train.main()


def test_the_path_of_ctc_becomes_a_text(program: Any) -> None:
    path = torch.tensor([0, 3, 3, 0, 3, 5, 5, 0, 0])
    assert program.error_rate.collapsed(path) == [3, 3, 5]


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 0),
        ([1, 2, 3, 4], [1, 9, 3, 4], 1),  # substituted
        ([1, 2, 3, 4], [1, 3, 4], 1),  # deleted
        ([1, 2, 3, 4], [1, 2, 7, 3, 4], 1),  # inserted
        ([1, 2, 3, 4], [], 4),
        ([1, 2], [3, 4, 5, 6], 4),  # more errors than characters
    ],
)
def test_errors_are_the_fewest_changes(program: Any, said: list[int], heard: list[int], wrong: int) -> None:
    assert program.error_rate.errors([said], [heard]) == (wrong, len(said))


def test_errors_of_long_and_short_texts_are_added_up(program: Any) -> None:
    assert program.error_rate.errors([[1] * 8, [2, 3]], [[1] * 8, [3, 3]]) == (1, 10)


def test_the_learning_rate_warms_up_and_then_falls_with_the_root_of_time(program: Any) -> None:
    rates = [program.train.warmed(epoch, 25) for epoch in (0, 5, 25, 100, 10_000)]
    assert rates == pytest.approx([0, 0.2, 1, 0.5, 0.05])
    assert program.train.warmed(3, 0) == 1


def test_training_lowers_the_loss(program: Any, generated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *SIZES, "--dropout=0"])
    torch.manual_seed(1)
    model = program.models.MODELS["conformer"](9, program.train.arguments())
    bank, optimizer = program.filterbanks.Filterbanks(), torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for batch in generated(batch_size=8, training_samples=16 * 8).training(0):
        heard = model(*bank(batch.waves, batch.samples), batch.characters)
        loss = program.recogniser.hybrid_loss(heard, batch, ctc_weight=0.3, smoothing=0.1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_errors_of_all_ranks_are_those_of_one(program: Any, generated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model that hears something everywhere, wrong as it is."""
    monkeypatch.setattr("sys.argv", ["train.py", *SIZES])
    torch.manual_seed(1)
    model = program.models.MODELS["conformer"](9, program.train.arguments()).eval()
    model.output.bias.data[0] = -100.0
    bank = program.filterbanks.Filterbanks()

    def added(rank: int, cards: int) -> list[float]:
        run, parts = alone(rank, cards), []
        run.total = lambda value: parts.append(value) or 1
        with torch.no_grad():
            program.train.evaluate(model, bank, generated(rank, cards), run)
        return parts  # errors, characters, utterances

    one = added(0, 1)
    assert 0 < one[0] != one[1]
    assert one[2] == 120
    assert [sum(parts) for parts in zip(added(0, 2), added(1, 2), strict=True)] == one


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, "speech_recognition", [*SIZES, *GENERATED], tmp_path_factory.mktemp("conformer"), told(CER))


def test_two_ranks_hear_what_one_hears_and_end_with_the_same_weights(
    program: Any, generated: Any, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *SIZES])
    torch.manual_seed(1)  # as the run does before the model is made
    model = program.models.MODELS["conformer"](9, program.train.arguments()).eval()
    with torch.no_grad():
        speech = generated(evaluation_samples=70)
        value, _ = program.train.evaluate(model, program.filterbanks.Filterbanks(), speech, alone())
    assert value > 75  # nothing is learned yet
    assert [(rank["value"], rank["samples"]) for rank in ended.ranks] == [(pytest.approx(value, abs=0.5), 70)] * 2
    assert [rank["steps"] for rank in ended.ranks] == [5, 5]
    assert ended.ranks[0]["weights"] == ended.ranks[1]["weights"]


def test_the_start_says_what_made_the_speech(ended: Ended) -> None:
    start = ended.event("start")
    assert (start.data, start.generator) == ("generated", "syllables-1")
    assert "jiwer" in start.versions
