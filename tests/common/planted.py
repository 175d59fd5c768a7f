"""A small corpus with planted relations: sentences of our own, and embeddings that a clustering must separate."""

from __future__ import annotations

from typing import Any

import numpy as np


_HEADS = ("Ada Lind", "Bo Ferrer", "Cem Aydin", "Dora Weiss", "Eli Marsh", "Fay Okoro", "Gil Santos", "Hua Chen")
_TAILS = ("Lisbon", "Torvik", "Nalda Corp", "Grey River", "Port Ellis", "Kolma", "Red Lane Works", "Sund")
_SENTENCES = (
    "{head} was born in {tail} during the war.",
    "{head} founded {tail} with two friends.",
    "{head} plays for {tail} this season.",
    "{head} wrote about {tail} twice.",
    "{head} inherited {tail} from an uncle.",
)
PLANTED_WORDS = ("born", "founded", "plays", "wrote", "inherited")


def planted_corpus(
    sizes: tuple[int, ...] = (9, 7, 5), *, dim: int = 12, noise: float = 0.05, seed: int = 0
) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Instances, embeddings and gold relation numbers, shuffled; relation `r` has `sizes[r]` instances.

    Returns:
        `tuple`: instances with ids `"i00"`, ... and gold labels `"r0"`, ...; float32 embeddings `(n, dim)` around one axis a
        relation; integer labels `(n,)` numbered by size, largest first, as canonical labels are for distinct sizes.
    """
    generator = np.random.default_rng(seed)
    gold = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    embeddings = np.eye(dim)[gold] + noise * generator.normal(size=(len(gold), dim))
    instances = []
    for position, relation in enumerate(gold.tolist()):
        head = f"{_HEADS[position % len(_HEADS)]} {position}"
        tail = f"{_TAILS[position % len(_TAILS)]} {position}"
        text = _SENTENCES[relation].format(head=head, tail=tail)
        start = text.index(tail, len(head))
        instances.append(
            {
                "id": f"i{position:02d}",
                "text": text,
                "head": {"start": 0, "end": len(head), "type": "PERSON"},
                "tail": {"start": start, "end": start + len(tail), "type": None},
                "relations": [f"r{relation}"],
            }
        )
    return instances, embeddings.astype(np.float32), gold
