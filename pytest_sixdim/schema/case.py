"""Case files: `<model>.case.yaml` into core.case.Case (design section 3)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from pytest_sixdim.core.case import (
    Case,
    Configuration,
    DataSet,
    Log,
    Measure,
    Metric,
    Quick,
    StabilityRule,
    Train,
)
from pytest_sixdim.schema.arguments import Argument, placeholders_in
from pytest_sixdim.schema.case_model import (
    CaseModel,
    ConfigurationModel,
    LogModel,
    MeasureModel,
    QuickModel,
    TrainModel,
)
from pytest_sixdim.schema.document import Document, Location, where
from pytest_sixdim.schema.errors import Problem
from pytest_sixdim.schema.log_options import format_problems
from pytest_sixdim.schema.model import given, require, validated
from pytest_sixdim.schema.names import Surroundings
from pytest_sixdim.schema.reader import read_document

#: Six tests each.
MOST_CONFIGURATIONS = 1000
#: As $NAME and ${NAME}.
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def load_case(path: Path, vendors: Collection[str], dialects: Mapping[str, str] | None = None) -> Case:
    """Read a case file; `vendors` are the ids of the known vendor profiles, `dialects` the known log formats and their
    classes (None: any name and any option will do).

    Raises SchemaError with all that is wrong.
    """
    path = path.absolute()
    document = read_document(path)
    surroundings = Surroundings(path.parent, vendors, dialects)
    model, problems = validated(CaseModel, document, surroundings)
    if model is not None and dialects is not None:
        problems += format_problems(document, model, dialects)
    if model is not None:
        problems += _lacking_checkout(document, model)
    sound = _sound_configurations(document, surroundings) if model is None else enumerate(model.configurations)
    expanded = (configuration for index, item in sound for configuration in _expanded(document, index, item))
    configurations = list(islice(expanded, MOST_CONFIGURATIONS + 1))
    if len(configurations) > MOST_CONFIGURATIONS:
        message = f"configurations: more than {MOST_CONFIGURATIONS}, each of 'cards' x 'nodes' counted"
        problems.append(document.problem(("configurations",), message))
    problems += _repeated(document, configurations)
    return _case(document, require(model, problems), [configuration for _, configuration in configurations])


def _sound_configurations(document: Document, surroundings: Surroundings) -> Iterable[tuple[int, ConfigurationModel]]:
    """The configurations of a broken file that have no mistake of their own, and their places in the list."""
    items = document.data.get("configurations")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        try:
            yield index, ConfigurationModel.model_validate(item, context=surroundings)
        except ValidationError:
            continue


def _expanded(document: Document, index: int, model: ConfigurationModel) -> Iterable[tuple[int, Configuration]]:
    location = ("configurations", index)
    args = _texts(document, (*location, "args"), model.args)
    for nodes in model.nodes:
        for cards in model.cards:
            yield (
                index,
                Configuration(
                    vendor=model.vendor,
                    precision=model.precision,
                    batch_size=model.batch_size,
                    cards=cards,
                    nodes=nodes,
                    tag=model.tag,
                    args=args,
                    adapter=model.adapter,
                    line=document.lines[location],
                ),
            )


def _repeated(document: Document, configurations: Iterable[tuple[int, Configuration]]) -> list[Problem]:
    first: dict[str, Configuration] = {}
    problems = []
    for index, configuration in configurations:
        other = first.setdefault(configuration.id, configuration)
        if other is not configuration:
            message = f"configurations[{index}]: {configuration.id} is already given in line {other.line}"
            problems.append(document.problem(("configurations", index), message))
    return problems


def _case(document: Document, model: CaseModel, configurations: Iterable[Configuration]) -> Case:
    metric, stability = model.metric, model.stability
    measure = _measure(Measure(), model.measure)
    return Case(
        name=model.name,
        title=model.title or model.name,
        task=model.task or "",
        path=document.path,
        metric=Metric(**dict(metric)),
        train=_train(document, model.train),
        configurations=tuple(configurations),
        data=None if model.data is None else DataSet(model.data.path, tuple(model.data.must_contain)),
        log=_log(model.log),
        measure=measure,
        stability=StabilityRule(stability.at, stability.band or StabilityRule().band, stability.runs, stability.budget),
        limits=model.limits.by_dimension(),
        flops_per_sample=model.flops_per_sample,
        quick=None if model.quick is None else _quick(document, model.quick, measure),
    )


def _log(model: LogModel) -> Log:
    options = model.model_extra or {}
    return Log(**{name: value for name, value in model if name not in options}, options=options)


def _train(document: Document, model: TrainModel) -> Train:
    base = document.path.parent
    checkout = None if model.checkout is None else _checkout(base, model.checkout)
    return Train(
        program=None if model.program is None else (checkout or base) / model.program,
        checkout=checkout,
        command=None if model.command is None else _texts(document, ("train", "command"), model.command),
        launch=model.launch,
        args=_texts(document, ("train", "args"), model.args),
        directory=None if model.directory is None else Path(model.directory),
        environment={
            name: document.text(("train", "environment", name), value) for name, value in model.environment.items()
        },
        requires=tuple(model.requires),
        timeout=model.timeout,
        stall=model.stall,
    )


def _checkout(base: Path, text: str) -> Path:
    """A path as a shell would read it; relative to the case. A variable that is not set, or empty, stays as it is
    written: it must not stand for the case's own folder."""
    home = os.path.expanduser(text)  # noqa: PTH111 - which never raises
    filled = _VARIABLE.sub(lambda match: os.environ.get(match[1] or match[2]) or match[0], home)
    return Path(os.path.normpath(base / filled))


def _lacking_checkout(document: Document, model: CaseModel) -> list[Problem]:
    """The arguments and variables that mention a checkout which the case does not have."""
    if model.train.checkout is not None:
        return []
    lists: list[tuple[Location, Iterable[Argument]]] = [
        (("train", "command"), model.train.command or ()),
        (("train", "args"), model.train.args),
        (("quick", "args"), (model.quick and model.quick.args) or ()),
        *((("configurations", index, "args"), item.args) for index, item in enumerate(model.configurations)),
    ]
    texts = [((*where, index), text) for where, given in lists for index, text in enumerate(given)]
    texts += [(("train", "environment", name), text) for name, text in model.train.environment.items()]
    return [
        document.problem(location, f"{where(location)}: {{checkout}} needs 'train.checkout'")
        for location, text in texts
        if isinstance(text, str) and "checkout" in placeholders_in(text)
    ]


def _quick(document: Document, model: QuickModel, measure: Measure) -> Quick:
    """Quick runs do not wait for agreeing segments unless the block says so; all else that it leaves out stays."""
    return Quick(
        args=None if model.args is None else _texts(document, ("quick", "args"), model.args),
        measure=_measure(replace(measure, steady=False), model.measure or MeasureModel()),
        batch_size=model.batch_size,
        target=model.target,
    )


def _measure(base: Measure, model: MeasureModel) -> Measure:
    """The base with what the model says; steps take the place of the base's epochs."""
    said = given(model)
    for steps, epochs in (("warmup_steps", "warmup_epochs"), ("segment_steps", "segment_epochs")):
        if steps in said:
            said.setdefault(epochs, None)
    return replace(base, **said)


def _texts(document: Document, location: Location, arguments: Iterable[Argument]) -> tuple[str, ...]:
    return tuple(document.text((*location, index), argument) for index, argument in enumerate(arguments))
