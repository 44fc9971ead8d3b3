"""Somebody else's repository that a case runs a program of, as it is: where it lies, and which state it is in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.hashes import CODE, short_hash, shortened
from pytest_sixdim.core.case import Case
from pytest_sixdim.core.quantities import count_of

#: Seconds that git may take to compare a working tree with its commit.
PATIENCE = 60.0
#: Files that are named where a checkout was changed.
NAMED = 3
#: git writes nothing, and starts no hook and no watcher of the repository. Another user's will do: its program is run.
GIT = (
    *("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.directory=*"),
)
#: What git keeps and finds changed: two letters, a space and a path from the top of the repository each.
CHANGED = ("status", "-z", "--porcelain", "--no-renames", "--untracked-files=no", "--ignore-submodules=none", "--", ".")
#: Code that git neither keeps nor ignores, by its path from the directory.
NEW = ("ls-files", "-z", "--others", "--exclude-standard", "--", *(f"*{suffix}" for suffix in sorted(CODE)))


@dataclass(frozen=True)
class Checkout:
    """The state of a directory of somebody else's programs.

    Attributes:
        commit: the one that is checked out; None where git knows none, or does not keep the directory.
        changed: files that differ from it, and code that it has not, relative to the directory; None where git does
            not say.
        state: a short hash of what the commit has there and of all that was changed; of the code beside the program
            where git says nothing.
    """

    commit: str | None
    changed: tuple[str, ...] | None
    state: str

    def to_json(self) -> dict[str, Any]:
        """As order.json has it: whose program ran, and whether it was changed."""
        changed = () if self.changed is None else self.changed
        named = [os.fsencode(name).decode(errors="replace") for name in changed[:NAMED]]
        return {"commit": self.commit, "changed": named, "changes": None if self.changed is None else len(changed)}


def lacking_checkout(case: Case) -> str | None:
    """What is wrong with the checkout that a case runs a program of; None where all is there and where it has none."""
    train = case.train
    if train.checkout is None:
        return None
    needs = f"case {case.name} runs a program of the checkout {train.checkout} ({case.path.name}, train.checkout)"
    try:
        if not train.checkout.is_dir():
            if "$" in str(train.checkout):
                return f"{needs}: the variable is not set, or empty"
            return f"{needs}, which is {'no directory' if train.checkout.exists() else 'not there'}"
        if train.program is not None and not train.program.is_file():
            return f"{needs}, which has no file {train.program.relative_to(train.checkout)}"
        if case.directory is not None and not case.directory.is_dir():
            return f"{needs}, which has no directory {train.directory}"
    except OSError as error:  # a directory that this user may not enter
        return f"{needs}, which can't be read: {error.strerror}"
    return None


def look_at(directory: Path, program: Path | None) -> Checkout:
    """The state of the checkout in `directory`, whose `program` (absolute; None for a command) is run."""
    # Fails for a directory that the repository does not keep.
    known = _git(directory, "rev-parse", "--show-prefix", "HEAD", "HEAD:./")
    if known is None:
        return Checkout(None, (), _state((), directory, _beside(directory, program)))
    prefix, commit, tree = known[:-1].rsplit("\n", 2)
    changed, new = _git(directory, *CHANGED), _git(directory, *NEW)
    if changed is None or new is None:
        return Checkout(commit, None, _state((commit,), directory, _beside(directory, program)))
    names = sorted({entry[3:].removeprefix(prefix) for entry in _entries(changed)} | set(_entries(new)))
    return Checkout(commit, tuple(names), _state((tree,), directory, (directory / name for name in names)))


def changes(record: Any) -> list[str]:
    """That the checkout that a run's order.json tells of was changed, which its authors never saw; as a flag."""
    if not isinstance(record, dict) or record.get("commit") is None or record.get("changes") == 0:
        return []
    commit = str(record["commit"])[:9]
    if not isinstance(record.get("changes"), int):
        return [f"whether the checkout differs from its commit {commit} is not known: git did not say"]
    names = ", ".join(map(str, record.get("changed") or ()))
    return [f"the checkout differs from its commit {commit} in {count_of(record['changes'], 'file')} ({names})"]


def _entries(said: str) -> list[str]:
    return [entry for entry in said.split("\0") if entry]


def _beside(directory: Path, program: Path | None) -> list[Path]:
    folder = directory if program is None else program.parent
    return sorted(path for path in folder.rglob("*") if path.suffix in CODE and path.is_file())


def _state(known: Iterable[str], directory: Path, files: Iterable[Path]) -> str:
    """A short hash of what is known and of the files' content."""
    told = [*known, *(f"{file.relative_to(directory)} {_content(file)}" for file in files)]
    return shortened(os.fsencode("\n".join(told)))


def _content(path: Path) -> str:
    """What tells the content of a file, link or submodule from another's."""
    try:
        if path.is_symlink():
            return f"link to {path.readlink()}"
        if path.is_dir():
            return look_at(path, None).state
        return short_hash(path) if path.is_file() else "no file"
    except OSError:
        return "unreadable"


def _git(directory: Path, *arguments: str) -> str | None:
    """What git says in a directory; None where there is no git, no repository, or no answer in time."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # as a hook has them
    try:
        answer = subprocess.run(
            [*GIT, *arguments], cwd=directory, env=outer, capture_output=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(answer.stdout)
