"""Local time against the time of day."""

from __future__ import annotations

import pytest

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.monitors.clock import inferred, offset_text, parse_offset
from tests.campaign.importing.recorded import BEGAN

HOUR = 3600.0
RUN = (BEGAN, BEGAN + 1800.0)


@pytest.mark.parametrize("hours", [8.0, 0.0, -8.0, 5.5, 5.75, -3.5, 12.75, 14.0])
def test_the_only_offset_under_which_a_monitor_covers_the_run_is_its(hours: float) -> None:
    monitor = (RUN[0] - 200.0 + hours * HOUR, RUN[1] + 90.0 + hours * HOUR)
    assert inferred(monitor, RUN, "m.log") == hours * HOUR


def test_a_monitor_that_begins_a_little_late_still_covers_the_run() -> None:
    assert inferred((RUN[0] + 8 * HOUR + 20.0, RUN[1] + 8 * HOUR - 5.0), RUN, "m.log") == 8 * HOUR


def test_a_monitor_so_long_that_several_zones_fit_needs_a_word() -> None:
    monitor = (RUN[0] + 8 * HOUR - 2 * HOUR, RUN[1] + 8 * HOUR + 60.0)
    with pytest.raises(CannotImport, match=r"m\.log: .*\+06:00, \+06:30, \+07:00, \+08:00.*--utc-offset"):
        inferred(monitor, RUN, "m.log")


def test_a_monitor_of_another_day_is_not_of_this_run() -> None:
    monitor = (RUN[0] + 30 * HOUR, RUN[1] + 31 * HOUR)
    with pytest.raises(CannotImport, match="under no time zone does it cover the run"):
        inferred(monitor, RUN, "m.log")


def test_an_offset_is_written_as_it_is_read() -> None:
    for text in ("+08:00", "-03:30", "+05:45", "+00:00"):
        assert offset_text(parse_offset(text)) == text
    for text in ("8", "+8", "+08:60", "+15:00", "08:00", "CST", ""):
        with pytest.raises(CannotImport, match=r"--utc-offset .*such as"):
            parse_offset(text)
