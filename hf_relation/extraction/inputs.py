"""What a `RelationExtractor` is given: texts, documents and instances, brought into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_relation.data.entities import document_of_spans, entities_of
from hf_relation.data.folding import fold_instances
from hf_relation.data.schema import Document
from hf_relation.data.validation import check_document, check_instance
from hf_relation.errors import InvalidRowError, UsageError


@dataclass(frozen=True)
class ExtractionInput:
    """One input.

    Args:
        document (`Document`): in normal form, without relations.
        pair (`tuple[int, int]`, *optional*): the only pair to judge.
        raw (`bool`, defaults to `False`): a text whose entities are still to be found.
    """

    document: Document
    pair: tuple[int, int] | None = None
    raw: bool = False


def read_inputs(rows: Sequence[Any], entities: Any = None, *, first: int = 0) -> list[ExtractionInput]:
    """Check inputs, and find the entities of texts where there is something that finds them.

    Args:
        rows (`Sequence`): texts (`str`, or mappings with `text` alone), documents (text, mentions, entities) and instances
            (text, head, tail); gold labels are left behind unread.
        entities (*optional*): see [`~hf_relation.data.entities_of`].
        first (`int`, defaults to 0): position of the first row, for messages and for the ids of rows without one.

    Returns:
        `list[ExtractionInput]`: in order.

    Raises:
        InvalidRowError: a row is none of these, breaks the data contract, or is a blank text; `.index` is its position.
        UsageError: `entities` is nothing that finds entities.

    Example:

    ```python
    >>> from hf_relation.extraction.inputs import read_inputs
    >>> found, = read_inputs(["Ada sings."], entities=lambda texts: [[(0, 3, "PERSON")] for _ in texts])
    >>> found.document["entities"], found.raw
    ([{'id': None, 'type': 'PERSON', 'mentions': [0]}], False)

    ```
    """
    found = [read_input(row, first + place) for place, row in enumerate(rows)]
    raw = [place for place, given in enumerate(found) if given.raw]
    if entities is None or not raw:
        return found
    for place, spans in zip(raw, entities_of(entities, [found[place].document["text"] for place in raw]), strict=True):
        document = found[place].document
        tagged = document_of_spans(document["text"], spans, id=document["id"], index=first + place)
        found[place] = replace(found[place], document=tagged, raw=False)
    return found


def check_rows(inputs: Any) -> list[Any]:
    """The inputs as a list.

    Args:
        inputs (`Iterable`): not a single text or mapping.

    Raises:
        UsageError: it is.
    """
    try:
        if isinstance(inputs, (str, bytes, Mapping)):
            raise TypeError
        return list(inputs)
    except TypeError:
        raise UsageError(
            f"A list of texts, documents or instances is needed, got {type(inputs).__name__}. Put a single one in a list."
        ) from None


def read_input(row: Any, index: int) -> ExtractionInput:
    """Check one input, see [`read_inputs`].

    Args:
        row (`str` or `Mapping`): a text, a document or an instance.
        index (`int`): its position, for messages and for the id of a row without one.

    Returns:
        [`ExtractionInput`].

    Raises:
        InvalidRowError: it is none of these, breaks the data contract, or is a blank text.
    """
    if isinstance(row, str):
        row = {"text": row}
    if not isinstance(row, Mapping) or "text" not in row:
        given = (
            f"the fields {', '.join(map(str, row)) or '(none)'}" if isinstance(row, Mapping) else type(row).__name__
        )
        raise InvalidRowError(
            f"a text, a document (text, mentions, entities) or an instance (text, head, tail) is needed, got {given}.",
            index=index,
        )
    # Columns of a table that a row does not use are null.
    fields = {name: row[name] for name in ("id", "text", "head", "tail", "mentions", "entities") if name in row}
    fields = {name: value for name, value in fields.items() if value is not None or name == "text"}
    if "head" in fields or "tail" in fields:
        return ExtractionInput(fold_instances([check_instance(fields, index=index)])[0], pair=(0, 1))
    if "mentions" in fields or "entities" in fields:
        return ExtractionInput(check_document(fields, index=index))
    document = check_document(fields | {"mentions": [], "entities": []}, index=index)
    if not document["text"].strip():
        raise InvalidRowError("the text is blank. Leave it out.", index=index)
    return ExtractionInput(document, raw=True)
