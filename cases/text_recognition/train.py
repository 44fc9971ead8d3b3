"""Trains a model that reads words from images, on data sets as MMOCR has them, or on generated words.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model satrn
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
from alphabet import END, PADDING, folded, words
from generated_words import KINDS, GeneratedWords
from models import MODELS, Reader
from torch import nn

from pytest_sixdim import training
from pytest_sixdim.training import loop


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = loop.arguments(
        __doc__, batch_size=128, epochs=6, lr=3e-4, epoch_samples=1_000_000, evaluation_samples=2077
    )
    parser.add_argument("--model", choices=sorted(MODELS), default="satrn")
    parser.add_argument("--decay-epochs", type=float, nargs="*", default=[3, 4], help="where the rate falls to a tenth")
    parser.add_argument("--height", type=int, default=32, help="pixels of an image")
    parser.add_argument("--image-width", type=int, default=100, help="pixels of an image")
    parser.add_argument("--length", type=int, default=25, help="characters read at most, the end among them")
    parser.add_argument("--width", type=int, default=512, help="of the model's layers")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--feedforward", type=int, default=2048)
    parser.add_argument("--encoder-layers", type=int, default=12)
    parser.add_argument("--decoder-layers", type=int, default=6)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--longest", type=int, default=12, help="characters of a generated word")
    parser.add_argument("--kinds", type=int, default=KINDS, help="of characters in generated words")
    parser.add_argument("--training-sets", nargs="+", default=["Syn90k"], help="below --data")
    parser.add_argument("--test-set", default="icdar_2015", help="below --data")
    return parser.parse_args()


def source(args: argparse.Namespace, run: training.Run) -> loop.Source:
    """The images and words to train on and to evaluate. Raises SystemExit for options that do not go together."""
    shape = {"height": args.height, "width": args.image_width, "length": args.length}
    count = {"training_samples": args.epoch_samples, "evaluation_samples": args.evaluation_samples}
    kinds = {"longest": args.longest, "kinds": args.kinds}
    try:
        if run.data == "generated":
            return GeneratedWords(run, batch_size=args.batch_size, **count, **shape, **kinds)
        from word_images import word_images  # which needs numpy and Pillow

        sets = {"trained": args.training_sets, "evaluated": args.test_set}
        return word_images(Path(args.data), run, **sets, batch_size=args.batch_size, **shape, workers=args.workers)
    except ValueError as error:
        raise SystemExit(f"{Path(__file__).name}: {error}") from None


def right(read: torch.Tensor, true: torch.Tensor) -> int:
    """How many words (B x T, as `alphabet.encoded` without its first) are read rightly, but for case and symbols.

    A true word that has no END is longer than what can be read, and never read rightly.
    """
    whole = (true == END).any(1).tolist()
    pairs = zip(words(read), words(true), whole, strict=True)
    return sum(ended and folded(one) == folded(other) for one, other, ended in pairs)


def evaluate(model: Reader, images: loop.Source, run: training.Run) -> tuple[float, int]:
    """Share of words read rightly in %, and how many were asked; every rank does its part.

    Where a word has several views, one after the other, the one counts that the model is surest of.
    """
    found = count = 0
    for batch, tokens in images.evaluation():
        with run.autocast():
            read, sure = model.read(batch, tokens.shape[1] - 1)
        views = len(batch) // len(tokens)
        surest = sure.view(-1, views).argmax(1) + torch.arange(0, len(batch), views, device=sure.device)
        found += right(read[surest], tokens[:, 1:])
        count += len(tokens)
    asked = round(run.total(count))
    return 100 * run.total(found) / asked, asked


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedWords.name)
    images = source(args, run)
    model = MODELS[args.model](args).to(run.device, memory_format=torch.channels_last)
    parallel = loop.distributed(model, run, args.compile)
    criterion = nn.CrossEntropyLoss(ignore_index=PADDING)

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        scores = parallel(batch[0], batch[1][:, :-1])
        return criterion(scores.flatten(0, 1), batch[1][:, 1:].flatten())

    def rate(epoch: float) -> float:
        grown = min(1.0, epoch / args.warmup_epochs) if args.warmup_epochs else 1.0
        return grown * 0.1 ** sum(epoch > decayed for decayed in args.decay_epochs)

    loop.train(
        run,
        images,
        model=model,
        loss=loss,
        optimizer=loop.fused(torch.optim.Adam, model.parameters(), lr=args.lr),
        epochs=args.epochs,
        rate=rate,
        evaluate=lambda: evaluate(cast(Reader, model), images, run),
    )


if __name__ == "__main__":
    main()
