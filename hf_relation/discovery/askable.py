"""What can be asked of discovered relations: names for them, and which of them a text is about."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hf_relation.discovery.asking import RelationMatch, rank_relations
from hf_relation.discovery.matching import Encode
from hf_relation.discovery.name_proposals import NameProposal, name_relations
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.fitted import FittedRelations


class AskableRelations:
    """The part of [`~hf_relation.RelationDiscovery`] that answers questions about the relations it has found."""

    if TYPE_CHECKING:

        def _checked_fitted(self) -> FittedRelations: ...

    def name_relations(self, by: Any, **options: Any) -> list[NameProposal]:
        """Name the relations from an inventory of names, by a function, or by a text-generation pipeline.

        Names that a user gave, and those of known relations, stay. Later edits keep the new names.

        Args:
            by ([`~hf_relation.discovery.RelationInventory`], [`~hf_relation.discovery.InventoryMatcher`], callable or
                pipeline): where the names come from, see [`~hf_relation.discovery.name_relations`].
            **options: `encoder`, `top`, `one_to_one`, `min_score`, `cache`, as there.

        Returns:
            `list[NameProposal]`: what was chosen for every relation, with the further candidates of an inventory.

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: an argument is out of range, or a function gave no string; then nothing is changed.
            CheckpointError: the sentence encoder cannot be had.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import RelationDiscovery
        >>> discovery = RelationDiscovery(num_relations=2).fit(np.eye(2))
        >>> _ = discovery.name_relations(lambda relation: f"kind {relation.id}")
        >>> [(relation.name, relation.named_by) for relation in discovery.relations_]
        [('kind 0', 'model'), ('kind 1', 'model')]

        ```
        """
        fitted = self._checked_fitted()
        proposals = name_relations(fitted.relations, by, **(self._texts(fitted) | options))
        for relation, proposal in zip(fitted.relations, proposals, strict=True):
            relation.name, relation.named_by = proposal.name, proposal.named_by
            relation.description = proposal.description
        return proposals

    def find_relations(
        self, query: str, *, top: int = 5, encoder: str | os.PathLike[str] | Encode | None = None
    ) -> list[RelationMatch]:
        """Which relations a text is about, such as `"who owns what"`.

        Args:
            query (`str`): a word, phrase or question.
            top (`int`, defaults to 5): at most this many, at least 1.
            encoder (`str`, path or callable, *optional*): a sentence encoder; all-MiniLM-L6-v2 (English) by default. See
                [`~hf_relation.discovery.InventoryMatcher`].

        Returns:
            `list[RelationMatch]`: `relation` (the id), `name` and `score`, nearest first; see
            [`~hf_relation.discovery.asking.rank_relations`].

        Raises:
            sklearn.exceptions.NotFittedError: nothing is fitted yet.
            UsageError: a blank query, `top` below 1, or relations that were found in embeddings alone.
            CheckpointError: the encoder cannot be had.
        """
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise UsageError(f"`top` must be a whole number of at least 1, got {top!r}.")
        fitted = self._checked_fitted()
        return rank_relations(query, fitted.relations, encoder=encoder, **self._texts(fitted))[:top]

    def _texts(self, fitted: FittedRelations) -> dict[str, Any]:
        """The instances with their labels, where they are there."""
        if fitted.corpus is None or "text" not in fitted.corpus.rows[0]:
            return {}
        rows: Sequence[Mapping[str, Any]] = fitted.corpus.rows
        return {"instances": rows, "labels": fitted.labels}
