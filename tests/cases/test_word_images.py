"""Images of words in MMOCR's layout, made here: read, trained on, and refused where something is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, told
from tests.training.conftest import events

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")
needs("numpy")

FOLDERS = {
    "Syn90k": ("label.txt", "mnt/ramdisk/max/90kDICT32px/"),
    "SynthText": ("label.txt", "synthtext/SynthText_patch_horizontal/"),
    "icdar_2015": ("test_label.txt", ""),
}
WORDS = ["Slinking", "it's", "MOCHA", "10%", "a", "B&B"]


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with imported("text_recognition", "word_images") as (found,):
        yield found


def mixture(root: Path, words: list[str] = WORDS) -> Path:
    for name, (labels, images) in FOLDERS.items():
        lines = []
        for index, word in enumerate(words):
            path = root / name / images / f"{index % 2}" / f"word_{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (60 + index, 31), (40 * index, 100, 50)).save(path)
            lines.append(f"{index % 2}/word_{index}.jpg {word}\n")
        (root / name / labels).write_text("".join(lines))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return mixture(tmp_path / "mixture")


def stored(module: ModuleType, root: Path, rank: int = 0, world_size: int = 1) -> Any:
    sets = {"trained": ["Syn90k", "SynthText"], "evaluated": "icdar_2015"}
    return module.word_images(root, alone(rank, world_size), **sets, batch_size=2, workers=0)


def words_of(batches: Any) -> list[str]:
    with imported("text_recognition", "alphabet") as (alphabet,):
        return sorted(word for _, tokens in batches for word in alphabet.words(tokens[:, 1:]))


def test_images_and_words_are_those_of_the_files(module: ModuleType, root: Path) -> None:
    source = stored(module, root)
    images, tokens = next(iter(source.training(0)))
    assert (images.shape, images.dtype, tokens.shape) == ((2, 3, 32, 100), torch.uint8, (2, 26))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert source.steps == 6
    assert words_of(source.training(0)) == sorted(2 * WORDS)
    assert words_of(source.evaluation()) == sorted(WORDS)
    (red, green, blue) = next(iter(source.evaluation()))[0][3].float().mean((1, 2)).tolist()
    assert (red, green, blue) == pytest.approx((40, 100, 50), abs=3)


def test_an_image_that_is_high_is_evaluated_upright_and_turned_either_way(module: ModuleType, root: Path) -> None:
    """Its upper half is white: the left one after a quarter turn to the left. Others are there three times."""
    high = Image.new("RGB", (20, 60))
    high.paste((255, 255, 255), (0, 0, 20, 30))
    high.save(root / "icdar_2015" / "0" / "word_0.jpg")
    images, words = next(iter(stored(module, root).evaluation()))
    assert (images.shape, len(words)) == ((6, 3, 32, 100), 2)
    assert images.is_contiguous(memory_format=torch.channels_last)
    white = images[:3].float().mean(1) > 127
    corners = white[:, ::31, ::99].flatten(1).int().tolist()  # upper left, upper right, lower left, lower right
    assert corners == [[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert (images[3:] == images[3]).all()


def test_no_image_is_turned_in_training(module: ModuleType, root: Path) -> None:
    for path in root.rglob("*.jpg"):
        Image.new("RGB", (20, 60)).save(path)
    assert [len(images) for images, _ in stored(module, root).training(0)] == [2] * 6


def test_ranks_share_the_images(module: ModuleType, root: Path) -> None:
    parts = [stored(module, root, rank, 3) for rank in range(3)]
    assert sorted(word for part in parts for word in words_of(part.evaluation())) == sorted(WORDS)
    assert words_of(batch for part in parts for batch in part.training(0)) == sorted(2 * WORDS)


def test_lines_may_be_empty_and_the_last_without_its_end(module: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_bytes(b"a/b.jpg Word\r\n\r\n\n./c.jpg two words")
    lines = module.LabelFile(tmp_path / "label.txt")
    assert [lines[index] for index in range(len(lines))] == [("a/b.jpg", "Word"), ("./c.jpg", "two words")]


def test_the_program_trains_on_them_and_evaluates_each_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = ["--width=16", "--heads=2", "--feedforward=32", "--encoder-layers=1", "--decoder-layers=1"]
    more = [f"--data={root}", "--training-sets", "Syn90k", "SynthText", "--batch-size=2", "--epochs=1", "--workers=1"]
    run = told({"name": "word_accuracy", "better": "higher", "target": 101.0}, root, precision="amp-bf16")
    (root / "run.json").write_text(json.dumps(run))
    monkeypatch.setenv("SIXDIM_RUN", str(root / "run.json"))
    monkeypatch.setattr("sys.argv", ["train.py", *layers, *more, "--precision=amp-bf16"])
    with imported("text_recognition", "train") as (program,):
        program.main()
    found = {event.kind: event for event in events(capsys.readouterr().out)}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert (found["evaluation"].step, found["evaluation"].samples) == (6, 6)
    assert found["end"].status == "target_missed"


def test_a_missing_label_file_is_named(module: ModuleType, root: Path) -> None:
    (root / "SynthText" / "label.txt").unlink()
    with pytest.raises(SystemExit, match=r"SynthText/label\.txt: no label file with lines 'path word'"):
        stored(module, root)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_label_file_is_named(module: ModuleType, root: Path, text: str) -> None:
    (root / "icdar_2015" / "test_label.txt").write_text(text)
    with pytest.raises(SystemExit, match=r"icdar_2015/test_label\.txt: no "):
        stored(module, root)


def test_images_elsewhere_are_said_at_once(module: ModuleType, root: Path) -> None:
    (root / "Syn90k" / "mnt").rename(root / "Syn90k" / "images")
    with pytest.raises(SystemExit, match=r"its first image is not there: .*/90kDICT32px/0/word_0\.jpg"):
        stored(module, root)


def test_a_line_without_a_word_is_named(module: ModuleType, root: Path) -> None:
    with (root / "icdar_2015" / "test_label.txt").open("a") as file:
        file.write("0/word_7.jpg\n")
    with pytest.raises(RuntimeError, match=r"test_label\.txt: at byte \d+: not 'path word': b'0/word_7"):
        list(stored(module, root).evaluation())


def test_a_missing_image_is_named(module: ModuleType, root: Path) -> None:
    (root / "Syn90k" / FOLDERS["Syn90k"][1] / "1" / "word_3.jpg").unlink()
    with pytest.raises(RuntimeError, match=r"1/word_3\.jpg: no such image"):
        list(stored(module, root).training(0))


def test_training_leaves_out_what_cannot_be_read_and_says_so(
    module: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Syn90k as it is distributed has such images; the one after it is taken."""
    broken = root / "Syn90k" / FOLDERS["Syn90k"][1] / "1" / "word_3.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    read = words_of(stored(module, root).training(0))
    assert (read.count("a"), read.count("10%")) == (3, 1)
    assert f"{broken}: cannot be read" in capsys.readouterr().err


def test_an_evaluated_image_that_cannot_be_read_is_an_error(module: ModuleType, root: Path) -> None:
    (root / "icdar_2015" / "1" / "word_3.jpg").write_bytes(b"no image")
    with pytest.raises(RuntimeError, match=r"icdar_2015/1/word_3\.jpg: no image that can be read$"):
        list(stored(module, root).evaluation())


def test_training_gives_up_where_nothing_can_be_read(module: ModuleType, root: Path) -> None:
    for broken in (root / "Syn90k").rglob("*.jpg"):
        broken.write_bytes(b"no image")
    with pytest.raises(RuntimeError, match="no image that can be read, nor those before it"):
        list(stored(module, root).training(0))
