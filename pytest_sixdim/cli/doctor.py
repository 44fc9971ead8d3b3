"""`sixdim doctor`: whether a benchmark can be trusted on this host now (docs/doctor.md)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sixdim.campaign.doctor import examine
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.cli.command import CommandError
from pytest_sixdim.cli.profiles import add_profiles, vendor_profiles
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.visible import inert, visible_lines
from pytest_sixdim.report.doctor import doctor_text
from pytest_sixdim.samplers import SAMPLERS
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.cli.command import Commands


def add(commands: Commands) -> None:
    """Make the command known."""
    doctor = commands.add_parser(
        "doctor",
        help="say whether a benchmark can be trusted on this host now: cards, sensors, torch, other users",
        description="Look at this host: its cards and their sensors, torch, who else is there. Exit status: 0 a "
        "benchmark can be trusted here, 1 there are problems, 2 it can't be done as asked.",
    )
    doctor.add_argument("--vendor", default="auto", metavar="ID", help="whose cards to look at (default: auto)")
    add_profiles(doctor)
    doctor.add_argument(
        "--python", default=sys.executable, metavar="EXE", help="interpreter of the training program (default: this)"
    )
    doctor.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="where results would go (default: results)"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON (docs/formats.md)")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    if options.vendor == "all":
        raise CommandError("--vendor all: a host has one vendor; give its id, or auto")
    try:
        profiles = vendor_profiles(options.profile)
        if options.vendor not in (*profiles, "auto"):
            raise CommandError(f"--vendor: {unknown_name('vendor', options.vendor, [*profiles, 'auto'])}")
        seen = examine(
            profiles, SAMPLERS, vendor=options.vendor, python=options.python, results=options.results.absolute()
        )
    except (SchemaError, SettingsError) as error:
        raise CommandError(str(error).replace("--sixdim-vendor", "--vendor")) from None
    if options.json:
        print(json.dumps(inert(seen.to_json()), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(visible_lines(doctor_text(seen)))
    return 0 if seen.trustworthy else 1
