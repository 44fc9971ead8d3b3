"""`sixdim new`: a case that runs as it is."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pytest_sixdim.cli.command import CommandError

if TYPE_CHECKING:
    from pytest_sixdim.cli.command import Commands

TEMPLATES = Path(__file__).parent.with_name("templates")
CASE_NAME = re.compile(r"[a-z0-9_]+")


def add(commands: Commands) -> None:
    """Make the command known."""
    new = commands.add_parser(
        "new",
        help="make a case that runs as it is: a case file, a training program and a README",
        description="Make a case that runs as it is, to be filled with your own model. Nothing is overwritten.",
    )
    new.add_argument("name", metavar="NAME", help="of the case: the characters a-z, 0-9 and _")
    new.add_argument("--directory", type=Path, metavar="DIR", help="where to put it (default: cases/NAME)")
    new.set_defaults(run=_new)


def _new(options: argparse.Namespace) -> int:
    directory = options.directory or Path("cases") / options.name
    for path in new_case(options.name, directory):
        print(path)
    print(f"\nRun it: pytest --sixdim --sixdim-vendor cpu {shlex.quote(str(directory))}")
    return 0


def new_case(name: str, directory: Path) -> list[Path]:
    """Write `<name>.case.yaml`, train.py and README.md into `directory`; returns their paths.

    Raises CommandError for a bad name, a file that is there already (nothing is written then), and a directory that
    can't be written to.
    """
    if not CASE_NAME.fullmatch(name):
        raise CommandError(f"name {name!r}: may only have the characters a-z, 0-9 and _")
    values = {"name": name, "directory": shlex.quote(str(directory))}
    texts = {
        directory / f"{name}.case.yaml": _filled("case.yaml", values),
        directory / "train.py": (TEMPLATES / "train.py").read_text(encoding="utf-8"),
        directory / "README.md": _filled("README.md", values),
    }
    try:
        there = [str(path) for path in texts if path.exists() or path.is_symlink()]
        if there:
            raise CommandError(f"{', '.join(there)}: already there; nothing was written")
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise CommandError(f"{error.filename or directory}: {error.strerror or error}") from None
    return list(texts)


def _filled(template: str, values: dict[str, str]) -> str:
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
