"""What can be done with discovered relations after `fit`: rename, merge, split, delete, cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.discovery.editing import delete_relations, merge_relations, split_relation
from hf_relation.discovery.gated import Placed
from hf_relation.discovery.hierarchy import RelationHierarchy, hierarchy_of
from hf_relation.discovery.names import rename
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from typing import Self

    from hf_relation.discovery.fitted import FittedRelations


class EditableRelations:
    """The part of [`~hf_relation.RelationDiscovery`] that changes relations once they are discovered.

    Every method leaves the relations as they were when it raises, and `predict` on the instances of the corpus gives
    `labels_` after each of them.
    """

    n_init: int
    _fitted: FittedRelations | None = None

    if TYPE_CHECKING:

        @property
        def _seed(self) -> int: ...
        def _checked_fitted(self) -> FittedRelations: ...

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
