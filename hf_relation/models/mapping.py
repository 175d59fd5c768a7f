"""Fully connected mappings from pair representations to smaller or other spaces."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from hf_relation.errors import UsageError


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


class MappingLinear(nn.Linear):
    r"""A linear layer of a mapping of several, as wide in as out.

    Its weights and biases start uniform in \\(\pm 1 / \sqrt{d}\\), d the width of its input, as those of `torch.nn.Linear`;
    from a standard deviation of 0.02, right for one layer on an encoder, nothing would come through several.
    """


def build_mapping(dims: Sequence[int], *, activation: str = "relu") -> nn.Sequential:
    """Linear layers with an activation between them; none after the last.

    Args:
        dims (`Sequence[int]`): widths, the input first; at least two.
        activation (`str`, defaults to `"relu"`): `"relu"` or `"leaky_relu"`.

    Returns:
        `nn.Sequential`.

    Raises:
        UsageError: fewer than two widths, or an unknown activation.

    Example:

    ```python
    >>> from hf_relation.models.mapping import build_mapping
    >>> build_mapping([8, 4, 2])
    Sequential(
      (0): MappingLinear(in_features=8, out_features=4, bias=True)
      (1): ReLU()
      (2): MappingLinear(in_features=4, out_features=2, bias=True)
    )

    ```
    """
    if len(dims) < 2 or activation not in ACTIVATIONS:
        raise UsageError(
            f"A mapping needs two or more widths and an activation of {list(ACTIVATIONS)}, got {list(dims)} and "
            f"{activation!r}."
        )
    layers: list[nn.Module] = []
    for width, following in zip(dims, dims[1:], strict=False):
        layers += [MappingLinear(width, following), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
