"""Weights that a training begins from: those of transformers, and MLPerf's checkpoint of BERT."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def load(model: nn.Module, path: Path) -> None:
    """Takes the weights of a file that torch.save wrote: a state dict, or a dict with one as `model`.

    MLPerf's model.ckpt-28252 in the form of NVIDIA's PyTorch programs has the same layers as transformers, some under
    other names, and a vocabulary that was filled up to a multiple of eight: the rows beyond the model's are left out.
    Ends the program with one line where the file is not there, or does not fit.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # no file, no zip, no tensors: each raises its own
        raise SystemExit(f"--weights {path}: {error}") from None
    stored = stored.get("model", stored)
    own, found = model.state_dict(), {}
    for name, weight in stored.items():
        name = name.removeprefix("module.").replace("dense_act.", "dense.")
        filled_up = name in own and weight.shape[1:] == own[name].shape[1:] and len(weight) > len(own[name])
        found[name] = weight[: len(own[name])] if filled_up else weight
    tied = {
        name for name, weight in own.items() if any(same_memory(weight, own[other]) for other in found.keys() & own)
    }
    missing = sorted(own.keys() - found.keys() - tied)
    strange = sorted(name for name in found if name not in own or found[name].shape != own[name].shape)
    if missing or strange:
        raise SystemExit(f"--weights {path}: it lacks {missing[:3]} and has {strange[:3]}, which do not fit the model")
    model.load_state_dict(found, strict=False)


def same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two names stand for the same weight."""
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape
