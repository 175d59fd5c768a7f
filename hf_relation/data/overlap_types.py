"""How the triples of one text overlap, and how many there are: the classes by which extraction is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, cast

from ..errors import UsageError


if TYPE_CHECKING:  # so that metrics, which use this module, stay apart from `datasets`
    from .schema import Document


OVERLAP_TYPES: tuple[str, ...] = ("Normal", "EPO", "SEO")
"""No overlap, entity pair overlap, single entity overlap."""

NUMBER_CLASSES: tuple[str, ...] = ("Single", "Double", "Multiple")
"""One triple, exactly two, three or more."""

NUMBER_BUCKETS: tuple[str, ...] = ("1", "2", "3", "4", "5+")
"""By the number of triples, five or more in one."""

Triples = Union["Document", Iterable[Sequence[Hashable]]]


def document_triples(document: Document) -> list[tuple[int, str, int]]:
    """The labelled pairs of a document as `(head, label, tail)`, head and tail being positions in `entities`.

    Args:
        document (`Document`): in normal form.

    Returns:
        `list[tuple[int, str, int]]`: in the document's order, repeated ones included.
    """
    return [(pair["head"], pair["label"], pair["tail"]) for pair in document["relations"]]


def overlap_types(triples: Triples) -> frozenset[str]:
    """The overlap types of one text, by the definitions of CasRel's code.

    - `"Normal"`: no entity is in two triples; so the triples have twice as many entities as there are triples.
    - `"EPO"`, entity pair overlap: two triples have the same head and the same tail.
    - `"SEO"`, single entity overlap: of the distinct (head, tail) pairs, two share an entity, or one has its head as its tail.

    A text that is not Normal may be EPO, SEO or both. Triples count as often as they are listed, so one listed twice makes
    EPO; a pair and its reverse are two pairs that share entities: SEO.

    Args:
        triples (`Document`, or iterable of `(head, relation, tail)`): a document's entities are compared by position.

    Returns:
        `frozenset[str]`: of `OVERLAP_TYPES`; empty for a text without triples.

    Raises:
        UsageError: a triple has not three parts.

    Example:

    ```python
    >>> from hf_relation.data import overlap_types
    >>> sorted(overlap_types([("Holm", "capital of", "Norland"), ("Holm", "in", "Norland"), ("Ada", "born in", "Holm")]))
    ['EPO', 'SEO']
    >>> sorted(overlap_types([("Holm", "in", "Norland"), ("Ada", "met", "Bob")]))
    ['Normal']

    ```

    Reference:
        Zeng et al., "Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism", ACL 2018; Wei et al., "A
        Novel Cascade Binary Tagging Framework for Relational Triple Extraction", ACL 2020, whose counts of test sentences these
        definitions give.
    """
    pairs = [(head, tail) for head, _, tail in _listed(triples)]
    if not pairs:
        return frozenset()
    if _num_entities(pairs) == 2 * len(pairs):
        return frozenset({"Normal"})
    distinct = set(pairs)
    found = set()
    if len(distinct) != len(pairs):
        found.add("EPO")
    if _num_entities(distinct) != 2 * len(distinct):
        found.add("SEO")
    return frozenset(found)


def number_class(triples: Triples, classes: tuple[str, ...] = NUMBER_CLASSES) -> str | None:
    """The class of one text by the number of triples it lists.

    Args:
        triples (`Document`, or iterable of `(head, relation, tail)`): those of one text.
        classes (`tuple[str, ...]`): names for one triple, two, and so on; the last one is for that many or more. By default
            `NUMBER_CLASSES`: `"Single"`, `"Double"` (exactly two), `"Multiple"` (three or more); or `NUMBER_BUCKETS`.

    Returns:
        `str` or `None`: one of `classes`; `None` for no triples.

    Raises:
        UsageError: a triple has not three parts.

    Example:

    ```python
    >>> from hf_relation.data import NUMBER_BUCKETS, number_class
    >>> number_class([("a", "r", "b")] * 6), number_class([("a", "r", "b")] * 6, NUMBER_BUCKETS)
    ('Multiple', '5+')

    ```
    """
    return class_of_number(len(_listed(triples)), classes)


def class_of_number(number: int, classes: tuple[str, ...] = NUMBER_CLASSES) -> str | None:
    """`number_class` of a text of which only the number of triples is known; `None` for 0."""
    return classes[min(number, len(classes)) - 1] if number else None


def overlap_statistics(texts: Iterable[Triples]) -> dict[str, int]:
    """How many texts are of each class; a text may be both EPO and SEO.

    Args:
        texts (iterable of documents, or of the triples of one text each): a corpus.

    Returns:
        `dict[str, int]`: `texts`, `triples`, and one count for each of `OVERLAP_TYPES`, `NUMBER_CLASSES` and `NUMBER_BUCKETS`.

    Raises:
        UsageError: a triple has not three parts.

    Example:

    ```python
    >>> from hf_relation.data import overlap_statistics
    >>> counts = overlap_statistics([[("a", "r", "b"), ("a", "s", "b")], [("a", "r", "b")]])
    >>> counts["texts"], counts["triples"], counts["EPO"], counts["Normal"], counts["Double"]
    (2, 3, 1, 1, 1)

    ```
    """
    counts: Counter[str] = Counter()
    for text in texts:
        triples = _listed(text)
        counts.update(["texts", *overlap_types(triples)])
        counts["triples"] += len(triples)
        if triples:
            counts.update(str(number_class(triples, classes)) for classes in (NUMBER_CLASSES, NUMBER_BUCKETS))
    return {name: counts[name] for name in ("texts", "triples", *OVERLAP_TYPES, *NUMBER_CLASSES, *NUMBER_BUCKETS)}


def _num_entities(pairs: Iterable[tuple[Hashable, Hashable]]) -> int:
    return len({entity for pair in pairs for entity in pair})


def _listed(triples: Triples) -> list[tuple[Hashable, Hashable, Hashable]]:
    if isinstance(triples, Mapping):
        return list(document_triples(cast("Document", triples)))
    listed: list[Any] = list(triples)
    for position, triple in enumerate(listed):
        if isinstance(triple, str) or not isinstance(triple, Sequence) or len(triple) != 3:
            raise UsageError(f"triple {position} must be (head, relation, tail), got {str(triple)[:60]!r}.")
    return [(head, relation, tail) for head, relation, tail in listed]
