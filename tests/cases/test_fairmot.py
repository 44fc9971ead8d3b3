"""FairMOT: its size, its maps, what it is trained for, and its training on one rank and on two."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, needs, run_on, told

torch = pytest.importorskip("torch")
for name in ("torchvision", "timm", "scipy", "motmetrics"):
    needs(name)

from tests.cases.waiting import waiting  # noqa: E402 (torch)

FOLDER = "multi_object_tracking"
SMALL = {"widths": [8, 8, 8, 16], "hidden": 32, "appearance": 16}
FRAMES: dict[str, Any] = {"size": (64, 64), "fields": (2, 2), "identities": 8, "clip": 5}
ARGUMENTS = ["--widths", "8", "8", "8", "16", "--hidden=32", "--appearance=16", "--size", "64", "64"]
ARGUMENTS += ["--fields", "2", "2", "--identities=8", "--clip=5", "--most=16", "--batch-size=2", "--epoch-samples=8"]
ARGUMENTS += ["--evaluation-samples=18", "--epochs=1", "--workers=0", "--lr=0.01", "--score=0.05"]


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    names = ("models", "aggregation", "objective", "detections", "generated_clips", "frames", "train")
    with imported(FOLDER, *names) as found:
        yield Namespace(**dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def published(modules: Any) -> Any:
    with torch.device("meta"):
        return modules.models.MODELS["fairmot"](
            Namespace(widths=list(modules.models.WIDTHS), hidden=256, appearance=128, norm_momentum=0.1)
        )


def test_the_model_has_the_published_size_but_for_two_projections_that_nothing_uses(published: Any) -> None:
    """DLA's first program has a 1x1 projection with a normalisation in two levels whose output it throws away."""
    unused = (64 * 128 + 2 * 128) + (128 * 256 + 2 * 256)
    assert sum(parameter.numel() for parameter in published.parameters()) == 19_836_711 - unused == 19_794_983


def test_every_parameter_takes_part(modules: Any) -> None:
    network = modules.models.FairMOT([4, 4, 4, 4, 4, 4], hidden=4, appearance=2)
    sum(part.sum() for part in network(torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8))).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_it_trains_under_automatic_precision(modules: Any) -> None:
    """torchvision's deformable convolution takes fp32 alone on a CPU."""
    objective = modules.objective.Objective(modules.models.FairMOT(**small()), 16, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(next(generated(modules).training(0)))
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(published: Any) -> None:
    """A multiplication with its addition is two; of a deformable convolution its convolution is counted."""
    from torch.utils.flop_counter import FlopCounterMode

    def deformable(features: Any, weight: Any, *_: Any, out_shape: Any, **__: Any) -> int:
        return 2 * out_shape[0] * out_shape[2] * out_shape[3] * torch.Size(weight).numel()

    counted = {torch.ops.torchvision.deform_conv2d: deformable}
    with FlopCounterMode(display=False, custom_mapping=counted) as counter:
        maps = published(torch.empty(1, 3, 608, 1088, dtype=torch.uint8, device="meta"))
    assert [tuple(part.shape[1:]) for part in maps] == [(channels, 152, 272) for channels in (1, 4, 2, 128)]
    case = load_case(CASES / FOLDER / "fairmot.case.yaml", list(builtin_vendors()))
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_deepsparks_row_prints_back_as_published() -> None:
    path = CASES / FOLDER / "fairmot.case.yaml"
    (row,) = load_baselines(baselines_path(path), load_case(path, list(builtin_vendors())))
    printed = [f"{figure.text} {figure.unit}".strip() for figure in row.figures.values()]
    assert sorted(printed) == sorted(["52 samples/s", "69.8 %", "132 W", "0.97", "19.1 G", "1"])
    assert (row.precision, row.batch_size, row.batch_scope, row.cards) == ("fp32", 64, "job", 8)
    assert "server" in row.disputed["accuracy"]


def test_a_deformable_convolution_is_a_usual_one_at_first(modules: Any) -> None:
    layer = modules.aggregation.Deformable(3, 5).eval()
    features = torch.rand(2, 3, 6, 7)
    half = torch.nn.functional.conv2d(features, layer.convolution.weight / 2, padding=1)
    assert torch.allclose(layer(features), layer.norm(half).relu(), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 4])
def test_maps_are_enlarged_bilinearly_at_first(modules: Any, factor: int) -> None:
    node = modules.aggregation.Node(3, 2, factor)
    small = torch.rand(1, 2, 6, 6)
    wanted = torch.nn.functional.interpolate(small, scale_factor=factor, mode="bilinear")
    inner = slice(factor, -factor)  # beyond the edge there is nothing, not the edge again
    assert torch.allclose(node.enlarge(small)[..., inner, inner], wanted[..., inner, inner], atol=1e-6)


def test_a_box_moved_by_its_radius_overlaps_as_much_as_it_should(modules: Any) -> None:
    """The three ways, from the definition: 0.7 is left of the one that loses most, more of the others."""
    height, width = 40.0, 20.0
    by = modules.objective.radius(torch.tensor(height), torch.tensor(width)).item()
    both = (height - by) * (width - by)
    shifted = both / (2 * height * width - both)
    smaller = (height - 2 * by) * (width - 2 * by) / (height * width)
    larger = height * width / ((height + 2 * by) * (width + 2 * by))
    assert min(shifted, smaller, larger) == pytest.approx(0.7, abs=1e-5)


def test_the_heatmap_is_one_at_known_centres_and_falls_to_nothing(modules: Any) -> None:
    boxes = torch.tensor([[[8.0, 8.0, 40.0, 40.0], [100.0, 20.0, 120.0, 60.0]]])
    heat = modules.objective.heatmap(boxes, torch.tensor([[1.0, 0.0]]), torch.Size((20, 40)))[0]
    assert heat.shape == (20, 40)
    assert heat[6, 6] == heat.max() == 1  # (24, 24) in pixels
    assert (heat == 1).sum() == 1
    assert heat[6, 7] == heat[7, 6] == heat[5, 6] < 1
    assert heat[:, 20:].max() == 0  # the second slot holds nobody


def test_the_centre_of_a_box_beyond_the_edge_is_the_place_nearest_to_it(modules: Any) -> None:
    """The box is trained on as a whole, as MOT17 annotates it: a detector is to say where all of a person is."""
    boxes = torch.tensor([[[-40.0, 0, 20, 80], [140, 60, 180, 120], [30, 30, 50, 70]]])
    centres = modules.objective.middles(boxes, torch.Size((20, 40)))
    assert centres[0].tolist() == [[0, 10], [pytest.approx(39.999), pytest.approx(19.999)], [10, 12.5]]
    assert centres.long()[0].tolist() == [[0, 10], [39, 19], [10, 12]]


def perfect(modules: Any, frames: Any, identities: int) -> Any:
    """The maps of a network that knows the answers."""
    count, height, width = len(frames.images), frames.images.shape[2] // 4, frames.images.shape[3] // 4
    maps = [torch.zeros(count, channels, height, width) for channels in (1, 4, 2, identities)]
    maps[0] -= 20
    centres = modules.objective.middles(frames.boxes, torch.Size((height, width)))
    for frame, slot in (frames.identities >= 0).nonzero().tolist():
        centre, box = centres[frame, slot], frames.boxes[frame, slot] / 4
        x, y = centre.long().tolist()
        maps[0][frame, 0, y, x] = 20
        maps[1][frame, :, y, x] = torch.cat((centre - box[:2], box[2:] - centre))
        maps[2][frame, :, y, x] = centre - centre.floor()
        maps[3][frame, frames.identities[frame, slot], y, x] = 1
    return modules.models.Maps(*maps)


def generated(modules: Any, **changes: Any) -> Any:
    options = {"batch_size": 4, "training_samples": 16, "evaluation_samples": 10, **FRAMES, **changes}
    return modules.generated_clips.GeneratedFrames(alone(), **options)


def test_whoever_knows_the_answers_has_no_loss_and_detects_every_box(modules: Any) -> None:
    frames = next(generated(modules, size=(128, 128)).training(0))
    maps = perfect(modules, frames, 8)
    objective = modules.objective.Objective(torch.nn.Identity(), 8, 8)
    assert objective.detection_loss(maps, frames) < 1e-4
    assert objective.detection_loss(maps, frames._replace(boxes=frames.boxes + 8)) > 1
    found = modules.detections.detections(maps, 16)
    for row, boxes, identities in zip(found, frames.boxes, frames.identities, strict=True):
        told = row[row[:, 0] > 0.5]
        order = told[:, 5:].argmax(1).argsort()
        known = identities >= 0
        wanted = boxes[known][identities[known].argsort()]
        assert torch.allclose(told[order, 1:5], wanted, atol=1e-3)


def test_nobody_and_what_is_ignored_add_nothing_to_the_loss(modules: Any) -> None:
    objective = modules.objective.Objective(modules.models.FairMOT(**small()), 16, 8)
    frames = next(generated(modules).training(0))
    empty = [torch.full_like(frames.identities, nobody) for nobody in (modules.frames.NOBODY, modules.frames.IGNORED)]
    losses = [
        objective(frames._replace(identities=identities, boxes=frames.boxes * k))
        for k, identities in enumerate(empty, start=1)
    ]
    assert torch.isfinite(losses[0])
    assert losses[0].item() == pytest.approx(losses[1].item())


def small() -> dict[str, Any]:
    return {"channels": SMALL["widths"], "hidden": SMALL["hidden"], "appearance": SMALL["appearance"]}


def test_it_learns_what_is_where_and_who_it_is(modules: Any) -> None:
    torch.manual_seed(1)
    objective = modules.objective.Objective(modules.models.FairMOT(**small()), 16, 8)
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    frames = next(generated(modules).training(0))
    losses = []
    for _ in range(12):
        maps = objective.network(frames.images)
        parts = objective.detection_loss(maps, frames), objective.identity_loss(maps.appearance, frames)
        losses.append([part.item() for part in parts])
        objective(frames).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1][0] < 0.6 * losses[0][0]
    assert losses[-1][1] < 0.8 * losses[0][1]


def test_nothing_in_a_step_waits_for_the_card(modules: Any) -> None:
    objective = modules.objective.Objective(modules.models.FairMOT(**small()), 16, 8)
    batches = generated(modules).training(0)
    assert waiting(lambda: objective(next(batches)).backward()) == []


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    metric = {"name": "mota", "better": "higher", "target": 1e9}
    return run_on(2, FOLDER, ARGUMENTS, tmp_path_factory.mktemp("fairmot"), told(metric))


def test_two_ranks_find_what_one_finds_and_stay_alike(
    modules: Any, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *ARGUMENTS])
    args, run = modules.train.arguments(), alone()
    frames, identities = modules.train.source(args, run)
    torch.manual_seed(1)
    network = modules.models.MODELS["fairmot"](args)
    objective = modules.objective.Objective(network, args.appearance, identities).eval()
    with torch.no_grad():
        value, samples = modules.train.evaluate(objective, frames, run, args)
    first, second = ended.ranks
    assert first["value"] == second["value"] == pytest.approx(value, abs=0.01)
    assert first["samples"] == second["samples"] == samples == 18
    assert first["weights"] == second["weights"]


def test_a_size_of_no_whole_places_is_refused(
    modules: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--size", "600", "1088"])
    with pytest.raises(SystemExit):
        modules.train.arguments()
    assert "--size 600 1088: both are multiples of 32 pixels" in capsys.readouterr().err


def test_a_rank_without_a_clip_adds_nothing(modules: Any) -> None:
    """Of 64 cards ten have none of the 54 generated clips."""
    nothing = Namespace(evaluation=lambda: iter(()))
    assert modules.train.evaluate(None, nothing, alone(), Namespace(appearance=16))[1] == 0


def test_a_run_reports_mota_on_generated_videos(ended: Ended) -> None:
    start, evaluation = ended.event("start"), ended.event("evaluation")
    assert (start.data, start.generator) == ("generated", "walkers-1")
    assert (evaluation.metric, evaluation.samples) == ("mota", 18)
    assert evaluation.value <= 100
