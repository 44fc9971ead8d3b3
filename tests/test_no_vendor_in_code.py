"""What differs between vendors is data: no code names a vendor (pytest_sixdim/vendors holds the profiles)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_sixdim.schema.vendor import builtin_vendors

PACKAGE = Path(__file__).parent.parent / "pytest_sixdim"
#: Ids that are also ordinary words: they may stand in code where nothing is compared with them or looked up by them.
WORDS = {"cpu"}
#: Where an id stands for something else: file, text, and what it is there.
MEANT_OTHERWISE = {
    ("training/place.py", "cpu"): "torch's name of a device type",
    ("training/batches.py", "cpu"): "torch's name of a device type",
    ("campaign/torch_look.py", "cpu"): "torch's name of a device type",
    ("campaign/conditions.py", "cpu"): "the kernel's name of a control group",
    ("core/adapters.py", "nvidia"): "whose programs an adapter takes is a fact of the adapter",
}


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts]


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """Every text constant that is no docstring, inside f-strings and keys of mappings too."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def decides(node: ast.AST) -> Iterator[ast.AST]:
    """What a comparison, a look-up or a configuration of this node goes by."""
    if isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Subscript):
        yield node.slice
    elif isinstance(node, ast.MatchValue) or (isinstance(node, ast.keyword) and node.arg == "vendor"):
        yield node.value
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Configuration":
        yield from node.args


def vendors_named(tree: ast.AST) -> Iterator[ast.Constant]:
    deciding = {id(each) for node in ast.walk(tree) for part in decides(node) for each in ast.walk(part)}
    for node in texts(tree):
        name = str(node.value).strip().lower()
        if name in builtin_vendors() and (name not in WORDS or id(node) in deciding):
            yield node


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_names_a_vendor(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    named = [node for node in vendors_named(ast.parse(path.read_text())) if (name, node.value) not in MEANT_OTHERWISE]
    assert [f"{name}:{node.lineno}: {node.value!r}" for node in named] == []


@pytest.mark.parametrize(("name", "text"), MEANT_OTHERWISE)
def test_every_exception_is_needed(name: str, text: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text())
    assert text in {node.value for node in vendors_named(tree)}


@pytest.mark.parametrize(
    "code",
    [
        "if profile.id == 'nvidia': pass",
        "if vendor in ('amd', 'x'): pass",
        "{'Ascend': 1}",
        "def f(vendor='metax'): pass",
        "match v:\n    case 'cpu': pass",
        "profiles['cpu']",
        "vendor in {'cpu', 'x'}",
        "Configuration('cpu', 'fp32')",
        "f(vendor='cpu')",
    ],
)
def test_a_vendor_in_code_is_noticed(code: str) -> None:
    assert list(vendors_named(ast.parse(code)))


def test_a_vendor_in_a_docstring_is_no_code() -> None:
    assert not list(vendors_named(ast.parse('"""nvidia"""\ndef f():\n    """amd"""\n')))
