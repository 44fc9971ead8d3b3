"""Runs of an earlier session, used again where everything that decides them is the same (docs/resume.md)."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.campaign.identity import differences
from pytest_sixdim.campaign.kept import Unusable, copy_run, read_record, whole_run
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.sessions import read_session
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.imported import MARK
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.records import RunRecord

#: Ends that are no result of the run: whoever asks for it again gets another launch.
NO_RESULT = {
    "cancelled": "was cancelled there",
    "launch_error": "could not be launched there",
    "agent_lost": "its agent was lost there",
}
#: Sessions that resumed one another and are looked into.
SESSIONS = 1000
_SESSION_NAME = re.compile(r"[\w.+-]{1,100}")


class Answer(NamedTuple):
    """Whether a run was taken over; `words` say from where, or why it is launched again, and are None where no earlier
    session has it."""

    reused: bool
    words: str | None = None


class Earlier:
    """The finished runs of an earlier session, and of those that it had resumed itself, the newest first."""

    def __init__(self, folder: Path) -> None:
        """folder: of the session to resume."""
        self.sessions = _chain(folder)

    def finished(self) -> set[str]:
        """The runs that there are to be taken over, identity apart, as RunKey names them."""
        found = set()
        for session in self.sessions:
            for path in session.glob("*/*/*/result.json"):
                try:
                    if not path.parent.name.startswith(".") and _no_result(read_record(path)) is None:
                        found.add("/".join(path.parts[-4:-1]).partition(".attempt-")[0])
                except (Unusable, OSError):
                    continue
        return found

    def take(self, key: RunKey, order: Mapping[str, Any], directory: Path) -> Answer:
        """Put the run as an earlier session left it into `directory`, all its attempts, where `order` asks for the
        same; the caller sees to it that nobody else does. What stands in `directory` has no result, and goes."""
        _remove_leftovers(directory)
        why: str | None = None
        for session in self.sessions:
            try:
                attempts = _attempts(Store(session), key, order)
                if attempts:
                    return Answer(True, _put(attempts, session.name, directory))
            except (Unusable, OSError) as error:
                why = why or (str(error) if isinstance(error, Unusable) else f"it can't be copied: {error.strerror}")
        return Answer(False, None if why is None else f"launched again: {why}")


def _chain(folder: Path) -> list[Path]:
    """The session, the one that it resumed, and so on."""
    sessions: list[Path] = []
    following: Path | None = folder
    while following is not None and following not in sessions and len(sessions) < SESSIONS:
        try:
            record = read_session(following)
        except (Unusable, OSError):
            break
        sessions.append(following)
        following = _resumed(record.get("resumed"), following)
    return sessions


def _resumed(text: Any, folder: Path) -> Path | None:
    """The session that `folder` resumed: where it was then, else beside `folder`; None where it is in neither."""
    if not isinstance(text, str) or not text.isprintable():
        return None
    path = Path(text)
    for place in (path, folder.parent / path.name):
        try:
            if place.is_absolute() and (place / "session.json").is_file():
                return place.resolve()
        except OSError:
            continue
    return None


def _attempts(store: Store, key: RunKey, order: Mapping[str, Any]) -> list[Path]:
    """The folders of a run's attempts, up to the last one that has a result; none where the session has not begun it.

    Raises Unusable where it has no result, where something else was run, and where a folder is a link.
    """
    found = [store.run_directory(key, attempt + 1) for attempt in range(store.attempts(key))]
    if any(path.is_symlink() for folder in found for path in (folder, folder.parent, folder.parent.parent)):
        raise Unusable("its folder is a link")
    results = [_result(folder) for folder in found]
    while results and (why := _no_result(results[-1])) is not None:
        results.pop()
        if not results:
            raise Unusable(why)
    found = found[: len(results)]
    for folder, result in zip(found, results, strict=True):
        _compare(read_record(folder / "order.json"), result, order)
    return found


def _result(folder: Path) -> dict[str, Any]:
    """result.json; empty where there is none."""
    try:
        return read_record(folder / "result.json")
    except FileNotFoundError:
        return {}


def _no_result(result: Mapping[str, Any]) -> str | None:
    """Why what a run came to is not its result; None where it is, good or bad."""
    status = result.get("status")
    if not isinstance(status, str):
        return "did not end there"
    if result.get(MARK):
        return "was imported from a log there"
    if status in NO_RESULT:
        return NO_RESULT[status]
    return "failed there for a reason of the host" if result.get("fault") == "host" else None


def _compare(there: Mapping[str, Any], result: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raises Unusable where something else was run, or the run would end elsewhere."""
    if any(there.get(name) != here[name] for name in ("case", "configuration", "role", "index")):
        raise Unusable("its order.json is of another run")
    if there.get("identity") != here["identity"]:
        raise Unusable(differences(there.get("identity_parts"), here["identity_parts"]))
    limits = there.get("limits")
    seconds = result.get("seconds")
    for name, status in (("timeout", "timeout"), ("stall", "stalled")):
        before = limits.get(name) if isinstance(limits, dict) else None
        if before == here["limits"][name]:
            continue
        if result["status"] == status:
            was = f"{shown(before)} s" if isinstance(before, (int, float)) else "unknown"
            raise Unusable(f"it ran into its limit there: {name} {was} there, {shown(here['limits'][name])} s here")
        if name == "timeout" and isinstance(seconds, (int, float)) and seconds > here["limits"][name]:
            raise Unusable(f"it took {shown(seconds)} s there, timeout is {shown(here['limits'][name])} s here")


def _put(attempts: Sequence[Path], session: str, directory: Path) -> str:
    """Copy the attempts; returns where they come from, in words. Raises Unusable and OSError.

    They are whole before they are in place, and the first one, by which all are found, comes last.
    """
    targets = [directory, *(directory.with_name(f"{directory.name}.attempt-{n + 2}") for n in range(len(attempts) - 1))]
    staged = [target.with_name(f".{target.name}.reused-{os.getpid()}") for target in targets]
    try:
        for source, stage in zip(attempts, staged, strict=True):
            copy_run(source, stage)
            last = whole_run(stage)
            origin = _origin(source, session)
            write_json(stage / "reused.json", {**origin, "reused_unix": time.time()})
        for stage, target in reversed(list(zip(staged, targets, strict=True))):
            shutil.rmtree(target, ignore_errors=True)
            stage.replace(target)
    finally:
        for stage in staged:
            shutil.rmtree(stage, ignore_errors=True)
    return _words(last, origin["session"])


def _words(run: RunRecord, session: str) -> str:
    seconds = run.result.seconds
    took = [] if seconds is None else [f"{seconds:.1f} s"]
    return f"reused from {session} ({', '.join([*took, run.result.status])})"


def _origin(folder: Path, session: str) -> dict[str, str]:
    """The session that made the run, which may have been taken over before, and its folder then."""
    try:
        before = read_record(folder / "reused.json")
    except (Unusable, OSError):
        before = {}
    name, place = before.get("session"), before.get("directory")
    if isinstance(name, str) and _SESSION_NAME.fullmatch(name) and isinstance(place, str) and place.isprintable():
        return {"session": name, "directory": place}
    return {"session": session, "directory": str(folder)}


def _remove_leftovers(directory: Path) -> None:
    """What a process that was killed here had begun to copy, and attempts that it had put in place without the first;
    of full-1, not of full-10, which another process may be at."""
    name = directory.name
    for pattern in (f".{name}.reused-*", f".{name}.attempt-*.reused-*", f"{name}.attempt-*"):
        for path in directory.parent.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
