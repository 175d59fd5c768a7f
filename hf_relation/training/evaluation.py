"""Scoring a model the way it is used: embed, cluster, compare with gold relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hf_relation.clustering import PrincipalComponents, cluster
from hf_relation.clustering.algorithms import Algorithm, finds_number, uses_chance
from hf_relation.embedding import embed_instances
from hf_relation.embedding.embed import EmbeddingDtype
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from hf_relation.training.datasets import single_relation


if TYPE_CHECKING:
    from hf_relation.data.schema import Instance


class FittedTransform(Protocol):
    """Anything with the `transform` of a fitted scikit-learn transformer."""

    def transform(self, X: np.ndarray) -> np.ndarray: ...


def split_known_relations(
    instances: Sequence[Instance], num_held_out: int, seed: int = 0
) -> tuple[list[Instance], list[Instance]]:
    """Set some of the known relations aside for choosing the model.

    The split is by relation, never by instance: what is measured is how well relations cluster that training has
    not seen. It depends on the names of the relations and the seed, not on the order of the rows.

    Args:
        instances (`Sequence[Instance]`): labelled instances of the known relations; rows with no relation or several
            stay in the training part.
        num_held_out (`int`): how many relations to set aside; 0 sets none aside.
        seed (`int`, defaults to 0): which ones.

    Returns:
        `tuple[list[Instance], list[Instance]]`: training part and held-out part, each in the order of `instances`.

    Raises:
        UsageError: fewer than 2 relations would be left to train on.

    Example:

    ```python
    >>> from hf_relation.training import split_known_relations
    >>> rows = [{"id": str(i), "relations": [name]} for i, name in enumerate("aabbccdd")]
    >>> train, held_out = split_known_relations(rows, 2, seed=1)
    >>> sorted({row["relations"][0] for row in train} & {row["relations"][0] for row in held_out})
    []
    >>> len(train), len(held_out)
    (4, 4)

    ```
    """
    relations = [single_relation(instance) for instance in instances]
    names = sorted({name for name in relations if name is not None})
    if num_held_out < 0 or (num_held_out and len(names) - num_held_out < 2):
        raise UsageError(
            f"`num_held_out` must be between 0 and {max(len(names) - 2, 0)} (there are {len(names)} relations and at least "
            f"2 must be left to train on), got {num_held_out}."
        )
    chosen = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:num_held_out]}
    train = [row for row, name in zip(instances, relations, strict=True) if name not in chosen]
    held_out = [row for row, name in zip(instances, relations, strict=True) if name in chosen]
    return train, held_out


def limit_per_relation(instances: Sequence[Instance], limit: int, seed: int = 0) -> list[Instance]:
    """Keep at most `limit` randomly chosen instances of every relation, in their order.

    Args:
        instances (`Sequence[Instance]`): labelled instances; rows with no relation or several are left out.
        limit (`int`): instances of a relation to keep, at least 1.
        seed (`int`, defaults to 0): which ones.

    Returns:
        `list[Instance]`.

    Example:

    ```python
    >>> from hf_relation.training import limit_per_relation
    >>> rows = [{"id": str(i), "relations": [name]} for i, name in enumerate("aaab")]
    >>> [row["relations"][0] for row in limit_per_relation(rows, 2)]
    ['a', 'a', 'b']

    ```
    """
    if limit < 1:
        raise UsageError(f"`limit` must be at least 1, got {limit}.")
    members: dict[str, list[int]] = {}
    for row, instance in enumerate(instances):
        name = single_relation(instance)
        if name is not None:
            members.setdefault(name, []).append(row)
    rng = np.random.default_rng(seed)
    kept = [row for name in sorted(members) for row in rng.permutation(members[name])[:limit].tolist()]
    return [instances[row] for row in sorted(kept)]


def score_clusterings(
    embeddings: np.ndarray,
    gold: Sequence[str],
    *,
    num_relations: int | str = "gold",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    transform: FittedTransform | None = None,
    pca_components: int | None = None,
    n_init: int = 10,
    algorithm: Algorithm = "kmeans",
    cluster_kwargs: Mapping[str, Any] | None = None,
) -> list[dict[str, float]]:
    """Cluster embeddings, once for every seed that matters, and compare each time with the gold relations.

    Args:
        embeddings (`np.ndarray` of shape `(n, d)`): one row per instance.
        gold (`Sequence[str]` of length `n`): gold relation of every row.
        num_relations (`int` or `"gold"`, defaults to `"gold"`): number of clusters; `"gold"` takes the number of
            distinct gold relations. Algorithms that find the number themselves are never told the gold one, and refuse
            any other.
        seeds (`Sequence[int]`): seeds of the clustering. Where no chance is involved, only the first is used:
            `"agglomerative"`, `"hdbscan"`, and `"mean_shift"` up to 2,000 rows.
        transform (fitted transformer, *optional*): applied first, for example a whitening fitted on known relations.
        pca_components (`int`, *optional*): then the rows are reduced to this many principal components (fitted on
            them, without labels) and scaled to length one; left out with fewer rows or columns, as in discovery.
        n_init (`int`, defaults to 10): restarts of k-means for every seed; the best by inertia counts.
        algorithm (`str`, defaults to `"kmeans"`): as in [`~hf_relation.clustering.cluster`].
        cluster_kwargs (`Mapping`, *optional*): further settings of the algorithm, e.g. `{"bandwidth_quantile": 0.1}`.

    Returns:
        `list[dict[str, float]]`: for every seed (see `seeds`) the figures (not the counts) of [`clustering_report`];
        with an algorithm that finds the number of clusters itself, `"num_clusters"` too. Rows that `"hdbscan"` leaves
        out count as one cluster.

    Raises:
        UsageError: nothing to score, no seed, or another wrong argument.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training import score_clusterings
    >>> rows = np.array([[0.0], [0.1], [0.2], [2.0], [2.1]])
    >>> (score,) = score_clusterings(rows, list("aaabb"), algorithm="mean_shift", cluster_kwargs={"bandwidth": 0.5})
    >>> score["bcubed_f1"], score["num_clusters"]
    (1.0, 2.0)

    ```
    """
    seeds = list(seeds)
    settings = dict(cluster_kwargs or {})
    if len(gold) == 0 or len(gold) != len(embeddings):
        raise UsageError(f"There must be a gold relation for every row, got {len(gold)} for {len(embeddings)} rows.")
    if not seeds:
        raise UsageError("`seeds` must hold at least one seed.")
    if isinstance(num_relations, str) and num_relations != "gold":
        raise UsageError(f"`num_relations` must be a number of clusters or 'gold', got {num_relations!r}.")
    finds = finds_number(algorithm, settings)
    number = None if isinstance(num_relations, str) else int(num_relations)
    if number is None and not finds:
        number = len(set(gold))
    rows = rows_to_cluster(embeddings, transform, pca_components)
    if not uses_chance(algorithm, len(rows)):
        seeds = seeds[:1]
    scores = []
    for seed in seeds:
        report = clustering_report(gold, cluster(rows, algorithm, number, seed=seed, n_init=n_init, **settings))
        figures = {key: value for key, value in report.items() if isinstance(value, float)}
        scores.append(figures | {"num_clusters": float(report["num_clusters"])} if finds else figures)
    return scores


def rows_to_cluster(
    embeddings: np.ndarray, transform: FittedTransform | None = None, pca_components: int | None = None
) -> np.ndarray:
    """Bring embeddings into the space that is clustered, as in [`score_clusterings`].

    Args:
        embeddings (`np.ndarray` of shape `(n, d)`): one row per instance.
        transform (fitted transformer, *optional*): applied first.
        pca_components (`int`, *optional*): reduce to so many principal components then; left out with fewer rows or
            columns.

    Returns:
        `np.ndarray` of shape `(n, p)`.
    """
    rows = embeddings if transform is None else transform.transform(embeddings)
    if pca_components is not None and pca_components < min(rows.shape):
        rows = PrincipalComponents(pca_components).fit(rows).transform(rows)
    return rows


def summarize_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give mean and standard deviation of every figure.

    Args:
        scores (`Sequence[Mapping[str, float]]`): figures of several seeds, with the same keys.

    Returns:
        `dict[str, float]`: the mean under the figure's own key, the sample standard deviation (0.0 for one seed)
        under `<key>_sd`.

    Example:

    ```python
    >>> from hf_relation.training import summarize_scores
    >>> summarize_scores([{"ari": 0.25}, {"ari": 0.75}])
    {'ari': 0.5, 'ari_sd': 0.3535533905932738}

    ```
    """
    summary: dict[str, float] = {}
    for key in scores[0]:
        values = np.array([score[key] for score in scores], dtype=np.float64)
        summary[key] = float(values.mean())
        summary[f"{key}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return summary


def evaluate_by_clustering(
    model: Any,
    processor: Any,
    instances: Sequence[Instance],
    *,
    num_relations: int | str = "gold",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    transform: FittedTransform | None = None,
    pca_components: int | None = None,
    n_init: int = 10,
    dtype: EmbeddingDtype = "float32",
    embeddings: np.ndarray | None = None,
) -> dict[str, float | int]:
    """Embed instances, cluster them, and give mean and standard deviation of the scores over the seeds.

    Args:
        model (`PreTrainedModel`): the pair encoder; not needed when `embeddings` are given.
        processor ([`RelationProcessor`]): its processor; not needed when `embeddings` are given.
        instances (`Sequence[Instance]`): instances with gold relations. Rows with no relation or several are left
            out before clustering, and counted in `num_unscored`.
        num_relations (`int` or `"gold"`): see [`score_clusterings`], as for `seeds`, `transform`, `pca_components` and
            `n_init`.
        dtype (`str`, defaults to `"float32"`): precision of the encoder, see [`embed_instances`].
        embeddings (`np.ndarray` of shape `(len(instances), d)`, *optional*): the embeddings, if they are at hand.

    Returns:
        `dict`: `bcubed_precision`, `bcubed_recall`, `bcubed_f1`, `v_measure`, `homogeneity`, `completeness`, `ari` and
        the other figures of [`clustering_report`], each with its `<key>_sd`; and the counts `num_instances`,
        `num_relations` (gold) and `num_unscored`.

    Raises:
        UsageError: no instance has exactly one gold relation.
    """
    gold = [single_relation(instance) for instance in instances]
    rows = [row for row, name in enumerate(gold) if name is not None]
    if not rows:
        raise UsageError(
            "No instance has exactly one gold relation, so there is nothing to score. Pass labelled instances."
        )
    names = [name for name in gold if name is not None]
    if embeddings is None:
        embeddings = embed_instances(model, processor, [instances[row] for row in rows], dtype=dtype)
    else:
        if len(embeddings) != len(instances):
            raise UsageError(f"`embeddings` must have a row per instance, got {len(embeddings)} for {len(instances)}.")
        embeddings = embeddings if len(rows) == len(instances) else embeddings[rows]
    scores = score_clusterings(
        embeddings,
        names,
        num_relations=num_relations,
        seeds=seeds,
        transform=transform,
        pca_components=pca_components,
        n_init=n_init,
    )
    return {
        **summarize_scores(scores),
        "num_instances": len(names),
        "num_relations": len(set(names)),
        "num_unscored": len(instances) - len(names),
    }
