"""What a result says of the adapter that it was made under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.report.values import NONE


def adapter_facts(card: Scorecard) -> list[tuple[str, str]]:
    """Label and text: which adapter, what it drove, and its variables; nothing for a result without one."""
    name = card.key.get("adapter")
    if not name:
        return []
    known: Mapping[str, Any] = next(
        (run["adapter"] for run in card.runs if isinstance(run.get("adapter"), Mapping)), {}
    )
    variables = known.get("variables")
    listed = " ".join(f"{key}={value}" for key, value in variables.items()) if isinstance(variables, Mapping) else ""
    return [("adapter", f"{name}: {_driven(known)}"), ("its variables", listed or NONE)]


def _driven(known: Mapping[str, Any]) -> str:
    """As in "ascend through torch_npu 2.1.0"."""
    if known.get("active") is None:
        return "no evidence"
    if not known["active"]:
        return "no vendor plugin was importable"
    return f"{known.get('architecture')} through {known.get('framework')} {known.get('framework_version')}"
