"""Volumes of KiTS19 as the 3D U-Net's program reads them: a tiny set in the layout of MLPerf's preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported, run_here, told

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

SHAPE = (36, 40, 28)  # smaller than a crop on one axis


@pytest.fixture(scope="module")
def volumes() -> Iterator[ModuleType]:
    with imported("volume_segmentation", "kits_volumes") as (module,):
        yield module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten cases: a kidney of 6x6x6 voxels, brighter, with a tumour of 2x2x2 in its corner, darker."""
    generator = np.random.default_rng(1)
    for number in range(10):
        x, y = generator.normal(-1, 0.1, (1, *SHAPE)).astype(np.float32), np.zeros((1, *SHAPE), np.uint8)
        kidney, tumour = np.s_[0, 20:26, 30:36, 5:11], np.s_[0, 20:22, 30:32, 5:7]
        x[kidney], y[kidney] = 1, 1
        x[tumour], y[tumour] = -2, 2
        np.save(tmp_path / f"case_{number:05}_x.npy", x)
        np.save(tmp_path / f"case_{number:05}_y.npy", y)
    return tmp_path


def numbers(cases: list[Any]) -> list[int]:
    return [case.number for case in cases]


def test_every_fifth_case_is_held_out(volumes: ModuleType, root: Path) -> None:
    trained, held_out = volumes.kits_cases(root)
    assert (numbers(held_out), numbers(trained)) == ([0, 5], [1, 2, 3, 4, 6, 7, 8, 9])


@pytest.mark.parametrize("text", ["00002\n00007\n", "case_00007\ncase_00002"])
def test_a_list_says_which_cases_are_held_out(volumes: ModuleType, root: Path, text: str) -> None:
    (root / "evaluation_cases.txt").write_text(text)
    trained, held_out = volumes.kits_cases(root)
    assert numbers(held_out) == [2, 7]
    assert len(trained) == 8


def test_crops_have_one_size_and_voxels_keep_their_labels(volumes: ModuleType, root: Path) -> None:
    torch.manual_seed(1)
    crops, seen = volumes.Crops(volumes.kits_cases(root)[0], 32), []
    for index in range(len(crops)):
        crop, labels = crops[index]
        assert (crop.shape, crop.dtype, labels.shape, labels.dtype) == (
            (1, 32, 32, 32),
            torch.float32,
            (1, 32, 32, 32),
            torch.uint8,
        )
        kidney = crop[labels == 1]
        assert kidney.numel() == 0 or 0.6 < kidney.mean() < 1.4
        assert (crop[labels == 2] < -1).all()
        seen.append(crop)
    assert len(torch.stack(seen).flatten(1).unique(dim=0)) == len(seen)


def test_crops_favour_kidney_and_tumour(volumes: ModuleType, root: Path) -> None:
    """A crop of 4^3 of this volume rarely meets the kidney by chance; two in five surely do."""
    torch.manual_seed(1)
    crops = volumes.Crops(volumes.kits_cases(root)[0][:1], 4)
    share = sum(bool(crops[0][1].any()) for _ in range(200)) / 200
    assert 0.3 < share < 0.5


def test_ranks_share_crops_and_evaluate_each_volume_once(volumes: ModuleType, root: Path) -> None:
    options = {"batch_size": 2, "size": 32, "passes": 3, "workers": 0}
    ranks = [volumes.kits_volumes(root, alone(rank, 2), **options) for rank in range(2)]
    assert {source.steps for source in ranks} == {3 * 8 // (2 * 2)}
    whole = [volume for source in ranks for volume, _ in source.evaluation()]
    assert [volume.shape for volume in whole] == [(1, 1, *SHAPE)] * 2
    crops, labels = next(iter(ranks[0].training(0)))
    assert crops.shape == labels.shape == (2, 1, 32, 32, 32)


def no_labels(root: Path) -> str:
    (root / "case_00003_y.npy").unlink()
    return "case_00003_y.npy"


def cut_off(root: Path) -> str:
    path = root / "case_00004_x.npy"
    path.write_bytes(path.read_bytes()[:5000])
    return "case_00004_x.npy"


def other_shape(root: Path) -> str:
    np.save(root / "case_00001_y.npy", np.zeros((1, 5, 5, 5), np.uint8))
    return "case_00001_x.npy.*must both be 1 x D x H x W"


def no_whole_numbers(root: Path) -> str:
    np.save(root / "case_00001_y.npy", np.zeros((1, *SHAPE), np.float32))
    return "case_00001_y.npy: labels must be whole numbers, and are float32"


def unknown_case(root: Path) -> str:
    (root / "evaluation_cases.txt").write_text("00002\n00077\n")
    return r"evaluation_cases.txt names cases that are not there: \[77\]"


def nothing(root: Path) -> str:
    for path in root.glob("*.npy"):
        path.unlink()
    return "holds no case_"


@pytest.mark.parametrize("broken", [no_labels, cut_off, other_shape, no_whole_numbers, unknown_case, nothing])
def test_what_is_missing_or_broken_is_named(volumes: ModuleType, root: Path, broken: Any) -> None:
    expected = broken(root)
    with pytest.raises(SystemExit, match=f"--data: .*{expected}"):
        volumes.kits_volumes(root, alone(), batch_size=1, size=32, passes=1, workers=0)


def test_an_unknown_label_is_named(volumes: ModuleType, root: Path) -> None:
    np.save(root / "case_00001_y.npy", np.full((1, *SHAPE), 3, np.uint8))
    with pytest.raises(ValueError, match=r"case_00001_y.npy: a label is 3; known are 0, 1 and 2"):
        volumes.Crops(volumes.kits_cases(root)[0], 32)[0]


def test_the_program_trains_on_a_data_set(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("monai")
    arguments = ["--data", str(root), "--filters", "2", "2", "2", "--size", "32", "--batch-size", "2"]
    arguments += ["--workers", "1", "--passes", "3", "--epochs", "1", "--precision", "amp-bf16"]
    settings = told(data=root, precision="amp-bf16")
    seen = run_here("volume_segmentation", arguments, settings, root, monkeypatch, capsys)
    found = {event.kind: event for event in seen}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert found["evaluation"].samples == 2
    assert found["segment"].samples == 2
    assert found["end"].status == "target_missed"


@pytest.mark.parametrize(
    ("stored", "option", "message"),
    [
        (True, "--passes=1", "the data set has 8 samples to train on: no step of 1 cards with 9 each"),
        (False, "--epoch-samples=8", "an epoch of 8 samples has no step of 1 cards with 9 each"),
        (False, "--volume-size=33", "an edge of 33 and a window of 64 are not possible"),
    ],
)
def test_data_that_cannot_be_trained_on_are_told_in_one_line(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stored: bool,
    option: str,
    message: str,
) -> None:
    pytest.importorskip("monai")
    data = root if stored else None
    arguments = [f"--data={data or 'generated'}", "--size=64", "--batch-size=9", "--workers=0", option]
    with pytest.raises(SystemExit, match=rf"train\.py: .*{message}"):
        run_here("volume_segmentation", arguments, told(data=data, batch_size=9), root, monkeypatch, capsys)
