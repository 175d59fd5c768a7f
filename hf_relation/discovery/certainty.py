"""The instances of a result whose label is clearest, and those it is least clear for."""

from __future__ import annotations

from typing import Any

import numpy as np

from hf_relation.discovery.relation import find_relation
from hf_relation.discovery.result import DiscoveryResult, surface_forms
from hf_relation.errors import UsageError


def by_certainty(
    result: DiscoveryResult, n: int = 10, relation: int | None = None, *, most: bool = True
) -> list[dict[str, Any]]:
    """Instances in the order of their scores; those left out are not among them.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): any.
        n (`int`, defaults to 10): at most this many, from 0 up.
        relation (`int`, *optional*): only instances of the relation of this id.
        most (`bool`, defaults to `True`): the highest scores first; else the lowest.

    Returns:
        `list[dict]`: `id`, `label`, `relation` (the name), `score`, and `head`, `tail`, `text` where texts are known. Equal scores
        are in the order of the ids.

    Raises:
        UsageError: `n` is out of range, or no relation has that id.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import RelationDiscovery
    >>> from hf_relation.discovery.certainty import by_certainty
    >>> result = RelationDiscovery(num_relations=2).fit_predict(np.array([[1.0, 0], [0.8, 0.6], [0, 1]]))
    >>> [(row["id"], row["label"]) for row in by_certainty(result, 1)]
    [('2', 1)]
    >>> [row["id"] for row in by_certainty(result, relation=0, most=False)]
    ['1', '0']

    ```
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise UsageError(f"`n` must be an integer from 0 up, got {n!r}.")
    labels = np.asarray(result.labels)
    wanted = labels >= 0 if relation is None else labels == find_relation(result.relations, relation).id
    names = {one.id: one.name for one in result.relations}
    ids, sign = result.ids, -1 if most else 1
    chosen = sorted(np.flatnonzero(wanted).tolist(), key=lambda row: (sign * float(result.scores[row]), ids[row]))
    return [
        {
            "id": ids[row],
            "label": int(labels[row]),
            "relation": names[int(labels[row])],
            "score": float(result.scores[row]),
        }
        | surface_forms(result.instances[row])
        for row in chosen[: int(n)]
    ]
