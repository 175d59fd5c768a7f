"""How good names of relations are, beside the names and descriptions that the corpus has for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def name_similarity(
    names: Sequence[str],
    gold_names: Sequence[str],
    gold_descriptions: Sequence[str],
    encode: Callable[[Sequence[str]], np.ndarray],
) -> dict[str, float]:
    """Compare names with those of the gold relations.

    Args:
        names: our name of every relation.
        gold_names: of the gold relation that each is (the commonest among its instances); a gold relation may come twice.
        gold_descriptions: of the same; an empty one counts as its name.
        encode: texts to rows of an array, such as [`~hf_relation.embedding.TextEncoder`]; rows are taken at length one.

    Returns:
        `dict`: means over the relations: `"name_similarity"` and `"description_similarity"`, the cosine with the right name and
        description; `"name_rank_1"`, the share of relations whose name is liker to the name of its own gold relation than to that of any other
        (chance is one over the number of gold relations; of equally like ones the first counts); and `"unique"`, the share of
        distinct names.

    Example:

    ```python
    >>> found = name_similarity(["wed", "born"], ["spouse", "birth"], ["", ""], lambda texts: np.array(
    ...     [[float(text in ("wed", "spouse")), float(text in ("born", "birth"))] for text in texts]))
    >>> found["name_similarity"], found["unique"]
    (1.0, 1.0)

    ```
    """
    if not len(names) == len(gold_names) == len(gold_descriptions) or not names:
        raise ValueError(
            f"One gold name and description for each of at least one name: got {len(names)} names, {len(gold_names)} gold names "
            f"and {len(gold_descriptions)} descriptions."
        )
    ours, gold, descriptions = (
        _unit(encode(list(texts)))
        for texts in (names, gold_names, [d or n for d, n in zip(gold_descriptions, gold_names, strict=True)])
    )
    distinct = list(dict.fromkeys(gold_names))
    first = [gold_names.index(name) for name in distinct]
    nearest = (ours @ gold[first].T).round(6).argmax(axis=1)
    return {
        "name_similarity": float((ours * gold).sum(axis=1).mean()),
        "description_similarity": float((ours * descriptions).sum(axis=1).mean()),
        "name_rank_1": float(np.mean([distinct[i] == name for i, name in zip(nearest, gold_names, strict=True)])),
        "unique": len(set(names)) / len(names),
    }


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
