"""One case of every task, trained as a user would try it: `pytest --sixdim --sixdim-quick`, on two cards.

One run each, which answers four dimensions; all cases with all their runs: docs/models.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, needs
from tests.cases.sessions import AT_ONCE, QuickSession, needs_two_cores

needs("torch", "torchvision", "transformers", "monai", "timm", "pycocotools", "motmetrics", "sklearn", "jiwer")

#: Task -> the case that stands for it.
CHOSEN = {
    "image_classification": "resnet50",
    "language_modeling": "cpm",
    "multi_object_tracking": "fairmot",
    "novel_view_synthesis": "ngp_nerf",
    "object_detection": "yolov5",
    "recommendation": "dlrm",
    "speech_recognition": "conformer",
    "speech_synthesis": "tacotron2",
    "text_recognition": "satrn",
    "volume_segmentation": "unet3d",
}
#: Sessions of a machine that does other things too.
pytestmark = [needs_two_cores, pytest.mark.timeout(1200)]


def test_every_task_is_tried() -> None:
    assert set(CHOSEN) == {path.parent.name for path in CASES.glob("*/*.case.yaml")}


@pytest.mark.parametrize("task", CHOSEN)
def test_a_quick_session_reaches_its_target_and_measures_what_one_run_can(task: str, tmp_path: Path) -> None:
    path = CASES / task / f"{CHOSEN[task]}.case.yaml"
    case = load_case(path, builtin_vendors())
    assert case.quick is not None
    assert case.quick.target is not None
    size = case.quick.batch_size or min(configuration.batch_size for configuration in case.configurations)
    session = QuickSession(path, tmp_path, "-m", f"multicard and {AT_ONCE}")
    assert session.returncode == 0, session.output
    card = session.card()
    assert (card["quick"], card["data"], len(session.orders())) == (True, "generated", 1)
    accuracy, speed, memory, power = (session.dimension(name) for name in ("accuracy", "speed", "memory", "power"))
    assert accuracy["verdict"] == "pass", session.output
    assert case.metric.met(accuracy["value"], case.quick.target)
    assert len(speed["detail"]["segments"]) == 5
    assert speed["value"] > 0
    assert memory["value"] > 0
    assert [result["verdict"] for result in (speed, memory)] == ["unjudged", "unjudged"]
    assert power["verdict"] in ("unknown", "unjudged", "suspect")
    assert {segment["samples"] / segment["steps"] for segment in session.events("segment")} == {2 * size}
    assert "generated data" in session.output
