"""Case files as test modules: ids, marks, selection, broken files beside good ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.conftest import CPU, Bench
from tests.plugin.several import run_several

NVIDIA = CPU + "\n  - {vendor: nvidia, precision: amp-bf16, batch_size: 256, cards: [8]}"
SIX = ("speed", "power", "memory", "accuracy", "linearity", "stability")


def collected(bench: Bench, *args: str | Path) -> list[str]:
    result = bench.run("--collect-only", "-q", *args)
    return [line for line in result.outlines if "::" in line]


def test_six_tests_a_configuration_in_order(bench: Bench) -> None:
    bench.case()
    assert collected(bench) == [
        f"cases/tiny.case.yaml::test_{name}[cpu-fp32-bs32-1x{cards}]" for cards in (1, 2) for name in SIX
    ]


def test_selection_by_mark_keyword_path_node_id_and_cards(bench: Bench) -> None:
    counts = {
        ("-m", "speed"): 2,
        ("-m", "cpu and speed and multicard"): 1,
        ("-m", "singlecard"): 6,
        ("-m", "image_classification and not stability"): 10,
        ("-m", "nvidia"): 0,
        ("-k", "accuracy and 1x2"): 1,
        ("cases/tiny.case.yaml",): 12,
        ("cases/tiny.case.yaml::test_power[cpu-fp32-bs32-1x1]",): 1,
        ("cases/tiny.case.yaml::test_power",): 2,
        ("--sixdim-cards", "2"): 6,
    }
    bench.case()
    results = run_several(bench, [("--collect-only", "-q", *selection) for selection in counts])
    found = [len([line for line in result.outlines if "::" in line]) for result in results]
    assert dict(zip(counts, found, strict=True)) == counts


def test_marks_are_registered(bench: Bench) -> None:
    bench.case()
    result = bench.run("--strict-markers", "--collect-only", "-q", "-m", "quick or multinode or singlecard")
    assert result.ret == 0
    assert "PytestUnknownMarkWarning" not in result.stdout.str()


def test_a_case_without_a_task_has_no_mark_of_one(bench: Bench) -> None:
    case = bench.case()
    case.write_text(case.read_text().replace("task: image classification\n", ""))
    result = bench.run("--collect-only", "-q", "-m", "speed and not image_classification")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_speed[[]cpu-fp32-bs32-1x1]"])


def test_without_the_flag_no_case_is_collected(bench: Bench) -> None:
    path = bench.case()
    result = bench.run(sixdim=False)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = bench.run(str(path), sixdim=False)
    assert "test_speed" not in result.stdout.str()
    assert not bench.results.exists()


def test_without_paths_the_cases_are_collected_and_not_the_projects_tests(bench: Bench) -> None:
    bench.case()
    bench.pytester.makepyfile(test_other="def test_other(): pass")
    bench.pytester.makeini("[pytest]\ntestpaths = .")
    assert all(line.startswith("cases/") for line in collected(bench))


def test_ini_names_where_cases_are(bench: Bench) -> None:
    bench.case(directory=bench.path / "elsewhere")
    bench.pytester.makeini("[pytest]\nsixdim_cases = elsewhere")
    assert len(collected(bench)) == 12


def test_a_missing_cases_directory_is_a_usage_error(bench: Bench) -> None:
    bench.pytester.makeini("[pytest]\nsixdim_cases = nowhere")
    result = bench.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: no paths given and */nowhere does not exist (ini option sixdim_cases)"])


def test_a_broken_file_names_every_problem_and_the_others_still_run(bench: Bench) -> None:
    bench.case()
    broken = bench.case("broken")
    broken.write_text(broken.read_text().replace("cards:", "crads:").replace("stall:", "stal:"))
    result = bench.run("-m", "speed")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*broken.case.yaml:9: unknown key 'stal' in train; did you mean 'stall'?*",
            "*broken.case.yaml:14: unknown key 'crads' in configurations[[]0[]]; did you mean 'cards'?*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert bench.runs() == ["tiny/cpu-fp32-bs32-1x1/window-1", "tiny/cpu-fp32-bs32-1x2/window-1"]


def test_two_cases_of_one_name_are_an_error(bench: Bench) -> None:
    bench.case()
    bench.case(directory=bench.cases / "again")
    result = bench.run("--collect-only", "-q")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*tiny.case.yaml:1: case name 'tiny' is taken by *tiny.case.yaml; names are unique*"])


def test_an_unknown_dialect_names_the_known_ones(bench: Bench) -> None:
    bench.case(extra="log: {format: sixdmi}")
    result = bench.run("--collect-only", "-q")
    result.stdout.fnmatch_lines(["*tiny.case.yaml:12: *'sixdmi'*did you mean 'sixdim'?*"])


def test_configurations_of_other_vendors_are_deselected_with_the_reason(bench: Bench) -> None:
    bench.case(configurations=NVIDIA)
    result = bench.run("--collect-only")
    result.stdout.fnmatch_lines(["*left out: needs nvidia, host has cpu (6 tests)"])
    assert len(collected(bench)) == 12


def test_where_nothing_remains_one_line_says_why(bench: Bench) -> None:
    bench.case(configurations=NVIDIA.splitlines()[1])
    result = bench.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*nothing measured: needs nvidia, host has cpu (6 tests)"])


def test_another_vendors_test_named_by_node_id_is_skipped_with_the_reason(bench: Bench) -> None:
    bench.case(configurations=NVIDIA)
    result = bench.run("-rs", "cases/tiny.case.yaml::test_speed[nvidia-amp-bf16-bs256-1x8]")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*tiny.case.yaml*: needs nvidia, host has cpu"])


def test_too_few_cards_skip_and_fail_under_strict(bench: Bench) -> None:
    bench.case(configurations="  - {vendor: cpu, precision: fp32, batch_size: 32, cards: [4096]}")
    result = bench.run("-rs", "-m", "speed")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs 4096 cards, * visible*"])
    result = bench.run("-m", "speed", "--sixdim-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*needs 4096 cards, * visible*"])


def test_all_vendors_only_to_look_at(bench: Bench) -> None:
    bench.case(configurations=NVIDIA)
    assert len(collected(bench, "--sixdim-vendor", "all")) == 18
    result = bench.run("--sixdim-vendor", "all")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sixdim-vendor all: only with --collect-only or --sixdim-plan*"])


def test_quick_leaves_cases_that_have_quick_settings(bench: Bench) -> None:
    bench.case()
    bench.case("swift", extra="quick: {target: 50, batch_size: 8}")
    assert {line.split("::")[0] for line in collected(bench, "--sixdim-quick")} == {"cases/swift.case.yaml"}
    assert all("bs8" in line for line in collected(bench, "--sixdim-quick"))
