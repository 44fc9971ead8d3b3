"""`sixdim import`: recorded logs become a scorecard, without running anything (docs/import.md)."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.monitors.clock import parse_offset
from pytest_sixdim.campaign.importing.request import Request, chosen_card, chosen_configuration, runs_of
from pytest_sixdim.campaign.importing.session import import_logs
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.cli.command import CommandError
from pytest_sixdim.cli.profiles import add_profiles, vendor_profiles
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.visible import visible_lines
from pytest_sixdim.dialects import DIALECTS
from pytest_sixdim.report.brief import brief
from pytest_sixdim.report.imported import read_table
from pytest_sixdim.report.pages import write_pages
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.cli.command import Commands

#: Full runs that stability may be asked to take.
MOST_RUNS = 1000
DESCRIPTION = (
    "Read recorded logs as the full runs of a configuration, in the order given, and make their scorecard. Nothing is "
    "run. Exit status: 0 imported, and nothing failed; 1 imported, and a dimension failed; 2 it can't be done as asked."
)


def add(commands: Commands) -> None:
    """Make the command known."""
    parser = commands.add_parser(
        "import", help="make a scorecard of recorded logs, without running anything", description=DESCRIPTION
    )
    parser.add_argument(
        "logs",
        type=Path,
        nargs="+",
        metavar="LOG",
        help="a run's log (may be gzipped), or the directory of a FlagPerf run",
    )
    parser.add_argument("--case", type=Path, required=True, metavar="FILE", help="the case (*.case.yaml)")
    parser.add_argument("--format", metavar="NAME", help="of the logs (default: the case's log.format)")
    parser.add_argument("--configuration", metavar="ID", help="which of the case's (default: the only one)")
    parser.add_argument("--card", metavar="ID", help="that the runs were made on, as the vendor's profile calls it")
    parser.add_argument(
        "--single",
        "--reference",
        dest="single",
        type=Path,
        metavar="LOG",
        help="the run on one card (of several nodes: on one node), for linearity; a log or a FlagPerf directory",
    )
    parser.add_argument(
        "--monitor",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a monitor's log of the cards; may be repeated, the n-th belongs to the n-th log",
    )
    parser.add_argument(
        "--utc-offset",
        metavar="+HH:MM",
        help="of the monitors' local time, as in --utc-offset=-03:30 (default: inferred)",
    )
    parser.add_argument("--seeds", metavar="N,N,...", help="of the runs, where the logs do not say them")
    parser.add_argument("--runs", type=int, metavar="N", help="full runs that stability takes (default: the case's)")
    parser.add_argument("--data", choices=("real", "generated"), default="real", help="trained on (default: real)")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    add_profiles(parser)
    parser.add_argument(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME=MODULE:CLASS",
        help="a log format of your own; may be repeated",
    )
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    try:
        session = import_logs(_request(options))
    except (CannotImport, SchemaError, SettingsError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(complaint(error)) from None
    print(visible_lines(read_table(session)))
    print()
    for line in brief([session.scorecard]):
        print(line)
    try:
        pages = ", ".join(write_pages(session.directory, [session.scorecard]))
    except OSError as error:
        pages = f"no report: {error.strerror or error}"
    print(visible_lines(f"imported into {session.directory} ({pages})"))
    return 1 if session.scorecard["status"] == "fail" else 0


def _request(options: argparse.Namespace) -> Request:
    """Raises CannotImport, SchemaError, SettingsError, OSError."""
    profiles = vendor_profiles(options.profile)
    dialects = {**DIALECTS, **_own_dialects(options.dialect)}
    if not options.case.is_file():
        raise CannotImport(f"--case {options.case}: there is no such file")
    case = load_case(options.case, profiles, dialects)
    baselines = baselines_path(case.path)
    configuration = chosen_configuration(case, options.configuration)
    profile = profiles[configuration.vendor]
    form = options.format or case.log.format
    if form not in dialects:
        raise CannotImport(f"--format: {unknown_name('dialect', form, dialects)}")
    single = [] if options.single is None else [options.single]
    reference = runs_of(single, configuration.reference or configuration, profile)
    if len(reference) > 1:
        raise CannotImport(f"--single {options.single}: holds {len(reference)} runs; give the directory of one")
    if options.runs is not None and not 0 < options.runs <= MOST_RUNS:
        raise CannotImport(f"--runs {options.runs}: give a whole number from 1 to {MOST_RUNS}")
    return Request(
        case=case,
        configuration=configuration,
        profile=profile,
        format=form,
        dialects=dialects,
        logs=runs_of(options.logs, configuration, profile, options.monitor),
        results=Path(os.path.realpath(options.results)),
        reference=reference[0] if reference else None,
        card=chosen_card(profile, options.card),
        baselines=load_baselines(baselines, case) if baselines.exists() else (),
        runs=options.runs,
        seeds=_seeds(options.seeds),
        data=options.data,
        offset=None if options.utc_offset is None else parse_offset(options.utc_offset),
    )


def _own_dialects(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, place = text.partition("=")
        module, colon, kind = place.partition(":")
        if not (name and equals and module and colon and kind):
            raise CannotImport(f"--dialect {text}: give NAME=package.module:Class")
        try:
            importlib.import_module(module)
        except Exception as error:  # it is the user's own, and may raise anything
            raise CannotImport(
                f"--dialect {text}: {module} can't be imported: {error or type(error).__name__}"
            ) from None
        found[name] = place
    return found


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() and len(part) <= 20 for part in parts):
        raise CannotImport(f"--seeds {text!r}: give whole numbers separated by commas, one for each log")
    return tuple(map(int, parts))
