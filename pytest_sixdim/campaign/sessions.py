"""The sessions below a results directory, and which one a person means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.kept import Unusable, read_record
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.store import SCHEMA

LAST = "last"
#: Sessions that an error message names.
NAMED = 3


def session_folder(asked: str, results: Path, base: Path) -> Path:
    """The folder of the session that --sixdim-resume asks for: "last", the name of a session below `results` or its
    unique beginning, or a folder, relative to `base`.

    Raises SettingsError where there is none, or it is of no session that this version reads.
    """
    option = f"--sixdim-resume {asked}"
    if not asked.isprintable():
        raise SettingsError(f"--sixdim-resume {asked!r}: no session is called so")
    places = [results / "latest"] if asked == LAST else [results / asked, base / asked]
    for place in places:
        if _has(place):
            return _checked(option, place.resolve())
    begun = [name for name in session_names(results) if name.startswith(asked)]
    if len(begun) == 1:
        return _checked(option, (results / begun[0]).resolve())
    if len(begun) > 1:
        raise SettingsError(f"{option}: {len(begun)} sessions begin so: {_few(begun)}")
    looked = " and ".join(dict.fromkeys(map(str, places)))
    names = session_names(results)
    there = f"the latest sessions in {results}: {_few(names)}" if names else f"{results} holds no session"
    raise SettingsError(f"{option}: there is no session (looked for session.json in {looked}); {there}")


def session_names(results: Path) -> list[str]:
    """The folders of sessions below a results directory, the newest first."""
    try:
        found = [path.name for path in results.iterdir() if not path.is_symlink() and _has(path)]
    except OSError:
        return []
    return sorted(found, reverse=True)


def read_session(folder: Path) -> dict[str, Any]:
    """session.json. Raises Unusable for one that is broken, of another version or of something else, OSError where it
    is missing."""
    record = read_record(folder / "session.json")
    if not isinstance(record.get("plugin"), str) or not isinstance(record.get("settings"), dict):
        raise Unusable("its session.json is not of pytest-sixdim")
    if record.get("schema") != SCHEMA:
        raise Unusable(f"its session.json is of schema {record.get('schema')!r:.20}; this version reads {SCHEMA}")
    return record


def _has(place: Path) -> bool:
    try:
        return (place / "session.json").is_file()
    except OSError:  # a name that no folder can have
        return False


def _checked(option: str, folder: Path) -> Path:
    try:
        read_session(folder)
    except Unusable as why:
        raise SettingsError(f"{option}: {folder} can't be resumed: {why}") from None
    except OSError as error:
        raise SettingsError(f"{option}: {folder} can't be resumed: {error.strerror or error}") from None
    return folder


def _few(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
