"""The mapping networks of Siamese-URE: the projector g and the predictor d."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from hf_relation.models.mapping import MappingLinear


def build_projector(width: int, dims: Sequence[int]) -> nn.Sequential:
    """g: fully connected layers, each with layer normalisation, and a ReLU after all but the last.

    Args:
        width (`int`): that of the pair representation h.
        dims (`Sequence[int]`): those of the layers; three in the paper.

    Returns:
        `nn.Sequential`.

    Example:

    ```python
    >>> from hf_relation.models.siamese_ure.mappings import build_projector
    >>> [type(layer).__name__ for layer in build_projector(8, [8, 8])]
    ['MappingLinear', 'LayerNorm', 'ReLU', 'MappingLinear', 'LayerNorm']

    ```

    Reference: Siamese-URE, ECAI 2023, section 3.3.
    """
    layers: list[nn.Module] = []
    for into, out in zip([width, *dims], dims, strict=False):
        layers += [MappingLinear(into, out), nn.LayerNorm(out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def build_predictor(width: int, hidden: int) -> nn.Sequential:
    """d: a hidden layer with layer normalisation and ReLU, and an output layer with neither.

    Args:
        width (`int`): of its input and its output.
        hidden (`int`): of the layer between them. It has no bias, as in the authors' code; the normalisation has one.

    Returns:
        `nn.Sequential`.

    Example:

    ```python
    >>> from hf_relation.models.siamese_ure.mappings import build_predictor
    >>> [type(layer).__name__ for layer in build_predictor(8, 4)]
    ['MappingLinear', 'LayerNorm', 'ReLU', 'MappingLinear']

    ```

    Reference: Siamese-URE, ECAI 2023, section 3.3.
    """
    return nn.Sequential(
        MappingLinear(width, hidden, bias=False), nn.LayerNorm(hidden), nn.ReLU(), MappingLinear(hidden, width)
    )
