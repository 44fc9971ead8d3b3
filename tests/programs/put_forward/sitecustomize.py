"""Puts a process's monotonic clock forward by as many seconds as the file says that PUT_FORWARD names.

Python imports it where this folder is on PYTHONPATH. A test of a time limit then waits for the program to write that
file instead of for the limit, and the limit is so long that no busy machine exceeds it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

steady, place = time.monotonic, Path(os.environ.get("PUT_FORWARD", "/nowhere"))


def monotonic() -> float:
    """The clock, and what the file says."""
    try:
        return steady() + float(place.read_text())
    except (OSError, ValueError):  # it is not there, or being written
        return steady()


time.monotonic = monotonic
