"""What this host is, and what a training program finds on it."""

from __future__ import annotations

import os
import sys

import pytest

from pytest_sixdim.campaign.machine import machine, software
from pytest_sixdim.campaign.settings import SettingsError


def test_machine_says_what_the_host_is() -> None:
    found = machine()
    assert found["cpus"] == os.cpu_count()
    assert found["memory_bytes"] > 2**28


def test_software_is_that_of_the_training_programs_interpreter() -> None:
    versions = software(sys.executable)
    assert versions["python"] == ".".join(str(part) for part in sys.version_info[:3])


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false", "/bin/echo"])
def test_an_interpreter_that_is_none_is_refused(python: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--sixdim-python {python}: it does not run as a Python interpreter"):
        software(python)
