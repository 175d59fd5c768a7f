"""The one place where token states become a pair representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch.nn import functional

from hf_relation.errors import UsageError


PoolingBlock = Literal[
    "head_marker",
    "tail_marker",
    "head_max",
    "tail_max",
    "head_mean",
    "tail_mean",
    "between_mean",
    "sentence_mean",
    "sentence_max",
]
POOLING_BLOCKS: tuple[str, ...] = get_args(PoolingBlock)


def check_blocks(blocks: Sequence[str]) -> None:
    """Refuse an empty list of pooling blocks, or one with an unknown name.

    Raises:
        UsageError: the list is empty or holds a name that is not in `POOLING_BLOCKS`.
    """
    unknown = [block for block in blocks if block not in POOLING_BLOCKS]
    if unknown or not blocks:
        raise UsageError(f"`pooling` must list one or more of {list(POOLING_BLOCKS)}, got {list(blocks)}.")


def pool_pairs(
    hidden: torch.Tensor,
    blocks: Sequence[str],
    *,
    attention_mask: torch.Tensor,
    head_token_mask: torch.Tensor | None = None,
    tail_token_mask: torch.Tensor | None = None,
    between_token_mask: torch.Tensor | None = None,
    head_marker_index: torch.Tensor | None = None,
    tail_marker_index: torch.Tensor | None = None,
    normalize: bool = True,
) -> torch.Tensor:
    """Concatenate the named summaries of a sentence's token states, in the order given.

    `head_marker` / `tail_marker` are the states at the start markers (MORE, eq. 1), `*_max` the maximum over a
    mention's tokens (RoCORE, section 3.1), `*_mean` their mean, `between_mean` the mean of the tokens between the two
    mentions (zeros when they touch), `sentence_mean` and `sentence_max` the mean and the maximum
    of all tokens that are not padding (`sentence_max` is the pooling of the CNN of RSN and MORE).

    Args:
        hidden (`torch.Tensor` of shape `(batch, tokens, hidden)`): token states of one layer.
        blocks (`Sequence[str]`): names from `POOLING_BLOCKS`.
        attention_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 for tokens, 0 for padding.
        head_token_mask, tail_token_mask, between_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the
            tokens of the head mention, the tail mention, and between them; markers excluded.
        head_marker_index, tail_marker_index (`torch.Tensor` of shape `(batch,)`): positions of the start markers.
        normalize (`bool`, defaults to `True`): scale every block of a row to unit length.

    Returns:
        `torch.Tensor` of shape `(batch, len(blocks) * hidden)`.

    Raises:
        UsageError: a block needs an input that was not given.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.encoder import pool_pairs
    >>> hidden = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]]])
    >>> mask = torch.tensor([[1, 1, 1]])
    >>> pool_pairs(hidden, ["head_mean", "tail_mean"], attention_mask=mask, head_token_mask=torch.tensor([[1, 0, 0]]),
    ...            tail_token_mask=torch.tensor([[0, 0, 1]]))
    tensor([[1.0000, 0.0000, 0.6000, 0.8000]])

    ```
    """
    check_blocks(blocks)
    inputs = {
        "head_marker": head_marker_index,
        "tail_marker": tail_marker_index,
        "head_max": head_token_mask,
        "tail_max": tail_token_mask,
        "head_mean": head_token_mask,
        "tail_mean": tail_token_mask,
        "between_mean": between_token_mask,
        "sentence_mean": attention_mask,
        "sentence_max": attention_mask,
    }
    pooled = []
    for block in blocks:
        where = inputs[block]
        if where is None:
            column = (
                block.replace("_marker", "_marker_index")
                .replace("_mean", "_token_mask")
                .replace("_max", "_token_mask")
            )
            raise UsageError(f"Pooling block '{block}' needs the column `{column}`; `RelationProcessor` makes it.")
        if block.endswith("_marker"):
            value = hidden[torch.arange(hidden.shape[0], device=hidden.device), where]
        elif block.endswith("_max"):
            outside = where.unsqueeze(-1) == 0
            value = hidden.masked_fill(outside, torch.finfo(hidden.dtype).min).amax(dim=1)
            value = value.masked_fill(outside.all(dim=1), 0.0)
        else:
            weights = where.unsqueeze(-1).to(hidden.dtype)  # (batch, tokens, 1)
            count = weights.sum(dim=1)  # (batch, 1)
            # Without the mask, scaling a row of zeros to unit length would overflow the gradient in half precision.
            value = ((hidden * weights).sum(dim=1) / count.clamp(min=1)).masked_fill(count == 0, 0.0)
        pooled.append(functional.normalize(value, dim=-1, eps=1e-6) if normalize else value)
    return torch.cat(pooled, dim=-1)
