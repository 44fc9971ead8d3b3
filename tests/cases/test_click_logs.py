"""Click logs on disk as DLRM's program reads them: a tiny set in the layout that DeepSparkHub's preparation leaves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.programs import alone, imported, needs

torch = pytest.importorskip("torch")
needs("sklearn")
np = pytest.importorskip("numpy")

SMALL = ["--narrower", "16", "--most-rows", "20", "--evaluation-samples", "2500", "--workers", "0"]


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = ("train", "dlrm", "descent", "criteo")
    with imported("recommendation", *names) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


def write_clicks(root: Path, count: int, **changes: int) -> Path:
    """Both files; a click follows from the first category."""
    root.mkdir(parents=True)
    for part in ("train", "test"):
        rows = np.random.default_rng(len(part)).integers(0, 2, (count, 40)).astype("<i4")
        rows[:, 0] = rows[:, 14]
        if changes:
            rows[changes["row"], changes["column"]] = changes["value"]
        rows.tofile(root / f"terabyte_processed_{part}.bin")
    return root


def test_clicks_on_disk_are_read_as_they_are_written(modules: Any, tmp_path: Path) -> None:
    root = write_clicks(tmp_path / "criteo", 25, row=3, column=2, value=6)
    source = modules.criteo.criteo(root, alone(), rows=modules.dlrm.ROWS, batch_size=10, workers=0)
    assert source.steps == 2
    batches = list(source.evaluation())
    assert [len(clicks) for _, _, clicks in batches] == [10, 10, 5]
    numbers, categories, clicks = batches[0]
    assert numbers[3, 1].item() == pytest.approx(np.log(7))
    assert torch.equal(categories[:, 0].float(), clicks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": 4, "column": 14 + 5, "value": 3}, "row 4 has category 3 in column 5, which has 3"),
        ({"row": 0, "column": 14, "value": -1}, "row 0 has category -1 in column 0, which has 932209"),
        ({"row": 2, "column": 0, "value": 7}, "row 2 begins with 7; a click is 0 or 1"),
    ],
)
def test_a_category_beyond_its_table_and_what_is_no_click_are_named(
    modules: Any, tmp_path: Path, change: dict[str, int], message: str
) -> None:
    root = write_clicks(tmp_path / "criteo", 5, **change)
    source = modules.criteo.criteo(root, alone(), rows=modules.dlrm.ROWS, batch_size=5, workers=0)
    with pytest.raises(ValueError, match=message):
        list(source.evaluation())


def test_a_file_that_is_no_rows_is_named(modules: Any, tmp_path: Path) -> None:
    root = write_clicks(tmp_path / "criteo", 5)
    (root / "terabyte_processed_train.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"terabyte_processed_train.bin: 5 bytes are not rows of 40"):
        modules.criteo.criteo(root, alone(), rows=modules.dlrm.ROWS, batch_size=5, workers=0)


def test_fewer_rows_than_a_step_needs_are_told_with_the_file(modules: Any, tmp_path: Path) -> None:
    root = write_clicks(tmp_path / "criteo", 9)
    with pytest.raises(ValueError, match=r"terabyte_processed_train.bin: no step of 2 cards with 5 rows each"):
        modules.criteo.criteo(root, alone(0, 2), rows=modules.dlrm.ROWS, batch_size=5, workers=0)


def test_clicks_on_disk_are_trained_on_in_half_precision(
    modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: the program's source and model, a step of each batch, its evaluation."""
    root, run = write_clicks(tmp_path / "criteo", 81), alone()
    run.data = "real"
    run.autocast = lambda: torch.autocast("cpu", torch.bfloat16)
    monkeypatch.setattr(sys, "argv", ["train.py", *SMALL, "--batch-size=4", f"--data={root}"])
    clicks, model = modules.train.begun(modules.train.arguments(), run)
    optimizer = modules.descent.Descent(model.parameters(), lr=0.5)
    losses = []
    for epoch in range(8):
        for numbers, categories, clicked in clicks.training(epoch):
            with run.autocast():
                scores = model(numbers, categories)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores.float(), clicked)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    assert len(losses) == 8 * 20
    assert sum(losses[-20:]) < sum(losses[:20]) / 2
    with torch.no_grad():
        assert modules.train.evaluate(model, clicks, run) == (pytest.approx(1.0, abs=0.1), 81)
