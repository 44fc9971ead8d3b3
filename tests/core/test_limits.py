from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Limit
from pytest_sixdim.core.dimensions import BETTER, Dimension
from pytest_sixdim.core.limits import applied_limit, default_limit, limit_value, looser, text_of, worse_end

from .builders import figure


@pytest.mark.parametrize(
    ("text", "higher", "lower"),
    [("12", 11.5, 12.5), ("12.0", 11.95, 12.05), ("0.96", 0.955, 0.965), ("1.5e3", 1450.0, 1550.0)],
)
def test_limits_start_from_the_worse_end_of_the_rounding(text: str, higher: float, lower: float) -> None:
    assert worse_end(figure(text), "higher") == pytest.approx(higher)
    assert worse_end(figure(text), "lower") == pytest.approx(lower)


def test_rounding_is_in_the_dimensions_unit() -> None:
    """20 480 MiB, printed to the MiB."""
    assert worse_end(figure("20480", "MiB", value=20.0), "lower") == pytest.approx(20 + 0.5 / 1024)


def test_a_figure_without_a_value_has_no_end() -> None:
    assert worse_end(figure("29.1", "G", value=None), "lower") is None


@pytest.mark.parametrize(
    ("dimension", "end", "value"),
    [("speed", 100.0, 95.0), ("power", 100.0, 105.0), ("memory", 20.0, 21.0), ("linearity", 0.95, 0.9)],
)
def test_the_methods_own_limits(dimension: Dimension, end: float, value: float) -> None:
    limit = default_limit(dimension)
    assert limit is not None
    assert limit_value(limit, end) == pytest.approx(value)


def test_the_methods_limits_that_need_no_baseline_or_are_the_cases_own() -> None:
    assert default_limit("stability") == Limit("absolute", 0.8)
    assert default_limit("accuracy") is None
    assert default_limit("power", same_card=False) == Limit("relative", 0.10)


def test_relative_and_offset_limits_need_a_baseline() -> None:
    assert limit_value(Limit("relative", -0.05), None) is None
    assert limit_value(Limit("offset", -0.05), None) is None
    assert limit_value(Limit("absolute", 5.0), None) == 5.0


def applied(
    default: Limit | None = None, case: Limit | None = None, entry: Limit | None = None, end: float | None = 100.0
):
    return applied_limit("speed", default=default, case=case, entry=entry, end=end)


FIVE, TEN, TWO = Limit("relative", -0.05), Limit("relative", -0.10), Limit("relative", -0.02)


def test_the_cases_limit_replaces_the_methods() -> None:
    limit = applied(FIVE, TWO)
    assert limit is not None
    assert (limit.value, limit.text, limit.against, limit.default) == (98.0, "-2 %", "baseline", None)
    assert str(limit) == "limit -2 %: 98"


def test_a_loosened_limit_is_shown_beside_its_default() -> None:
    limit = applied(FIVE, TEN)
    assert limit is not None
    assert (limit.value, limit.default) == (90.0, "-5 %")
    assert str(limit) == "limit -10 % (default -5 %): 90"
    assert limit.to_json() == {"value": 90.0, "text": "-10 %", "against": "baseline", "default": "-5 %"}


def test_an_entrys_limit_only_tightens() -> None:
    tightened, kept = applied(FIVE, None, TWO), applied(FIVE, None, TEN)
    assert tightened is not None
    assert kept is not None
    assert (tightened.value, kept.value) == (98.0, 95.0)


def test_an_entry_tightens_a_loosened_case_too() -> None:
    limit = applied(FIVE, TEN, TWO)
    assert limit is not None
    assert (limit.value, limit.default) == (98.0, None)


@given(*[st.none() | st.floats(-0.9, -0.01).map(lambda amount: Limit("relative", amount))] * 2)
def test_no_entry_ever_loosens(case: Limit | None, entry: Limit | None) -> None:
    with_entry, without = applied(FIVE, case, entry), applied(FIVE, case)
    assert with_entry is not None
    assert without is not None
    assert with_entry.value >= without.value


def test_an_absolute_limit_of_the_case_judges_without_a_baseline() -> None:
    limit = applied(None, Limit("absolute", 80.0, "samples/s"), end=None)
    assert limit is not None
    assert (limit.value, limit.against, str(limit)) == (80.0, "case", "limit 80 samples/s")
    beside = applied(FIVE, Limit("absolute", 80.0, "samples/s"))
    assert beside is not None
    assert beside.default == "-5 %"


def test_without_a_baseline_a_relative_limit_judges_nothing() -> None:
    assert applied(None, FIVE, end=None) is None
    assert applied(None, None, end=None) is None


def test_the_methods_limit_without_a_baseline_says_so() -> None:
    limit = applied_limit("stability", default=default_limit("stability"), case=None, entry=None, end=None)
    assert limit is not None
    assert (limit.value, limit.against) == (0.8, "method")


def test_a_relative_limit_is_a_share_of_the_size_of_a_negative_figure() -> None:
    assert limit_value(Limit("relative", -0.05), -10.0) == pytest.approx(-10.5)


@given(st.sampled_from(sorted(BETTER)), st.floats(1, 100), st.floats(1, 100))
def test_of_two_limits_one_is_looser_or_they_are_equal(dimension: Dimension, a: float, b: float) -> None:
    assert looser(dimension, a, b) + looser(dimension, b, a) == (a != b)


@pytest.mark.parametrize(
    ("limit", "dimension", "text"),
    [
        (Limit("relative", -0.05), "speed", "-5 %"),
        (Limit("relative", 0.05), "power", "+5 %"),
        (Limit("relative", -0.025), "speed", "-2.5 %"),
        (Limit("offset", -0.05), "linearity", "baseline - 0.05"),
        (Limit("offset", 2.0, "GiB"), "memory", "baseline + 2 GiB"),
        (Limit("absolute", 30.0), "memory", "30 GiB"),
        (Limit("absolute", 0.8), "stability", "0.8"),
    ],
)
def test_a_limit_as_people_write_it(limit: Limit, dimension: Dimension, text: str) -> None:
    assert text_of(limit, dimension) == text
