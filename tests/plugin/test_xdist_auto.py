"""-n auto: the visible cards divided by those of the smallest run, at most one worker a case file."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Bench

pytest.importorskip("xdist")
#: pytester forgets what a test imports, and PyYAML can't be imported twice.
pytest.importorskip("yaml")
#: Four cards, as far as anybody can count.
VENDOR = """\
sixdim: 1
id: fours
name: Fours
name_zh: 四
enumerate: device_nodes
device_nodes: ["null", "zero", "full", "random"]
device: cpu
backend: gloo
"""


@pytest.fixture
def four_cards(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    (bench.path / "fours.yaml").write_text(VENDOR)
    (bench.path / "pytest.ini").write_text("[pytest]\nsixdim_vendors = fours.yaml\n")
    return bench


def case(bench: Bench, name: str, cards: str) -> None:
    bench.case(name, configurations=f"  - {{vendor: fours, precision: fp32, batch_size: 32, cards: {cards}}}")


def workers(bench: Bench, *args: str, auto: str = "auto") -> int:
    """What pytest-xdist is answered."""
    config = bench.pytester.parseconfig("--sixdim", "--sixdim-vendor", "fours", "-n", auto, *args)
    return int(config.hook.pytest_xdist_auto_num_workers(config=config))


def test_cards_are_divided_by_the_smallest_run(four_cards: Bench) -> None:
    for name in ("alpha", "beta", "gamma"):
        case(four_cards, name, "2")
    assert workers(four_cards) == 3  # linearity needs a run on one card
    case(four_cards, "delta", "1")
    assert workers(four_cards) == 4
    assert workers(four_cards, "--sixdim-cards", "1") == 1


def test_no_more_workers_than_case_files_that_have_something_to_run(four_cards: Bench) -> None:
    for name in ("alpha", "beta"):
        case(four_cards, name, "[1, 2]")
    case(four_cards, "gamma", "64")
    assert workers(four_cards) == 2
    assert workers(four_cards, "cases/alpha.case.yaml::test_speed[fours-fp32-bs32-1x1]", auto="logical") == 1


def test_no_more_workers_than_cards(four_cards: Bench) -> None:
    for number in range(6):
        case(four_cards, f"case{number}", "1")
    assert workers(four_cards) == 4


def test_as_many_workers_start(four_cards: Bench) -> None:
    for name in ("alpha", "beta", "gamma"):
        case(four_cards, name, "1")
    result = four_cards.run("--sixdim-vendor", "fours", "-n", "auto", "--maxprocesses", "2", "-k", "nothing")
    result.stdout.fnmatch_lines(["created: 2/2 workers"])


def test_a_broken_case_counts_for_nothing(four_cards: Bench) -> None:
    for name in ("alpha", "beta"):
        case(four_cards, name, "1")
    (four_cards.cases / "broken.case.yaml").write_text("sixdim: 1\nname: [\n")
    assert workers(four_cards) == 2


def test_the_environment_and_a_conftest_count_more(four_cards: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    case(four_cards, "alpha", "1")
    (four_cards.path / "conftest.py").write_text("def pytest_xdist_auto_num_workers(config):\n    return 3\n")
    assert workers(four_cards) == 3
    (four_cards.path / "conftest.py").unlink()
    assert workers(four_cards) == 1
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "2")
    assert workers(four_cards) == 2


def test_an_option_that_cannot_be_honoured_is_told_once(four_cards: Bench) -> None:
    case(four_cards, "alpha", "1")
    result = four_cards.run("--sixdim-vendor", "nobody", "-n", "auto")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("--sixdim-vendor: ") == 1
