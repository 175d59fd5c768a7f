"""How a discovery grows: more instances, and the relations of another discovery."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.discovery.growing import DiscoveryEvent, grow
from hf_relation.discovery.merging import merge_fitted, same_steps
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from typing import Self

    from hf_relation.discovery.fitted import FittedRelations


logger = logging.getLogger(__name__)


class GrowingRelations:
    """The part of [`~hf_relation.RelationDiscovery`] that adds to a fitted corpus. Nothing is changed by a call that raises."""

    _fitted: FittedRelations | None = None
    events_: list[DiscoveryEvent] = []

    if TYPE_CHECKING:

        def _checked_fitted(self) -> FittedRelations: ...
        def _embedded(self, instances: Any, embeddings: Any) -> tuple[Sequence[Mapping[str, Any]], np.ndarray]: ...
        def fit(self, instances: Any = None, embeddings: Any = None, *, known: Any = None) -> Self: ...

    def partial_fit(self, instances: Any = None, embeddings: Any = None, *, min_new_relation: int = 10) -> Self:
        """Add instances. They get the labels of `predict`; where enough of them are unlike all relations, a new one is opened.

        The first call is a `fit`. Relations keep their ids, names you gave and centres; sizes, keywords and other names are made
        anew. A relation that was opened is an entry in `events_`, and is logged as a warning. How unlike is judged is
        written at [`~hf_relation.discovery.growing.grow`]. The cost of a call grows with the whole corpus, because names
        compare all relations: add instances in batches.

        Args:
            instances, embeddings: as in `fit`; ids must not be in the corpus yet. An empty list changes nothing.
            min_new_relation (`int`, defaults to 10): how many distinct instances open a relation, at least 2.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            UsageError: an id is in the corpus already, the rows are of another form, or the corpus was not saved.
            InvalidRowError: a bad row.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> rng = np.random.default_rng(0)
        >>> def near(axis, rows):
        ...     return np.eye(8)[axis] + rng.normal(scale=0.1, size=(rows, 8))
        >>> discovery = RelationDiscovery(num_relations=2).fit(np.concatenate([near(0, 30), near(1, 20)]))
        >>> discovery.partial_fit(np.concatenate([near(0, 5), near(5, 12)])).labels_[-12:].tolist()
        [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
        >>> discovery.events_
        [DiscoveryEvent(kind='new_relation', relation=2, size=12, moved=0)]

        ```
        """
        if self._fitted is None:
            return self.fit(instances, embeddings)
        fitted = self._fitted
        corpus = fitted.need_corpus("`partial_fit`")
        rows, matrix = self._embedded(instances, embeddings)
        if not rows:
            return self
        rows = _fresh_rows(corpus.rows, rows)
        self._fitted, events = grow(fitted, rows, matrix, min_new_relation=min_new_relation)
        for event in events:
            name = next(relation.name for relation in self._fitted.relations if relation.id == event.relation)
            logger.warning("Opened relation %d (%r) with %d instances.", event.relation, name, event.size)
        self.events_ = [*self.events_, *events]
        return self

    def merge_with(
        self, other: GrowingRelations, embeddings: Any = None, *, min_overlap: float = 0.5
    ) -> dict[int, int]:
        """Take over the corpus and the relations of another fitted discovery, say of another year or another machine.

        A relation of the other that is one of these keeps the id and name it has here, any other one is added with a new
        id; see [`~hf_relation.discovery.merging.merge_fitted`]. Instances whose id is here already are left out. The other's
        instances are embedded anew with this encoder, unless both cluster in the very same space.

        Args:
            other ([`RelationDiscovery`]): fitted, with its corpus; not altered.
            embeddings (array-like of shape `(n, d)`, *optional*): ready embeddings of the other's corpus by this encoder.
            min_overlap (`float`, defaults to 0.5): which share of its instances must fall well inside a relation here for
                the two to be one; above 0, at most 1.

        Returns:
            `dict[int, int]`: from the ids of the other's relations to the ids here.

        Raises:
            sklearn.exceptions.NotFittedError: one of the two is not fitted.
            UsageError: a corpus was not saved, one of them has only embeddings, or they do not fit one another.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> def corpus(*axes):
        ...     return [{"id": f"{axis}-{i}", "text": "Ada met Bob", "head": {"start": 0, "end": 3},
        ...              "tail": {"start": 8, "end": 11}} for axis in axes for i in range(5)], np.eye(4)[np.repeat(axes, 5)]
        >>> here = RelationDiscovery(num_relations=2).fit(*corpus(0, 1))
        >>> there = RelationDiscovery(num_relations=2).fit(*corpus(1, 2))
        >>> there.labels_.tolist(), here.merge_with(there)
        ([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], {0: 1, 1: 2})

        ```
        """
        first, second = self._checked_fitted(), other._checked_fitted()
        corpus = second.need_corpus("`merge_with`")
        rows = corpus.rows
        for fitted, whose in ((first, "This discovery"), (second, "The other discovery")):
            if set(fitted.need_corpus("`merge_with`").rows[0]) == {"id"}:
                raise UsageError(
                    f"{whose} was fitted on embeddings alone, so that nothing tells which instances are the same. Fit it with "
                    "instances."
                )
        if embeddings is None and first.gated is None and same_steps(first, second):
            placed = first.place(corpus.vectors)
        else:
            placed = first.assign(self._embedded(rows, embeddings)[1])
        self._fitted, mapping = merge_fitted(first, rows, placed, second, min_overlap=min_overlap)
        return mapping


def _fresh_rows(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """New rows beside old ones: of the same form, with ids of their own; numbers go on where only embeddings were given."""
    bare = [set(rows[0]) == {"id"} for rows in (old, new)]
    if bare[0] != bare[1]:
        had, got = ("embeddings alone" if only else "instances" for only in bare)
        raise UsageError(f"The corpus was fitted on {had}, but `partial_fit` got {got}. Pass the same.")
    if bare[0]:
        return [{"id": str(len(old) + position)} for position in range(len(new))]
    known = {row["id"] for row in old}
    twice = next((position for position, row in enumerate(new) if row["id"] in known), None)
    if twice is not None:
        raise UsageError(
            f"Row {twice} has the id {new[twice]['id']!r}, which is in the corpus already. Leave it out, or give it an id of its own."
        )
    return new
