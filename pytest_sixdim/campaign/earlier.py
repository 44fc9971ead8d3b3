"""Runs of an earlier session, used again where everything that decides them is the same (--sixdim-resume)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.settings import SettingsError


def session_folder(asked: str, results: Path) -> Path:
    """The folder of the session that --sixdim-resume asks for: "last", a session's name below `results`, or a folder.

    Raises SettingsError where there is none.
    """
    path = results / ("latest" if asked == "last" else asked)
    if not (path / "session.json").is_file():
        raise SettingsError(f"--sixdim-resume {asked}: {path} is no session's folder")
    return path.resolve()


class Earlier:
    """The finished runs of an earlier session, and of those that it had resumed itself."""

    def __init__(self, folder: Path) -> None:
        """folder: of the session to resume."""
        self._folder = folder

    def take(self, key: RunKey, order: Mapping[str, Any], directory: Path) -> str | None:
        """Put the run as that session left it into `directory`, all its attempts, where `order` asks for the same.

        Returns None where that was done; else why the run is launched again, in a few words.
        """
        return "not made there"
