"""A clustered corpus: everything `predict` needs to know, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hf_relation.clustering.algorithms import Algorithm, cluster, finds_number
from hf_relation.clustering.labels import assign, canonical_labels, cluster_centers
from hf_relation.clustering.num_relations import NumRelationsEstimate, estimate_num_relations
from hf_relation.clustering.rows import group_rows
from hf_relation.discovery.assignment import nearest_row, score_by_centers, settle_on_centers
from hf_relation.discovery.describe import describe_relations
from hf_relation.discovery.result import DiscoveredRelation
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.errors import CheckpointError


@dataclass
class FittedRelations:
    """The outcome of clustering a corpus.

    Args:
        steps ([`EmbeddingSteps`]): fitted; from embeddings to the space that was clustered.
        labels (`np.ndarray` of shape `(n,)`, int64): canonical labels, -1 for rows left out.
        scores (`np.ndarray` of shape `(n,)`, float32): see [`~hf_relation.discovery.DiscoveryResult`].
        centers (`np.ndarray` of shape `(r, p)`, float32): relation centres.
        relations (`list[DiscoveredRelation]`): by id.
        estimate ([`~hf_relation.clustering.NumRelationsEstimate`], *optional*): how the number was chosen, if it was.
        requested (`int` or `str`): the number of relations asked for.
        reference (`tuple` of arrays `(m, p)` and `(m,)`, *optional*): the distinct clustered vectors and their labels;
            `None` where the nearest centre decides.
    """

    steps: EmbeddingSteps
    labels: np.ndarray
    scores: np.ndarray
    centers: np.ndarray
    relations: list[DiscoveredRelation]
    estimate: NumRelationsEstimate | None
    requested: int | str
    reference: tuple[np.ndarray, np.ndarray] | None

    def assign(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and scores of any rows; for the fitted rows exactly those of the fit.

        Args:
            embeddings (`np.ndarray` of shape `(n, d)`): in the space of the fitted ones; may be empty.

        Returns:
            `tuple`: labels `(n,)`, int64, and scores `(n,)`, float32.
        """
        vectors = self.steps.transform(embeddings)
        if self.reference is None:
            return assign(vectors, self.centers)
        known_vectors, known_labels = self.reference
        labels = known_labels[nearest_row(vectors, known_vectors)]
        return labels, score_by_centers(vectors, labels, self.centers)

    def get_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything in plain form.

        Returns:
            `tuple`: a JSON-able dict and a dict of arrays.
        """
        estimate = None
        if self.estimate is not None:
            estimate = {
                "best": int(self.estimate.best),
                "low": int(self.estimate.low),
                "high": int(self.estimate.high),
                "candidates": [int(value) for value in self.estimate.candidates],
                "scores": [float(value) for value in self.estimate.scores],
                "criterion": self.estimate.criterion,
            }
        content = {
            "n_features_in": self.steps.n_features_in_,
            "requested": self.requested if isinstance(self.requested, str) else int(self.requested),
            "estimate": estimate,
            "relations": [asdict(relation) for relation in self.relations],
        }
        arrays = {"labels": self.labels, "scores": self.scores, "centers": self.centers}
        arrays |= {f"steps.{key}": value for key, value in self.steps.get_state().items()}
        if self.reference is not None:
            arrays |= {"reference": self.reference[0], "reference_labels": self.reference[1]}
        return content, arrays

    @classmethod
    def from_state(cls, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> FittedRelations:
        """Rebuild from what [`get_state`] gave.

        Args:
            content (`Mapping`): the JSON-able part.
            arrays (`Mapping[str, np.ndarray]`): the arrays.

        Returns:
            [`FittedRelations`]: equal to the original.

        Raises:
            CheckpointError: something is missing, or the parts do not fit one another.
        """
        steps_state = {key.removeprefix("steps."): value for key, value in arrays.items() if key.startswith("steps.")}
        try:
            relations = [DiscoveredRelation.from_dict(relation) for relation in content["relations"]]
            estimate = None
            if content["estimate"] is not None:
                lists = {key: tuple(content["estimate"][key]) for key in ("candidates", "scores")}
                estimate = NumRelationsEstimate(**(content["estimate"] | lists))
            labels, scores, centers = arrays["labels"], arrays["scores"], arrays["centers"]
            steps = EmbeddingSteps.from_state(steps_state, int(content["n_features_in"]))
            reference = (arrays["reference"], arrays["reference_labels"]) if "reference" in arrays else None
            requested = content["requested"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The stored discovery is incomplete or damaged: {error!r}. Save it again."
            ) from error
        width = steps.width
        fits = (
            labels.ndim == 1
            and scores.shape == labels.shape
            and centers.shape == (len(relations), width)
            and [relation.id for relation in relations] == list(range(len(relations)))
            and all(relation.inverse_of in (None, *range(len(relations))) for relation in relations)
            and (reference is None or (reference[0].shape == (len(reference[1]), width) and len(reference[1]) > 0))
            and all(np.isfinite(array).all() for array in (centers, scores))
            and all(
                array.size == 0 or (array.dtype.kind == "i" and -1 <= array.min() and array.max() < len(relations))
                for array in (labels, *([] if reference is None else [reference[1]]))
            )
        )
        if not fits:
            raise CheckpointError(
                "The stored discovery is damaged: its arrays do not fit its relations. Save it again."
            )
        return cls(steps, labels, scores, centers, relations, estimate, requested, reference)


def fit_relations(
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[Any],
    embeddings: np.ndarray,
    *,
    steps: EmbeddingSteps,
    algorithm: Algorithm,
    num_relations: int | str,
    n_init: int,
    seed: int,
    algorithm_kwargs: Mapping[str, Any],
) -> FittedRelations:
    """Cluster a corpus and describe its relations.

    Args:
        rows (`Sequence[Mapping]`): instances without gold labels, or `{"id"}` each; at least one.
        keys (`Sequence`): one key per row, which orders relations of equal size.
        embeddings (`np.ndarray` of shape `(n, d)`): checked.
        steps ([`EmbeddingSteps`]): not yet fitted.
        algorithm, num_relations, n_init, seed, algorithm_kwargs: as in [`~hf_relation.RelationDiscovery`].

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: fewer distinct rows than `num_relations`, or what [`~hf_relation.clustering.cluster`] refuses.
    """
    vectors = steps.fit(embeddings).transform(embeddings)
    number = None if isinstance(num_relations, str) else int(num_relations)
    estimate = None
    if number is None and not finds_number(algorithm, algorithm_kwargs):
        estimate = estimate_num_relations(vectors, seed=seed)
        number = int(estimate.best)
    labels = cluster(vectors, algorithm, number, seed=seed, n_init=n_init, **algorithm_kwargs)
    reference: tuple[np.ndarray, np.ndarray] | None = None
    if algorithm == "kmeans":
        labels, scores, centers = settle_on_centers(vectors, labels, keys)
    else:
        labels = canonical_labels(labels, keys)
        centers = cluster_centers(vectors, labels)
        scores = score_by_centers(vectors, labels, centers)
        distinct = np.unique(group_rows(vectors)[1], return_index=True)[1]
        reference = (vectors[distinct], labels[distinct])
    relations = describe_relations(rows, vectors, labels, scores, centers)
    return FittedRelations(steps, labels, scores, centers, relations, estimate, num_relations, reference)
