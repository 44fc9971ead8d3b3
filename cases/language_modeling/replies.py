"""CPM's training on dialogues: a model that writes from left to right says the next word at every place.

Zhang et al., CPM, <https://arxiv.org/abs/2012.00413>. A batch is a dict of `words` and `following` (B x L): the words,
and the word after each, or NOTHING where there is none that counts.
"""

from __future__ import annotations

import argparse

import torch
from sizes import spread
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

Batch = dict[str, torch.Tensor]
#: In `following`, where the dialogue is over.
NOTHING = -100


class Replies(nn.Module):
    """GPT-2 of CPM's medium size."""

    metric = "embedding_average"

    def __init__(self, args: argparse.Namespace) -> None:
        """Reads vocabulary, width, layers, heads, positions, dropout."""
        super().__init__()
        config = GPT2Config(
            vocab_size=args.vocabulary,
            n_positions=args.positions,
            n_embd=args.width,
            n_layer=args.layers,
            n_head=args.heads,
            resid_pdrop=args.dropout,
            embd_pdrop=args.dropout,
            attn_pdrop=args.dropout,
            activation_function="gelu_pytorch_tanh",  # GPT-2's, in one kernel: the default keeps five steps of it
            initializer_range=spread(args.width),
            attn_implementation="sdpa",
            use_cache=False,
            bos_token_id=None,
            eos_token_id=None,
        )
        self.model = GPT2LMHeadModel(config)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss: cross-entropy of the words that follow."""
        return cross_entropy(
            self.scores(batch).flatten(0, 1).float(), batch["following"].flatten(), ignore_index=NOTHING
        )

    def scored(self, batch: Batch) -> torch.Tensor:
        """The sum of the dialogues' embedding averages, and their number."""
        found = embedding_average(self.scores(batch).argmax(2), batch["following"], self.model.lm_head.weight)
        return torch.stack([found.sum(), torch.tensor(float(len(found)), device=found.device)])

    def scores(self, batch: Batch) -> torch.Tensor:
        """Scores of the following word at every place (B x L x vocabulary)."""
        # Padding stands at the end and no place looks ahead: nothing is to be masked. So the layers are called one by
        # one: GPT2Model would look whether its places are those of several texts, and wait for the card.
        words, layers = batch["words"], self.model.transformer
        places = torch.arange(words.shape[1], device=words.device)
        told = layers.drop(layers.wte(words) + layers.wpe(places))
        for layer in layers.h:
            told = layer(told)
            told = told[0] if isinstance(told, tuple) else told  # transformers before 5
        return self.model.lm_head(layers.ln_f(told))


def embedding_average(answers: torch.Tensor, right: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """How near a text is to the right one in meaning: the cosine between the means of their words' embeddings.

    Liu et al., How NOT To Evaluate Your Dialogue System, <https://arxiv.org/abs/1603.08023>, section 3.2; here the
    embeddings are the model's own, as DeepSparkHub has it.

    Args:
        answers, right: words (B x L); where `right` is NOTHING neither counts.
        table: embeddings (vocabulary x width).

    Returns:
        B cosines, in the table's precision; 0 where a text has no words or its mean is 0.
    """
    counted = (right != NOTHING).unsqueeze(2)
    means = [(table[words.clamp(min=0)] * counted).sum(1) for words in (answers, right)]
    return cosine_similarity(*means)
