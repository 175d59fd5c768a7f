"""Relations by entity types alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hf_relation.baselines.checks import check_inputs, type_columns
from hf_relation.clustering import cluster
from hf_relation.errors import UsageError


def entity_type_relations(
    instances: Iterable[Mapping[str, Any]], num_relations: int, *, seed: int = 0, n_init: int = 60
) -> np.ndarray:
    """Cluster instances by the types of their two mentions, and nothing else.

    Each type of the head and each type of the tail is a column, and k-means groups the rows: pairs of types that share one
    of the two are nearer to one another. It shows what a corpus gives away by its types. (EType learns with the link
    predictor of a relation autoencoder which pairs of types go together; here the pairs' own likeness says so.)

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract with entity types. A mention without one has a type
            of its own, "none"; gold labels are not read.
        num_relations (`int`): clusters to make; with fewer different pairs of types, there are as many as those.
        seed (`int`, defaults to 0): of k-means.
        n_init (`int`, defaults to 60): starts of k-means; the one of least inertia is kept.

    Returns:
        `np.ndarray` of shape `(n,)`, int64: labels from 0 by size, largest first.

    Raises:
        UsageError: no mention has a type, or fewer instances than relations.
        InvalidRowError: a bad row, with its position.

    Example:

    ```python
    >>> from hf_relation.baselines import entity_type_relations
    >>> types = [("PER", "LOC"), ("ORG", "PER"), ("PER", "LOC"), ("ORG", "PER"), ("PER", "LOC")]
    >>> rows = [{"text": "Ada met Bob.", "head": {"start": 0, "end": 3, "type": head},
    ...          "tail": {"start": 8, "end": 11, "type": tail}} for head, tail in types]
    >>> entity_type_relations(rows, 2).tolist()
    [0, 1, 0, 1, 0]

    ```

    Reference: Tran, Le and Ananiadou, "Revisiting Unsupervised Relation Extraction", ACL 2020 (EType).
    """
    rows = check_inputs(instances, num_relations)
    if not any(row[role]["type"] for row in rows for role in ("head", "tail")):
        raise UsageError(
            "None of the instances has entity types, and there is nothing else that this baseline looks at. Use a corpus "
            "with types, for example sentence pairs of Re-DocRED."
        )
    columns = type_columns(rows)
    number = min(num_relations, len(np.unique(columns, axis=0)))
    return cluster(columns, "kmeans", number, seed=seed, n_init=n_init)
