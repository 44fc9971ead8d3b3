"""What a log format decides of a case."""

from __future__ import annotations

import pytest

from pytest_sixdim.dialects import DIALECTS
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError

from .conftest import Workbench

EPOCHS = "measure: {warmup_epochs: 1, segment_epochs: 1}\n"


@pytest.mark.parametrize(
    "log",
    [
        "{format: sixdim}",
        "{format: megatron}",
        "{format: internevo, tokens_per_sample: 4096}",
        "{format: pattern, speed: 'step (?P<step>\\d+)'}",
    ],
)
@pytest.mark.parametrize("quick", [False, True])
def test_epochs_that_the_lines_do_not_count_are_refused(
    workbench: Workbench, case_text: str, log: str, quick: bool
) -> None:
    measure = f"quick: {{{EPOCHS.strip()}}}\n" if quick else EPOCHS
    path = workbench.write(f"{case_text}log: {log}\n{measure}")
    with pytest.raises(SchemaError) as refused:
        load_case(path, ["cpu"], DIALECTS)
    place, name = "quick.measure" if quick else "measure", log.split(",", maxsplit=1)[0].strip("{}")[len("format: ") :]
    for key in ("warmup_epochs", "segment_epochs"):
        expected = f"{place}.{key} has no use: the lines of training of format '{name}' count no epochs"
        assert expected in str(refused.value)


@pytest.mark.parametrize(
    "log", ["{format: keras}", "{format: pattern, speed: 'epoch (?P<epoch>\\d+)'}", "{format: perflog}"]
)
def test_epochs_that_they_may_count_are_taken(workbench: Workbench, case_text: str, log: str) -> None:
    case = load_case(workbench.write(f"{case_text}log: {log}\n{EPOCHS}"), ["cpu"], DIALECTS)
    assert case.measure.segment_epochs == 1
