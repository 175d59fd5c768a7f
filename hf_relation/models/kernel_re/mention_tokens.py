"""Which token states of a batch the kernels see: those of mentions, and no others."""

from __future__ import annotations

from typing import NamedTuple

import torch

from hf_relation.errors import UsageError


class MentionTokens(NamedTuple):
    """The tokens of mentions in a batch, of every text in a row of `slots`.

    Args:
        places (`torch.Tensor` of shape `(batch, slots)`): position of every slot's token in its text; 0 in empty slots.
        filled (`torch.Tensor` of shape `(batch, slots)`, bool): which slots hold a token.
        average (`torch.Tensor` of shape `(batch, mentions, slots)`): 1 / length of the mention at its tokens, else 0, so that
            a matrix of token pairs `S` has the means over all mention pairs `average @ S @ average^T`.
    """

    places: torch.Tensor
    filled: torch.Tensor
    average: torch.Tensor

    @property
    def inside(self) -> torch.Tensor:
        """`(batch, mentions, slots)`, bool: which tokens are a mention's."""
        return self.average > 0

    def gather(self, states: torch.Tensor) -> torch.Tensor:
        """Take the states `(batch, tokens, hidden)` of the slots: `(batch, slots, hidden)`, zeros in empty ones."""
        index = self.places.unsqueeze(-1).expand(-1, -1, states.shape[-1])
        return states.gather(1, index) * self.filled.unsqueeze(-1)


def mention_tokens(mention_spans: torch.Tensor, num_tokens: int) -> MentionTokens:
    """Find the tokens of all mentions; a token of several (nested, overlapping) mentions is taken once.

    Args:
        mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): first token and one past the last of every mention; -1
            in rows that are padding.
        num_tokens (`int`): tokens of the batch, padding included.

    Returns:
        [`MentionTokens`].

    Raises:
        UsageError: a span that is empty, reversed, or not within the tokens (the message names text and mention), or spans of
            another shape.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.kernel_re.mention_tokens import mention_tokens
    >>> found = mention_tokens(torch.tensor([[[1, 3], [2, 3], [5, 6]]]), num_tokens=7)
    >>> found.places
    tensor([[1, 2, 5]])
    >>> found.average[0]
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 1.0000, 0.0000],
            [0.0000, 0.0000, 1.0000]])

    ```
    """
    if mention_spans.ndim != 3 or mention_spans.shape[1] == 0 or mention_spans.shape[2] != 2:
        raise UsageError(
            f"`mention_spans` must have shape (batch, mentions, 2), with at least one mention that may be padding; got "
            f"{tuple(mention_spans.shape)}."
        )
    start, end = mention_spans.unbind(-1)  # (batch, mentions)
    real = (start >= 0) | (end >= 0)
    wrong = real & ((start < 0) | (end <= start) | (end > num_tokens))
    exporting = torch.compiler.is_exporting()  # what is exported cannot look at values
    if not exporting and bool(wrong.any()):
        text, mention = (int(number) for number in wrong.nonzero()[0])
        raise UsageError(
            f"`mention_spans`[{text}, {mention}] is {mention_spans[text, mention].tolist()}: a span must hold at least one of "
            f"the {num_tokens} tokens, as (first, one past the last); padding is (-1, -1). DocumentProcessor makes them."
        )
    position = torch.arange(num_tokens, device=mention_spans.device)
    inside = (position >= start.unsqueeze(-1)) & (position < end.unsqueeze(-1)) & real.unsqueeze(-1)  # (B, M, T)
    used = inside.any(dim=1)  # (batch, tokens)
    if exporting:  # every token has a slot
        places, filled = position.expand_as(used), used
    else:
        counts = used.sum(dim=1)
        slots = max(int(counts.max()) if counts.numel() else 0, 1)
        # A stable sort puts the tokens of mentions first, in the order of the text.
        places = torch.sort((~used).to(torch.uint8), dim=1, stable=True).indices[:, :slots]
        filled = torch.arange(places.shape[1], device=places.device) < counts.unsqueeze(1)
    places = places.masked_fill(~filled, 0)
    chosen = inside.gather(2, places.unsqueeze(1).expand(-1, inside.shape[1], -1)) & filled.unsqueeze(1)
    lengths = (end - start).clamp(min=1).unsqueeze(-1)
    return MentionTokens(places, filled, chosen / lengths)
