"""What runs a rank's program under an adapter, run by itself."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent import adapted
from pytest_sixdim.core.adapters import ADAPTERS
from tests.old_python import python38
from tests.programs.adapter_standins import write_packages

OLD_PYTHON = python38()
#: Not isolated from nor helped by what is installed here.
ALL = ("torch", "torch_npu", "ditorch")


class Rank:
    """One rank below a directory of its own, with stand-ins on its PYTHONPATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "beside" / "program.py"
        self.program.parent.mkdir()
        self.packages = directory / "packages"

    def run(
        self, source: str, *args: str, packages: tuple[str, ...] = ALL, python: str = sys.executable, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        self.program.write_text(source)
        write_packages(self.packages, *packages)
        facts = {**asdict(ADAPTERS["ditorch"]), "framework": "torch_npu", "directory": str(self.directory)}
        path = {"PYTHONPATH": str(self.packages), "RANK": "1", "SIXDIM_ADAPTER": json.dumps(facts)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DITORCH_", "OP_"))}
        return subprocess.run(
            [python, "-S", "-u", adapted.__file__, "ditorch", str(self.program), *args],
            env={**kept, **path, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def plainly(self, *args: str) -> subprocess.CompletedProcess[str]:
        """The same program without an adapter."""
        command = [sys.executable, "-S", "-u", str(self.program), *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def evidence(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "adapter-1.json").read_text()))


@pytest.fixture
def rank(tmp_path: Path) -> Rank:
    return Rank(tmp_path)


def test_syntax_is_that_of_python_3_8() -> None:
    ast.parse(Path(adapted.__file__).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    "python",
    [
        sys.executable,
        pytest.param(OLD_PYTHON, marks=pytest.mark.skipif(OLD_PYTHON is None, reason="no Python 3.8 here")),
    ],
    ids=["this", "python3.8"],
)
def test_the_adapter_is_there_before_the_program_and_its_evidence_too(rank: Rank, python: str) -> None:
    source = "import os, sys\nprint('ditorch' in sys.modules, os.path.exists(sys.argv[1]))\n"
    result = rank.run(source, str(rank.directory / "adapter-1.json"), python=python, DITORCH_SHOW_DEVICE_AS_CUDA="0")
    assert (result.returncode, result.stderr) == (0, "")
    evidence = rank.evidence()
    assert result.stdout == f"ditorch: ascend torch_npu:2.1.0.post3 pid: {evidence['pid']}\nTrue True\n"
    known = {name: evidence[name] for name in ("rank", "active", "started", "switched_off", "tool_modules")}
    assert known == {"rank": 1, "active": True, "started": True, "switched_off": False, "tool_modules": []}
    assert (evidence["architecture"], evidence["framework"]) == ("ascend", "torch_npu")
    assert (evidence["framework_version"], evidence["torch_version"]) == ("2.1.0.post3", "2.1.0")
    assert evidence["module_path"] == str(rank.packages / "ditorch" / "__init__.py")
    assert evidence["variables"] == {"DITORCH_SHOW_DEVICE_AS_CUDA": "0"}


def test_the_program_sees_what_it_would_see_without_an_adapter(rank: Rank) -> None:
    (rank.program.parent / "neighbour.py").write_text("HERE = __file__\n")
    source = (
        "import os, sys, neighbour\n"
        "if __name__ == '__main__':\n"
        "    assert sys.modules['__main__'].__file__ == __file__\n"
        "    print(sys.argv, __file__, sys.path[0], neighbour.HERE, 'SIXDIM_ADAPTER' in os.environ)\n"
    )
    under = rank.run(source, "--lr", "0.1")
    assert under.stdout.splitlines()[1:] == rank.plainly("--lr", "0.1").stdout.splitlines()


@pytest.mark.parametrize(
    "source",
    [
        "def train():\n    raise LookupError('no such image')\ntrain()\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise RuntimeError('later') from error\n",
        "this is no program\n",
        "import sys\nsys.exit(3)\n",
        "import sys\nsys.exit('said at the end')\n",
        "import os\nos._exit(9)\n",
        "import atexit\natexit.register(print, 'at the end')\n",
    ],
    ids=["exception", "cause", "syntax", "code", "text", "at once", "atexit"],
)
def test_it_ends_as_the_program_does_with_the_same_traceback(rank: Rank, source: str) -> None:
    under = rank.run(source)
    plain = rank.plainly()
    assert (under.returncode, under.stderr) == (plain.returncode, plain.stderr)
    assert under.stdout.splitlines()[1:] == plain.stdout.splitlines()


def test_processes_that_the_program_spawns_find_its_functions(rank: Rank) -> None:
    source = (
        "import multiprocessing\n"
        "def double(x):\n    return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
    )
    assert rank.run(source).stdout.splitlines()[1:] == ["[2, 4]"]


def test_without_a_plugin_the_program_is_not_started(rank: Rank) -> None:
    result = rank.run("print('started')", packages=("torch", "ditorch"))
    assert (result.returncode, result.stdout) == (0, "")
    assert "no vendor plugin was importable" in result.stderr
    evidence = rank.evidence()
    assert (evidence["active"], evidence["started"]) == (False, False)
    assert evidence["framework_error"] == "ModuleNotFoundError: No module named 'torch_npu'"


@pytest.mark.parametrize(
    ("packages", "says"),
    [
        (("torch",), "has no module ditorch: clone https://github.com/DeepLink-org/ditorch and put"),
        (("ditorch",), "has no module torch: "),
    ],
)
def test_what_is_not_installed_is_said(rank: Rank, packages: tuple[str, ...], says: str) -> None:
    result = rank.run("print('started')", packages=packages)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("sixdim: cannot run under adapter ditorch: ")
    assert says in result.stderr


def test_an_adapter_that_fails_shows_its_own_traceback(rank: Rank) -> None:
    write_packages(rank.packages, "torch_npu")
    (rank.packages / "torch_npu" / "__init__.py").write_text("raise OSError('libascendcl.so')\n")
    result = rank.run("print('started')", packages=("torch", "ditorch"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith("OSError: libascendcl.so\n")


def test_a_variable_of_the_operator_tools_is_refused_before_anything_is_imported(rank: Rank) -> None:
    result = rank.run("print('started')", OP_CAPTURE_LIST="torch.add", OP_SERVICE_ACCOUNT_TOKEN="secret")
    assert (result.returncode, result.stdout) == (1, "")
    assert "cannot run under adapter ditorch: OP_CAPTURE_LIST is set: " in result.stderr
    evidence = rank.evidence()
    assert evidence["variables"] == {"OP_CAPTURE_LIST": "torch.add"}
    assert (evidence["active"], evidence["refused"].split(":")[0]) == (None, "OP_CAPTURE_LIST is set")


def test_an_import_of_the_operator_tools_is_noted_at_once(rank: Rank) -> None:
    source = "import json, sys\nimport op_tools\nprint(json.load(open(sys.argv[1]))['tool_modules'])\n"
    result = rank.run(source, str(rank.directory / "adapter-1.json"), packages=(*ALL, "op_tools"))
    assert result.stdout.splitlines()[1:] == ["['op_tools']"]


def test_an_adapter_that_is_switched_off_says_so(rank: Rank) -> None:
    assert rank.run("", DITORCH_DISABLE_MOCK="1").stdout == ""
    evidence = rank.evidence()
    assert (evidence["active"], evidence["switched_off"]) == (True, True)
