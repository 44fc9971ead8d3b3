"""Each layer imports only what stands before it (ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pytest_sixdim"
#: What each part may import of the package, besides itself.
SAMPLE = {"core"}
READ = SAMPLE | {"schema", "dialects", "samplers"}
MAY_IMPORT = {
    "core": set(),
    "schema": SAMPLE,
    "dialects": SAMPLE,
    "samplers": SAMPLE,
    "agent": SAMPLE | {"dialects", "samplers"},
    "launchers": SAMPLE | {"dialects", "samplers", "agent"},
    "campaign": READ | {"agent", "launchers"},
    "report": READ | {"agent", "launchers", "campaign"},
    "plugin": READ | {"agent", "launchers", "campaign", "report"},
    "cli": READ | {"agent", "launchers", "campaign", "report", "plugin"},
    "training": set(),
}
#: Parts that import nothing but the standard library besides.
STANDARD_LIBRARY_ONLY = {"core", "dialects", "samplers", "agent", "training"}
#: A training program has torch; it is imported only when it is used.
ALSO = {"training": {"torch", "numpy"}}
FORBIDDEN = {"torch"}


def part(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            if node.module == "pytest_sixdim":
                found |= {f"pytest_sixdim.{alias.name}" for alias in node.names}
    return found


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layer_imports_only_what_stands_before_it(path: Path) -> None:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if name == "__init__":
        assert not imports(path) - {"__future__"}
        return
    assert name in MAY_IMPORT, f"{path}: new part of the package, give it its place in MAY_IMPORT"
    for module in imports(path):
        if module.startswith("pytest_sixdim."):
            if part(module) != "__version__":
                assert part(module) in MAY_IMPORT[name] | {name}, f"{path} imports {module}"
        elif name in STANDARD_LIBRARY_ONLY and module != "pytest_sixdim":
            top = module.split(".")[0]
            assert top in sys.stdlib_module_names | ALSO.get(name, set()), f"{path} imports {module}"
        elif name != "training":
            assert module.split(".")[0] not in FORBIDDEN, f"{path} imports {module}"


def test_every_part_exists() -> None:
    there = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name[0] not in "_."}
    assert there - {"vendors", "templates", "py.typed"} <= set(MAY_IMPORT)
    assert set(MAY_IMPORT) <= there
