"""BERT's training: some words of a text are hidden, and the model says which they were and how the text goes on.

Devlin et al., <https://arxiv.org/abs/1810.04805>, section 3.1. A batch is a dict, with the names of MLPerf's files:

    input_ids             B x L    words, some of them replaced by [MASK]
    input_mask            B x L    1 where there is a word, 0 where the text is over
    segment_ids           B x L    0 in the first part, 1 in the second
    masked_lm_positions   B x P    places of the hidden words, then 0
    masked_lm_ids         B x P    the hidden words, then 0
    next_sentence_labels  B        1 where the second part does not follow the first
"""

from __future__ import annotations

import argparse

import torch
from sizes import spread
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining

Batch = dict[str, torch.Tensor]
#: What fills masked_lm_ids: [PAD], which is never hidden.
NO_WORD = 0


class MaskedWords(nn.Module):
    """BERT with its two heads. As in MLPerf, words are scored at the hidden places alone, P of L."""

    metric = "mlm_accuracy"

    def __init__(self, args: argparse.Namespace) -> None:
        """Reads vocabulary, width, layers, heads, positions, dropout."""
        super().__init__()
        config = BertConfig(
            vocab_size=args.vocabulary,
            hidden_size=args.width,
            num_hidden_layers=args.layers,
            num_attention_heads=args.heads,
            intermediate_size=4 * args.width,
            hidden_act="gelu_pytorch_tanh",  # as the published program computes it, and its checkpoint was trained
            max_position_embeddings=args.positions,
            hidden_dropout_prob=args.dropout,
            attention_probs_dropout_prob=args.dropout,
            initializer_range=spread(args.width),
            attn_implementation="sdpa",
        )
        self.model = BertForPreTraining(config)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss: cross-entropy of the hidden words and that of what follows."""
        words, following = self.scores(batch)
        hidden = cross_entropy(words.flatten(0, 1).float(), batch["masked_lm_ids"].flatten(), ignore_index=NO_WORD)
        return hidden + cross_entropy(following.float(), batch["next_sentence_labels"])

    def scored(self, batch: Batch) -> torch.Tensor:
        """How many hidden words were found, and how many there are."""
        answers, words = self.scores(batch)[0].argmax(2), batch["masked_lm_ids"]
        hidden = words != NO_WORD
        return torch.stack([((answers == words) & hidden).sum(), hidden.sum()])

    def scores(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of words at the hidden places (B x P x vocabulary) and of what follows (B x 2)."""
        # Embeddings and layers are called one by one, with the mask as they take it: the library's model would look at
        # it first and wait for the card, or refuse it, by its version.
        bert, heads = self.model.bert, self.model.cls
        mask = batch["input_mask"].bool()[:, None, None, :]
        words = bert.embeddings(batch["input_ids"], token_type_ids=batch["segment_ids"])
        told = bert.encoder(words, attention_mask=mask)[0]
        places = batch["masked_lm_positions"][:, :, None].expand(-1, -1, told.shape[2])
        return heads.predictions(told.gather(1, places)), heads.seq_relationship(bert.pooler(told))
