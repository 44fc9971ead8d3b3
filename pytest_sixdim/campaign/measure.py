"""From the records of runs to what was measured: which record answers which question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.calibration import calibrated
from pytest_sixdim.campaign.checkouts import changes
from pytest_sixdim.campaign.host import device_of
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.survey import Calibration
from pytest_sixdim.core.accuracy import Data, convergence, measure_accuracy, target_of
from pytest_sixdim.core.adapter_evidence import checked, facts
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.circumstances import neighbours_of, read_circumstances, under
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Start
from pytest_sixdim.core.health import failure, repeated, slept
from pytest_sixdim.core.imported import imported, under_import
from pytest_sixdim.core.left_out import lost, malformed, thinned
from pytest_sixdim.core.linearity import differences, measure_linearity
from pytest_sixdim.core.memory import measure_memory
from pytest_sixdim.core.power import measure_power
from pytest_sixdim.core.preallocation import preallocates
from pytest_sixdim.core.records import RunRecord, RunResult
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.stability import measure_stability
from pytest_sixdim.core.thermal import read_thermal
from pytest_sixdim.core.window import Window, read_window

#: What a sampler's own account calls CPU time that is not the sampling thread's: of a tool, of another thread.
_CPU_SECONDS = ("cpu_seconds", "reading_cpu_seconds")


@dataclass(frozen=True)
class Taken:
    """The runs that a dimension of a configuration needs.

    `runs` are the configuration's own, `reference_runs` those of the configuration that linearity divides by,
    `full_runs` the planned number of full ones; `data` is what all of them were asked to train on. `other_runs` are
    what else is there of the configuration, shown beside.
    """

    case: Case
    configuration: Configuration
    runs: tuple[RunRecord, ...]
    reference_runs: tuple[RunRecord, ...]
    full_runs: int
    data: Data = "real"
    other_runs: tuple[RunRecord, ...] = ()


def measure(
    bench: Bench, dimension: Dimension, taken: Taken, baseline: Callable[[Case, Configuration], Baseline | None]
) -> Measured:
    """One dimension of a configuration. `baseline` finds the one that a configuration's speed is compared with."""
    runs = (*taken.runs, *taken.reference_runs)
    measured = checked(under_import(_measured(bench, dimension, taken, baseline), dimension, runs), runs)
    return replace(
        measured,
        suspect=(
            *measured.suspect,
            *_other_data(taken.case, taken.data, runs),
            *(why for run in runs for why in (*lost(run), *slept(dimension, run))),
        ),
        flags=(*measured.flags, *(flag for run in runs for flag in _flags(dimension, run))),
    )


def _flags(dimension: Dimension, run: RunRecord) -> list[str]:
    """What a reader of a figure should know of its run."""
    return [*repeated(run), *malformed(run), *thinned(dimension, run), *changes(run.order.get("checkout"))]


def _other_data(case: Case, data: Data, runs: Iterable[RunRecord]) -> list[str]:
    """The runs that say that they generated what they should have read."""
    if case.data is None or data == "generated":
        return []
    said = [(run.name, event.data) for run in runs for event in run.events if isinstance(event, Start)]
    return [f"{name} trained on {other} data, real data is given" for name, other in said if other != data]


def _measured(
    bench: Bench, dimension: Dimension, taken: Taken, baseline: Callable[[Case, Configuration], Baseline | None]
) -> Measured:
    case, configuration = taken.case, taken.configuration
    if dimension == "accuracy":
        return measure_accuracy(case, taken.runs, taken.data)
    if dimension == "stability":
        return measure_stability(case, taken.runs, planned=taken.full_runs, data=taken.data)
    if dimension == "linearity":
        return _linearity(bench, taken, baseline)
    run = taken.runs[0]
    window = _window(case, configuration, run)
    if dimension == "power":
        power = measure_power(window, run.samples, failed=failure(run))
        devices = [device_of(record) for record in run.order.get("devices", ())]
        counters = [Calibration(**record) for record in run.order.get("calibration", ())]
        power = calibrated(power, counters, bench.profile, devices)
        return _under(bench, dimension, run, window, power)
    if dimension == "memory":
        advance = _preallocates(bench, run)
        used = measure_memory(window, run.events, run.samples, failed=failure(run), preallocates=advance)
        return _under(bench, dimension, run, window, used)
    return _speed(bench, case, configuration, run, window, taken.other_runs)


def _window(case: Case, configuration: Configuration, run: RunRecord) -> Window:
    """The window of a run, or of a recorded log, which nobody watched."""
    job = run.order.get("job")
    recorded = isinstance(job, Mapping) and bool(job.get("recorded"))
    return read_window(run.events, case.measure, configuration, recorded=recorded)


def _preallocates(bench: Bench, run: RunRecord) -> bool:
    """Whether the program takes the cards' memory in advance; the memory of a host nobody does."""
    told = run.order.get("allocator")
    if not isinstance(told, Mapping) or bench.profile.enumerate == "cores":
        return False
    return preallocates(told.get("requires") or (), told.get("variables") or {})


def _under(bench: Bench, dimension: Dimension, run: RunRecord, window: Window, measured: Measured) -> Measured:
    """The figure with what lay around the run."""
    identified = bench.profile.enumerate != "cores" and not imported(run)
    beside = neighbours_of(run.lease)
    around = read_circumstances(window, run.events, run.samples, identified=identified, neighbours=beside)
    return under(measured, dimension, around, bench.settings.contention)


def _speed(
    bench: Bench,
    case: Case,
    configuration: Configuration,
    run: RunRecord,
    window: Window,
    other_runs: Sequence[RunRecord] = (),
) -> Measured:
    name = _card_name(bench, configuration)
    model = None if name is None else bench.profile.card_model(name)
    beside = {other.name: _plain_speed(case, configuration, other).value for other in other_runs if other is not run}
    measured = measure_speed(
        window,
        cards=configuration.world_size,
        failed=failure(run),
        flops_per_sample=case.flops_per_sample,
        peak=model.peak(configuration.precision) if model else None,
        other_runs={name: value for name, value in beside.items() if value is not None},
        thermal=read_thermal(window, run.samples),
    )
    return _under(bench, "speed", run, window, measured)


def _plain_speed(case: Case, configuration: Configuration, run: RunRecord) -> Measured:
    """The speed of a run's window and nothing that lay around it."""
    return measure_speed(_window(case, configuration, run), cards=configuration.world_size)


def _linearity(bench: Bench, taken: Taken, baseline: Callable[[Case, Configuration], Baseline | None]) -> Measured:
    case, configuration, reference = taken.case, taken.configuration, taken.configuration.reference
    if reference is None:
        return measure_linearity(configuration, Measured("samples/s"), Measured("samples/s"))
    run, single = taken.runs[0], taken.reference_runs[0]
    return measure_linearity(
        configuration,
        _speed(bench, case, configuration, run, _window(case, configuration, run)),
        _speed(bench, case, reference, single, _window(case, reference, single)),
        baseline=baseline(case, configuration),
        reference_baseline=baseline(case, reference),
        unlike=differences(run, single, differing=(*bench.profile.visible, *bench.profile.container_visible)),
    )


def card_id(bench: Bench, configuration: Configuration) -> str | None:
    """The id of the card under test: the profile's where it knows the card, else the name that the tools print; None
    where the configuration's cards differ, for then its figures are of no card."""
    name = _card_name(bench, configuration)
    model = None if name is None else bench.profile.card_model(name)
    return model.id if model else name


def _card_name(bench: Bench, configuration: Configuration) -> str | None:
    """What the vendor's tools call the configuration's cards; None where there is none, and where they differ."""
    names = {device.name for device in bench.host.devices[: configuration.cards]}
    return names.pop() if len(names) == 1 else None


def variation(case: Case, configuration: Configuration, run: RunRecord) -> float | None:
    """How the speeds of a window's segments vary: standard deviation over mean; None where there is no window."""
    speed = _plain_speed(case, configuration, run)
    known: float | None = speed.detail.get("variation")
    return known


def run_summary(case: Case, configuration: Configuration, run: RunRecord, base: Path, data: Data) -> dict[str, Any]:
    """One launch of a run on `data` as a scorecard lists it; `directory` is relative to `base`, `speed` in samples/s.

    Its `name` is the launch's, `run` the run's. `neighbours`: who had other cards of the host meanwhile.
    """
    speed = _plain_speed(case, configuration, run)
    return {
        "name": run.launch,
        "run": run.name,
        "attempt": run.attempt,
        "role": run.role,
        "index": run.index,
        "seed": run.seed,
        "status": run.result.status,
        "message": run.result.message,
        "fault": run.result.fault,
        "reused": (run.reused or {}).get("session"),
        "neighbours": list(neighbours_of(run.lease)),
        "seconds": run.result.seconds,
        "directory": str(run.directory.relative_to(base.resolve())),
        "speed": speed.value,
        "accuracy": convergence(run.events, case.metric, target_of(case, data)).value,
        "program_sha256": run.order.get("program_sha256"),
        "checkout": run.order.get("checkout"),
        "adapter": facts(run),
        "imported": imported(run).get("log"),
        "sampler": _sampler_cost(run.result),
    }


def _sampler_cost(result: RunResult) -> dict[str, Any]:
    """What sampling a run's cards took: the share of one core, with the tools that samplers ran, and how well the pace
    was kept (s)."""
    told, seconds = result.sampler, result.seconds
    spent = told.get("cpu_seconds")
    if spent is not None:
        spent += sum(own.get(name) or 0.0 for own in told.values() if isinstance(own, dict) for name in _CPU_SECONDS)
    names = ("period_p50", "period_p99", "period_max", "gaps", "errors")
    return {"cpu_share": spent / seconds if spent is not None and seconds else None} | {n: told.get(n) for n in names}
