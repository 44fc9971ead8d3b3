from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.results import VERDICTS, DimensionResult, Verdict
from pytest_sixdim.core.scorecard import Scorecard, new_scorecard, not_recordable

from .builders import CONFIGURATION, baseline, case, measurements


def result(dimension: Dimension, verdict: Verdict = "pass", **fields: Any) -> DimensionResult:
    return DimensionResult(dimension, verdict, "because", **{"score": 1.0, "unit": "W", "value": 1.5, **fields})


def scorecard(**verdicts: Verdict) -> Scorecard:
    card = new_scorecard(case(), CONFIGURATION, measurements(machine={"cpu": "x"}), baseline())
    for dimension, verdict in verdicts.items():
        card = card.with_result(result(dimension, verdict))  # type: ignore[arg-type]
    return card


ALL_PASS: dict[str, Verdict] = dict.fromkeys(DIMENSIONS, "pass")


def test_a_new_scorecard_has_judged_nothing() -> None:
    card = scorecard()
    assert (card.judged, card.status) == (0, "incomplete")
    assert card.summary.startswith("incomplete: 0 of 6 judged (speed not asked, power not asked")


def test_it_passes_only_if_every_applicable_dimension_was_judged_and_passes() -> None:
    assert scorecard(**ALL_PASS).summary == "pass: 6 of 6 judged"
    one_card = scorecard(**{**ALL_PASS, "linearity": "not applicable"})
    assert one_card.summary == "pass: 5 of 6 judged (linearity not applicable)"


@pytest.mark.parametrize("verdict", [v for v in VERDICTS if v not in ("pass", "fail", "not applicable")])
def test_what_was_not_judged_makes_it_incomplete(verdict: Verdict) -> None:
    card = scorecard(**{**ALL_PASS, "power": verdict})
    assert card.summary == f"incomplete: 5 of 6 judged (power {verdict})"


def test_a_dimension_not_asked_makes_it_incomplete() -> None:
    assert scorecard(speed="pass").status == "incomplete"


def test_a_failure_fails_it() -> None:
    assert scorecard(speed="fail", power="unknown").status == "fail"
    assert scorecard(**{**ALL_PASS, "speed": "fail"}).judged == 6


def test_nothing_applicable_is_no_pass() -> None:
    assert scorecard(**dict.fromkeys(DIMENSIONS, "not applicable")).status == "incomplete"


def test_its_json_has_the_keys_of_the_format() -> None:
    record = scorecard(speed="pass").to_json()
    expected = {"schema", "case", "title", "configuration", "card", "data", "quick", "dimensions", "overall"}
    expected |= {"judged", "runs", "baseline", "machine"}
    assert expected <= set(record)
    assert record["schema"] == 1
    assert record["configuration"] == "nvidia-amp-bf16-bs16-1x8"
    assert record["key"]["batch_size"] == 16
    assert record["metric"] == {"name": "top1", "unit": "%", "better": "higher", "target": 75.9}
    assert list(record["dimensions"]) == list(DIMENSIONS)
    assert record["dimensions"]["power"] is None
    keys = {"value", "unit", "verdict", "reason", "baseline", "limit", "score", "detail", "flags", "label"}
    assert set(record["dimensions"]["speed"]) == keys
    assert record["overall"] == {"value": 1.0, "reason": "", "dimensions": ["speed"]}
    assert (record["judged"], record["status"]) == (1, "incomplete")
    assert record["baseline"]["source"] == "README.md#L12"


def test_it_comes_back_from_json_as_it_was() -> None:
    card = scorecard(speed="pass", power="unknown", linearity="not applicable")
    noted = result("memory", flags=("a leak",), detail={"cards_gib": [1.0, 2.0]}, limit={"value": 2.0})
    card = card.with_result(noted, runs=[{"name": "full-1", "seed": 1}])
    text = json.dumps(card.to_json(), allow_nan=False)
    assert Scorecard.from_json(json.loads(text)) == card
    assert Scorecard.from_json(json.loads(text)).to_json() == card.to_json()


def test_unknown_numbers_are_null() -> None:
    card = scorecard().with_result(result("speed", detail={"a": math.nan, "b": [math.inf, (1, case().path)]}))
    assert card.to_json()["dimensions"]["speed"]["detail"] == {"a": None, "b": [None, [1, "resnet50.case.yaml"]]}


def test_another_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema 2; this version reads schema 1"):
        Scorecard.from_json({**scorecard().to_json(), "schema": 2})


def test_a_run_is_kept_once() -> None:
    card = scorecard().with_result(result("speed"), [{"name": "full-1", "speed": None}])
    card = card.with_result(result("power"), [{"name": "full-1", "speed": 5.0}, {"name": "window-1"}])
    assert card.runs == ({"name": "full-1", "speed": 5.0}, {"name": "window-1"})


def test_a_dimension_judged_again_replaces_what_was_there() -> None:
    card = scorecard(speed="fail").with_result(result("speed"))
    assert card.judged == 1
    assert card.status == "incomplete"


def test_generated_data_shows_its_target() -> None:
    card = new_scorecard(case(), CONFIGURATION, measurements(data="generated", generator="noise"), None)
    assert card.metric["target"] == 95.0
    record = card.to_json()
    assert (record["baseline"], record["generator"], record["data"]) == (None, "noise", "generated")


@pytest.mark.parametrize(
    ("verdicts", "why"),
    [
        ({"accuracy": "pass", "speed": "unjudged"}, None),
        ({"accuracy": "pass", "speed": "fail"}, None),
        ({"accuracy": "fail"}, "accuracy fail"),
        ({"speed": "pass"}, "accuracy was not asked for"),
        ({"accuracy": "pass", "power": "suspect"}, "power suspect"),
        ({"accuracy": "unjudged"}, "accuracy unjudged"),
    ],
)
def test_a_baseline_is_recorded_only_from_runs_that_converged_and_are_credible(
    verdicts: dict[str, Verdict], why: str | None
) -> None:
    assert not_recordable(scorecard(**verdicts)) == why


def test_a_recorded_baselines_label_survives() -> None:
    own = result("speed", baseline={"origin": "recorded", "date": "2026-03-01"}, limit={"against": "baseline"})
    card = scorecard().with_result(own)
    assert card.to_json()["dimensions"]["speed"]["label"] == "pass (own baseline, 2026-03-01)"
    assert replace(own, verdict="unknown").label == "unknown"
