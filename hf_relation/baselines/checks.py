"""Checks that the baselines share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.discovery.inputs import without_labels
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.data import Instance


def check_inputs(instances: Iterable[Mapping[str, Any]], num_relations: int) -> list[Instance]:
    """Check instances and how many relations are asked for, and leave gold labels behind.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract.
        num_relations (`int`): from 1 to the number of instances.

    Returns:
        `list[Instance]`: in order, with `relations` empty.

    Raises:
        UsageError: no instance, or fewer instances than relations.
        InvalidRowError: a bad row, with its position.
    """
    rows = without_labels(instances)
    check_integer("num_relations", num_relations, 1)
    if not rows:
        raise UsageError("There are no instances. Pass at least one.")
    if num_relations > len(rows):
        raise UsageError(
            f"`num_relations` must be at most the number of instances ({len(rows)}), got {num_relations}. Lower it or pass more "
            "data."
        )
    return rows


def check_integer(name: str, value: Any, least: int) -> None:
    """Refuse what is not an integer of at least `least`.

    Raises:
        UsageError: names the setting, its value and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value < 2**32:
        raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")


def check_number(name: str, value: Any, least: float, most: float = float("inf"), *, above: bool = False) -> None:
    """Refuse what is not a finite number of at least `least` (with `above`: more than that) and at most `most`.

    Raises:
        UsageError: names the setting, its value and what is allowed.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not least <= value <= most or value == float("inf") or (above and value == least):
        allowed = f"{'above' if above else 'of at least'} {least:g}" + (
            "" if most == float("inf") else f" and at most {most:g}"
        )
        raise UsageError(f"`{name}` must be a finite number {allowed}, got {value!r}.")


def type_columns(rows: list[Instance]) -> np.ndarray:
    """Entity types as columns: one for every type of the head, then one for every type of the tail.

    Args:
        rows (`list[Instance]`): checked instances; no type is a type of its own.

    Returns:
        `np.ndarray` of shape `(n, head types + tail types)`, float32 of zeros and ones.

    Example:

    ```python
    >>> from hf_relation.baselines.checks import type_columns
    >>> type_columns([{"head": {"type": h}, "tail": {"type": t}} for h, t in [("PER", "LOC"), ("ORG", "LOC")]]).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]

    ```
    """
    blocks = []
    for role in ("head", "tail"):
        types = [row[role]["type"] or "" for row in rows]
        names = sorted(set(types))
        blocks.append(np.array([[float(name == each) for name in names] for each in types], dtype=np.float32))
    return np.concatenate(blocks, axis=1)
