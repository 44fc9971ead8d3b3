"""Every way to every verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Limit
from pytest_sixdim.core.dimensions import DIMENSIONS, UNITS, Dimension
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.results import DimensionResult, Measured

from .builders import CONFIGURATION, METRIC, baseline, case, figure, measurements, speed

#: What passes against the builders' baseline.
GOOD: dict[Dimension, float] = {
    "speed": 1000.0,
    "power": 500.0,
    "memory": 40.0,
    "accuracy": 76.2,
    "linearity": 0.95,
    "stability": 1.0,
}
#: What fails against it.
BAD: dict[Dimension, float] = {
    "speed": 900.0,
    "power": 600.0,
    "memory": 45.0,
    "accuracy": 75.0,
    "linearity": 0.85,
    "stability": 0.6,
}


def measured(dimension: Dimension, value: float | None, **fields: Any) -> Measured:
    if dimension == "speed" and value is not None:
        return speed(value, **fields)
    detail: dict[str, Any] = {}
    if dimension == "power" and value is not None:
        detail = {"joules_per_sample": value * 8 / 1000, "card0_watts": value}
    if dimension == "memory":
        detail = {"total_gib": 80.0}
    if dimension == "stability":
        detail = {"planned": 5}
    if dimension == "accuracy" and value is not None:
        detail = {"target_met": value >= 75.9}
    return Measured("%" if dimension == "accuracy" else UNITS[dimension], value, **{"detail": detail, **fields})


def judged(
    dimension: Dimension,
    value: float | Measured | None,
    entry: Baseline | None = None,
    on: Case | None = None,
    nearest: str | None = None,
    **fields: Any,
) -> DimensionResult:
    found = value if isinstance(value, Measured) else measured(dimension, value)
    others = fields.pop("others", {})
    given = measurements(dimensions={dimension: found, **others}, **fields)
    return judge(dimension, on or case(), CONFIGURATION, given, entry, nearest)


ALL = pytest.mark.parametrize("dimension", DIMENSIONS)
COMPARED = pytest.mark.parametrize("dimension", [d for d in DIMENSIONS if d != "accuracy"])


# Pass and fail.


@ALL
def test_within_the_limit_passes(dimension: Dimension) -> None:
    result = judged(dimension, GOOD[dimension], baseline())
    assert (result.verdict, result.label, result.value) == ("pass", "pass", GOOD[dimension])
    assert result.score is not None
    assert result.limit is not None
    assert result.flags == ()


@ALL
def test_outside_the_limit_fails(dimension: Dimension) -> None:
    result = judged(dimension, BAD[dimension], baseline())
    assert result.verdict == "fail"
    assert result.score is not None


@COMPARED
def test_a_verdict_says_value_limit_baseline_and_source(dimension: Dimension) -> None:
    result = judged(dimension, BAD[dimension], baseline())
    assert result.baseline is not None
    assert result.limit is not None
    for part in (f"{BAD[dimension]:g}", "limit ", result.limit["text"], result.baseline["text"], "README.md#L12"):
        assert part in result.reason
    assert result.baseline["origin"] == "published"


def test_the_sentences() -> None:
    entry = baseline(figures={**baseline().figures, "speed": figure("812.4", "samples/s")})
    assert judged("speed", 742.0, entry).reason == (
        "speed 742 samples/s is 8.7 % below the baseline 812.4 (limit -5 %: 771.73; source README.md#L12)"
    )
    assert judged("linearity", 0.85, baseline()).reason == (
        "linearity 0.85 is 0.11 below the baseline 0.96 (limit baseline - 0.05: 0.905; source README.md#L12)"
    )
    assert judged("memory", 40.0, baseline()).reason == (
        "memory 40 GiB is equal to the baseline 40.0 (limit +5 %: 42.052; source README.md#L12)"
    )
    assert judged("stability", 0.6, baseline()).reason == (
        "stability 0.6 is 0.4 below the baseline 1 (limit 0.8; source README.md#L12)"
    )
    assert judged("accuracy", 75.0).reason == "top1 75 % misses the target >= 75.9 % by 0.9"
    assert judged("power", 600.0, baseline()).reason == (
        "power 600 W is 20.0 % above the baseline 500.0 (limit +5 %: 525.05; source README.md#L12); "
        "4.8 J per sample, at most 4.2006"
    )


def test_a_figure_in_another_unit_is_printed_with_it() -> None:
    entry = baseline(figures={"memory": figure("40960", "MiB", value=40.0)})
    assert "above the baseline 40960 MiB" in judged("memory", 41.0, entry).reason


@pytest.mark.parametrize(
    ("dimension", "text", "passes", "fails"),
    [
        # From the worse end: "12" means 11.5, of which 0.95 is 10.925.
        ("speed", "12", 10.925, 10.92),
        ("memory", "20", 20.5 * 1.05, 21.53),
        ("linearity", "0.96", 0.905, 0.9049),
        ("stability", "1", 0.8, 0.6),
    ],
)
def test_standing_on_the_limit_passes(dimension: Dimension, text: str, passes: float, fails: float) -> None:
    entry = baseline(figures={dimension: figure(text, UNITS[dimension])})
    assert judged(dimension, passes, entry).verdict == "pass"
    assert judged(dimension, fails, entry).verdict == "fail"


@given(st.floats(1.0, 1e5), st.floats(1.0, 1e5))
def test_more_speed_never_makes_a_verdict_worse(a: float, b: float) -> None:
    slow, fast = sorted((a, b))
    if judged("speed", slow, baseline()).verdict == "pass":
        assert judged("speed", fast, baseline()).verdict == "pass"


def test_a_metric_of_which_less_is_better() -> None:
    error = case(metric=replace(METRIC, name="wer", better="lower", target=4.0))
    assert judged("accuracy", 4.0, on=error).verdict == "pass"
    assert judged("accuracy", 4.1, on=error).reason == "wer 4.1 % misses the target <= 4 % by 0.1"


def test_accuracy_is_judged_by_the_target_and_only_shown_beside_the_baseline() -> None:
    result = judged("accuracy", 76.0, baseline(figures={"accuracy": figure("78.0", "%")}))
    assert (result.verdict, result.score) == ("pass", 1.0)
    assert result.baseline is not None
    assert result.baseline["text"] == "78.0"
    assert judged("accuracy", 75.0).score == 0.0


def test_generated_data_has_its_own_target() -> None:
    assert judged("accuracy", 94.0, data="generated").verdict == "fail"
    result = judged("accuracy", 95.0, data="generated")
    assert result.verdict == "pass"
    assert "on generated data" in result.reason


def test_a_recorded_baseline_says_so() -> None:
    own = baseline(origin="recorded", date="2026-03-01", source="results/abc")
    result = judged("speed", 1000.0, own)
    assert (result.verdict, result.label) == ("pass", "pass (own baseline, 2026-03-01)")
    assert "own baseline of 2026-03-01 results/abc" in result.reason
    assert judged("stability", 0.6, own).label == "fail (own baseline, 2026-03-01)"
    assert judged("accuracy", 76.0, own).label == "pass"
    absolute = case(limits={"speed": Limit("absolute", 900.0)})
    assert judged("speed", 1000.0, own, on=absolute).label == "pass"


# Limits of the case and of the entry.


def test_a_case_limit_judges_without_a_baseline() -> None:
    limited = case(limits={"speed": Limit("absolute", 800.0, "samples/s")})
    failed = judged("speed", 742.0, on=limited)
    assert (failed.verdict, failed.reason) == ("fail", "speed 742 samples/s (limit 800 samples/s)")
    passed = judged("speed", 800.0, on=limited)
    assert (passed.verdict, passed.score, passed.baseline) == ("pass", None, None)


def test_a_loosened_limit_stands_beside_its_default() -> None:
    result = judged("speed", 910.0, baseline(), on=case(limits={"speed": Limit("relative", -0.10)}))
    assert result.verdict == "pass"
    assert "limit -10 % (default -5 %)" in result.reason
    assert result.limit is not None
    assert result.limit["default"] == "-5 %"


def test_an_entry_may_only_tighten() -> None:
    tight, loose = (baseline(limits={"speed": Limit("relative", -amount)}) for amount in (0.01, 0.5))
    assert judged("speed", 970.0, tight).verdict == "fail"
    assert judged("speed", 910.0, loose).verdict == "fail"


def test_no_baseline_changes_what_accuracy_must_reach() -> None:
    bold = baseline(limits={"accuracy": Limit("absolute", 10.0)}, figures={"accuracy": figure("10.0", "%")})
    assert judged("accuracy", 75.0, bold).verdict == "fail"


# Speed.


@pytest.mark.parametrize(("kind", "fails"), [("compute", "863"), ("train", "949"), ("whole", "1055")])
def test_a_baseline_is_compared_with_its_own_kind(kind: Any, fails: str) -> None:
    """compute is 1.1 and whole 0.9 of the value; the limit is 949.9."""
    result = judged("speed", float(fails), baseline(speed_kind=kind))
    assert result.verdict == "fail"
    assert result.reason.startswith("speed" if kind == "train" else f"{kind} speed")
    assert judged("speed", float(fails) + 2, baseline(speed_kind=kind)).verdict == "pass"
    assert result.baseline is not None
    assert result.baseline["kind"] == kind


def test_a_baseline_of_unknown_kind_is_unjudged_with_the_ratio() -> None:
    result = judged("speed", 900.0, baseline(speed_kind=None))
    assert (result.verdict, result.score) == ("unjudged", None)
    assert result.reason == "the baseline 1000.0 samples/s is of unknown kind; ratio 0.9: 900 samples/s"


def test_a_kind_that_this_run_does_not_report_is_unjudged() -> None:
    only_train = speed(1000.0, detail={"kinds": {"compute": None, "train": 1000.0}})
    result = judged("speed", only_train, baseline(speed_kind="compute"))
    assert result.verdict == "unjudged"
    assert "is of compute speed, which this run does not report" in result.reason


def test_a_programs_own_compute_speed_meets_no_train_baseline() -> None:
    kinds = {"compute": 990.0, "train": None, "whole": None}
    own = speed(990.0, detail={"kind": "compute", "kinds": kinds, "self_reported": True})
    result = judged("speed", own, baseline())
    assert (result.verdict, result.score) == ("unjudged", None)
    assert result.reason == (
        "the baseline 1000.0 samples/s is a train speed, this run's a compute one; ratio 0.99: "
        "990 samples/s (compute, self-reported)"
    )
    beside = speed(900.0, detail={"kinds": {**kinds, "train": 900.0}, "self_reported_kinds": ["compute"]})
    assert judged("speed", beside, baseline(speed_kind="compute")).reason.startswith("self-reported compute speed 990")
    same = judged("speed", own, baseline(speed_kind="compute"))
    assert same.verdict == "pass"
    assert same.reason.startswith("self-reported compute speed 990 samples/s is 1.0 % below the baseline")


def test_watts_above_their_limit_without_joules_per_sample_are_unjudged() -> None:
    unknown = measured("power", 600.0, detail={"joules_per_sample": None, "joules_per_sample_of": {}})
    result = judged("power", unknown, baseline())
    assert result.verdict == "unjudged"
    assert "joules per sample cannot be compared" in result.reason


@pytest.mark.parametrize(("value", "flagged"), [(1200.0, False), (1201.0, True)])
def test_more_than_a_fifth_faster_is_flagged(value: float, flagged: bool) -> None:
    result = judged("speed", value, baseline())
    assert result.verdict == "pass"
    assert result.flags == (("20.1 % better than the baseline: more often a mistake",) if flagged else ())


# Power.


def power(watts: float, joules: float | None, **detail: Any) -> Measured:
    return Measured("W", watts, detail={"joules_per_sample": joules, **detail})


@pytest.mark.parametrize(
    ("watts", "joules", "verdict", "flagged"),
    [
        # The baseline: 500.0 W, 8 cards, 1000.0 samples/s: 4 J per sample; from the worse ends 525.0525 W and 4.2006 J.
        (525.0, 5.0, "pass", False),
        (526.0, 4.2, "pass", True),
        (526.0, 4.21, "fail", False),
    ],
)
def test_power_fails_only_if_watts_and_joules_per_sample_are_both_too_high(
    watts: float, joules: float, verdict: str, flagged: bool
) -> None:
    result = judged("power", power(watts, joules), baseline())
    assert result.verdict == verdict
    assert ("W alone is above its limit" in result.flags) is flagged


@pytest.mark.parametrize(("watts", "verdict"), [(549.0, "pass"), (551.0, "fail")])
def test_sensors_of_different_cards_may_differ_by_ten_percent(watts: float, verdict: str) -> None:
    result = judged("power", power(watts, 9.0), baseline(card="another"))
    assert result.verdict == verdict
    assert "limit +10 %" in result.reason


@pytest.mark.parametrize(
    "entry",
    [
        baseline(figures={"power": figure("500.0", "W")}),
        baseline(speed_kind=None),
        baseline(disputed={"speed": "copied"}),
    ],
)
def test_watts_too_high_without_a_speed_to_derive_joules_from_are_unjudged(entry: Baseline) -> None:
    assert judged("power", power(600.0, 9.0), entry).verdict == "unjudged"
    assert judged("power", power(520.0, 9.0), entry).verdict == "pass"


def test_joules_per_sample_are_compared_at_the_baselines_kind_of_speed() -> None:
    by_kind = {"joules_per_sample_of": {"compute": 4.1, "train": 4.5}}
    assert judged("power", power(530.0, 4.5, **by_kind), baseline(speed_kind="compute")).verdict == "pass"
    assert judged("power", power(530.0, 4.5, **by_kind), baseline(speed_kind="train")).verdict == "fail"
    assert judged("power", power(530.0, 4.5, **by_kind), baseline(speed_kind="whole")).verdict == "unjudged"


def test_a_baseline_read_from_card_0_is_compared_with_card_0() -> None:
    entry = baseline(figures={**baseline().figures, "power": figure("500.0", "W", card0=True)})
    result = judged("power", power(600.0, 4.8, card0_watts=510.0), entry)
    assert result.verdict == "pass"
    assert result.reason.startswith("power of card 0 510 W is 2.0 % above")
    failed = judged("power", power(500.0, 4.0, card0_watts=600.0), entry)
    assert failed.verdict == "fail"
    assert "4.8 J per sample" in failed.reason


def test_a_limit_in_watts_of_the_case_decides_alone() -> None:
    limited = case(limits={"power": Limit("absolute", 450.0, "W")})
    assert judged("power", power(500.0, 0.1), on=limited).verdict == "fail"
    assert judged("power", power(450.0, 9.0), baseline(), on=limited).verdict == "pass"


def test_a_relative_limit_of_the_case_holds_for_watts_and_joules() -> None:
    tight = case(limits={"power": Limit("relative", 0.01)})
    assert judged("power", power(510.0, 4.1), baseline(), on=tight).verdict == "fail"
    assert judged("power", power(510.0, 4.04), baseline(), on=tight).verdict == "pass"


# Memory.


def memory(value: float, **detail: Any) -> Measured:
    return Measured("GiB", value, detail=detail)


@pytest.mark.parametrize(("value", "verdict"), [(78.4, "pass"), (78.5, "fail")])
def test_memory_fills_at_most_98_percent_of_the_card(value: float, verdict: str) -> None:
    entry = baseline(figures={"memory": figure("79.0", "GiB")})
    result = judged("memory", memory(value, total_gib=80.0), entry)
    assert result.verdict == verdict
    if verdict == "fail":
        assert "98 % of the card's 80 GiB" in result.reason


def test_the_fullest_card_counts_for_what_memory_may_fill() -> None:
    entry = baseline(figures={"memory": figure("40.0", "GiB", card0=True)})
    assert judged("memory", memory(79.0, card0_gib=40.0, total_gib=80.0), entry).verdict == "fail"
    assert judged("memory", memory(70.0, card0_gib=40.0, total_gib=80.0), entry).verdict == "pass"
    assert judged("memory", memory(40.0, card0_gib=45.0, total_gib=80.0), entry).verdict == "fail"


def test_memory_of_a_card_of_unknown_size_is_judged_by_the_baseline_alone() -> None:
    assert judged("memory", memory(40.0, total_gib=None), baseline()).verdict == "pass"


def test_a_published_g_is_shown_and_not_asserted() -> None:
    result = judged("memory", 40.0, baseline(figures={"memory": figure("29.1", "G", value=None)}))
    assert (result.verdict, result.score) == ("unjudged", None)
    assert result.reason == "the baseline 29.1 G has no certain unit: 40 GiB"
    assert result.baseline is not None
    assert (result.baseline["text"], result.baseline["unit"]) == ("29.1", "G")


def test_reserved_memory_is_shown_and_not_judged() -> None:
    reserved = memory(75.0, total_gib=80.0)
    result = judged("memory", replace(reserved, unjudged="reserved: taken in advance"), baseline())
    assert (result.verdict, result.reason) == ("unjudged", "reserved: taken in advance: 75 GiB")


# Linearity.


def test_one_card_that_got_faster_passes_and_is_flagged() -> None:
    faster = Measured("", 0.85, detail={"speeds_at_baselines": True})
    result = judged("linearity", faster, baseline())
    assert result.verdict == "pass"
    assert result.flags == ("one card got faster: both speeds are at or above their baselines",)
    assert judged("linearity", replace(faster, value=0.95), baseline()).flags == ()


# Stability.


def test_another_number_of_runs_meets_no_published_baseline() -> None:
    three = Measured("", 1.0, detail={"planned": 3})
    assert judged("stability", three, baseline()).verdict == "unjudged"
    assert judged("stability", three, baseline(origin="recorded", date="2026-03-01")).verdict == "pass"
    limited = case(limits={"stability": Limit("absolute", 0.9)})
    assert judged("stability", three, baseline(), on=limited).verdict == "pass"


def test_a_crash_fails_whatever_the_score() -> None:
    crashed = Measured("", 0.8, failed="full-5 crashed", detail={"planned": 5})
    result = judged("stability", crashed, baseline())
    assert (result.verdict, result.reason, result.score) == ("fail", "full-5 crashed", 0.8)


# Not judged.


@COMPARED
def test_no_baseline_is_unjudged_with_the_value(dimension: Dimension) -> None:
    result = judged(dimension, GOOD[dimension])
    assert (result.verdict, result.score, result.limit, result.baseline) == ("unjudged", None, None, None)
    assert result.reason == f"measured, no baseline: {GOOD[dimension]:g} {UNITS[dimension]}".rstrip()


@COMPARED
def test_a_baseline_without_the_figure_is_unjudged(dimension: Dimension) -> None:
    assert judged(dimension, GOOD[dimension], baseline(figures={})).verdict == "unjudged"


def test_the_nearest_baseline_is_named() -> None:
    nearest = "baseline exists for batch size 512, this run used 256"
    assert judged("speed", 1000.0, nearest=nearest).reason == f"measured, no baseline: 1000 samples/s; {nearest}"
    assert judged("speed", measured("speed", 1000.0)).reason == "measured, no baseline: 1000 samples/s"
    carried = measurements(dimensions={"speed": speed()}, nearest=nearest)
    assert judge("speed", case(), CONFIGURATION, carried, None).reason.endswith(nearest)


def test_a_case_without_a_target_leaves_accuracy_unjudged() -> None:
    untargeted = case(metric=replace(METRIC, target=None, generated_target=None))
    assert judged("accuracy", 76.0, on=untargeted).reason == "the case has no target: 76 %"
    result = judged("accuracy", 76.0, on=untargeted, data="generated")
    assert (result.verdict, result.reason) == ("unjudged", "the case has no generated_target: 76 %")


@ALL
@pytest.mark.parametrize("values", [GOOD, BAD])
def test_a_disputed_field_is_shown_and_not_judged(dimension: Dimension, values: dict[Dimension, float]) -> None:
    result = judged(dimension, values[dimension], baseline(disputed={dimension: "another measurement"}))
    assert (result.verdict, result.score) == ("unjudged", None)
    assert result.detail["disputed"] == "another measurement"
    assert "disputed" in result.reason
    assert result.baseline is not None


def test_a_disputed_target_leaves_accuracy_unjudged() -> None:
    assert judged("accuracy", 75.0, baseline(disputed={"target": "no number"})).verdict == "unjudged"
    assert judged("speed", 1000.0, baseline(disputed={"target": "no number"})).verdict == "pass"


def test_a_disputed_figure_does_not_stand_in_the_way_of_the_cases_own_limit() -> None:
    limited = case(limits={"speed": Limit("absolute", 800.0)})
    result = judged("speed", 742.0, baseline(disputed={"speed": "copied"}), on=limited)
    assert (result.verdict, result.score) == ("fail", None)


@ALL
def test_what_could_not_be_measured_is_unknown(dimension: Dimension) -> None:
    result = judged(dimension, measured(dimension, None, unknown="no sensor"), baseline())
    assert (result.verdict, result.reason, result.value, result.score) == ("unknown", "no sensor", None, None)


@ALL
def test_what_was_not_measured_is_unknown(dimension: Dimension) -> None:
    result = judge(dimension, case(), CONFIGURATION, measurements(), baseline())
    assert (result.verdict, result.reason) == ("unknown", "not measured")


def test_a_value_beside_a_reason_not_to_know_it_is_unknown() -> None:
    assert judged("speed", measured("speed", 1000.0, unknown="cancelled"), baseline()).verdict == "unknown"


@ALL
def test_a_run_that_went_wrong_fails_with_its_words(dimension: Dimension) -> None:
    result = judged(dimension, measured(dimension, None, failed="full-1 crashed"), baseline())
    assert (result.verdict, result.reason, result.score) == ("fail", "full-1 crashed", 0.0)


@ALL
@pytest.mark.parametrize("values", [GOOD, BAD])
def test_what_is_not_credible_is_suspect_and_never_passes(dimension: Dimension, values: dict[Dimension, float]) -> None:
    result = judged(dimension, measured(dimension, values[dimension], suspect=("one", "two")), baseline())
    assert (result.verdict, result.score) == ("suspect", None)
    assert result.reason.endswith(": one; two")


@ALL
def test_a_question_without_an_answer_does_not_apply(dimension: Dimension) -> None:
    result = judged(dimension, measured(dimension, None, not_applicable="one card"), baseline())
    assert (result.verdict, result.reason) == ("not applicable", "one card")


# Quick settings.


@pytest.mark.parametrize("dimension", ["speed", "power", "memory", "linearity"])
@pytest.mark.parametrize("values", [GOOD, BAD])
def test_quick_settings_leave_figures_unjudged(dimension: Dimension, values: dict[Dimension, float]) -> None:
    limited = case(limits={dimension: Limit("absolute", values[dimension])})
    result = judged(dimension, values[dimension], baseline(), on=limited, quick=True)
    assert (result.verdict, result.score) == ("unjudged", None)
    assert result.reason.startswith("quick: ")


def test_a_quick_figure_that_is_not_credible_says_so() -> None:
    result = judged("speed", measured("speed", 900.0, suspect=("the loss does not change",)), quick=True)
    assert result.reason == "quick: 900 samples/s; not credible either: the loss does not change"


@pytest.mark.parametrize(("values", "verdict"), [(GOOD, "pass"), (BAD, "fail")])
def test_quick_settings_judge_accuracy_and_stability_even_without_a_baseline(
    values: dict[Dimension, float], verdict: str
) -> None:
    assert judged("accuracy", values["accuracy"], quick=True).verdict == verdict
    result = judged("stability", values["stability"], quick=True)
    assert result.verdict == verdict
    assert result.reason == f"stability {values['stability']:g} (limit 0.8)"


@ALL
def test_quick_settings_judge_the_health_of_the_processes(dimension: Dimension) -> None:
    assert judged(dimension, measured(dimension, None, failed="full-1 crashed"), quick=True).verdict == "fail"
    assert judged(dimension, measured(dimension, None, unknown="no sensor"), quick=True).verdict == "unknown"


# What marks a result.


@pytest.mark.parametrize("dimension", ["speed", "power", "memory", "linearity", "stability"])
def test_a_missed_target_marks_what_was_measured_on_the_way(dimension: Dimension) -> None:
    missed = {"accuracy": measured("accuracy", 75.0)}
    result = judged(dimension, GOOD[dimension], baseline(), others=missed)
    assert result.verdict == "pass"
    assert ("convergence not shown" in result.flags) is (dimension != "stability")
    met = {"accuracy": measured("accuracy", 76.0)}
    assert judged(dimension, GOOD[dimension], baseline(), others=met).flags == ()


def test_a_run_that_diverged_does_not_show_convergence_either() -> None:
    diverged = {"accuracy": Measured("%", failed="full-1 diverged")}
    assert "convergence not shown" in judged("speed", 1000.0, baseline(), others=diverged).flags


@ALL
def test_what_was_measured_beside_the_value_is_kept(dimension: Dimension) -> None:
    noted = measured(dimension, GOOD[dimension], flags=("short window",))
    result = judged(dimension, noted, baseline())
    assert result.flags == ("short window",)
    assert result.detail == noted.detail
    assert result.unit == noted.unit


@ALL
def test_nothing_unmeasured_passes(dimension: Dimension) -> None:
    for fields in ({"unknown": "x"}, {"failed": "x"}, {"not_applicable": "x"}, {"suspect": ("x",)}, {}):
        for quick in (True, False):
            assert judged(dimension, measured(dimension, None, **fields), baseline(), quick=quick).verdict != "pass"
