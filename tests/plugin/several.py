"""Several sessions of pytest in one process: they import the plugin once, which is most of the work of a small one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence

import pytest

from tests.plugin.conftest import Bench

BORDER = "a session has ended with code"
SCRIPT = f"""
import json, sys, pytest
for arguments in json.loads(sys.argv[1]):
    code = int(pytest.main(["-p", "no:cacheprovider", *arguments]))
    for stream in (sys.stdout, sys.stderr):
        print("{BORDER}", code, file=stream, flush=True)
"""


def run_several(bench: Bench, sessions: Sequence[Sequence[str]]) -> list[pytest.RunResult]:
    """What each of the sessions would give that have these arguments; none may launch anything."""
    options = ["--sixdim", "--sixdim-python", str(bench.python)]
    given = json.dumps([[*options, *arguments] for arguments in sessions])
    done = bench.pytester.run(sys.executable, "-c", SCRIPT, given)
    parts = [re.split(rf"^{BORDER} (\d+)$", stream.str(), flags=re.MULTILINE) for stream in (done.stdout, done.stderr)]
    assert len(parts[0]) == len(parts[1]) == 2 * len(sessions) + 1, done.stderr.str()
    return [
        pytest.RunResult(int(code), out.splitlines(), errors.splitlines(), done.duration)
        for out, errors, code in zip(parts[0][:-1:2], parts[1][:-1:2], parts[0][1::2], strict=True)
    ]
