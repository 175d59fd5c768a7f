"""What can be done with discovered relations after `fit`: rename, merge, split, delete, and let them grow."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.discovery.editing import delete_relations, merge_relations, split_relation
from hf_relation.discovery.gated import Placed
from hf_relation.discovery.growing import DiscoveryEvent, grow
from hf_relation.discovery.hierarchy import RelationHierarchy, hierarchy_of
from hf_relation.discovery.merging import merge_fitted, same_steps
from hf_relation.discovery.names import rename
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from typing import Self

    from hf_relation.discovery.fitted import FittedRelations


logger = logging.getLogger(__name__)


class EditableRelations:
    """The part of [`~hf_relation.RelationDiscovery`] that changes relations once they are discovered.

    Every method leaves the relations as they were when it raises, and `predict` on the instances of the corpus gives
    `labels_` after each of them.
    """

    n_init: int
    _fitted: FittedRelations | None = None
    events_: list[DiscoveryEvent] = []

    if TYPE_CHECKING:

        @property
        def _seed(self) -> int: ...
        def _checked_fitted(self) -> FittedRelations: ...
        def _embedded(self, instances: Any, embeddings: Any) -> tuple[Sequence[Mapping[str, Any]], np.ndarray]: ...
        def fit(self, instances: Any = None, embeddings: Any = None, *, known: Any = None) -> Self: ...

    def result(self) -> DiscoveryResult:
        """The corpus with the relations as they are now, after any edits.

        Returns:
            [`~hf_relation.discovery.DiscoveryResult`]: instances in the order they came in.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: the corpus was not saved.
        """
        fitted = self._checked_fitted()
        corpus = fitted.need_corpus("`result`")
        return fitted.result(corpus.rows, Placed(fitted.labels, fitted.scores, corpus.vectors, fitted.gated))

    def set_names(self, names: Mapping[int, str]) -> Self:
        """Give relations names of your own. `predict` uses them, they are saved, and edits keep them; keywords, patterns and
        examples stay. Another `fit` finds other relations and names them anew.

        Args:
            names (`Mapping[int, str]`): names by relation id; the other relations keep theirs.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called and no fitted discovery was loaded.
            UsageError: an id that no relation has, a blank name, or two relations of one name; then nothing is changed.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=2).fit(np.eye(2)).set_names({1: "born in"})
        >>> [relation.name for relation in discovery.relations_]
        ['relation 0', 'born in']

        ```
        """
        rename(self._checked_fitted().relations, names)
        return self

    def merge(self, ids: Sequence[int] | Sequence[Sequence[int]]) -> Self:
        """Make one relation of several. It has the smallest of their ids; the others are never used again.

        Names, keywords, patterns and examples are made anew; a name of your own stays.

        Args:
            ids (`Sequence[int]` or `Sequence[Sequence[int]]`): the relations to join, or several such groups.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: an id that no relation has, or twice; a known relation; a group of one; the corpus was not saved.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=3).fit(np.array([[1.0, 0], [1, 0], [0.8, 0.6], [0, 1], [0, 1], [0, 1]]))
        >>> discovery.labels_.tolist()
        [1, 1, 2, 0, 0, 0]
        >>> discovery.merge([1, 2]).labels_.tolist()
        [1, 1, 1, 0, 0, 0]

        ```
        """
        groups: Any = list(ids) if isinstance(ids, (Sequence, np.ndarray)) and not isinstance(ids, str) else ids
        if not isinstance(groups, list):
            raise UsageError(f"`merge` needs a list of relation ids, got {ids!r}.")
        if not groups or not all(isinstance(group, (Sequence, np.ndarray)) for group in groups):
            groups = [groups]
        self._fitted = merge_relations(self._checked_fitted(), groups)
        return self

    def hierarchy(self, *, known: bool = True) -> RelationHierarchy:
        """Which relations are alike: a tree over those that have instances, to look at or to [`cut`].

        Args:
            known (`bool`, defaults to `True`): with known relations, where there are some.

        Returns:
            [`~hf_relation.discovery.RelationHierarchy`].

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: no relation has instances.
        """
        fitted = self._checked_fitted()
        return hierarchy_of(fitted.relations, fitted.centers, known=known)

    def cut(self, num_relations: int) -> Self:
        """Join the nearest (novel) relations, as [`hierarchy`] has them, until so many are left. Every group has the smallest id in it.

        Args:
            num_relations (`int`): from 1 to the number of novel relations with instances.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: `num_relations` is out of range, or the corpus was not saved.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=3).fit(np.array([[1.0, 0], [1, 0], [0.8, 0.6], [0, 1], [0, 1], [0, 1]]))
        >>> discovery.cut(2).labels_.tolist()
        [1, 1, 1, 0, 0, 0]

        ```
        """
        fitted = self._checked_fitted()
        fitted.need_corpus("`cut`")
        groups: dict[int, list[int]] = {}
        for id_, group in self.hierarchy(known=False).cut(num_relations).items():
            groups.setdefault(group, []).append(id_)
        joined = [ids for ids in groups.values() if len(ids) > 1]
        if joined:
            self._fitted = merge_relations(fitted, joined)
        return self

    def split(self, id: int, num_relations: int | str = 2) -> Self:
        """Divide a relation into several by k-means. The largest part keeps the id, the others get new ones.

        Args:
            id (`int`): the relation.
            num_relations (`int` or `"auto"`, defaults to 2): how many parts, at least 2.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: an id that no relation has; a known relation; too few distinct instances; the corpus was not saved.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=1).fit(np.array([[1.0, 0], [1, 0], [0, 1]]))
        >>> discovery.split(0).labels_.tolist()
        [0, 0, 1]

        ```
        """
        self._fitted = split_relation(self._checked_fitted(), id, num_relations, n_init=self.n_init, seed=self._seed)
        return self

    def delete(self, ids: Sequence[int]) -> Self:
        """Leave relations out: their instances get label -1, and so will new instances like them.

        Args:
            ids (`Sequence[int]`): the relations; not all there are.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: an id that no relation has, or twice; a known relation; all relations; the corpus was not saved.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=2).fit(np.array([[1.0, 0], [1, 0], [0, 1]]))
        >>> discovery.delete([1]).predict(np.array([[0.1, 0.9]])).labels.tolist()
        [-1]

        ```
        """
        self._fitted = delete_relations(self._checked_fitted(), ids)
        return self

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
        self, other: EditableRelations, embeddings: Any = None, *, min_overlap: float = 0.5
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
