"""Clips that Tacotron 2 speaks: generated ones, and those of LJSpeech."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, run_here, told

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")
soundfile = pytest.importorskip("soundfile")
needs("transformers")

FOLDER = "speech_synthesis"
METRIC = {"name": "validation_loss", "better": "lower", "target": -1.0}


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = ("train", "tacotron2", "generated_clips", "recorded_clips")
    with imported(FOLDER, *names) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


def made(modules: Any, *, longest: int = 40, count: int = 4, place: Any = None, **sizes: Any) -> Any:
    options = {"batch_size": count, "training_samples": 5 * count * 2, "evaluation_samples": 120}
    run = place or alone()
    return modules.generated_clips.GeneratedClips(run, **options, longest=longest, **{"bins": 8, **sizes})


def test_generated_clips_are_never_the_same_twice_and_those_of_their_seed(modules: Any) -> None:
    mels = []
    for rank in range(2):
        source = made(modules, place=alone(rank=rank, world_size=2))
        mels += [batch.mels for epoch in range(2) for batch in source.training(epoch)]
    whole = torch.cat(mels).flatten(1)
    assert len(whole.unique(dim=0)) == len(whole) == 2 * 2 * 5 * 4
    first, again, other = (next(iter(made(modules, place=alone(seed=seed)).training(0))).mels for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("cards", [2, 3])
def test_each_clip_is_evaluated_once_whatever_the_cards(modules: Any, cards: int) -> None:
    def evaluated(rank: int, world_size: int) -> Any:
        source = made(modules, place=alone(rank=rank, world_size=world_size))
        return torch.cat([torch.zeros(0, 40, 8), *(batch.mels for batch in source.evaluation())]).flatten(1)

    parts = torch.cat([evaluated(rank, cards) for rank in range(cards)])
    assert torch.equal(parts.unique(dim=0), evaluated(0, 1).unique(dim=0))
    assert len(parts) == 120


def test_a_clip_is_as_long_as_its_symbols_last(modules: Any) -> None:
    clips = next(iter(made(modules, longest=200, count=50).training(0)))
    assert torch.equal(clips.lengths, (clips.symbols > 0).sum(1))
    assert torch.equal(clips.frames, ((4 + clips.symbols % 5) * (clips.symbols > 0)).sum(1))
    assert clips.frames.max() <= 200
    assert clips.frames.min() > 100 - 8
    beyond = torch.arange(200) >= clips.frames.unsqueeze(1)
    assert clips.mels[beyond].abs().max() == 0
    assert (clips.mels[~beyond] != 0).all()


def test_a_symbol_sounds_as_it_always_does_under_the_noise(modules: Any) -> None:
    source = made(modules, longest=20)
    symbols = torch.tensor([[3, 6, 0, 0]])  # of 7 and 5 frames
    known = source.known(symbols)
    assert torch.equal(known[0, :7], source.spectra[3].expand(7, -1))
    assert torch.equal(known[0, 7:12], source.spectra[6].expand(5, -1))
    clips = next(iter(made(modules, longest=200, count=50).training(0)))
    there = torch.arange(200) < clips.frames.unsqueeze(1)
    noise = (clips.mels - made(modules, longest=200).known(clips.symbols))[there]
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("sees", "value"), [("the text", 0.136), ("what was said before", 0.389), ("nothing", 1.66)])
def test_the_best_that_can_be_done(modules: Any, sees: str, value: float) -> None:
    """At full size. Who hears the clip alone is wrong where a symbol begins; the end is taken as known to all."""
    options = {"batch_size": 1, "training_samples": 1, "evaluation_samples": 100}
    source = modules.generated_clips.GeneratedClips(alone(), **options)

    def model(symbols: Any, _: Any, mels: Any) -> Any:
        lasting = source.durations[symbols] * (symbols > 0)
        frame, ends = torch.arange(mels.shape[1]), lasting.cumsum(1)
        known = source.known(symbols)
        if sees != "the text":
            begun = torch.zeros(len(mels), mels.shape[1] + 1).scatter_(1, ends - lasting, 1.0)[:, :-1].bool()
            known = known.masked_fill((begun if sees != "nothing" else torch.ones_like(begun)).unsqueeze(2), 0)
        ended = torch.where(frame >= lasting.sum(1, keepdim=True) - 1, 30.0, -30.0)
        return modules.tacotron2.Said(known, known, ended)

    assert modules.train.evaluate(model, source, alone()) == (pytest.approx(value, rel=0.02), 100)


def test_clips_too_short_for_a_symbol_are_refused(modules: Any) -> None:
    with pytest.raises(ValueError, match="clips of 17 frames are too short: 18 are needed"):
        made(modules, longest=17)


def write_clips(root: Path, count: int) -> Path:
    """A data set in LJSpeech's layout: tones of between 0.1 and 0.2 s."""
    (root / "wavs").mkdir(parents=True)
    lines = []
    for index in range(count):
        name, samples = f"LJ001-{index:04}", 2205 + 441 * (index % 5)
        wave = 0.3 * np.sin(2 * np.pi * (200 + 50 * index) * np.arange(samples) / 22_050)
        soundfile.write(root / "wavs" / f"{name}.wav", wave, 22_050)
        lines.append(f"{name}|Tone {index}|Tone number {'one' * (index % 3 + 1)}.")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_texts_become_symbols(modules: Any) -> None:
    symbols_of, characters = modules.recorded_clips.symbols_of, modules.recorded_clips.CHARACTERS
    spelled = "".join(characters[symbol] for symbol in symbols_of("Café, “No. 5” [at_last]?"))
    assert spelled == "cafe, no.  atlast?"
    assert len(characters) + 84 == modules.tacotron2.SYMBOLS


def test_mels_are_known_for_a_tone(modules: Any) -> None:
    """Slaney's mel 15 is 1000 Hz and the 82 edges are 0.5586 mel apart: near it is bin 26.

    The tone is 46 times the transform's step: a Hann window spreads it over three places, half, whole and half.
    """
    wave = 0.5 * torch.sin(2 * math.pi * 46 * torch.arange(22_050) / 1024)
    mels = modules.recorded_clips.Mels()(wave)
    assert mels.shape == (22_050 // 256 + 1, 80)
    assert (mels[4:-4].argmax(1) == 26).all()
    magnitudes = (mels[40].exp() * 0.5 * torch.tensor(edges_apart())).sum()
    assert magnitudes.item() == pytest.approx(2 * (0.5 / 2 * 512), rel=0.01)
    assert modules.recorded_clips.Mels()(torch.zeros(2048)).unique().tolist() == [pytest.approx(math.log(1e-5))]


def edges_apart() -> list[float]:
    """Hz between the outer edges of each of the 80 bins: a triangle's area is 1."""

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)

    step = (15 + math.log(8) / math.log(6.4) * 27) / 81
    return [hertz(step * (place + 2)) - hertz(step * place) for place in range(80)]


def test_clips_on_disk_are_read_and_some_held_out(modules: Any, tmp_path: Path) -> None:
    root = write_clips(tmp_path / "LJSpeech-1.1", 7)
    source = modules.recorded_clips.ljspeech(root, alone(), batch_size=2, workers=0)
    batch = next(iter(source.training(0)))
    assert (source.steps, batch.symbols.shape[1] % 16, batch.mels.shape[1:]) == (3, 0, (64, 80))
    (held,) = source.evaluation()
    assert held.frames.tolist() == [2205 // 256 + 1]
    assert held.lengths.tolist() == [len("tone number one.")]
    assert held.mels[0, held.frames[0] :].abs().max() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "metadata.csv: no such file; --data is to be the folder LJSpeech-1.1"),
        ("LJ001-0001|one\n", "metadata.csv, line 1: not name|text|text as it is spoken: 'LJ001-0001|one'"),
        ("LJ001-0001|one|one\nLJ001-0002|5|5\n", "metadata.csv, line 2: not name"),
    ],
)
def test_a_broken_list_is_named(modules: Any, tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(SystemExit) as ended:
        modules.recorded_clips.ljspeech(tmp_path, alone(), batch_size=1, workers=0)
    assert message in str(ended.value)


def test_a_wave_that_does_not_fit_is_named(modules: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "slow.wav", np.zeros(4000), 16_000)
    with pytest.raises(
        ValueError, match=r"slow.wav: 1 channel\(s\) at 16000 Hz, 4000 samples; one channel at 22050 Hz"
    ):
        modules.recorded_clips.read(tmp_path / "slow.wav")
    with pytest.raises(ValueError, match=r"none.wav: cannot be read"):
        modules.recorded_clips.read(tmp_path / "none.wav")


def test_the_program_trains_on_clips_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_clips(tmp_path / "LJSpeech-1.1", 13)
    options = ["--data", str(root), "--batch-size=2", "--width=16", "--recurrent=16", "--prenet=8", "--workers=1"]
    seen = run_here(FOLDER, [*options, "--epochs=1"], told(METRIC, root), tmp_path, monkeypatch, capsys)
    found = {event.kind: event for event in seen}
    assert found["start"].data == "real"
    assert found["evaluation"].samples == 1
    assert found["end"].status == "target_missed"
