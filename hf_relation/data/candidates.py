"""Which pairs of a document's entities may have a relation, and by which of their mentions they are judged."""

from __future__ import annotations

from itertools import product

from hf_relation.data.schema import Document
from hf_relation.errors import UsageError


def candidate_pairs(
    document: Document, *, max_distance: int | None = None, reflexive: bool = False
) -> list[tuple[int, int]]:
    """List all ordered pairs of two entities of a document.

    Args:
        document (`Document`): in normal form.
        max_distance (`int`, *optional*): leave out pairs whose nearest mentions have more characters between them.
        reflexive (`bool`, defaults to `False`): list the pair of every entity with itself as well, for corpora whose triples
            may have equal head and tail.

    Returns:
        `list[tuple[int, int]]`: head and tail positions in `entities`, by head, then tail.

    Raises:
        UsageError: `max_distance` is not a whole number of at least 0.

    Example:

    ```python
    >>> from hf_relation.data import candidate_pairs, check_document
    >>> document = check_document({
    ...     "text": "Ada met Bob.", "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
    ...     "entities": [{"mentions": [0]}, {"mentions": [1]}],
    ... })
    >>> candidate_pairs(document), candidate_pairs(document, max_distance=4)
    ([(0, 1), (1, 0)], [])

    ```
    """
    check_distance(max_distance)
    entities = range(len(document["entities"]))
    pairs = [(head, tail) for head, tail in product(entities, entities) if reflexive or head != tail]
    if max_distance is None:
        return pairs
    return [pair for pair in pairs if _gap(document, *nearest_mentions(document, *pair)) <= max_distance]


def check_distance(max_distance: int | None) -> None:
    """Refuse a `max_distance` that is not a whole number of at least 0, or `None`."""
    if max_distance is None:
        return
    if isinstance(max_distance, bool) or not isinstance(max_distance, int) or max_distance < 0:
        raise UsageError(f"`max_distance` must be a number of characters of at least 0, got {max_distance!r}.")


def nearest_mentions(document: Document, head: int, tail: int) -> tuple[int, int]:
    """Choose the mentions by which a pair of entities is judged: the two with the fewest characters between them.

    Of equally near ones, those that begin earliest. Mentions may be nested or overlap, which counts as no distance. An entity
    with itself is judged by two different mentions, or, if it has just one, by that one twice.

    Args:
        document (`Document`): in normal form.
        head (`int`), tail (`int`): positions in `entities`.

    Returns:
        `tuple[int, int]`: positions in `mentions`.

    Example:

    ```python
    >>> from hf_relation.data import check_document, nearest_mentions
    >>> document = check_document({
    ...     "text": "Ada met Bob. Bob met Ada.", "mentions": [{"start": 0, "end": 3}, {"start": 13, "end": 16},
    ...     {"start": 21, "end": 24}], "entities": [{"mentions": [0, 2]}, {"mentions": [1]}],
    ... })
    >>> nearest_mentions(document, 0, 1)
    (2, 1)

    ```
    """
    mentions = document["mentions"]
    sides = (document["entities"][head]["mentions"], document["entities"][tail]["mentions"])
    pairs = product(*sides)
    if head == tail and len(sides[0]) > 1:
        pairs = ((one, other) for one, other in pairs if one != other)  # type: ignore[assignment]
    return min(
        pairs,
        key=lambda pair: (_gap(document, *pair), mentions[pair[0]]["start"], mentions[pair[1]]["start"], pair),
    )


def _gap(document: Document, first: int, second: int) -> int:
    one, other = document["mentions"][first], document["mentions"][second]
    return max(0, max(one["start"], other["start"]) - min(one["end"], other["end"]))
