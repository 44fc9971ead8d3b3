"""Which versions of packages an interpreter has, without importing them.

Runs as `PYTHON -c TEXT NAME...`, under the training program's interpreter: Python 3.8, standard library,
self-contained. NAME is a package, or a module ("habana_frameworks.torch"), which is looked up by its first part. Prints
one JSON object.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Collection
from importlib import metadata, util
from pathlib import Path

#: What torch/version.py says of the build besides its version: the runtime that it was made for.
RUNTIMES = ("cuda", "hip", "xpu")


def version(package: str) -> str | None:
    """Of the distribution with that name, else of the one that holds the module; "unknown" where none says so."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        pass
    if place(package) is None:
        return None
    holders = (found for found in metadata.distributions() if package in modules(found))
    return next((str(found.version) for found in holders), "unknown")


def modules(distribution: metadata.Distribution) -> Collection[str]:
    """The top-level modules of a distribution."""
    listed = distribution.read_text("top_level.txt")
    if listed is not None:
        return listed.split()
    return {file.parts[0] for file in distribution.files or ()}


def place(package: str) -> Path | None:
    """The directory of an importable package; None where there is none."""
    try:
        spec = util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    return Path(places[0]) if places else Path(spec.origin or ".").parent


def build() -> dict[str, str]:
    """What torch/version.py says: a vendor's build may name itself there alone ("2.1.0+corex.4.1")."""
    directory = place("torch")
    try:
        text = (directory / "version.py").read_text(encoding="utf-8") if directory else ""
    except (OSError, ValueError):
        return {}
    said = dict(re.findall(r"^(\w+)\s*(?::[^=\n]*)?=\s*['\"]([^'\"\n]*)['\"]", text, re.MULTILINE))
    found = {"torch": said["__version__"]} if said.get("__version__") else {}
    found.update({name: said[name] for name in RUNTIMES if said.get(name)})
    return found


if __name__ == "__main__":
    # A directory of the place where pytest was started is no package of the interpreter's.
    sys.path[:] = [entry for entry in sys.path if entry]
    every = {name: version(name) for name in dict.fromkeys(name.partition(".")[0] for name in sys.argv[1:])}
    known = {name: text for name, text in every.items() if text}
    print(json.dumps({**known, **(build() if "torch" in known else {}), "python": platform.python_version()}))
