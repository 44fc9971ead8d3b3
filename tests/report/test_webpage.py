"""report.html says what was measured, and what was not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.case import Configuration

from .html_tree import text_of, tree, with_class
from .runs import CONFIGURATION
from .sessions import SessionFolder, page_of

SINGLE = Configuration("nvidia", "fp8", 512)


def figure(page: str, title: str) -> Any:
    return next(each for each in tree(page).iter("figure") if text_of(each).startswith(title))


def dimension(page: str, name: str) -> Any:
    return next(each for each in tree(page).iter("article") if text_of(each).startswith(name))


def test_the_table_has_the_published_columns_and_every_figure(folder: SessionFolder, five: dict[str, Any]) -> None:
    table = with_class(tree(page_of(folder, five)), "six")[0]
    heads = [text_of(cell) for cell in table.iter("th") if cell.get("scope") == "col"]
    assert [head.split()[0] for head in heads] == [
        *("model", "configuration", "speed", "accuracy", "power", "linearity", "memory", "stability", "verdict"),
    ]
    cells = [text_of(cell) for cell in with_class(table, "figure") if cell.tag == "td"]
    speed = f"{five['dimensions']['speed']['value']:.0f}"
    assert cells[0] == f"{speed} ✓ pass"
    assert [cell.split(maxsplit=1)[1] for cell in cells] == ["✓ pass"] * 6 + ["pass 6 of 6"]


def test_verdicts_have_a_sign_and_a_word_beside_their_colour(folder: SessionFolder) -> None:
    card = folder.scorecard([folder.run(1, SINGLE, value=70.0)], SINGLE, None, planned=5)
    shown = {text_of(each) for each in with_class(tree(page_of(folder, card)), "verdict")}
    assert {"✗ fail", "○ unjudged", "– n/a", "? unknown"} <= shown
    assert all(len(text.split()) > 1 for text in shown)


def test_the_header_says_when_where_and_with_what(folder: SessionFolder, five: dict[str, Any]) -> None:
    text = text_of(tree(page_of(folder, five)))
    for fact in ("2026-03-01 10:15:00 UTC", "8 × NVIDIA H200, 141 GiB", "node-17", "torch 2.9.1", "78a9f1e0c4d2"):
        assert fact in text
    assert "strict yes quick no" in text


def test_a_dimension_shows_value_limit_baseline_source_and_reason(folder: SessionFolder, five: dict[str, Any]) -> None:
    page = page_of(folder, five)
    shown = text_of(dimension(page, "speed"))
    result = five["dimensions"]["speed"]
    for part in (
        result["reason"],
        "limit -5 %: 21403 samples/s",
        "baseline 22530 samples/s train",
        "2026-01, published",
    ):
        assert part in shown
    assert [link.get("href") for link in dimension(page, "speed").iter("a")] == ["https://example.org/resnet50#table-2"]
    assert "waiting for the loader 2.0 %" in shown


def test_what_is_missing_is_a_dash_with_its_reason_and_never_nought(folder: SessionFolder) -> None:
    run = folder.run(1)
    (run.directory / "node-0" / "samples.jsonl").unlink()
    card = folder.scorecard([replace(run, samples=())], asked=("speed", "power"), planned=5)
    page = page_of(folder, card)
    assert text_of(dimension(page, "power")).startswith("power – ? unknown no card was sampled")
    assert text_of(dimension(page, "memory")) == "memory – – not asked not asked for in this session"
    assert "no readings were recorded" in text_of(figure(page, "Power of the cards in full-1"))
    assert not list(figure(page, "Power of the cards in full-1").iter("svg"))


def test_the_segments_show_which_three_were_kept(folder: SessionFolder, five: dict[str, Any]) -> None:
    shown = figure(page_of(folder, five), "Speed of the segments")
    speeds = five["dimensions"]["speed"]["detail"]["segments"]
    lowest, highest = speeds.index(min(speeds)) + 1, speeds.index(max(speeds)) + 1
    hollow = {text_of(each) for each in with_class(shown, "left-out") if text_of(each)}
    assert {text.split(":")[0] for text in hollow} == {str(lowest), str(highest)}
    assert len([each for each in with_class(shown, "counted") if text_of(each)]) == 3
    assert "Coefficient of variation 0." in text_of(shown)


def test_curves_have_a_line_a_run_and_a_line_a_card(folder: SessionFolder, five: dict[str, Any]) -> None:
    page = page_of(folder, five)
    assert text_of(figure(page, "Training loss")).count("full-") == 5
    power = figure(page, "Power of the cards in full-1")
    assert len(list(power.iter("polyline"))) == 8
    assert [each.tag for each in with_class(power, "window")].count("rect") >= 2
    assert "Read: nvml, average, card." in text_of(power)
    assert len(page) < 400_000


def test_scores_make_a_radar_and_without_a_baseline_there_is_none(folder: SessionFolder, five: dict[str, Any]) -> None:
    assert len(with_class(tree(page_of(folder, five)), "scores")) == 1
    bare = folder.scorecard([folder.run(1, SINGLE)], SINGLE, None, planned=5)
    shown = tree(page_of(folder, bare))
    assert with_class(shown, "scores") == []
    radar = text_of(with_class(shown, "radar")[0])
    assert "No baseline, no score." in radar
    assert "speed (no baseline)" in radar


def test_what_sampling_cost_stands_in_the_row_of_each_run(folder: SessionFolder) -> None:
    card = folder.scorecard([folder.run(1), folder.run(2)], planned=2)
    cost = {"cpu_share": 0.0021, "period_p50": 0.1, "period_p99": 0.11, "period_max": 0.43, "gaps": 1, "errors": 0}
    card["runs"][0]["sampler"] = cost
    (table,) = with_class(tree(page_of(folder, card)), "runs")
    heads = [text_of(cell) for cell in table.iter("th") if cell.get("scope") == "col"]
    rows = [[text_of(cell) for cell in row.iter("td")] for row in table.iter("tr")][1:]
    place = heads.index("sampling") - 1  # the run's name is a head of its row
    assert [row[place] for row in rows] == ["0.21 % of a core, every 0.1 s (at most 0.43 s), 1 gap", "–"]


def test_a_failed_run_shows_its_last_lines_and_where_its_logs_are(folder: SessionFolder) -> None:
    tail = ["Traceback:", "  <module>", "CUDA out of memory"]
    lost = folder.run(2, status="out_of_memory", message="rank 3: no memory", seconds=90.0, log_tail=tail)
    page = page_of(folder, folder.scorecard([folder.run(1), lost], planned=2))
    (failed,) = with_class(tree(page), "failed")
    assert "".join(failed.find(".//pre").itertext()) == "Traceback:\n  <module>\nCUDA out of memory\n"
    assert [link.get("href") for link in failed.iter("a")] == [
        f"./resnet50/{CONFIGURATION.id}/full-2/node-0/logs/",
    ]
    assert "Memory of the cards in full-2" in text_of(tree(page))


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        ({"data": "generated", "generator": "uniform-v1"}, "generated data (uniform-v1)"),
        ({"quick": True}, "quick settings"),
    ],
)
def test_what_limits_the_figures_is_said_at_the_top_and_at_the_figures(
    folder: SessionFolder, fields: dict[str, Any], mark: str
) -> None:
    shown = tree(page_of(folder, folder.scorecard([folder.run(1)], CONFIGURATION, None, planned=5, **fields)))
    assert [text_of(each) for each in with_class(shown, "mark")] == [mark, mark]
    (warning,) = with_class(shown, "warning")
    assert text_of(warning).lower().startswith(mark.partition(" (")[0])


def test_a_short_window_is_said_at_the_top_and_at_the_figures(folder: SessionFolder, five: dict[str, Any]) -> None:
    five["dimensions"]["speed"]["flags"] = ["short window: segments of 5 steps and 0.5 s"]
    shown = tree(page_of(folder, five))
    assert [text_of(each) for each in with_class(shown, "mark")] == ["short window"] * 2
    assert [text_of(each).partition(" Segments")[0] for each in with_class(shown, "warning")] == ["Short window."]
    assert "segments of 5 steps and 0.5 s" in text_of(dimension(page_of(folder, five), "speed"))


def test_links_lead_below_the_page_or_to_a_source(folder: SessionFolder, five: dict[str, Any]) -> None:
    shown = tree(page_of(folder, five))
    idents = [each.get("id") for each in shown.iter() if each.get("id")]
    links = [each.get("href", "") for each in shown.iter("a")]
    assert len(idents) == len(set(idents))
    assert all(link[1:] in idents for link in links if link.startswith("#"))
    assert all((folder.directory / link).exists() for link in links if link.startswith("./"))
    assert {link.split("/")[0] for link in links} == {"#s1", ".", "https:"}


def test_missing_and_broken_run_files_are_named_and_the_rest_is_shown(
    folder: SessionFolder, five: dict[str, Any]
) -> None:
    runs = [folder.directory / run["directory"] for run in five["runs"]]
    (runs[0] / "node-0" / "events.jsonl").unlink()
    (runs[1] / "result.json").write_text("{")
    (runs[2] / "order.json").unlink()
    (runs[3] / "result.json").write_text("[]")
    (runs[4] / "node-0" / "samples.jsonl").write_text("\x00\xff")
    page = page_of(folder, five)
    text = text_of(tree(page))
    for problem in (
        "full-1: events.jsonl is missing: no curves",
        "full-2: result.json is broken:",
        "full-3: order.json is missing",
        "full-4: result.json is broken: no JSON object",
    ):
        assert problem in text
    assert text_of(figure(page, "Training loss")).count("full-") == 4


def test_a_scorecard_that_cannot_be_shown_does_not_hide_the_others(folder: SessionFolder, five: dict[str, Any]) -> None:
    later = {**five, "schema": 99}
    odd = {**five, "dimensions": {**five["dimensions"], "speed": {**five["dimensions"]["speed"], "value": "fast"}}}
    shown = tree(page_of(folder, later, five, odd, {}))
    warnings = [text_of(each) for each in with_class(shown, "warning")]
    whose = f" (resnet50 {CONFIGURATION.id})"
    assert [warning.split(":")[0] for warning in warnings] == [
        f"Not complete. scorecard {which} can't be shown" for which in (f"1{whose}", f"3{whose}", "4")
    ]
    assert len(with_class(shown, "scorecard")) == 1


def test_a_session_without_scorecards_says_so(folder: SessionFolder) -> None:
    text = text_of(tree(page_of(folder)))
    assert "No scorecard was written in this session" in text
    assert "nothing was measured" in text
