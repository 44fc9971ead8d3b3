"""The registry of launches."""

from __future__ import annotations

import pytest

from pytest_sixdim.agent.launches import LAUNCHES, ONE_PROCESS, make_launch
from pytest_sixdim.agent.outer import without_outer
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.schema import names


def test_cases_may_name_all_of_them() -> None:
    assert set(names.LAUNCHES) == set(LAUNCHES)


def test_one_that_nobody_knows_is_an_error_with_the_closest() -> None:
    with pytest.raises(RegistryError, match="mpirun"):
        make_launch("mpirum")


@pytest.mark.parametrize("name", LAUNCHES)
def test_what_numbers_a_rank_is_never_inherited(name: str) -> None:
    launch = make_launch(name)
    variables = [variable for pair in launch.rank_variables for variable in pair]
    launch.close()
    assert bool(variables) == (name not in ONE_PROCESS)
    assert without_outer(dict.fromkeys(variables, "1")) == {}
