"""Trains a language model on a corpus, or on generated text, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model bert_large
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import transformers
from models import MODELS
from torch import nn
from weights import load

from pytest_sixdim import training
from pytest_sixdim.training import loop


def arguments() -> argparse.Namespace:
    """What the command line says; the defaults are the model's."""
    named = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    named.add_argument("--model", choices=sorted(MODELS), default="bert_large")
    model = MODELS[named.parse_known_args()[0].model]
    parser = loop.arguments(__doc__)
    parser.add_argument("--model", choices=sorted(MODELS), default="bert_large", help="sets the other defaults")
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--width", type=int, help="of a layer; its heads share it")
    parser.add_argument("--heads", type=int, help="of attention")
    parser.add_argument("--vocabulary", type=int, help="words that the model knows")
    parser.add_argument("--length", type=int, help="of a text in words")
    parser.add_argument("--positions", type=int, help="that the model knows, from --length on")
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--predictions", type=int, default=76, help="bert_large: hidden words of a generated text")
    parser.add_argument("--turn", type=int, default=50, help="cpm: words in a turn of a generated dialogue")
    told = "a checkpoint to begin from, or none (default: the data set's, where the model has one)"
    parser.add_argument("--weights", help=told)
    parser.set_defaults(**model.defaults)
    args = parser.parse_args()
    if args.positions < args.length:
        parser.error(f"--positions {args.positions}: texts have --length {args.length}")
    if args.width % args.heads:
        parser.error(f"--width {args.width} is no multiple of --heads {args.heads}")
    return args


def source(args: argparse.Namespace, run: training.Run) -> loop.Source:
    """The text to train on and to evaluate. Ends the program with one line where it is not there or cannot be made."""
    model = MODELS[args.model]
    try:
        if run.data == "real":
            return model.stored(Path(args.data), run, args)
        return model.generated(
            run,
            batch_size=args.batch_size,
            training_samples=args.epoch_samples,
            evaluation_samples=args.evaluation_samples,
            vocabulary=args.vocabulary,
            length=args.length,
            **{model.extra: getattr(args, model.extra)},
        )
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None


def evaluate(model: nn.Module, text: loop.Source, run: training.Run) -> tuple[float, int]:
    """The model's metric, and over how many texts; every rank does its part."""
    scored, count = torch.zeros(2, device=run.device), 0
    for batch in text.evaluation():
        with run.autocast():
            scored += model.scored(batch)
        count += loop.first_length(batch)
    reached, possible = (run.total(part) for part in scored.tolist())
    return reached / possible, round(run.total(count))


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    chosen = MODELS[args.model]
    run = loop.begin(args, generator=chosen.generated.name, versions={"transformers": transformers.__version__})
    text = source(args, run)
    model = chosen.build(args).to(run.device)
    weights = args.weights
    if weights is None and run.data == "real" and chosen.checkpoint:
        weights = Path(args.data, chosen.checkpoint)
    if weights not in (None, "none"):
        load(model.model, Path(weights))
    parallel = loop.distributed(model, run, args.compile)
    loop.train(
        run,
        text,
        model=model,
        loss=parallel,
        optimizer=loop.fused(chosen.optimizer, loop.decaying(model, args.weight_decay), lr=args.lr, **chosen.options),
        epochs=args.epochs,
        rate=lambda epoch: loop.polynomial(epoch, args.epochs, args.warmup_epochs),
        evaluate=lambda: evaluate(model, text, run),
        clip=1.0,
    )


if __name__ == "__main__":
    main()
