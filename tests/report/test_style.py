"""What the page says can be read, in light and in dark."""

from __future__ import annotations

import re

import pytest

from pytest_sixdim.report.webpage import TEMPLATES


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
