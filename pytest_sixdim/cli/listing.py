"""`sixdim list`: what cases, configurations, vendors and baselines there are (docs/cases.md)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sixdim.campaign.catalogue import Catalogue, catalogue
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.cli.command import CommandError
from pytest_sixdim.cli.profiles import add_profiles, vendor_profiles
from pytest_sixdim.core.case import SUFFIX
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.core.visible import inert, visible_lines
from pytest_sixdim.dialects import DIALECTS
from pytest_sixdim.report.catalogue import (
    baselines_table,
    cases_table,
    catalogue_record,
    configurations_table,
    summary,
    vendors_table,
)
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.cli.command import Commands

DESCRIPTION = (
    "Read the cases below PATH and the baselines beside them, and show what is there; nothing is run. Exit status: "
    "0 all could be read, 1 a file is broken (what is wrong with it goes to stderr), 2 it can't be done as asked."
)


def add(commands: Commands) -> None:
    """Make the command known."""
    parser = commands.add_parser(
        "list", help="show what cases, configurations, vendors and baselines there are", description=DESCRIPTION
    )
    parser.add_argument(
        "paths", type=Path, nargs="*", default=[Path("cases")], metavar="PATH", help="cases or folders (default: cases)"
    )
    parser.add_argument("--configurations", action="store_true", help="each configuration, and whose baselines it has")
    parser.add_argument("--baselines", action="store_true", help="each baseline: its figures, its source")
    parser.add_argument("--vendors", action="store_true", help="each vendor: its cards, and how they are read")
    parser.add_argument("--vendor", metavar="ID", help="only the configurations and baselines of a vendor")
    add_profiles(parser)
    parser.add_argument("--json", action="store_true", help="print all of it as JSON (docs/formats.md)")
    parser.set_defaults(run=_list)


def _tables(options: argparse.Namespace, listed: Catalogue, vendors: Mapping[str, VendorProfile]) -> Iterator[str]:
    """What was asked for; the cases where nothing was."""
    base = Path.cwd()
    if options.configurations:
        yield configurations_table(listed, base)
    if options.baselines:
        yield baselines_table(listed, base)
    if options.vendors:
        yield vendors_table(listed, vendors)
    if not (options.configurations or options.baselines or options.vendors):
        yield cases_table(listed, base)


def _list(options: argparse.Namespace) -> int:
    for path in options.paths:
        if not path.exists():
            raise CommandError(f"{path}: there is no such file or folder; `sixdim new NAME` makes a case in cases/NAME")
        if path.is_file() and not path.name.endswith(SUFFIX):
            raise CommandError(f"{path}: the name of a case file ends in {SUFFIX}")
    try:
        vendors = vendor_profiles(options.profile)
    except (SchemaError, SettingsError) as error:
        raise CommandError(str(error)) from None
    if options.vendor is not None and options.vendor not in vendors:
        raise CommandError(f"--vendor: {unknown_name('vendor', options.vendor, vendors)}")
    listed = catalogue(options.paths, vendors, DIALECTS)
    if not listed.entries and not listed.problems:
        raise CommandError(f"no case (*{SUFFIX}) in {', '.join(map(str, options.paths))}")
    if options.vendor is not None:
        listed = listed.of_vendor(options.vendor)
        vendors = {options.vendor: vendors[options.vendor]}
    if options.json:
        record = inert(catalogue_record(listed, vendors, Path.cwd()))
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        shown = "\n\n".join(_tables(options, listed, vendors))
        print(visible_lines(f"{shown}\n\n{summary(listed)}"))
    for problem in listed.problems:
        print(problem, file=sys.stderr)
    return 1 if listed.problems else 0
