"""What the matrix units are fed: switches of precision, and what they do."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any

#: Significand bits, the leading one included, that the matrix units are fed under each precision.
SIGNIFICAND_BITS = {"fp32": 24, "tf32": 11, "fp16": 11, "amp-fp16": 11, "bf16": 8, "amp-bf16": 8}


def named(name: str) -> Any:
    """A module by its dotted name; not every vendor's part of torch can be imported by it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        first, *rest = name.split(".")
        return functools.reduce(getattr, rest, importlib.import_module(first))


def switch_tf32(torch: Any, on: bool) -> None:
    """Whether matrix products and convolutions of 32-bit floats may be computed in TF32, where the card can."""
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on


def significand_bits(torch: Any, device: Any, precision: str) -> dict[str, int] | None:
    """How many significand bits a matmul and a convolution keep, run as the precision says; None where they cannot.

    1 + 2^-k times 1 comes out unchanged while k fits: to k = 23 in fp32, 10 in TF32 and fp16, 7 in bf16.
    """
    automatic, size = precision.startswith("amp-"), 256  # large enough for the kernels that training gets
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision.replace("amp-", ""), torch.float32)
    values = (1 + 2.0 ** -(torch.arange(size) % 24)).to(device, torch.float32 if automatic else kind)
    one = torch.eye(size, device=device, dtype=values.dtype)
    exact = 1 + 2.0 ** -torch.arange(24)
    autocast = torch.autocast(device.type, kind) if automatic else contextlib.nullcontext()
    try:
        with torch.no_grad(), autocast:
            matmul = (torch.diag(values) @ one).diagonal()
            image = values.view(1, size, 1, 1).expand(1, size, 16, 16)
            convolution = torch.nn.functional.conv2d(image, one.view(size, size, 1, 1))[0, :, 0, 0]
    except RuntimeError:
        return None
    kept = {}
    for operation, result in (("matmul", matmul), ("convolution", convolution)):
        equal = (result[:24].float().cpu() == exact).tolist()
        kept[operation] = [*equal, False].index(False, 1)  # k = 0 is 2, which fits everywhere
    return kept
