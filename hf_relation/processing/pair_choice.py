"""Which pairs of a document's entities an extraction model is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from hf_relation.data.candidates import candidate_pairs
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError


PairsName = Literal["all", "labelled", "none"]
Pairs = PairsName | Sequence[Sequence[tuple[int, int]]]


def check_pair_choice(pairs: Pairs) -> None:
    """Refuse an unknown name.

    Raises:
        UsageError: `pairs` is a string that is not one of `"all"`, `"labelled"`, `"none"`, or no sequence.

    Example:

    ```python
    >>> from hf_relation.processing.pair_choice import check_pair_choice
    >>> check_pair_choice("all")

    ```
    """
    if isinstance(pairs, str):
        known = pairs in get_args(PairsName)
    else:
        known = isinstance(pairs, Sequence)
    if not known:
        raise UsageError(f"`pairs` must be 'all', 'labelled', 'none' or a list of pairs a document, got {pairs!r}.")


def choose_pairs(document: Document, pairs: Pairs, row: int) -> list[tuple[int, int]]:
    """List the pairs of one document.

    Args:
        document (`Document`): in normal form.
        pairs (`str` or one sequence of pairs a document): `"all"` ordered pairs of two entities, `"labelled"` ones, each
            once, `"none"`, or those at position `row`.
        row (`int`): position of the document.

    Returns:
        `list[tuple[int, int]]`: head and tail positions in `entities`.

    Raises:
        UsageError: there is no list for the document, or a pair is not of its entities.

    Example:

    ```python
    >>> from hf_relation.data import check_document
    >>> from hf_relation.processing.pair_choice import choose_pairs
    >>> document = check_document({
    ...     "text": "Ada met Bob.", "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
    ...     "entities": [{"mentions": [0]}, {"mentions": [1]}], "relations": [{"head": 1, "tail": 0, "label": "met"}],
    ... })
    >>> choose_pairs(document, "all", 0), choose_pairs(document, "labelled", 0), choose_pairs(document, [[(0, 1)]], 0)
    ([(0, 1), (1, 0)], [(1, 0)], [(0, 1)])

    ```
    """
    if not isinstance(pairs, str):
        if row >= len(pairs):
            raise UsageError(f"`pairs` has {len(pairs)} lists, but there is a document {row}.")
        entities = len(document["entities"])
        for head, tail in pairs[row]:
            if not (0 <= head < entities and 0 <= tail < entities):
                raise UsageError(f"`pairs`[{row}] has ({head}, {tail}), but the document has {entities} entities.")
        return [(head, tail) for head, tail in pairs[row]]
    if pairs == "labelled":
        return sorted({(relation["head"], relation["tail"]) for relation in document["relations"]})
    return candidate_pairs(document) if pairs == "all" else []
