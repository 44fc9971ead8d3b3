"""AISHELL-1's layout, made here: read, trained on, and refused where something is missing or broken."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, told
from tests.training.conftest import events

torch = pytest.importorskip("torch")
needs("jiwer")
soundfile = pytest.importorskip("soundfile")

SIZES = ["--blocks=1", "--decoder-blocks=1", "--width=16", "--heads=2", "--hidden=32", "--kernel=5", "--workers=1"]
SIZES += ["--batch-size=2", "--epochs=1", "--warmup-epochs=0"]


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    with imported("speech_recognition", "train", "aishell") as (train, aishell):
        yield SimpleNamespace(train=train, aishell=aishell)


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


def test_aishell_is_trained_on_and_evaluated(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_aishell(tmp_path / "data_aishell")
    (tmp_path / "run.json").write_text(
        json.dumps(told({"name": "cer", "better": "lower", "target": -1.0}, data, precision="amp-bf16"))
    )
    monkeypatch.setenv("SIXDIM_RUN", str(tmp_path / "run.json"))
    monkeypatch.setattr("sys.argv", ["train.py", *SIZES, "--data", str(data), "--precision=amp-bf16"])
    program.train.main()
    found = {event.kind: event for event in events(capsys.readouterr().out)}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert found["evaluation"].samples == 6
    assert found["segment"].samples == 2
    assert found["end"].status == "target_missed"


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
    expected = 8000 * torch.sin(2 * math.pi * 1100 * torch.arange(14_545) / 16_000)
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
    text = "BAC009S0002W0122 而 对\n\nBAC009S0002W0123\n"  # an empty line is none
    (tmp_path / program.aishell.TRANSCRIPT).write_text(text, encoding="utf-8")
    assert "aishell_transcript_v0.8.txt, line 3: an utterance without a text: BAC009S0002W0123" in message()
