"""report.html needs nothing but itself, and lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_sixdim.report.webpage import webpage

from .html_tree import pictures, shape, text_of, tree, with_class
from .sessions import SessionFolder, page_of

HOSTILE = (
    "'\"></style></title></svg>--><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e{{7*7}}\ud800\n]]>"
)


ACTIVE = {"script", "img", "link", "iframe", "object", "embed", "form", "base", "image", "use", "foreignobject"}
LOADING = {"style", "src", "srcset", "xlink:href"}


def assert_inert(page: str) -> None:
    """No script, nothing loaded, no style but the page's own."""
    read = tree(page)
    assert not {each.tag for each in read.iter()} & ACTIVE
    attributes = {name for each in read.iter() for name in each.attrib}
    assert not attributes & LOADING
    assert not {name for name in attributes if name.startswith("on")}
    policies = [
        each.get("content") for each in read.iter("meta") if each.get("http-equiv") == "Content-Security-Policy"
    ]
    (style,) = read.iter("style")
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
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
