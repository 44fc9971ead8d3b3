"""What the plugin leans on inside pytest: says so at once when pytest changes it."""

from __future__ import annotations

import inspect

import pytest
from _pytest import junitxml


def test_a_module_makes_its_object_in_getobj() -> None:
    assert callable(pytest.Module._getobj)
    assert "importtestmodule" in inspect.getsource(pytest.Module._getobj)


def test_a_function_takes_its_callable_and_its_fixtures() -> None:
    assert {"callobj", "fixtureinfo"} <= set(inspect.signature(pytest.Function.__init__).parameters)
    assert "_fixtureinfo" in inspect.getsource(pytest.Function.__init__)


def test_junit_reports_can_be_added_to() -> None:
    assert callable(junitxml.LogXML.node_reporter)
    assert "append" in dir(junitxml._NodeReporter)
    assert junitxml.bin_xml_escape("\x00<") == "#x00<"


def test_config_says_where_its_paths_come_from() -> None:
    assert pytest.Config.ArgsSource.ARGS is not pytest.Config.ArgsSource.TESTPATHS
