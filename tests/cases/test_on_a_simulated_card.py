"""A training step and an evaluation of all twelve models at full size, on a card that is not there.

Shown: nothing mixes devices or types that torch refuses to mix, in the model and its loss, the backward pass, the
gradient scaler, clipping, the fused optimiser, averaged weights and the evaluation; and from the second step on the
host asks the card for nothing and sends it nothing (torch's CTC loss alone reads its lengths). Not shown: any number.
No kernel runs, there are no values, cuDNN's LSTM and autograd's engine are stood in for (stand_ins.py), and
Tacotron2's clips have 20 frames of 832.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.cases.programs import CASES, imported, needs

needs("torch", "torchvision")

from pytest_sixdim.schema.case import load_case  # noqa: E402
from pytest_sixdim.schema.vendor import builtin_vendors  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")

PRECISION = "amp-fp16"
OURS = ("nvidia", PRECISION)


@dataclasses.dataclass(frozen=True)
class Simulated:
    """`needed`: by the program; `arguments`: besides the case's; `answers`: what its evaluation reads first."""

    folder: str
    needed: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    answers: tuple[float, ...] = ()


MODELS = {
    "resnet50": Simulated("image_classification"),
    "wave_mlp": Simulated("image_classification"),
    "bert_large": Simulated("language_modeling", ("transformers",)),
    "cpm": Simulated("language_modeling", ("transformers",)),
    "dlrm": Simulated("recommendation", ("sklearn",), ("--evaluations=1",), (2, 0)),
    "unet3d": Simulated("volume_segmentation", ("monai",)),
    "yolov5": Simulated("object_detection", ("pycocotools",)),
    "satrn": Simulated("text_recognition", (), (), (0, 0)),
    "conformer": Simulated("speech_recognition", ("jiwer",)),
    "tacotron2": Simulated("speech_synthesis", (), ("--longest=20",)),
    "ngp_nerf": Simulated("novel_view_synthesis", (), ("--size=64",)),
    "fairmot": Simulated("multi_object_tracking", ("timm", "motmetrics")),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_and_an_evaluation_at_full_size_neither_mix_nor_wait(name: str) -> None:
    simulated = MODELS[name]
    for library in simulated.needed:
        pytest.importorskip(library)
    from tests.cases import simulated_card

    case = load_case(CASES / simulated.folder / f"{name}.case.yaml", list(builtin_vendors()))
    chosen = {known.batch_size for known in case.configurations if (known.vendor, known.precision) == OURS}
    size = max(chosen)
    told = {"data": "generated", "batch_size": size, "precision": PRECISION, "seed": 1}
    given = [part.format(**told) for part in case.train.args]
    count = [f"--epoch-samples={2 * size}", "--evaluation-samples=2"]
    with imported(simulated.folder, "train") as (program,):
        run, card = simulated_card.run_on_card(
            program, [*given, *count, *simulated.arguments], PRECISION, simulated.answers
        )
    assert (run.steps, run.samples) == (2, 2 * size)
    assert run.evaluated is not None
    layers = {kind for operation, kind in card.seen if operation in {"addmm", "convolution"}}
    assert layers <= {simulated_card.HALF}
    assert layers or ("mm", simulated_card.HALF) in card.seen


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda weight, batch: (weight * batch).sum() * batch.sum().item(), "asks for a value"),
        (lambda weight, batch: (weight * batch[batch > 0].sum()).sum(), "asks for a value"),
        (lambda weight, batch: (weight * batch.new_tensor([2.0])).sum(), "a copy between host and card"),
        (lambda weight, batch: (weight * __import__("torch").ones(4, 4)).sum(), "same device"),
        (lambda weight, batch: (weight.half() @ batch).sum(), "of types"),
    ],
    ids=["value", "shape", "copy", "device", "type"],
)
def test_what_waits_or_mixes_fails(broken: Any, message: str) -> None:
    import torch

    from tests.cases import simulated_card

    with simulated_card.simulated() as card:
        weight = torch.nn.Parameter(torch.zeros(4, 4, device=simulated_card.CARD))
        batch = torch.ones(4, 4, device=simulated_card.CARD)
        card.training = True
        with pytest.raises((AssertionError, RuntimeError), match=message):
            broken(weight, batch).backward()
