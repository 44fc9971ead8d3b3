"""One function for each reader of what strangers write: any bytes in, and an AssertionError where a promise is broken.

A promise is: the documented error and no other; one line a problem, of bounded length; otherwise a value that can be
used, written and read again.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.lines import LineSplitter
from pytest_sixdim.agent.order import OrderError, read_order
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.core.accuracy import measure_accuracy
from pytest_sixdim.core.adapter_evidence import checked
from pytest_sixdim.core.case import PLACEHOLDERS, Case, Configuration, Measure
from pytest_sixdim.core.events import Event, EventError, event_from, event_record
from pytest_sixdim.core.memory import measure_memory
from pytest_sixdim.core.power import measure_power
from pytest_sixdim.core.records import RunRecord, RunResult
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.stability import measure_stability
from pytest_sixdim.core.window import read_window
from pytest_sixdim.dialects.sixdim import SixdimDialect
from pytest_sixdim.plugin.closing import _shown
from pytest_sixdim.report.markdown import markdown
from pytest_sixdim.report.webpage import webpage
from pytest_sixdim.samplers.tool.asking import MOST_RECORDS, records_of
from pytest_sixdim.samplers.tool.query import Query, query
from pytest_sixdim.samplers.tool.reading import card_reading, chosen
from pytest_sixdim.schema.baseline import load_baselines
from pytest_sixdim.schema.baseline_text import dump_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor
from tests.report.test_inert import assert_inert

CORPUS = Path(__file__).parent / "corpus"
GOOD_CASE = (
    "sixdim: 1\nname: good\nmetric: {name: top1, better: higher, target: 1}\ntrain: {program: train.py}\n"
    "configurations: [{vendor: cpu, precision: fp32, batch_size: 1}]\n"
)
CONFIGURATION = Configuration("cpu", "fp32", 32)
#: Values that fill placeholders.
VALUES: dict[str, Any] = dict.fromkeys(PLACEHOLDERS, 1)


@cache
def folder() -> Path:
    """A folder with a program and a good case, for as long as this process lives."""
    directory = Path(tempfile.mkdtemp(prefix="sixdim-fuzz-"))
    (directory / "train.py").touch()
    (directory / "good.case.yaml").write_text(GOOD_CASE)
    return directory


@cache
def good_case() -> Case:
    return load_case(folder() / "good.case.yaml", ["cpu"])


def case(data: bytes) -> None:
    """A case file."""
    path = folder() / "any.case.yaml"
    path.write_bytes(data)
    read = _loaded(lambda: load_case(path, ["cpu", "nvidia"]), path.name)
    if read is None:
        return
    assert re.fullmatch(r"[a-z0-9_]{1,60}", read.name)
    for configuration in read.configurations:
        assert re.fullmatch(r"[a-z0-9_-]{1,200}", configuration.id)
    lists = (read.train.command or (), read.train.args, *(each.args for each in read.configurations))
    for template in (text for arguments in lists for text in arguments):
        assert len(template.format(**VALUES).encode()) <= 40_000
    assert all(text.isprintable() and len(text) <= 100 for text in (read.title, read.task, read.metric.name))
    assert read.train.program is None or read.train.program.parent.is_relative_to(folder())


def baselines(data: bytes) -> None:
    """A baselines file."""
    path = folder() / "good.baselines.yaml"
    path.write_bytes(data)
    read = _loaded(lambda: load_baselines(path, good_case()), path.name)
    if read:
        path.write_text(dump_baselines(read))
        assert len(load_baselines(path, good_case())) == len(read)


def vendor(data: bytes) -> None:
    """A vendor profile, with the queries of its command-line tools."""
    path = folder() / "any.yaml"
    path.write_bytes(data)
    read = _loaded(lambda: load_vendor(path), path.name)
    for choice in read.samplers if read is not None else ():
        try:
            query(choice.options, "options")
        except ValueError as error:
            _assert_brief(error)


def log(data: bytes) -> None:
    """What a rank prints: lines, events, a window, figures."""
    splitter, dialect, events = LineSplitter(), SixdimDialect(), list[Event]()
    for line in [*splitter.feed(data), *splitter.finish()]:
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line)
        try:
            events.extend(dialect.read(line, seen=100.0 + len(events), rank=0))
        except EventError as error:
            _assert_brief(error)
    for event in events:
        text = json.dumps(event_record(event), allow_nan=False)
        assert event_from(json.loads(text), seen=0.0, rank=9) == event
    _figures(RunRecord("full", 1, 1, RunResult("completed", "program"), tuple(events), (), {}, folder()))


def order(data: bytes) -> None:
    """order.json as the agent reads it."""
    path = folder() / "order.json"
    path.write_bytes(data)
    try:
        read = read_order(path)
    except OrderError as error:
        _assert_brief(error, str(path))
        return
    assert len(read.devices) == read.cards
    list(read.directory.glob(read.log.file or "*.log"))


def results(data: bytes) -> None:
    """A run's folder; the files stand one after the other, each after a line "--- NAME"."""
    with tempfile.TemporaryDirectory(prefix="sixdim-fuzz-") as root:
        parts = re.split(rb"^--- ((?:node-0/(?:ranks/|logs/)?)?[\w.-]{1,40})\n", data, flags=re.MULTILINE)
        for name, content in zip(parts[1::2], parts[2::2], strict=True):
            path = Path(root, name.decode(errors="replace"))
            if not path.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        try:
            run = read_run(Path(root))
        except (OSError, ValueError) as error:
            _assert_brief(error)
            return
        _figures(run)


def scorecard(data: bytes) -> None:
    """A scorecard.json of a results folder, in every report."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return
    session = record.get("session") if isinstance(record, dict) else None
    facts = session if isinstance(session, dict) else {}
    assert_inert(webpage(folder(), facts, [record], []))
    _assert_tame(markdown(folder(), facts, [record], []))
    _, lines, problems = _shown([record])
    assert len(lines) + len(problems) > 0
    _assert_tame("\n".join(lines))


def tool(data: bytes) -> None:
    """What a vendor's tool prints, read as every built-in profile reads it."""
    text = data.decode("utf-8", "replace")
    for asked in queries():
        records = records_of(text, asked)
        assert len(records) <= MOST_RECORDS
        fields = chosen(asked, records)
        for record in records:
            card = card_reading(record, fields, asked.same)
            if card is not None:
                assert all(text.isprintable() and len(text) <= 200 for text in card.texts.values())
                assert all(value is None or abs(value) < float("inf") for value in card.values.values())


@cache
def queries() -> tuple[Query, ...]:
    """Every query of every built-in profile."""
    return tuple(_queries())


def _queries() -> Iterator[Query]:
    for path in builtin_vendors().values():
        for choice in load_vendor(path).samplers:
            common = {name: value for name, value in choice.options.items() if name not in _OF_SAMPLER}
            for options in choice.options.get("alternatives", ()):
                yield query({**common, **options}, path.stem)


_OF_SAMPLER = ("alternatives", "environment", "requires_pci")

READERS: dict[str, Callable[[bytes], None]] = {
    reader.__name__: reader for reader in (case, baselines, vendor, log, order, results, scorecard, tool)
}


def corpus(reader: str) -> list[Path]:
    """The kept inputs of a reader."""
    return sorted((CORPUS / reader).iterdir())


def _loaded(load: Callable[[], Any], name: str) -> Any:
    """What was loaded, None where it was refused as it should be."""
    try:
        return load()
    except SchemaError as error:
        _assert_lines(error, name)
        return None


def _assert_lines(error: SchemaError, name: str) -> None:
    """One line a problem, and not many."""
    lines = str(error).split("\n")
    assert len(lines) == len(error.problems) > 0
    assert len(lines) <= 52
    assert all(line.startswith(f"{name}:") and len(line) < 1000 and line.isprintable() for line in lines), lines


def _assert_brief(error: Exception, beginning: str = "") -> None:
    assert str(error).startswith(beginning)
    assert len(str(error)) < 2000


def _figures(run: RunRecord) -> None:
    """Measure all that one run can give; nothing may be raised, and what comes out is a measurement."""
    case = good_case()
    window = read_window(run.events, Measure(), CONFIGURATION)
    measured = [
        measure_speed(window, cards=1, flops_per_sample=1.0, peak=1.0),
        measure_memory(window, run.events, run.samples),
        measure_accuracy(case, [run], "real"),
        measure_stability(case, [run], planned=1, data="real"),
        measure_power(window, run.samples),
    ]
    for each in measured:
        assert isinstance(checked(each, [run]), Measured)


def _assert_tame(text: str) -> None:
    """Nothing acts on a terminal, and no HTML but the table's line breaks stands in the Markdown."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    text.encode("utf-8")
