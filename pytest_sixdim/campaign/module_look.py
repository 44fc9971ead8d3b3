"""Which modules an interpreter lacks, without importing any.

Runs as `PYTHON -c TEXT NAME...`, under the training program's interpreter: Python 3.8, standard library,
self-contained. Prints one JSON list: the names that it could not import, of "a.b" also where only "a" is there.
"""

from __future__ import annotations

import json
import sys
from importlib import util
from importlib.machinery import PathFinder


def there(name: str) -> bool:
    """Whether a module can be imported. Its parents are not imported: a framework takes seconds."""
    first, *rest = name.split(".")
    try:
        spec = util.find_spec(first)
        for count in range(len(rest)):
            if spec is None or spec.submodule_search_locations is None:
                return False
            full = ".".join([first, *rest[: count + 1]])
            spec = PathFinder.find_spec(full, list(spec.submodule_search_locations))
    except (ImportError, ValueError):
        return False
    return spec is not None


if __name__ == "__main__":
    # A directory of the place where pytest was started is no module of the interpreter's.
    sys.path[:] = [entry for entry in sys.path if entry]
    print(json.dumps([name for name in sys.argv[1:] if not there(name)]))
