"""One ranking of heads from those of several languages or tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.heads.result import HeadImportance


def sum_importances(importances: Sequence[HeadImportance]) -> HeadImportance:
    """Add up the normalised scores of several importances, each of which counts alike.

    What Ma et al. do with several source languages when they sum their matrices; the other ways are to merge the data before
    measuring, and to try each source by itself ([`~hf_relation.selection.search_each_source`]).

    Args:
        importances (`Sequence[HeadImportance]`): at least one; of one method, one shape and the same pruned heads.

    Returns:
        [`HeadImportance`]: its `raw` is the sum of their `scores`, which are not normalised a second time.

    Raises:
        UsageError: none, or importances that do not belong together.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance, sum_importances
    >>> one = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", 7)
    >>> other = HeadImportance(np.array([[0, 0, 5], [1, 1, 2]]), "gate", 4)
    >>> total = sum_importances([one, other])
    >>> total.raw.round(3).tolist(), total.rank()[0], total.num_examples
    ([[0.333, 1.0, 1.0], [0.583, 0.583, 1.167]], (0, 0), 11)

    ```

    Reference: Ma et al., "Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021, section
    5.
    """
    if not importances:
        raise UsageError("`importances` must have at least one head importance.")
    first = importances[0]
    for other in importances:
        if (
            other.raw.shape != first.raw.shape
            or other.method != first.method
            or set(other.pruned) != set(first.pruned)
        ):
            raise UsageError(
                "Head importances to be summed must have one method, one shape and the same pruned heads; got "
                f"{other.method!r} {other.raw.shape} beside {first.method!r} {first.raw.shape}."
            )
    return HeadImportance(
        np.sum([importance.scores for importance in importances], axis=0),
        first.method,
        sum(importance.num_examples for importance in importances),
        normalize=None,
        layers=first.layers,
        heads=first.heads,
        pruned=first.pruned,
    )
