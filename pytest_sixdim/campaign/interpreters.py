"""Which interpreter runs a case's program, and what that one has. Each is asked once, and only for a case at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.inquiry import Inquiry
from pytest_sixdim.campaign.machine import FRAMEWORKS, software
from pytest_sixdim.campaign.settings import Settings, SettingsError
from pytest_sixdim.core.case import Case

#: The program that looks for modules.
LOOK = Path(__file__).with_name("module_look.py")
#: Seconds to start an interpreter from a cold disk and to look for modules.
TIMEOUT = 30.0


class Interpreters:
    """The interpreters of a session: the one that all cases have, and those of cases that require a module."""

    def __init__(self, settings: Settings, imports: Sequence[str], versions: Mapping[str, Any]) -> None:
        """`imports`: what the vendor's profile imports after torch; `versions`: of what the default interpreter has,
        empty where nothing is launched and no versions are asked for."""
        self._settings = settings
        self._imports = tuple(imports)
        self._default = versions
        self._versions: dict[tuple[str, tuple[str, ...]], Mapping[str, Any]] = {}
        self._lacking: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def python(self, case: Case) -> str:
        """The interpreter of a case's program: of the first required module that has one of its own."""
        return self._settings.interpreters.get(self._named_by(case) or "", self._settings.python)

    def software(self, case: Case) -> Mapping[str, Any]:
        """Versions of what a case's interpreter has, as machine.software says them.

        Raises SettingsError where it does not run.
        """
        python, modules = self.python(case), _not_asked_anyway(case)
        if not self._default or (python == self._settings.python and not modules):
            return self._default
        key = (python, modules)
        if key not in self._versions:
            self._versions[key] = software(python, (*self._imports, *modules))
        return self._versions[key]

    def lacking(self, case: Case) -> str | None:
        """Why a case can't run under its interpreter, with what may be done about it; None where it can."""
        required = case.train.requires
        if not required:
            return None
        python = self.python(case)
        key = (python, required)
        if key not in self._lacking:
            self._lacking[key] = _lacking(python, required, self._named_by(case)) or self._silent(case)
        return self._lacking[key]

    def _silent(self, case: Case) -> str | None:
        """Why a case's interpreter does not say what versions it has; None where it does."""
        try:
            self.software(case)
        except SettingsError as error:
            return f"needs {' and '.join(case.train.requires)}; {error}"
        return None

    def _named_by(self, case: Case) -> str | None:
        return next((name for name in case.train.requires if name in self._settings.interpreters), None)


def _not_asked_anyway(case: Case) -> tuple[str, ...]:
    return tuple(name for name in case.train.requires if name not in FRAMEWORKS)


def _lacking(python: str, required: Sequence[str], named_by: str | None) -> str | None:
    """`named_by`: the module whose interpreter this is, None for the default one."""
    needs = f"needs {' and '.join(required)}"
    option = f"(--sixdim-python {named_by or required[0]}=EXE)"
    if not Path(python).exists():
        return f"{needs}; its interpreter {python} is not there {option}"
    missing, failure = _asked(python, required)
    if missing is None:
        return f"{needs}, and {python} does not say whether it has that: {failure} {option}"
    if not missing:
        return None
    option = f"(--sixdim-python {named_by or missing[0]}=EXE)"
    return f"needs {' and '.join(missing)}, which {python} does not have {option}"


def _asked(python: str, modules: Sequence[str]) -> tuple[list[str] | None, str]:
    """The modules that an interpreter lacks; None where it does not say, and why."""
    try:
        with Inquiry([python, "-c", LOOK.read_text(encoding="utf-8"), *modules], os.environ) as inquiry:
            reply = inquiry.reply(TIMEOUT)
    except OSError as error:
        return None, error.strerror or str(error)
    with suppress(ValueError):
        answer = json.loads(reply.output)
        if reply.failure is None and isinstance(answer, list):
            return [str(name) for name in answer], ""
    return None, reply.failure or "it did not answer as a Python interpreter"
