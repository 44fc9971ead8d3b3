from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.quantities import at_least, at_most, percent, shown, with_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [(742.0, "742"), (4938.9237984, "4938.9"), (793486.4, "793486"), (0.0046, "0.0046"), (-5.0, "-5"), (0.0, "0")],
)
def test_figures_keep_five_digits_and_their_integer_part(value: float, text: str) -> None:
    assert shown(value) == text


@given(st.floats(1e-3, 1e9))
def test_what_is_shown_is_the_value(value: float) -> None:
    assert float(shown(value)) == pytest.approx(value, rel=6e-5)


def test_a_ratio_has_no_unit() -> None:
    assert with_unit(0.96, "") == "0.96"
    assert with_unit(742.0, "samples/s") == "742 samples/s"
    assert percent(0.0866) == "8.7 %"


def test_a_figure_on_the_limit_is_within_it_whatever_its_last_digit() -> None:
    assert at_least(0.1 + 0.2, 0.3)
    assert at_least(0.3, 0.1 + 0.2)
    assert at_most(0.1 + 0.2, 0.3)
    assert not at_least(0.2999, 0.3)
    assert not at_most(0.3001, 0.3)
