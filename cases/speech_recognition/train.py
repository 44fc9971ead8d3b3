"""Trains a speech recogniser on AISHELL-1, or on generated speech, on one card or several.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model conformer
"""

from __future__ import annotations

import argparse
import math
from importlib.metadata import version
from pathlib import Path

import torch
from error_rate import collapsed, errors
from filterbanks import Filterbanks, Masks
from generated_speech import GeneratedSpeech
from models import MODELS
from recogniser import Recogniser, Speech, hybrid_loss

from pytest_sixdim import training
from pytest_sixdim.training import loop

#: Utterances of a step for which `--lr` is meant: 4 cards with 18 each, 4 times (WeNet's result for AISHELL-1).
LR_BATCH = 288


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=32, epochs=240, warmup_epochs=60, lr=0.002, epoch_samples=120_098, evaluation_samples=7_176
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="conformer")
    parser.add_argument("--blocks", type=int, default=12, help="of the encoder")
    parser.add_argument("--decoder-blocks", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=2048, help="width within feed-forward layers")
    parser.add_argument("--kernel", type=int, default=15, help="places that a convolution over time sees")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--norm-momentum", type=float, default=0.1, help="of the normalisations' running means")
    parser.add_argument("--ctc-weight", type=float, default=0.3, help="share of CTC in the loss, 0 to 1")
    parser.add_argument("--smoothing", type=float, default=0.1, help="of the decoder's labels")
    parser.add_argument("--clip", type=float, default=5.0, help="norm that gradients are clipped to")
    parser.add_argument(
        "--average", type=float, default=0.9999, help="decay of the weights' average, which is evaluated"
    )
    parser.add_argument("--no-masks", action="store_true", help="train without SpecAugment")
    parser.add_argument("--characters", type=int, default=4230, help="that generated speech has")
    parser.add_argument("--frames", type=int, default=480, help="of the longest generated utterance, 10 ms each")
    parser.add_argument("--longest", type=int, default=16, help="characters of the longest generated utterance")
    return parser.parse_args()


def source(args: argparse.Namespace, run: training.Run) -> tuple[loop.Source, int]:
    """The speech to train on and to evaluate, and the number of its characters."""
    if run.data == "real":
        from aishell import aishell

        return aishell(Path(args.data), run, batch_size=args.batch_size, workers=args.workers)
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    size = {"characters": args.characters, "frames": args.frames, "longest": args.longest}
    return GeneratedSpeech(run, batch_size=args.batch_size, **size, **count), args.characters


def evaluate(model: Recogniser, bank: Filterbanks, speech: loop.Source, run: training.Run) -> tuple[float, int]:
    """Character error rate in % by CTC's likeliest path, and of how many utterances; every rank does its part."""
    references, hypotheses = [], []
    for batch in speech.evaluation():
        with run.autocast():
            places = model.recognised(*bank(batch.waves, batch.samples)).cpu()
        hypotheses += [collapsed(row) for row in places]
        texts = zip(batch.characters.tolist(), batch.counts.tolist(), strict=True)
        references += [characters[:count] for characters, count in texts]
    wrong, characters = errors(references, hypotheses) if references else (0, 0)
    return 100 * run.total(wrong) / run.total(characters), round(run.total(len(references)))


def warmed(epoch: float, warmup: float) -> float:
    """Share of the full learning rate: up a line over the warm-up, then down as 1/root of time (1706.03762, 5.3)."""
    return 1.0 if warmup <= 0 else min(epoch / warmup, math.sqrt(warmup / max(epoch, 1e-9)))


def main() -> None:
    """Trains until the run is done. Raises SystemExit for options that do not go together."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedSpeech.name, versions={"jiwer": version("jiwer")})
    try:
        speech, characters = source(args, run)
        model = MODELS[args.model](characters, args).to(run.device, memory_format=torch.channels_last)
    except ValueError as error:
        raise SystemExit(f"{Path(__file__).name}: {error}") from None
    parallel = loop.distributed(model, run, args.compile)
    average = loop.Average(model, args.average)
    bank, masks = Filterbanks().to(run.device), Masks(run.device, 1000 * run.seed + run.rank)

    def loss(batch: Speech) -> torch.Tensor:
        features, frames = bank(batch.waves, batch.samples)
        features = features if args.no_masks else masks(features, frames)
        heard = parallel(features, frames, batch.characters)
        return hybrid_loss(heard, batch, ctc_weight=args.ctc_weight, smoothing=args.smoothing)

    loop.train(
        run,
        speech,
        model=average.model,
        loss=loss,
        optimizer=loop.fused(
            torch.optim.Adam, model.parameters(), lr=args.lr * math.sqrt(args.batch_size * run.world_size / LR_BATCH)
        ),
        epochs=args.epochs,
        rate=lambda epoch: warmed(epoch, args.warmup_epochs),
        clip=args.clip,
        after_step=average.move,
        evaluate=lambda: evaluate(average.model, bank, speech, run),
    )


if __name__ == "__main__":
    main()
