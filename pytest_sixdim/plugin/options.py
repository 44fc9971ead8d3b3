"""Command line and ini values (design section 4). Every --sixdim-NAME that takes a value may stand in the ini file
as sixdim_NAME."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

#: name, metavar, help. The value is None where neither the command line nor the ini file gives it.
VALUES: tuple[tuple[str, str, str], ...] = (
    ("vendor", "auto|ID|all", "whose configurations run (default auto: the vendor whose card is found, else cpu)"),
    ("cards", "N[,N]", "only configurations with so many cards per node"),
    ("nodes", "N[,N]", "only configurations with so many nodes"),
    ("runs", "N", "full runs for stability (default: the case's, 5)"),
    ("seeds", "fresh|N,N,...", "seeds of the full runs (default 1,2,3,...)"),
    ("data", "DIR|generated", "root of the data sets (default $SIXDIM_DATA; without, data is generated)"),
    ("results", "DIR", "where results go (default results)"),
    ("resume", "last|ID|DIR", "reuse the finished runs of an earlier session"),
    ("retries", "N", "how often a run is launched again that failed for a reason of the host or its cards (default 0)"),
    ("launcher", "NAME", "how nodes are reached (default local)"),
    (
        "python",
        "[NAME=]EXE",
        "the training program's interpreter (default: pytest's own); NAME=EXE: of cases that require the module NAME",
    ),
    ("adapter", "NAME", "an adapter between framework and card, such as ditorch"),
    ("contention", "warn|error", "what happens where somebody else uses a card (default warn)"),
    ("save-baseline", "FILE", "write this session's figures as baseline entries"),
)
#: What may be given several times; in the ini file, on lines.
REPEATED = ("python",)
_METAVARS = {name: metavar for name, metavar, _ in VALUES}
FLAGS: tuple[tuple[str, str], ...] = (
    ("quick", "use the cases' quick settings: seconds, on any machine"),
    ("share", "runs on other cards of this host may go on meanwhile (default: a measured run has the host to itself)"),
    ("strict", "unjudged, unknown, suspect and 'too few cards' fail"),
)
NO_CONFIRM = "--no-sixdim-confirm"
PLAN = "--sixdim-plan"
PLAN_FORMATS = ("table", "json")
JUNIT_FORMS = ("system-out", "properties", "none")


def add(parser: pytest.Parser) -> None:
    """Register every option and ini value."""
    group = parser.getgroup("sixdim", "benchmarks of AI accelerators in six dimensions (pytest-sixdim)")
    group.addoption("--sixdim", action="store_true", help="collect and run model cases (*.case.yaml)")
    for name, metavar, text in VALUES:
        action = "append" if name in REPEATED else "store"
        group.addoption(f"--sixdim-{name}", dest=_dest(name), metavar=metavar, help=text, action=action)
        kind: Literal["linelist", "string"] = "linelist" if name in REPEATED else "string"
        parser.addini(_dest(name), f"default of --sixdim-{name}", type=kind, default=None)
    for name, text in FLAGS:
        group.addoption(f"--sixdim-{name}", dest=_dest(name), action="store_true", default=None, help=text)
        parser.addini(_dest(name), f"default of --sixdim-{name}", type="bool", default=False)
    group.addoption(
        NO_CONFIRM,
        dest=_dest("confirm"),
        action="store_false",
        default=None,
        help="judge a figure near its limit by one run, not by the median of three",
    )
    parser.addini(_dest("confirm"), "whether a figure near its limit is measured twice more", type="bool", default=True)
    group.addoption(
        PLAN,
        dest="sixdim_plan",
        nargs="?",
        const="table",
        metavar="json",
        help="print the runs and which tests need them, and launch nothing; as a table or as JSON",
    )
    parser.addini(
        "sixdim_vendors", "further vendor profiles: YAML files or directories of them", type="args", default=[]
    )
    parser.addini("sixdim_cases", "where cases are looked for without paths", type="args", default=["cases"])
    parser.addini(
        "sixdim_junit", f"where JUnit carries the figures: {', '.join(JUNIT_FORMS)} (default system-out)", default=None
    )


def spell_out_plan(args: list[str]) -> None:
    """Turn a bare --sixdim-plan into --sixdim-plan=table, so that a path after it stays a path."""
    for index, argument in enumerate(args):
        if argument == "--":
            return
        if argument == PLAN:
            args[index] = f"{PLAN}=table"


def value(config: pytest.Config, name: str) -> Any:
    """What the command line says of an option, else the ini file, else None (flags: False).

    Raises pytest.UsageError for an empty text: a shell's variable that was not set must not choose the default.
    """
    given = config.getoption(_dest(name))
    if given == "" or (name in REPEATED and "" in (given or ())):
        raise pytest.UsageError(f"--sixdim-{name}: it is empty; allowed: {_METAVARS[name]}")
    if given is not None:
        return given
    written = config.getini(_dest(name))
    return written if written not in ("", []) else None


def repeated(config: pytest.Config, name: str) -> tuple[list[str], list[str]]:
    """The texts of an option that may be given several times: of the ini file, and of the command line.

    Raises pytest.UsageError for an empty text.
    """
    given = value(config, name) if on_command_line(config, name) else []
    return list(config.getini(_dest(name)) or ()), given


def on_command_line(config: pytest.Config, name: str) -> bool:
    """Whether the command line says something of an option."""
    return config.getoption(_dest(name)) is not None


def ini_directory(config: pytest.Config) -> Path:
    """What paths in the ini file are relative to: its directory; pytest's root directory where there is no ini file."""
    return config.inipath.parent if config.inipath else config.rootpath


def default_paths(config: pytest.Config) -> list[Path]:
    """Where cases are looked for without paths on the command line."""
    return [ini_directory(config) / name for name in config.getini("sixdim_cases")]


def plan_format(config: pytest.Config) -> str | None:
    """How the plan is to be printed; None where runs are to be launched.

    Raises pytest.UsageError for an unknown format.
    """
    wanted = config.getoption("sixdim_plan")
    if wanted is not None and wanted not in PLAN_FORMATS:
        raise pytest.UsageError(f"{PLAN}={wanted}: unknown format; allowed: {', '.join(PLAN_FORMATS)}")
    return None if wanted is None else str(wanted)


def quieten_for_json(config: pytest.Config) -> None:
    """Leave standard output to the plan where it is asked for as JSON."""
    if plan_format(config) == "json":
        config.option.verbose = -3
        config.option.no_header = config.option.no_summary = True


def junit_form(config: pytest.Config) -> str:
    """Where JUnit carries the figures.

    Raises pytest.UsageError for an unknown form.
    """
    form = config.getini("sixdim_junit") or JUNIT_FORMS[0]
    if form not in JUNIT_FORMS:
        raise pytest.UsageError(f"ini option sixdim_junit = {form}: allowed: {', '.join(JUNIT_FORMS)}")
    return str(form)


def _dest(name: str) -> str:
    return "sixdim_" + name.replace("-", "_")
