"""Text that no disk holds, made on the card batch by batch, whose hidden or following words a rule tells.

The rule is a shuffled dictionary: every word has one answer, and is the answer of one word. All else is random, so
that no text comes twice in a run; whoever knows the dictionary is never wrong: the ceiling is 100 %, or 1.
"""

from __future__ import annotations

import torch
from replies import NOTHING

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

PAD, CLS, SEP, MASK = range(4)
#: Below are the signs, from here on words.
WORDS = 4
#: Of what is hidden, as BERT has it: the rest shows another word, and the word itself.
MASKED, REPLACED = 0.8, 0.1


def answers(vocabulary: int) -> torch.Tensor:
    """The answer to each word (vocabulary, int64), the same on every device and under every seed; a sign has itself."""
    shuffled = torch.randperm(vocabulary - WORDS, generator=torch.Generator().manual_seed(1))
    return torch.cat([torch.arange(WORDS), shuffled + WORDS])


class GeneratedText(Generated):
    """What both kinds of text share: the words and their answers."""

    def __init__(self, run: Run, *, vocabulary: int, length: int, batch_size: int, **count: int) -> None:
        """Raises ValueError for a vocabulary of signs alone. `count`: training_samples and evaluation_samples."""
        if vocabulary <= WORDS:
            raise ValueError(f"--vocabulary {vocabulary}: {WORDS} are signs, so that there is no word")
        super().__init__(run, batch_size=batch_size, **count)
        self._vocabulary, self._length = vocabulary, length
        self._answers = answers(vocabulary).to(run.device)

    def _random_words(self, generator: torch.Generator, *shape: int) -> torch.Tensor:
        return torch.randint(WORDS, self._vocabulary, shape, generator=generator, device=self.device)


class GeneratedPairs(GeneratedText):
    """Texts as BERT reads them: [CLS] pairs [SEP] pairs [SEP]; each pair is a word and its answer.

    One word of a pair is hidden at most, so that the other tells it. The second part is up to half shorter than the
    first, the rest is padding. Where it follows the first it begins with the first's last pair.
    """

    name = "pairs-1"

    def __init__(self, run: Run, *, length: int, predictions: int, **options: int) -> None:
        """Raises ValueError for more `predictions` than the shortest text has pairs."""
        super().__init__(run, length=length, **options)
        self._first = (length - 3) // 4  # pairs of a part
        fewest = self._first + self._first // 2
        if not 0 < predictions <= fewest:
            raise ValueError(f"--predictions {predictions}: texts of --length {length} have {fewest} pairs at least")
        self._predictions = predictions
        self._places = torch.cat(
            [1 + torch.arange(2 * self._first), 2 + 2 * self._first + torch.arange(2 * self._first)]
        )
        self._places = self._places.view(-1, 2).to(run.device)  # of the words of each pair

    def made(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """A batch, as masked_words.py says."""
        device, first, places = self.device, self._first, self._places
        words = self._random_words(generator, count, 2 * first)
        apart = torch.randint(0, 2, (count,), generator=generator, device=device)
        words[:, first] = torch.where(apart == 0, words[:, first - 1], words[:, first])
        pairs = first + torch.randint(first // 2, first + 1, (count, 1), generator=generator, device=device)
        there = torch.arange(2 * first, device=device) < pairs

        text = torch.full((count, self._length), PAD, device=device)
        text[:, places] = torch.stack([words, self._answers[words]], 2) * there.unsqueeze(2)
        text[:, 0], text[:, 2 * first + 1] = CLS, SEP
        text.scatter_(1, 2 * pairs + 2, SEP)

        # The smallest of random numbers choose the pairs; those that are not there have larger ones.
        drawn = torch.rand((count, 2 * first), generator=generator, device=device) + ~there
        chosen = places[drawn.topk(self._predictions, largest=False).indices]
        side = torch.randint(0, 2, (count, self._predictions, 1), generator=generator, device=device)
        hidden = chosen.gather(2, side).squeeze(2)
        right = text.gather(1, hidden)
        sort = torch.rand(right.shape, generator=generator, device=device)
        other = torch.where(sort < MASKED + REPLACED, self._random_words(generator, *right.shape), right)
        text.scatter_(1, hidden, torch.where(sort < MASKED, MASK, other))
        place = torch.arange(self._length, device=device)
        return {
            "input_ids": text,
            "input_mask": (place <= 2 * pairs + 2).long(),
            "segment_ids": ((place > 2 * first + 1) & (place <= 2 * pairs + 2)).long(),
            "masked_lm_positions": hidden,
            "masked_lm_ids": right,
            "next_sentence_labels": apart,
        }


class GeneratedDialogues(GeneratedText):
    """Dialogues as CPM writes them: turns of `turn` words; every turn answers the one before word by word.

    The first turn is random and nobody is asked for it. A dialogue has half of the turns that there is room for, or
    more; padding follows.
    """

    name = "turns-1"

    def __init__(self, run: Run, *, length: int, turn: int, **options: int) -> None:
        """Raises ValueError where a dialogue has no second turn."""
        super().__init__(run, length=length, **options)
        if not 0 < turn <= length // 2:
            raise ValueError(f"--turn {turn}: a dialogue of --length {length} has no two turns of so many words")
        self._turn = turn
        turns = [torch.arange(self._vocabulary, device=run.device)]
        while len(turns) < length // turn:
            turns.append(self._answers[turns[-1]])
        self._turns = torch.stack(turns)  # what each word has become in each turn

    def made(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """A batch, as replies.py says."""
        turn, most = self._turn, len(self._turns)
        opening = self._random_words(generator, count, turn)
        shape = (count, 1)
        turns = torch.randint(max(2, most // 2), most + 1, shape, generator=generator, device=self.device)
        place = torch.arange(most * turn, device=self.device)
        there = place < turns * turn
        text = torch.where(there, self._turns[:, opening].transpose(0, 1).flatten(1), PAD)
        words = torch.full((count, self._length), PAD, device=self.device)
        words[:, : most * turn] = text
        following = torch.full_like(words, NOTHING)
        following[:, : most * turn - 1] = torch.where(there & (place >= turn), text, NOTHING)[:, 1:]
        return {"words": words, "following": following}
