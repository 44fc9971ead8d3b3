"""docs/vendors.md says what the profiles say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_sixdim.schema.vendor import load_vendor
from tests.vendor_tables import DOCUMENT, profiles, renewed


def test_the_document_is_as_the_profiles_are() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == renewed(text), "run `python -m tests.vendor_tables`"


def test_every_unverified_key_and_every_quirk_is_shown() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for profile in profiles():
        section = text.split(f"### {profile.name} (`{profile.id}`)")[1].split("\n### ")[0]
        assert all(f"`{key}`" in section for key in profile.unverified), profile.id
        assert all(quirk in section for quirk in profile.quirks), profile.id
        assert profile.name_zh in text


def test_the_example_of_a_profile_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "acme.yaml").write_text(example, encoding="utf-8")
    assert load_vendor(tmp_path / "acme.yaml").card_model("Acme A1") is not None


def test_a_document_that_lacks_a_part_is_noticed() -> None:
    with pytest.raises(ValueError, match="no part 'torch'"):
        renewed("# Vendors\n")
