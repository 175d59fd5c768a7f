"""From documents to instances and back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import product
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .schema import Document, Entity, Instance, LabelledPair, Mention, Span


Pair = tuple[int, int]


def explode_document(
    document: Document,
    *,
    pairs: Literal["labelled", "all"] = "labelled",
    scope: Literal["document", "sentence"] = "document",
    max_pairs: int | None = None,
    on_overlap: Literal["skip", "raise"] = "skip",
) -> list[Instance]:
    """Turn ordered entity pairs of a document into instances.

    Of two entities with several mentions, the two mentions with the fewest characters between them are taken (the
    earliest of equals); they must not overlap. All labels of a pair go into one instance.

    Args:
        document (`Document`): in normal form, as `check_document` returns it.
        pairs (`"labelled"` or `"all"`): only pairs with a label, or every ordered pair of two entities.
        scope (`"document"` or `"sentence"`): with `"sentence"`, only mentions on the same line of the text count, the
            line is the instance's text, and pairs without such mentions are left out.
        max_pairs (`int`, *optional*): at most so many instances: labelled pairs first, then the nearest ones.
        on_overlap (`"skip"` or `"raise"`): what to do with a labelled pair all of whose mentions overlap (`"New York"` in
            `"New York Times"`): such a pair cannot be an instance.

    Returns:
        `list[Instance]`: ordered by head, then tail; ids are `"<document id>/<head>-<tail>"`.

    Raises:
        UsageError: an argument has a value that is not allowed.
        InvalidRowError: a labelled pair has overlapping mentions only, with `on_overlap="raise"`.

    Example:

    ```python
    >>> from hf_relation.data import check_document, explode_document
    >>> document = check_document({
    ...     "id": "d", "text": "Ada met Bob.",
    ...     "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
    ...     "entities": [{"mentions": [0]}, {"mentions": [1]}],
    ...     "relations": [{"head": 1, "tail": 0, "label": "met by"}],
    ... })
    >>> [(row["id"], row["relations"]) for row in explode_document(document, pairs="all")]
    [('d/0-1', []), ('d/1-0', ['met by'])]

    ```
    """
    _check_choice("pairs", pairs, ("labelled", "all"))
    _check_choice("scope", scope, ("document", "sentence"))
    _check_choice("on_overlap", on_overlap, ("skip", "raise"))
    if max_pairs is not None and max_pairs < 1:
        raise UsageError(f"`max_pairs` must be at least 1, got {max_pairs}.")
    labels: dict[Pair, list[str]] = {}
    for relation in document["relations"]:
        of_pair = labels.setdefault((relation["head"], relation["tail"]), [])
        if relation["label"] not in of_pair:
            of_pair.append(relation["label"])
    entities = range(len(document["entities"]))
    wanted = sorted(
        labels if pairs == "labelled" else {*labels, *(p for p in product(entities, entities) if p[0] != p[1])}
    )
    lines = _line_starts(document["text"])
    found: list[tuple[Pair, int, Span, Span]] = []
    for pair in wanted:
        nearest = _nearest(document, pair, lines if scope == "sentence" else None)
        if nearest is not None:
            found.append((pair, *nearest))
        elif pair in labels and scope == "document" and on_overlap == "raise":
            raise InvalidRowError(
                f"document {document['id']!r}: all mentions of entities {pair[0]} and {pair[1]}, labelled {labels[pair]}, "
                "overlap, so they cannot be an instance. Use on_overlap='skip' to leave such pairs out."
            )
    if max_pairs is not None and len(found) > max_pairs:
        found = sorted(sorted(found, key=lambda item: (item[0] not in labels, item[1], item[0]))[:max_pairs])
    return [_instance(document, pair, head, tail, labels.get(pair, []), scope) for pair, _, head, tail in found]


def fold_instances(instances: Iterable[Instance]) -> list[Document]:
    """Gather the instances of each text into one document.

    Every distinct span becomes a mention and an entity of its own: instances do not say which mentions corefer. A span that
    has a type in one instance and none in another has the type; two different types make two entities.

    Args:
        instances (`Iterable[Instance]`): in normal form.

    Returns:
        `list[Document]`: in the order in which texts first occur; the id is that of the text's first instance.

    Example:

    ```python
    >>> from hf_relation.data import check_instance, fold_instances
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}, "relation": "met"}
    >>> fold_instances([check_instance(row)])[0]["relations"]
    [{'head': 0, 'tail': 1, 'label': 'met'}]

    ```
    """
    of_text: dict[str, list[Instance]] = {}
    for instance in instances:
        of_text.setdefault(instance["text"], []).append(instance)
    return [_fold(text, rows) for text, rows in of_text.items()]


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"`{name}` must be {' or '.join(map(repr, allowed))}, got {value!r}.")


def _line_starts(text: str) -> list[int]:
    return [0] + [position + 1 for position, character in enumerate(text) if character == "\n"]


def _line_of(offset: int, lines: list[int]) -> int:
    return bisect_right(lines, offset) - 1


def _nearest(document: Document, pair: Pair, lines: list[int] | None) -> tuple[int, Span, Span] | None:
    mentions = document["mentions"]
    best: tuple[int, int, int, Span, Span] | None = None
    for i, j in product(*(document["entities"][entity]["mentions"] for entity in pair)):
        head, tail = mentions[i], mentions[j]
        gap = max(head["start"], tail["start"]) - min(head["end"], tail["end"])
        if gap < 0 or (lines is not None and not _same_line(head, tail, lines)):
            continue
        candidate = (gap, head["start"], tail["start"], head, tail)
        if best is None or candidate[:3] < best[:3]:
            best = candidate
    return None if best is None else (best[0], best[3], best[4])


def _same_line(head: Span, tail: Span, lines: list[int]) -> bool:
    first = _line_of(min(head["start"], tail["start"]), lines)
    # The end itself, not the character before it: a mention that ends with a line feed is not within its line.
    return first == _line_of(max(head["end"], tail["end"]), lines)


def _instance(document: Document, pair: Pair, head: Span, tail: Span, labels: list[str], scope: str) -> Instance:
    text, start = document["text"], 0
    if scope == "sentence":
        start = text.rfind("\n", 0, min(head["start"], tail["start"])) + 1
        text = text[start:].split("\n", 1)[0]
    types = [document["entities"][entity]["type"] for entity in pair]
    return {
        "id": f"{document['id']}/{pair[0]}-{pair[1]}",
        "text": text,
        "head": {"start": head["start"] - start, "end": head["end"] - start, "type": types[0]},
        "tail": {"start": tail["start"] - start, "end": tail["end"] - start, "type": types[1]},
        "relations": list(labels),
    }


def _fold(text: str, rows: list[Instance]) -> Document:
    types: dict[Pair, set[str]] = {}
    for row in rows:
        for mention in (row["head"], row["tail"]):
            of_span = types.setdefault((mention["start"], mention["end"]), set())
            if mention["type"] is not None:
                of_span.add(mention["type"])
    spans = {span: position for position, span in enumerate(types)}
    entity_of: dict[tuple[Pair, str | None], int] = {}
    entities: list[Entity] = []

    def position_of(mention: Mention) -> int:
        span = (mention["start"], mention["end"])
        entity_type = mention["type"]
        if entity_type is None and len(types[span]) == 1:
            entity_type = next(iter(types[span]))
        position = entity_of.setdefault((span, entity_type), len(entities))
        if position == len(entities):
            entities.append({"id": None, "type": entity_type, "mentions": [spans[span]]})
        return position

    relations: dict[tuple[int, int, str], LabelledPair] = {}
    for row in rows:
        head, tail = position_of(row["head"]), position_of(row["tail"])
        for label in row["relations"]:
            relations.setdefault((head, tail, label), {"head": head, "tail": tail, "label": label})
    return {
        "id": rows[0]["id"],
        "text": text,
        "mentions": [{"start": start, "end": end} for start, end in spans],
        "entities": entities,
        "relations": list(relations.values()),
    }
