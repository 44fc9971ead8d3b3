"""The models of this task, by the name that `--model` gives.

A new one is a line in MODELS. It takes the arguments and has `forward(batch)`, which gives the loss, and
`scored(batch)`, which gives two numbers: what the batch adds to the metric, and to how many that is related.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from dialogues import dialogues
from generated_text import GeneratedDialogues, GeneratedPairs, GeneratedText
from lamb import Lamb
from masked_words import MaskedWords
from pretraining_shards import pretraining_shards
from replies import Replies
from torch import nn

from pytest_sixdim.training import Run, loop


@dataclass(frozen=True)
class Model:
    """What `--model` stands for.

    Attributes:
        build: the model of these arguments.
        generated: the text that is made for it; `extra` names the arguments that it takes besides.
        stored: the data set at a path, of these arguments.
        optimizer, options: that train it.
        defaults: of the arguments: the published size and recipe.
        checkpoint: in the data set, that training on it begins from.
    """

    build: Callable[[argparse.Namespace], nn.Module]
    generated: type[GeneratedText]
    extra: str
    stored: Callable[[Path, Run, argparse.Namespace], loop.Source]
    optimizer: type[torch.optim.Optimizer]
    options: dict[str, Any]
    defaults: dict[str, Any]
    checkpoint: str | None = None


#: Of both: BERT-large and CPM's medium size.
LARGE = {"layers": 24, "width": 1024, "heads": 16, "dropout": 0.1}

MODELS = {
    "bert_large": Model(
        build=MaskedWords,
        generated=GeneratedPairs,
        extra="predictions",
        stored=pretraining_shards,
        checkpoint="model.ckpt-28252.apex.pt",
        optimizer=Lamb,
        options={"betas": (0.9, 0.999), "eps": 1e-6},
        defaults={
            **LARGE,
            "vocabulary": 30_522,
            "length": 512,
            "positions": 512,
            "batch_size": 32,
            "lr": 3.6e-4,
            "weight_decay": 0.01,
            "epochs": 32,
            "warmup_epochs": 0.2,
            "epoch_samples": 150_000,
            "evaluation_samples": 10_000,
            "workers": 4,
        },
    ),
    "cpm": Model(
        build=Replies,
        generated=GeneratedDialogues,
        extra="turn",
        stored=dialogues,
        optimizer=torch.optim.AdamW,
        options={"betas": (0.9, 0.99), "eps": 1e-8},
        defaults={
            **LARGE,
            "vocabulary": 30_000,
            "length": 200,
            "positions": 1024,
            "batch_size": 128,
            "lr": 5e-4,
            "weight_decay": 0.05,
            "epochs": 220,
            "warmup_epochs": 2.2,
            "epoch_samples": 20_000,
            "evaluation_samples": 2_000,
            "workers": 4,
        },
    ),
}
