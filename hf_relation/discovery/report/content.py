"""What the report says, as plain Python values: one entry per relation, one per point of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.discovery.report.marks import clean, marked_text


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation
    from hf_relation.discovery.result import DiscoveryResult

NO_TEXTS = "The result was made from embeddings alone, so there are no texts and no mentions to show."
_EXAMPLE, _POINT = 300, 45  # characters kept on each side of a mention
_UNCERTAIN = 5


def has_texts(result: DiscoveryResult) -> bool:
    """Whether every instance has its text and mentions."""
    return bool(len(result)) and all("text" in instance for instance in result.instances)


def relation_entries(result: DiscoveryResult) -> list[dict[str, Any]]:
    """One entry per relation, in the order of the result.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): the result.

    Returns:
        `list[dict]`: `id`, `name`, `kind`, `size` (in the fitted corpus), `count` (in this result), `cohesion`, `score` (mean,
        or `None` where `count` is 0), `keywords`, `patterns`, `types`, `inverse` (id or `None`), `named_by`, `description`,
        `examples` and `uncertain`: each `{"id", "score", "pieces"}`, or `{"id", "score"}` without texts.
    """
    by_id = {str(instance["id"]): instance for instance in result.instances}
    return [_entry(result, relation, by_id) for relation in result.relations]


def _entry(
    result: DiscoveryResult, relation: DiscoveredRelation, by_id: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    rows = np.flatnonzero(result.labels == relation.id)
    weakest = rows[np.argsort(result.scores[rows], kind="stable")][:_UNCERTAIN]
    known = {str(example["id"]) for example in relation.examples}
    signature = relation.signature
    return {
        "id": int(relation.id),
        "name": clean(relation.name),
        "kind": relation.kind,
        "size": int(relation.size),
        "count": len(rows),
        "cohesion": round(float(relation.cohesion), 4),
        "score": round(float(result.scores[rows].mean()), 4) if len(rows) else None,
        "keywords": [clean(word) for word in relation.keywords],
        "patterns": [
            {"pattern": clean(p.pattern), "coverage": round(float(p.coverage), 4), "lift": round(float(p.lift), 2)}
            for p in relation.patterns
        ],
        "types": None if signature is None else clean(f"{signature.head} → {signature.tail}"),
        "types_share": None if signature is None else round(float(signature.share), 4),
        "inverse": None if relation.inverse_of is None else int(relation.inverse_of),
        "named_by": relation.named_by,
        "description": None if relation.description is None else clean(relation.description),
        "examples": [_example(example, by_id) for example in relation.examples],
        "uncertain": [
            _shown(result.instances[row], float(result.scores[row]))
            for row in weakest.tolist()
            if str(result.instances[row]["id"]) not in known
        ],
    }


def _example(example: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An example of the relation. Only the instance says where the mentions are; after `predict` it may be another text's."""
    instance = by_id.get(str(example["id"]))
    if instance is not None and "text" in instance and instance["text"] == example.get("text"):
        return _shown(instance, float(example["score"]))
    shown = {"id": clean(example["id"]), "score": round(float(example["score"]), 4)}
    if "text" in example:
        pair = [(clean(example["head"]), 1), (" → ", 0), (clean(example["tail"]), 2), (": ", 0)]
        shown["pieces"] = [*pair, (clean(example["text"][: 4 * _EXAMPLE]), 0)]
    return shown


def _shown(instance: Mapping[str, Any], score: float) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": clean(instance["id"]), "score": round(score, 4)}
    if "text" in instance:
        shown["pieces"] = marked_text(instance, around=_EXAMPLE)
    return shown


def point_texts(result: DiscoveryResult, rows: Sequence[int]) -> list[Any]:
    """What the map says of each point: pieces of text, or the id where there are no texts.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): the result.
        rows (`Sequence[int]`): which instances.

    Returns:
        `list`: in the order of `rows`.
    """
    instances = (result.instances[row] for row in rows)
    return [
        marked_text(instance, around=_POINT) if "text" in instance else [(clean(instance["id"]), 0)]
        for instance in instances
    ]


def summary(result: DiscoveryResult) -> list[tuple[str, str, str]]:
    """The figures at the top of the page.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): the result.

    Returns:
        `list[tuple[str, str, str]]`: figure, what it is, and a remark (or nothing).
    """
    left_out = int((result.labels < 0).sum())
    known = sum(relation.kind == "known" for relation in result.relations)
    estimate = result.estimate
    if known:
        remark = f"{known:,} known, {len(result.relations) - known:,} novel"
    elif estimate is not None:
        remark = f"estimated; {estimate.low} to {estimate.high} are plausible"
    else:
        remark = "as asked for" if result.requested != "auto" else ""
    inside = result.scores[result.labels >= 0]
    median = f"{float(np.median(inside)):.2f}" if len(inside) else "–"
    return [
        (f"{len(result.relations):,}", "relations" if len(result.relations) != 1 else "relation", remark),
        (f"{len(result):,}", "instances" if len(result) != 1 else "instance", ""),
        (
            f"{left_out:,}",
            "left out",
            f"{left_out / max(len(result), 1):.0%}: no relation, or fit nowhere" if left_out else "",
        ),
        (median, "median score", "1: at its relation's centre; 0: half way to another"),
    ]
