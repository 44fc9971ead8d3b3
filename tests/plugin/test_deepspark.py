"""DeepSpark's worked example, live: the case of docs/deepspark.md and a program that prints its lines."""

from __future__ import annotations

import shutil

import pytest

from tests.plugin.conftest import PROGRAMS, Bench
from tests.test_docs_deepspark import shown

CONFIGURATION = "cpu-fp32-bs32-1x1"


@pytest.fixture
def imagenet(bench: Bench) -> Bench:
    """The page's case beside its program, and a place where the data would be."""
    (bench.cases / "resnet50.case.yaml").write_text(shown())
    shutil.copy(PROGRAMS / "torchvision_lines.py", bench.cases / "train.py")
    for part in ("train", "val"):
        (bench.path / "data" / "imagenet" / part).mkdir(parents=True)
    return bench


def test_a_case_that_is_nothing_but_yaml_gives_the_published_figures(imagenet: Bench) -> None:
    result = imagenet.run("--sixdim-data", str(imagenet.path / "data"), "-k", "speed or accuracy or stability")
    dimensions = imagenet.scorecard(CONFIGURATION, "resnet50")["dimensions"]
    assert dimensions["speed"]["value"] == pytest.approx(4938.9237984, abs=1e-6), result.stdout.str()
    assert dimensions["speed"]["verdict"] in ("unjudged", "suspect")  # the latter where the host is too busy to follow
    assert dimensions["speed"]["detail"]["kind"] == "compute"
    assert dimensions["speed"]["detail"]["self_reported"]
    assert (dimensions["accuracy"]["value"], dimensions["accuracy"]["verdict"]) == (77.360, "pass")
    assert dimensions["accuracy"]["detail"]["evaluation"]["epoch"] == 64
    assert dimensions["stability"]["value"] == 1.0
    assert dimensions["stability"]["detail"]["base"] == 77.010
    assert result.ret == 0


def test_a_mistake_in_an_expression_names_file_line_and_option(imagenet: Bench) -> None:
    path = imagenet.cases / "resnet50.case.yaml"
    text = path.read_text().replace("(?P<accuracy>", "(?P<acuracy>")
    path.write_text(text)
    line = next(number for number, content in enumerate(text.splitlines(), 1) if "acuracy" in content)
    result = imagenet.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*resnet50.case.yaml:{line}: log.accuracy: *unknown group 'acuracy'; did you mean*"])
