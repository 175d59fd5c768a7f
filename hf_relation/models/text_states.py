"""One vector for a whole text from what an encoder returns."""

from __future__ import annotations

from typing import Any

import torch

from hf_relation.errors import UsageError


TEXT_STATES = ("cls", "pooler", "mean")


def text_state(kind: str, encoded: Any, attention_mask: torch.Tensor, model_type: str) -> torch.Tensor:
    """Summarise the last layer of an encoder.

    Args:
        kind (`str`): `"cls"`: the state of the first token that is attended to; `"pooler"`: the encoder's pooler output;
            `"mean"`: the mean over the tokens that are attended to.
        encoded (`ModelOutput`): of the encoder, with `last_hidden_state` of shape `(batch, tokens, hidden)`.
        attention_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 for tokens, 0 for padding.
        model_type (`str`): the encoder's, for the message.

    Returns:
        `torch.Tensor` of shape `(batch, hidden)`.

    Raises:
        UsageError: an unknown kind, or `"pooler"` of an encoder without one.

    Example:

    ```python
    >>> import torch
    >>> from transformers.modeling_outputs import BaseModelOutput
    >>> from hf_relation.models.text_states import text_state
    >>> encoded = BaseModelOutput(torch.tensor([[[1.0, 0.0], [3.0, 2.0], [9.0, 9.0]]]))
    >>> text_state("mean", encoded, torch.tensor([[1, 1, 0]]), "bert")
    tensor([[2., 1.]])

    ```
    """
    last = encoded.last_hidden_state
    match kind:
        case "cls":
            # Padding may stand on the left: the first token is the first that is attended to.
            first = attention_mask.long().argmax(dim=1)
            return last[torch.arange(last.shape[0], device=last.device), first]
        case "mean":
            weights = attention_mask.unsqueeze(-1).to(last.dtype)
            return (last * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        case "pooler":
            pooled = getattr(encoded, "pooler_output", None)
            if pooled is None:
                raise UsageError(
                    f"`text_embedding='pooler'`: a '{model_type}' encoder has no pooler. Use 'cls' or 'mean'."
                )
            return pooled
    raise UsageError(f"A text is summarised as one of {list(TEXT_STATES)}, got {kind!r}.")
