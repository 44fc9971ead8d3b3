"""report.html says what was measured, needs nothing but itself, and lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.case import Configuration
from pytest_sixdim.report.webpage import TEMPLATES, webpage

from .html_tree import pictures, shape, text_of, tree, with_class
from .sessions import BASELINE, CONFIGURATION, SessionFolder

HOSTILE = (
    "'\"></style></title></svg>--><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e{{7*7}}\ud800\n]]>"
)

SINGLE = Configuration("nvidia", "fp8", 512)


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    return SessionFolder(tmp_path)


def page_of(folder: SessionFolder, *cards: dict[str, Any]) -> str:
    session = json.loads((folder.directory / "session.json").read_text())
    return webpage(folder.directory, session, cards)


@pytest.fixture
def five(folder: SessionFolder) -> dict[str, Any]:
    """All six dimensions of five runs that passed."""
    return folder.scorecard([folder.run(index, value=76.3 + index / 20) for index in range(1, 6)])


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


def assert_inert(page: str) -> None:
    """No script, nothing loaded, no style but the page's own."""
    read = tree(page)
    tags = {each.tag for each in read.iter()}
    assert not tags & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "image",
        "use",
        "foreignobject",
    }
    attributes = {name for each in read.iter() for name in each.attrib}
    assert not {name for name in attributes if name.startswith("on")} | attributes & {
        "style",
        "src",
        "srcset",
        "xlink:href",
    }
    policy = next(each for each in read.iter("meta") if each.get("http-equiv") == "Content-Security-Policy").get(
        "content"
    )
    (style,) = read.iter("style")
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import", style.text or "")
    assert all(link.get("href", "").startswith(("#s", "./", "https://")) for link in read.iter("a"))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page)
    page.encode("utf-8")


def test_a_page_is_inert_and_its_pictures_are_xml(folder: SessionFolder, five: dict[str, Any]) -> None:
    page = page_of(folder, five)
    assert_inert(page)
    assert [each.get("role") for each in pictures(page)] == ["img"] * 7


def rewritten(record: Any, text: Callable[[str], str], free: bool = False) -> Any:
    """The record with every text that a person or a program may choose replaced."""
    chosen = {"title", "task", "reason", "flags", "message", "source", "date", "origin", "text", "default", "log_tail"}
    chosen |= {
        "generator",
        "card",
        "name",
        "unit",
        "kind",
        "run",
        "outcome",
        "at",
        "method",
        "scope",
        "sampler",
        "seed",
    }
    chosen |= {"machine", "software", "host", "settings", "git_commit", "plugin", "pytest", "unavailable", "role"}
    if isinstance(record, dict):
        kept = {"event"}
        return {k: v if k in kept else rewritten(v, text, free or k in chosen) for k, v in record.items()}
    if isinstance(record, list):
        return [rewritten(value, text, free) for value in record]
    return text(record) if free and isinstance(record, str) else record


def strange(root: Path, text: Callable[[str], str]) -> str:
    """The page of a session in which every text is what `text` makes of it."""
    folder = SessionFolder(root)
    lost = folder.run(2, status="crashed", seconds=90.0)
    card = folder.scorecard([folder.run(1), lost], planned=2, data="generated", generator="x")
    for run in card["runs"]:
        result = folder.directory / run["directory"] / "result.json"
        result.write_text(json.dumps(rewritten(json.loads(result.read_text()), text)))
        samples = folder.directory / run["directory"] / "node-0" / "samples.jsonl"
        first, *ticks = samples.read_text().splitlines()
        samples.write_text("\n".join([json.dumps(rewritten(json.loads(first), text)), *ticks[:50], ""]))
    card = rewritten(card, text)
    for run, name in zip(card["runs"], ("full-1", "full-2"), strict=True):
        run["name"] = name
    card["metric"]["name"] = text("top1")
    session = rewritten(json.loads((folder.directory / "session.json").read_text()), text)
    return webpage(folder.directory, session, [card], [text("a problem")])


def test_hostile_texts_change_nothing_but_texts(tmp_path: Path) -> None:
    harmless = strange(tmp_path / "a", lambda _: "harmless")
    hostile = strange(tmp_path / "b", lambda _: HOSTILE)
    assert "can't be shown" not in hostile
    assert hostile.count("alert(1)") > 50
    assert_inert(hostile)
    assert list(shape(tree(hostile))) == list(shape(tree(harmless)))
    assert len(pictures(hostile)) == len(pictures(harmless)) > 3


def test_a_hostile_folder_is_neither_read_nor_linked(folder: SessionFolder, five: dict[str, Any]) -> None:
    for run, path in zip(five["runs"], ("/etc", "../..", "javascript:alert(1)", 'x" y', ""), strict=True):
        run["directory"] = path
    page = page_of(folder, five)
    assert_inert(page)
    links = {link.get("href") for link in with_class(tree(page), "runs")[0].iter("a")}
    assert links == {"./javascript%3Aalert%281%29/", "./x%22%20y/"}
    assert text_of(tree(page)).count("no folder in this session") == 3


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


def colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", css))


def contrast(one: str, other: str) -> float:
    """WCAG 2: the ratio of the relative luminances."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_stand_out_in_both_schemes(scheme: str) -> None:
    light, dark = (TEMPLATES / "page.css").read_text().split("@media screen", 1)
    found = colours(light if scheme == "light" else dark)
    for back in ("page", "surface"):
        for text in ("ink", "soft", "accent"):
            assert contrast(found[text], found[back]) >= 4.5, (text, back)
    for verdict in ("pass", "fail", "suspect", "unknown"):
        assert contrast(found[verdict], found[f"{verdict}-back"]) >= 4.5, verdict
    assert contrast(found["ink"], found["quiet-back"]) >= 4.5
    assert contrast(found["soft"], found["quiet-back"]) >= 4.5
    for index in range(8):
        assert contrast(found[f"c{index}"], found["surface"]) >= 3, index


def test_the_baseline_of_the_builder_matches_the_builder() -> None:
    assert (BASELINE.cards, BASELINE.precision) == (CONFIGURATION.cards, CONFIGURATION.precision)
