"""Speech for a recogniser, generated and of AISHELL-1, its error rate, and training on one rank and on two."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import Ended, alone, imported, run_on, told

torch = pytest.importorskip("torch")
pytest.importorskip("jiwer")
soundfile = pytest.importorskip("soundfile")

CER = {"name": "cer", "better": "lower", "target": -1.0}
SIZES = ["--blocks=1", "--decoder-blocks=1", "--width=16", "--heads=2", "--hidden=32", "--kernel=5", "--workers=1"]
SIZES += ["--batch-size=2", "--epochs=1", "--warmup-epochs=0"]
GENERATED = ["--characters=9", "--frames=64", "--longest=4", "--epoch-samples=20", "--evaluation-samples=70"]


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    names = ("train", "models", "generated_speech", "error_rate", "filterbanks", "recogniser", "aishell")
    with imported("speech_recognition", *names) as modules:
        yield SimpleNamespace(**dict(zip(names, modules, strict=True)))


@pytest.fixture(scope="module")
def generated(program: Any) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        sizes = {"batch_size": 4, "characters": 9, "frames": 64, "longest": 4, "training_samples": 40}
        sizes |= {"evaluation_samples": 120, **changes}
        return program.generated_speech.GeneratedSpeech(alone(rank, world_size, seed), **sizes)

    return make


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Ended]:
    directory = tmp_path_factory.mktemp("conformer")
    arguments = [*SIZES, *GENERATED]
    return {ranks: run_on(ranks, "speech_recognition", arguments, directory, told(CER)) for ranks in (1, 2)}


def test_no_utterance_comes_twice(generated: Any) -> None:
    parts = [batch.waves for rank in range(2) for epoch in range(2) for batch in generated(rank, 2).training(epoch)]
    assert len(torch.cat(parts).unique(dim=0)) == 2 * 2 * 5 * 4


def test_utterances_are_those_of_their_seed(generated: Any) -> None:
    first, again, other = (next(generated(seed=seed).training(3)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.waves, other.waves)


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_each_evaluated_utterance_is_asked_once_whatever_the_cards(generated: Any, cards: int) -> None:
    parts = [batch.waves for rank in range(cards) for batch in generated(rank, cards, seed=cards).evaluation()]
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


def test_too_many_characters_for_the_frames_are_refused(generated: Any) -> None:
    with pytest.raises(ValueError, match="60 frames are too few for 4 characters: each needs 16"):
        generated(frames=60)


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
    for batch in generated(batch_size=8, training_samples=20 * 8).training(0):
        heard = model(*bank(batch.waves, batch.samples), batch.characters)
        loss = program.recogniser.hybrid_loss(heard, batch, ctc_weight=0.3, smoothing=0.1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])


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


def test_an_untrained_model_is_far_from_the_target(ended: dict[int, Ended]) -> None:
    assert ended[1].ranks[0]["value"] > 75


def test_two_ranks_hear_what_one_hears(ended: dict[int, Ended]) -> None:
    (one,), two = ended[1].ranks, ended[2].ranks
    assert two[0]["value"] == two[1]["value"] == pytest.approx(one["value"], abs=0.5)
    assert {found["samples"] for found in (one, *two)} == {70}
    assert (one["steps"], two[0]["steps"]) == (10, 5)


def test_two_ranks_have_the_same_weights(ended: dict[int, Ended]) -> None:
    assert len({found["weights"] for found in ended[2].ranks}) == 1


def test_the_start_says_what_made_the_speech(ended: dict[int, Ended]) -> None:
    start = ended[2].event("start")
    assert (start.data, start.generator) == ("generated", "syllables-1")
    assert "jiwer" in start.versions


def data_aishell(root: Path, count: int = 6) -> Path:
    """A tiny set in the data set's layout: a speaker each for training and for the test."""
    lines = []
    generator = torch.Generator().manual_seed(1)
    for part, speaker in (("train", "S0002"), ("dev", "S0724"), ("test", "S0764")):
        folder = root / "wav" / part / speaker
        folder.mkdir(parents=True)
        for index in range(count):
            name = f"BAC009{speaker}W{index:04}"
            wave = (2000 * torch.randn(8000 + 1600 * index, generator=generator)).to(torch.int16)
            soundfile.write(folder / f"{name}.wav", wave.numpy(), 16_000)
            lines.append(f"{name} 而 对{' 楼市' * (index % 2)} 成{'新' if part == 'test' else '交'}")
        soundfile.write(folder / "without-a-text.wav", wave.numpy(), 16_000)
    (root / "transcript").mkdir()
    (root / "transcript" / "aishell_transcript_v0.8.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


def test_aishell_is_trained_on_and_evaluated(tmp_path: Path) -> None:
    data = data_aishell(tmp_path / "data_aishell")
    settings = told(CER, data, precision="amp-bf16")
    run = run_on(1, "speech_recognition", [*SIZES, "--data", str(data), "--precision=amp-bf16"], tmp_path, settings)
    assert run.event("start").data == "real"
    assert run.event("evaluation").samples == 6
    assert run.event("segment").samples == 2
    assert run.event("end").status == "target_missed"


def test_texts_of_aishell_become_tokens(program: Any, tmp_path: Path) -> None:
    """The characters are those that are trained on: 交, 对, 市, 成, 楼, 而 in this order; 新 is unknown."""
    speech, characters = program.aishell.aishell(data_aishell(tmp_path), alone(), batch_size=6, workers=0)
    assert (speech.steps, characters) == (1, 6)
    (batch,) = speech.evaluation()
    assert batch.characters.tolist()[:2] == [[6, 2, 4, 7, 0, 0, 0, 0], [6, 2, 5, 3, 4, 7, 0, 0]]
    assert batch.counts.tolist() == [4, 6, 4, 6, 4, 6]
    assert batch.samples.tolist() == [8000 + 1600 * index for index in range(6)]
    assert batch.waves.shape == (6, 400 + 160 * 128)
    (trained,) = speech.training(0)
    assert (trained.waves.dtype, trained.characters.max().item()) == (torch.int16, 6)


def test_ranks_share_aishell_and_evaluate_each_once(program: Any, tmp_path: Path) -> None:
    root, samples = data_aishell(tmp_path, 7), []
    for rank in range(2):
        speech, _ = program.aishell.aishell(root, alone(rank, 2), batch_size=2, workers=0)
        assert speech.steps == 1
        samples += [count for batch in speech.evaluation() for count in batch.samples.tolist()]
    assert sorted(samples) == [8000 + 1600 * index for index in range(7)]


def test_batches_of_all_ranks_are_alike_in_length_and_new_every_epoch(program: Any) -> None:
    samplers = [program.aishell.AlikeInLength(1000, alone(rank, 2), 4) for rank in range(2)]
    assert {len(sampler) for sampler in samplers} == {500}
    epochs = []
    for epoch in (0, 1, 0):
        parts = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            parts.append(torch.tensor(list(sampler)).view(-1, 4))
        steps = torch.cat(parts, dim=1)
        assert sorted(steps.flatten().tolist()) == list(range(1000))
        apart = (steps.max(1).values - steps.min(1).values).float().mean()
        assert apart < 30  # of 1000 lengths; by chance it were about 780
        assert (steps[:-1, 0] > steps[1:, 0]).any()
        epochs.append(steps)
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(epochs[0], epochs[1])


def test_speech_that_is_faster_is_shorter_and_higher(program: Any) -> None:
    wave = (8000 * torch.sin(2 * math.pi * 1000 * torch.arange(16_000) / 16_000)).to(torch.int16)
    changed = program.aishell.faster(wave, 1.1)
    assert (len(changed), changed.dtype) == (14_545, torch.int16)
    expected = 8000 * torch.sin(2 * math.pi * 1000 * torch.arange(14_545) / 14_545)  # in 1/1.1 of the time
    assert (changed - expected)[200:-200].abs().max() < 80
    assert program.aishell.faster(wave, 1.0) is wave


def test_a_broken_file_is_named(program: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"one\.wav: cannot be read"):
        program.aishell.read(path)
    soundfile.write(path, torch.zeros(4000).numpy(), 8000)
    with pytest.raises(ValueError, match=r"one\.wav: 1 channel\(s\) at 8000 Hz, 4000 samples; one channel at 16000 Hz"):
        program.aishell.read(path)


def test_what_is_missing_of_aishell_is_named(program: Any, tmp_path: Path) -> None:
    def message() -> str:
        with pytest.raises(SystemExit) as caught:
            program.aishell.aishell(tmp_path, alone(), batch_size=2, workers=0)
        return str(caught.value)

    assert (
        message() == f"{tmp_path / program.aishell.TRANSCRIPT}: no such file; --data is to be the folder data_aishell"
    )
    data_aishell(tmp_path)
    for file in (tmp_path / "wav" / "test").glob("*/*.wav"):
        file.unlink()
    assert "wav/test: no <speaker>/<utterance>.wav" in message()
    (tmp_path / program.aishell.TRANSCRIPT).write_text("BAC009S0002W0122 而 对\nBAC009S0002W0123\n", encoding="utf-8")
    assert "aishell_transcript_v0.8.txt, line 2: an utterance without a text: BAC009S0002W0123" in message()
