"""Quick sessions over one case, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.conftest import SPARED

#: What one run answers.
AT_ONCE = "(accuracy or speed or memory or power)"
needs_two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


class QuickSession:
    """What a quick session over a case left in a directory of its own."""

    def __init__(self, case: Path, directory: Path, *options: str) -> None:
        self.session = directory / "results" / "latest"
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(directory), "PYTEST_ADDOPTS": SPARED}
        command = [sys.executable, "-m", "pytest", str(case), "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "--sixdim", "--sixdim-quick", "--no-sixdim-confirm", *options],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
        )
        self.returncode = done.returncode
        self.output = done.stdout + done.stderr

    def card(self, cards: int = 2) -> dict[str, Any]:
        """The scorecard of the configuration of so many cards."""
        found = list(self.session.glob(f"*/*-1x{cards}/scorecard.json"))
        assert len(found) == 1, self.output
        return dict(json.loads(found[0].read_text()))

    def dimension(self, name: str, cards: int = 2) -> dict[str, Any]:
        """A dimension of that scorecard."""
        return dict(self.card(cards)["dimensions"][name])

    def events(self, kind: str, cards: int = 2) -> list[dict[str, Any]]:
        """What the first run of that configuration reported of this kind."""
        run = min(self.session.glob(f"*/*-1x{cards}/*-1"))
        events = [json.loads(line) for line in (run / "node-0" / "events.jsonl").read_text().splitlines()]
        return [event for event in events if event.get("event") == kind]

    def orders(self) -> list[dict[str, Any]]:
        """Of all runs."""
        return [json.loads(path.read_text()) for path in self.session.glob("*/*/*/order.json")]
