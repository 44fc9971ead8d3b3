"""Programs of cases in tests: one thread each, as several workers share few cores."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("torch") is not None:
    import torch

    torch.set_num_threads(1)
