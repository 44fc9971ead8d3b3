"""Baselines files: `<model>.baselines.yaml`, beside `<model>.case.yaml`, into core.baseline.Baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pytest_sixdim.core.baseline import DEFAULT_LIMITS, Baseline, Figure
from pytest_sixdim.core.case import SUFFIX, Case, Limit
from pytest_sixdim.core.dimensions import BETTER, DIMENSIONS, Dimension
from pytest_sixdim.core.limits import limit_value, looser, worse_end
from pytest_sixdim.schema.baseline_model import UNCERTAIN_UNIT, BaselinesModel, EntryModel
from pytest_sixdim.schema.document import Document, where
from pytest_sixdim.schema.errors import Problem, SchemaError
from pytest_sixdim.schema.limits import limit_text
from pytest_sixdim.schema.model import given, require, validated
from pytest_sixdim.schema.quantities import FACTORS
from pytest_sixdim.schema.reader import read_document

Units = Mapping[Dimension, str | None]


def baselines_path(case: Path) -> Path:
    """Where the baselines of a case file stand: `<model>.baselines.yaml` beside `<model>.case.yaml`."""
    return case.with_name(f"{case.name.removesuffix(SUFFIX)}.baselines.yaml")


def load_baselines(path: Path, case: Case) -> tuple[Baseline, ...]:
    """Read the baselines of `case` from `path`.

    Raises SchemaError with all that is wrong: a unit that is missing or unknown, an accuracy in another unit than the
    case's metric, a limit that is looser than the case's, an entry given twice.
    """
    document = read_document(path.absolute())
    model, problems = validated(BaselinesModel, document, case)
    model = require(model, problems)
    baselines = []
    for index, entry in enumerate(model.entries):
        units = _units(model, entry, case)
        problems += _missing_units(document, index, entry, units)
        baselines.append(_baseline(document, index, entry, units))
        problems += _loosened(document, index, baselines[-1], case)
    problems += _repeated(document, baselines)
    if problems:
        raise SchemaError(problems)
    return tuple(baselines)


def _units(model: BaselinesModel, entry: EntryModel, case: Case) -> Units:
    """The unit of each figure of an entry, None where none is given: the entry's own, else the file's."""
    units: dict[Dimension, str | None] = {"linearity": "", "stability": ""}
    for dimension in DIMENSIONS:
        if dimension not in units:
            own, common = getattr(entry.units, dimension), getattr(model.units, dimension)
            units[dimension] = common if own is None else own
    if not case.metric.unit:
        units["accuracy"] = ""
    return units


def _missing_units(document: Document, index: int, entry: EntryModel, units: Units) -> Iterator[Problem]:
    for dimension in DIMENSIONS:
        if getattr(entry, dimension) is not None and units[dimension] is None:
            here = ("entries", index, dimension)
            yield document.problem(here, f"{where(here)}: no unit; give it as {dimension!r} under 'units'")


def _baseline(document: Document, index: int, entry: EntryModel, units: Units) -> Baseline:
    location = ("entries", index)
    figures: dict[Dimension, Figure] = {}
    for dimension in DIMENSIONS:
        value = getattr(entry, dimension)
        if value is not None:
            text, unit = document.text((*location, dimension), value), units[dimension] or ""
            figures[dimension] = Figure(text, unit, _own_unit(dimension, value, unit), dimension in entry.card0)
    return Baseline(
        vendor=entry.vendor,
        card=entry.card,
        nodes=entry.nodes,
        cards=entry.cards,
        precision=entry.precision,
        batch_size=entry.batch_size,
        figures=figures,
        batch_scope=entry.batch_scope,
        data=entry.data,
        quick=entry.quick,
        adapter=entry.adapter,
        power_cap=entry.power_cap,
        speed_kind=None if entry.speed_kind == "unknown" else entry.speed_kind,
        generator=entry.generator,
        limits=entry.limits.by_dimension(),
        origin=entry.origin,
        source=entry.source,
        date=entry.date or "",
        software=entry.software or "",
        note=entry.note or "",
        disputed=given(entry.disputed),
        path=document.path,
        line=document.lines[location],
    )


def _own_unit(dimension: Dimension, value: float, unit: str) -> float | None:
    """A figure in its dimension's unit; None where the unit is uncertain."""
    if unit == UNCERTAIN_UNIT and dimension == "memory":
        return None
    return float(value) * FACTORS.get(dimension, {}).get(unit, 1.0)


def _loosened(document: Document, index: int, baseline: Baseline, case: Case) -> Iterator[Problem]:
    """A baseline may tighten a limit and never loosen it (docs/method.md, "Verdicts")."""
    for dimension, limit in baseline.limits.items():
        figure = baseline.figures.get(dimension)
        end = None if figure is None else worse_end(figure, BETTER[dimension])
        ruling = case.limits.get(dimension, DEFAULT_LIMITS[dimension])
        if _looser(dimension, limit, ruling, end):
            here = ("entries", index, "limits", dimension)
            message = f"{where(here)}: {limit_text(limit)} loosens the limit, which is {limit_text(ruling)}"
            yield document.problem(here, f"{message}; a baseline can only tighten it")


def _looser(dimension: Dimension, limit: Limit, ruling: Limit, end: float | None) -> bool:
    """Whether a value could meet `limit` and not `ruling`, as far as that can be told."""
    value, than = limit_value(limit, end), limit_value(ruling, end)
    if value is not None and than is not None:
        return looser(dimension, value, than)
    return limit.kind == ruling.kind and looser(dimension, limit.amount, ruling.amount)


def _repeated(document: Document, baselines: Iterable[Baseline]) -> Iterator[Problem]:
    first: dict[str, Baseline] = {}
    for index, baseline in enumerate(baselines):
        key = repr(replace(baseline, figures={}, limits={}, disputed={}, speed_kind=None, line=1))
        other = first.setdefault(key, baseline)
        if other is not baseline:
            message = f"entries[{index}]: the same configuration and source are already given in line {other.line}"
            yield document.problem(("entries", index), message)
