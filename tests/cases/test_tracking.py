"""What FairMOT's task is made of besides the network: generated videos, tracks, MOTA, MOT17's files."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs, run_here, told

torch = pytest.importorskip("torch")
for name in ("torchvision", "timm", "scipy", "motmetrics", "PIL"):
    needs(name)

NAMES = ("generated_clips", "tracking_accuracy", "tracker", "motion", "mot17", "letterbox", "frames")


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    with imported("multi_object_tracking", *NAMES) as found:
        yield Namespace(**dict(zip(NAMES, found, strict=True)))


def generated(modules: Any, rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
    options = {"batch_size": 4, "training_samples": 16, "evaluation_samples": 18, "clip": 5, "size": (64, 96)}
    options |= {"fields": (2, 3), "identities": 8, **changes}
    return modules.generated_clips.GeneratedFrames(alone(rank, world_size, seed), **options)


def test_generated_frames_are_those_of_their_seed_and_never_the_same_twice(modules: Any) -> None:
    frames = [
        batch.images for rank in range(2) for epoch in range(2) for batch in generated(modules, rank, 2).training(epoch)
    ]
    images = torch.cat(frames).flatten(1)
    assert len(images) == len(torch.unique(images, dim=0)) == 32
    first, again = (next(generated(modules, seed=1).training(3)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first.images, next(generated(modules, seed=2).training(3)).images)


@pytest.mark.parametrize("cards", [1, 2, 3])
def test_each_evaluated_frame_is_seen_once_whatever_the_cards_and_the_seed(modules: Any, cards: int) -> None:
    parts = [batch for rank in range(cards) for batch in generated(modules, rank, cards, seed=cards).evaluation()]
    places = [
        (clip, number)
        for batch in parts
        for clip, number in zip(batch.sequences.tolist(), batch.numbers.tolist(), strict=True)
    ]
    assert sorted(places) == [(clip, number) for clip in range(4) for number in range(5)][:18]
    ours = torch.cat([batch.images for batch in parts]).flatten(1).unique(dim=0)
    assert torch.equal(
        ours, torch.cat([batch.images for batch in generated(modules).evaluation()]).flatten(1).unique(dim=0)
    )


def test_an_evaluated_clip_is_one_scene_in_which_everybody_walks(modules: Any) -> None:
    clip = next(iter(generated(modules).evaluation()))
    known = clip.identities[0] >= 0
    assert (clip.identities == clip.identities[0]).all()
    steps = (clip.boxes[1:] - clip.boxes[:-1])[:, known].abs()
    assert 0 < steps.max() < 0.05 * 32
    assert len(clip.images.flatten(1).unique(dim=0)) == 5


def test_all_that_is_brighter_than_noise_is_an_object_and_says_who(modules: Any) -> None:
    """The ceiling: inside a box every cell is brighter by what its identity's pattern says, outside nothing is."""
    frames = next(generated(modules, batch_size=64, training_samples=64).training(0))
    patterns = modules.generated_clips.patterns(8)
    assert len(patterns.flatten(1).unique(dim=0)) == 8
    columns, rows = torch.arange(96) + 0.5, torch.arange(64) + 0.5
    outside = torch.ones(64, 64, 96, dtype=torch.bool)
    brighter = {}
    for frame, slot in (frames.identities >= 0).nonzero().tolist():
        left, top, right, bottom = frames.boxes[frame, slot]
        inside = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
        outside[frame] &= ~inside
        who = frames.identities[frame, slot].item()
        brighter.setdefault(who, []).append(frames.images[frame].float()[:, inside].mean(1))
    noise = frames.images.permute(0, 2, 3, 1)[outside].float()
    assert noise.max() < 128
    for who, means in brighter.items():
        wanted = noise.mean() + patterns[who].mean((0, 1))
        assert torch.allclose(torch.stack(means).mean(0), wanted, atol=4)


def test_full_size_frames_are_full_and_slots_that_are_empty_say_so(modules: Any) -> None:
    frames = modules.generated_clips.GeneratedFrames(alone(), batch_size=1)
    batch = next(frames.training(0))
    assert (batch.images.shape, batch.images.dtype) == ((1, 3, 608, 1088), torch.uint8)
    assert batch.boxes.shape == (1, 32, 4)
    assert set(batch.identities[batch.identities < 0].tolist()) == {modules.frames.NOBODY}


@pytest.mark.parametrize(
    ("changes", "text"), [({"size": (60, 97)}, "60x97 pixels"), ({"identities": 5}, "5 identities")]
)
def test_frames_that_cannot_be_made_are_refused(modules: Any, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        generated(modules, **changes)


def knowing(objects: Any, identities: int) -> Any:
    """Detections of one who knows: every object with an appearance of its own."""
    import numpy as np

    appearance = np.eye(identities)[objects[:, 2].astype(int)]
    return np.concatenate((objects[:, :2], np.ones((len(objects), 1)), objects[:, 3:], appearance), axis=1)


def test_whoever_finds_everything_has_all_of_mota_and_who_finds_nothing_none(modules: Any) -> None:
    accuracy = modules.tracking_accuracy
    frames = generated(modules, clip=18, evaluation_samples=18)
    there = torch.cat([accuracy.objects(batch) for batch in frames.evaluation()])
    seen = torch.tensor(knowing(there.numpy(), 8)).float()
    assert accuracy.accuracy(there, seen, alone()) == 100
    assert accuracy.accuracy(there, seen[:0], alone()) == 0
    assert accuracy.accuracy(there, torch.cat((seen, seen)), alone()) < 10  # everybody twice


def rows(*boxes: tuple[float, ...]) -> Any:
    """Objects (sequence 0): number, identity, left; all are 10 x 20."""
    import numpy as np

    return np.array([[0, number, name, left, 0, left + 10, 20] for number, name, left in boxes], dtype=float)


def test_mota_worked_by_hand(modules: Any) -> None:
    """Two persons, five frames: one missed, a ghost that is told once, one switch: 1 - 3 / 10."""
    there = rows(*((number, name, 100 * name + number) for number in range(1, 6) for name in (0, 1)))
    seen = knowing(there, 6)
    # Person 1 is not found in frame 3.
    seen = seen[~((seen[:, 1] == 3) & (seen[:, 3] > 100))]
    counts = modules.tracking_accuracy.tracked(there, seen)
    assert counts == {"num_misses": 1, "num_false_positives": 0, "num_switches": 0, "num_objects": 10}
    assert modules.tracking_accuracy.mota(counts) == pytest.approx(90)
    ghost = knowing(rows((4, 5, 500), (5, 5, 500)), 6)  # a newcomer counts when it is seen twice
    import numpy as np

    counts = modules.tracking_accuracy.tracked(there, np.concatenate((seen, ghost)))
    assert counts["num_false_positives"] == 1
    assert modules.tracking_accuracy.mota({**counts, "num_switches": 1}) == pytest.approx(70)


def test_a_track_on_what_is_ignored_is_neither_right_nor_wrong(modules: Any) -> None:
    import numpy as np

    there = rows((1, 0, 0), (1, modules.frames.IGNORED, 200))
    seen = knowing(rows((1, 0, 0), (1, 1, 200), (1, 2, 400)), 3)
    counts = modules.tracking_accuracy.tracked(there, seen)
    assert counts == {"num_misses": 0, "num_false_positives": 1, "num_switches": 0, "num_objects": 1}
    assert modules.tracking_accuracy.tracked(there, np.zeros((0, 10)))["num_misses"] == 1


def test_a_lost_person_is_known_again_by_its_looks(modules: Any) -> None:
    """Unseen for ten frames while it walks on; a stranger who comes to the same place gets a name of its own."""
    import numpy as np

    looks = np.eye(2)
    for who in (0, 1):
        tracker = modules.tracker.Tracker(2)
        for number in range(20):
            seen = slice(0, 0 if 6 <= number < 16 else 1)
            box = np.array([[4.0 * number, 0, 4.0 * number + 30, 60]])
            names, _ = tracker.step(box[seen], looks[[who if number >= 16 else 0]][seen])
        assert (names.tolist() == [0]) is (who == 0)


def test_a_lost_track_goes_on_but_grows_no_more(modules: Any) -> None:
    """Who comes nearer while walking, and is then unseen for ten frames."""
    import numpy as np

    tracker = modules.tracker.Tracker(2)
    for number in range(20):
        box = np.array([[4.0 * number, 0, 4.0 * number + 30, 60 + 3.0 * number]])
        tracker.step(box, np.eye(2)[:1])
    grown = tracker._motion.place[0].copy()
    for _ in range(10):
        tracker.step(np.zeros((0, 4)), np.zeros((0, 2)))
    moved = tracker._motion.place[0] - grown
    assert moved[0] == pytest.approx(40, abs=4)
    assert 0 < moved[3] < 4  # in the first frame it is not known to be lost


def test_motion_learns_a_velocity_and_grows_unsure_unseen(modules: Any) -> None:
    import numpy as np

    motion = modules.motion.Motion.begun(np.array([[0.0, 0, 20, 40]]))
    for number in range(1, 30):
        motion.predict()
        motion.correct(np.array([0]), np.array([[3.0 * number, 0, 3.0 * number + 20, 40]]))
    assert motion.velocity[0, :2] == pytest.approx([3, 0], abs=0.05)
    sure = motion.place_variance.copy()
    motion.predict()
    assert modules.motion.boxed(motion.place)[0] == pytest.approx([90, 0, 110, 40], abs=0.5)
    assert (motion.place_variance > sure).all()


def mot17_in(root: Path, frames: int = 8) -> Path:
    """Two videos in MOT17's form, of a bright person who walks, one that does not count, and a reflection."""
    from PIL import Image

    for video in ("MOT17-02-FRCNN", "MOT17-02-SDP", "MOT17-04-FRCNN"):
        directory = root / "MOT17" / "train" / video
        (directory / "img1").mkdir(parents=True)
        (directory / "gt").mkdir()
        text = f"[Sequence]\nname={video}\nimDir=img1\nframeRate=30\nseqLength={frames}\n"
        text += "imWidth=96\nimHeight=64\nimExt=.jpg\n"
        (directory / "seqinfo.ini").write_text(text)
        lines = []
        for number in range(1, frames + 1):
            image = Image.new("RGB", (96, 64), (20, 20, 20))
            image.paste((220, 60, 60), (10 + number, 8, 30 + number, 56))
            image.save(directory / "img1" / f"{number:06}.jpg")
            lines += [
                f"{number},3,{10 + number},8,20,48,1,1,1",
                f"{number},4,60,8,20,48,0,1,1",
                f"{number},5,70,8,20,48,0,12,1",
            ]
        (directory / "gt" / "gt.txt").write_text("\n".join(lines))
    return root / "MOT17"


def read(modules: Any, root: Path, **changes: Any) -> Any:
    options = {"batch_size": 2, "size": (64, 128), "slots": 4, "workers": 0, **changes}
    return modules.mot17.mot17(root, alone(), **options)


def test_mot17_is_read_half_to_train_on_and_half_to_evaluate(modules: Any, tmp_path: Path) -> None:
    frames, identities = read(modules, mot17_in(tmp_path))
    assert (frames.steps, identities) == (4, 2)  # 2 videos of 3, 4 frames each, by twos
    evaluated = list(frames.evaluation())
    assert sorted(
        zip(
            torch.cat([batch.sequences for batch in evaluated]).tolist(),
            torch.cat([batch.numbers for batch in evaluated]).tolist(),
            strict=True,
        )
    ) == [(video, number) for video in (0, 1) for number in (5, 6, 7, 8)]
    batch = evaluated[0]
    assert batch.identities.tolist() == [[3, modules.frames.IGNORED]] * 2
    assert batch.boxes[0, 0].tolist() == [16 + 15, 8, 16 + 35, 56]  # 96 pixels in the middle of 128
    assert batch.images[0, 0, 32, 41] > 200 > 60 > batch.images[0, 0, 32, 70]
    trained = next(iter(frames.training(0)))
    assert trained.images.shape == (2, 3, 64, 128)
    assert set(trained.identities.unique().tolist()) <= {modules.frames.NOBODY, 0, 1}


def test_boxes_follow_what_an_image_is_varied_by(modules: Any, tmp_path: Path) -> None:
    from PIL import Image

    torch.manual_seed(3)
    for _ in range(8):
        image = Image.new("RGB", (192, 108), (0, 0, 0))
        image.paste((255, 255, 255), (90, 40, 120, 80))
        placed = modules.letterbox.varied(image, torch.tensor([[90.0, 40, 120, 80]]), (152, 272))
        shown = (placed.image.float().mean(0) - 128).abs()
        bright = (placed.image.amin(0) > 129).nonzero()
        if placed.shown.item() and len(bright):
            found = torch.cat((bright.amin(0).flip(0), bright.amax(0).flip(0) + 1)).float()
            assert torch.allclose(found, placed.boxes[0], atol=3), shown


def test_an_image_is_sheared_and_moved_by_a_tenth_of_its_height(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither swapped, turned nor scaled: sheared by two degrees sideways about the middle, moved right and up."""
    from PIL import Image

    drawn = torch.tensor([0.9, 0.5, 0.5, 0.5, 0.5 / 0.7, 1.0, 0.5, 1.0, 0.0])
    monkeypatch.setattr(torch, "rand", lambda *_: drawn)
    placed = modules.letterbox.varied(Image.new("RGB", (200, 100)), torch.tensor([[90.0, 10, 110, 90]]), (100, 200))
    wider = 40 * math.tan(math.radians(2))
    assert placed.boxes[0].tolist() == pytest.approx([100 - wider, 0, 120 + wider, 80], abs=1e-3)


def test_whoever_is_cut_by_the_edge_is_shown_and_whoever_is_beyond_is_not(modules: Any) -> None:
    from PIL import Image

    boxes = torch.tensor(
        [[-30.0, 10, 10, 50], [-50, 10, -10, 50], [70, -60, 90, 10], [20, 20, 30, 40], [20, 20, 22, 40]]
    )
    placed = modules.letterbox.letterboxed(Image.new("RGB", (96, 64)), boxes, (64, 96))
    assert torch.equal(placed.boxes, boxes)
    assert placed.shown.tolist() == [True, False, True, True, False]  # the last is two pixels wide


@pytest.mark.parametrize(
    ("file", "change", "text"),
    [
        ("img1/000003.jpg", None, "000003.jpg is missing"),
        ("gt/gt.txt", "1,2,three", "gt.txt, line 1: not a frame's object"),
        ("gt/gt.txt", "0,3,10,8,20,48,1,1,1", "gt.txt, line 1: not a frame's object"),
        ("gt/gt.txt", None, "gt.txt"),
        ("seqinfo.ini", "[Sequence]\n", "seqinfo.ini: No option 'seqlength'"),
    ],
)
def test_a_file_that_is_missing_or_broken_is_named(
    modules: Any, tmp_path: Path, file: str, change: str | None, text: str
) -> None:
    root = mot17_in(tmp_path)
    path = root / "train" / "MOT17-02-FRCNN" / file
    path.unlink()
    if change is not None:
        path.write_text(change)
    with pytest.raises(SystemExit, match=text):
        read(modules, root)


def test_an_image_that_is_broken_is_named(modules: Any, tmp_path: Path) -> None:
    root = mot17_in(tmp_path)
    broken = root / "train" / "MOT17-04-FRCNN" / "img1" / "000007.jpg"
    broken.write_bytes(broken.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"000007\.jpg: "):
        list(read(modules, root)[0].evaluation())


def test_mot17_is_trained_on_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mot17_in(tmp_path)
    arguments = ["--data", str(root), "--widths", "8", "8", "8", "16", "--hidden=8", "--appearance=8", "--size"]
    arguments += ["64", "96", "--most=8", "--batch-size=2", "--epochs=1", "--workers=1"]
    settings = told({"name": "mota", "better": "higher", "target": 1e9}, root)
    seen = run_here("multi_object_tracking", arguments, settings, tmp_path, monkeypatch, capsys)
    found = {event.kind: event for event in seen}
    assert (found["start"].data, found["start"].generator) == ("real", None)
    assert (found["evaluation"].samples, found["segment"].samples) == (8, 2)


def test_videos_without_a_person_are_refused(modules: Any, tmp_path: Path) -> None:
    """Nothing to find would be found in full."""
    root = mot17_in(tmp_path)
    for truth in root.glob("train/*/gt/gt.txt"):
        truth.write_text("")
    with pytest.raises(SystemExit, match=r"train: one half of the videos has no person"):
        read(modules, root)


def test_a_folder_without_videos_is_named(modules: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no videos"):
        read(modules, tmp_path)
