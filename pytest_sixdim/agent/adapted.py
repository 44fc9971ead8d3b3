"""Runs a rank's program under an adapter, and writes down what the adapter said of itself.

    PYTHON -u adapted.py NAME PROGRAM ARGS...

SIXDIM_ADAPTER, which the program does not see, holds what the agent knows of the adapter as JSON (docs/formats.md,
order.json) and the `directory` for adapter-<rank>.json. The program runs as it would without: as __main__, with its own
argv and sys.path, its exit code and its traceback.

This file stands alone (Python 3.8, standard library): it runs under the training program's interpreter.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import sys
from types import TracebackType
from typing import Any

VARIABLE = "SIXDIM_ADAPTER"


def main(argv: list[str]) -> int:
    """Imports torch, then the adapter, then becomes the program; returns the exit code where that does not end it."""
    name, program, arguments = argv[0], argv[1], argv[2:]
    facts = json.loads(os.environ.pop(VARIABLE))
    sys.argv = [program, *arguments]
    if sys.path and os.path.realpath(sys.path[0] or ".") == os.path.dirname(os.path.realpath(__file__)):
        sys.path[0] = os.path.dirname(os.path.realpath(program))
    record: dict[str, Any] = {
        "name": name,
        "rank": int(os.environ["RANK"]),
        "pid": os.getpid(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "variables": variables(facts["recorded"], facts["tools"]),
        "started": False,
        "active": None,
        "tool_modules": [],
    }
    path = os.path.join(facts["directory"], "adapter-%d.json" % record["rank"])
    tools = sorted(variable for variable in record["variables"] if re.fullmatch(facts["tools"], variable))
    if tools:
        return refuse(path, record, "%s is set: its tools hook into every operator; unset it" % ", ".join(tools))
    for module in ("torch", facts["module"]):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            hint = facts["install"] if module == facts["module"] else "torch must be there first"
            return refuse(path, record, "%s has no module %s: %s" % (sys.executable, module, hint))
    describe(record, facts)
    if not record["active"]:
        record["framework_error"] = import_error(facts.get("framework"))
        write(path, record)
        sys.stderr.write("sixdim: adapter %s: no vendor plugin was importable; the program is not started\n" % name)
        return 0  # so that no launcher ends the other ranks, which have evidence to leave too
    record["started"] = True
    write(path, record)
    sys.meta_path.insert(0, ToolWatch(facts["tool_modules"], path, record))
    return run(program)


def variables(recorded: str, tools: str) -> dict[str, str]:
    """The environment's variables that concern the adapter, and no others."""
    pattern = re.compile("%s|%s" % (recorded, tools))
    return {name: value for name, value in sorted(os.environ.items()) if pattern.fullmatch(name)}


def describe(record: dict[str, Any], facts: dict[str, Any]) -> None:
    """Adds what the imported adapter says of itself."""
    module = sys.modules[facts["module"]]
    driver = getattr(module, facts["drives"], None)
    framework = getattr(driver, "framework", None)
    record["active"] = driver is not None
    record["architecture"] = text(getattr(driver, "arch", None))
    record["framework"] = text(getattr(framework, "__name__", None))
    record["framework_version"] = text(getattr(framework, "__version__", None))
    record["framework_path"] = text(getattr(framework, "__file__", None))
    record["module_version"] = text(getattr(module, "__version__", None))
    record["module_path"] = text(getattr(module, "__file__", None))
    record["torch_version"] = text(getattr(sys.modules["torch"], "__version__", None))
    record["switched_off"] = above_zero(os.environ.get(facts["switch"]))


def text(value: Any) -> str | None:
    """A text, None for None."""
    return None if value is None else str(value)


def above_zero(value: str | None) -> bool:
    """Whether a variable is a whole number above 0."""
    try:
        return value is not None and int(value) > 0
    except ValueError:
        return False


def import_error(framework: str | None) -> str | None:
    """Why the plugin that this vendor's cards need cannot be imported: the adapter itself keeps that to itself."""
    if framework is None:
        return None
    try:
        importlib.import_module(framework)
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)
    return None


class ToolWatch:
    """Notes when a module that hooks into every operator is imported; finds nothing itself (importlib's finder)."""

    def __init__(self, modules: list[str], path: str, record: dict[str, Any]) -> None:
        self._modules = modules
        self._path = path
        self._record = record

    def find_spec(self, name: str, *_: Any) -> None:
        """Always None: another finder has the module."""
        if name in self._modules and name not in self._record["tool_modules"] and os.getpid() == self._record["pid"]:
            self._record["tool_modules"].append(name)
            write(self._path, self._record)


def run(program: str) -> int:
    """Runs the program as __main__. An exception's traceback is that of the program alone; SystemExit passes."""
    try:
        runpy.run_path(program, run_name="__main__")
    except Exception as error:
        trace = from_program(error.__traceback__, program)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def from_program(trace: TracebackType | None, program: str) -> TracebackType | None:
    """The traceback from the program's first frame on; None where it has none (a syntax error)."""
    while trace is not None and trace.tb_frame.f_code.co_filename != program:
        trace = trace.tb_next
    return trace


def refuse(path: str, record: dict[str, Any], why: str) -> int:
    """Says why the program is not started, in the evidence and on standard error; returns the exit code."""
    record["refused"] = why
    write(path, record)
    sys.stderr.write("sixdim: cannot run under adapter %s: %s\n" % (record["name"], why))
    return 1


def write(path: str, record: dict[str, Any]) -> None:
    """Writes the record in one go; where the disk is full, the rank goes on without one."""
    try:
        with open(path + ".tmp", "w") as file:
            json.dump(record, file)
        os.replace(path + ".tmp", path)
    except OSError as error:
        sys.stderr.write("sixdim: %s: %s\n" % (path, error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
