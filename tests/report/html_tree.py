"""A page as a tree, by the standard library's parser, which does not forgive an element that is not closed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br"}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = ElementTree.Element("document")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = ElementTree.SubElement(self._open[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, text: str) -> None:
        parent = self._open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text

    def finish(self) -> ElementTree.Element:
        self.close()
        assert self._open == [self.root], f"<{self._open[-1].tag}> is never closed"
        return self.root


def tree(page: str) -> ElementTree.Element:
    """The page's elements."""
    builder = _Builder()
    builder.feed(page)
    return builder.finish()


def text_of(element: ElementTree.Element) -> str:
    """All texts in an element, white space collapsed."""
    return " ".join(" ".join(element.itertext()).split())


def with_class(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Every element below that has the class."""
    return [each for each in element.iter() if name in each.get("class", "").split()]


def pictures(page: str) -> list[ElementTree.Element]:
    """Every <svg> with a role, each read by a strict XML parser."""
    found = re.findall(r"<svg (?!class=\"swatch\").*?</svg>", page, re.DOTALL)
    return [ElementTree.fromstring(text) for text in found]


def shape(element: ElementTree.Element) -> Iterator[Any]:
    """Tags and names of attributes in the order of the page: what an injected text would change."""
    for each in element.iter():
        yield each.tag, tuple(sorted(each.attrib))
