"""What kinds of entities a relation joins: the type signature, such as PERSON -> PLACE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TypeSignature:
    """The most frequent pair of entity types of a relation.

    Args:
        head (`str`): type of the head.
        tail (`str`): type of the tail.
        share (`float`): of the relation's instances, those with these two types; in (0, 1].

    Example:

    ```python
    >>> from hf_relation.discovery import TypeSignature
    >>> str(TypeSignature("PERSON", "PLACE", 0.9))
    'PERSON -> PLACE'

    ```
    """

    head: str
    tail: str
    share: float

    def __str__(self) -> str:
        return f"{self.head} -> {self.tail}"


def type_pair(instance: Mapping[str, Any]) -> tuple[str, str] | None:
    """The types of head and tail; `None` unless both are known."""
    head, tail = (instance[side].get("type") for side in ("head", "tail"))
    return (str(head), str(tail)) if head and tail else None


def type_signatures(instances: Sequence[Mapping[str, Any]], labels: np.ndarray) -> list[TypeSignature | None]:
    """The type signature of every relation.

    Args:
        instances (`Sequence[Mapping]`): the instances, as in the data contract; gold labels are never read.
        labels (`np.ndarray` of shape `(n,)`, integer): relation ids `0 .. r-1`; -1 marks rows left out.

    Returns:
        `list[TypeSignature | None]`: one for every relation; `None` where no instance has both types. Of equally frequent
        ones the first in the alphabet is taken.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import type_signatures
    >>> row = {"head": {"type": "PERSON"}, "tail": {"type": "PLACE"}}
    >>> type_signatures([row, row, {"head": {"type": None}, "tail": {"type": "PLACE"}}], np.array([0, 0, 1]))
    [TypeSignature(head='PERSON', tail='PLACE', share=1.0), None]

    ```
    """
    labels = np.asarray(labels)
    signatures: list[TypeSignature | None] = []
    for relation in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == relation).tolist()
        found = Counter(pair for row in rows if (pair := type_pair(instances[row])) is not None)
        best = min(found, key=lambda pair: (-found[pair], pair), default=None)
        signatures.append(None if best is None else TypeSignature(*best, share=found[best] / len(rows)))
    return signatures
