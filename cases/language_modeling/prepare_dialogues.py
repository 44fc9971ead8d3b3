"""Makes CPM's data set of STC.json, short texts and their replies from Weibo (<https://arxiv.org/abs/1503.02364>).

    python prepare_dialogues.py STC.json DIR/cpm

STC.json: {"train": [[text, reply], ...], "valid": [[text, reply], ...]}. Written are train.txt and valid.txt, one
dialogue a line in CPM's form, and tokenizer.json, which is made of train.txt.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from dialogues import END, PAD
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

UNKNOWN = "<unk>"
#: The seed with which the published program shuffles the dialogues, of which it takes the first.
ORDER = 1234


def prepare(source: Path, target: Path, *, share: float, vocabulary: int) -> None:
    """Writes the three files. `share`: drawn of the dialogues to train on. Ends the program with one line."""
    try:
        stored = json.loads(source.read_text(encoding="utf-8"))
        trained, evaluated = stored["train"], stored["valid"]
        lines = [[line(text, reply) for text, reply in part] for part in (trained, evaluated)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"{source}: {error!r}; it has to have lists of [text, reply] as train and valid") from None
    target.mkdir(parents=True, exist_ok=True)
    random.Random(ORDER).shuffle(lines[0])
    lines[0] = lines[0][: int(share * len(lines[0]))]
    for name, part in zip(("train.txt", "valid.txt"), lines, strict=True):
        (target / name).write_text("\n".join(part) + "\n", encoding="utf-8")
    made(lines[0], vocabulary).save(str(target / "tokenizer.json"))


def line(text: str, reply: str) -> str:
    """A dialogue as CPM is given it, without the blanks between words."""
    return f"对话上文:{''.join(text.split())} 回复:{''.join(reply.split())}"


def made(lines: list[str], vocabulary: int) -> Tokenizer:
    """A tokenizer of so many pieces at most, of one or more characters each (SentencePiece's unigram model)."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    signs = [PAD, END, UNKNOWN]
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, special_tokens=signs, unk_token=UNKNOWN, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="STC.json")
    parser.add_argument("target", type=Path, help="the directory that is written")
    parser.add_argument("--share", type=float, default=0.1, help="of the dialogues to train on (published: 0.1)")
    parser.add_argument("--vocabulary", type=int, default=30_000)
    args = parser.parse_args()
    prepare(args.source, args.target, share=args.share, vocabulary=args.vocabulary)


if __name__ == "__main__":
    main()
