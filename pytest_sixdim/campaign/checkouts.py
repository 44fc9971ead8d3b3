"""Somebody else's repository that a case runs a program of, as it is: where it lies, and which state it is in."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
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
#: Nothing that the repository's own settings may name is started.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "safe.directory=*")


@dataclass(frozen=True)
class Checkout:
    """The state of a repository.

    Attributes:
        commit: the one that is checked out; None where git knows none.
        changed: files that differ from it, and code that it has not, relative to the repository.
        state: a short hash of the commit and all that was changed; of the program's files where git knows nothing.
    """

    commit: str | None
    changed: tuple[str, ...]
    state: str

    def to_json(self) -> dict[str, Any]:
        """As order.json has it: whose program ran, and whether it was changed."""
        return {"commit": self.commit, "changed": list(self.changed[:NAMED]), "changes": len(self.changed)}


def lacking_checkout(case: Case) -> str | None:
    """What is wrong with the checkout that a case runs a program of; None where all is there and where it has none."""
    train = case.train
    if train.checkout is None:
        return None
    needs = f"case {case.name} runs a program of the checkout {train.checkout} ({case.path.name}, train.checkout)"
    if "$" in str(train.checkout):
        return f"{needs}: the variable is not set"
    try:
        if not train.checkout.is_dir():
            return f"{needs}, which is {'no directory' if train.checkout.exists() else 'not there'}"
        if train.program is not None and not train.program.is_file():
            return f"{needs}, which has no file {train.program.relative_to(train.checkout)}"
        if train.directory is not None and not (train.checkout / train.directory).is_dir():
            return f"{needs}, which has no directory {train.directory}"
    except OSError as error:  # a directory that this user may not enter
        return f"{needs}, which can't be read: {error.strerror}"
    return None


def look_at(directory: Path, program: Path | None) -> Checkout:
    """The state of the checkout in `directory`, whose `program` (absolute; None for a command) is run."""
    commit = _git(directory, "rev-parse", "HEAD")
    differs = None if commit is None else _git(directory, "status", "--porcelain", "-z", "--untracked-files=all")
    patch = None if commit is None else _git(directory, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--binary")
    if commit is None or differs is None or patch is None:
        return Checkout(None, (), _hash_of(directory, _beside(directory, program)))
    new = sorted(
        entry[3:] for entry in differs.split("\0") if entry.startswith("?? ") and Path(entry[3:]).suffix in CODE
    )
    tracked = [name for name in (_git(directory, "diff", "HEAD", "--name-only", "-z") or "").split("\0") if name]
    hashes = _hash_of(directory, [directory / name for name in new])
    state = shortened("\n".join([commit.strip(), hashlib.sha256(patch.encode()).hexdigest(), hashes]).encode())
    return Checkout(commit.strip(), (*tracked, *new), state)


def changes(record: Any) -> list[str]:
    """That the checkout that a run's order.json tells of was changed, which its authors never saw; as a flag."""
    if not isinstance(record, dict) or not record.get("changes"):
        return []
    names = ", ".join(map(str, record.get("changed") or ()))
    commit = str(record.get("commit"))[:9]
    return [f"the checkout differs from its commit {commit} in {count_of(record['changes'], 'file')} ({names})"]


def _beside(directory: Path, program: Path | None) -> list[Path]:
    folder = directory if program is None else program.parent
    return sorted(path for path in folder.rglob("*") if path.suffix in CODE and path.is_file())


def _hash_of(directory: Path, files: Sequence[Path]) -> str:
    return shortened("\n".join(f"{file.relative_to(directory)} {short_hash(file)}" for file in files).encode())


def _git(directory: Path, *arguments: str) -> str | None:
    """What git says in a directory; None where there is no git, no repository, or no answer in time."""
    try:
        answer = subprocess.run(
            [*GIT, *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout
