"""Baselines as the text of a baselines file, for --sixdim-save-baseline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.schema.limits import limit_text
from pytest_sixdim.schema.scalars import scalar


def dump_baselines(entries: Iterable[Baseline]) -> str:
    """The YAML that load_baselines reads back as `entries`.

    Every entry states its own units, so that it can be moved into any baselines file of its case.
    """
    document = {"sixdim": 1, "entries": [_entry(baseline) for baseline in entries]}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _entry(baseline: Baseline) -> dict[str, Any]:
    figures = {dimension: baseline.figures[dimension] for dimension in DIMENSIONS if dimension in baseline.figures}
    entry: dict[str, Any] = {
        "vendor": baseline.vendor,
        "card": baseline.card,
        "nodes": baseline.nodes,
        "cards": baseline.cards,
        "precision": baseline.precision,
        "batch_size": baseline.batch_size,
        "batch_scope": baseline.batch_scope,
        "data": baseline.data,
        "generator": baseline.generator,
        "quick": baseline.quick,
        "adapter": baseline.adapter,
        "power_cap": None if baseline.power_cap is None else f"{baseline.power_cap!r} W",
        "units": {dimension: figure.unit for dimension, figure in figures.items() if figure.unit},
        **{dimension: _Written(figure.text) for dimension, figure in figures.items()},
        "speed_kind": (baseline.speed_kind or "unknown") if "speed" in figures else None,
        "card0": [dimension for dimension, figure in figures.items() if figure.card0],
        "limits": {dimension: limit_text(limit) for dimension, limit in baseline.limits.items()},
        "disputed": dict(baseline.disputed),
        "origin": baseline.origin,
        "source": baseline.source,
        "date": baseline.date,
        "software": baseline.software,
        "note": baseline.note,
    }
    return {key: value for key, value in entry.items() if value not in (None, "", [], {})}


class _Written(str):
    """A number that keeps the digits that it was written with."""


class _Dumper(yaml.SafeDumper):
    """Leaves unquoted only what YAML 1.1 and our reader agree on."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag that a reader gives to an unquoted scalar."""
        if kind is yaml.ScalarNode and implicit[0] and not isinstance(found := scalar(value), str):
            return _TAGS[type(found)]
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


_TAGS = {
    type(None): "tag:yaml.org,2002:null",
    bool: "tag:yaml.org,2002:bool",
    int: "tag:yaml.org,2002:int",
    float: "tag:yaml.org,2002:float",
}


def _represent_written(dumper: yaml.SafeDumper, number: _Written) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAGS[type(scalar(number))], str(number))


_Dumper.add_representer(_Written, _represent_written)
