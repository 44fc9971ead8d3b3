"""The vendors that a command knows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.vendor import VendorProfile, fallback_of
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor


def add_profiles(parser: argparse.ArgumentParser) -> None:
    """The option by which a command knows of a user's own vendors."""
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a vendor profile of your own (ini option sixdim_vendors); may be repeated",
    )


def vendor_profiles(own: Sequence[Path]) -> dict[str, VendorProfile]:
    """The built-in profiles and the user's, which take the place of built-in ones with their id.

    Raises SettingsError for a file that is missing and for a second fallback, SchemaError for a broken one.
    """
    profiles = {name: load_vendor(path) for name, path in builtin_vendors().items()}
    for path in own:
        if not path.is_file():
            raise SettingsError(f"--profile {path}: there is no such file")
        profile = load_vendor(path)
        profiles[profile.id] = profile
    try:
        fallback_of(profiles.values())
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return profiles
