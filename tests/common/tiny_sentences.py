"""Sentences of our own, four relations with words of their own, for what reads words and entity types."""

from __future__ import annotations

from typing import Any

import numpy as np

from hf_relation.data import WordVectors


# verb phrase -> relation, type of the head, type of the tail
PHRASES = {
    "was born in": ("birth", "PER", "LOC"),
    "grew up near": ("birth", "PER", "LOC"),
    "wrote the novel": ("author", "PER", "WORK"),
    "composed": ("author", "PER", "WORK"),
    "flows through": ("river", "LOC", "LOC"),
    "crosses": ("river", "LOC", "LOC"),
    "took over": ("owner", "ORG", "ORG"),
    "acquired": ("owner", "ORG", "ORG"),
}
_HEADS, _TAILS = ("Ada", "Bruno", "Celia", "Dario", "Elsa"), ("Lindau", "Morel", "Nyborg")


def sentences(*, types: bool = True) -> list[dict[str, Any]]:
    """Instances of every phrase with several heads and tails; 4 relations x 30."""
    rows = []
    for phrase, (relation, head_type, tail_type) in PHRASES.items():
        for head in _HEADS:
            for tail in _TAILS:
                rows.append(
                    {
                        "id": f"{phrase} {head} {tail}",
                        "text": f"{head} {phrase} {tail}, it is said.",
                        "head": {"start": 0, "end": len(head), "type": head_type if types else None},
                        "tail": {
                            "start": len(head) + len(phrase) + 2,
                            "end": len(head) + len(phrase) + 2 + len(tail),
                            "type": tail_type if types else None,
                        },
                        "relations": [relation],
                    }
                )
    return rows


def vectors() -> WordVectors:
    """One direction for the words of every relation, with some noise, and noise for the others."""
    random = np.random.default_rng(0)
    relations = sorted({relation for relation, _, _ in PHRASES.values()})
    words: dict[str, np.ndarray] = {}
    for phrase, (relation, _, _) in PHRASES.items():
        for word in phrase.split():
            words[word] = 3.0 * np.eye(8)[relations.index(relation)] + 0.1 * random.normal(size=8)
    for word in [*map(str.lower, _HEADS + _TAILS), "it", "is", "said"]:
        words[word] = random.normal(size=8)
    return WordVectors(list(words), np.stack(list(words.values())).astype(np.float32))


def shuffled(rows: list[Any], seed: int = 0) -> tuple[list[Any], np.ndarray]:
    """The rows in another order, and that order."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[i] for i in order], order
