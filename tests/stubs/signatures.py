"""What a Python package offers, read from its source without importing it.

python -m tests.stubs.signatures amdsmi/amdsmi_interface.py > tests/stubs/amdsmi_signatures.json
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any


def offered(source: Path) -> dict[str, Any]:
    """The public functions with the names of their parameters, and the members of the enumerations."""
    functions, enumerations = {}, {}
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            functions[node.name] = [argument.arg for argument in node.args.args]
        elif isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            assigned = [item for item in node.body if isinstance(item, ast.Assign)]
            enumerations[node.name] = [ast.unparse(item.targets[0]) for item in assigned]
    return {"functions": functions, "enumerations": enumerations}


if __name__ == "__main__":
    print(json.dumps(offered(Path(sys.argv[1])), indent=1, sort_keys=True))
