"""Changing what the word embedding layer of an encoder gives, for the time of one forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def perturbed_word_embeddings(embeddings: nn.Module, perturbation: torch.Tensor | None) -> Iterator[list[int]]:
    """Add a perturbation to the word embeddings while the encoder runs on token ids as usual.

    Giving the encoder `inputs_embeds` instead would lose what some encoders read from the ids (RoBERTa's positions skip
    the padding, for example).

    Args:
        embeddings (`nn.Module`): the encoder's input embeddings.
        perturbation (`torch.Tensor` of shape `(batch, tokens, width)`, *optional*): what is added; `None` adds nothing.

    Without a perturbation nothing is put into a plain `nn.Embedding`, so that the forward pass stays one graph for
    `torch.compile`.

    Yields:
        `list[int]`: holds the width of the word embeddings once the encoder has run.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.word_embeddings import perturbed_word_embeddings
    >>> table = torch.nn.Embedding.from_pretrained(torch.eye(2))
    >>> with perturbed_word_embeddings(table, torch.tensor([[[0.0, 0.5]]])) as width:
    ...     table(torch.tensor([[0]]))
    tensor([[[1.0000, 0.5000]]])
    >>> width
    [2]

    ```
    """
    if perturbation is None and isinstance(embeddings, nn.Embedding):
        yield [embeddings.embedding_dim]
        return
    width: list[int] = []

    def add(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        width[:] = [output.shape[-1]]
        return None if perturbation is None else output + perturbation.to(output.dtype)

    handle = embeddings.register_forward_hook(add)
    try:
        yield width
    finally:
        handle.remove()
