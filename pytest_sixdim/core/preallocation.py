"""Frameworks that take a card's memory in advance, needed or not (docs/method.md, section 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Module -> the variables that keep it from doing so, and the values that do. JAX takes three quarters of a card's
#: memory with its first operation (JAX, "GPU memory allocation"), TensorFlow nearly all (TensorFlow, "Use a GPU").
#: What a program sets in its own code is not known here.
SWITCHES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "jax": {
        "XLA_PYTHON_CLIENT_PREALLOCATE": ("false", "False", "0"),
        "XLA_PYTHON_CLIENT_ALLOCATOR": ("platform",),
    },
    "tensorflow": {"TF_FORCE_GPU_ALLOW_GROWTH": ("true",)},
}
VARIABLES = tuple(name for switches in SWITCHES.values() for name in switches)


def preallocates(requires: Collection[str], variables: Mapping[str, str]) -> bool:
    """Whether a program that needs these modules, run with these variables, takes memory in advance."""
    needed = {module.partition(".")[0] for module in requires}
    return any(
        module in needed and not any(variables.get(name) in values for name, values in switches.items())
        for module, switches in SWITCHES.items()
    )
