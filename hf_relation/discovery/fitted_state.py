"""How a fitted discovery is stored, and checked when it is read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hf_relation.clustering.num_relations import NumRelationsEstimate
from hf_relation.discovery.fitted import Corpus, FittedRelations
from hf_relation.discovery.gated import Gated
from hf_relation.discovery.known import NOVEL
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.discovery.prototypes import LEFT_OUT, PrototypeTree
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.state import part_of
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.errors import CheckpointError


def state_of_fitted(
    fitted: FittedRelations, *, corpus: bool = True, examples: bool = True
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Everything in plain form, but for the instances.

    Args:
        fitted ([`FittedRelations`]): what to store.
        corpus (`bool`, defaults to `True`): with the vectors of the corpus.
        examples (`bool`, defaults to `True`): with the example texts of the relations.

    Returns:
        `tuple`: a JSON-able dict and a dict of arrays.
    """
    content = {
        "n_features_in": fitted.steps.n_features_in_,
        "requested": fitted.requested if isinstance(fitted.requested, str) else int(fitted.requested),
        "estimate": None if fitted.estimate is None else asdict(fitted.estimate),
        "relations": [asdict(relation) | ({} if examples else {"examples": []}) for relation in fitted.relations],
        "next_id": fitted.next_id,
    }
    arrays = {"labels": fitted.labels, "scores": fitted.scores, "centers": fitted.centers, "unlike": fitted.unlike}
    arrays |= {f"steps.{key}": value for key, value in fitted.steps.get_state().items()}
    arrays |= {f"tree.{key}": value for key, value in fitted.tree.get_state().items()}
    if corpus and fitted.corpus is not None:
        arrays["vectors"] = fitted.corpus.vectors
    if fitted.gated is not None:
        content["gate"], of_gate = fitted.gated.gate.get_state()
        arrays |= {f"gate.{key}": value for key, value in of_gate.items()}
        arrays |= {"decided": fitted.gated.decided, "probabilities": fitted.gated.probabilities}
    return content, arrays


def fitted_from_state(
    content: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    rows: Sequence[Mapping[str, Any]] | None = None,
) -> FittedRelations:
    """Rebuild from what [`state_of_fitted`] gave.

    Args:
        content (`Mapping`): the JSON-able part.
        arrays (`Mapping[str, np.ndarray]`): the arrays.
        rows (`Sequence[Mapping]`, *optional*): the instances, where they were saved.

    Returns:
        [`FittedRelations`]: equal to the original.

    Raises:
        CheckpointError: something is missing, or the parts do not fit one another.
    """
    try:
        relations = [DiscoveredRelation.from_dict(relation) for relation in content["relations"]]
        ids = [relation.id for relation in relations]
        estimate = None
        if content["estimate"] is not None:
            lists = {key: tuple(content["estimate"][key]) for key in ("candidates", "scores")}
            estimate = NumRelationsEstimate(**(content["estimate"] | lists))
        labels, scores, centers = arrays["labels"], arrays["scores"], arrays["centers"]
        steps = EmbeddingSteps.from_state(part_of(arrays, "steps"), int(content["n_features_in"]))
        requested, next_id = content["requested"], content.get("next_id", len(relations))
        unlike = arrays.get("unlike", np.zeros(len(labels), dtype=bool))
        known = _gated_from(content, arrays, len(labels))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"The stored discovery is incomplete or damaged: {error!r}. Save it again.") from error
    width = steps.width
    vectors = arrays.get("vectors")
    fits = (
        labels.ndim == 1
        and labels.dtype == np.int64
        and scores.shape == unlike.shape == labels.shape
        and unlike.dtype == np.bool_
        and centers.shape == (len(relations), width)
        and all(isinstance(id_, int) and not isinstance(id_, bool) and id_ >= 0 for id_ in ids)
        and ids == sorted(set(ids))
        and isinstance(next_id, int)
        and next_id > max(ids, default=-1)
        and [r.id for r in relations if r.kind == "known"]
        == ([] if known is None else list(range(len(known.gate.relations))))
        and set(np.unique(labels).tolist()) <= {LEFT_OUT, *ids}
        and all(relation.inverse_of in (None, *ids) for relation in relations)
        and all(np.isfinite(array).all() for array in (centers, scores))
        and (vectors is None or (vectors.shape == (len(labels), width) and bool(np.isfinite(vectors).all())))
        and (rows is None or (vectors is not None and len(rows) == len(labels)))
    )
    if not fits:
        raise CheckpointError("The stored discovery is damaged: its arrays do not fit its relations. Save it again.")
    tree = PrototypeTree.from_state(_tree_state(arrays, centers, ids), set(ids), width)
    with_points = set(tree.targets[tree.targets >= 0].tolist())
    if with_points != {relation.id for relation in relations if relation.kind == "novel"}:
        raise CheckpointError("The stored discovery is damaged: a relation has no prototype. Save it again.")
    corpus = None if vectors is None or rows is None else Corpus(rows, vectors)
    return FittedRelations(
        steps, tree, labels, scores, centers, relations, estimate, requested, next_id, corpus, unlike, known
    )


def _gated_from(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], number: int) -> Gated | None:
    if content.get("gate") is None:
        return None
    gate = OpenWorldGate.from_state(content["gate"], part_of(arrays, "gate"))
    decided, probabilities = arrays["decided"], arrays["probabilities"]
    if (
        decided.shape != (number,)
        or decided.dtype != np.int64
        or probabilities.shape != (number, 4)
        or not np.isfinite(probabilities).all()
        or (number and not NOVEL <= decided.min() <= decided.max() < len(gate.relations))
    ):
        raise ValueError("what the gate decided does not fit")
    return Gated(gate, decided, probabilities)


def _tree_state(arrays: Mapping[str, np.ndarray], centers: np.ndarray, ids: Sequence[int]) -> dict[str, np.ndarray]:
    """The arrays of the tree; files of the first format hold reference rows or, after k-means, nothing but the centres."""
    if "tree.points" in arrays:
        return part_of(arrays, "tree")
    points = arrays.get("reference", centers)
    targets = arrays.get("reference_labels", np.asarray(ids, dtype=np.int64))
    return {"points": points, "nodes": np.zeros(len(points), dtype=np.int64), "targets": targets}
