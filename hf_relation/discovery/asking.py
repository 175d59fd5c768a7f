"""Finding relations by what they mean: "who owns what"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hf_relation.clustering.rows import check_matrix
from hf_relation.discovery.matching import Encode, unit
from hf_relation.discovery.relation_texts import members_of
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation


class RelationMatch(NamedTuple):
    """A relation that answers a query.

    Args:
        relation (`int`): its id.
        name (`str`): its name.
        score (`float`): in [-1, 1], higher is nearer; it compares the relations of one query, not two queries.
    """

    relation: int
    name: str
    score: float


def rank_relations(
    query: str,
    relations: Sequence[DiscoveredRelation],
    *,
    instances: Sequence[Mapping[str, Any]] | None = None,
    labels: np.ndarray | None = None,
    encoder: str | os.PathLike[str] | Encode | None = None,
) -> list[RelationMatch]:
    """Order relations by how near they are to a text.

    A relation is the mean of four vectors of a sentence encoder: of its name, of its keywords, of its patterns, and of the texts
    from its first to its second mention. The score is the cosine with the query, both less the mean of all relations, in which
    whatever they have in common counts for nothing.

    Args:
        query (`str`): a word, phrase or question in the language of the encoder.
        relations (`Sequence[DiscoveredRelation]`): all of a result.
        instances, labels (*optional*): those of the result; without them the examples of the relations are read.
        encoder (*optional*): a sentence encoder, as for [`~hf_relation.discovery.InventoryMatcher`].

    Returns:
        `list[RelationMatch]`: all relations, nearest first; of equally near ones the smaller id.

    Raises:
        UsageError: a blank query, or relations that were found in embeddings alone.
        CheckpointError: the encoder cannot be had.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation
    >>> from hf_relation.discovery.asking import rank_relations
    >>> def encode(texts):  # a toy: one dimension for each of three words
    ...     return np.array([[float(word in text) for word in ("own", "born", "wed")] for text in texts])
    >>> found = [DiscoveredRelation(0, "was born in", ["born"], 3, 1.0), DiscoveredRelation(1, "owns", ["owner"], 2, 1.0)]
    >>> [match.name for match in rank_relations("who owns what", found, encoder=encode)]
    ['owns', 'was born in']

    ```
    """
    if not isinstance(query, str) or not query.strip():
        raise UsageError(f"`query` must be a text that is not blank, got {query!r}.")
    if not relations:
        return []
    members = members_of(relations, instances, labels)
    groups = [
        [
            [relation.name],
            [", ".join(relation.keywords[:5])] if relation.keywords else [],
            [pattern.pattern for pattern in relation.patterns],
            [row["context"] for row in members[relation.id]],
        ]
        for relation in relations
    ]
    if not any(texts for parts in groups for texts in parts[1:]) and all(r.named_by == "text" for r in relations):
        raise UsageError("These relations have no words to compare with: they were found in embeddings alone.")
    if encoder is None or isinstance(encoder, (str, os.PathLike)):
        from hf_relation.embedding.texts import TextEncoder  # imports torch

        encoder = TextEncoder.from_pretrained(encoder)
    distinct = sorted({query, *(text for parts in groups for texts in parts for text in texts if text)})
    rows = unit(check_matrix(encoder(distinct), name="what the encoder returns").astype(np.float64))
    if len(rows) != len(distinct):
        raise UsageError(
            f"The encoder returned {len(rows)} rows for {len(distinct)} texts; it must return one for each."
        )
    at = dict(zip(distinct, rows, strict=True))
    means = np.stack(
        [
            unit(
                np.stack(
                    [unit(np.mean([at[text] for text in texts], axis=0)[None])[0] for texts in parts if texts]
                ).mean(axis=0)[None]
            )[0]
            for parts in groups
        ]
    )
    common = means.mean(axis=0) * (len(means) / (len(means) + 1))
    scores = (unit(means - common) @ unit((at[query] - common)[None])[0]).round(6)
    order = sorted(range(len(relations)), key=lambda place: (-scores[place], relations[place].id))
    return [RelationMatch(relations[place].id, relations[place].name, float(scores[place])) for place in order]
