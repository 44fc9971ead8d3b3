"""What cases there are below some paths, each with the baselines that stand beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import SUFFIX, Case, Configuration
from pytest_sixdim.core.matching import stands_for
from pytest_sixdim.core.vendor import VendorProfile, fallback_of
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import Problem, SchemaError

#: Folders that nobody looks into, as pytest has it by default (its ini option norecursedirs).
LEFT_ALONE = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")


@dataclass(frozen=True)
class Entry:
    """A case, and of it what is asked for.

    Attributes:
        fallback: the vendor that a quick session adds to a case (`Case.quickened`).
    """

    case: Case
    configurations: tuple[Configuration, ...]
    baselines: tuple[Baseline, ...]
    fallback: str

    def of(self, configuration: Configuration) -> list[Baseline]:
        """The baselines of a configuration, on whatever card and data they were measured."""
        return [baseline for baseline in self.baselines if stands_for(baseline, configuration)]

    def behind(self, baseline: Baseline) -> list[Configuration]:
        """The configurations that a baseline is of, those of a quick session or under an adapter where it was measured
        so; none where it is only shown beside figures."""
        case = self.case.quickened(self.fallback) if baseline.quick and self.case.quick else self.case
        case = case if baseline.adapter is None else case.under(baseline.adapter)
        return [configuration for configuration in case.configurations if stands_for(baseline, configuration)]


@dataclass(frozen=True)
class Catalogue:
    """The cases that can be read, in the order of their paths, and what is wrong with the others."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()

    def of_vendor(self, vendor: str) -> Catalogue:
        """Only the configurations and the baselines of a vendor; no case that has neither."""
        left = []
        for entry in self.entries:
            configurations = tuple(each for each in entry.configurations if each.vendor == vendor)
            baselines = tuple(each for each in entry.baselines if each.vendor == vendor)
            if configurations or baselines:
                left.append(replace(entry, configurations=configurations, baselines=baselines))
        return replace(self, entries=tuple(left))


def catalogue(
    paths: Iterable[Path], vendors: Mapping[str, VendorProfile], dialects: Mapping[str, str] | None = None
) -> Catalogue:
    """Read the cases below paths (files or folders), each once. A broken file, its own baselines file included, is told
    of and keeps no other from being read."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    names: dict[str, Path] = {}
    fallback = fallback_of(vendors.values()).id
    for path in dict.fromkeys(case_files(paths)):
        try:
            case = load_case(path, vendors, dialects)
            beside = baselines_path(path)
            baselines = load_baselines(beside, case) if beside.exists() else ()
            entries.append(Entry(case, case.configurations, baselines, fallback))
        except SchemaError as error:
            problems += error.problems
            continue
        other = names.setdefault(case.name, path)
        if other != path:
            problems.append(taken(case, other))
    return Catalogue(tuple(entries), tuple(problems))


def taken(case: Case, other: Path) -> Problem:
    """That another case has the name of this one already: a session can't have both."""
    return Problem(case.path, 1, f"case name {case.name!r} is taken by {other}; names are unique")


def case_files(paths: Iterable[Path], left_alone: Iterable[str] = LEFT_ALONE) -> Iterator[Path]:
    """The case files among and below some paths, resolved, in the order of their names.

    left_alone: patterns of the names of folders that are not looked into.
    """
    patterns = tuple(left_alone)
    for path in paths:
        if path.is_file() and path.name.endswith(SUFFIX):
            yield path.resolve()
        for directory, names, files in os.walk(path):
            names[:] = sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in patterns))
            yield from (Path(directory, name).resolve() for name in sorted(files) if name.endswith(SUFFIX))
