"""From token states to mentions, and from mentions to the entities that they are of."""

from __future__ import annotations

import torch

from hf_relation.errors import UsageError
from hf_relation.models.kernel_re.mention_tokens import mention_tokens
from hf_relation.models.kernel_re.pair_inputs import check_pairs


def mention_states(states: torch.Tensor, mention_spans: torch.Tensor) -> torch.Tensor:
    """The mean of every mention's token states.

    Args:
        states (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's.
        mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): first token and one past the last; -1 in padding.

    Returns:
        `torch.Tensor` of shape `(batch, mentions, hidden)`; zeros for padding.

    Raises:
        UsageError: a span that is empty or not within the tokens.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.entity_states import mention_states
    >>> mention_states(torch.tensor([[[1.0], [2.0], [4.0]]]), torch.tensor([[[0, 1], [1, 3], [-1, -1]]])).tolist()
    [[[1.0], [3.0], [0.0]]]

    ```
    """
    tokens = mention_tokens(mention_spans, states.shape[1])
    return tokens.average.to(states.dtype) @ tokens.gather(states)


def entity_states(mentions: torch.Tensor, mention_entities: torch.Tensor) -> torch.Tensor:
    """Every mention's entity: the mean over all mentions of that entity in the text.

    Args:
        mentions (`torch.Tensor` of shape `(batch, mentions, hidden)`): of [`mention_states`].
        mention_entities (`torch.Tensor` of shape `(batch, mentions)`): number of the entity that a mention is of; -1 for padding
            and for mentions of none, which stand for themselves.

    Returns:
        `torch.Tensor` of shape `(batch, mentions, hidden)`: mentions of one entity have the same row.

    Raises:
        UsageError: not one number a mention.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.entity_states import entity_states
    >>> entity_states(torch.tensor([[[1.0], [3.0], [7.0]]]), torch.tensor([[5, 5, 2]])).tolist()
    [[[2.0], [2.0], [7.0]]]

    ```

    Reference: Hogan, Li and Shang, EMNLP 2022, section 3.2 (equation 4 and the mean over mentions).
    """
    same = same_entity(mention_entities, tuple(mentions.shape[:2])).to(mentions.dtype)
    return same @ mentions / same.sum(-1, keepdim=True)


def pair_states(entities: torch.Tensor, mention_spans: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """The states of head and tail of every pair, one behind the other.

    Args:
        entities (`torch.Tensor` of shape `(batch, mentions, hidden)`): of [`mention_states`] or [`entity_states`].
        mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): -1 in padding.
        pairs (`torch.Tensor` of shape `(batch, pairs, 2)`): head and tail, as positions of mentions; -1 in padding.

    Returns:
        `torch.Tensor` of shape `(batch, pairs, 2 * hidden)`; zeros for padding.

    Raises:
        UsageError: a pair names a mention that is not there.
    """
    # `len` would be a constant in an exported model.
    real = check_pairs(mention_spans, pairs, entities.shape[0])
    rows = torch.arange(pairs.shape[0], device=pairs.device)[:, None, None]
    return entities[rows, pairs.clamp(min=0)].flatten(2) * real.unsqueeze(-1)


def same_entity(mention_entities: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Which mentions are of one entity, `(batch, mentions, mentions)`, bool; every mention is of one with itself.

    Raises:
        UsageError: `mention_entities` has another shape than `shape`, `(batch, mentions)`.
    """
    if tuple(mention_entities.shape) != shape:
        raise UsageError(
            f"`mention_entities` must have shape {shape} (batch, mentions), got {tuple(mention_entities.shape)}."
        )
    same = (mention_entities[:, :, None] == mention_entities[:, None, :]) & (mention_entities >= 0)[:, :, None]
    return same | torch.eye(shape[1], dtype=torch.bool, device=mention_entities.device)


def first_mentions(mention_entities: torch.Tensor) -> torch.Tensor:
    """For every mention the place of the first mention of its entity, `(batch, mentions)`.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.entity_states import first_mentions
    >>> first_mentions(torch.tensor([[4, 1, 4, -1]])).tolist()
    [[0, 1, 0, 3]]

    ```
    """
    # The first True of every row.
    return same_entity(mention_entities, tuple(mention_entities.shape)).to(torch.uint8).argmax(-1)
