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
    path = _unresolved(config, name)
    return None if path is None else path.resolve()


def _unresolved(config: pytest.Config, name: str) -> Path | None:
    """As path_of, with symbolic links as they are."""
    given: str | None = options.value(config, name)
    if given is None:
        return None
    base = config.invocation_params.dir if options.on_command_line(config, name) else options.ini_directory(config)
    return (base / given).absolute()


def interpreter(config: pytest.Config) -> str:
    """The interpreter as an absolute path, since ranks start in directories of their own; a virtual environment's is a
    symbolic link and stays one."""
    given = options.value(config, "python")
    if given is None:
        return sys.executable
    if os.sep in given:
        found = _unresolved(config, "python")
    else:
        found = Path(on_path).absolute() if (on_path := shutil.which(given)) else None
    if found is None or not found.exists():
        raise SettingsError(f"--sixdim-python {given}: there is no interpreter ({found or 'no such command on PATH'})")
    return str(found)
