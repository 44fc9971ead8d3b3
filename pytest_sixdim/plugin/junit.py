"""The figures in JUnit XML, within the xunit2 schema (design section 8)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from _pytest.junitxml import LogXML, bin_xml_escape, xml_key


class JUnitHooks:
    """Adds each test's figures to its testcase. xunit2 allows `system-out` there, and no properties."""

    def __init__(self, config: pytest.Config, form: str) -> None:
        self._config = config
        self._form = form

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Runs on the controller, before pytest closes the testcase."""
        outcomes = getattr(report, "sixdim", None)
        xml: LogXML | None = self._config.stash.get(xml_key, None)
        if xml is None or not outcomes or report.when != "call" or self._form == "none":
            return
        reporter = xml.node_reporter(report)
        pairs = [pair for outcome in outcomes for pair in _pairs(outcome)]
        if self._form == "properties":
            for name, value in pairs:
                reporter.add_property(name, value)
            return
        element = ElementTree.Element("system-out")
        element.text = bin_xml_escape("".join(f"{name}: {value}\n" for name, value in pairs))
        reporter.append(element)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave out testcases without a name: of tests that a worker had begun when it died or was interrupted."""
        xml: LogXML | None = self._config.stash.get(xml_key, None)
        if xml is not None:
            xml.node_reporters_ordered[:] = [
                reporter for reporter in xml.node_reporters_ordered if vars(reporter).get("attrs") != {}
            ]


def _pairs(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    """What a testcase carries: the verdict, and what there is of value, limit, baseline, score and flags."""
    name = f"sixdim.{outcome['dimension']}"
    pairs = [(f"{name}.verdict", outcome["verdict"])]
    if outcome["value"] is not None:
        what = f" ({outcome['nature']})" if outcome.get("nature") else ""
        pairs.append((f"{name}.value", f"{outcome['value']!r} {outcome['unit']}{what}".strip()))
    for key in ("limit", "baseline", "score"):
        if outcome[key] is not None:
            pairs.append((f"{name}.{key}", str(outcome[key])))
    if outcome["reason"]:
        pairs.append((f"{name}.reason", outcome["reason"]))
    return pairs + [(f"{name}.flag", flag) for flag in outcome["flags"]]
