"""The ResNet-50 case: its model and its recipe. Its images: test_generated_images.py and test_image_folders.py."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, alone, imported, needs

torch = pytest.importorskip("torch")
needs("torchvision")


@pytest.fixture(scope="module")
def models() -> Iterator[ModuleType]:
    with imported("image_classification", "models") as (module,):
        yield module


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    with imported("image_classification", "train") as (module,):
        yield module


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / "image_classification" / "resnet50.case.yaml", list(builtin_vendors()))


def resnet50(models: ModuleType, classes: int = 1000, device: str = "meta") -> Any:
    with torch.device(device):
        return models.Normalised(models.MODELS["resnet50"](classes, SimpleNamespace(norm_momentum=0.1)))


def test_the_model_is_resnet50_of_version_1_5(models: ModuleType) -> None:
    model = resnet50(models)
    assert sum(parameter.numel() for parameter in model.parameters()) == 25_557_032
    blocks = [block for block in model.modules() if type(block).__name__ == "Bottleneck"]
    assert len(blocks) == 16
    strides = [(block.conv1.stride, block.conv2.stride) for block in blocks if block.stride > 1]
    assert strides == [((1, 1), (2, 2))] * 3  # 1.5: the 3x3 convolution strides, not the 1x1


def test_every_block_is_the_identity_at_first(models: ModuleType) -> None:
    model = resnet50(models, 4, "cpu")
    blocks = [block for block in model.modules() if type(block).__name__ == "Bottleneck"]
    assert all(block.bn3.weight.abs().max() == 0 for block in blocks)


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(models: ModuleType, case: Case) -> None:
    """A multiplication with its addition is two; the backward pass is counted as two forward ones."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        resnet50(models)(torch.empty(1, 3, 224, 224, dtype=torch.uint8, device="meta"))
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_images_stay_channels_last_through_all_convolutions(models: ModuleType) -> None:
    model, seen = resnet50(models, 4, "cpu").to(memory_format=torch.channels_last), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: seen.append(output))
    with imported("image_classification", "generated_images") as (generated,):
        sizes = {"training_samples": 2, "evaluation_samples": 2, "size": 32}
        images, _ = next(generated.GeneratedImages(alone(), batch_size=2, **sizes).training(0))
    model(images)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert len(seen) == 53
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in seen)


def test_the_card_makes_numbers_of_images(models: ModuleType) -> None:
    numbers = models.Normalised(torch.nn.Identity())(torch.tensor([[124, 116, 104]]).view(1, 3, 1, 1).byte())
    assert numbers.flatten().tolist() == pytest.approx([0.0056, -0.0049, 0.0082], abs=1e-4)


def test_the_recipe_is_the_programs_default(
    models: ModuleType, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 images a card on two cards are twice the rate; 54 weights decay, 107 biases and normalisations do not."""
    monkeypatch.setattr("sys.argv", ["train.py", "--model=resnet50"])
    args = program.arguments()
    decaying, kept = program.optimiser(args, resnet50(models), alone(world_size=2)).param_groups
    assert (args.epochs, args.warmup_epochs, args.average, args.epoch_samples) == (90, 8, None, 1_281_167)
    assert [(group["lr"], group["momentum"]) for group in (decaying, kept)] == [(0.512, 0.875)] * 2
    assert (decaying["weight_decay"], kept["weight_decay"]) == (1 / 32768, 0)
    assert (len(decaying["params"]), len(kept["params"])) == (54, 107)
    batch = torch.ones(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1])
    assert program.mixed(args, 4)(batch) is batch


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model=resnet50", "--depths=1,1"], "--depths and --widths are of wave_mlp_t_dw; resnet50 has its own"),
        (["--model=wave_mlp_t_dw", "--depths=1,1"], "--depths and --widths: one number for each stage"),
        (["--model=wave_mlp_t_dw", "--depths=1,x"], "--depths: invalid numbers value: '1,x'"),
        (["--model=resnet5"], "invalid choice: 'resnet5'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    program: ModuleType,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *options])
    with pytest.raises(SystemExit):
        program.arguments()
    assert message in capsys.readouterr().err
