"""A session's folder: where its runs and scorecards are kept, each written as it happens (docs/formats.md)."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import complaint, discard
from pytest_sixdim.campaign.files import StoreError, locked, read_json, write_json
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.records import launch_name

SCHEMA = 1


class Store:
    """One session's folder."""

    def __init__(self, directory: Path, session: Mapping[str, Any] | None = None) -> None:
        """session: what session.json says, where the folder may have to be made again."""
        self.directory = directory
        self._session = session
        #: Scorecards that the disk refused, by path; the next one that can be written takes them along.
        self._unwritten: dict[Path, dict[str, Any]] = {}

    @classmethod
    def create(cls, results: Path) -> Store:
        """A new session folder below `results`; `write_session` makes it the latest.

        Raises SettingsError where it can't be made.
        """
        directory = results / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        try:
            directory.mkdir(parents=True)
        except OSError as error:
            raise SettingsError(f"--sixdim-results {results}: {error.strerror or error}") from None
        return cls(directory)

    @property
    def session(self) -> Mapping[str, Any]:
        """What session.json says."""
        return self._session or {}

    def unwritten(self) -> list[Path]:
        """Scorecards that are in memory only; each is tried once more."""
        for path, record in list(self._unwritten.items()):
            try:
                write_json(path, record)
            except OSError:
                continue
            del self._unwritten[path]
        return sorted(self._unwritten)

    def restore(self) -> bool:
        """Make the folder and session.json again where somebody has taken them away; whether they had.

        Raises OSError where they can't be.
        """
        if self._session is None or (self.directory / "session.json").exists():
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(self.directory / "session.json", {"schema": SCHEMA, **self._session})
        if not (self.directory.parent / "latest").exists():
            _point_latest_to(self.directory)
        return True

    def run_directory(self, key: RunKey, attempt: int = 1) -> Path:
        """Where a launch of a run is kept; `attempt` counts from 1."""
        return self.directory / key.case / key.configuration / launch_name(key.name, attempt)

    def attempts(self, key: RunKey) -> int:
        """How many launches of a run there are on disk, finished or not."""
        attempt = 0
        while (self.run_directory(key, attempt + 1) / "order.json").exists():
            attempt += 1
        return attempt

    def write_session(self, record: Mapping[str, Any]) -> None:
        """Write session.json, and only then point results/latest to the folder: the latest session always says which
        one it resumes. Raises SettingsError where the disk refuses."""
        self._session = record
        try:
            write_json(self.directory / "session.json", {"schema": SCHEMA, **record})
            _point_latest_to(self.directory)
        except OSError as error:
            raise SettingsError(f"--sixdim-results: {complaint(error)}") from None

    def note_software(self, python: str, versions: Mapping[str, Any]) -> None:
        """Say in session.json what an interpreter has besides the default one. A disk that refuses costs no run: the
        scorecards say it too."""
        path = self.directory / "session.json"
        try:
            with locked(self.directory / ".lock"):
                record = read_json(path)
                record["interpreters"] = {**record.get("interpreters", {}), python: dict(versions)}
                write_json(path, record)
        except (OSError, StoreError):
            return

    def update_scorecard(
        self, case: str, configuration: str, update: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> dict[str, Any]:
        """Replace <case>/<configuration>/scorecard.json by what `update` makes of it (None: there is none yet).

        Tests of one configuration may run in several processes; a lock keeps their changes apart. A scorecard that is
        broken (`update` may find that too, and raise StoreError) is set aside as scorecard.json.broken. Raises OSError
        where the disk refuses; the scorecard is then kept in memory, and is among `scorecards` all the same.
        """
        path = self.directory / case / configuration / "scorecard.json"
        updated: dict[str, Any] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.directory / ".lock"):
                updated = self._updated(path, update)
                write_json(path, updated)
        except OSError:
            self._unwritten[path] = updated or self._updated(path, update)
            raise
        self._unwritten.pop(path, None)
        return updated

    def change_scorecard(
        self, case: str, configuration: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Replace a scorecard by what `change` makes of it, where there is one that is whole.

        Raises OSError where the disk refuses.
        """
        path = self.directory / case / configuration / "scorecard.json"
        if path not in self._unwritten and not path.exists():
            return
        with locked(self.directory / ".lock"):
            try:
                write_json(path, change(self._unwritten.get(path) or read_json(path)))
            except StoreError:
                return  # said where it is shown

    def scorecards(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Every scorecard of the session, 2 cards before 16, and a line for each that can't be read."""
        cards, broken = [], []
        for path in sorted({*self.directory.glob("*/*/scorecard.json"), *self._unwritten}, key=_by_number):
            try:
                card = self._unwritten.get(path) or read_json(path)
                if not isinstance(card, dict):
                    raise StoreError(f"{path}: can't be read: no JSON object")
                cards.append(card)
            except (OSError, StoreError) as error:
                broken.append(complaint(error))
        return cards, broken

    def _updated(self, path: Path, update: Callable[[dict[str, Any] | None], dict[str, Any]]) -> dict[str, Any]:
        if path in self._unwritten:
            return update(self._unwritten[path])
        try:
            return update(read_json(path))
        except FileNotFoundError:
            return update(None)
        except StoreError:
            path.replace(path.with_name(f"{path.name}.broken"))
            return update(None)


def _point_latest_to(directory: Path) -> None:
    """Replace results/latest in one go. Raises OSError."""
    link = directory.parent / f".latest-{directory.name}"
    try:
        link.symlink_to(directory.name)
        link.replace(directory.parent / "latest")
    except OSError:
        discard(link)
        raise


def _by_number(path: Path) -> str:
    return re.sub(r"\d+", lambda number: number[0].zfill(12), str(path))
