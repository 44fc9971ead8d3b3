"""Which data a case trains on, and what a directory lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from pytest_sixdim.campaign.datasets import data_argument, data_path, generated, lacking_data
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case, DataSet, Metric, Train


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(
        name="tiny",
        title="Tiny",
        task="test",
        path=tmp_path / "tiny.case.yaml",
        metric=Metric("top1", "%", "higher", 97.0),
        train=Train(tmp_path / "train.py"),
        configurations=(),
        data=DataSet("images", ("train", "val/labels.txt")),
    )


def settings(data: Path | Literal["generated"] | None) -> Settings:
    return Settings(vendor="cpu", python="python", results=Path("results"), data=data)


@pytest.mark.parametrize("said", [None, "generated"])
def test_data_is_generated_where_no_directory_is_given(case: Case, said: Literal["generated"] | None) -> None:
    assert generated(case, settings(said))
    assert data_path(case, settings(said)) is None
    assert data_argument(case, settings(said)) == "generated"
    assert lacking_data(case, settings(said)) is None


def test_a_directory_is_given_to_the_program_as_an_absolute_path(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not generated(case, settings(Path("sets")))
    assert data_argument(case, settings(Path("sets"))) == str(tmp_path / "sets" / "images")


def test_a_case_without_a_data_set_takes_no_notice(case: Case, tmp_path: Path) -> None:
    plain = replace(case, data=None)
    for said in (None, tmp_path / "nowhere", "generated"):
        assert not generated(plain, settings(said))  # type: ignore[arg-type]
        assert data_argument(plain, settings(said)) == ""  # type: ignore[arg-type]
        assert lacking_data(plain, settings(said)) is None  # type: ignore[arg-type]


def test_quick_settings_generate_their_data_even_where_a_directory_is_given(case: Case, tmp_path: Path) -> None:
    quick = replace(case, is_quick=True)
    assert generated(quick, settings(tmp_path))
    assert data_argument(quick, settings(tmp_path)) == "generated"
    assert lacking_data(quick, settings(tmp_path)) is None


def test_what_a_directory_lacks_is_named_with_its_path(case: Case, tmp_path: Path) -> None:
    images = tmp_path / "images"
    assert lacking_data(case, settings(tmp_path)) == (
        f"case tiny needs its data set in {images} (--sixdim-data {tmp_path}), which is not there"
    )
    images.write_text("")
    assert str(lacking_data(case, settings(tmp_path))).endswith("which is no directory")
    images.unlink()
    (images / "val").mkdir(parents=True)
    assert str(lacking_data(case, settings(tmp_path))).endswith("which lacks train, val/labels.txt")
    (images / "train").mkdir()
    (images / "val" / "labels.txt").write_text("")
    assert lacking_data(case, settings(tmp_path)) is None
