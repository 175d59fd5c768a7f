"""Triples as JSON text and back: the columns in which the `evaluate` library keeps them."""

from __future__ import annotations

import json
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.metrics.triples import Triple


def texts_of_triples(documents: Any, name: str) -> list[list[str]]:
    """Check the triples of documents and write each as JSON: their parts may be text, numbers or spans, which no column type can hold.

    Args:
        documents (`list` of `list` of triples): of every document its triples `[head, relation, tail]`; each of the three is text, a
            whole number, or a list of these such as a span `[start, end]`.
        name (`str`): what error messages call them.

    Returns:
        `list[list[str]]`: in the same order.

    Raises:
        UsageError: something that is no triple of such parts (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics.triple_texts import texts_of_triples, triples_of_texts
    >>> texts_of_triples([[("Ada", "met", (0, 3))], []], "references")
    [['["Ada", "met", [0, 3]]'], []]
    >>> triples_of_texts(_)
    [[('Ada', 'met', (0, 3))], []]

    ```
    """
    if not isinstance(documents, (list, tuple)):
        raise UsageError(f"`{name}` must be a list with the triples of each document, got {type(documents).__name__}.")
    return [_document(document, f"`{name}` {number}") for number, document in enumerate(documents)]


def triples_of_texts(documents: list[list[str]]) -> list[list[Triple]]:
    """What [`texts_of_triples`] wrote, with tuples in the place of lists."""
    return [[_tuples(json.loads(text)) for text in document] for document in documents]


def _document(triples: Any, name: str) -> list[str]:
    if not isinstance(triples, (list, tuple, set, frozenset)):
        raise UsageError(f"{name} must be a list of triples, got {type(triples).__name__}.")
    for triple in triples:
        if not isinstance(triple, (list, tuple)) or len(triple) != 3 or not all(map(_is_part, triple)):
            raise UsageError(
                f"{name}: {str(triple)[:60]!r} is no [head, relation, tail] of text, whole numbers, or lists of these."
            )
    return [json.dumps(triple) for triple in triples]


def _is_part(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(item is None or _is_part(item) for item in value)
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
