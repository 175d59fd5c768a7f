"""Which heads are meant: `{layer: [heads]}` from callers and from files, checked."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.models.model_heads import ModelHeads


def check_heads(found: ModelHeads, heads: Mapping[int, Iterable[int]]) -> dict[int, list[int]]:
    """Refuse layers and heads that a model does not have, or has no longer.

    Args:
        found ([`ModelHeads`]): the model's heads.
        heads (`Mapping[int, Iterable[int]]`): layer -> heads, counted as in the unpruned model.

    Returns:
        `dict[int, list[int]]`: as plain integers, sorted, without layers whose list is empty.

    Raises:
        UsageError: out of range, named twice, pruned already, or not integers.
    """
    checked = check_numbers(heads, num_layers=found.num_layers, num_heads=found.num_heads)
    for layer, wanted in checked.items():
        gone = [head for head in wanted if head not in found.kept[layer]]
        if gone:
            raise UsageError(
                f"Heads {gone} of layer {layer} are pruned already; left are {list(found.kept[layer])}. Heads are counted as "
                "in the unpruned model."
            )
    return checked


def check_numbers(heads: Mapping[Any, Iterable[int]], *, num_layers: int, num_heads: int) -> dict[int, list[int]]:
    """Refuse numbers of layers and heads out of range.

    Args:
        heads (`Mapping`): layer -> heads.
        num_layers, num_heads (`int`): what there is.

    Returns:
        `dict[int, list[int]]`: sorted, without layers whose list is empty.

    Raises:
        UsageError: out of range, named twice, or not integers.

    Example:

    ```python
    >>> from hf_relation.models.head_selection import check_numbers
    >>> check_numbers({1: [3, 0], 0: []}, num_layers=2, num_heads=4)
    {1: [0, 3]}
    >>> check_numbers({1: [4]}, num_layers=2, num_heads=4)
    Traceback (most recent call last):
    ...
    hf_relation.errors.UsageError: Head 4 of layer 1 does not exist: heads are counted from 0 to 3.

    ```
    """
    if not isinstance(heads, Mapping):
        raise UsageError(f"Heads are given as {{layer: [heads]}}, for instance {{0: [2, 5]}}, got {heads!r}.")
    checked: dict[int, list[int]] = {}
    for given, wanted in heads.items():
        layer = _integer(given, "layer")
        if not 0 <= layer < num_layers:
            raise UsageError(f"Layer {layer} does not exist: layers are counted from 0 to {num_layers - 1}.")
        if isinstance(wanted, (str, bytes)) or not isinstance(wanted, Iterable):
            raise UsageError(f"The heads of layer {layer} must be a list of integers, got {wanted!r}.")
        numbers = sorted(_integer(head, "head") for head in wanted)
        for head in numbers:
            if not 0 <= head < num_heads:
                raise UsageError(
                    f"Head {head} of layer {layer} does not exist: heads are counted from 0 to {num_heads - 1}."
                )
        if len(set(numbers)) < len(numbers):
            raise UsageError(f"A head of layer {layer} is named twice: {numbers}.")
        if numbers:
            checked[layer] = numbers
    return dict(sorted(checked.items()))


def stored_heads(heads: Mapping[int, Iterable[int]]) -> dict[str, list[int]]:
    """As JSON has them: keys are strings, all sorted."""
    return {str(layer): sorted(heads[layer]) for layer in sorted(heads)}


def numbered_heads(stored: Mapping[str, list[int]]) -> dict[int, list[int]]:
    """What [`stored_heads`] gave, with numbers of layers again; from a config that was checked."""
    return {int(layer): list(heads) for layer, heads in stored.items()}


def read_heads(stored: Any, *, num_layers: int, num_heads: int, what: str) -> dict[int, list[int]]:
    """Read heads from a file, which is untrusted.

    Args:
        stored: what [`stored_heads`] gave.
        num_layers, num_heads (`int`): what the unpruned model has.
        what (`str`): where it stands, for messages.

    Returns:
        `dict[int, list[int]]`: as [`check_numbers`] gives them.

    Raises:
        UsageError: not heads as JSON has them, or numbers out of range; the message begins with `what`.

    Example:

    ```python
    >>> from hf_relation.models.head_selection import read_heads
    >>> read_heads({"1": [0, 3]}, num_layers=2, num_heads=4, what="`pruned_heads`")
    {1: [0, 3]}

    ```
    """
    if not isinstance(stored, Mapping) or len(stored) > num_layers:
        raise UsageError(f'{what} must be like {{"0": [2, 5]}}, one entry a layer at most, got {str(stored)[:80]}.')
    heads: dict[int, list[int]] = {}
    for key, wanted in stored.items():
        plain = isinstance(key, str) and key.isascii() and key.isdecimal() and (key == "0" or key[0] != "0")
        if not plain or len(key) > 6:
            raise UsageError(f'{what} has the key {str(key)[:80]!r}; keys are numbers of layers as strings, as "0".')
        if not isinstance(wanted, list) or len(wanted) > num_heads:
            raise UsageError(f"{what} must have a list of at most {num_heads} heads for layer {key}.")
        heads[int(key)] = wanted
    try:
        return check_numbers(heads, num_layers=num_layers, num_heads=num_heads)
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from None


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise UsageError(f"A {what} is given by its number, an integer from 0, got {value!r}.")
