"""report.md has the table, the remarks and the session's facts, and no text in it has a meaning."""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_sixdim.report.markdown import markdown

from .sessions import SessionFolder

HOSTILE = "a|b `c` <script>alert(1)</script> [x](javascript:y) **z** \x1b\u202e\nnew"


def text_of(folder: SessionFolder, *cards: dict[str, Any]) -> str:
    return markdown(folder.directory, json.loads((folder.directory / "session.json").read_text()), cards)


def rows(text: str) -> list[list[str]]:
    """The cells of the table, split where a border is not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_it_has_the_table_the_remarks_the_closing_line_and_the_facts(folder: SessionFolder) -> None:
    card = folder.scorecard([folder.run(1)], planned=5)
    text = text_of(folder, card)
    header, _, row = rows(text)
    assert [cell.partition("<br>")[0] for cell in header] == [
        *("model", "configuration", "speed", "accuracy", "power", "linearity", "memory", "stability", "verdict"),
    ]
    assert row[:2] == ["ResNet-50 v1.5<br>image classification", "nvidia-amp-bf16-bs256-1x8<br>top1 >= 75.9 %"]
    assert row[3] == f"{card['dimensions']['accuracy']['value']:.2f}<br>pass"
    assert "- UNKNOWN resnet50 nvidia-amp-bf16-bs256-1x8 stability: 1 of 5 runs are there" in text
    assert "judged 5 of 6 asked (5 pass, 1 unknown)" in text
    for fact in (
        "- started: 2026-03-01 10:15:00 UTC",
        "- cards: 8 × NVIDIA H200, 141 GiB",
        "- strict: yes",
        "- torch: 2.9.1",
    ):
        assert fact in text.splitlines()


def test_hostile_texts_stay_texts(folder: SessionFolder) -> None:
    card = folder.scorecard([folder.run(1)], planned=5)
    card["title"] = card["task"] = card["configuration"] = card["metric"]["name"] = HOSTILE
    card["dimensions"]["power"] |= {"verdict": "suspect", "reason": HOSTILE, "flags": [HOSTILE]}
    text = text_of(folder, card)
    assert {len(row) for row in rows(text)} == {9}
    assert "<script" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert not re.search(r"(?<!\\)[`*\[\]]", text.replace(r"\*\*", ""))
    assert rows(text)[2][0].count(r"a\|b \`c\` &lt;script>alert(1)&lt;/script>") == 2
    assert [line for line in text.splitlines() if line.startswith("new")] == []


def test_without_scorecards_it_says_so_and_still_has_the_facts(folder: SessionFolder) -> None:
    text = text_of(folder)
    assert "No scorecard was written in this session." in text
    assert "- host: node-17" in text


def test_a_scorecard_that_cannot_be_shown_does_not_hide_the_others(folder: SessionFolder) -> None:
    card = folder.scorecard([folder.run(1)], planned=5)
    text = text_of(folder, {"schema": 99}, card)
    assert "**Not complete:** scorecard 1 can't be shown: KeyError: 'dimensions'" in text
    assert len(rows(text)) == 3
