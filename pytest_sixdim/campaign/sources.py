"""The files that a case's program is made of, by their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_sixdim.campaign.checkouts import Checkout
from pytest_sixdim.campaign.hashes import CODE, short_hash
from pytest_sixdim.core.case import SUFFIX, Case

#: What a program imports or compiles, and what it reads as its settings.
SUFFIXES = CODE | {".json", ".yaml", ".yml", ".toml", ".ini", ".cfg"}
#: What stands beside a program and is read by others: cases and baselines are judged by, the rest is pytest's.
NOT_ITS_OWN = (SUFFIX, ".baselines.yaml")
OF_TESTS = ("conftest.py", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def sources(case: Case, checkout: Checkout | None) -> dict[str, str]:
    """Short hashes of the files that a case's program may use, by their paths from the case's folder.

    The program and what stands beside it and the case: modules, packages, settings; and every file that the command
    or the arguments name. Folders that no import can name (.venv, results of sessions) are left out. Of a checkout
    its state counts as a whole, and the files that the case itself names.
    """
    base = case.path.parent
    if checkout is not None:
        return {"checkout": checkout.state} | {_name(file, base): short_hash(file) for file in sorted(_named(case))}
    folders = {base, base if case.train.program is None else case.train.program.parent}
    files = {file for folder in folders if folder.is_dir() for file in _beside(folder)}
    files.update(_named(case))
    return {_name(file, base): short_hash(file) for file in sorted(files)}


def program_sha256(files: Mapping[str, str]) -> str:
    """One hash of the program and all that it may use of what stands beside it, whatever it runs under."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _beside(folder: Path) -> Iterator[Path]:
    """The files of a folder, and of the packages in it (a namespace package has modules and no __init__.py)."""
    yield from _of_program(folder.iterdir())
    for package in folder.iterdir():
        if package.name.isidentifier() and package.is_dir() and any(package.glob("*.py")):
            yield from _of_program(file for file in package.rglob("*") if "__pycache__" not in file.parts)


def _of_program(files: Iterable[Path]) -> Iterator[Path]:
    for file in files:
        others = file.name.endswith(NOT_ITS_OWN) or file.name in OF_TESTS or file.name.startswith(("test_", "."))
        if file.suffix in SUFFIXES and not others and file.is_file():
            yield file


def _name(file: Path, base: Path) -> str:
    """Of no place: a file that is not below the case's folder by its last part."""
    return file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name


def _named(case: Case) -> list[Path]:
    """The files that the command and the arguments of a case name: absolute, beside the case or where it is started."""
    base = case.path.parent
    checkout, started = case.train.checkout or base, case.directory or base
    found: list[Path] = []
    for text in (*(case.train.command or ()), *case.train.args):
        name = text.replace("{case_dir}", str(base)).replace("{checkout}", str(checkout))
        try:
            found += {path for path in (base / name, started / name) if path.is_file()}
        except (OSError, ValueError):  # a text that no file can have as its name
            continue
    return found
