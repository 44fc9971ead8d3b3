"""The Wave-MLP case: its model, its recipe, and its training on one rank and on two."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, needs, run_on

torch = pytest.importorskip("torch")
needs("torchvision")

SMALL = {"depths": (1, 1), "widths": (8, 16)}


@pytest.fixture(scope="module")
def wave_mlp() -> Iterator[ModuleType]:
    with imported("image_classification", "wave_mlp") as (module,):
        yield module


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    with imported("image_classification", "train") as (module,):
        yield module


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / "image_classification" / "wave_mlp.case.yaml", list(builtin_vendors()))


def arguments(case: Case, program: ModuleType, monkeypatch: pytest.MonkeyPatch, quick: bool = False) -> Any:
    """What the program makes of the case's options."""
    chosen = case.quickened("cpu") if quick else case
    given = {"data": "generated", "batch_size": "256", "precision": "fp32", "seed": "1"}
    monkeypatch.setattr("sys.argv", ["train.py", *(option.format(**given) for option in chosen.train.args)])
    return program.arguments()


@pytest.mark.parametrize(("depthwise", "count"), [(True, 15_286_472), (False, 17_193_160)])
def test_parameters_are_as_many_as_the_paper_says(wave_mlp: ModuleType, depthwise: bool, count: int) -> None:
    """15 M of T*, which is trained here, and 17 M of T, whose phases are fully connected."""
    with torch.device("meta"):
        model = wave_mlp.WaveMLP(1000, depthwise=depthwise)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(wave_mlp: ModuleType, case: Case) -> None:
    """The paper has 2.1 G multiplications with additions, forward."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        wave_mlp.WaveMLP(1000)(torch.empty(1, 3, 224, 224))
    assert counter.get_total_flops() / 2 == pytest.approx(2.1e9, rel=0.04)
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_each_stage_has_a_quarter_of_the_tokens(wave_mlp: ModuleType) -> None:
    with torch.device("meta"):
        model, images = wave_mlp.WaveMLP(10), torch.empty(2, 3, 224, 224)
    seen = []
    for layer in model.features:
        images = layer(images)
        if isinstance(layer, wave_mlp.Block):
            seen.append(tuple(images.shape[1:]))
    assert seen == [(64, 56, 56)] * 2 + [(128, 28, 28)] * 2 + [(320, 14, 14)] * 4 + [(512, 7, 7)] * 2
    with torch.device("meta"):
        assert model(torch.empty(2, 3, 224, 224)).shape == (2, 10)


def waves(wave_mlp: ModuleType, phase: float) -> Any:
    """One channel in a line; every token has this phase and is its own amplitude; weights are 1 and 10."""
    model = wave_mlp.Waves(1, (1, 3), torch.nn.BatchNorm2d, depthwise=True)
    model.phase = torch.nn.Sequential(torch.nn.Identity())
    model.phase.forward = lambda tokens: torch.full_like(tokens, phase)
    for layer, weight in ((model.amplitude, 1.0), (model.real, 1.0), (model.imaginary, 10.0)):
        torch.nn.init.constant_(layer.weight, weight)
    return model


@pytest.mark.parametrize(("phase", "factor"), [(0.0, 1.0), (torch.pi / 2, 10.0), (torch.pi, -1.0)])
def test_a_phase_turns_between_the_real_and_the_imaginary_weights(
    wave_mlp: ModuleType, phase: float, factor: float
) -> None:
    mixed = waves(wave_mlp, phase)(torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 1, 4))
    assert mixed.flatten().tolist() == pytest.approx([factor * value for value in (3, 7, 14, 12)], rel=1e-5)


def test_the_three_ways_of_mixing_are_weighed_for_each_image(wave_mlp: ModuleType) -> None:
    """Where all three give the same, their weights add up to 1."""
    mixing = wave_mlp.TokenMixing(4, torch.nn.BatchNorm2d, depthwise=True)
    mixing.lines = mixing.columns = mixing.own = mixing.together = torch.nn.Identity()
    tokens = torch.rand(2, 4, 5, 5)
    assert torch.allclose(mixing(tokens), tokens, atol=1e-6)


def test_lines_and_columns_reach_three_tokens_each_way(wave_mlp: ModuleType) -> None:
    torch.manual_seed(1)
    mixing = wave_mlp.TokenMixing(4, torch.nn.BatchNorm2d, depthwise=False).eval()
    tokens = torch.zeros(1, 4, 15, 15, requires_grad=True)
    mixed = mixing.lines(tokens) + mixing.columns(tokens)
    mixed[0, :, 7, 7].sum().backward()
    reached = tokens.grad.abs().sum((0, 1)).nonzero().tolist()
    assert reached == sorted([[7, x] for x in range(4, 11)] + [[y, 7] for y in range(4, 11) if y != 7])


def test_images_stay_channels_last_through_all_convolutions(wave_mlp: ModuleType) -> None:
    model, seen = wave_mlp.WaveMLP(4, **SMALL).to(memory_format=torch.channels_last), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: seen.append(output))
    model(torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last))
    assert len(seen) == 2 + 2 * 14
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in seen)


def test_branches_are_left_out_more_often_the_deeper_they_are(wave_mlp: ModuleType) -> None:
    with torch.device("meta"):
        model = wave_mlp.WaveMLP(10, dropped=0.1)
    shares = [block.drop.p for block in model.features if isinstance(block, wave_mlp.Block)]
    assert shares == pytest.approx([0.1 * place / 9 for place in range(10)])


def test_the_recipe_is_that_of_the_authors(case: Case, program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cards of 256 images have the authors' batch of 1024 and learning rate of 0.001."""
    args = arguments(case, program, monkeypatch)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimizer = program.optimiser(args, model, alone(world_size=4))
    assert isinstance(optimizer, torch.optim.AdamW)
    decays = [(group["lr"], group["weight_decay"], group["betas"]) for group in optimizer.param_groups]
    assert decays == [(0.001, 0.05, (0.9, 0.999)), (0.001, 0.0, (0.9, 0.999))]
    assert (args.epochs, args.warmup_epochs, args.floor, args.average, args.drop_path) == (300, 5, 0.01, 0.99996, 0.1)
    assert (args.mixup, args.cutmix, args.randaugment, args.erasing, args.repeats) == (0.8, 1.0, 27, 0.25, 3)
    assert (args.depths, args.widths) == (None, None)


def test_a_mixed_batch_has_shares_of_two_classes(
    case: Case, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    mix = program.mixed(arguments(case, program, monkeypatch), 8)
    labels = torch.arange(8)
    images = labels.view(8, 1, 1, 1).expand(8, 3, 32, 32).to(torch.uint8).contiguous(memory_format=torch.channels_last)
    kinds = set()
    for _ in range(20):
        mixed, shares = mix((images, labels))
        assert (mixed.shape, shares.shape) == (images.shape, (8, 8))
        assert mixed.is_contiguous(memory_format=torch.channels_last)
        assert shares.sum(1).tolist() == pytest.approx([1.0] * 8)
        means = mixed.mean((1, 2, 3)).tolist()
        assert means == pytest.approx((shares @ labels.float()).tolist(), abs=1e-4)
        kinds.add(bool((mixed.var((1, 2, 3)) > 1e-6).any()))  # a box of another image, or both images blended
    assert kinds == {True, False}


def test_the_quick_model_is_a_small_one_that_learns(
    case: Case, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = arguments(case, program, monkeypatch, quick=True)
    torch.manual_seed(1)
    model = program.Normalised(program.MODELS[args.model](args.classes, args))
    assert sum(parameter.numel() for parameter in model.parameters()) < 15_286_472 / 20
    images, _ = program.source(args, alone())
    losses = []
    optimizer = torch.optim.AdamW(model.parameters(), 0.003)
    batch, labels = (part[:32] for part in next(images.training(0)))
    for _ in range(6):
        losses.append(torch.nn.functional.cross_entropy(model(batch), labels))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] / 2


#: All that the recipe does on the card, small.
OPTIONS = ["--model=wave_mlp_t_dw", "--depths=1,1", "--widths=8,16", "--size=32", "--classes=4", "--batch-size=2"]
OPTIONS += ["--epoch-samples=8", "--evaluation-samples=120", "--epochs=1", "--optimizer=adamw", "--lr=0.1"]
OPTIONS += ["--average=0.9", "--mixup=0.8", "--cutmix=1", "--drop-path=0.1"]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, "image_classification", OPTIONS, tmp_path_factory.mktemp("wave_mlp"))


def test_two_ranks_evaluate_as_one_does(program: ModuleType, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before training: the same images, each once, and the same answers."""
    monkeypatch.setattr("sys.argv", ["train.py", *OPTIONS])
    args = program.arguments()
    torch.manual_seed(1)  # as the run does before the network is made
    model = program.Normalised(program.MODELS[args.model](args.classes, args)).eval()
    with torch.no_grad():
        one = program.evaluate(model, program.source(args, alone())[0], alone())
    assert [(rank["value"], rank["samples"]) for rank in ended.ranks] == [one] * 2
    assert one[1] == ended.event("evaluation").samples == 120


def test_two_ranks_have_the_same_weights_after_training(ended: Ended) -> None:
    first, second = ended.ranks
    assert first["weights"] == second["weights"]


def test_a_run_says_what_it_trained_on(ended: Ended) -> None:
    start = ended.event("start")
    assert (start.data, start.generator, start.world_size) == ("generated", "patterns-1", 2)
    assert ended.event("segment").samples == 4
    assert ended.event("end").status == "target_missed"
