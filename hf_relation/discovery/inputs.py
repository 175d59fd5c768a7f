"""What `fit` and `predict` accept: instances without their gold labels, ready embeddings, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.rows import check_matrix
from hf_relation.data.schema import Instance
from hf_relation.data.validation import check_instances
from hf_relation.errors import UsageError


_GOLD = ("relation", "relations")


def without_labels(instances: Iterable[Mapping[str, Any]]) -> list[Instance]:
    """Check instances and leave their gold labels behind, so that nothing further on can read them.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract.

    Returns:
        `list[Instance]`: new dicts, in order, with `relations` empty.

    Raises:
        UsageError: not an iterable of rows.
        InvalidRowError: a bad row, with its position.
    """
    if isinstance(instances, (Mapping, str, bytes)) or not isinstance(instances, Iterable):
        raise UsageError(
            f"A list (or other iterable) of instances is needed, got {type(instances).__name__}. "
            "Put a single instance in a list."
        )
    return check_instances(
        {key: value for key, value in row.items() if key not in _GOLD} if isinstance(row, Mapping) else row
        for row in instances
    )


def read_inputs(
    instances: Any, embeddings: Any
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Any], np.ndarray | None]:
    """Sort out what was given.

    Args:
        instances (`Iterable[Mapping]` or `np.ndarray` of shape `(n, d)`, *optional*): instances; or embeddings.
        embeddings (array-like of shape `(n, d)`, *optional*): embeddings.

    Returns:
        `tuple`: rows (`{"id"}` each where only embeddings were given), one key per row that orders relations of equal size
        (the id; the position where only embeddings were given), and the checked embeddings or `None`.

    Raises:
        UsageError: nothing given, or as many embeddings as instances are not.
        InvalidRowError: a bad instance, or NaN or infinity in the embeddings.
    """
    if isinstance(instances, np.ndarray):
        if embeddings is not None:
            raise UsageError("`instances` is an array, which counts as embeddings, but `embeddings` is given as well.")
        instances, embeddings = None, instances
    if instances is None and embeddings is None:
        raise UsageError("Pass `instances`, `embeddings`, or both.")
    matrix = None if embeddings is None else check_matrix(embeddings, name="embeddings")
    if instances is None and matrix is not None:
        return [{"id": str(position)} for position in range(len(matrix))], range(len(matrix)), matrix
    rows = without_labels(instances)
    if matrix is not None and len(matrix) != len(rows):
        raise UsageError(f"`embeddings` must hold one row per instance: {len(rows)} instances, {len(matrix)} rows.")
    return rows, [row["id"] for row in rows], matrix
