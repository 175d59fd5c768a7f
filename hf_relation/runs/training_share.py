"""A small share of the training texts, for low-resource training."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hf_relation.data.schema import Document
from hf_relation.errors import UsageError


def training_share(documents: Sequence[Document], share: float, seed: int = 0) -> list[Document]:
    """Draw a share of the documents, in proportion to their relations.

    The texts of every relation are put in a random order and spread evenly over one common order, of which the first ones are taken: the
    number is exact, every relation has its share of it to within one text, and a smaller share of the same seed lies within a larger one.
    A document with several relations counts as one of its rarest.

    Args:
        documents (`Sequence[Document]`): the training texts.
        share (`float`): in (0, 1].
        seed (`int`, defaults to 0): which texts.

    Returns:
        `list[Document]`: `round(share * n)` of them, at least one, in their order.

    Raises:
        UsageError: a share out of range, or no documents.

    Example:

    ```python
    >>> from hf_relation.runs.training_share import training_share
    >>> rows = [{"id": str(i), "relations": [{"head": 0, "tail": 1, "label": "met" if i % 2 else "saw"}]} for i in range(40)]
    >>> few = training_share(rows, 0.1, seed=1)
    >>> len(few), sorted(row["relations"][0]["label"] for row in few)
    (4, ['met', 'met', 'saw', 'saw'])

    ```
    """
    if not 0 < share <= 1:
        raise UsageError(f"`share` must be in (0, 1], got {share}.")
    if not documents:
        raise UsageError("There are no documents to draw from.")
    counts: dict[str, int] = {}
    for document in documents:
        for label in {relation["label"] for relation in document["relations"]}:
            counts[label] = counts.get(label, 0) + 1
    groups: dict[str | None, list[int]] = {}
    for row, document in enumerate(documents):
        labels = {relation["label"] for relation in document["relations"]}
        rarest = min(labels, key=lambda label: (counts[label], label)) if labels else None
        groups.setdefault(rarest, []).append(row)
    rng = random.Random(seed)
    order: list[tuple[float, int]] = []
    for name in sorted(groups, key=lambda label: (label is None, label or "")):
        rows = groups[name]
        rng.shuffle(rows)
        start = rng.random()  # so that the rare ones are not all first, or all last
        order += [((place + start) / len(rows), row) for place, row in enumerate(rows)]
    taken = sorted(order)[: max(1, round(share * len(documents)))]
    return [documents[row] for row in sorted(row for _, row in taken)]
