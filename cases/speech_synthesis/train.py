"""Trains a model that speaks: from texts to mel spectrograms, of LJSpeech or generated, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model tacotron2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from generated_clips import GeneratedClips
from models import MODELS
from tacotron2 import Clips, Sizes, Tacotron2, errors

from pytest_sixdim import training
from pytest_sixdim.training import loop

#: Share of the learning rate at the end of the schedule.
LAST = 0.01


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=128, epochs=1500, lr=1e-3, workers=4, epoch_samples=13_000, evaluation_samples=100
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="tacotron2")
    parser.add_argument("--held-epochs", type=float, default=500, help="before the learning rate falls")
    for name, value in Sizes()._asdict().items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value, help="of the model")
    parser.add_argument("--longest", type=int, default=832, help="frames of a generated clip")
    parser.add_argument("--shortest", type=int, default=4, help="frames of a generated symbol; up to four more")
    args = parser.parse_args()
    if args.data != "generated" and (args.symbols, args.bins) != Sizes()[:2]:
        parser.error("--symbols and --bins: a data set has {} and {}".format(*Sizes()[:2]))
    return args


def source(args: argparse.Namespace, run: training.Run) -> loop.Source:
    """The clips to train on and to evaluate."""
    if run.data == "real":
        from recorded_clips import ljspeech

        return ljspeech(Path(args.data), run, batch_size=args.batch_size, workers=args.workers)
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    sizes = {"symbols": args.symbols, "bins": args.bins, "longest": args.longest, "shortest": args.shortest}
    return GeneratedClips(run, batch_size=args.batch_size, **sizes, **count)


def evaluate(model: Tacotron2, clips: loop.Source, run: training.Run) -> tuple[float, int]:
    """The validation loss, and of how many clips; every rank does its part.

    As published, the mean is over all clips as long as the longest: a frame beyond a clip's end counts, as no error.
    """
    found = [torch.zeros(0, 2, device=run.device)]
    for batch in clips.evaluation():
        with run.autocast():
            said = model(batch.symbols, batch.lengths, batch.mels)
        found.append(torch.stack((errors(said, batch).sum(1), batch.frames.float()), dim=1))
    rows = loop.gathered(torch.cat(found), run).double()
    return float(rows[:, 0].sum() / (len(rows) * rows[:, 1].max())), len(rows)


def rate(epoch: float, held: float, epochs: float) -> float:
    """Share of the full learning rate: held, then down exponentially to LAST (section 3.1 of the paper)."""
    fallen = min(1.0, max(0.0, (epoch - held) / max(epochs - held, 1e-9)))
    return float(LAST**fallen)


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedClips.name)
    try:
        clips = source(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    model = MODELS[args.model](args).to(run.device)
    if args.compile:
        model.attention.compile()  # one step: a compiler would unroll the loop over the frames
    parallel = loop.distributed(model, run)

    def loss(batch: Clips) -> torch.Tensor:
        return errors(parallel(batch.symbols, batch.lengths, batch.mels), batch).mean()

    loop.train(
        run,
        clips,
        model=model,
        loss=loss,
        optimizer=loop.fused(torch.optim.Adam, model.parameters(), lr=args.lr, eps=1e-6, weight_decay=1e-6),
        epochs=args.epochs,
        rate=lambda epoch: rate(epoch, args.held_epochs, args.epochs),
        clip=1.0,
        evaluate=lambda: evaluate(model, clips, run),
    )


if __name__ == "__main__":
    main()
