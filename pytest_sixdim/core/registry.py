"""Names that stand for classes: {"name": "package.module:Class"}, imported only when somebody asks for one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pytest_sixdim.core.closest import unknown_name


class RegistryError(LookupError):
    """A name that nobody registered, or a class that cannot be imported; the message says which and why."""


def class_path(kind: str, name: str, known: Mapping[str, str]) -> str:
    """Where the class called `name` is. Raises RegistryError that lists the known names and the closest match."""
    if name not in known:
        raise RegistryError(unknown_name(kind, name, known))
    return known[name]


def load_class(path: str) -> Any:
    """The class at "package.module:Class". Raises RegistryError where it cannot be imported."""
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise RegistryError(f"{path!r}: must be 'package.module:Class'")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RegistryError(f"{path}: {error}") from error
