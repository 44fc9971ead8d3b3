"""What of a case its log format decides: the keys of `log` that only the format knows, and whether it counts epochs."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.core.registry import RegistryError, load_class
from pytest_sixdim.schema.case_model import CaseModel, LogModel
from pytest_sixdim.schema.document import Document
from pytest_sixdim.schema.errors import Problem, shortened


def format_problems(document: Document, model: CaseModel, dialects: Mapping[str, str]) -> list[Problem]:
    """What a case asks for that its log format does not have; `dialects`: registered name -> "package.module:Class"."""
    log = model.log
    options = dict(log.model_extra or {})
    try:
        kind = load_class(dialects[log.format])
    except RegistryError as error:
        return [document.problem(("log", "format"), f"log.format {log.format!r}: {error}")]
    takes_options = hasattr(kind, "OPTIONS")
    known: Mapping[str, str] = kind.OPTIONS if takes_options else {}
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
        dialect = kind(**options) if takes_options else kind  # what it does when it is made is the agent's
    except OptionError as error:
        return [document.problem(("log", error.option), f"log.{error.option}: {error.message}")]
    except (TypeError, ValueError) as error:
        return [document.problem(("log",), f"log: {error}")]
    return [] if getattr(dialect, "counts_epochs", True) else _uncounted_epochs(document, model)


def _uncounted_epochs(document: Document, model: CaseModel) -> list[Problem]:
    """Epochs that a case measures by, and that its program's lines do not count: no segment would ever end."""
    measures = {("measure",): model.measure, ("quick", "measure"): model.quick.measure if model.quick else None}
    places = [
        (*place, name)
        for place, measure in measures.items()
        for name in ("warmup_epochs", "segment_epochs")
        if getattr(measure, name, None) is not None
    ]
    why = f"has no use: the lines of training of format {model.log.format!r} count no epochs"
    return [document.problem(place, f"{'.'.join(place)} {why}") for place in places]
