from __future__ import annotations

import pytest

from pytest_sixdim.core.preallocation import preallocates


@pytest.mark.parametrize(
    ("requires", "variables", "expected"),
    [
        ((), {}, False),
        (("torch", "mindspore", "paddle"), {}, False),
        (("jax",), {}, True),
        (("jax.numpy",), {}, True),
        (("jaxtyping",), {}, False),
        (("jax",), {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}, False),
        (("jax",), {"XLA_PYTHON_CLIENT_PREALLOCATE": "true"}, True),
        (("jax",), {"XLA_PYTHON_CLIENT_ALLOCATOR": "platform"}, False),
        (("jax",), {"XLA_PYTHON_CLIENT_ALLOCATOR": "cuda_async"}, True),
        (("jax",), {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}, True),
        (("tensorflow",), {}, True),
        (("tensorflow",), {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}, False),
        (("tensorflow",), {"TF_FORCE_GPU_ALLOW_GROWTH": "1"}, True),
        (("jax", "tensorflow"), {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}, True),
    ],
)
def test_which_programs_take_memory_in_advance(
    requires: tuple[str, ...], variables: dict[str, str], expected: bool
) -> None:
    assert preallocates(requires, variables) is expected
