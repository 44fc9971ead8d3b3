"""The keys of a case's `log` that only its log format knows: the format's class says which, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.core.registry import RegistryError, load_class
from pytest_sixdim.schema.case_model import LogModel
from pytest_sixdim.schema.document import Document
from pytest_sixdim.schema.errors import Problem, shortened


def option_problems(document: Document, log: LogModel, dialects: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the format's own keys; `dialects`: registered name -> "package.module:Class"."""
    options = dict(log.model_extra or {})
    try:
        kind = load_class(dialects[log.format])
    except RegistryError as error:
        return [document.problem(("log", "format"), f"log.format {log.format!r}: {error}")]
    known: Mapping[str, str] = getattr(kind, "OPTIONS", {})
    allowed = [*LogModel.model_fields, *known]
    unknown = [name for name in options if name not in known]
    problems = []
    for name in unknown:
        hint = closest(name[:60], allowed)
        instead = f"; did you mean {hint!r}?" if hint else f"; allowed: {', '.join(allowed)}"
        problems.append(document.problem(("log", name), f"unknown key {shortened(name)} in log{instead}"))
    if unknown:
        return problems
    try:
        kind(**options)
    except OptionError as error:
        return [document.problem(("log", error.option), f"log.{error.option}: {error.message}")]
    except (TypeError, ValueError) as error:
        return [document.problem(("log",), f"log: {error}")]
    return []
