"""The views of novel view synthesis: the generated scene, and photographs in the two usual layouts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, run_here, told

torch = pytest.importorskip("torch")
needs("PIL")

FOLDER = "novel_view_synthesis"


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = ("generated_scene", "rays", "stored_views", "train")
    with imported(FOLDER, *names) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def generated(modules: SimpleNamespace) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        options = {"batch_size": 2, "rays": 50, "size": 40, "training_samples": 16, "views": 7, **changes}
        views = modules.generated_scene.GeneratedViews(alone(rank, world_size, seed), **options)
        views.evaluated_at_once = 1000
        return views

    return make


def test_generated_rays_never_come_twice(generated: Any) -> None:
    batches = [rays for rank in range(2) for epoch in range(2) for rays in generated(rank, 2).training(epoch)]
    assert len(batches) == 2 * 2 * 4
    assert batches[0].origins.shape == (2, 50, 3)
    for part in (torch.cat([rays.directions for rays in batches]), torch.cat([rays.colours for rays in batches])):
        assert len(part.view(-1, part.shape[-1]).unique(dim=0)) == 16 * 2 * 50


def test_generated_rays_are_those_of_their_seed(generated: Any) -> None:
    first, again, other = (next(iter(generated(seed=seed).training(3))) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.colours, other.colours)


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_each_evaluated_pixel_is_asked_once_whatever_the_cards(generated: Any, cards: int) -> None:
    asked = [part for rank in range(cards) for part in generated(rank, cards, seed=cards).evaluation()]
    counts = torch.bincount(torch.cat([view for view, _ in asked]), minlength=7)
    assert counts.tolist() == [1600] * 7
    colours, alone_ = (torch.cat([rays.colours for _, rays in part]) for part in (asked, generated().evaluation()))
    assert torch.equal(colours.unique(dim=0), alone_.unique(dim=0))


def test_whoever_knows_the_scene_is_wrong_by_the_noise_alone(modules: SimpleNamespace, generated: Any) -> None:
    """The ceiling: 30.1 dB. A white image has far less."""
    views = generated(views=4, size=64)

    def value(render: Any) -> float:
        return float(modules.train.evaluate(render, views, alone())[0])

    assert value(views.scene.seen) == pytest.approx(-20 * math.log10(1 / 32), abs=0.1)
    assert value(lambda origins, _: torch.zeros(len(origins), 4)) < 15


def test_a_ball_is_seen_where_it_stands(modules: SimpleNamespace) -> None:
    scene = modules.generated_scene.Scene(1, torch.device("cpu"))
    centre, radius = scene.centres[0], scene.radii[0]
    up = torch.tensor([0.0, 0, 1])
    side = torch.tensor([1.0, 0, 0])
    origins = torch.stack(
        [centre + 3 * up, centre + 3 * up + 0.99 * radius * side, centre + 3 * up + 1.01 * radius * side]
    )
    seen = scene.seen(origins, (-up).expand(3, 3))
    assert seen[:, 3].tolist() == [1, 1, 0]
    pattern = 1 + 0.25 * math.sin(float((centre + radius * up) @ scene.waves[0]))
    expected = scene.colours[0] * (0.7 + 0.3 * 0.8) * pattern
    assert torch.allclose(seen[0, :3], expected, atol=1e-4)


def test_a_camera_looks_along_its_axis(modules: SimpleNamespace) -> None:
    """-z is ahead, x to the right, y up; the middle of the image is straight ahead."""
    camera = modules.rays.Camera(8, 6, 4.0, 4.0, 4.0, 3.0)
    pose = torch.eye(4)[:3].clone()
    pose[:, 3] = torch.tensor([1.0, 2, 3])
    origins, directions = camera.rays(pose.expand(3, 3, 4), torch.tensor([4.0, 8, 4]), torch.tensor([3.0, 3, 7]))
    assert origins[0].tolist() == [1, 2, 3]
    root = 0.5**0.5
    assert torch.allclose(directions, torch.tensor([[0, 0, -1], [root, 0, -root], [0, -root, -root]]))


def test_generated_cameras_look_at_the_middle(modules: SimpleNamespace) -> None:
    poses = modules.generated_scene.around(torch.rand(9), torch.rand(9))
    rotation, place = poses[..., :3], poses[..., 3]
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3).expand(9, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(9), atol=1e-5)
    assert torch.allclose(-rotation[..., 2] * 2.5, -place, atol=1e-5)
    assert (place[:, 2] >= 0).all()


def photographs(root: Path, name: str, count: int, alpha: bool, **described: Any) -> None:
    """Frames in a file of cameras, with images of 10 x 8 pixels, all red, half of them seen through."""
    from PIL import Image

    frames = []
    for index in range(count):
        matrix = [[1, 0, 0, 0.3], [0, 1, 0, 0.1 * index], [0, 0, 1, 4.0], [0, 0, 0, 1]]
        frames.append(
            {"file_path": f"./images/{name}_{index:04}" + ("" if alpha else ".jpg"), "transform_matrix": matrix}
        )
        path = root / (frames[-1]["file_path"] + (".png" if alpha else ""))
        path.parent.mkdir(exist_ok=True)
        Image.new("RGBA" if alpha else "RGB", (10, 8), (255, 0, 0, 51) if alpha else (255, 0, 0)).save(path)
    (root / f"{name}.json").write_text(json.dumps({"frames": frames, **described}))


def stored(modules: SimpleNamespace, root: Path) -> Any:
    options = {"scale": 0.5, "workers": 2, "batch_size": 1, "rays": 30, "training_samples": 4}
    return modules.stored_views.stored_views(root, alone(), **options)


def test_one_file_of_cameras_holds_every_eighth_photograph_out(modules: SimpleNamespace, tmp_path: Path) -> None:
    photographs(tmp_path, "transforms", 10, alpha=False, fl_x=20.0, fl_y=24.0, cx=11.0, cy=9.0, w=20, h=16)
    views = stored(modules, tmp_path)
    assert (len(views._images), views.views, views.pixels) == (8, 2, 80)
    assert views.camera == (10, 8, 10.0, 12.0, 5.5, 4.5)  # of images half as large
    assert torch.cat([view for view, _ in views.evaluation()]).tolist() == [0] * 80 + [1] * 80
    rays = next(iter(views.training(0)))
    assert (rays.origins.shape, rays.colours.shape) == ((1, 30, 3), (1, 30, 4))
    assert rays.origins[0, 0, [0, 2]].tolist() == pytest.approx([0.15, 2.0])
    assert rays.colours[0, 0].tolist() == pytest.approx([1, 0, 0, 1], abs=0.02)


def test_photographs_that_are_named_and_not_there_are_left_out(
    modules: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in fox, which names 67 photographs and holds 50; every eighth of these is evaluated."""
    photographs(tmp_path, "transforms", 12, alpha=False, camera_angle_x=0.8)
    for number in (0, 5):
        (tmp_path / "images" / f"transforms_{number:04}.jpg").unlink()
    views = stored(modules, tmp_path)
    assert (len(views._images), views.views) == (8, 2)
    assert views._held_out_poses[:, 1, 3].tolist() == pytest.approx([0.05 * 1, 0.05 * 10])
    assert f"{tmp_path}: 2 of 12 images are missing, left out" in capsys.readouterr().err
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    with pytest.raises(SystemExit, match="0 images to train on and 0 to evaluate"):
        stored(modules, tmp_path)


def test_files_of_both_parts_are_those_of_nerf_synthetic(modules: SimpleNamespace, tmp_path: Path) -> None:
    photographs(tmp_path, "transforms_train", 3, alpha=True, camera_angle_x=2 * math.atan(0.5))
    photographs(tmp_path, "transforms_test", 26, alpha=True, camera_angle_x=2 * math.atan(0.5))
    views = stored(modules, tmp_path)
    assert (len(views._images), views.views) == (3, 2)
    assert views.camera.focal_x == pytest.approx(10.0)
    assert next(iter(views.training(0))).colours[0, 0].tolist() == pytest.approx([0.2, 0, 0, 0.2])


def test_photographs_are_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs(tmp_path, "transforms", 9, alpha=False, camera_angle_x=0.8)
    arguments = [f"--data={tmp_path}", "--batch-size=2", "--epoch-samples=6", "--epochs=4", "--rays=32", "--cells=8"]
    arguments += ["--places=8", "--candidates=16", "--levels=2", "--log2-entries=8", "--finest=24", "--width=16"]
    seen = run_here(FOLDER, arguments, told(data=tmp_path), tmp_path, monkeypatch, capsys)
    evaluations = [event for event in seen if event.kind == "evaluation"]
    assert seen[0].data == "real"
    assert {event.samples for event in evaluations} == {2}
    assert evaluations[-1].value > evaluations[0].value


def test_an_epoch_without_a_step_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs(tmp_path, "transforms", 9, alpha=False, camera_angle_x=0.8)
    arguments = [f"--data={tmp_path}", "--batch-size=2", "--epoch-samples=1"]
    with pytest.raises(SystemExit, match=r"train.py: an epoch of 1 samples has no step of 1 cards with 2 each"):
        run_here(FOLDER, arguments, told(data=tmp_path), tmp_path, monkeypatch, capsys)


def test_what_is_missing_or_broken_is_named(modules: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"transforms.json: No such file"):
        stored(modules, tmp_path)
    photographs(tmp_path, "transforms", 9, alpha=False)
    with pytest.raises(SystemExit, match="neither fl_x nor camera_angle_x"):
        stored(modules, tmp_path)
    (tmp_path / "images" / "transforms_0003.jpg").write_text("no image")
    with pytest.raises(SystemExit, match=r"transforms_0003.jpg: no image that can be read"):
        stored(modules, tmp_path)
    (tmp_path / "transforms.json").write_text('{"frames": [{"file_path": "a", "transform_matrix": [[1]]}]}')
    with pytest.raises(SystemExit, match=r"transforms.json: not a file of cameras .*must be 4 x 4"):
        stored(modules, tmp_path)
