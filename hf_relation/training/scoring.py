"""From a trained model and its data to figures: embed once, then cluster with any algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.clustering import WithinClassWhitening, finds_number, make_clusterer
from hf_relation.clustering.algorithms import Algorithm
from hf_relation.embedding import embed_instances
from hf_relation.embedding.embed import EmbeddingDtype
from hf_relation.errors import UsageError
from hf_relation.training.bandwidth import choose_bandwidth_quantile
from hf_relation.training.datasets import single_relation
from hf_relation.training.evaluation import limit_per_relation, rows_to_cluster, score_clusterings


if TYPE_CHECKING:
    from hf_relation.training.experiment import ExperimentData


# From embeddings to the rows that are clustered: name -> (whitening, principal components).
VARIANTS = {
    "plain": (False, False),
    "pca": (False, True),
    "whitening": (True, False),
    "whitening+pca": (True, True),
}

# Part -> variant -> figures per cluster seed.
Scores = dict[str, dict[str, list[dict[str, float]]]]


@dataclass(frozen=True)
class EmbeddedParts:
    """The validation and the test part as rows.

    Args:
        rows (`dict[str, np.ndarray]`): `"validation"` and `"test"`, unless empty: arrays of shape `(n, d)`.
        gold (`dict[str, list[str]]`): the relation of every row.
        whitening ([`~hf_relation.clustering.WithinClassWhitening`], *optional*): fitted on training relations.
    """

    rows: dict[str, np.ndarray]
    gold: dict[str, list[str]]
    whitening: WithinClassWhitening | None


def embed_parts(
    model: Any,
    processor: Any,
    data: ExperimentData,
    *,
    whitening_per_relation: int = 100,
    shrinkage: float = 0.8,
    dtype: EmbeddingDtype = "float32",
    progress: bool = False,
) -> EmbeddedParts:
    """Embed what is scored, and fit the whitening.

    Args:
        model (`PreTrainedModel`), processor ([`RelationProcessor`]), data ([`ExperimentData`]), whitening_per_relation,
            shrinkage, dtype, progress: as in [`score_model`].

    Returns:
        [`EmbeddedParts`]: rows with exactly one relation.
    """
    whitening = None
    if whitening_per_relation:
        fitting = limit_per_relation(data.train, whitening_per_relation)
        rows = embed_instances(model, processor, fitting, dtype=dtype, progress=progress)
        whitening = WithinClassWhitening(shrinkage=shrinkage).fit(rows, [single_relation(row) for row in fitting])
    embedded = EmbeddedParts({}, {}, whitening)
    for name, instances in (("validation", data.validation), ("test", data.test)):
        labelled = [row for row in instances if single_relation(row) is not None]
        if labelled:
            embedded.rows[name] = embed_instances(model, processor, labelled, dtype=dtype, progress=progress)
            embedded.gold[name] = [str(single_relation(row)) for row in labelled]
    return embedded


def score_parts(
    embedded: EmbeddedParts,
    *,
    cluster_seeds: Sequence[int] = (0, 1, 2, 3, 4),
    n_init: int = 60,
    pca_components: int = 64,
    algorithm: Algorithm = "kmeans",
    cluster_kwargs: Mapping[str, Any] | None = None,
) -> Scores:
    """Cluster every part in every variant, and compare with the gold relations.

    Args:
        embedded ([`EmbeddedParts`]): from [`embed_parts`].
        cluster_seeds, n_init, pca_components, algorithm, cluster_kwargs: as in [`score_model`].

    Returns:
        `dict`: as [`score_model`] gives it.

    Raises:
        UsageError: a wrong setting, or an automatic quantile without validation rows.
    """
    settings, automatic = _split_settings(algorithm, cluster_kwargs)
    if automatic:
        _check_choice(len(set(embedded.gold.get("validation", ()))))
    quantiles: dict[str, float] = {}
    scores: Scores = {}
    for part, rows in embedded.rows.items():
        gold = embedded.gold[part]
        scores[part] = {}
        for variant, (whitened, reduced) in VARIANTS.items():
            if whitened and embedded.whitening is None:
                continue
            transform, components = embedded.whitening if whitened else None, pca_components if reduced else None
            if automatic and part == "validation":
                space = rows_to_cluster(rows, transform, components)
                choice = choose_bandwidth_quantile(space, gold, seed=cluster_seeds[0], **settings)
                quantiles[variant] = choice.quantile
            chosen = {"bandwidth_quantile": quantiles[variant]} if automatic else {}
            figures = score_clusterings(
                rows,
                gold,
                seeds=cluster_seeds,
                n_init=n_init,
                transform=transform,
                pca_components=components,
                algorithm=algorithm,
                cluster_kwargs=settings | chosen,
            )
            scores[part][variant] = [score | chosen for score in figures]
    return scores


def check_clustering(
    data: ExperimentData, algorithm: Algorithm, cluster_kwargs: Mapping[str, Any] | None, *, n_init: int = 60
) -> None:
    """Check the settings of the clustering before anything is embedded.

    Args:
        data ([`ExperimentData`]): an automatic quantile needs its validation part.
        algorithm, cluster_kwargs, n_init: as in [`score_model`].

    Raises:
        UsageError: a wrong setting, or an automatic quantile with fewer than two validation relations.
    """
    settings, automatic = _split_settings(algorithm, cluster_kwargs)
    make_clusterer(algorithm, None if finds_number(algorithm, settings) else 1, n_init=n_init, **settings)
    if automatic:
        _check_choice(len({single_relation(row) for row in data.validation} - {None}))


def _split_settings(algorithm: str, cluster_kwargs: Mapping[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """The settings without an automatic quantile, and whether there was one."""
    settings = dict(cluster_kwargs or {})
    if settings.get("bandwidth_quantile") != "auto":
        return settings, False
    if algorithm != "mean_shift":
        raise UsageError(f'`bandwidth_quantile` is a setting of "mean_shift", not of "{algorithm}".')
    if settings.get("bandwidth") is not None:
        raise UsageError("Give `bandwidth` or `bandwidth_quantile`, not both.")
    del settings["bandwidth_quantile"]
    return settings, True


def _check_choice(num_relations: int) -> None:
    if num_relations < 2:
        raise UsageError(
            'An automatic bandwidth (`bandwidth_quantile="auto"`) is chosen on held-out known relations, and there are '
            f"{num_relations} of them (at least 2 are needed). Hold some out, or give a number: a quantile above 0 and at most 1."
        )
