"""`sixdim import` as people run it, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.cli import main
from tests.campaign.importing.recorded import BEGAN, sixdim_log


class Imports:
    """A directory to import into."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.results = directory / "results"
        self._capsys = capsys
        self.code = 0
        self.out = self.err = ""

    def run(self, path: Path, *arguments: Path | str) -> dict[str, Any]:
        """Import; returns the scorecard where there is one."""
        self.code = main(["import", "--case", str(path), "--results", str(self.results), *map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        cards = list((self.results / "latest").glob("*/*/scorecard.json")) if self.results.exists() else []
        return dict(json.loads(cards[0].read_text())) if self.code < 2 and cards else {}

    def logs(self, count: int, **more: Any) -> list[Path]:
        """Logs of so many runs, each a little different."""
        return [
            sixdim_log(
                self.directory / f"result_{number}.txt",
                values=(70.0, 76.0 + number / 100),
                loss=2.0 + number,
                begin=BEGAN + 1000.0 * number,
                **more,
            )
            for number in range(count)
        ]


def verdicts(card: dict[str, Any]) -> dict[str, str]:
    return {name: result["verdict"] for name, result in card["dimensions"].items()}
