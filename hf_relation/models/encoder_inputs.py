"""Which columns of a batch an encoder takes."""

from __future__ import annotations

import inspect

from torch import nn


def takes_column(encoder: nn.Module, column: str) -> bool:
    """Whether an encoder's `forward` names a column. One that it does not name would go on as a setting of its attention.

    Args:
        encoder (`nn.Module`): the encoder.
        column (`str`): for instance `"token_type_ids"`, which tokenizers also make for encoders without token types.

    Returns:
        `bool`.

    Example:

    ```python
    >>> from transformers import DistilBertConfig, DistilBertModel
    >>> from hf_relation.models.encoder_inputs import takes_column
    >>> takes_column(DistilBertModel(DistilBertConfig(dim=8, n_layers=1, n_heads=2, hidden_dim=8)), "token_type_ids")
    False

    ```
    """
    return column in inspect.signature(encoder.forward).parameters
