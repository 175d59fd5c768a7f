"""Results to make pages and figures of, built by hand: no model is run."""

from __future__ import annotations

from typing import Any

import numpy as np

from hf_relation.clustering.num_relations import NumRelationsEstimate
from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, PatternScore, TypeSignature


HOSTILE = '</script><img src=x onerror="document.title=1"><b>bold</b> & \x00 \u202eright to left\u202c $x$ %{y}'


def planted_result(
    *, sizes: tuple[int, ...] = (12, 9, 6), left_out: int = 2, hostile: bool = False, words: int = 3
) -> DiscoveryResult:
    """A result of relations whose vectors lie around one axis each; heads and tails are counted through."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(left_out, -1)]).astype(np.int64)
    vectors = 0.15 * rng.normal(size=(len(labels), len(sizes) + 1))
    vectors[np.arange(len(labels)), labels] += 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    extra = f" {HOSTILE}" if hostile else ""
    instances = [_row(i, label, extra, words) for i, label in enumerate(labels.tolist())]
    scores = np.where(labels < 0, 0.0, rng.uniform(0.2, 1.0, len(labels))).astype(np.float32)
    relations = []
    for id_, size in enumerate(sizes):
        rows = np.flatnonzero(labels == id_)[:3].tolist()
        relations.append(
            DiscoveredRelation(
                id=id_,
                name=f"verb{id_} of{extra}",
                keywords=[f"verb{id_}{extra}", "word"],
                size=size,
                cohesion=0.9 - 0.1 * id_,
                examples=[_example(instances[row], float(scores[row])) for row in rows],
                patterns=[PatternScore(f"X verb{id_} Y{extra}", 0.5, 2.0)],
                signature=TypeSignature(f"PERSON{extra}", "PLACE", 0.75),
                inverse_of={0: 1, 1: 0, 2: 2}.get(id_),
            )
        )
    centers = np.stack([vectors[labels == id_].mean(axis=0) for id_ in range(len(sizes))]).astype(np.float32)
    return DiscoveryResult(
        instances,
        labels,
        scores,
        relations,
        estimate=NumRelationsEstimate(3, 2, 4, (2, 3, 4, 5), (0.5, 0.6, 0.55, 0.3), "silhouette"),
        vectors=vectors.astype(np.float32),
        centers=centers,
    )


def bare_result() -> DiscoveryResult:
    """What there is when only embeddings were given: no texts, no vectors, no centres, no estimate."""
    relation = DiscoveredRelation(0, "0", [], 2, 0.5, examples=[{"id": "0", "score": 0.5}])
    return DiscoveryResult([{"id": "0"}, {"id": "1"}], np.array([0, 0]), np.array([0.5, 0.4]), [relation], requested=1)


def _row(number: int, label: int, extra: str, words: int) -> dict[str, Any]:
    head, tail = f"Head{number // 3}{extra}", f"Tail{number}{extra}"
    middle = f" verb{max(label, 0)} "
    text = head + middle + tail + " word" * words
    start = len(head) + len(middle)
    return {
        "id": f"row-{number}{extra}",
        "text": text,
        "head": {"start": 0, "end": len(head)},
        "tail": {"start": start, "end": start + len(tail)},
    }


def _example(row: dict[str, Any], score: float) -> dict[str, Any]:
    forms = {side: row["text"][row[side]["start"] : row[side]["end"]] for side in ("head", "tail")}
    return {"id": row["id"], "score": score, "text": row["text"], **forms}
