"""How sure a discovery result is of its instances, and what to do with those it is not sure of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult


class ResultCertainty:
    """The part of [`~hf_relation.discovery.DiscoveryResult`] about certain and uncertain instances."""

    def most_certain(self, n: int = 10, relation: int | None = None) -> list[dict[str, Any]]:
        """The instances with the highest scores.

        Args:
            n (`int`, defaults to 10): at most this many.
            relation (`int`, *optional*): only those of the relation of this id.

        Returns:
            `list[dict]`: `id`, `label`, `relation` (the name), `score`, and `head`, `tail`, `text` where known, highest score first;
            without instances left out.

        Raises:
            UsageError: `n` is out of range, or no relation has that id.
        """
        from hf_relation.discovery.certainty import by_certainty

        return by_certainty(cast("DiscoveryResult", self), n, relation)

    def least_certain(self, n: int = 10, relation: int | None = None) -> list[dict[str, Any]]:
        """The instances with the lowest scores, half way between two relations: what a person may look at first.

        Args:
            n, relation: as in [`most_certain`].

        Returns:
            `list[dict]`: as from [`most_certain`], lowest score first.

        Raises:
            UsageError: as in [`most_certain`].
        """
        from hf_relation.discovery.certainty import by_certainty

        return by_certainty(cast("DiscoveryResult", self), n, relation, most=False)

    def leave_out(self, min_score: float) -> DiscoveryResult:
        """A copy in which instances that fit nowhere are left out: those with a score below `min_score`.

        The score of an instance is 0 half way between two relations. Relations stay as they are, their sizes included.

        Args:
            min_score (`float`): from 0 (leaves out nothing) to 1.

        Returns:
            [`DiscoveryResult`]: with label -1, score 0 and kind `"none"` for instances left out.

        Raises:
            UsageError: `min_score` is out of range.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> result = RelationDiscovery(num_relations=2).fit_predict(np.array([[1.0, 0], [1, 0], [0.7, 0.6], [0, 1]]))
        >>> result.labels.tolist(), result.leave_out(0.5).labels.tolist()
        ([0, 0, 0, 1], [0, 0, -1, 1])

        ```
        """
        from hf_relation.discovery.outliers import leave_out

        return leave_out(cast("DiscoveryResult", self), min_score)

    def reassign(self, min_score: float = 0.0) -> DiscoveryResult:
        """A copy in which instances that were left out belong to the relation with the nearest centre.

        For instances that `"hdbscan"` calls noise, of deleted relations, or without relation.

        Args:
            min_score (`float`, defaults to 0): those that would have a lower score stay left out; from 0 to 1.

        Returns:
            [`DiscoveryResult`]: relations stay as they are, their sizes included.

        Raises:
            UsageError: `min_score` is out of range, or the result has no `vectors` and `centers`.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=2).fit(np.array([[1.0, 0], [1, 0], [0, 1]])).delete([1])
        >>> discovery.result().labels.tolist(), discovery.result().reassign().labels.tolist()
        ([0, 0, -1], [0, 0, 0])

        ```
        """
        from hf_relation.discovery.outliers import reassign

        return reassign(cast("DiscoveryResult", self), min_score)
