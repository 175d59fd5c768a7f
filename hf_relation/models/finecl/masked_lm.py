"""A masked language modelling head over any encoder, whose output layer is the encoder's own word table."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from hf_relation.errors import UsageError


class MaskedLMHead(nn.Module):
    """Dense, GELU, layer norm, then the word table: a score for every token of the vocabulary, where one was masked.

    The table is not a weight of the head, so that nothing has to be tied; and only masked places are scored, since a table of
    scores for every place is the largest tensor of a training step.

    Args:
        hidden_size (`int`): of the encoder's states.
        embedding_size (`int`): of the word table's rows.
        vocab_size (`int`): rows of the word table.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.finecl import MaskedLMHead
    >>> head, table = MaskedLMHead(8, 8, 30), torch.nn.Embedding(30, 8)
    >>> head.loss(torch.randn(1, 4, 8), torch.tensor([[-100, 7, -100, 2]]), table).shape
    torch.Size([])

    ```
    """

    def __init__(self, hidden_size: int, embedding_size: int, vocab_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, embedding_size)
        self.norm = nn.LayerNorm(embedding_size, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, states: torch.Tensor, table: nn.Embedding) -> torch.Tensor:
        """Score the vocabulary: `(..., hidden)` to `(..., vocab)`."""
        hidden = self.norm(functional.gelu(self.dense(states)))
        return functional.linear(hidden, table.weight, self.bias)

    def resize(self, vocab_size: int) -> None:
        """Follow a table that has grown or shrunk; new words start with a bias of 0."""
        kept = self.bias.detach()[:vocab_size]
        bias = kept.new_zeros(vocab_size)
        bias[: len(kept)] = kept
        self.bias = nn.Parameter(bias, requires_grad=self.bias.requires_grad)

    def loss(self, states: torch.Tensor, labels: torch.Tensor, table: nn.Embedding) -> torch.Tensor:
        """Mean cross entropy over the masked places; 0, with a (zero) gradient, where none is.

        Args:
            states (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's.
            labels (`torch.Tensor` of shape `(batch, tokens)`): ids of the tokens that were masked, -100 elsewhere.
            table (`nn.Module`): the encoder's word embeddings.

        Raises:
            UsageError: labels of another shape.
        """
        if labels.shape != states.shape[:2]:
            raise UsageError(
                f"`mlm_labels` must have shape {tuple(states.shape[:2])} (batch, tokens), got {tuple(labels.shape)}."
            )
        masked = labels != -100
        if not bool(masked.any()):
            return (states.sum() + self.bias.sum()) * 0
        scores = self(states[masked], table)
        return functional.cross_entropy(scores.float(), labels[masked])
