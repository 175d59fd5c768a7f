"""What the sentences of a relation say, for sentence encoders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation

MAX_MEMBERS = 100  # instances of a relation that are read


def members_of(
    relations: Iterable[DiscoveredRelation],
    instances: Sequence[Mapping[str, Any]] | None = None,
    labels: np.ndarray | Sequence[int] | None = None,
) -> dict[int, list[dict[str, str]]]:
    """The texts of each relation: of up to 100 of its instances, or of its examples.

    Args:
        relations (`Iterable[DiscoveredRelation]`): the relations.
        instances (`Sequence[Mapping]`, *optional*): of the data contract; the result does not depend on their order.
        labels (`np.ndarray` of shape `(n,)`, *optional*): relation ids, -1 for "left out".

    Returns:
        `dict`: by relation id `{"context", "tail"}` of each: the text from the beginning of the first mention to the end of
        the second, and the tail mention.

    Raises:
        UsageError: instances without labels or of another number.
    """
    if (instances is None) != (labels is None):
        raise UsageError("Pass `instances` and `labels` together, or none of them.")
    if instances is None or labels is None:
        return {
            relation.id: [_example_texts(row) for row in relation.examples if "text" in row] for relation in relations
        }
    if len(instances) != len(labels):
        raise UsageError(f"{len(instances)} instances do not fit {len(labels)} labels; one for each is needed.")
    found: dict[int, list[tuple[str, int]]] = {relation.id: [] for relation in relations}
    for position, label in enumerate(np.asarray(labels).tolist()):
        if label in found and "text" in instances[position]:
            found[label].append((_digest(str(instances[position]["id"])), position))
    return {
        id_: [_instance_texts(instances[position]) for _, position in sorted(rows)[:MAX_MEMBERS]]
        for id_, rows in found.items()
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _instance_texts(instance: Mapping[str, Any]) -> dict[str, str]:
    text, head, tail = instance["text"], instance["head"], instance["tail"]
    start, end = min(head["start"], tail["start"]), max(head["end"], tail["end"])
    return {"context": text[start:end], "tail": text[tail["start"] : tail["end"]]}


def _example_texts(example: Mapping[str, Any]) -> dict[str, str]:
    text, head, tail = (str(example[key]) for key in ("text", "head", "tail"))
    at_head, at_tail = text.find(head), text.rfind(tail)  # where the mentions stand is not known, only their letters
    start, end = min(at_head, at_tail), max(at_head + len(head), at_tail + len(tail))
    return {"context": text[max(start, 0) : end] if end > 0 else text, "tail": tail}
