"""Baselines files: what they become, and what is wrong with them."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.baseline import Baseline, Figure
from pytest_sixdim.core.case import Case, Configuration, Limit, Metric, Train
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.baseline_text import dump_baselines

PUBLISHED = """\
sixdim: 1
units: {speed: samples/s, power: W, memory: GiB, accuracy: "%"}
entries:
  - vendor: iluvatar
    card: BI-V100
    nodes: 1
    cards: 8
    precision: amp
    batch_size: 512
    batch_scope: job
    units: {memory: G}
    speed: 5221
    speed_kind: unknown
    power: 128
    memory: 29.1
    accuracy: 76.430
    linearity: .97
    stability: 1
    card0: [power]
    limits: {speed: -4 %, linearity: baseline - 0.02}
    disputed: {speed: it may be per card}
    origin: published
    source: DeepSpark README, table
    date: 2024-12
    software: sdk2.2
"""
ENTRY = "vendor: cpu, card: x, nodes: 1, cards: 1, precision: fp32, batch_size: 32, origin: published, source: README"
UNITS = 'units: {speed: samples/s, power: W, memory: GiB, accuracy: "%"}'


def file(*entries: str, units: str = UNITS) -> str:
    return "\n".join(["sixdim: 1", units, "entries:", *(f"  - {{{entry}}}" for entry in entries), ""])


def test_every_key_arrives_in_the_baseline(workbench, tmp_path: Path) -> None:
    assert workbench.baselines(PUBLISHED) == (
        Baseline(
            vendor="iluvatar",
            card="BI-V100",
            nodes=1,
            cards=8,
            precision="amp",
            batch_size=512,
            batch_scope="job",
            figures={
                "speed": Figure("5221", "samples/s", 5221.0),
                "power": Figure("128", "W", 128.0, card0=True),
                "memory": Figure("29.1", "G", None),
                "accuracy": Figure("76.430", "%", 76.43),
                "linearity": Figure(".97", "", 0.97),
                "stability": Figure("1", "", 1.0),
            },
            speed_kind=None,
            limits={"speed": Limit("relative", -0.04), "linearity": Limit("offset", -0.02)},
            disputed={"speed": "it may be per card"},
            origin="published",
            source="DeepSpark README, table",
            date="2024-12",
            software="sdk2.2",
            path=tmp_path / "tiny.baselines.yaml",
            line=4,
        ),
    )


@pytest.mark.parametrize(
    ("written", "rounding"), [("12", 0.5), ("12.0", 0.05), ("1.2e1", 0.5), ("0.970", 0.0005), ("1200", 0.5)]
)
def test_rounding_is_read_from_the_digits_as_written(workbench, written: str, rounding: float) -> None:
    (baseline,) = workbench.baselines(file(f"{ENTRY}, accuracy: {written}"))
    assert baseline.figures["accuracy"].rounding == pytest.approx(rounding)


@pytest.mark.parametrize(("unit", "gib"), [("GiB", 30670.6), ("MiB", 29.9517578125), ("GB", 28564.2151), ("G", None)])
def test_memory_is_converted_to_gib_where_its_unit_is_certain(workbench, unit: str, gib: float | None) -> None:
    (baseline,) = workbench.baselines(file(f"{ENTRY}, memory: 30670.6, units: {{memory: {unit}}}"))
    figure = baseline.figures["memory"]
    assert (figure.text, figure.unit) == ("30670.6", unit)
    assert figure.value == (None if gib is None else pytest.approx(gib))


def test_baselines_stand_beside_the_case(tmp_path: Path) -> None:
    assert baselines_path(tmp_path / "resnet50.case.yaml") == tmp_path / "resnet50.baselines.yaml"


def test_ratio_needs_no_unit_of_accuracy(workbench, case_text: str) -> None:
    case = workbench.case(workbench.changed('unit: "%", ', "", case_text))
    (baseline,) = workbench.baselines(file(f"{ENTRY}, accuracy: 0.72", units="units: {}"), case)
    assert baseline.figures == {"accuracy": Figure("0.72", "", 0.72)}


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("memory: Watts", "units.memory: unit 'Watts'; allowed: GiB, MiB, GB, G"),
        ("memory: Gib", "units.memory: unit 'Gib'; did you mean 'GiB'? allowed: GiB, MiB, GB, G"),
        ("power: mW", "units.power: unit 'mW'; did you mean 'W'? allowed: W"),
        ("speed: images/s", "units.speed: unit 'images/s'; allowed: samples/s"),
        ("accuracy: dB", "units.accuracy: unit 'dB'; allowed: %"),
        ("linearity: x", "unknown key 'linearity' in units: it is a ratio without a unit"),
    ],
)
def test_unknown_unit_names_the_allowed_ones(workbench, units: str, expected: str) -> None:
    text = file(ENTRY, units=f"units: {{{units}}}")
    assert workbench.refused_baselines(text) == [f"tiny.baselines.yaml:2: {expected}"]


def test_figure_without_a_unit_is_refused(workbench) -> None:
    text = file(f"{ENTRY}, memory: 3, accuracy: 70, linearity: 0.9", units="units: {power: W}")
    assert workbench.refused_baselines(text) == [
        "tiny.baselines.yaml:4: entries[0].memory: no unit; give it as 'memory' under 'units'",
        "tiny.baselines.yaml:4: entries[0].accuracy: no unit; give it as 'accuracy' under 'units'",
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("spede: 1", "unknown key 'spede' in entries[0]; did you mean 'speed'?"),
        ("speed: 1", "entries[0].speed_kind: must be given beside 'speed'; allowed: compute, train, whole, unknown"),
        ("speed_kind: train", "entries[0].speed_kind: there is no 'speed' that it belongs to"),
        (
            "speed: 1, speed_kind: core",
            "entries[0].speed_kind: 'core'; allowed: compute, train, whole, unknown",
        ),
        ("power: 128 W", "entries[0].power: must be a number, not '128 W'"),
        ("power: 0", "entries[0].power: must be more than 0, not 0"),
        ("stability: 1.1", "entries[0].stability: must be at most 1, not 1.1"),
        ("card0: [power]", "entries[0].card0: power: this entry has no such figure"),
        ("card0: [speed]", "entries[0].card0[0]: 'speed'; allowed: power, memory"),
        ("disputed: {speed: why}", "entries[0].disputed: speed: this entry has no such figure"),
        ("disputed: {targets: why}", "unknown key 'targets' in entries[0].disputed; did you mean 'target'?"),
        ("disputed: [speed]", "entries[0].disputed: must be a mapping, not a list of 1"),
        ("data: generated", "entries[0].generator: must be given where 'data' is generated, and only there"),
        ("generator: g", "entries[0].generator: must be given where 'data' is generated, and only there"),
        ("power_cap: 350", "entries[0].power_cap: no unit; allowed: W"),
        ("date: 2024", "entries[0].date: must be text, not 2024 (quote it)"),
        ("date: yesterday", "entries[0].date: 'yesterday': must be a date such as '2024-12-31', '2024-12' or '2024'"),
        (
            "limits: {accuracy: 5}",
            "unknown key 'accuracy' in entries[0].limits: the metric's target is the limit of accuracy",
        ),
    ],
)
def test_message_about_an_entry(workbench, keys: str, expected: str) -> None:
    assert workbench.refused_baselines(file(f"{ENTRY}, {keys}")) == [f"tiny.baselines.yaml:4: {expected}"]


def test_source_and_origin_are_required_and_a_recorded_entry_needs_its_date(workbench) -> None:
    bare = ENTRY.replace(", origin: published, source: README", "")
    assert workbench.refused_baselines(file(bare, f"{bare}, origin: recorded, source: ''")) == [
        "tiny.baselines.yaml:4: missing key 'origin' in entries[0]",
        "tiny.baselines.yaml:4: missing key 'source' in entries[0]",
        "tiny.baselines.yaml:5: entries[1].source: must not be empty",
        "tiny.baselines.yaml:5: entries[1].date: must be given where 'origin' is recorded",
    ]


@pytest.mark.parametrize(
    ("keys", "limits", "complaint"),
    [
        ("speed: 1000, speed_kind: train", "speed: -6 %", "-6 % loosens the limit, which is -5 %"),
        ("speed: 1000, speed_kind: train", "speed: 949 samples/s", "949 samples/s loosens the limit, which is -5 %"),
        ("power: 100", "power: 106 W", "106 W loosens the limit, which is 5 %"),
        ("memory: 10", "memory: baseline + 1 GiB", "baseline + 1 GiB loosens the limit, which is 5 %"),
        ("linearity: 0.90", "linearity: 0.86", "0.86 loosens the limit, which is baseline - 0.03"),
        ("power: 100", "stability: 0.7", "0.7 loosens the limit, which is 0.8"),
    ],
)
def test_baseline_cannot_loosen_a_limit(workbench, case_text: str, keys: str, limits: str, complaint: str) -> None:
    case = workbench.case(case_text + "limits: {linearity: baseline - 0.03}\n")
    dimension = limits.split(":", maxsplit=1)[0]
    assert workbench.refused_baselines(file(f"{ENTRY}, {keys}, limits: {{{limits}}}"), case) == [
        f"tiny.baselines.yaml:4: entries[0].limits.{dimension}: {complaint}; a baseline can only tighten it"
    ]


def test_baseline_may_tighten_a_limit_or_repeat_it(workbench) -> None:
    limits = "speed: -5 %, power: 105 W, memory: baseline + 0.4 GiB, stability: 0.9"
    figures = "speed: 1000, speed_kind: train, power: 100, memory: 10"
    (baseline,) = workbench.baselines(file(f"{ENTRY}, {figures}, limits: {{{limits}}}"))
    assert set(baseline.limits) == {"speed", "power", "memory", "stability"}


def test_same_configuration_from_the_same_source_twice_names_both_lines(workbench) -> None:
    text = file(f"{ENTRY}, power: 5", f"{ENTRY}, software: '2'", f"{ENTRY}, power: 6")
    assert workbench.refused_baselines(text) == [
        "tiny.baselines.yaml:6: entries[2]: the same configuration and source are already given in line 4"
    ]


def bare(baseline: Baseline) -> Baseline:
    return replace(baseline, path=None, line=1)


def test_saved_baselines_read_back_equal(workbench) -> None:
    tricky = f"{ENTRY.replace('card: x', 'card: yes')}, quick: true, adapter: '1e3', power_cap: 350.5 W, speed: 1e3, speed_kind: whole, software: '2024-01-01'"
    limited = f"{ENTRY}, data: generated, generator: 'null', memory: 12.50, limits: {{memory: 3.5 %, stability: 0.95}}"
    before = workbench.baselines(PUBLISHED) + workbench.baselines(file(tricky, limited))
    after = workbench.baselines(dump_baselines(before))
    assert [bare(baseline) for baseline in after] == [bare(baseline) for baseline in before]


def test_saved_entries_state_their_own_units(workbench) -> None:
    assert "units" not in dump_baselines(workbench.baselines(file(ENTRY)))
    text = dump_baselines(workbench.baselines(file(f"{ENTRY}, memory: 3")))
    moved = text.replace("sixdim: 1\n", "sixdim: 1\nunits: {memory: MiB}\n")
    assert workbench.baselines(moved)[0].figures["memory"].value == 3.0


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda t: t.isprintable() and t.strip())
numbers = st.floats(0.001, 1e9).map(repr) | st.integers(1, 10**9).map(str)


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    units = {"speed": "samples/s", "power": "W", "memory": "GiB", "accuracy": "%"}
    figures = {}
    for dimension in draw(st.sets(st.sampled_from(DIMENSIONS))):
        text = draw(numbers) if dimension != "stability" else draw(st.floats(0, 1).map(repr))
        figures[dimension] = Figure(text, units.get(dimension, ""), float(text), dimension in ("power", "memory"))
    generated = draw(st.booleans())
    return Baseline(
        vendor=draw(st.from_regex("[a-z0-9_]{1,8}", fullmatch=True)),
        card=draw(texts),
        nodes=draw(st.integers(1, 4096)),
        cards=draw(st.integers(1, 1024)),
        precision=draw(texts),
        batch_size=draw(st.integers(1, 10**6)),
        figures=figures,
        batch_scope=draw(st.sampled_from(["card", "job"])),
        data="generated" if generated else "real",
        quick=draw(st.booleans()),
        adapter=draw(st.none() | texts),
        power_cap=draw(st.none() | st.floats(0.001, 1e5)),
        speed_kind=draw(st.sampled_from([None, "compute", "train", "whole"])) if "speed" in figures else None,
        generator=draw(texts) if generated else None,
        limits=draw(
            st.fixed_dictionaries({}, optional={"stability": st.floats(0.8, 1).map(lambda x: Limit("absolute", x))})
        ),
        origin=draw(st.sampled_from(["published", "recorded"])),
        source=draw(texts),
        date="2025-01-31",
        software=draw(st.just("") | texts),
        disputed={dimension: draw(texts) for dimension in figures},
    )


@given(entry=baselines())
def test_any_baseline_survives_being_saved(tmp_path_factory: pytest.TempPathFactory, entry: Baseline) -> None:
    case = Case(
        "tiny", "", "", Path("x"), Metric("top1", "%", "higher", 1.0), Train(None), (Configuration("cpu", "fp32", 1),)
    )
    path = tmp_path_factory.getbasetemp() / "saved.baselines.yaml"
    path.write_text(dump_baselines([entry]), encoding="utf-8")
    assert [bare(baseline) for baseline in load_baselines(path, case)] == [entry]
