"""The paths that options name: of the data sets, of the results, of the training program's interpreter."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

import pytest

from pytest_sixdim.campaign.datasets import GENERATED, VARIABLE
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.plugin import options


def data_root(config: pytest.Config) -> Path | Literal["generated"] | None:
    """Where the data sets lie: the option, else the variable SIXDIM_DATA; None where neither says."""
    given = options.value(config, "data")
    if given is None and (variable := os.environ.get(VARIABLE)):
        return "generated" if variable == GENERATED else (config.invocation_params.dir / variable).resolve()
    return "generated" if given == GENERATED else path_of(config, "data")


def path_of(config: pytest.Config, name: str) -> Path | None:
    """The path that an option names, absolute: relative to the working directory, or from the ini file, to that."""
    given: str | None = options.value(config, name)
    if given is None:
        return None
    base = config.invocation_params.dir if options.on_command_line(config, name) else options.ini_directory(config)
    return (base / given).resolve()


def interpreters(config: pytest.Config) -> tuple[str, dict[str, str]]:
    """The interpreter of all cases, and by module those of cases that require it. The command line goes before the ini
    file, and the last one without a name is the one of all cases.

    Raises SettingsError for a form that means nothing, a file that is not there, and two interpreters of one module. An
    ini file is shared by machines: a module's interpreter that it names may be missing, and then its cases are skipped.
    """
    everywhere, by_module = sys.executable, {}
    written, given = options.repeated(config, "python")
    for texts, base, option in (
        (written, options.ini_directory(config), "ini option sixdim_python ="),
        (given, config.invocation_params.dir, "--sixdim-python"),
    ):
        here: dict[str, str] = {}
        for text in texts:
            module, executable = _named(option, text)
            found = _executable(base, executable)
            missing = found is None or not found.exists()
            if missing and (module is None or texts is given):
                where = found or "no such command on PATH"
                raise SettingsError(f"{option} {text}: there is no interpreter ({where})")
            path = str(found or executable)
            if module is None:
                everywhere = path
            elif here.setdefault(module, path) != path:
                raise SettingsError(f"{option}: two interpreters for {module}: {here[module]} and {path}")
        by_module.update(here)
    return everywhere, by_module


def _named(option: str, text: str) -> tuple[str | None, str]:
    """A module's name, None without one, and an interpreter: of "NAME=EXE" or "EXE"."""
    name, equals, executable = (part.strip() for part in text.partition("="))
    if not equals or os.sep in name:
        return None, text
    if not executable or not all(part.isidentifier() for part in name.split(".")):
        raise SettingsError(
            f"{option} {text}: give EXE, or NAME=EXE, where NAME is a module that cases require, such as mindspore"
        )
    return name, executable


def _executable(base: Path, text: str) -> Path | None:
    """An absolute path, since ranks start in directories of their own; None where PATH has no such command. A virtual
    environment's is a symbolic link and stays one."""
    if os.sep in text:
        return (base / text).absolute()
    on_path = shutil.which(text)
    return Path(on_path).absolute() if on_path else None
